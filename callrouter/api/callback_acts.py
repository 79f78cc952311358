"""Calling callers back, over REST: one action rings the operator, then the caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from callrouter.access.model import Right
from callrouter.api import callback_examples as examples
from callrouter.api import problems, refusals
from callrouter.api import supervision_problems as kinds
from callrouter.api.callback_models import (
    CallbackDone,
    CallbackPath,
    CallbackTries,
    CallbackTry,
    CallOrder,
    DoneOrder,
    RecoveredFigures,
    RecoveredQuery,
    RecoveredWithin,
)
from callrouter.api.case_answers import actor_of, is_known
from callrouter.api.models import NoParameters
from callrouter.api.needed import needed
from callrouter.api.operation import Asked, Body, Sent, Surface
from callrouter.api.problems import ApiProblem, Fault, pointer
from callrouter.api.translate import maybe, moment, text
from callrouter.bilingual import Bilingual
from callrouter.incidents import callbacks as cb
from callrouter.incidents.desk import NoSuchIncident
from callrouter.privacy.access_log import Seen
from callrouter.privacy.masking import Sight, sight_of
from callrouter.routing.entries import Kind

surface = Surface()

_ONE: Final = "/api/v1/callbacks/{incident}"
_STORE: Final = (problems.STORAGE_UNAVAILABLE, problems.OUT_OF_ORDER)
_OF_ONE: Final = (problems.INCIDENT_UNKNOWN, kinds.CALLBACK_NOT_LISTED, *_STORE)
MAX_DAYS: Final = 366
_DAY_US: Final = 86_400_000_000


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except NoSuchIncident:
        raise ApiProblem(Fault(problems.INCIDENT_UNKNOWN, pointer("path", "incident"))) from None
    except cb.NotListed:
        raise ApiProblem(Fault(kinds.CALLBACK_NOT_LISTED, pointer("path", "incident"))) from None
    except cb.NoNumber:
        raise ApiProblem(Fault(kinds.CALLBACK_NO_NUMBER, pointer("path", "incident"))) from None
    except cb.HeldBy as error:
        values: dict[str, str | Bilingual] = {"operator": error.operator, "until": moment(error.until)}
        raise ApiProblem(Fault(kinds.CALLBACK_HELD, pointer("path", "incident"), values)) from None
    except cb.NoWay:
        raise ApiProblem(Fault(kinds.CALLBACK_NO_LINE, "")) from None
    except cb.NotRung as error:
        raise ApiProblem(Fault(kinds.PBX_UNAVAILABLE, "", {"said": str(error)})) from None


@surface.send(
    "POST",
    f"{_ONE}/call",
    tag="incidents",
    summary=Bilingual("Telepon balik seorang penelepon", "Call a caller back"),
    path_model=CallbackPath,
    query=NoParameters,
    body=Body(CallOrder, examples={"myself": {}, "operator": {"operator": "op1"}}),
    response=CallbackTry,
    example=lambda: examples.attempted().model_copy(
        update={"operator_at": None, "answered_at": None, "ended_at": None, "outcome": None}
    ),
    right=Right.WORK_INCIDENTS,
    status=HTTPStatus.ACCEPTED,
    shows=Seen.LIST,
    problems=(
        kinds.CALLBACK_NO_NUMBER,
        kinds.CALLBACK_HELD,
        kinds.CALLBACK_NO_LINE,
        kinds.PBX_UNAVAILABLE,
        kinds.OPERATOR_NEEDED,
        refusals.NOT_YOURS,
        *_OF_ONE,
    ),
)
async def call_back(sent: Sent[CallbackPath, NoParameters, CallOrder]) -> CallbackTry:
    """Rings the operator's telephone, and when he has picked up the caller's, by a carrier's line (that of the lost
    call first) with `Priority: psap-callback` (RFC 7090). Nobody else can call him meanwhile. It is no call to 112:
    it opens no incident. What becomes of it stands in the tries, in the timeline, and on the list; who talked is off.

    An operator calls for himself; a supervisor or admin names whose telephone is to ring.
    """
    by, wanted = sent.by, sent.body.operator
    operator = wanted or by.subject
    if operator is None:
        raise ApiProblem(Fault(kinds.OPERATOR_NEEDED, "/operator", in_body=True))
    if not by.may(Right.SUPERVISE) and operator != by.subject:
        raise ApiProblem(Fault(refusals.NOT_YOURS, "/operator", {"role": by.role.value}, in_body=True))
    if not is_known(sent, Kind.OPERATORS, operator):
        raise ApiProblem(Fault(kinds.OPERATOR_NEEDED, "/operator", in_body=True))
    with _refusing():
        return _try(
            await needed(sent.services.calling_back).call(sent.path.incident, operator, actor_of(by)), sight_of(by)
        )


@surface.send(
    "POST",
    f"{_ONE}/done",
    tag="incidents",
    summary=Bilingual("Coret seorang penelepon dari daftar", "Take a caller off the list"),
    path_model=CallbackPath,
    query=NoParameters,
    body=Body(DoneOrder, examples={"radio": {"reason": "Sudah ditangani lewat radio"}}),
    response=CallbackDone,
    example=lambda: CallbackDone(incidents=2),
    right=Right.WORK_INCIDENTS,
    problems=_OF_ONE,
)
async def take_off(sent: Sent[CallbackPath, NoParameters, DoneOrder]) -> CallbackDone:
    """Takes all incidents of that caller's number off the list, with the reason in their timelines. In the figures
    they are not reached. A later call of his that no human hears puts him on it again.
    """
    with _refusing():
        count = await needed(sent.services.calling_back).done(sent.path.incident, sent.body.reason, actor_of(sent.by))
    return CallbackDone(incidents=count)


@surface.get(
    f"{_ONE}/tries",
    tag="incidents",
    summary=Bilingual("Percobaan telepon balik", "Tries to call a caller back"),
    path_model=CallbackPath,
    query=NoParameters,
    response=CallbackTries,
    example=lambda: CallbackTries(items=[examples.attempted()]),
    right=Right.SEE_CALLS,
    shows=Seen.LIST,
    problems=(problems.INCIDENT_UNKNOWN, problems.STORAGE_UNAVAILABLE),
)
async def list_tries(asked: Asked[CallbackPath, NoParameters]) -> CallbackTries:
    """Returns the tries of the incident's number, for whichever incident of it they were, the newest first."""
    found = await needed(asked.services.calling_back).tries(asked.path.incident)
    if found is None:
        raise ApiProblem(Fault(problems.INCIDENT_UNKNOWN, pointer("path", "incident")))
    return CallbackTries(items=[_try(one, sight_of(asked.by)) for one in found])


