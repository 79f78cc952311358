"""Published versions of the routing table: immutable, numbered from 1, each with its hash, author and reason.

The newest one is in force. A version is its routing half with the centre; the directory is the one of now. What the
directory was when a version was published stays with it, to explain by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from pydantic import ValidationError
from sqlalchemy import Row, Select, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.model import AuditNote
from callrouter.bilingual import Bilingual
from callrouter.clock import now_us
from callrouter.errors import OperatorError
from callrouter.publishing.canonical import (
    DoesNotFit,
    digest,
    directory_text,
    entry_text,
    read_directory,
    read_routing,
    routing_text,
)
from callrouter.publishing.model import Approve, DraftSettings, PutSettings, SetBase, Version, VersionInfo
from callrouter.routing.directory import Directory
from callrouter.routing.entries import DIRECTORY, ROUTING, entries, key_of
from callrouter.routing.table import RoutingTable
from callrouter.storage import tables as t
from callrouter.storage.audit import append
from callrouter.storage.columns import clean
from callrouter.storage.database import Database
from callrouter.storage.desk_rows import EntryRow, Writing, carry_out, entries_of, lock, read_entries

_HEADER: Final = ("number", "sha256", "created_at", "who", "why")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A row of `table_version`, without its number."""

    sha256: str
    routing: str
    directory: str
    created_at: int
    who: str
    why: str


def version_row(table: RoutingTable, at: int, who: str, why: str) -> VersionRow:
    """Return the row of `table`. For a big one: in a thread."""
    routing = routing_text(table.centre, table.routing)
    return VersionRow(
        digest(routing), routing, directory_text(table.directory), at, clean(who, 200), clean(why, 2_000)
    )


async def newest(connection: AsyncConnection) -> VersionInfo | None:
    """Return the version in force, or None before the first."""
    row = (await connection.execute(_headers().limit(1))).one_or_none()
    return None if row is None else _info(row, row.number)


async def add_version(connection: AsyncConnection, row: VersionRow) -> VersionInfo:
    """Make `row` the next version, the one in force. The desk must be locked: numbers have no gaps."""
    before = await newest(connection)
    number = 1 if before is None else before.number + 1
    values = {name: getattr(row, name) for name in VersionRow.__slots__}
    await connection.execute(insert(t.table_version), [values | {"number": number}])
    return VersionInfo(number, row.sha256, row.created_at, row.who, row.why, in_force=True)


class Versions:
    """The published versions. Every method raises StorageUnavailable (callrouter.incidents.views).

    key: of the audit's chain; without it `publish` leaves no note there
    """

    def __init__(self, database: Database, now_us: Callable[[], int] = now_us, *, key: bytes | None = None) -> None:
        self._database = database
        self._now_us = now_us
        self._key = key

    async def newest_number(self) -> int | None:
        """Return the number of the newest version, or None before the first. The cheapest question there is."""

        async def ask(connection: AsyncConnection) -> int | None:
            number: int | None = await connection.scalar(select(func.max(t.table_version.c.number)))
            return number

        return await self._database.read(ask)

    async def page(self, before: int | None, limit: int) -> list[VersionInfo]:
        """Return at most `limit` versions below `before`, newest first."""
        wanted = _headers().limit(limit)
        if before is not None:
            wanted = wanted.where(t.table_version.c.number < before)

        async def ask(connection: AsyncConnection) -> list[VersionInfo]:
            number = await connection.scalar(select(func.max(t.table_version.c.number)))
            return [_info(row, number) for row in await connection.execute(wanted)]

        return await self._database.read(ask)

    async def version(self, number: int) -> Version | None:
        """Return a version as it was published, or None. Raises OperatorError if it cannot be read."""
        found = await self._database.read(lambda connection: _row(connection, number))
        return None if found is None else await asyncio.to_thread(_read, *found)

    async def get(self, number: int) -> RoutingTable | None:
        """Return the table of that version with the directory of its time, or None. Raises OperatorError."""
        found = await self.version(number)
        return None if found is None else await asyncio.to_thread(_as_it_was, found)

    async def current(self) -> tuple[int, RoutingTable] | None:
        """Return the number and the table in force, or None before the first. Raises OperatorError.

        That is the newest version with the directory of now; where the two do not fit together (which no edit
        leaves behind), with the directory of its time.
        """

        async def ask(connection: AsyncConnection) -> tuple[_Found, list[EntryRow]] | None:
            found = await _row(connection, None)
            return None if found is None else (found, await read_entries(connection, DIRECTORY))

        read = await self._database.read(ask)
        return None if read is None else await asyncio.to_thread(_in_force, *read)

    async def publish(self, table: RoutingTable, who: str, why: str) -> int:
        """Make `table` the directory in force, the draft, and the newest version; return that one's number.

        Where the newest version decides the same, it stays the newest: a change of the directory alone is no new
        version. This is the way past desk and PBX, for a service that is not running.
        """
        row = await asyncio.to_thread(version_row, table, self._now_us(), who, why)
        texts = await asyncio.to_thread(_texts, table)
        settings = DraftSettings(centre=table.centre, **{name: getattr(table.routing, name) for name in _ONCE})

        async def work(connection: AsyncConnection) -> int:
            desk = await lock(connection)
            before = await newest(connection)
            same = before is not None and before.sha256 == row.sha256
            changes = _replacing(await read_entries(connection), texts)
            changes.take(PutSettings(settings, desk.settings_revision + 1))
            changes.take(Approve("", ""))
            info = before if before is not None and same else await add_version(connection, row)
            changes.take(SetBase(info.number))
            await carry_out(connection, desk.generation, changes)
            if self._key is not None:
                payload: dict[str, object] = {"why": why, "sha256": row.sha256, "new": not same}
                note = AuditNote(f"{who} (local)", "import", f"versions/{info.number}", payload)
                await append(connection, self._key, note, row.created_at)
            return info.number

        return await self._database.write(work)


