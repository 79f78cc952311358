"""The calls: consulted for each when it comes, watched while it is up, looked for when its end is missing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Final

import structlog

from callrouter.asterisk.agi import AgiServer
from callrouter.asterisk.agi_session import AgiSession
from callrouter.asterisk.ami import AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.asking import MAX_ASKED, Choices
from callrouter.asterisk.clockhelp import ClockHelp, Waits
from callrouter.asterisk.dialplan import Dialplan, arrival, invite_with_location
from callrouter.asterisk.handed import MAX_KEPT, Handed
from callrouter.asterisk.living import living_calls
from callrouter.asterisk.locations import Locations
from callrouter.asterisk.pbx_secrets import PbxSecrets
from callrouter.asterisk.variables import CALL, TRUNK_PREFIX
from callrouter.asterisk.watch import STATUS_VARIABLES, Watch
from callrouter.calls.board import MAX_CALLS, Board
from callrouter.calls.live import Stage
from callrouter.calls.reconcile import Look, Reconciler, Unseen
from callrouter.calls.session import Exit, Sessions
from callrouter.clock import SystemClock
from callrouter.duty.service import Duty
from callrouter.listening import cannot_listen, own_address
from callrouter.metrics import Metrics
from callrouter.settings import Settings
from callrouter.storage.database import Database
from callrouter.storage.opencalls import CallsWithoutEnd
from callrouter.wiring.group import Group, Task
from callrouter.wiring.in_force import InForce
from callrouter.wiring.judgement import Judging
from callrouter.wiring.links import Links
from callrouter.wiring.records import Records
from callrouter.wiring.supervision import Supervision

log = structlog.get_logger(__name__)

SESSION_GRACE_S: Final = 5.0
RING_WHOLE: Final = 0.8
"""Part of an operator's ring that he must have let go by: the PBX tells of rings that others cut short, too."""
FREE_QUEUE: Final = 1_000
FREE_AFTER_S: Final = 0.1
"""Until a leg is hung up whose caller has left. One that only rings the PBX ends by itself within milliseconds."""


