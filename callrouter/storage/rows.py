"""Writing rows: in the dialect of the database, and in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

AT_ONCE = 25
"""Rows in one statement. On the loop that serves the calls, nothing may take longer than 5 ms (DESIGN.md)."""


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


def chunks(values: Iterable[UUID]) -> Iterator[list[UUID]]:
    """Yield `values`, AT_ONCE at a time."""
    every = list(values)
    for start in range(0, len(every), AT_ONCE):
        yield every[start : start + AT_ONCE]
