"""Writes notes and journal records into the rows of calls and incidents, within the transaction it is given.

Two processes may fill the same call at once. Rows are made with ON CONFLICT DO NOTHING, then locked, and always in
the order of their ids, so that two of them never wait for each other in a circle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Column, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.ports import CallNote
from callrouter.calls.records import Attempt, Record
from callrouter.clock import now_us
from callrouter.incidents.model import EventKind
from callrouter.storage import tables as t
from callrouter.storage.incident_rows import NEW_INCIDENT, Row, lock_incidents, write_settled
from callrouter.storage.known import KnownCall, KnownEvent, add, call_of, first_sight, standing
from callrouter.storage.parties_rows import keep_handed
from callrouter.storage.parts import keep_opened as keep_parts_opened
from callrouter.storage.parts import parts_of, settle_parts
from callrouter.storage.rows import AT_ONCE, chunks, execute_many, insert_into, upsert
from callrouter.storage.settled import settled
from callrouter.storage.words import keep_names, keep_opened

__all__ = ["AT_ONCE", "execute_many", "fill", "insert_into", "upsert"]


@dataclass(slots=True)
class _Change:
    before: KnownCall
    after: KnownCall
    events: dict[tuple[EventKind, str], KnownEvent] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] | None = None

    @property
    def heard(self) -> bool:
        """Whether what is known of who was on the line may have changed."""
        return self.after.joined_at is not None or self.after.ended_at is not None

    def take(self, item: CallNote | Record) -> None:
        added = add(self.after, item)
        self.after = added.call
        if added.event is not None:
            self.events[added.event.kind, added.event.occurrence] = added.event
        if added.attempts is not None:
            self.attempts = added.attempts


async def fill(
    connection: AsyncConnection, items: Sequence[CallNote | Record], now_us: Callable[[], int] = now_us
) -> set[UUID]:
    """Store `items`; return their incidents. The rows that come out do not depend on the order of the items, nor on
    how often one is given; and what persons did stays, whenever they did it.
    """
    firsts: dict[UUID, CallNote | Record] = {}
    for item in items:
        firsts.setdefault(call_of(item), item)
    ids = sorted(firsts)
    await _make_missing(connection, [first_sight(firsts[id_]) for id_ in ids])
    changes = {call.id: _Change(call, call) for call in await _locked(connection, ids)}
    for n, item in enumerate(items):
        changes[call_of(item)].take(item)
        if n % AT_ONCE == 0:
            await asyncio.sleep(0)
    ordered = [changes[id_] for id_ in ids]
    await _write_calls(connection, [c.after for c in ordered if c.after != c.before])
    await _write_attempts(connection, ordered)
    await keep_handed(connection, items)
    events = [_row(event) for change in ordered for event in change.events.values()]
    await upsert(connection, t.incident_event, ("incident", "call", "kind", "occurrence"), events)
    await _write_incidents(connection, ordered, now_us())
    await _keep_order(connection, ordered)
    named = [c.after for c in ordered if c.after.name]
    await keep_names(connection, [(call.incident, call.opened_at, call.name) for call in named])
    return {change.after.incident for change in ordered}


async def _keep_order(connection: AsyncConnection, changes: Sequence[_Change]) -> None:
    moved = {c.after.incident: c.after.opened_at for c in changes if c.after.opened_at != c.before.opened_at}
    if moved:
        await keep_opened(connection, moved)
        await keep_parts_opened(connection, moved)


def _row(known: KnownCall | KnownEvent, prefix: str = "") -> dict[str, Any]:
    return {f"{prefix}{name}": getattr(known, name) for name in known.__slots__}


async def _make_missing(connection: AsyncConnection, calls: Sequence[KnownCall]) -> None:
    # Asked first: on PostgreSQL even an insert that does nothing uses up a number for people.
    there = set(await _scalars(connection, t.call.c.id, [c.id for c in calls]))
    missing = [c for c in calls if c.id not in there]
    there = set(await _scalars(connection, t.incident.c.id, [c.incident for c in missing]))
    incidents = [_new_incident(c) for c in sorted(missing, key=lambda c: c.incident) if c.incident not in there]
    if incidents:
        statement = insert_into(connection, t.incident).on_conflict_do_nothing(index_elements=["id"])
        await execute_many(connection, statement, incidents)
    if missing:
        statement = insert_into(connection, t.call).on_conflict_do_nothing(index_elements=["id"])
        await execute_many(connection, statement, [_row(c) for c in missing])


def _new_incident(call: KnownCall) -> dict[str, Any]:
    return {
        "id": call.incident,
        "opening_call": call.id,
        "opened_at": call.opened_at,
        **NEW_INCIDENT,
    }


async def _locked(connection: AsyncConnection, ids: Sequence[UUID]) -> list[KnownCall]:
    found: list[KnownCall] = []
    for some in chunks(ids):
        rows = await connection.execute(
            select(t.call).where(t.call.c.id.in_(some)).order_by(t.call.c.id).with_for_update()
        )
        found.extend(KnownCall(**row._mapping) for row in rows)
    return found


async def _write_calls(connection: AsyncConnection, calls: Sequence[KnownCall]) -> None:
    if not calls:
        return
    columns: dict[str, Any] = {c.name: bindparam(f"new_{c.name}") for c in t.call.columns if c.name != "id"}
    statement = update(t.call).where(t.call.c.id == bindparam("new_id")).values(columns)
    await execute_many(connection, statement, [_row(c, "new_") for c in calls])


async def _write_attempts(connection: AsyncConnection, changes: Sequence[_Change]) -> None:
    rows = [_attempt_row(c.after.id, a) for c in changes for a in c.attempts or ()]
    # A better record of an end replaces the attempts of the lesser one, also where it has fewer.
    replaced = [c.after.id for c in changes if c.attempts is not None and c.before.ended_at is not None]
    for some in chunks(replaced):
        await connection.execute(delete(t.attempt).where(t.attempt.c.call.in_(some)))
    await upsert(connection, t.attempt, ("call", "n"), rows)


def _attempt_row(call: UUID, attempt: Attempt) -> dict[str, Any]:
    return {
        "call": call,
        "n": attempt.n,
        "kind": attempt.kind,
        "label": attempt.label,
        "begun_at": attempt.begun,
        "pickup_at": attempt.pickup,
        "human_at": attempt.human,
        "ended_at": attempt.ended,
        "by": attempt.by,
        "result": attempt.result,
        "cause": attempt.cause,
    }


async def _write_incidents(connection: AsyncConnection, changes: Sequence[_Change], now: int) -> None:
    """Bring the incidents to what their calls say now."""
    opening = {change.after.id: change.after for change in changes}
    heard = {change.after.incident for change in changes if change.heard}
    for some in chunks(sorted({change.after.incident for change in changes})):
        rows = await lock_incidents(connection, some)
        opened = await _opening_calls(connection, rows, opening)
        # Where nobody has acted, what the agencies have to do with it changes nothing.
        wanted = [row["id"] for row in rows if row["id"] in heard or row["state_by_person"]]
        parts = await parts_of(connection, wanted)
        changed = await settle_parts(connection, {id_: parts[id_] for id_ in wanted if id_ in heard}, now)
        moved: list[tuple[UUID, Row]] = []
        for row in rows:
            call = opened.get(row["opening_call"])
            of_agencies = list(parts.get(row["id"], {}).values())
            values = settled(row, None if call is None else standing(call), of_agencies)
            if row["id"] in changed or any(row[name] != value for name, value in values.items()):
                moved.append((row["id"], values))
        await write_settled(connection, moved, now)


async def _opening_calls(
    connection: AsyncConnection, rows: Sequence[Row], known: Mapping[UUID, KnownCall]
) -> dict[UUID, KnownCall]:
    """Return the calls that opened these incidents: the known ones, and the others as they are stored."""
    missing = [row["opening_call"] for row in rows if row["opening_call"] not in {None, *known}]
    found = {id_: known[id_] for id_ in (row["opening_call"] for row in rows) if id_ in known}
    if missing:
        stored = await connection.execute(select(t.call).where(t.call.c.id.in_(missing)))
        found |= {row.id: KnownCall(**row._mapping) for row in stored}
    return found


async def _scalars(connection: AsyncConnection, column: Column[UUID], values: Sequence[UUID]) -> list[UUID]:
    found: list[UUID] = []
    for some in chunks(values):
        found.extend(await connection.scalars(select(column).where(column.in_(some))))
    return found
