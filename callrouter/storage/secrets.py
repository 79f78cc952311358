"""Secrets at rest, as rows: digests and ciphertexts, never what they are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.model import AuditNote
from callrouter.access.ports import OperatorSecret, TrunkSecret
from callrouter.clock import now_us
from callrouter.storage import tables as t
from callrouter.storage.audit import append
from callrouter.storage.database import Database
from callrouter.storage.fill import upsert


class SecretTables:
    """Implements callrouter.access.ports.SecretStore. Every method raises StorageUnavailable.

    key: of the audit's chain
    """

    def __init__(self, database: Database, key: bytes, now_us: Callable[[], int] = now_us) -> None:
        self._database = database
        self._key = key
        self._now_us = now_us

    async def put_operator(self, secret: OperatorSecret, note: AuditNote) -> None:
        """Store it, replacing an older one, with the note, in one transaction."""

        async def work(connection: AsyncConnection) -> None:
            await upsert(connection, t.operator_secret, ("operator",), [asdict(secret)])
            await append(connection, self._key, note, self._now_us())

        await self._database.write(work)

    async def operators(self) -> dict[str, OperatorSecret]:
        """Return all, by operator."""

        async def ask(connection: AsyncConnection) -> dict[str, OperatorSecret]:
            rows = await connection.execute(select(t.operator_secret))
            return {row.operator: OperatorSecret(**row._mapping) for row in rows}

        return await self._database.read(ask)

    async def put_trunk(self, secret: TrunkSecret, note: AuditNote) -> None:
        """Store it, replacing an older one, with the note, in one transaction."""

        async def work(connection: AsyncConnection) -> None:
            await upsert(connection, t.trunk_secret, ("trunk",), [asdict(secret)])
            await append(connection, self._key, note, self._now_us())

        await self._database.write(work)

    async def delete_trunk(self, trunk: str, note: AuditNote) -> bool:
        """Remove a trunk's, with the note; False, and no note, where there is none."""

        async def work(connection: AsyncConnection) -> bool:
            gone = await connection.execute(delete(t.trunk_secret).where(t.trunk_secret.c.trunk == trunk))
            if gone.rowcount:
                await append(connection, self._key, note, self._now_us())
            return bool(gone.rowcount)

        return await self._database.write(work)

    async def trunks(self) -> dict[str, TrunkSecret]:
        """Return all, by trunk."""

        async def ask(connection: AsyncConnection) -> dict[str, TrunkSecret]:
            rows = await connection.execute(select(t.trunk_secret))
            return {row.trunk: TrunkSecret(**row._mapping) for row in rows}

        return await self._database.read(ask)
