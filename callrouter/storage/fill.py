"""Writes notes and journal records into the rows of calls and incidents, within the transaction it is given.

Two processes may fill the same call at once. Rows are made with ON CONFLICT DO NOTHING, then locked, and always in
the order of their ids, so that two of them never wait for each other in a circle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Table, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.ports import CallNote
from callrouter.calls.records import Attempt, Record
from callrouter.incidents.model import EventKind, IncidentState
from callrouter.storage import tables as t
from callrouter.storage.columns import clean
from callrouter.storage.known import KnownCall, KnownEvent, add, call_of, first_sight, standing

AT_ONCE = 25
"""Rows in one statement. On the loop that serves the calls, nothing may take longer than 5 ms (DESIGN.md)."""
AUTOMATIC = frozenset(IncidentState)
"""States that notes and records may leave again; any other is a person's, or a later version's."""


def insert_into(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that knows ON CONFLICT, in the dialect of `connection`."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


async def upsert(
    connection: AsyncConnection, table: Table, key: Sequence[str], rows: Sequence[dict[str, Any]]
) -> None:
    """Insert `rows`, or replace the other columns where the unique `key` is there already."""
    if not rows:
        return
    statement = insert_into(connection, table)
    others = {name: statement.excluded[name] for name in rows[0] if name not in key}
    await execute_many(connection, statement.on_conflict_do_update(index_elements=list(key), set_=others), rows)


async def execute_many(connection: AsyncConnection, statement: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Execute `statement` for each row, in pieces: calls are served on the same loop, between one and the next."""
    for start in range(0, len(rows), AT_ONCE):
        await connection.execute(statement, list(rows[start : start + AT_ONCE]))


@dataclass(slots=True)
class _Change:
    before: KnownCall
    after: KnownCall
    events: dict[tuple[EventKind, str], KnownEvent] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] | None = None

    def take(self, item: CallNote | Record) -> None:
        added = add(self.after, item)
        self.after = added.call
        if added.event is not None:
            self.events[added.event.kind, added.event.occurrence] = added.event
        if added.attempts is not None:
            self.attempts = added.attempts


async def fill(connection: AsyncConnection, items: Sequence[CallNote | Record]) -> None:
    """Store `items`. The rows that come out do not depend on their order, nor on how often one is given."""
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
    events = [_row(event) for change in ordered for event in change.events.values()]
    await upsert(connection, t.incident_event, ("incident", "call", "kind", "occurrence"), events)
    await _write_incidents(connection, [c.after for c in ordered])


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
        "state": str(IncidentState.OPEN),
        "category": "",
        "opened_at": call.opened_at,
        "callback": False,
        "callback_reason": "",
        "state_by_person": False,
        "category_by_person": False,
        "callback_by_person": False,
        "version": 1,
    }


async def _locked(connection: AsyncConnection, ids: Sequence[UUID]) -> list[KnownCall]:
    found: list[KnownCall] = []
    for some in _chunks(ids):
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
    for some in _chunks(replaced):
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


async def _write_incidents(connection: AsyncConnection, calls: Sequence[KnownCall]) -> None:
    opening = {call.id: call for call in calls}
    changed: list[dict[str, Any]] = []
    for some in _chunks(sorted(opening[id_].incident for id_ in opening)):
        rows = await connection.execute(
            select(t.incident).where(t.incident.c.id.in_(some)).order_by(t.incident.c.id).with_for_update()
        )
        for row in rows.mappings():
            call = opening.get(row["opening_call"])
            values = {} if call is None else _settled(dict(row), call)
            if any(row[name] != value for name, value in values.items()):
                kept = {name: row[name] for name in _SETTLED} | values
                changed.append({f"new_{k}": v for k, v in kept.items()} | {"new_id": row["id"]})
    if changed:
        statement = (
            update(t.incident)
            .where(t.incident.c.id == bindparam("new_id"))
            .values(
                {name: bindparam(f"new_{name}") for name in _SETTLED},
            )
            .values(version=t.incident.c.version + 1)
        )
        await execute_many(connection, statement, changed)


_SETTLED = ("state", "category", "opened_at", "callback", "callback_reason")


def _settled(row: dict[str, Any], call: KnownCall) -> dict[str, Any]:
    """Return the fields that the call decides: all but those that a person has set."""
    stands = standing(call)
    values: dict[str, Any] = {"opened_at": stands.opened_at}
    if not row["state_by_person"] and row["state"] in AUTOMATIC:
        values["state"] = str(stands.state)
    if not row["category_by_person"]:
        values["category"] = clean(stands.category, t.KEY)
    if not row["callback_by_person"]:
        values |= {"callback": stands.callback, "callback_reason": stands.callback_reason}
    return values


async def _scalars(connection: AsyncConnection, column: Column[UUID], values: Sequence[UUID]) -> list[UUID]:
    found: list[UUID] = []
    for some in _chunks(values):
        found.extend(await connection.scalars(select(column).where(column.in_(some))))
    return found


def _chunks(values: Iterable[UUID]) -> Iterator[list[UUID]]:
    every = list(values)
    for start in range(0, len(every), AT_ONCE):
        yield every[start : start + AT_ONCE]
