"""Who saw what, as rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.privacy.access_log import MAX_PAGE, Access, AccessFilter, AccessRow
from callrouter.storage.database import Database
from callrouter.storage.fill import execute_many, insert_into
from callrouter.storage.tables_privacy import access_log as table


class AccessEntries:
    """Implements callrouter.privacy.access_log.AccessStore. Every method raises StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entries: Sequence[Access]) -> None:
        """Store entries; one that is there already (who, what, subject, slot) stays as it is."""

        async def work(connection: AsyncConnection) -> None:
            await store_accesses(connection, entries)

        if entries:
            await self._database.write(work)

    async def page(self, wanted: AccessFilter) -> list[AccessRow]:
        """Return at most `wanted.limit` (and never more than MAX_PAGE) entries, newest first."""
        statement = page_statement(wanted)

        async def ask(connection: AsyncConnection) -> list[AccessRow]:
            return [AccessRow(**row._mapping) for row in await connection.execute(statement)]

        return await self._database.read(ask)


async def store_accesses(connection: AsyncConnection, entries: Sequence[Access]) -> None:
    """Store entries in the transaction of `connection`."""
    rows = sorted((asdict(entry) for entry in entries), key=lambda row: (row["who"], row["what"], row["subject"]))
    await execute_many(connection, insert_into(connection, table).on_conflict_do_nothing(), rows)


def page_statement(wanted: AccessFilter) -> Select[Any]:
    """Return the query of a page."""
    statement = select(table).where(*_conditions(wanted)).order_by(table.c.id.desc())
    return statement.limit(max(1, min(wanted.limit, MAX_PAGE)))


def _conditions(wanted: AccessFilter) -> Iterator[ColumnElement[bool]]:
    columns = table.c
    for value, column in ((wanted.who, columns.who), (wanted.what, columns.what), (wanted.subject, columns.subject)):
        if value is not None:
            yield column == value
    if wanted.before is not None:
        yield columns.id < wanted.before
    if wanted.begin is not None:
        yield columns.at >= wanted.begin
    if wanted.end is not None:
        yield columns.at < wanted.end
