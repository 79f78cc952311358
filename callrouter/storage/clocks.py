"""The clocks of one incident, from the rows that its moments are kept in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.incidents.clocks import Clocked, ClockStep, Moments, timed, timed_agency, zones
from callrouter.storage import tables as t
from callrouter.storage.tables_figures import call_ring, clock_step

MAX_CALLS = 50
"""Calls of an incident that are shown, the first ones."""


async def clocks_of(connection: AsyncConnection, incident: UUID) -> Clocked | None:
    """Return the clocks of an incident; None where there is none of that id."""
    found = (await connection.execute(select(t.incident).where(t.incident.c.id == incident))).one_or_none()
    if found is None:
        return None
    call = t.call.c
    of_calls = (
        select(t.call, call_ring.c.at.label("rang_at"))
        .select_from(t.call.outerjoin(call_ring, call_ring.c.call == call.id))
        .where(call.incident == incident, call.direction == "in")
        .order_by(call.opened_at, call.id)
        .limit(MAX_CALLS)
    )
    calls = (await connection.execute(of_calls)).all()
    part = t.incident_agency.c
    of_parts = select(t.incident_agency).where(part.incident == incident).order_by(part.passed_at, part.agency)
    parts = (await connection.execute(of_parts)).all()
    moments = {row.id: _of_call(row) for row in calls}
    whole = _whole(found, moments.get(found.opening_call, Moments()), parts)
    of_agencies = {row.agency: _of_part(row) for row in parts}
    steps = await _steps(connection, [whole, *moments.values(), *of_agencies.values()])
    set_in = zones(steps)
    return Clocked(
        incident,
        timed(whole, set_in),
        tuple((id_, timed(one, set_in)) for id_, one in moments.items()),
        tuple((agency, timed_agency(one, set_in)) for agency, one in of_agencies.items()),
        len(steps),
    )


def _of_call(row: Any) -> Moments:
    return Moments(
        invite=row.opened_at if row.opened_source > 0 else None,
        menu_begun=row.answered_at,
        chosen=row.chosen_at,
        rang=row.rang_at,
        human=row.joined_at if row.ended_at is None else row.human_at,
    )


def _whole(incident: Any, opening: Moments, parts: Any) -> Moments:
    with_it = [row.passed_at for row in parts if row.state not in {"declined", "withdrawn"}]
    return Moments(
        invite=incident.opened_at if incident.opening_call is None else opening.invite,
        menu_begun=opening.menu_begun,
        chosen=opening.chosen,
        rang=opening.rang,
        human=opening.human,
        handed=min(with_it, default=None),
        acknowledged=incident.acknowledged_at,
        en_route=incident.en_route_at,
        on_scene=incident.on_scene_at,
        resolved=incident.resolved_at,
    )


def _of_part(row: Any) -> Moments:
    return Moments(
        handed=row.passed_at,
        acknowledged=row.acknowledged_at,
        en_route=row.en_route_at,
        on_scene=row.on_scene_at,
        resolved=row.resolved_at,
    )


async def _steps(connection: AsyncConnection, moments: list[Moments]) -> list[ClockStep]:
    """The steps that lie between the first and the last of these moments, or come close."""
    times = [at for one in moments for name in Moments.__slots__ if (at := getattr(one, name)) is not None]
    if not times:
        return []
    first, last, of = min(times), max(times), clock_step.c
    wanted = select(clock_step).where(
        (of.before_at <= last) | (of.after_at <= last), (of.before_at >= first) | (of.after_at >= first)
    )
    rows = await connection.execute(wanted.order_by(of.after_at).limit(1_000))
    return [ClockStep(row.node, row.before_at, row.after_at, row.by_us) for row in rows]
