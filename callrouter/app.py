"""The composition root: every part is built here, by hand, started in order, and stopped in the opposite one."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import gc
import os
import resource
import signal
import sys
import time
from collections.abc import Awaitable, Callable

import structlog

from callrouter import __version__, heads
from callrouter.api.ports import Management
from callrouter.api.server import ApiServer
from callrouter.api.tls import server_context
from callrouter.asterisk.agi import AgiServer
from callrouter.asterisk.agi_session import AgiSession
from callrouter.asterisk.ami import AmiEvent, AmiLink, AmiRefused, AmiUnavailable
from callrouter.asterisk.check import PbxCheck
from callrouter.asterisk.dialplan import Dialplan, arrival, invite_with_location
from callrouter.asterisk.hep import Captured, HepReceiver
from callrouter.asterisk.living import living_calls
from callrouter.asterisk.loader import PbxLoader
from callrouter.asterisk.locations import Locations
from callrouter.asterisk.pbx_secrets import PbxSecrets, read_secrets
from callrouter.asterisk.queues import AmiQueues
from callrouter.asterisk.refusals import OwnAddresses, Refusals
from callrouter.asterisk.variables import CALL
from callrouter.asterisk.watch import STATUS_VARIABLES, Watch
from callrouter.bilingual import Bilingual
from callrouter.calls.board import Board
from callrouter.calls.journal import JournalReader
from callrouter.calls.ports import CallRefused
from callrouter.calls.reconcile import Look, Reconciler, Unseen
from callrouter.calls.records import DutyActed
from callrouter.calls.session import Exit, Sessions, Snapshot, snapshot_of
from callrouter.clock import SystemClock
from callrouter.disk import DiskWatch
from callrouter.duty.roster import Roster
from callrouter.errors import OperatorError
from callrouter.gauges import Parts, show
from callrouter.health import ServiceHealth
from callrouter.listening import SERVICE, cannot_listen, own_address, require_free
from callrouter.loopwatch import LoopWatch
from callrouter.management import Kept, Managed, kept
from callrouter.metrics import CountedJournal, Metrics
from callrouter.notify import Supervisor
from callrouter.prepare import published, require_journal, require_prompts, require_rendered
from callrouter.probe_record import LastProbe
from callrouter.routing.table import RoutingTable
from callrouter.selfcheck import SelfCheck, rehearsed_trunk
from callrouter.settings import Settings
from callrouter.storage.callbacks import Callbacks
from callrouter.storage.database import Database
from callrouter.storage.incidents import Incidents
from callrouter.storage.journal import Journal
from callrouter.storage.opencalls import CallsWithoutEnd
from callrouter.storage.refused import RefusedInvites
from callrouter.storage.setaside import SetAsideLines
from callrouter.storage.versions import Versions
from callrouter.storage.writer import NoteWriter

log = structlog.get_logger(__name__)

SESSION_GRACE_S = 5.0
FLUSH_S = 5.0
CATCH_UP_S = 10.0
RING_WHOLE = 0.8
"""Part of an operator's ring that he must have let go by: the PBX tells of rings that others cut short, too."""
FREE_QUEUE = 1_000
DESCRIPTORS = 8_192
SWITCH_S = 0.0005
"""How long a thread that computes may keep the loop of calls waiting. A session waits so long for each answer of the
PBX while a table is prepared in a thread; with Python's own 5 ms that adds up."""


