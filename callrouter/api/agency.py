"""An agency's own incidents, over REST: its token opens these and nothing else."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from callrouter.access.model import Right
from callrouter.api import case_examples, case_problems, cursor, problems, translate
from callrouter.api.case_answers import actor_of, desk_of, refusing, versions_of
from callrouter.api.case_models import (
    AgencyIncidentPage,
    AgencyIncidentRow,
    AgencyMove,
    AgencyQuery,
    RemarkOrder,
)
from callrouter.api.models import IncidentPath, NoParameters
from callrouter.api.needed import needed
from callrouter.api.operation import Answered, Asked, Body, Sent, Surface
from callrouter.api.problems import ApiProblem, Fault, pointer
from callrouter.bilingual import Bilingual
from callrouter.incidents.model import AgencyState, IncidentState
from callrouter.incidents.views import AgencyFilter, AgencyIncident, AgencyPlace
from callrouter.privacy.access_log import Seen as Shows
from callrouter.privacy.masking import MASKED, WHOLE

surface = Surface()

_LIST: Final = "/api/v1/agency/incidents"
_ONE: Final = f"{_LIST}/{{id}}"
_SORT: Final = "passed"
_DONE: Final = frozenset({AgencyState.RESOLVED, AgencyState.DECLINED, AgencyState.WITHDRAWN})
_COMMON: Final[dict[str, Any]] = {
    "tag": "agency",
    "path_model": IncidentPath,
    "query": NoParameters,
    "response": AgencyIncidentRow,
    "example": case_examples.agency_incident,
    "right": Right.OWN_INCIDENTS,
    "tagged": True,
    "shows": Shows.INCIDENT,
}
_PROBLEMS: Final = (problems.INCIDENT_UNKNOWN, problems.STORAGE_UNAVAILABLE)


@surface.get(
    _LIST,
    tag="agency",
    summary=Bilingual("Laporan untuk instansi ini", "The agency's own incidents"),
    path_model=NoParameters,
    query=AgencyQuery,
    response=AgencyIncidentPage,
    example=case_examples.agency_page,
    right=Right.OWN_INCIDENTS,
    shows=Shows.LIST,
    problems=(problems.STORAGE_UNAVAILABLE,),
)
async def list_agency_incidents(asked: Asked[NoParameters, AgencyQuery]) -> AgencyIncidentPage:
    """Returns the incidents of the agency whose token it is, those that it got last first; never those of others."""
    query = asked.query
    wanted = AgencyFilter(asked.by.subject or "", query.open, _place(query), query.limit)
    found = await needed(asked.services.agencies).page(wanted)
    last = found[-1].part if len(found) >= query.limit else None
    return AgencyIncidentPage(
        items=[row(one) for one in found],
        next=None if last is None else cursor.encode_place(_SORT, last.passed_at, str(last.id)),
    )


@surface.get(
    _ONE,
    summary=Bilingual("Satu laporan untuk instansi ini", "One of the agency's incidents"),
    problems=_PROBLEMS,
    **_COMMON,
)
async def read_agency_incident(asked: Asked[IncidentPath, NoParameters]) -> Answered[AgencyIncidentRow]:
    """Returns one of the agency's incidents; its ETag is what a change of its state must name in If-Match. One that
    is not the agency's is unknown to it.
    """
    return await _shown(asked, asked.path.id)


@surface.send(
    "POST",
    f"{_ONE}/state",
    summary=Bilingual("Kabarkan sejauh mana", "Say how far one has come"),
    body=Body(AgencyMove, examples={"acknowledge": {"state": "acknowledged"}}),
    guarded=True,
    problems=(case_problems.ILLEGAL, case_problems.ILLEGAL_MOVE, *_PROBLEMS),
    **_COMMON,
)
async def move_agency_incident(
    sent: Sent[IncidentPath, NoParameters, AgencyMove],
) -> Answered[AgencyIncidentRow]:
    """Acknowledges it, sets out, arrives, is done, or declines. Steps may be left out: who arrives has acknowledged
    too.
    """
    by = actor_of(sent.by)
    with refusing(of_agency=True):
        await desk_of(sent).agency_state(
            sent.path.id, by.agency or "", versions_of(sent.seen), sent.body.state, sent.body.text, by
        )
    return await _shown(sent, sent.path.id)


@surface.send(
    "PUT",
    f"{_ONE}/remark",
    summary=Bilingual("Beri keterangan", "Remark on one's part"),
    body=Body(RemarkOrder, examples={"remark": {"remark": "Jalan ditutup"}}),
    guarded=True,
    problems=_PROBLEMS,
    **_COMMON,
)
async def remark_on_incident(sent: Sent[IncidentPath, NoParameters, RemarkOrder]) -> Answered[AgencyIncidentRow]:
    """Keeps the agency's own words about its part, in place of those before: why it took long, what it met."""
    by = actor_of(sent.by)
    with refusing(of_agency=True):
        await desk_of(sent).remark(sent.path.id, by.agency or "", versions_of(sent.seen), sent.body.remark, by)
    return await _shown(sent, sent.path.id)


async def _shown(asked: Asked[Any, Any], incident: UUID) -> Answered[AgencyIncidentRow]:
    found = await needed(asked.services.agencies).one(asked.by.subject or "", incident)
    if found is None:
        raise ApiProblem(Fault(problems.INCIDENT_UNKNOWN, pointer("path", "id")))
    return Answered(row(found), etag=f"{found.part.version}-{found.part.updated_at}")


def row(found: AgencyIncident) -> AgencyIncidentRow:
    """Return an incident as its agency sees it: whom to ring back, for as long as it has something to do."""
    sight = MASKED if found.part.state in _DONE else WHOLE
    return AgencyIncidentRow(
        id=found.part.incident,
        number=found.number,
        state=IncidentState(found.state),
        category=translate.text(found.category),
        opened_at=translate.moment(found.opened),
        area=translate.text(found.area),
        place=translate.text(found.place),
        description=translate.text(found.description),
        people_hurt=found.people_hurt,
        caller_number=translate.text(sight.number(found.caller_number)),
        caller_name=translate.text(sight.name(found.caller_name)),
        part=translate.agency_part(found.part),
    )


def _place(query: AgencyQuery) -> AgencyPlace | None:
    if query.after is None:
        return None
    sort, at, id_ = query.after
    try:
        if sort != _SORT or not isinstance(at, int):
            raise ValueError
        return AgencyPlace(at, UUID(id_))
    except ValueError:
        raise ApiProblem(Fault(problems.CURSOR_INVALID, "/query/after", {"name": "after"})) from None
