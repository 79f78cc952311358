"""What is done before anything runs: database, table, prompts, the PBX's configuration."""

from __future__ import annotations

import asyncio
import getpass
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from callrouter.asterisk import doctor_script
from callrouter.asterisk.fits import require_fits
from callrouter.asterisk.pbx import Asterisk, Pbx, find
from callrouter.asterisk.render import PbxSecrets, cannot_write, read_secrets, render
from callrouter.bilingual import Bilingual, reason
from callrouter.errors import OperatorError
from callrouter.prompts import build as prompts
from callrouter.publishing.importing import read_table
from callrouter.routing.table import RoutingTable
from callrouter.settings import Settings
from callrouter.storage.database import Database
from callrouter.storage.revisions import migrate
from callrouter.storage.versions import Versions

Say = Callable[[str], None]


def make_state(settings: Settings) -> None:
    """Make the state folder. Raises OperatorError if that is not possible."""
    try:
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o750)
    except OSError as error:
        why = reason(error)
        raise OperatorError(
            Bilingual(
                f"Folder data {settings.state} tidak dapat dibuat: {why.id}.",
                f"The state folder {settings.state} cannot be made: {why.en}.",
            ),
            Bilingual(
                "Atur CALLROUTER_STATE ke folder yang boleh ditulis oleh pengguna ini.",
                "Set CALLROUTER_STATE to a folder this user may write.",
            ),
        ) from None


async def migrate_database(settings: Settings) -> str:
    """Bring the database to the revision of this code and return it."""
    if settings.database_url is None:
        make_state(settings)
    return await asyncio.to_thread(migrate, settings.database)


async def import_table(settings: Settings, path: Path) -> int:
    """Publish the table of a YAML file and return its version. Nothing is changed if anything is wrong with it."""
    table = read_table(path)
    require_fits(table)
    return await _publish(settings, table, path)


async def _publish(settings: Settings, table: RoutingTable, path: Path) -> int:
    database = Database(settings.database)
    try:
        await database.check_revision()
        return await Versions(database).publish(table, _user(), f"imported from {path.name}")
    finally:
        await database.close()


async def _any_published(settings: Settings) -> bool:
    database = Database(settings.database)
    try:
        return await Versions(database).newest_number() is not None
    finally:
        await database.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        return f"uid {os.getuid()}"


async def table_in_force(settings: Settings) -> tuple[int, RoutingTable]:
    """Return the newest published version. Raises OperatorError where there is none."""
    database = Database(settings.database)
    try:
        await database.check_revision()
        return published(await Versions(database).current())
    finally:
        await database.close()


def published(current: tuple[int, RoutingTable] | None) -> tuple[int, RoutingTable]:
    """Return the newest version as it is. Raises OperatorError where there is none."""
    if current is None:
        raise OperatorError(
            Bilingual("Belum ada tabel perutean yang diterbitkan.", "No routing table has been published yet."),
            Bilingual(
                "Terbitkan satu: callrouter routes import BERKAS.yaml.",
                "Publish one: callrouter routes import FILE.yaml.",
            ),
        )
    return current


async def make_prompts(settings: Settings, table: RoutingTable, say: Say) -> None:
    """Make the clips that `table` needs; recorded ones in ``recorded`` of the state folder win."""

    def make() -> None:
        prompts.build(
            table,
            settings.prompts_dir,
            pbx_root=settings.pbx_root,
            recorded=settings.state.resolve() / "recorded",
            report=lambda line: say(line.said(settings.language)),
        )

    await asyncio.to_thread(make)


async def render_pbx(settings: Settings, table: RoutingTable, version: int) -> tuple[Asterisk, PbxSecrets]:
    """Write the PBX's configuration; return the Asterisk it is for, and the secrets in it."""
    asterisk = await find(settings.pbx_root)
    keys = read_secrets(settings.secrets_dir, tuple(o.key for o in table.directory.operators))
    script = Path(doctor_script.__file__)
    selftest = settings.pbx_dir / "agi-bin" / "selftest"
    render(settings, table, version, keys, asterisk.files, str(selftest))
    try:
        selftest.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(script))}\n")
        selftest.chmod(0o755)
    except OSError as error:
        raise cannot_write(selftest, error) from None
    return asterisk, keys


def require_rendered(settings: Settings) -> None:
    """Raise OperatorError where the PBX's configuration has not been written into this state folder.

    Secrets that were made now would be none that the PBX knows.
    """
    needed = [settings.pbx_dir / "etc" / "asterisk.conf"]
    needed += [settings.secrets_dir / name for name in ("agi", "ami-hands", "ami-keeper")]
    for file in (path for path in needed if not path.is_file()):
        raise OperatorError(
            Bilingual(
                f"Konfigurasi PBX belum dibuat: {file} tidak ada.",
                f"The PBX's configuration is not rendered: there is no {file}.",
            ),
            Bilingual(
                "Jalankan `callrouter pbx render` dan mulai PBX dengan konfigurasi itu; atau perbaiki "
                "CALLROUTER_STATE.",
                "Run `callrouter pbx render` and start the PBX with it; or correct CALLROUTER_STATE.",
            ),
        )


async def prepare(
    settings: Settings, table_file: Path | None, say: Say, *, otherwise: Path | None = None
) -> tuple[Pbx, RoutingTable, PbxSecrets]:
    """Do all of the above; return a PBX ready to be started, its table and the secrets.

    table_file: a table to publish; otherwise: one to publish where none is published yet
    What can be wrong is looked at first, and a table is published only when its prompts are there.
    """
    if table_file is not None:
        require_fits(read_table(table_file))
    await find(settings.pbx_root)
    revision = await migrate_database(settings)
    say(Bilingual(f"basis data: revisi {revision}", f"database: revision {revision}").said(settings.language))
    table_file = table_file or (None if await _any_published(settings) else otherwise)
    if table_file is not None:
        given = read_table(table_file)
        await make_prompts(settings, given, say)
        number = await _publish(settings, given, table_file)
        told = Bilingual(
            f"tabel perutean: {table_file.name} adalah versi {number}",
            f"routing table: {table_file.name} is version {number}",
        )
        say(told.said(settings.language))
    version, table = await table_in_force(settings)
    await make_prompts(settings, table, say)
    asterisk, keys = await render_pbx(settings, table, version)
    folder = settings.pbx_dir / "etc"
    told = Bilingual(
        f"PBX: Asterisk {asterisk.version}, konfigurasi di {folder}",
        f"PBX: Asterisk {asterisk.version}, configuration in {folder}",
    )
    say(told.said(settings.language))
    return Pbx(asterisk, settings.pbx_dir, settings.asterisk_timezone), table, keys
