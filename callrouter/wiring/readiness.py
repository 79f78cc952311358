"""Whether callers are served: tried, watched, and told to systemd and to people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from callrouter.asterisk.pbx_secrets import PbxSecrets
from callrouter.bilingual import Bilingual
from callrouter.disk import DiskWatch, Level, Room
from callrouter.health import ServiceHealth
from callrouter.listening import own_address
from callrouter.loopwatch import LoopWatch
from callrouter.metrics import Metrics
from callrouter.notify import Supervisor
from callrouter.probe_record import LastProbe
from callrouter.selfcheck import SelfCheck, rehearsed_trunk
from callrouter.settings import Settings
from callrouter.storage.database import Database
from callrouter.wiring.calls import Calls
from callrouter.wiring.desk import Desk
from callrouter.wiring.group import Group, Task
from callrouter.wiring.in_force import InForce
from callrouter.wiring.links import Links
from callrouter.wiring.outgoing import Outgoing
from callrouter.wiring.records import Records

LEVELS: Final = {Level.OK: 0, Level.WARNING: 1, Level.CRITICAL: 2}


class Readiness(Group):
    """Rehearsed consultations, the loop, the disk, the last probe; the health of all parts; and the supervisor."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        keys: PbxSecrets,
        links: Links,
        in_force: InForce,
        desk: Desk,
        records: Records,
        calls: Calls,
        outgoing: Outgoing,
    ) -> None:
        self._calls = calls
        self._serving = asyncio.Event()
        self._leaving = False
        self._rehearsing: asyncio.Task[None] | None = None
        self.consultation = SelfCheck(
            own_address(settings.agi_host),
            lambda: calls.agi.port,
            keys.agi,
            settings.node,
            lambda: rehearsed_trunk(in_force.table()),
            within_s=settings.timers.lease_s,
        )
        self.loop = LoopWatch()
        self.disk = DiskWatch({"journal": settings.journal_dir, "recordings": settings.recordings_dir})
        self.probe = LastProbe(settings.probe_file)
        self.health = ServiceHealth(
            database,
            links.hands,
            links.check,
            calls.agi,
            records.journal,
            in_force.version,
            desk.managed.not_shown,
            failsafe=desk.managed.failsafe,
            consultation=self.consultation,
            probe=self.probe,
            disk=self.disk,
            loop=self.loop,
            notices=lambda: outgoing.dispatcher.figures,
        )
        self._supervisor = Supervisor(lambda: self.consultation.fresh, self._in_words, settings.language)

    async def rehearse(self) -> None:
        """Rehearse a first call, whose answer says that the service is ready."""
        await self.consultation.once()

    def serving(self) -> None:
        """The service is ready: say so, and keep looking whether it is."""
        self._supervisor.ready()
        self._serving.set()

    def tasks(self) -> Sequence[Task]:
        """Watch; and from `serving` on rehearse, and beat for the watchdog."""
        return (
            ("loop-watch", self.loop.run()),
            ("disk", self.disk.run()),
            ("probe", self.probe.run()),
            ("consultation", self._rehearse()),
            ("supervisor", self._beat()),
        )

    def show(self, metrics: Metrics) -> None:
        """Show what was seen."""
        asked, loop, probe, disk = self.consultation, self.loop, self.probe, self.disk
        metrics.gauge("consultation_age_seconds", "Since a rehearsed call last got its plans.", lambda: asked.age_s)
        metrics.gauge("consultation_fresh", "1: the PBX would get plans for a call now.", lambda: asked.fresh)
        metrics.counter("consultation_failures", "Rehearsed calls that got no plans.", lambda: asked.failures)
        metrics.gauge(
            "loop_lag_seconds", "How late the loop was, at worst, in the last 10 s.", lambda: loop.loop_lag_max_s
        )
        metrics.counter("loop_stalls", "How often the loop hung.", lambda: loop.stalls)
        metrics.counter("process_stood_still", "How often nothing of the process ran.", lambda: loop.stood_still)
        metrics.gauge("probe_ok", "1: the last probe went well.", lambda: probe.ok)
        metrics.gauge("probe_age_seconds", "Since the last probe.", lambda: probe.age_s)
        metrics.gauges(
            "disk_free_bytes", "Room where it is written.", "folder", lambda: _of_rooms(disk, lambda room: room.free)
        )
        metrics.gauges(
            "disk_level",
            "0: there is room, 1: little, 2: soon none.",
            "folder",
            lambda: _of_rooms(disk, lambda room: LEVELS[room.level]),
        )

    async def leave(self) -> None:
        """Rehearse no more, for the port closes, and tell systemd."""
        self._leaving = True
        if self._rehearsing is not None:
            self._rehearsing.cancel()
        self._supervisor.stopping()

    async def _rehearse(self) -> None:
        await self._serving.wait()
        self._rehearsing = asyncio.current_task()
        await self.consultation.run()

    async def _beat(self) -> None:
        await self._serving.wait()
        await self._supervisor.run()

    def _in_words(self) -> Bilingual:
        calls = len(self._calls.board)
        if self._leaving:
            return Bilingual(
                f"Berhenti; {calls} panggilan diteruskan oleh PBX.", f"Stopping; the PBX goes on with {calls} calls."
            )
        if not self.consultation.fresh:
            return Bilingual(
                "Konsultasi tidak dijawab: PBX melayani panggilan sendiri.",
                "Consultations get no answer: the PBX serves calls alone.",
            )
        return Bilingual(f"Melayani; {calls} panggilan berlangsung.", f"Serving; {calls} calls are up.")


def _of_rooms(disk: DiskWatch, number: Callable[[Room], float]) -> dict[str, float]:
    return {name: number(room) for name, room in disk.rooms.items()}
