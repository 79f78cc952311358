"""Writes notes and journal records into the rows of calls and incidents, within the transaction it is given.

Two processes may fill the same call at once. Rows are made with ON CONFLICT DO NOTHING, then locked, and always in
the order of their ids, so that two of them never wait for each other in a circle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.ports import CallNote
from callrouter.calls.records import Attempt, Record
from callrouter.clock import now_us
from callrouter.incidents.model import EventKind
from callrouter.storage import tables as t
from callrouter.storage.call_rows import locked_calls, make_calls, row_of, stored_calls, write_attempts, write_calls
from callrouter.storage.incident_rows import Row, lock_incidents, make_incidents, write_settled
from callrouter.storage.known import KnownCall, KnownEvent, add, call_of, first_sight, standing
from callrouter.storage.parties_rows import keep_handed
from callrouter.storage.parts import keep_opened as keep_parts_opened
from callrouter.storage.parts import parts_of, settle_parts
from callrouter.storage.rows import AT_ONCE, among, chunks, execute_many, insert_into, upsert
from callrouter.storage.settled import settled
from callrouter.storage.words import keep_names, keep_opened

__all__ = ["AT_ONCE", "execute_many", "fill", "insert_into", "upsert"]

Told = CallNote | Record


@dataclass(slots=True)
class _Change:
    """What becomes of a call. stored: its row was there before."""

    before: KnownCall
    after: KnownCall
    stored: bool
    events: dict[tuple[EventKind, str], KnownEvent] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] | None = None

    @property
    def heard(self) -> bool:
        """Whether what is known of who was on the line may have changed."""
        return self.after.joined_at is not None or self.after.ended_at is not None

    @property
    def settles(self) -> bool:
        """Whether the incident may be another by it. What a call says of its opening, said again, changes nothing."""
        return self.heard or not self.stored or standing(self.before) != standing(self.after)

    def take(self, item: Told) -> None:
        added = add(self.after, item)
        self.after = added.call
        if added.event is not None:
            self.events[added.event.kind, added.event.occurrence] = added.event
        if added.attempts is not None:
            self.attempts = added.attempts


async def fill(connection: AsyncConnection, items: Sequence[Told], now_us: Callable[[], int] = now_us) -> set[UUID]:
    """Store `items`; return their incidents. The rows that come out do not depend on the order of the items, nor on
    how often one is given; and what persons did stays, whenever they did it.
    """
    now = now_us()
    told: dict[UUID, list[Told]] = {}
    for item in items:
        told.setdefault(call_of(item), []).append(item)
    ids = sorted(told)
    stored = {call.id: call for call in await locked_calls(connection, ids)}
    changes: dict[UUID, _Change] = {}
    for n, id_ in enumerate(ids):
        changes[id_] = _changed(stored.get(id_), told[id_])
        if n % AT_ONCE == 0:
            await asyncio.sleep(0)
    done = await _make(connection, changes, told, now)
    ordered = [changes[id_] for id_ in ids]
    await write_calls(connection, [(c.before, c.after) for c in ordered if c.stored])
    # A better record of an end replaces the attempts of the lesser one, also where it has fewer.
    anew = [c.after.id for c in ordered if c.attempts is not None and c.before.ended_at is not None]
    await write_attempts(connection, {c.after.id: c.attempts or () for c in ordered}, anew)
    await keep_handed(connection, items)
    events = [row_of(event) for change in ordered for event in change.events.values()]
    await upsert(connection, t.incident_event, ("incident", "call", "kind", "occurrence"), events)
    await _write_incidents(connection, [c for c in ordered if c.settles and c.after.incident not in done], now)
    await _keep_order(connection, [c for c in ordered if c.stored])
    named = [c.after for c in ordered if c.after.name and not (c.stored and c.after.name == c.before.name)]
    await keep_names(connection, [(call.incident, call.opened_at, call.name) for call in named])
    return {change.after.incident for change in ordered}


def _changed(stored: KnownCall | None, items: Sequence[Told]) -> _Change:
    begun = stored or first_sight(items[0])
    change = _Change(begun, begun, stored is not None)
    for item in items:
        change.take(item)
    return change


async def _make(
    connection: AsyncConnection, changes: dict[UUID, _Change], told: Mapping[UUID, Sequence[Told]], now: int
) -> set[UUID]:
    """Store the calls that are not there, with their incidents; return the incidents that are as they should be.

    Where another process was faster with one of them, `changes` has what is new of its row.
    """
    missing = [change for change in changes.values() if not change.stored]
    if not missing:
        return set()
    # Asked first: on PostgreSQL even an insert that does nothing uses up a number for people.
    there = await _incidents_there(connection, [c.after.incident for c in missing])
    new = [c.after for c in sorted(missing, key=lambda c: c.after.incident) if c.after.incident not in there]
    # What agencies have to do with those of whom somebody was on the line is for the rows to tell.
    alone = {c.after.incident for c in missing if not c.heard}
    ours = not new or await make_incidents(
        connection, [(call, standing(call) if call.incident in alone else None) for call in new], now
    )
    if not await make_calls(connection, [c.after for c in missing]):
        ours = False
        for row in await locked_calls(connection, [c.after.id for c in missing]):
            if row != changes[row.id].after:
                changes[row.id] = _changed(row, told[row.id])
    return {call.incident for call in new} & alone if ours else set()


@lru_cache
def _asking_incidents(dialect: str) -> Any:
    return select(t.incident.c.id).where(among(dialect, t.incident.c.id))


async def _incidents_there(connection: AsyncConnection, ids: Sequence[UUID]) -> set[UUID]:
    found: set[UUID] = set()
    for some in chunks(ids):
        found.update(await connection.scalars(_asking_incidents(connection.dialect.name), {"some": some}))
    return found


async def _keep_order(connection: AsyncConnection, changes: Iterable[_Change]) -> None:
    moved = {c.after.incident: c.after.opened_at for c in changes if c.after.opened_at != c.before.opened_at}
    if moved:
        await keep_opened(connection, moved)
        await keep_parts_opened(connection, moved)


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
        found |= {call.id: call for call in await stored_calls(connection, missing)}
    return found
