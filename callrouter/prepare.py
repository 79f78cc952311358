"""What is done before anything runs: database, table, prompts, the PBX's configuration."""

from __future__ import annotations

import asyncio
import getpass
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from callrouter.asterisk import doctor_script
from callrouter.asterisk.pbx import Asterisk, Pbx, find
from callrouter.asterisk.render import PbxSecrets, read_secrets, render
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
        settings.state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorError(
            f"The state folder {settings.state} cannot be made: {error.strerror}.",
            "Set CALLROUTER_STATE to a folder this user may write.",
        ) from error


async def migrate_database(settings: Settings) -> str:
    """Bring the database to the revision of this code and return it."""
    make_state(settings)
    return await asyncio.to_thread(migrate, settings.database)


async def import_table(settings: Settings, path: Path) -> int:
    """Publish the table of a YAML file and return its version. Nothing is changed if anything is wrong with it."""
    table = read_table(path)
    database = Database(settings.database)
    try:
        await database.check_revision()
        return await Versions(database).publish(table, getpass.getuser(), f"imported from {path.name}")
    finally:
        await database.close()


async def table_in_force(settings: Settings) -> tuple[int, RoutingTable]:
    """Return the newest published version. Raises OperatorError where there is none."""
    database = Database(settings.database)
    try:
        await database.check_revision()
        current = await Versions(database).current()
    finally:
        await database.close()
    if current is None:
        raise OperatorError(
            "No routing table has been published yet.", "Publish one: callrouter routes import FILE.yaml."
        )
    return current


async def make_prompts(settings: Settings, table: RoutingTable, say: Say) -> None:
    """Make the clips that `table` needs; recorded ones in ``prompts/recorded`` of the state folder win."""
    recorded = settings.state.resolve() / "recorded"
    await asyncio.to_thread(
        lambda: prompts.build(table, settings.prompts_dir, pbx_root=settings.pbx_root, recorded=recorded, report=say)
    )


async def render_pbx(settings: Settings, table: RoutingTable, version: int) -> tuple[Asterisk, PbxSecrets]:
    """Write the PBX's configuration; return the Asterisk it is for, and the secrets in it."""
    asterisk = await find(settings.pbx_root)
    keys = read_secrets(settings.secrets_dir, tuple(o.key for o in table.directory.operators))
    script = Path(doctor_script.__file__)
    selftest = settings.pbx_dir / "agi-bin" / "selftest"
    render(settings, table, version, keys, asterisk.files, str(selftest))
    selftest.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(script))}\n")
    selftest.chmod(0o755)
    return asterisk, keys


async def prepare(settings: Settings, table_file: Path | None, say: Say) -> tuple[Pbx, RoutingTable, PbxSecrets]:
    """Do all of the above; return a PBX ready to be started, its table and the secrets."""
    say(f"database: revision {await migrate_database(settings)}")
    if table_file is not None:
        say(f"routing table: {table_file.name} is version {await import_table(settings, table_file)}")
    version, table = await table_in_force(settings)
    await make_prompts(settings, table, say)
    asterisk, keys = await render_pbx(settings, table, version)
    say(f"PBX: Asterisk {asterisk.version}, configuration in {settings.pbx_dir / 'etc'}")
    return Pbx(asterisk, settings.pbx_dir, settings.asterisk_timezone), table, keys
