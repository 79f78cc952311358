"""The composition root: every part is built here, by hand, started in order, and stopped in the opposite one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import structlog

from callrouter import __version__
from callrouter.api.server import ApiServer
from callrouter.asterisk.agi import AgiServer
from callrouter.asterisk.agi_session import AgiSession
from callrouter.asterisk.ami import AmiLink, AmiRefused, AmiUnavailable
from callrouter.asterisk.check import PbxCheck
from callrouter.asterisk.dialplan import Dialplan, arrival
from callrouter.asterisk.render import PbxSecrets, read_secrets
from callrouter.asterisk.watch import STATUS_VARIABLES, Watch
from callrouter.calls.board import Board
from callrouter.calls.journal import JournalReader
from callrouter.calls.session import Sessions, snapshot_of
from callrouter.clock import SystemClock
from callrouter.errors import OperatorError
from callrouter.health import ServiceHealth
from callrouter.prompts import build as prompts
from callrouter.routing.table import RoutingTable
from callrouter.settings import Settings
from callrouter.storage.database import Database
from callrouter.storage.incidents import Incidents
from callrouter.storage.journal import Journal
from callrouter.storage.versions import Versions
from callrouter.storage.writer import NoteWriter

log = structlog.get_logger(__name__)

SESSION_GRACE_S = 5.0
FLUSH_S = 5.0
FREE_QUEUE = 1_000


class Service:
    """The running service. `run` returns when it was told to stop."""

    def __init__(self, settings: Settings, table: RoutingTable, version: int, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._keys = read_secrets(settings.secrets_dir, ())
        self._stop = asyncio.Event()
        clock = SystemClock()
        self.writer = NoteWriter(database, settings.writer_queue)
        self.journal = JournalReader(settings.journal_dir, settings.node, Journal(database))
        self.board = Board()
        self._to_free: asyncio.Queue[str] = asyncio.Queue(FREE_QUEUE)
        self._watch = Watch(self.board, self.writer, clock, self.journal.ring, self._free_soon)
        snapshot = snapshot_of(version, table)
        self._sessions = Sessions(lambda: snapshot, self.writer, clock)
        self.agi = AgiServer(
            settings.agi_host,
            settings.agi_port,
            secret=self._keys.agi,
            peers=frozenset(settings.agi_peers),
            max_sessions=settings.max_sessions,
            handler=self._serve,
        )
        self.hands = _link(settings, "hands", self._keys, self._watch.on_event, self._hands_login)
        self.keeper = _link(settings, "keeper", self._keys, lambda _event: None, self._keeper_login)
        self._check = PbxCheck(self.keeper)
        health = ServiceHealth(database, self.hands, self._check, self.agi, self.journal, version)
        self.api = ApiServer(
            settings.api_host,
            settings.api_port,
            incidents=Incidents(database),
            live=self.board,
            health=health,
            language=settings.language,
        )

    def stop(self) -> None:
        """Ask `run` to end. Calls go on: what they need is in the PBX."""
        self._stop.set()

    async def run(self) -> None:
        """Serve until `stop`. Raises OperatorError for what a person must put right before it can serve."""
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(part, name=name)
                for name, part in (
                    ("writer", self.writer.run()),
                    ("journal", self.journal.run()),
                    ("ami-hands", self.hands.run()),
                    ("ami-keeper", self.keeper.run()),
                    ("free", self._free()),
                )
            ]
            try:
                await self._check.at_start()
                await self._listen()
                log.info("service.ready", version=__version__, pid=os.getpid())
                await self._stop.wait()
                await self._wind_down()
            finally:
                for task in running:
                    task.cancel()
                await self.api.stop()
                await self.agi.stop(0)
        await self._database.close()

    async def _listen(self) -> None:
        await self.api.start()
        try:
            await self.agi.start()
        except OSError as error:
            raise OperatorError(
                f"AGI cannot listen on {self._settings.agi_host}:{self._settings.agi_port}: {error.strerror}.",
                "Set CALLROUTER_AGI_PORT to a free port (the PBX's configuration must name the same).",
            ) from error

    async def _wind_down(self) -> None:
        log.info("service.stopping", calls=len(self.board))
        await self.agi.stop(SESSION_GRACE_S)
        await self.writer.flush(FLUSH_S)

    async def _serve(self, session: AgiSession) -> None:
        env = session.env
        came = arrival(session.args, env.get("agi_channel", ""), env.get("agi_uniqueid", ""))
        await self._sessions.serve(came, Dialplan(session))

    async def _hands_login(self) -> None:
        status = await self.hands.action("Status", listing="StatusComplete", Variables=",".join(STATUS_VARIABLES))
        self._watch.resynchronise(status)

    async def _keeper_login(self) -> None:
        await self._check.run()

    def _free_soon(self, channel: str) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._to_free.put_nowait(channel)

    async def _free(self) -> None:
        while True:
            channel = await self._to_free.get()
            try:
                await self.hands.action("Hangup", Channel=channel, Cause="16")
                log.info("leg.freed", channel=channel)
            except (AmiUnavailable, AmiRefused) as error:
                log.info("leg.not_freed", channel=channel, why=str(error))


def _link(settings, name, keys: PbxSecrets, on_event, on_login) -> AmiLink:  # type: ignore[no-untyped-def]
    return AmiLink(
        host=settings.ami_host,
        port=settings.ami_port,
        username=name,
        secret=getattr(keys, name),
        name=name,
        on_event=on_event,
        on_login=on_login,
    )


async def build(settings: Settings) -> Service:
    """Return the service for these settings.

    Raises OperatorError, before anything listens, for a database of another revision, a table that is not there,
    prompts that are missing, or a journal folder that cannot be read.
    """
    database = Database(settings.database)
    await database.check_revision()
    current = await Versions(database).current()
    if current is None:
        raise OperatorError(
            "No routing table has been published yet.", "Publish one: callrouter routes import FILE.yaml."
        )
    version, table = current
    if missing := prompts.check(table, settings.prompts_dir):
        raise OperatorError(
            f"Prompts are missing in {settings.prompts_dir}: {', '.join(missing[:5])}"
            f"{' and more' if len(missing) > 5 else ''}.",
            "Make them: callrouter prompts.",
        )
    _require_journal(settings.journal_dir)
    return Service(settings, table, version, database)


def _require_journal(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise OperatorError(
            f"The journal folder {folder} cannot be written: {error.strerror}.",
            "Give it to this user and to Asterisk's; without it a crash could lose a call.",
        ) from error


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT."""
    service = await build(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stop)
    try:
        await service.run()
    except* OperatorError as group:
        raise group.exceptions[0] from None
