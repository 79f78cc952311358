"""Who is rung now, over REST."""

from __future__ import annotations

from callrouter.access.model import Right
from callrouter.api import access_examples as examples
from callrouter.api import problems, refusals
from callrouter.api.access_models import DutyBoard, DutyOrder, DutyPath, DutyRow
from callrouter.api.models import NoParameters
from callrouter.api.operation import Asked, Body, Sent, Surface
from callrouter.api.problems import ApiProblem, Fault
from callrouter.api.translate import moment
from callrouter.bilingual import Bilingual
from callrouter.duty.service import DutyView, InNoGroup, NoSuchOperator

surface = Surface()


@surface.get(
    "/api/v1/duty",
    tag="duty",
    summary=Bilingual("Siapa yang berjaga", "Who is on duty"),
    path_model=NoParameters,
    query=NoParameters,
    response=DutyBoard,
    example=examples.duty,
    right=Right.SEE_DUTY,
)
async def list_duty(asked: Asked[NoParameters, NoParameters]) -> DutyBoard:
    """Returns every operator, whether his phone rings, and why or why not."""
    return DutyBoard(items=[duty_row(view) for view in asked.management.duty.overview()])


@surface.send(
    "POST",
    "/api/v1/duty/{operator}",
    tag="duty",
    summary=Bilingual("Ubah jaga seorang operator", "Change an operator's duty"),
    path_model=DutyPath,
    query=NoParameters,
    body=Body(DutyOrder, examples={"pause": {"act": "pause"}}),
    response=DutyRow,
    example=lambda: examples.duty().items[0],
    right=Right.OWN_DUTY,
    problems=(
        refusals.NOT_YOURS,
        refusals.ENTRY_UNKNOWN,
        refusals.IN_NO_GROUP,
        problems.STORAGE_UNAVAILABLE,
        problems.OUT_OF_ORDER,
    ),
)
async def change_duty(sent: Sent[DutyPath, NoParameters, DutyOrder]) -> DutyRow:
    """Lets an operator join, leave, pause or resume: himself with his own token; anybody with that of a supervisor or
    admin. A PBX that is away gets it when it is back.
    """
    operator, by = sent.path.operator, sent.by
    if not by.may(Right.ANY_DUTY) and by.subject != operator:
        raise ApiProblem(Fault(refusals.NOT_YOURS, "/path/operator", {"role": by.role.value}))
    name = {"name": f"operators/{operator}"}
    try:
        return duty_row(await sent.management.duty.act(operator, sent.body.act, by))
    except NoSuchOperator:
        raise ApiProblem(Fault(refusals.ENTRY_UNKNOWN, "/path/operator", name)) from None
    except InNoGroup:
        raise ApiProblem(Fault(refusals.IN_NO_GROUP, "/path/operator", name)) from None


def duty_row(view: DutyView) -> DutyRow:
    """Return the duty of one operator as it is shown."""
    state = view.state
    return DutyRow(
        operator=view.operator,
        name=view.name,
        groups=list(view.groups),
        rostered=view.rostered,
        on_duty=view.on_duty,
        rung=view.rung,
        last_of=list(view.last_of),
        presence=state.presence,
        until=None if state.until is None else moment(state.until),
        paused=state.paused,
        missed=state.missed,
        changed_at=moment(state.changed_at) if state.changed_at else None,
        changed_by=state.changed_by or None,
    )
