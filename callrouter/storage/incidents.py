"""Incidents as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.incidents.model import Attempt, EventKind
from callrouter.incidents.suspicion import Judgement
from callrouter.incidents.views import (
    CallView,
    CaseView,
    EventView,
    IncidentDetail,
    IncidentFilter,
    IncidentName,
    IncidentSummary,
)
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.judgement import judgements_of
from callrouter.storage.known import KnownCall, category_of, ran
from callrouter.storage.parts import parts_of
from callrouter.storage.search import ordered_page
from callrouter.stream.incidents import IncidentNow

_ORDER = {kind: place for place, kind in enumerate(EventKind)}

_OPENING = t.call.c
_SUMMARY = select(
    *(
        t.incident.c[name]
        for name in (
            "id",
            "number",
            "state",
            "category",
            "opened_at",
            "callback",
            "origin",
            "area",
            "place",
            "disposition",
            "sub_code",
            "merged_into",
            "version",
            "updated_at",
        )
    ),
    func.coalesce(_OPENING.number, t.incident.c.reporter_number).label("caller_number"),
    _OPENING.outcome,
    func.coalesce(_OPENING.cannot_speak, false()).label("cannot_speak"),
).join_from(t.incident, t.call, _OPENING.id == t.incident.c.opening_call, isouter=True)


class Incidents:
    """Reads incidents (callrouter.incidents.views.IncidentReader). Raises StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: IncidentFilter) -> list[IncidentSummary]:
        """Return at most `wanted.limit` (and never more than MAX_PAGE) summaries, newest first."""
        statement = page_statement(wanted, postgresql=self._database.place.file is None)

        async def ask(connection: AsyncConnection) -> list[IncidentSummary]:
            return [_summary(row) for row in await connection.execute(statement)]

        return await self._database.read(ask)

    async def now(self, incidents: Sequence[UUID]) -> list[IncidentNow]:
        """Return those of the incidents that are there, each with the agencies that have to do with it or had."""
        part = t.incident_agency.c

        async def ask(connection: AsyncConnection) -> list[IncidentNow]:
            agencies: dict[UUID, set[str]] = {}
            parts = select(part.incident, part.agency).where(part.incident.in_(incidents))
            for row in await connection.execute(parts):
                agencies.setdefault(row.incident, set()).add(row.agency)
            rows = await connection.execute(_SUMMARY.where(t.incident.c.id.in_(incidents)))
            return [IncidentNow(_summary(row), frozenset(agencies.get(row.id, ()))) for row in rows]

        return await self._database.read(ask) if incidents else []

    async def detail(self, incident: UUID) -> IncidentDetail | None:
        """Return one incident with its calls, their attempts and its timeline, as of one moment; or None."""

        async def ask(connection: AsyncConnection) -> IncidentDetail | None:
            row = (await connection.execute(_SUMMARY.where(t.incident.c.id == incident))).one_or_none()
            if row is None:
                return None
            parts = await parts_of(connection, [incident])
            return IncidentDetail(
                summary=_summary(row),
                calls=await _calls(connection, incident),
                timeline=await _timeline(connection, incident),
                case=await _case(connection, incident),
                agencies=tuple(parts[incident].values()),
            )

        return await self._database.read(ask)


def page_statement(wanted: IncidentFilter, *, postgresql: bool) -> Select[Any]:
    """Return the query of a page (callrouter.storage.search)."""
    return ordered_page(_SUMMARY, wanted, postgresql=postgresql)


def _summary(row: Any) -> IncidentSummary:
    return IncidentSummary(
        id=row.id,
        number=row.number,
        state=row.state,
        category=row.category,
        opened=row.opened_at,
        callback=row.callback,
        caller_number=row.caller_number,
        outcome=row.outcome,
        origin=row.origin,
        area=row.area,
        place=row.place,
        disposition=row.disposition,
        sub_code=row.sub_code,
        merged_into=row.merged_into,
        version=row.version,
        updated=row.updated_at,
        cannot_speak=bool(row.cannot_speak),
    )


async def _case(connection: AsyncConnection, id_: UUID) -> CaseView:
    incident = t.incident.c
    row = (await connection.execute(select(t.incident).where(incident.id == id_))).one()
    # Both directions of the pointer: where it went, and what came here.
    others = select(incident.id, incident.number, incident.merged_into).where(
        or_(incident.merged_into == id_, incident.id == row.merged_into)
    )
    into: IncidentName | None = None
    merged: list[IncidentName] = []
    for other in await connection.execute(others.order_by(incident.number)):
        name = IncidentName(other.id, other.number)
        if other.id == row.merged_into:
            into = name
        else:
            merged.append(name)
    kept = {name: row._mapping[name] for name in CaseView.__slots__ if name not in {"merged_into", "merged"}}
    return CaseView(**kept, merged_into=into, merged=tuple(merged))


async def _calls(connection: AsyncConnection, incident: UUID) -> tuple[CallView, ...]:
    rows = await connection.execute(
        select(t.call).where(t.call.c.incident == incident).order_by(t.call.c.opened_at, t.call.c.id)
    )
    calls = [KnownCall(**row._mapping) for row in rows]
    attempts: dict[UUID, list[Attempt]] = {call.id: [] for call in calls}
    for row in await connection.execute(
        select(t.attempt).where(t.attempt.c.call.in_(attempts)).order_by(t.attempt.c.call, t.attempt.c.n)
    ):
        attempts[row.call].append(_attempt(row))
    judged = await judgements_of(connection, attempts)
    return tuple(_call(call, attempts[call.id], judged.get(call.id)) for call in calls)


def _call(call: KnownCall, attempts: list[Attempt], judgement: Judgement | None) -> CallView:
    route, plan, version = ran(call)
    return CallView(
        id=call.id,
        node=call.node,
        origin=call.origin,
        trunk=call.trunk,
        number=call.number,
        name=call.name,
        sent_from=call.sent_from,
        opened=call.opened_at,
        answered=call.answered_at,
        chosen=call.chosen_at,
        human=call.human_at,
        ended=call.ended_at,
        choice=call.choice,
        category=category_of(call),
        language=call.language or (call.facts or {}).get("language", ""),
        stage=call.stage,
        path=call.path,
        route=route,
        version=version,
        outcome=call.outcome,
        recording=call.recording,
        cause=call.cause,
        facts=call.facts,
        plan=plan,
        attempts=tuple(attempts),
        cannot_speak=call.cannot_speak,
        judgement=judgement,
    )


def _attempt(row: Any) -> Attempt:
    return Attempt(
        n=row.n,
        kind=row.kind,
        label=row.label,
        begun=row.begun_at,
        pickup=row.pickup_at,
        human=row.human_at,
        ended=row.ended_at,
        by=row.by,
        result=row.result,
        cause=row.cause,
    )


async def _timeline(connection: AsyncConnection, incident: UUID) -> tuple[EventView, ...]:
    rows = await connection.execute(
        select(t.incident_event)
        .where(t.incident_event.c.incident == incident)
        .order_by(t.incident_event.c.at, t.incident_event.c.id)
    )
    # Entries of one moment in the order of a call's life: their ids tell only who wrote first.
    entries = sorted(rows, key=lambda row: (row.at, _ORDER.get(row.kind, len(_ORDER)), row.id))
    return tuple(EventView(at=row.at, kind=row.kind, actor=row.actor, data=row.data) for row in entries)
