"""The desk's store: the directory in force, the draft, the versions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.model import AuditNote
from callrouter.clock import now_us
from callrouter.publishing.model import Change, PastCall, Stored, Version, VersionInfo
from callrouter.routing.table import RoutingTable
from callrouter.storage.audit import append, written
from callrouter.storage.database import Database
from callrouter.storage.desk_rows import (
    DeskRow,
    EntryRow,
    carry_out,
    entries_of,
    read_desk,
    read_entries,
    settings_of,
    writing,
)
from callrouter.storage.past_calls import past_calls
from callrouter.storage.versions import Versions, add_version, newest, version_row

MAX_VERSIONS = 200
"""Versions in one page."""

_Read = tuple[DeskRow, list[EntryRow], VersionInfo | None]


class DeskTables:
    """Implements callrouter.publishing.ports.DeskStore. Every method raises StorageUnavailable.

    That one came too late may have been carried out: then the generation has moved, and `load` tells.

    key: of the audit's chain
    """

    def __init__(self, database: Database, key: bytes, now_us: Callable[[], int] = now_us) -> None:
        self._database = database
        self._key = key
        self._now_us = now_us
        self._versions = Versions(database, now_us, key=key)

    async def load(self) -> Stored:
        """Return everything, in one consistent read. Raises OperatorError for what this callrouter cannot read."""

        async def ask(connection: AsyncConnection) -> _Read:
            return await read_desk(connection), await read_entries(connection), await newest(connection)

        return await asyncio.to_thread(_stored, *await self._database.read(ask))

    async def write(self, generation: int, changes: Sequence[Change], note: AuditNote) -> int:
        """Carry out all changes and append the note, in one transaction; return the new generation.

        Of several changes of one entry the last counts. With an operator go his secret and his duty, with a trunk its
        password. Raises GenerationMoved, with nothing changed, where `generation` is not the newest.
        """
        held = await asyncio.to_thread(writing, changes)
        row = await asyncio.to_thread(written, note)

        async def work(connection: AsyncConnection) -> int:
            moved_to = await carry_out(connection, generation, held)
            await append(connection, self._key, row, self._now_us())
            return moved_to

        return await self._database.write(work)

    async def commit(
        self,
        generation: int,
        table: RoutingTable,
        who: str,
        why: str,
        note: AuditNote,
        changes: Sequence[Change] = (),
    ) -> tuple[int, VersionInfo]:
        """The commit point: make `table` the next version and the one in force; return the new generation and it.

        `changes` are carried out, and the note appended with the version as its subject, in the same transaction.
        A version that is the same as the one before is a version too. Raises GenerationMoved.
        """
        version = await asyncio.to_thread(version_row, table, self._now_us(), who, why)
        held = await asyncio.to_thread(writing, changes)
        row = await asyncio.to_thread(written, note)

        async def work(connection: AsyncConnection) -> tuple[int, VersionInfo]:
            moved_to = await carry_out(connection, generation, held)
            info = await add_version(connection, version)
            named = replace(row, subject=f"versions/{info.number}")
            await append(connection, self._key, named, version.created_at)
            return moved_to, info

        return await self._database.write(work)

    async def version(self, number: int) -> Version | None:
        """Return a version, or None. Raises OperatorError for one that was changed by hand or cannot be read."""
        return await self._versions.version(number)

    async def versions(self, before: int | None, limit: int) -> list[VersionInfo]:
        """Return at most `limit` (never more than MAX_VERSIONS) versions below `before`, newest first."""
        return await self._versions.page(before, max(1, min(limit, MAX_VERSIONS)))

    async def past_calls(self, begin: int, end: int, after: str | None, limit: int) -> list[PastCall]:
        """Return decided calls with begin <= at < end (µs UTC), by (at, call), after the call `after`.

        At most `limit`, and never more than callrouter.storage.past_calls.MAX_PAGE; see there for more.
        """
        return await past_calls(self._database, begin, end, after, limit)


def _stored(desk: DeskRow, rows: list[EntryRow], in_force: VersionInfo | None) -> Stored:
    approved = None
    if desk.approved_sha256 is not None:
        approved = desk.approved_sha256, desk.approved_by or ""
    return Stored(
        generation=desk.generation,
        entries=tuple(entries_of(rows)),
        settings=settings_of(desk),
        settings_revision=desk.settings_revision,
        based_on=desk.based_on,
        approved=approved,
        in_force=in_force,
    )
