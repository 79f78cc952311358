"""The desk for the command line: opened on the database itself, and its refusals as messages for a person."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from callrouter.asterisk.fits import require_fits
from callrouter.bilingual import Bilingual, joined, same
from callrouter.errors import OperatorError
from callrouter.publishing.errors import (
    DeskError,
    InUse,
    Invalid,
    Moved,
    NeedsApproval,
    NoSuchEntry,
    NotVerified,
    PbxRefused,
)
from callrouter.publishing.importing import table_content
from callrouter.publishing.model import Stored
from callrouter.publishing.publication import PublishingOffice, read_table, verify_table
from callrouter.publishing.worker import Worker
from callrouter.routing.consistency import Problem
from callrouter.routing.table import RoutingTable
from callrouter.routing.verify import Report
from callrouter.settings import Settings
from callrouter.storage.database import Database
from callrouter.storage.desk import DeskTables
from callrouter.vault import Vault

MAX_TOLD: Final = 40


class OfflinePlane:
    """The plane where nothing runs: the database alone is changed, and what starts later makes that live.

    See callrouter.publishing.ports.Plane. What this PBX could not carry is refused here too.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def prepare(self, table: RoutingTable, version: int) -> None:  # noqa: ARG002 - as the plane has it
        """Load nothing. Raises OperatorError for a table that this PBX cannot carry."""
        await asyncio.to_thread(require_fits, table, self._settings)

    def swap(self, table: RoutingTable, version: int) -> None:
        """No call is routed here."""

    async def undo(self, table: RoutingTable, version: int) -> None:
        """Nothing was loaded."""


class _Mendable(DeskTables):
    """The store for who publishes a whole table: a version in force that cannot be read any more counts as none.

    Else the remedy for such a version, to publish the right table anew, would be refused for that very version.
    """

    async def load(self) -> Stored:
        """Return everything."""
        stored = await super().load()
        if stored.in_force is None:
            return stored
        try:
            await self.version(stored.in_force.number)
        except OperatorError:
            return replace(stored, in_force=None)
        return stored


@contextlib.asynccontextmanager
async def opened(settings: Settings, *, mending: bool = False) -> AsyncIterator[PublishingOffice]:
    """Open directory, draft and versions on the database; what is refused is raised as OperatorError.

    What is changed here, a running service does not see: changes go through it where there is one.
    mending: open also where the version in force was changed in the database, or does not fit this callrouter
    """
    database = Database(settings.database)
    try:
        await database.check_revision()
        office = PublishingOffice(
            (_Mendable if mending else DeskTables)(database, Vault(settings.key_path).chain_key()),
            OfflinePlane(settings),
            settings.trunk_networks,
            worker=Worker(),
            two_person=settings.two_person,
        )
        try:
            await office.open()
            yield office
        except DeskError as error:
            raise told(error) from None
        finally:
            await office.close()
    finally:
        await database.close()


async def verified_file(path: Path) -> Report:
    """Return what verify finds in the table of a file. Raises TableError, OperatorError."""
    worker = Worker()
    try:
        table = await read_table(worker, table_content(path), path)
        return await verify_table(worker, table, datetime.now(UTC))
    finally:
        await worker.close()


def told(error: DeskError) -> OperatorError:
    """Return a refusal as what a person is told. Nothing was changed."""
    match error:
        case NoSuchEntry():
            return OperatorError(
                Bilingual(f"Tidak ada: {error}.", f"There is no such thing: {error}."),
                Bilingual("Periksa nomor atau namanya.", "Check its number or name."),
            )
        case Moved():
            return OperatorError(
                Bilingual(
                    "Draf diubah orang lain sementara itu.", "The draft was changed by someone else meanwhile."
                ),
                Bilingual(
                    "Lihat lagi (callrouter routes diff), lalu ulangi.", "Look again (callrouter routes diff)."
                ),
            )
        case Invalid():
            return OperatorError(
                listed(Bilingual("Tabel itu tidak cocok:", "The table does not fit:"), map(problem, error.problems)),
                _NOTHING_CHANGED,
            )
        case InUse():
            uses = (same(f"{use.where}: {use.user} ({use.pointer})") for use in error.uses)
            return OperatorError(
                listed(Bilingual("Yang hilang masih dipakai oleh:", "What would go is used by:"), uses),
                Bilingual(
                    "Terbitkan dulu tabel tanpa nama itu, atau impor sambil menerbitkan (--publish).",
                    "Publish a table without these names first, or import and publish at once (--publish).",
                ),
            )
        case _:
            return _of_publication(error)


def _of_publication(error: DeskError) -> OperatorError:
    match error:
        case NotVerified():
            return OperatorError(
                Bilingual(
                    f"Tabel itu tidak terbukti aman: {len(error.findings)} masalah.",
                    f"The table is not verified: {len(error.findings)} problems.",
                ),
                Bilingual("Lihat semuanya: callrouter routes verify.", "See them: callrouter routes verify."),
            )
        case NeedsApproval():
            return OperatorError(
                Bilingual(
                    "Aturan dua orang: orang lain harus menyetujui draf ini dulu.",
                    "The two-person rule: someone else must approve this draft first.",
                ),
                Bilingual(
                    "Minta persetujuan lewat POST /api/v1/draft/approve.",
                    "Ask for it by POST /api/v1/draft/approve.",
                ),
            )
        case PbxRefused():
            return OperatorError(
                Bilingual(f"PBX menolak: {error.why.id}.", f"The PBX refused: {error.why.en}."), _NOTHING_CHANGED
            )
        case _:
            return OperatorError(str(error), _NOTHING_CHANGED)


def listed(head: Bilingual, lines: Iterable[Bilingual]) -> Bilingual:
    """Return a heading with lines below it, at most 40."""
    all_lines = list(lines)
    shown = [Bilingual(f"\n  {line.id}", f"\n  {line.en}") for line in all_lines[:MAX_TOLD]]
    more = len(all_lines) - MAX_TOLD
    if more > 0:
        shown.append(Bilingual(f"\n  dan {more} lagi", f"\n  and {more} more"))
    return joined("", (head, *shown))


def problem(found: Problem) -> Bilingual:
    """Return what is wrong as one line."""
    at = f"{found.pointer}: " if found.pointer else ""
    return Bilingual(f"{at}{found.sentence.id}. {found.remedy.id}", f"{at}{found.sentence.en}. {found.remedy.en}")


_NOTHING_CHANGED = Bilingual("Tidak ada yang diubah. Perbaiki, lalu ulangi.", "Nothing was changed. Correct it.")
