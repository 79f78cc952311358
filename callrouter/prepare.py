"""What is done before anything runs: database, table, prompts, the PBX's configuration."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from callrouter.asterisk import doctor_script, failsafe_files
from callrouter.asterisk.failsafe import failsafe_data
from callrouter.asterisk.files import cannot_write
from callrouter.asterisk.fits import require_fits
from callrouter.asterisk.pbx import Asterisk, Pbx, find
from callrouter.asterisk.pbx_secrets import Credentials, PbxSecrets, read_secrets
from callrouter.asterisk.render import render, selftest_path
from callrouter.bilingual import Bilingual, reason
from callrouter.clock import now_us
from callrouter.credentials import CredentialDesk, kept
from callrouter.desk_access import opened
from callrouter.errors import OperatorError
from callrouter.person import this_user
from callrouter.prompts import build as prompts
from callrouter.publishing.importing import read_table
from callrouter.routing.entries import DIRECTORY, Kind, canonical, entries, ordered
from callrouter.routing.table import RoutingTable
from callrouter.settings import Settings
from callrouter.state import migrate_database
from callrouter.storage.database import Database
from callrouter.storage.secrets import SecretTables
from callrouter.storage.versions import Versions
from callrouter.vault import Vault

Say = Callable[[str], None]

TOLD_PROMPTS: Final = 5
"""Missing prompts that a message names."""


async def publish_file(settings: Settings, path: Path) -> int:
    """Publish the table of a YAML file and return its version; one that is in force already keeps its number.

    It is verified like any other. Nothing is changed if anything is wrong with it.
    """
    table = read_table(path)
    require_fits(table, settings)
    async with opened(settings, mending=True) as office:
        number, live = office.live
        if number and live_is(live, table):
            return number
        published = await office.import_and_publish(table, None, f"imported from {path.name}", this_user())
        return published.number


def live_is(live: RoutingTable, table: RoutingTable) -> bool:
    """Return whether what is in force is that table, whatever the order in which its parts were written."""
    return (
        live.centre == table.centre
        and canonical(live.routing) == canonical(table.routing)
        and all(
            ordered(k, list(entries(live.directory, k))) == ordered(k, list(entries(table.directory, k)))
            for k in DIRECTORY
        )
    )


async def make_accounts(settings: Settings, table: RoutingTable) -> dict[str, str]:
    """Make a secret for each operator who has none yet, and return them by operator: they cannot be shown again."""
    async with _credential_desk(settings) as desk:
        fresh = [o.key for o in table.directory.operators if o.key not in desk.known.operators]
        return {key: await desk.new_operator_secret(key, this_user()) for key in fresh}


async def new_account(settings: Settings, operator: str) -> str:
    """Make a new secret for an operator and return it, this once. For when no service runs. Raises OperatorError."""
    async with opened(settings) as office:
        office.entry(Kind.OPERATORS, operator)
    async with _credential_desk(settings) as desk:
        return await desk.new_operator_secret(operator, this_user())


@contextlib.asynccontextmanager
async def _credential_desk(settings: Settings) -> AsyncIterator[CredentialDesk]:
    database = Database(settings.database)
    try:
        await database.check_revision()
        vault = Vault(settings.key_path)
        store = SecretTables(database, vault.chain_key())
        known = await kept(store, vault)
        yield CredentialDesk(store, vault, known, _nobody_to_show, now_us)
    finally:
        await database.close()


async def _nobody_to_show(_credentials: Credentials) -> None:
    """The PBX is not running: its files are rendered afterwards."""


async def _any_published(settings: Settings) -> bool:
    database = Database(settings.database)
    try:
        return await Versions(database).newest_number() is not None
    finally:
        await database.close()


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
                "Terbitkan satu: callrouter routes import BERKAS.yaml --publish --why ALASAN.",
                "Publish one: callrouter routes import FILE.yaml --publish --why REASON.",
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
    """Write the PBX's configuration and its failsafe; return the Asterisk it is for, and the secrets in it."""
    asterisk = await find(settings.pbx_root)
    keys = read_secrets(settings.secrets_dir)
    script = Path(doctor_script.__file__)
    selftest = selftest_path(settings)
    async with _credential_desk(settings) as desk:
        render(settings, table, version, keys, desk.known, asterisk.files)
    await write_failsafe(settings, table, version)
    try:
        selftest.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(script))}\n")
        selftest.chmod(0o755)
    except OSError as error:
        raise cannot_write(selftest, error) from None
    return asterisk, keys


