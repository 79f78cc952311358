"""Calls that the PBX refused: stored each once, read as counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.ports import CallRefused
from callrouter.calls.refused import MAX_COUNTS, MAX_NEWEST, RefusedCall, RefusedCalls, RefusedCount
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.fill import execute_many, insert_into


async def store_refused(connection: AsyncConnection, notes: Sequence[CallRefused]) -> None:
    """Store `notes`; one that is there already stays as it is."""
    if notes:
        # In the order of their ids, so that two writers never wait for each other in a circle.
        rows = [asdict(note) for note in sorted(notes, key=lambda note: note.id)]
        await execute_many(connection, insert_into(connection, t.refused_invite).on_conflict_do_nothing(), rows)


class RefusedInvites:
    """Reads refused calls (callrouter.calls.refused.RefusedReader). Raises StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, at: int | None) -> RefusedCalls:
        """Return the calls refused at `at` (µs UTC) or later, as of one moment; None: all of them."""
        columns = t.refused_invite.c
        alike = (columns.status, columns.reason, columns.trunk, columns.source)
        count, last = func.count().label("count"), func.max(columns.at).label("last")
        wanted = true() if at is None else columns.at >= at
        counts = select(*alike, count, last).group_by(*alike).order_by(count.desc(), last.desc(), *alike)
        shown = (columns.at, columns.node, *alike, columns.number)
        newest = select(*shown).order_by(columns.at.desc(), columns.id)
        total = select(func.count()).select_from(t.refused_invite).where(wanted)

        async def ask(connection: AsyncConnection) -> RefusedCalls:
            return RefusedCalls(
                total=await connection.scalar(total) or 0,
                counts=tuple(
                    RefusedCount(**row._mapping)
                    for row in await connection.execute(counts.where(wanted).limit(MAX_COUNTS))
                ),
                newest=tuple(
                    RefusedCall(**row._mapping)
                    for row in await connection.execute(newest.where(wanted).limit(MAX_NEWEST))
                ),
            )

        return await self._database.read(ask)
