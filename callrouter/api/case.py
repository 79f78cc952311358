"""What persons of the centre do with incidents, over REST."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

from pydantic import BaseModel

from callrouter.access.model import Right
from callrouter.api import bodies, case_problems, examples, problems
from callrouter.api.case_answers import (
    actor_of,
    desk_of,
    detail_of,
    is_known,
    refusing,
    require_known,
    shown,
    unknown_name,
    versions_of,
)
from callrouter.api.case_models import (
    AgencyMove,
    AgencyPartPath,
    CloseOrder,
    IncidentChange,
    MergeOrder,
    NewIncidentOrder,
    NoteOrder,
    PassOrder,
    RemarkOrder,
    ReopenOrder,
    VerdictOrder,
)
from callrouter.api.desk_models import MergePatch
from callrouter.api.incident_models import Incident
from callrouter.api.models import IncidentPath, NoParameters
from callrouter.api.operation import MERGE_PATCH, Answered, Asked, Body, Sent, Surface
from callrouter.api.preconditions import moved
from callrouter.api.translate import incident_etag
from callrouter.bilingual import Bilingual
from callrouter.incidents.desk import Done, NewIncident, Verdict
from callrouter.privacy.access_log import Seen as Shows
from callrouter.routing.entries import Kind

surface = Surface()

_LIST: Final = "/api/v1/incidents"
_ONE: Final = f"{_LIST}/{{id}}"
_STORE: Final = (problems.STORAGE_UNAVAILABLE, problems.OUT_OF_ORDER)
_OF_ONE: Final = (problems.INCIDENT_UNKNOWN, case_problems.ILLEGAL, *_STORE)
_ANSWER: Final[dict[str, Any]] = {
    "tag": "incidents",
    "query": NoParameters,
    "response": Incident,
    "example": examples.incident,
    "shows": Shows.INCIDENT,
    "tagged": True,
}
_ACT: Final[dict[str, Any]] = _ANSWER | {
    "path_model": IncidentPath,
    "right": Right.WORK_INCIDENTS,
    "guarded": True,
}
_SUPERVISED: Final = _ACT | {"right": Right.SUPERVISE}


async def _acted(asked: Asked[Any, Any], act: Callable[[], Awaitable[Done]]) -> Answered[Incident]:
    with refusing():
        done = await act()
    return await shown(asked, done.incident)


def _given(body: BaseModel, *, but: frozenset[str] = frozenset()) -> dict[str, Any]:
    return {name: getattr(body, name) for name in body.model_fields_set - but}


@surface.send(
    "POST",
    _LIST,
    summary=Bilingual("Buka laporan tanpa panggilan", "Open an incident without a call"),
    path_model=NoParameters,
    body=Body(
        NewIncidentOrder,
        examples={"radio": {"category": "kebakaran", "place": "Jl. Merdeka 12", "description": "Atap terbakar"}},
    ),
    right=Right.WORK_INCIDENTS,
    status=HTTPStatus.CREATED,
    problems=(case_problems.INCIDENT_EXISTS, *_STORE),
    **_ANSWER,
)
async def open_incident(sent: Sent[NoParameters, NoParameters, NewIncidentOrder]) -> Answered[Incident]:
    """Opens an incident that came by radio, at the counter or in a message: it is in the hands of who opens it.
    Whoever sends an id of his own can send it again after a time-out: the second time it is 409, and there is one.
    """
    require_known(sent, sent.body)
    given = _given(sent.body, but=frozenset({"id"}))
    new = NewIncident(sent.body.id or uuid4(), {name: value for name, value in given.items() if value is not None})
    with refusing():
        done = await desk_of(sent).open_by_hand(new, actor_of(sent.by))
    return await shown(sent, done.incident, made=True)


@surface.send(
    "PATCH",
    _ONE,
    summary=Bilingual("Ubah isi laporan", "Change what is known of an incident"),
    body=Body(
        MergePatch,
        examples={"change": {"place": "Jl. Merdeka 12", "people_hurt": 2}},
        media_type=MERGE_PATCH,
        patches=IncidentChange,
    ),
    problems=_OF_ONE,
    **_ACT,
)
async def change_incident(sent: Sent[IncidentPath, NoParameters, MergePatch]) -> Answered[Incident]:
    """Changes category, area, place, description, people hurt and reporter (RFC 7396): what is set here no call
    changes any more; null takes category, area and callback back to what the call tells, and empties the others.

    If-Match is about what persons did: that the call went on meanwhile is no obstacle.
    """
    raw = sent.body.root
    change = bodies.validated(json.dumps(raw), raw, IncidentChange)
    require_known(sent, change)
    fields = _given(change)
    if not fields:
        detail = await detail_of(sent, sent.path.id)
        seen = versions_of(sent.seen)
        if seen is not None and detail.summary.version not in seen:
            raise moved(incident_etag(detail.summary))
        return await shown(sent, sent.path.id)
    return await _acted(
        sent, lambda: desk_of(sent).change(sent.path.id, versions_of(sent.seen), fields, actor_of(sent.by))
    )


@surface.do(
    "POST",
    f"{_ONE}/take",
    summary=Bilingual("Ambil laporan", "Take an incident into one's hands"),
    problems=_OF_ONE,
    **_ACT,
)
async def take_incident(asked: Asked[IncidentPath, NoParameters]) -> Answered[Incident]:
    """Says that who asks works on it: a caller who was called back and answered, or an incident that nobody has."""
    return await _acted(
        asked, lambda: desk_of(asked).take(asked.path.id, versions_of(asked.seen), actor_of(asked.by))
    )


@surface.send(
    "POST",
    f"{_ONE}/disposition",
    summary=Bilingual("Tetapkan jenis laporan", "Say what an incident turned out to be"),
    body=Body(VerdictOrder, examples={"prank": {"disposition": "prank", "sub_code": None}}),
    problems=_OF_ONE,
    **_ACT,
)
async def dispose_of_incident(sent: Sent[IncidentPath, NoParameters, VerdictOrder]) -> Answered[Incident]:
    """Sets its disposition, with one of the sub-codes of GET /api/v1/dispositions; null takes it back to what its
    call tells. One that is closed can still be corrected. `abandoned` and `ghost` close themselves after a time.
    """
    verdict = Verdict(sent.body.disposition, sent.body.sub_code or "")
    return await _acted(
        sent, lambda: desk_of(sent).dispose(sent.path.id, versions_of(sent.seen), verdict, actor_of(sent.by))
    )


@surface.send(
    "POST",
    f"{_ONE}/agencies",
    summary=Bilingual("Teruskan laporan kepada instansi", "Pass an incident to agencies"),
    body=Body(PassOrder, examples={"two": {"agencies": ["damkar"], "text": "Bawa masker"}}),
    problems=(case_problems.ALREADY_PASSED, case_problems.TOO_MANY_AGENCIES, *_OF_ONE),
    **_ACT,
)
async def pass_incident(sent: Sent[IncidentPath, NoParameters, PassOrder]) -> Answered[Incident]:
    """Passes it, without a call, to all of these agencies or to none. An agency that had declined it, that is done
    with it, or that has only talked to the caller gets it anew.
    """
    for n, key in enumerate(sent.body.agencies):
        if not is_known(sent, Kind.AGENCIES, key):
            raise unknown_name(f"/agencies/{n}", f"agencies/{key}")
    return await _acted(
        sent,
        lambda: desk_of(sent).pass_to(
            sent.path.id, versions_of(sent.seen), sent.body.agencies, sent.body.text, actor_of(sent.by)
        ),
    )


_OF_PART: Final = _ACT | {"path_model": AgencyPartPath}


@surface.send(
    "POST",
    f"{_ONE}/agencies/{{agency}}/state",
    summary=Bilingual("Catat sejauh mana sebuah instansi", "Say how far an agency has come"),
    body=Body(AgencyMove, examples={"by radio": {"state": "en_route", "text": "Lewat radio"}}),
    problems=(case_problems.NOT_WITH_AGENCY, case_problems.ILLEGAL_MOVE, *_OF_ONE),
    **_OF_PART,
)
async def move_agency(sent: Sent[AgencyPartPath, NoParameters, AgencyMove]) -> Answered[Incident]:
    """Notes what an agency said by radio or telephone, or takes the incident back from it (withdrawn). If-Match names
    the version of its part (`agencies[].version`), not that of the incident.
    """
    path, move = sent.path, sent.body
    return await _acted(
        sent,
        lambda: desk_of(sent).agency_state(
            path.id, path.agency, versions_of(sent.seen), move.state, move.text, actor_of(sent.by)
        ),
    )


@surface.send(
    "PUT",
    f"{_ONE}/agencies/{{agency}}/remark",
    summary=Bilingual("Catat keterangan sebuah instansi", "Note an agency's remark"),
    body=Body(RemarkOrder, examples={"remark": {"remark": "Jalan ditutup"}}),
    problems=(case_problems.NOT_WITH_AGENCY, *_OF_ONE),
    **_OF_PART,
)
async def remark_on_agency(sent: Sent[AgencyPartPath, NoParameters, RemarkOrder]) -> Answered[Incident]:
    """Keeps an agency's own words about its part, in place of those before; the timeline has all. If-Match names the
    version of its part.
    """
    path = sent.path
    return await _acted(
        sent,
        lambda: desk_of(sent).remark(
            path.id, path.agency, versions_of(sent.seen), sent.body.remark, actor_of(sent.by)
        ),
    )


@surface.send(
    "POST",
    f"{_ONE}/close",
    summary=Bilingual("Tutup laporan", "Close an incident"),
    body=Body(CloseOrder, examples={"done": {"reason": "Api padam", "disposition": "emergency"}}),
    problems=(case_problems.DISPOSITION_MISSING, *_OF_ONE),
    **_ACT,
)
async def close_incident(sent: Sent[IncidentPath, NoParameters, CloseOrder]) -> Answered[Incident]:
    """Closes it; what it was must be known, or be sent with it. One that an agency has under way (acknowledged, en
    route, on scene) is closed by a supervisor only. Its caller is on the list of calls back no more.
    """
    order = sent.body
    verdict = None if order.disposition is None else Verdict(order.disposition, order.sub_code or "")
    if verdict is None and order.sub_code is not None:
        raise unknown_name("/sub_code", f"null/{order.sub_code}")
    return await _acted(
        sent,
        lambda: desk_of(sent).close(
            sent.path.id, versions_of(sent.seen), verdict, order.reason or "", actor_of(sent.by)
        ),
    )


@surface.send(
    "POST",
    f"{_ONE}/reopen",
    summary=Bilingual("Buka laporan lagi", "Open an incident again"),
    body=Body(ReopenOrder, examples={"again": {"reason": "Api menyala lagi"}}),
    problems=_OF_ONE,
    **_ACT,
)
async def reopen_incident(sent: Sent[IncidentPath, NoParameters, ReopenOrder]) -> Answered[Incident]:
    """Opens a closed one again, in the state that follows from its calls and agencies."""
    return await _acted(
        sent,
        lambda: desk_of(sent).reopen(sent.path.id, versions_of(sent.seen), sent.body.reason, actor_of(sent.by)),
    )


@surface.send(
    "POST",
    f"{_ONE}/merge",
    summary=Bilingual("Gabungkan ke laporan lain", "Merge an incident into another"),
    body=Body(MergeOrder, examples={"same": {"into": "8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112"}}),
    problems=(case_problems.CANNOT_MERGE, *_OF_ONE),
    **_SUPERVISED,
)
async def merge_incident(sent: Sent[IncidentPath, NoParameters, MergeOrder]) -> Answered[Incident]:
    """Says that it is the same event as another, in which its life goes on. Nothing is moved or lost: it keeps its
    calls, agencies and timeline, and points to where it went.
    """
    return await _acted(
        sent,
        lambda: desk_of(sent).merge(sent.path.id, versions_of(sent.seen), sent.body.into, actor_of(sent.by)),
    )


@surface.do(
    "POST",
    f"{_ONE}/unmerge",
    summary=Bilingual("Pisahkan lagi", "Take an incident out again"),
    problems=_OF_ONE,
    **_SUPERVISED,
)
async def unmerge_incident(asked: Asked[IncidentPath, NoParameters]) -> Answered[Incident]:
    """Takes the pointer away: it is as it was before it was merged."""
    return await _acted(
        asked, lambda: desk_of(asked).unmerge(asked.path.id, versions_of(asked.seen), actor_of(asked.by))
    )


@surface.send(
    "POST",
    f"{_ONE}/notes",
    summary=Bilingual("Tambah catatan", "Add a note"),
    body=Body(NoteOrder, examples={"note": {"text": "Penelepon: anaknya masih di dalam"}}),
    problems=_OF_ONE,
    **_ACT | {"guarded": False},
)
async def add_note(sent: Sent[IncidentPath, NoParameters, NoteOrder]) -> Answered[Incident]:
    """Adds a note to the timeline. Notes stand beside each other, so none needs If-Match."""
    return await _acted(sent, lambda: desk_of(sent).note(sent.path.id, sent.body.text, actor_of(sent.by)))
