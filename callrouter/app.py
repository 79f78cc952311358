"""The composition root: every group of parts is built here, by hand, run, and ended in the opposite order."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import resource
import signal
import sys
from contextlib import AsyncExitStack
from typing import Final

import structlog

from callrouter import __version__, heap
from callrouter.asterisk.pbx_secrets import read_secrets
from callrouter.errors import OperatorError
from callrouter.listening import SERVICE, require_free
from callrouter.management import Kept, kept
from callrouter.metrics import Metrics
from callrouter.prepare import published, require_journal, require_prompts, require_rendered
from callrouter.routing.table import RoutingTable
from callrouter.settings import Settings
from callrouter.storage.database import Database
from callrouter.storage.versions import Versions
from callrouter.wiring.calls import Calls
from callrouter.wiring.desk import Desk
from callrouter.wiring.events import Events
from callrouter.wiring.figures import Figures
from callrouter.wiring.group import Group
from callrouter.wiring.in_force import InForce
from callrouter.wiring.incidents import IncidentLife
from callrouter.wiring.judgement import Judging
from callrouter.wiring.links import Links
from callrouter.wiring.outgoing import Outgoing
from callrouter.wiring.parties import Neighbours
from callrouter.wiring.privacy import Privacy
from callrouter.wiring.readiness import Readiness
from callrouter.wiring.records import Records
from callrouter.wiring.signalling import Signalling
from callrouter.wiring.supervision import Supervision
from callrouter.wiring.surface import Surface

log = structlog.get_logger(__name__)

DESCRIPTORS: Final = 8_192
SWITCH_S: Final = 0.0005
"""How long a thread that computes may keep the loop of calls waiting. A session waits so long for each answer of the
PBX while a table is prepared in a thread; with Python's own 5 ms that adds up."""


class Service:
    """The running service. `run` returns when it was told to stop."""

    def __init__(
        self, settings: Settings, table: RoutingTable, version: int, database: Database, stores: Kept
    ) -> None:
        self._database = database
        self._stop = asyncio.Event()
        keys, metrics = read_secrets(settings.secrets_dir), Metrics()
        links = self._links = Links(settings, keys)
        in_force = InForce(version, table)
        desk = self._desk = Desk(settings, stores, links, in_force)
        incidents = IncidentLife(settings, database, in_force.agency)
        outgoing = Outgoing(settings, database, incidents, links, in_force)
        records = Records(settings, database, desk.duty, incidents.changes, metrics)
        outgoing.follow(records.journal)
        judging = Judging(database, incidents.changes)
        supervision = self._supervision = Supervision(settings, database, links, in_force, incidents.changes)
        supervision.follow(records.journal)
        signalling = Signalling(settings, keys, in_force, records)
        calls = self._calls = Calls(
            settings,
            database,
            keys,
            links,
            in_force,
            records,
            desk.duty,
            signalling.locations,
            judging,
            supervision,
            unsure=desk.unsure,
            metrics=metrics,
        )
        readiness = self._readiness = Readiness(
            settings, database, keys, links, in_force, desk, records, calls, outgoing
        )
        privacy = Privacy(settings, database, links)
        events = Events(database, links, in_force, desk.duty, calls, judging.suspicions)
        figures = Figures(settings, database, links, in_force, calls)
        neighbours = Neighbours(settings, database, links, in_force, records, calls, incidents, outgoing)
        surface = Surface(
            settings,
            database,
            in_force,
            desk,
            calls,
            readiness,
            privacy,
            incidents,
            events,
            outgoing=outgoing,
            neighbours=neighbours,
            supervision=supervision,
            figures=figures,
            metrics=metrics,
        )
        self._groups: tuple[Group, ...] = (
            links,
            in_force,
            desk,
            incidents,
            outgoing,
            records,
            judging,
            supervision,
            signalling,
            calls,
            events,
            figures,
            neighbours,
            readiness,
            privacy,
            surface,
        )
        # What an earlier group has to tell a later one. The calls that are up are learned first, at a login.
        links.tell(
            events=(
                calls.heard,
                neighbours.parties.heard,
                events.heard,
                privacy.recorder.heard,
                desk.heard,
                outgoing.heard,
                supervision.heard,
            ),
            hands=(calls.hands_login, neighbours.parties.hands_login, desk.hands_login),
            keeper=(desk.keeper_login, events.keeper_login, links.check.run),
        )
        supervision.tell(events.feed)
        incidents.changes.follow(events.news.changed)
        in_force.follow(desk.follow, signalling.follow, events.follow)
        metrics.gauge("build_info", "The version of callrouter.", lambda: 1, {"version": __version__})
        for group in self._groups:
            group.show(metrics)

    async def open(self) -> None:
        """Read what is kept. Raises StorageUnavailable, OperatorError."""
        await self._desk.open()
        await self._supervision.open()

    def stop(self) -> None:
        """Ask `run` to end. Calls go on: what they need is in the PBX."""
        self._stop.set()

    async def run(self) -> None:
        """Serve until `stop`. Raises OperatorError for what a person must put right before it can serve."""
        try:
            await self._run()
        finally:
            await self._database.close()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks, AsyncExitStack() as ends:
            for group in self._groups:
                ends.push_async_callback(group.close)
            for name, part in [task for group in self._groups for task in group.tasks()]:
                ends.callback(tasks.create_task(part, name=name).cancel)
            await self._links.check.at_start()
            for group in self._groups:
                await group.listen()
            self._desk.managed.let_in()
            await self._readiness.rehearse()
            # What was built stays: a full collection over it would stop every call for tens of milliseconds.
            gc.collect()
            gc.freeze()
            log.info("service.ready", version=__version__, pid=os.getpid())
            self._readiness.serving()
            await self._stop.wait()
            log.info("service.stopping", calls=len(self._calls.board))
            await self._wind_down()

    async def _wind_down(self) -> None:
        backwards = self._groups[::-1]
        await asyncio.gather(*(group.leave() for group in backwards))
        for group in backwards:
            await group.settle()


async def build(settings: Settings) -> Service:
    """Return the service for these settings.

    Raises OperatorError, before anything runs, listens or is written, for a database of another revision, a table
    that is not there, prompts that are missing, a PBX whose configuration was not written here, a journal folder that
    cannot be written, or a port in use.
    """
    heap.share()
    database = Database(settings.database)
    try:
        await database.check_revision()
        version, table = published(await Versions(database).current())
        require_prompts(table, settings.prompts_dir)
        require_rendered(settings)
        require_journal(settings.journal_dir)
        require_free(settings, SERVICE)
        service = Service(settings, table, version, database, await kept(settings, database))
        await service.open()
    except BaseException:
        await database.close()
        raise
    return service


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT."""
    # A watchdog's SIGABRT leaves where every thread was.
    faulthandler.enable()
    _room_for_connections()
    sys.setswitchinterval(SWITCH_S)
    service = await build(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stop)
    try:
        await service.run()
    except ExceptionGroup as group:
        raise _first(group) or group from None


def _room_for_connections() -> None:
    """Lift the soft limit of descriptors: sessions and handshakes together exceed the 1,024 that is common."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _first(group: ExceptionGroup[Exception]) -> OperatorError | None:
    """What a person must put right, out of what ended the parts of the service."""
    for error in group.exceptions:
        found = _first(error) if isinstance(error, ExceptionGroup) else error
        if isinstance(found, OperatorError):
            return found
    return None
