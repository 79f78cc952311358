"""What a service shows of itself: which number of which part is which gauge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final

from callrouter import __version__
from callrouter.access.throttle import MAX_SOURCES
from callrouter.asterisk.agi import AgiServer
from callrouter.asterisk.ami import AmiLink
from callrouter.asterisk.failsafe_keeper import FailsafeKeeper
from callrouter.asterisk.hep import HepReceiver
from callrouter.asterisk.locations import MAX_KEPT, Locations
from callrouter.asterisk.refusals import MAX_FOLLOWED, Refusals
from callrouter.asterisk.watch import Watch
from callrouter.calls.board import MAX_CALLS, Board
from callrouter.calls.journal import JournalReader
from callrouter.calls.live import Stage
from callrouter.calls.reconcile import Reconciler
from callrouter.calls.session import Sessions
from callrouter.disk import DiskWatch, Level, Room
from callrouter.duty.service import Duty
from callrouter.loopwatch import LoopWatch
from callrouter.metrics import Metrics
from callrouter.probe_record import LastProbe
from callrouter.selfcheck import SelfCheck
from callrouter.storage.writer import NoteWriter

LEVELS: Final = {Level.OK: 0, Level.WARNING: 1, Level.CRITICAL: 2}


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a service that have something to show.

    version: of the table in force; shown: whether the PBX is known to show it; sources: addresses that are throttled
    to_free: legs that wait to be hung up, and how many may
    """

    agi: AgiServer
    links: tuple[AmiLink, ...]
    board: Board
    writer: NoteWriter
    journal: JournalReader
    reconciler: Reconciler
    sessions: Sessions
    watch: Watch
    duty: Duty
    consultation: SelfCheck
    loop: LoopWatch
    disk: DiskWatch
    probe: LastProbe
    failsafe: FailsafeKeeper
    hep: HepReceiver
    refusals: Refusals
    locations: Locations
    connections: tuple[Callable[[], int], int]
    to_free: tuple[Callable[[], int], int]
    sources: Callable[[], int]
    version: Callable[[], int]
    shown: Callable[[], bool]


def show(metrics: Metrics, parts: Parts, max_sessions: int) -> None:
    """Show all of them. Each is read when somebody asks, and costs nothing until then."""
    metrics.gauge("build_info", "The version of callrouter.", lambda: 1, {"version": __version__})
    _calls(metrics, parts)
    _storage(metrics, parts)
    _pbx(metrics, parts)
    _itself(metrics, parts)
    _bounds(metrics, parts, max_sessions)


def _calls(metrics: Metrics, parts: Parts) -> None:
    metrics.gauges("calls", "Calls that are up.", "stage", lambda: _by_stage(parts.board))
    for ended in parts.sessions.exits:
        read = partial(parts.sessions.exits.__getitem__, ended)
        metrics.counter("consultations", "Calls that asked for plans.", read, {"ended": ended.value})
    metrics.counter(
        "failsafe_calls", "Calls that the PBX served alone while it could tell.", lambda: parts.watch.failsafe_calls
    )
    metrics.counter("calls_cut", "Calls that ended with their PBX.", lambda: parts.reconciler.cut)
    metrics.gauge(
        "calls_unseen", "Calls without an end that the PBX does not show.", lambda: parts.reconciler.waiting
    )
    metrics.counter("invites_refused", "INVITEs that the PBX let in to no call.", lambda: parts.refusals.refused)
    metrics.gauges("operators", "Operators: on the roster, on duty, and rung.", "who", lambda: _on_duty(parts.duty))
    metrics.gauge("duty_in_step", "1: the PBX rings whom it should.", lambda: parts.duty.in_step)


