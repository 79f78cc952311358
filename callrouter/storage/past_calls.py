"""Calls as they were decided: what replay sends through another table."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy import Row, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.publishing.errors import NoSuchEntry
from callrouter.publishing.model import PastCall
from callrouter.routing.facts import Facts
from callrouter.storage import tables as t
from callrouter.storage.database import Database

MAX_PAGE: Final = 1_000
_ROWS: Final = 100
"""Calls read at once: some 2 ms of work on the loop that serves the calls."""

log = structlog.get_logger(__name__)


async def past_calls(database: Database, begin: int, end: int, after: str | None, limit: int) -> list[PastCall]:
    """Return at most `limit` (never more than MAX_PAGE) calls decided at begin <= at < end (µs UTC), by (at, id).

    after: id of the call to go on behind. Fewer than asked for means: there are no more. Calls that the service did
    not decide (it was away) have no facts, and are not among them. One whose facts cannot be read is left out, and
    logged. Raises NoSuchEntry for an unknown `after`, StorageUnavailable.
    """
    wanted = max(1, min(limit, MAX_PAGE))
    place = None if after is None else await _place(database, after)
    found: list[PastCall] = []
    while len(found) < wanted:
        rows = await _rows(database, begin, end, place, min(_ROWS, wanted - len(found)))
        if not rows:
            break
        found += (call for call in map(_call, rows) if call is not None)
        place = rows[-1].routed_at, rows[-1].id
        await asyncio.sleep(0)
    return found


async def _place(database: Database, call: str) -> tuple[int, UUID]:
    try:
        id_ = UUID(call)
    except ValueError:
        raise NoSuchEntry(f"call {call[:40]!r}") from None
    statement = select(t.call.c.routed_at).where(t.call.c.id == id_)

    async def ask(connection: AsyncConnection) -> int | None:
        at: int | None = await connection.scalar(statement)
        return at

    at = await database.read(ask)
    if at is None:
        raise NoSuchEntry(f"call {id_}")
    return at, id_


async def _rows(
    database: Database, begin: int, end: int, place: tuple[int, UUID] | None, limit: int
) -> list[Row[Any]]:
    columns = t.call.c
    shown = (columns.id, columns.routed_at, columns.facts, columns.decided_version, columns.decided_route)
    statement = (
        select(*shown, columns.decided_plan)
        .where(columns.routed_at >= begin, columns.routed_at < end)
        .where(columns.facts.is_not(None), columns.decided_version.is_not(None))
        .order_by(columns.routed_at, columns.id)
        .limit(limit)
    )
    if place is not None:
        statement = statement.where(tuple_(columns.routed_at, columns.id) > place)

    async def ask(connection: AsyncConnection) -> list[Row[Any]]:
        return list(await connection.execute(statement))

    return await database.read(ask)


def _call(row: Row[Any]) -> PastCall | None:
    try:
        facts = Facts.model_validate(row.facts)
    except ValidationError as error:
        log.warning("facts_unreadable", call=str(row.id), reason=str(error)[:500])
        return None
    return PastCall(str(row.id), row.routed_at, facts, row.decided_version, row.decided_route, row.decided_plan)
