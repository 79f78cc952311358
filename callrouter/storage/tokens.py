"""Bearer tokens as rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.model import AuditNote, Role
from callrouter.access.ports import TOUCH_EVERY_US, TokenRecord
from callrouter.clock import now_us
from callrouter.storage import tables as t
from callrouter.storage.audit import append
from callrouter.storage.database import Database


class TokenTable:
    """Implements callrouter.access.ports.TokenStore. Every method raises StorageUnavailable.

    key: of the audit's chain
    """

    def __init__(self, database: Database, key: bytes, now_us: Callable[[], int] = now_us) -> None:
        self._database = database
        self._key = key
        self._now_us = now_us

    async def add(self, record: TokenRecord, note: AuditNote) -> None:
        """Store a new one, with the note, in one transaction. Raises ValueError where the id is taken."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(t.token), [asdict(record)])
            await append(connection, self._key, note, self._now_us())

        try:
            await self._database.write(work)
        except IntegrityError:
            raise ValueError(f"there is a token {record.id!r} already") from None

    async def get(self, id_: str) -> TokenRecord | None:
        """Return the token of that id, revoked and expired ones too; or None."""
        return await self._database.read(lambda connection: _one(connection, id_))

    async def all(self) -> list[TokenRecord]:
        """Return every token, newest first."""
        statement = select(t.token).order_by(t.token.c.created_at.desc(), t.token.c.id)

        async def ask(connection: AsyncConnection) -> list[TokenRecord]:
            return [_record(row) for row in await connection.execute(statement)]

        return await self._database.read(ask)

    async def revoke(self, id_: str, at: int, note: AuditNote) -> TokenRecord | None:
        """Revoke it, with the note, in one transaction; return it as it then is, or None where there is none.

        One that was revoked before stays as it is, and no note is written.
        """
        statement = update(t.token).where(t.token.c.id == id_, t.token.c.revoked_at.is_(None)).values(revoked_at=at)

        async def work(connection: AsyncConnection) -> TokenRecord | None:
            done = await connection.execute(statement)
            record = await _one(connection, id_)
            if done.rowcount:
                await append(connection, self._key, note, self._now_us())
            return record

        return await self._database.write(work)

    async def touch(self, id_: str, at: int) -> None:
        """Note that it was used; written at most once in TOUCH_EVERY_US."""
        columns = t.token.c
        due = or_(columns.last_used_at.is_(None), columns.last_used_at <= at - TOUCH_EVERY_US)

        async def ask(connection: AsyncConnection) -> bool:
            return await connection.scalar(select(columns.id).where(columns.id == id_, due)) is not None

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(update(t.token).where(columns.id == id_, due).values(last_used_at=at))

        # Asked first: a write waits for the writers of calls.
        if await self._database.read(ask):
            await self._database.write(work)


async def _one(connection: AsyncConnection, id_: str) -> TokenRecord | None:
    row = (await connection.execute(select(t.token).where(t.token.c.id == id_))).one_or_none()
    return None if row is None else _record(row)


def _record(row: Row[Any]) -> TokenRecord:
    return TokenRecord(**dict(row._mapping) | {"role": Role(row.role)})
