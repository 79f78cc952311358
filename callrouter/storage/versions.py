"""Published versions of the routing table: immutable, numbered from 1, each with its hash, author and reason."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable

from pydantic import ValidationError
from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError
from callrouter.routing.table import RoutingTable
from callrouter.storage import tables as t
from callrouter.storage.database import Database

_ONE_AT_A_TIME = 0x1120
"""Key of PostgreSQL's advisory lock that lets one publication run at a time: numbers have no gaps."""


def _now_us() -> int:
    return time.time_ns() // 1000


def canonical(table: RoutingTable) -> tuple[str, str]:
    """Return the table as canonical JSON, in two halves: routing (with the centre), and directory.

    Keys sorted, no white space, ASCII only (as RFC 8785 has it, but for the escapes): equal tables, equal texts.
    """
    whole = table.model_dump(mode="json")
    directory = whole.pop("directory")
    return _text(whole), _text(directory)


def digest(routing: str, directory: str) -> str:
    """Return the SHA-256 of both halves, in hexadecimal."""
    return hashlib.sha256(f"{routing}\n{directory}".encode()).hexdigest()


class Versions:
    """The published versions. Every method raises StorageUnavailable (callrouter.incidents.views)."""

    def __init__(self, database: Database, now_us: Callable[[], int] = _now_us) -> None:
        self._database = database
        self._now_us = now_us

    async def publish(self, table: RoutingTable, who: str, why: str) -> int:
        """Make `table` the newest version and return its number; an identical newest one keeps its number.

        The directory counts: a new address of an agency is a new version too.
        """
        routing, directory = canonical(table)
        row = {
            "sha256": digest(routing, directory),
            "routing": routing,
            "directory": directory,
            "created_at": self._now_us(),
            "who": who,
            "why": why,
        }

        async def work(connection: AsyncConnection) -> int:
            if connection.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
            newest = select(t.table_version.c.number, t.table_version.c.sha256)
            found = (
                await connection.execute(newest.order_by(t.table_version.c.number.desc()).limit(1))
            ).one_or_none()
            if found is not None and found.sha256 == row["sha256"]:
                return int(found.number)
            number = 1 if found is None else int(found.number) + 1
            await connection.execute(insert(t.table_version), [row | {"number": number}])
            return number

        return await self._database.write(work)

    async def newest_number(self) -> int | None:
        """Return the number of the newest version, or None before the first. The cheapest question there is."""

        async def ask(connection: AsyncConnection) -> int | None:
            number: int | None = await connection.scalar(select(func.max(t.table_version.c.number)))
            return number

        return await self._database.read(ask)

    async def current(self) -> tuple[int, RoutingTable] | None:
        """Return the newest version, or None before the first. Raises OperatorError if it cannot be read."""
        return await self._one(None)

    async def get(self, number: int) -> RoutingTable | None:
        """Return the table of that version, or None. Raises OperatorError if it cannot be read."""
        found = await self._one(number)
        return None if found is None else found[1]

    async def _one(self, number: int | None) -> tuple[int, RoutingTable] | None:
        wanted = select(func.max(t.table_version.c.number)).scalar_subquery() if number is None else number
        columns = t.table_version.c
        statement = select(columns.number, columns.sha256, columns.routing, columns.directory).where(
            columns.number == wanted
        )

        async def ask(connection: AsyncConnection) -> tuple[int, str, str, str] | None:
            row = (await connection.execute(statement)).one_or_none()
            return None if row is None else (row.number, row.sha256, row.routing, row.directory)

        row = await self._database.read(ask)
        return None if row is None else (row[0], _read(*row))


def _read(number: int, sha256: str, routing: str, directory: str) -> RoutingTable:
    if digest(routing, directory) != sha256:
        raise OperatorError(
            Bilingual(
                f"Versi {number} dari tabel perutean telah diubah di dalam basis data: SHA-256-nya bukan {sha256}.",
                f"Version {number} of the routing table was changed in the database: its SHA-256 is not {sha256}.",
            ),
            Bilingual(
                "Terbitkan lagi tabel yang benar: callrouter routes import BERKAS.yaml.",
                "Publish the right table anew: callrouter routes import FILE.yaml.",
            ),
        )
    try:
        return RoutingTable.model_validate(json.loads(routing) | {"directory": json.loads(directory)})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        told = f"{'.'.join(map(str, first['loc'])) or 'table'}: {first['msg']}"
        raise OperatorError(
            Bilingual(
                f"Versi {number} dari tabel perutean tidak cocok dengan callrouter ini: {told}.",
                f"Version {number} of the routing table does not fit this callrouter: {told}.",
            ),
            Bilingual(
                "Terbitkan tabel yang cocok (callrouter routes import BERKAS.yaml), atau pasang callrouter yang dulu "
                "menerbitkannya.",
                "Publish a table that does (callrouter routes import FILE.yaml), or install the callrouter that made "
                "it.",
            ),
        ) from None


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