@surface.get(
    "/api/v1/callbacks/figures",
    tag="figures",
    summary=Bilingual("Berapa yang terhubung kembali", "The share recovered"),
    path_model=NoParameters,
    query=RecoveredQuery,
    response=RecoveredFigures,
    example=examples.figures,
    right=Right.SEE_FIGURES,
    slow=True,
    problems=(problems.STORAGE_UNAVAILABLE,),
)
async def read_recovered(asked: Asked[NoParameters, RecoveredQuery]) -> RecoveredFigures:
    """Returns what became of the calls of a period that no human heard, or that were cut: who was called back and
    talked, who got through by calling again, and who was not reached; and how soon after the end of the lost call.
    Each call counts, so a number that was lost twice counts twice.
    """
    begin, end = asked.query.begin, asked.query.end
    if not begin < end <= begin + MAX_DAYS * _DAY_US:
        rule = Bilingual(
            f"setelah from, paling lama {MAX_DAYS} hari sesudahnya",
            f"after from, at most {MAX_DAYS} days later",
        )
        raise ApiProblem(Fault(problems.PARAMETER_INVALID, pointer("query", "to"), {"name": "to", "rule": rule}))
    found = await needed(asked.services.calling_back).recovered(begin, end)
    reached = found.by_callback + found.by_calling
    return RecoveredFigures(
        lost=found.lost,
        without_number=found.no_number,
        by_callback=found.by_callback,
        by_calling=found.by_calling,
        taken_off=found.taken_off,
        not_reached=found.waiting,
        share=round(100 * reached / found.lost, 1) if found.lost else None,
        within=[
            RecoveredWithin(minutes=minutes, by_callback=back, by_calling=again)
            for minutes, (back, again) in found.within.items()
        ],
    )


def _try(one: cb.Try, sight: Sight) -> CallbackTry:
    return CallbackTry(
        id=one.id,
        incident=one.incident,
        number=text(sight.number(one.dialled)),
        operator=one.operator,
        by=text(one.by),
        asked_at=moment(one.asked_at),
        operator_at=maybe(one.operator_at),
        answered_at=maybe(one.human_at),
        ended_at=maybe(one.ended_at),
        trunk=text(one.trunk),
        outcome=one.outcome,
        cause=text(one.cause),
    )