async def write_failsafe(settings: Settings, table: RoutingTable, version: int) -> None:
    """Write what the PBX goes on by without a service, and let it count: also before any service has run.

    Raises OperatorError.
    """

    def make() -> None:
        data = failsafe_data(table, version, datetime.now(UTC))
        failsafe_files.write(settings.failsafe_dir, data)
        failsafe_files.switch(settings.failsafe_dir, data.name)

    try:
        await asyncio.to_thread(make)
    except OSError as error:
        raise cannot_write(settings.failsafe_dir, error) from None


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


def require_prompts(table: RoutingTable, folder: Path) -> None:
    """Raise OperatorError where clips that `table` needs are missing in `folder`, or cannot be played."""
    missing = prompts.check(table, folder)
    if not missing:
        return
    told, more = ", ".join(missing[:TOLD_PROMPTS]), len(missing) - TOLD_PROMPTS
    raise OperatorError(
        Bilingual(
            f"Klip suara tidak ada atau rusak di {folder}: {told}{f' dan {more} lagi' if more > 0 else ''}.",
            f"Prompts are missing or damaged in {folder}: {told}{f' and {more} more' if more > 0 else ''}.",
        ),
        Bilingual("Buat klip itu: callrouter prompts.", "Make them: callrouter prompts."),
    )


def require_journal(folder: Path) -> None:
    """Raise OperatorError where the journal's folder cannot be written; it is made where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        why = reason(error)
        raise OperatorError(
            Bilingual(
                f"Folder jurnal {folder} tidak dapat ditulis: {why.id}.",
                f"The journal folder {folder} cannot be written: {why.en}.",
            ),
            Bilingual(
                "Berikan hak tulis kepada pengguna ini dan pengguna Asterisk; tanpa jurnal, panggilan dapat hilang "
                "jika layanan mati mendadak.",
                "Give it to this user and to Asterisk's; without it a crash could lose a call.",
            ),
        ) from None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A PBX that is ready to be started. accounts: secrets that were made now, by operator; shown only now."""

    pbx: Pbx
    table: RoutingTable
    keys: PbxSecrets
    accounts: dict[str, str] = field(repr=False)


async def prepare(
    settings: Settings, table_file: Path | None, say: Say, *, otherwise: Path | None = None
) -> Prepared:
    """Do all of the above; return a PBX ready to be started, and what belongs to it.

    table_file: a table to publish; otherwise: one to publish where none is published yet
    What can be wrong is looked at first, and a table is published only when its prompts are there.
    """
    if table_file is not None:
        require_fits(read_table(table_file), settings)
    await find(settings.pbx_root)
    revision = await migrate_database(settings)
    say(Bilingual(f"basis data: revisi {revision}", f"database: revision {revision}").said(settings.language))
    table_file = table_file or (None if await _any_published(settings) else otherwise)
    if table_file is not None:
        given = read_table(table_file)
        await make_prompts(settings, given, say)
        number = await publish_file(settings, table_file)
        told = Bilingual(
            f"tabel perutean: {table_file.name} adalah versi {number}",
            f"routing table: {table_file.name} is version {number}",
        )
        say(told.said(settings.language))
    version, table = await table_in_force(settings)
    await make_prompts(settings, table, say)
    accounts = await make_accounts(settings, table)
    asterisk, keys = await render_pbx(settings, table, version)
    folder = settings.pbx_dir / "etc"
    told = Bilingual(
        f"PBX: Asterisk {asterisk.version}, konfigurasi di {folder}",
        f"PBX: Asterisk {asterisk.version}, configuration in {folder}",
    )
    say(told.said(settings.language))
    return Prepared(Pbx(asterisk, settings.pbx_dir, settings.asterisk_timezone), table, keys, accounts)
