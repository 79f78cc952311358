"""Writing rows: in the dialect of the database, and in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Table, any_, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

AT_ONCE = 25
"""Rows in one statement. On the loop that serves the calls, nothing may take longer than 5 ms (DESIGN.md)."""
POSTGRESQL: Final = "postgresql"
_KEPT: Final = 256


def insert_into(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that knows ON CONFLICT, in the dialect of `connection`."""
    return _insert(connection.dialect.name, table)


def _insert(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if dialect == POSTGRESQL else sqlite.insert(table)


def among(dialect: str, column: ColumnElement[Any], name: str = "some") -> ColumnElement[bool]:
    """Return the condition that `column` is one of the values that the statement is given as the list `name`.

    For statements that are made once: on PostgreSQL its text is the same for any number of values, so that the server
    plans it once for each connection.
    """
    if dialect == POSTGRESQL:
        return column == any_(bindparam(name, type_=postgresql.ARRAY(column.type)))
    return column.in_(bindparam(name, expanding=True))


async def upsert(
    connection: AsyncConnection, table: Table, key: Sequence[str], rows: Sequence[dict[str, Any]]
) -> None:
    """Insert `rows`, or replace the other columns where the unique `key` is there already."""
    if rows:
        statement = _upserting(connection.dialect.name, table, tuple(key), tuple(rows[0]))
        await execute_many(connection, statement, rows)


@lru_cache(_KEPT)
def _upserting(dialect: str, table: Table, key: tuple[str, ...], names: tuple[str, ...]) -> Any:
    # To put a statement together takes as long as to run it.
    statement = _insert(dialect, table)
    others = {name: statement.excluded[name] for name in names if name not in key}
    return statement.on_conflict_do_update(index_elements=list(key), set_=others)


async def execute_many(connection: AsyncConnection, statement: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Execute `statement` for each row, in pieces: calls are served on the same loop, between one and the next."""
    for start in range(0, len(rows), AT_ONCE):
        await connection.execute(statement, list(rows[start : start + AT_ONCE]))


@lru_cache(_KEPT)
def _inserting_new(dialect: str, table: Table, key: tuple[str, ...]) -> Any:
    statement = _insert(dialect, table).on_conflict_do_nothing(index_elements=list(key))
    return statement.execution_options(preserve_rowcount=True)


async def insert_new(
    connection: AsyncConnection, table: Table, key: Sequence[str], rows: Sequence[dict[str, Any]]
) -> bool:
    """Insert those of `rows` whose `key` is not there; True: none of them was."""
    statement = _inserting_new(connection.dialect.name, table, tuple(key))
    made = 0
    for start in range(0, len(rows), AT_ONCE):
        done = await connection.execute(statement, list(rows[start : start + AT_ONCE]))
        made += done.rowcount
    return made == len(rows)


def chunks(values: Iterable[UUID]) -> Iterator[list[UUID]]:
    """Yield `values`, AT_ONCE at a time."""
    every = list(values)
    for start in range(0, len(every), AT_ONCE):
        yield every[start : start + AT_ONCE]
