"""Lines of the journal that were set aside, as they are read."""

from __future__ import annotations

from sqlalchemy import func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.setaside import MAX_NEWEST, SetAside, SetAsides
from callrouter.storage import tables as t
from callrouter.storage.database import Database


class SetAsideLines:
    """Implements callrouter.calls.setaside.SetAsideReader. Raises StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, at: int | None) -> SetAsides:
        """Return the lines set aside at `at` (µs UTC) or later, as of one moment; None: all of them."""
        reject = t.journal_reject.c
        wanted = true() if at is None else reject.at >= at
        total = select(func.count()).select_from(t.journal_reject).where(wanted)
        newest = (
            select(reject.at, reject.node, reject.file, reject.offset.label("position"), reject.reason, reject.line)
            .where(wanted)
            .order_by(reject.at.desc(), reject.node, reject.file, reject.offset)
            .limit(MAX_NEWEST)
        )

        async def ask(connection: AsyncConnection) -> SetAsides:
            return SetAsides(
                total=await connection.scalar(total) or 0,
                newest=tuple(SetAside(**row._mapping) for row in await connection.execute(newest)),
            )

        return await self._database.read(ask)
