"""What operators have said of their duty, as rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.model import AuditNote
from callrouter.clock import now_us
from callrouter.duty.model import DutyState, PauseReason, Presence
from callrouter.storage import tables as t
from callrouter.storage.audit import append
from callrouter.storage.database import Database
from callrouter.storage.fill import upsert


class DutyTable:
    """Implements callrouter.duty.ports.DutyStore. Every method raises StorageUnavailable.

    key: of the audit's chain
    """

    def __init__(self, database: Database, key: bytes, now_us: Callable[[], int] = now_us) -> None:
        self._database = database
        self._key = key
        self._now_us = now_us

    async def load(self) -> dict[str, DutyState]:
        """Return the state of each operator who has one, by key."""

        async def ask(connection: AsyncConnection) -> dict[str, DutyState]:
            return {row.operator: _state(row) for row in await connection.execute(select(t.duty))}

        return await self._database.read(ask)

    async def save(self, states: Sequence[DutyState], note: AuditNote | None) -> None:
        """Store these states, of one operator the last; with a note: append it, in the same transaction."""
        # In the order of their keys, so that two writers never wait for each other in a circle.
        rows = [asdict(state) for _, state in sorted({state.operator: state for state in states}.items())]

        async def work(connection: AsyncConnection) -> None:
            await upsert(connection, t.duty, ("operator",), rows)
            if note is not None:
                await append(connection, self._key, note, self._now_us())

        await self._database.write(work)


def _state(row: Row[Any]) -> DutyState:
    paused = None if row.paused is None else PauseReason(row.paused)
    return DutyState(**dict(row._mapping) | {"presence": Presence(row.presence), "paused": paused})