class Calls(Group):
    """The AGI port and its sessions; the live board; calls without an end; legs that nobody wants any more."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        keys: PbxSecrets,
        links: Links,
        in_force: InForce,
        records: Records,
        duty: Duty,
        locations: Locations,
        judging: Judging,
        supervision: Supervision,
        *,
        unsure: Callable[[], bool],
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._unsure = unsure
        self._links = links
        self._locations = locations
        self._metrics = metrics
        self._to_free: dict[str, float] = {}
        """Channels, and by the loop's time when they are to be hung up."""
        self._some_to_free = asyncio.Event()
        self._clock = SystemClock()
        self.board = Board()
        self.reconciler = Reconciler(
            settings.node,
            CallsWithoutEnd(database, records.changes),
            self._look_at_pbx,
            records.journal.taken,
            self.board.live,
            self._clock,
            lambda: links.hands.lost_at,
        )
        self.sessions = Sessions(
            in_force.snapshot,
            records.writer,
            self._clock,
            duty.staffed,
            judging.suspicions.opened,
            supervision.postures.now,
            supervision.banners.applied,
        )
        self._came = supervision.came
        self.handed = Handed()
        self.choices = Choices(links.hands, self.handed)
        self.watch = Watch(
            self.board,
            records.writer,
            self._clock,
            self.sessions.chosen,
            records.journal.ring,
            self._free_soon,
            duty.missed,
            duty.answered,
            RING_WHOLE * settings.timers.member_ring_s * 1000,
            duty.seen_by_phone,
            choices=self.choices,
        )
        self.clock_help = ClockHelp(links.hands, lambda: _endpoints(in_force), _waits(settings))
        links.clock_steps.follow(lambda step: self.clock_help.on_step(step.after, step.by))
        self.agi = AgiServer(
            settings.agi_host,
            settings.agi_port,
            secret=keys.agi,
            peers=frozenset(settings.agi_peers),
            max_sessions=settings.max_sessions,
            handler=self._serve,
            rehearse=self._rehearse,
            own=own_address(settings.agi_host),
        )

    def heard(self, event: AmiEvent) -> None:
        """Something happened in the PBX."""
        if event.name == "FullyBooted" and (up := event.fields.get("Uptime", "")).isdigit():
            self.reconciler.booted(float(up))
        if event.name == "Hangup":
            self._to_free.pop(event.fields.get("Channel", ""), None)
        self.watch.on_event(event)

    async def hands_login(self) -> None:
        """Learn which calls are up, and if the clock was set back under them. Raises AmiUnavailable, AmiRefused."""
        self.reconciler.logged_in()
        await self._learn()
        await self.clock_help.at_login()

    async def _learn(self) -> None:
        # By itself: what the PBX tells of thousands of calls is let go before more is asked.
        self.watch.resynchronise(
            await self._links.hands.action("Status", listing="StatusComplete", Variables=",".join(STATUS_VARIABLES))
        )

    def tasks(self) -> Sequence[Task]:
        """Look for ends and choices, hang up the legs that are to be, and help over a clock that is set back."""
        return (
            ("reconcile", self.reconciler.run()),
            ("free", self._free()),
            ("choices", self.choices.run(self.watch.learned)),
            ("clock-help", self.clock_help.run()),
        )

    def show(self, metrics: Metrics) -> None:
        """Show the calls, and how consultations end."""
        metrics.gauges("calls", "Calls that are up.", "stage", self._by_stage)
        for ended in self.sessions.exits:
            read = partial(self.sessions.exits.__getitem__, ended)
            metrics.counter("consultations", "Calls that asked for plans.", read, {"ended": ended.value})
        metrics.counter(
            "failsafe_calls",
            "Calls that the PBX served alone while it could tell.",
            lambda: self.watch.failsafe_calls,
        )
        metrics.counter("calls_cut", "Calls that ended with their PBX.", lambda: self.reconciler.cut)
        metrics.gauge(
            "calls_unseen", "Calls without an end that the PBX does not show.", lambda: self.reconciler.waiting
        )
        for counted in asdict(self.agi.counters).keys() - {"open"}:
            read = partial(getattr, self.agi.counters, counted)
            metrics.counter(f"agi_{counted}", "Of the port that the PBX asks at.", read)
        metrics.counter(
            "waits_ended", "Waits that a clock set back would have prolonged.", lambda: self.clock_help.ended
        )
        metrics.counter(
            "choices_not_asked", "Callers' choices that were not asked for: too many.", lambda: self.choices.left_out
        )
        metrics.bound("handed_over", lambda: len(self.handed), MAX_KEPT)
        metrics.bound("choices", lambda: len(self.choices), MAX_ASKED)
        metrics.bound("sessions", lambda: self.agi.counters.open, self._settings.max_sessions)
        metrics.bound("board", lambda: len(self.board), MAX_CALLS)
        metrics.bound("legs_to_free", lambda: len(self._to_free), FREE_QUEUE)

    async def listen(self) -> None:
        """Take the PBX's questions. Raises OperatorError."""
        try:
            await self.agi.start()
        except OSError as error:
            raise cannot_listen("agi", self._settings.agi_host, self._settings.agi_port, error) from None

    async def leave(self) -> None:
        """Take no more, and finish those that were begun: a caller who is refused goes on at once."""
        await self.agi.stop(SESSION_GRACE_S)

    async def close(self) -> None:
        """End what is left of them."""
        await self.agi.stop(0)

    async def _serve(self, session: AgiSession) -> None:
        env = session.env
        came = arrival(session.args, env.get("agi_channel", ""), env.get("agi_uniqueid", ""))
        try:
            self._came(came)
        except Exception:
            # It only counts: the call goes on whatever becomes of it.
            log.exception("call.not_counted", call=str(came.call))
        invite = invite_with_location(session.args)
        located = self._locations.of(came.trunk, invite) if invite else None
        begun = time.perf_counter()
        dialplan = Dialplan(session, partial(self.handed.note, came), self._unsure)
        if await self.sessions.serve(came, dialplan, located) is Exit.HANDED_OVER:
            self._metrics.consulted.observe(time.perf_counter() - begun)

    async def _rehearse(self, session: AgiSession) -> None:
        await self.sessions.rehearse(arrival(session.args, "", ""), Dialplan(session))

    async def _look_at_pbx(self) -> Look:
        hands = self._links.hands
        asked, login = self._clock.now_us(), hands.counters.logins
        if not self._links.keeper.connected:
            raise Unseen("one of the two links to the PBX is down")
        try:
            status = await hands.action("Status", listing="StatusComplete", Variables=CALL)
        except (AmiUnavailable, AmiRefused) as error:
            raise Unseen(str(error)) from None
        return Look(asked, living_calls(status), login)

    def _free_soon(self, channel: str) -> None:
        if len(self._to_free) < FREE_QUEUE:
            self._to_free.setdefault(channel, asyncio.get_running_loop().time() + FREE_AFTER_S)
            self._some_to_free.set()

    async def _free(self) -> None:
        while True:
            while not self._to_free:  # a leg may be gone again before this task had its turn
                self._some_to_free.clear()
                await self._some_to_free.wait()
            channel, due = next(iter(self._to_free.items()))
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            if self._to_free.pop(channel, None) is None:
                continue
            try:
                await self._links.hands.action("Hangup", Channel=channel, Cause="16")
                log.info("leg.freed", channel=channel)
            except (AmiUnavailable, AmiRefused) as error:
                log.info("leg.not_freed", channel=channel, why=str(error))
            except Exception:
                # One leg that cannot be named must not keep the service from serving calls.
                log.exception("leg.not_freed", channel=channel)

    def _by_stage(self) -> dict[str, float]:
        found = Counter(call.stage for call in self.board.live())
        return {stage.value: found[stage] for stage in Stage}


def _waits(settings: Settings) -> Waits:
    timers = settings.timers
    return Waits(
        digit_s=timers.digit_s,
        after_s=timers.after_s,
        member_ring_s=timers.member_ring_s,
        ring_s=timers.static_ring_s,
        confirm_s=timers.confirm_s,
    )


def _endpoints(in_force: InForce) -> list[str]:
    directory = in_force.table().directory
    operators = [operator.key for operator in directory.operators if operator.enabled]
    return operators + [TRUNK_PREFIX + trunk.key for trunk in directory.trunks if trunk.usable]
