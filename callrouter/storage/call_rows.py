"""The rows of calls and of their attempts: locked, made and brought up to date, within the transaction that is given.

The statements are put together once: that takes as long as to run them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.records import Attempt
from callrouter.storage import tables as t
from callrouter.storage.known import KnownCall, KnownEvent
from callrouter.storage.rows import among, chunks, execute_many, insert_new, upsert

_CALL: Final = tuple(t.call.c[name] for name in KnownCall.__slots__)
_OPENING: Final = frozenset(
    {
        "opened_source",
        "opened_at",
        "node",
        "origin",
        "trunk",
        "number",
        "name",
        "channel",
        "uniqueid",
        "sent_from",
    }
)
_DECISION: Final = frozenset(
    {"routed_at", "facts", "decided_route", "decided_version", "decided_plan", "cannot_speak"}
)
_JOIN: Final = frozenset({"joined_at", "joined_by", "joined_with"})
_END: Final = frozenset(KnownCall.__slots__) - {"id", "incident", "direction"} - _OPENING - _DECISION - _JOIN
_TOLD_TOGETHER: Final = (_OPENING, _DECISION, _JOIN, _END)
"""Columns that change together. Written is what changed and nothing else, by few kinds of statements."""


async def locked_calls(connection: AsyncConnection, ids: Sequence[UUID]) -> list[KnownCall]:
    """Return those of these calls that are stored, by id; nobody else changes them until the transaction ends."""
    return await _calls(connection, _selecting(connection.dialect.name, locked=True), ids)


async def stored_calls(connection: AsyncConnection, ids: Sequence[UUID]) -> list[KnownCall]:
    """Return those of these calls that are stored, by id."""
    return await _calls(connection, _selecting(connection.dialect.name, locked=False), ids)


async def _calls(connection: AsyncConnection, statement: Any, ids: Sequence[UUID]) -> list[KnownCall]:
    found: list[KnownCall] = []
    for some in chunks(ids):
        found.extend(KnownCall(*row) for row in await connection.execute(statement, {"some": some}))
    return found


@lru_cache
def _selecting(dialect: str, *, locked: bool) -> Any:
    statement = select(*_CALL).where(among(dialect, t.call.c.id)).order_by(t.call.c.id)
    return statement.with_for_update() if locked else statement


async def make_calls(connection: AsyncConnection, calls: Sequence[KnownCall]) -> bool:
    """Store those of these calls that are not there; True: none of them was."""
    return await insert_new(connection, t.call, ("id",), [row_of(call) for call in calls])


async def write_calls(connection: AsyncConnection, moved: Iterable[tuple[KnownCall, KnownCall]]) -> None:
    """Write what is new of these stored calls: of each as it was, and as it is."""
    alike: dict[tuple[bool, ...], list[dict[str, Any]]] = {}
    for before, after in moved:
        changed = {name for name in KnownCall.__slots__ if getattr(before, name) != getattr(after, name)}
        if changed:
            what = tuple(not changed.isdisjoint(together) for together in _TOLD_TOGETHER)
            alike.setdefault(what, []).append({f"new_{name}": getattr(after, name) for name in ("id", *_names(what))})
    for what, rows in sorted(alike.items()):
        await execute_many(connection, _updating(what), rows)


@lru_cache
def _names(what: tuple[bool, ...]) -> tuple[str, ...]:
    return tuple(sorted(name for wanted, names in zip(what, _TOLD_TOGETHER, strict=True) if wanted for name in names))


@lru_cache
def _updating(what: tuple[bool, ...]) -> Any:
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _names(what)}
    return update(t.call).where(t.call.c.id == bindparam("new_id")).values(values)


async def write_attempts(connection: AsyncConnection, of: Mapping[UUID, Sequence[Attempt]], anew: list[UUID]) -> None:
    """Store the attempts of these calls. Of the calls `anew` all that were stored go before."""
    for some in chunks(anew):
        await connection.execute(delete(t.attempt).where(t.attempt.c.call.in_(some)))
    rows = [_attempt(call, attempt) for call, attempts in of.items() for attempt in attempts]
    await upsert(connection, t.attempt, ("call", "n"), rows)


def _attempt(call: UUID, attempt: Attempt) -> dict[str, Any]:
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


def row_of(known: KnownCall | KnownEvent) -> dict[str, Any]:
    """Return its row, by column."""
    return {name: getattr(known, name) for name in known.__slots__}