class Service:
    """The running service. `run` returns when it was told to stop."""

    def __init__(
        self, settings: Settings, table: RoutingTable, version: int, database: Database, stores: Kept
    ) -> None:
        self._settings = settings
        self._database = database
        self._keys = read_secrets(settings.secrets_dir)
        self._stop = asyncio.Event()
        self._to_free: asyncio.Queue[str] = asyncio.Queue(FREE_QUEUE)
        self._live = snapshot_of(version, table)
        self._roster = _roster(self._live)
        clock = self._clock = SystemClock()
        self.hands = _link(settings, "hands", self._keys, self._on_event, self._hands_login)
        self.keeper = _link(settings, "keeper", self._keys, lambda _event: None, self._keeper_login)
        loader = PbxLoader(settings, self._keys, self.keeper, self.hands)
        self.managed = Managed(
            settings,
            stores,
            loader,
            AmiQueues(self.hands),
            self._go_live,
            lambda: self._roster,
            lambda: self._live,
        )
        duty = self.managed.duty
        self.metrics = Metrics()
        self.writer = NoteWriter(database, settings.writer_queue)
        self.journal = JournalReader(
            settings.journal_dir,
            settings.node,
            CountedJournal(Journal(database), self.metrics),
            self._by_phone,
            settings.journal_keep_days,
        )
        self.board = Board()
        self.reconciler = Reconciler(
            settings.node,
            CallsWithoutEnd(database),
            self._look_at_pbx,
            self.journal.taken,
            self.board.live,
            clock,
            lambda: self.hands.lost_at,
        )
        self._sessions = Sessions(lambda: self._live, self.writer, clock, duty.staffed)
        self._watch = Watch(
            self.board,
            self.writer,
            clock,
            self._sessions.chosen,
            self.journal.ring,
            self._free_soon,
            duty.missed,
            duty.answered,
            RING_WHOLE * settings.timers.member_ring_s * 1000,
            duty.seen_by_phone,
        )
        self.agi = AgiServer(
            settings.agi_host,
            settings.agi_port,
            secret=self._keys.agi,
            peers=frozenset(settings.agi_peers),
            max_sessions=settings.max_sessions,
            handler=self._serve,
            rehearse=self._rehearse,
            own=own_address(settings.agi_host),
        )
        self.consultation = SelfCheck(
            own_address(settings.agi_host),
            lambda: self.agi.port,
            self._keys.agi,
            settings.node,
            lambda: rehearsed_trunk(self._live.compiled.table),
            within_s=settings.timers.lease_s,
        )
        self.loop_watch = LoopWatch()
        self.disk = DiskWatch({"journal": settings.journal_dir, "recordings": settings.recordings_dir})
        self.probe = LastProbe(settings.probe_file)
        self._supervisor = Supervisor(lambda: self.consultation.fresh, self._in_words, settings.language)
        self.refusals = Refusals(
            settings.node,
            OwnAddresses(settings.sip_host, settings.sip_port),
            _by_address(table),
            self._note_refused,
        )
        self.locations = Locations(table.directory.trunks)
        self.hep = HepReceiver(
            settings.hep_host,
            settings.hep_port,
            secret=self._keys.hep,
            peers=frozenset(settings.agi_peers),
            see=self._seen,
        )
        self._check = PbxCheck(self.keeper, self.hands, f"{settings.ami_host}:{settings.ami_port}")
        self.api = self._api()
        self._show_gauges()

    def _api(self) -> ApiServer:
        settings, managed = self._settings, self.managed
        health = ServiceHealth(
            self._database,
            self.hands,
            self._check,
            self.agi,
            self.journal,
            lambda: self._live.compiled.version,
            managed.not_shown,
            failsafe=managed.failsafe,
            consultation=self.consultation,
            probe=self.probe,
            disk=self.disk,
        )
        return ApiServer(
            settings.api_host,
            settings.api_port,
            incidents=Incidents(self._database),
            refused_calls=RefusedInvites(self._database),
            callbacks=Callbacks(self._database, lambda: self._live.compiled.urgency),
            set_aside=SetAsideLines(self._database),
            live=self.board,
            health=health,
            measured=self.metrics.text,
            management=Management(managed.publishing, managed.secrets, managed.duty, managed.tokens, managed.audit),
            language=settings.language,
            tls=server_context(settings.api_tls_cert, settings.api_tls_key) if settings.api_tls_cert else None,
        )

    def _show_gauges(self) -> None:
        managed = self.managed
        parts = Parts(
            agi=self.agi,
            links=(self.hands, self.keeper),
            board=self.board,
            writer=self.writer,
            journal=self.journal,
            reconciler=self.reconciler,
            sessions=self._sessions,
            watch=self._watch,
            duty=managed.duty,
            consultation=self.consultation,
            loop=self.loop_watch,
            disk=self.disk,
            probe=self.probe,
            failsafe=managed.failsafe,
            hep=self.hep,
            refusals=self.refusals,
            locations=self.locations,
            connections=(lambda: self.api.connections, self.api.limits.connections),
            to_free=(self._to_free.qsize, FREE_QUEUE),
            sources=lambda: managed.throttled,
            version=lambda: self._live.compiled.version,
            shown=lambda: managed.plane.shown,
        )
        show(self.metrics, parts, self._settings.max_sessions)

    async def open(self) -> None:
        """Read what is kept. Raises StorageUnavailable, OperatorError."""
        await self.managed.open()
        await self.managed.duty.start()

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
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(part, name=name)
                for name, part in (
                    ("writer", self.writer.run()),
                    ("journal", self.journal.run()),
                    ("ami-hands", self.hands.run()),
                    ("ami-keeper", self.keeper.run()),
                    ("reconcile", self.reconciler.run()),
                    ("disk", self.disk.run()),
                    ("free", self._free()),
                    ("duty", self._follow_duty()),
                    ("managed", self.managed.run()),
                    ("failsafe", self.managed.failsafe.run()),
                    ("loop-watch", self.loop_watch.run()),
                    ("probe", self.probe.run()),
                    ("audit-heads", heads.keep(self.managed.audit.trail, self.managed.audit.file)),
                )
            ]
            try:
                await self._check.at_start()
                await self._listen()
                self.managed.let_in()
                await self.consultation.once()
                # What was built stays: a full collection over it would stop every call for tens of milliseconds.
                gc.collect()
                gc.freeze()
                asking = tasks.create_task(self.consultation.run(), name="consultation")
                running += [asking, tasks.create_task(self._supervisor.run(), name="supervisor")]
                log.info("service.ready", version=__version__, pid=os.getpid())
                self._supervisor.ready()
                await self._stop.wait()
                asking.cancel()
                await self._wind_down()
            finally:
                for task in running:
                    task.cancel()
                await self.api.stop()
                await self.managed.close()
                await self.agi.stop(0)
                self.hep.stop()

    async def _listen(self) -> None:
        await self.api.start()
        try:
            await self.agi.start()
        except OSError as error:
            raise cannot_listen("agi", self._settings.agi_host, self._settings.agi_port, error) from None
        try:
            await self.hep.start()
        except OSError as error:
            raise cannot_listen("hep", self._settings.hep_host, self._settings.hep_port, error) from None

    async def _wind_down(self) -> None:
        log.info("service.stopping", calls=len(self.board))
        self._supervisor.stopping()
        # Ports first: the next service may be waiting for them, and a caller who is refused goes on at once.
        self.hep.stop()
        await asyncio.gather(self.agi.stop(SESSION_GRACE_S), self.api.stop())
        await self.writer.flush(FLUSH_S)

    async def _serve(self, session: AgiSession) -> None:
        env = session.env
        came = arrival(session.args, env.get("agi_channel", ""), env.get("agi_uniqueid", ""))
        invite = invite_with_location(session.args)
        located = self.locations.of(came.trunk, invite) if invite else None
        begun = time.perf_counter()
        if await self._sessions.serve(came, Dialplan(session), located) is Exit.HANDED_OVER:
            self.metrics.consulted.observe(time.perf_counter() - begun)

    async def _rehearse(self, session: AgiSession) -> None:
        await self._sessions.rehearse(arrival(session.args, "", ""), Dialplan(session))

    def _in_words(self) -> Bilingual:
        calls = len(self.board)
        if self._stop.is_set():
            return Bilingual(
                f"Berhenti; {calls} panggilan diteruskan oleh PBX.", f"Stopping; the PBX goes on with {calls} calls."
            )
        if not self.consultation.fresh:
            return Bilingual(
                "Konsultasi tidak dijawab: PBX melayani panggilan sendiri.",
                "Consultations get no answer: the PBX serves calls alone.",
            )
        return Bilingual(f"Melayani; {calls} panggilan berlangsung.", f"Serving; {calls} calls are up.")

    def _seen(self, captured: Captured) -> None:
        self.locations.see(captured)
        self.refusals.see(captured)

    async def _hands_login(self) -> None:
        self.reconciler.logged_in()
        status = await self.hands.action("Status", listing="StatusComplete", Variables=",".join(STATUS_VARIABLES))
        self._watch.resynchronise(status)
        self.managed.duty.table_changed()
        self.managed.logged_in()

    async def _keeper_login(self) -> None:
        self.managed.logged_in()
        await self._check.run()

    async def _follow_duty(self) -> None:
        # What operators did by phone while we were away counts, and must be known before the queues are set.
        try:
            async with asyncio.timeout(CATCH_UP_S):
                await self.journal.caught_up.wait()
        except TimeoutError:
            log.warning("duty.journal_not_read_yet")
        await self.managed.duty.run()

    async def _look_at_pbx(self) -> Look:
        asked, login = self._clock.now_us(), self.hands.counters.logins
        if not self.keeper.connected:
            raise Unseen("one of the two links to the PBX is down")
        try:
            status = await self.hands.action("Status", listing="StatusComplete", Variables=CALL)
        except (AmiUnavailable, AmiRefused) as error:
            raise Unseen(str(error)) from None
        return Look(asked, living_calls(status), login)

    def _on_event(self, event: AmiEvent) -> None:
        if event.name == "FullyBooted" and (up := event.fields.get("Uptime", "")).isdigit():
            self.reconciler.booted(float(up))
        self._watch.on_event(event)

    def _go_live(self, snapshot: Snapshot) -> None:
        self._live, self._roster = snapshot, _roster(snapshot)
        gc.freeze()  # as at the start: no collection may walk through a whole table while calls wait
        self.managed.secrets.only_of(snapshot.compiled.table.directory)
        self.refusals.name(_by_address(snapshot.compiled.table))
        self.locations.trust(snapshot.compiled.table.directory.trunks)
        self.managed.duty.table_changed()

    async def _by_phone(self, acted: DutyActed) -> None:
        await self.managed.duty.by_phone(acted.operator, acted.act, acted.at)

    def _note_refused(self, note: CallRefused) -> bool:
        # A storm of refusals must not take the room that the notes of calls need.
        return self.writer.backlog < self.writer.capacity // 2 and self.writer.put(note)

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


def _by_address(table: RoutingTable) -> dict[str, str]:
    return {trunk.host: trunk.key for trunk in table.directory.trunks}


def _roster(snapshot: Snapshot) -> Roster:
    return Roster(snapshot.compiled.table, snapshot.compiled.calendar)


def _link(
    settings: Settings,
    name: str,
    keys: PbxSecrets,
    on_event: Callable[[AmiEvent], None],
    on_login: Callable[[], Awaitable[None]],
) -> AmiLink:
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

    Raises OperatorError, before anything runs, listens or is written, for a database of another revision, a table
    that is not there, prompts that are missing, a PBX whose configuration was not written here, a journal folder that
    cannot be written, or a port in use.
    """
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
