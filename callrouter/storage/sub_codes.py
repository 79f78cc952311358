"""Sub-codes of dispositions, as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.model import AuditNote, Principal
from callrouter.access.tokens import actor
from callrouter.bilingual import Bilingual
from callrouter.clock import now_us
from callrouter.incidents.desk import Moved, Seen, TooManySubCodes
from callrouter.incidents.dispositions import MAX_SUB_CODES, SubCode
from callrouter.incidents.model import Disposition
from callrouter.storage import tables as t
from callrouter.storage.audit import append
from callrouter.storage.database import Database
from callrouter.storage.rows import upsert


async def read_sub_codes(connection: AsyncConnection) -> list[SubCode]:
    """Return all, by disposition and key."""
    code = t.sub_code.c
    return [_code(row) for row in await connection.execute(select(t.sub_code).order_by(code.disposition, code.key))]


class SubCodes:
    """Keeps sub-codes (callrouter.api.incident_ports.SubCodeDesk). Raises StorageUnavailable.

    key: of the audit's chain
    """

    def __init__(self, database: Database, key: bytes, now_us: Callable[[], int] = now_us) -> None:
        self._database = database
        self._key = key
        self._now_us = now_us

    async def all(self) -> list[SubCode]:
        """Return all, by disposition and key."""
        return await self._database.read(read_sub_codes)

    async def put(self, code: SubCode, seen: Seen, by: Principal) -> SubCode:
        """Add or replace it, with a note in the audit, in one transaction; return it with its new version.

        seen: versions that who asks has seen, 0: that there is none; None: whatever there is.
        Raises Moved, TooManySubCodes.
        """

        async def work(connection: AsyncConnection) -> SubCode:
            codes = {(one.disposition, one.key): one for one in await read_sub_codes(connection)}
            before = codes.get((code.disposition, code.key))
            version = 0 if before is None else before.version
            if seen is not None and version not in seen:
                raise Moved(version, 0)
            if before is None and len(codes) >= MAX_SUB_CODES:
                raise TooManySubCodes
            new = SubCode(code.disposition, code.key, code.name, code.enabled, version + 1)
            await upsert(connection, t.sub_code, ("disposition", "key"), [_row(new)])
            payload: dict[str, object] = {"before": before and _row(before), "after": _row(new)}
            action = "create" if before is None else "replace"
            subject = f"dispositions/{code.disposition}/{code.key}"
            await append(connection, self._key, AuditNote(actor(by), action, subject, payload), self._now_us())
            return new

        return await self._database.write(work)


def _code(row: Any) -> SubCode:
    name = Bilingual(row.name_id, row.name_en)
    return SubCode(Disposition(row.disposition), row.key, name, row.enabled, row.version)


def _row(code: SubCode) -> dict[str, Any]:
    return {
        "disposition": str(code.disposition),
        "key": code.key,
        "name_id": code.name.id,
        "name_en": code.name.en,
        "enabled": code.enabled,
        "version": code.version,
    }