def _storage(metrics: Metrics, parts: Parts) -> None:
    writer, journal = parts.writer, parts.journal
    metrics.counter("notes_written", "Notes of calls that are stored.", lambda: writer.written)
    metrics.counter("notes_refused", "Notes that the database would not have.", lambda: writer.refused)
    metrics.counter("notes_turned_away", "Notes that found the queue full.", lambda: writer.turned_away)
    metrics.counter("database_retries", "Transactions that failed and are tried again.", lambda: writer.retries)
    metrics.gauge("journal_failing", "1: the journal waits to be stored.", lambda: journal.failing)
    metrics.gauge("journal_lag_seconds", "How old what is stored of the journal may be.", lambda: journal.lag_s)
    metrics.counter("journal_set_aside", "Lines of the journal that could not be read.", lambda: journal.set_aside)
    disk = parts.disk
    metrics.gauges(
        "disk_free_bytes", "Room where it is written.", "folder", lambda: _of_rooms(disk, lambda room: room.free)
    )
    metrics.gauges(
        "disk_level",
        "0: there is room, 1: little, 2: soon none.",
        "folder",
        lambda: _of_rooms(disk, lambda room: LEVELS[room.level]),
    )


def _pbx(metrics: Metrics, parts: Parts) -> None:
    for link in parts.links:
        labels = {"link": link.name}
        metrics.gauge("ami_connected", "1: logged in to the PBX.", partial(getattr, link, "connected"), labels)
        for counted in asdict(link.counters):
            read = partial(getattr, link.counters, counted)
            metrics.counter(f"ami_{counted}", "Of the link to the PBX.", read, labels)
    for counted in asdict(parts.agi.counters).keys() - {"open"}:
        read = partial(getattr, parts.agi.counters, counted)
        metrics.counter(f"agi_{counted}", "Of the port that the PBX asks at.", read)
    metrics.gauge("table_version", "The version in force.", parts.version)
    metrics.gauge("table_shown", "1: the PBX is known to show the table in force.", parts.shown)
    metrics.gauge("failsafe_reach_seconds", "How far ahead the PBX has plans.", lambda: parts.failsafe.reach_s)
    metrics.counter("hep_foreign", "Packets from strangers, or without the secret.", lambda: parts.hep.foreign)
    metrics.counter("hep_malformed", "Packets that are no copy of a message.", lambda: parts.hep.malformed)


def _itself(metrics: Metrics, parts: Parts) -> None:
    asked, loop, probe = parts.consultation, parts.loop, parts.probe
    metrics.gauge("consultation_age_seconds", "Since a rehearsed call last got its plans.", lambda: asked.age_s)
    metrics.gauge("consultation_fresh", "1: the PBX would get plans for a call now.", lambda: asked.fresh)
    metrics.counter("consultation_failures", "Rehearsed calls that got no plans.", lambda: asked.failures)
    metrics.gauge(
        "loop_lag_seconds", "How late the loop was, at worst, in the last 10 s.", lambda: loop.loop_lag_max_s
    )
    metrics.counter("loop_stalls", "How often the loop hung.", lambda: loop.stalls)
    metrics.gauge("probe_ok", "1: the last probe went well.", lambda: probe.ok)
    metrics.gauge("probe_age_seconds", "Since the last probe.", lambda: probe.age_s)


def _bounds(metrics: Metrics, parts: Parts, max_sessions: int) -> None:
    metrics.bound("sessions", lambda: parts.agi.counters.open, max_sessions)
    metrics.bound("writer", lambda: parts.writer.backlog, parts.writer.capacity)
    metrics.bound("board", lambda: len(parts.board), MAX_CALLS)
    metrics.bound("api_connections", *parts.connections)
    metrics.bound("legs_to_free", *parts.to_free)
    metrics.bound("locations", lambda: parts.locations.kept, MAX_KEPT)
    metrics.bound("invites_followed", lambda: parts.refusals.followed, MAX_FOLLOWED)
    metrics.bound("throttled_addresses", parts.sources, MAX_SOURCES)
    for link in parts.links:
        metrics.bound(f"ami_events_{link.name}", partial(getattr, link, "queued"), link.queue_max)


def _by_stage(board: Board) -> dict[str, float]:
    found = Counter(call.stage for call in board.live())
    return {stage.value: found[stage] for stage in Stage}


def _on_duty(duty: Duty) -> dict[str, float]:
    everybody = duty.overview()
    return {
        "rostered": sum(one.rostered for one in everybody),
        "on_duty": sum(one.on_duty for one in everybody),
        "rung": sum(one.rung for one in everybody),
    }


def _of_rooms(disk: DiskWatch, number: Callable[[Room], float]) -> dict[str, float]:
    return {name: number(room) for name, room in disk.rooms.items()}
