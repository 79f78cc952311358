"""Calls that have no end yet, and the end of those that were cut."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.reconcile import OpenCall
from callrouter.calls.records import Ended
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.fill import fill


class CallsWithoutEnd:
    """Implements callrouter.calls.reconcile.OpenCalls. Raises StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

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

        async def work(connection: AsyncConnection) -> None:
            await fill(connection, ends)

        if ends:
            await self._database.write(work)
