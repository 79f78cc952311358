"""What notices to agencies' systems are signed with: encrypted, and in no answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.model import AuditNote, Principal
from callrouter.access.tokens import actor
from callrouter.agencies.signing import key_of
from callrouter.clock import now_us
from callrouter.storage.audit import append
from callrouter.storage.database import Database
from callrouter.storage.rows import upsert
from callrouter.storage.tables_notices import notice_secret

Cipher = Callable[[str], str]


class NoticeSecrets:
    """Keeps them. Every method raises StorageUnavailable.

    encrypt, decrypt: by the key outside the database; key: of the audit's chain
    """

    def __init__(
        self,
        database: Database,
        encrypt: Cipher,
        decrypt: Cipher,
        key: bytes,
        now_us: Callable[[], int] = now_us,
    ) -> None:
        self._database = database
        self._encrypt = encrypt
        self._decrypt = decrypt
        self._key = key
        self._now_us = now_us

    async def put(self, agency: str, contact: str, secret: str, by: Principal) -> None:
        """Keep it, encrypted, in place of an older one, with a note of who did. Raises RefusedValue."""
        key_of(secret)
        row = {
            "agency": agency,
            "contact": contact,
            "ciphertext": await asyncio.to_thread(self._encrypt, secret),  # the first time loads 6 MB
            "created_at": self._now_us(),
            "created_by": by.name,
        }

        async def work(connection: AsyncConnection) -> None:
            await upsert(connection, notice_secret, ("agency", "contact"), [row])
            await append(connection, self._key, _note(agency, contact, "set", by), self._now_us())

        await self._database.write(work)

    async def delete(self, agency: str, contact: str, by: Principal) -> bool:
        """Remove it, with a note of who did; False, and no note, where there is none."""
        of = notice_secret.c

        async def work(connection: AsyncConnection) -> bool:
            gone = await connection.execute(delete(notice_secret).where(of.agency == agency, of.contact == contact))
            if gone.rowcount:
                await append(connection, self._key, _note(agency, contact, "removed", by), self._now_us())
            return bool(gone.rowcount)

        return await self._database.write(work)

    async def secret_of(self, agency: str, contact: str) -> str | None:
        """Return it; None where there is none. Raises OperatorError for one that the key does not open."""
        of = notice_secret.c
        wanted = select(of.ciphertext).where(of.agency == agency, of.contact == contact)
        ciphertext: str | None = await self._database.read(lambda connection: connection.scalar(wanted))
        return None if ciphertext is None else await asyncio.to_thread(self._decrypt, ciphertext)


def _note(agency: str, contact: str, what: str, by: Principal) -> AuditNote:
    return AuditNote(actor(by), "secret", f"agencies/{agency}/notices/{contact}", {"secret": what})
