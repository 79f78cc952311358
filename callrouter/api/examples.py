"""Examples of answers, as the documentation shows them: one fire, from the INVITE to the talk."""

from __future__ import annotations

import functools
from uuid import UUID

from callrouter.api import health_models, incident_models, live_models
from callrouter.api.incident_query import encode_place
from callrouter.api.translate import moment
from callrouter.calls.live import CHECKS, Stage
from callrouter.incidents.model import (
    AgencyState,
    Disposition,
    EventKind,
    IncidentOrigin,
    IncidentState,
    Outcome,
    PassedHow,
    incident_id,
)
from callrouter.incidents.views import OpenedPlace

_CALL = UUID("5d0c8f5e-30c8-4e62-9a86-1f5a2f0f6112")
_BEGIN = 1_795_267_207_125_000
_S = 1_000_000


@functools.cache
def row() -> incident_models.IncidentRow:
    return incident_models.IncidentRow(
        id=incident_id(_CALL),
        number=1024,
        state=IncidentState.WITH_AGENCY,
        category="kebakaran",
        opened_at=moment(_BEGIN),
        callback=False,
        caller_number="+622000000112",
        outcome=Outcome.TALKED,
        origin=IncidentOrigin.CALL,
        area="35.07.13",
        place=None,
        disposition=Disposition.EMERGENCY,
        sub_code=None,
        merged_into=None,
        version=2,
        updated_at=moment(_BEGIN + 75 * _S),
    )


@functools.cache
def page() -> incident_models.IncidentPage:
    return incident_models.IncidentPage(items=[row()], next=encode_place(OpenedPlace(1_795_267_207_125_000, 1024)))


@functools.cache
def _attempt() -> incident_models.Attempt:
    return incident_models.Attempt(
        n=1,
        kind="dial",
        label="damkar/posko",
        begun_at=moment(_BEGIN + 9 * _S),
        pickup_at=moment(_BEGIN + 13 * _S),
        human_at=moment(_BEGIN + 17 * _S),
        ended_at=moment(_BEGIN + 75 * _S),
        by="damkar",
        result="talked",
        cause=None,
    )


@functools.cache
def agency() -> incident_models.IncidentAgency:
    return incident_models.IncidentAgency(
        agency="damkar",
        state=AgencyState.ACKNOWLEDGED,
        how=PassedHow.CALL,
        passed_at=moment(_BEGIN + 17 * _S),
        passed_by=None,
        answered_at=moment(_BEGIN + 17 * _S),
        acknowledged_at=moment(_BEGIN + 80 * _S),
        acknowledged_by="damkar-1 (agency)",
        en_route_at=None,
        on_scene_at=None,
        resolved_at=None,
        due_at=None,
        remark=None,
        version=2,
        updated_at=moment(_BEGIN + 80 * _S),
    )


@functools.cache
def incident() -> incident_models.Incident:
    return incident_models.Incident(
        **{name: getattr(row(), name) for name in incident_models.IncidentRow.model_fields},
        reporter_number=None,
        reporter_name=None,
        area_source="trunk",
        description="Atap rumah terbakar",
        people_hurt=0,
        taken_at=None,
        taken_by=None,
        acknowledged_at=moment(_BEGIN + 80 * _S),
        en_route_at=None,
        on_scene_at=None,
        resolved_at=None,
        closed_at=None,
        closed_reason=None,
        merged_into_number=None,
        merged=[],
        agencies=[agency()],
        calls=[
            incident_models.Call(
                id=_CALL,
                node="pbx1",
                origin="citizen",
                trunk="telkom",
                number="+622000000112",
                name=None,
                sent_from=None,
                opened_at=moment(_BEGIN),
                answered_at=moment(_BEGIN + 12_000),
                chosen_at=moment(_BEGIN + 9 * _S),
                human_at=moment(_BEGIN + 17 * _S),
                ended_at=moment(_BEGIN + 75 * _S),
                choice="1",
                category="kebakaran",
                language="id",
                stage="talking",
                path="service",
                route="kebakaran-damkar",
                version=1,
                outcome=Outcome.TALKED,
                recording=None,
                cause="16",
                facts={"origin": "citizen", "choice": "none", "category": "kebakaran", "language": "id"},
                plan="dial:damkar/posko:20",
                attempts=[_attempt()],
            )
        ],
        timeline=[
            incident_models.TimelineEntry(at=moment(_BEGIN), kind=EventKind.OPENED, actor="pbx1", data={}),
            incident_models.TimelineEntry(
                at=moment(_BEGIN + 9 * _S), kind=EventKind.ROUTED, actor=None, data={"route": "kebakaran-damkar"}
            ),
            incident_models.TimelineEntry(
                at=moment(_BEGIN + 17 * _S), kind=EventKind.JOINED, actor="pbx1", data={"by": "damkar"}
            ),
            incident_models.TimelineEntry(
                at=moment(_BEGIN + 75 * _S), kind=EventKind.ENDED, actor="pbx1", data={"outcome": "talked"}
            ),
        ],
    )


@functools.cache
def board() -> live_models.LiveBoard:
    return live_models.LiveBoard(
        at=moment(_BEGIN + 11 * _S),
        total=1,
        items=[
            live_models.LiveCall(
                call=_CALL,
                incident=incident_id(_CALL),
                number="+622000000112",
                origin="citizen",
                trunk="telkom",
                since=moment(_BEGIN),
                stage=Stage.AGENCY,
                with_whom=["damkar"],
                category="kebakaran",
                language="id",
            )
        ],
    )


_REFUSED_ALIKE = live_models.RefusedAlike(
    status=488, reason="Not Acceptable Here", trunk="telkom", source="192.0.2.10"
).model_dump()


@functools.cache
def refused() -> live_models.RefusedCalls:
    return live_models.RefusedCalls(
        total=1,
        counts=[live_models.RefusedCount(**_REFUSED_ALIKE, count=1, last_at=moment(_BEGIN))],
        newest=[live_models.RefusedCall(**_REFUSED_ALIKE, at=moment(_BEGIN), node="pbx1", number="+622000000112")],
    )


@functools.cache
def alive() -> health_models.Alive:
    return health_models.Alive(alive=True)


@functools.cache
def ready() -> health_models.Readiness:
    return health_models.Readiness(
        ready=True, checks=[health_models.CheckResult(name=name, ok=True, detail="well") for name in CHECKS]
    )
