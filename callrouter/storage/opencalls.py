"""Calls that have no end yet, and the end of those that were cut."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.reconcile import OpenCall
from callrouter.calls.records import Ended
from callrouter.storage import tables as t
from callrouter.storage.changed import Changed, nobody
from callrouter.storage.database import Database
from callrouter.storage.fill import fill


class CallsWithoutEnd:
    """Implements callrouter.calls.reconcile.OpenCalls. Raises StorageUnavailable.

    changed: told of the incidents whose calls were given an end
    """

    def __init__(self, database: Database, changed: Changed = nobody) -> None:
        self._database = database
        self._changed = changed

    async def without_end(self, node: str, opened_before: int, limit: int) -> list[OpenCall]:
        """Return calls of this PBX that were opened before that time (µs UTC) and have no end, oldest first."""
        call = t.call.c
        wanted = (
            select(call.id, call.node, call.opened_at, call.joined_at, call.routed_at)
            .where(call.ended_at.is_(None), call.node == node, call.opened_at < opened_before)
            .order_by(call.opened_at, call.id)
            .limit(limit)
        )

        async def ask(connection: AsyncConnection) -> list[OpenCall]:
            rows = await connection.execute(wanted)
            return [
                OpenCall(row.id, row.node, row.opened_at, row.joined_at, row.routed_at is not None) for row in rows
            ]

        return await self._database.read(ask)

    async def cut(self, ends: Sequence[Ended]) -> None:
        """Store these ends in one transaction; one that is there already, and real, stays."""

        async def work(connection: AsyncConnection) -> set[UUID]:
            return await fill(connection, ends)

        if ends:
            self._changed(await self._database.write(work))
