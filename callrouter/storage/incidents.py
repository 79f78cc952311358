"""Incidents as they are read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.incidents.model import Attempt, EventKind
from callrouter.incidents.views import (
    MAX_PAGE,
    CallView,
    EventView,
    IncidentDetail,
    IncidentFilter,
    IncidentSummary,
)
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.known import KnownCall, category_of, ran

_ORDER = {kind: place for place, kind in enumerate(EventKind)}

_SUMMARY = select(
    t.incident.c.id,
    t.incident.c.number,
    t.incident.c.state,
    t.incident.c.category,
    t.incident.c.opened_at,
    t.incident.c.callback,
    t.call.c.number.label("caller_number"),
    t.call.c.outcome,
).join_from(t.incident, t.call, t.call.c.id == t.incident.c.opening_call)


class Incidents:
    """Reads incidents (callrouter.incidents.views.IncidentReader). Raises StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: IncidentFilter) -> list[IncidentSummary]:
        """Return at most `wanted.limit` (and never more than MAX_PAGE) summaries, highest number first."""
        statement = page_statement(wanted)

        async def ask(connection: AsyncConnection) -> list[IncidentSummary]:
            return [_summary(row) for row in await connection.execute(statement)]

        return await self._database.read(ask)

    async def detail(self, incident: UUID) -> IncidentDetail | None:
        """Return one incident with its calls, their attempts and its timeline, as of one moment; or None."""

        async def ask(connection: AsyncConnection) -> IncidentDetail | None:
            row = (await connection.execute(_SUMMARY.where(t.incident.c.id == incident))).one_or_none()
            if row is None:
                return None
            return IncidentDetail(
                summary=_summary(row),
                calls=await _calls(connection, incident),
                timeline=await _timeline(connection, incident),
            )

        return await self._database.read(ask)


def page_statement(wanted: IncidentFilter) -> Select[Any]:
    """Return the query of a page; each of its filters, and the cursor, has an index."""
    statement = _SUMMARY.order_by(t.incident.c.number.desc()).limit(max(1, min(wanted.limit, MAX_PAGE)))
    if wanted.state is not None:
        statement = statement.where(t.incident.c.state == wanted.state)
    if wanted.category is not None:
        statement = statement.where(t.incident.c.category == wanted.category)
    if wanted.callback is not None:
        statement = statement.where(t.incident.c.callback == wanted.callback)
    if wanted.before is not None:
        statement = statement.where(t.incident.c.number < wanted.before)
    return statement


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
    )


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
    return tuple(_call(call, attempts[call.id]) for call in calls)


def _call(call: KnownCall, attempts: list[Attempt]) -> CallView:
    route, plan, version = ran(call)
    return CallView(
        id=call.id,
        node=call.node,
        origin=call.origin,
        trunk=call.trunk,
        number=call.number,
        name=call.name,
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