_ONCE: Final = ("main_menu", "last_resort", "static_numbers")
_Found = tuple[VersionInfo, str, str]
"""A version, its routing half, its directory half."""


def _headers() -> Select[Any]:
    columns = (t.table_version.c[name] for name in _HEADER)
    return select(*columns).order_by(t.table_version.c.number.desc())


def _info(row: Row[Any], newest_number: int | None) -> VersionInfo:
    in_force = row.number == newest_number
    return VersionInfo(row.number, row.sha256, row.created_at, row.who, row.why, in_force)


async def _row(connection: AsyncConnection, number: int | None) -> _Found | None:
    """The row of that version; None: of the one in force."""
    last = await connection.scalar(select(func.max(t.table_version.c.number)))
    wanted = select(t.table_version).where(t.table_version.c.number == (last if number is None else number))
    row = (await connection.execute(wanted)).one_or_none()
    return None if row is None else (_info(row, last), row.routing, row.directory)


def _read(info: VersionInfo, routing: str, directory: str) -> Version:
    if digest(routing) != info.sha256:
        raise _changed_by_hand(info)
    try:
        return Version(info, *read_routing(routing), read_directory(directory))
    except DoesNotFit as error:
        raise _misfit(info, str(error)) from None


def _as_it_was(version: Version) -> RoutingTable:
    return _composed(version, version.directory)


def _composed(version: Version, directory: Directory) -> RoutingTable:
    try:
        return RoutingTable(centre=version.centre, directory=directory, routing=version.routing)
    except ValidationError as error:
        raise _misfit(version.info, error.errors(include_input=False, include_url=False)[0]["msg"]) from None


def _in_force(found: _Found, rows: list[EntryRow]) -> tuple[int, RoutingTable]:
    version = _read(*found)
    of_kind: dict[str, list[Any]] = {kind.value: [] for kind in DIRECTORY}
    for entry in entries_of(rows):
        of_kind[entry.kind.value].append(entry.value)
    try:
        return version.info.number, _composed(version, Directory.model_validate(of_kind))
    except (OperatorError, ValidationError) as error:
        log.warning("directory_does_not_fit", version=version.info.number, reason=str(error)[:500])
        return version.info.number, _as_it_was(version)


def _texts(table: RoutingTable) -> dict[tuple[str, str], str]:
    halves = ((table.directory, DIRECTORY), (table.routing, ROUTING))
    return {
        (kind.value, key_of(value)): entry_text(value)
        for half, kinds in halves
        for kind in kinds
        for value in entries(half, kind)
    }


def _replacing(rows: list[EntryRow], texts: Mapping[tuple[str, str], str]) -> Writing:
    """What makes `rows` into the entries of `texts`; an entry that is the same keeps its revision."""
    changes = Writing()
    there = {(kind, key): (revision, body) for kind, key, revision, body in rows}
    changes.entries = dict.fromkeys(there.keys() - texts.keys())
    for name, text in texts.items():
        revision, body = there.get(name, (0, None))
        if body != text:
            changes.entries[name] = (revision + 1, text)
    return changes


def _changed_by_hand(info: VersionInfo) -> OperatorError:
    return OperatorError(
        Bilingual(
            f"Versi {info.number} dari tabel perutean telah diubah di dalam basis data: SHA-256-nya bukan "
            f"{info.sha256}.",
            f"Version {info.number} of the routing table was changed in the database: its SHA-256 is not "
            f"{info.sha256}.",
        ),
        Bilingual(
            "Terbitkan lagi tabel yang benar: callrouter routes import BERKAS.yaml --publish --why ALASAN.",
            "Publish the right table anew: callrouter routes import FILE.yaml --publish --why REASON.",
        ),
    )


def _misfit(info: VersionInfo, told: str) -> OperatorError:
    return OperatorError(
        Bilingual(
            f"Versi {info.number} dari tabel perutean tidak cocok dengan callrouter ini: {told}.",
            f"Version {info.number} of the routing table does not fit this callrouter: {told}.",
        ),
        Bilingual(
            "Terbitkan tabel yang cocok (callrouter routes import BERKAS.yaml --publish --why ALASAN), atau pasang "
            "callrouter yang dulu menerbitkannya.",
            "Publish a table that does (callrouter routes import FILE.yaml --publish --why REASON), or install the "
            "callrouter that made it.",
        ),
    )
