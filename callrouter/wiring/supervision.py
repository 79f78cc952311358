"""What supervisors do with the day: callers who are called back, banners, and the posture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import structlog

from callrouter.asterisk.ami import AmiEvent
from callrouter.asterisk.callback import CallbackRinger, is_callback
from callrouter.asterisk.fits import plan_fits
from callrouter.calls.bannerdesk import BannerDesk
from callrouter.calls.banners import MAX_ACTIVE, Banners
from callrouter.calls.callingback import CallingBack
from callrouter.calls.journal import JournalReader
from callrouter.calls.posture import Postures
from callrouter.calls.records import Opened
from callrouter.clock import now_us
from callrouter.incidents.callbacks import TryNoted
from callrouter.incidents.posture import LEVELS, WINDOW_MIN
from callrouter.incidents.views import StorageUnavailable
from callrouter.metrics import Metrics
from callrouter.prompts.spoken import Speaker
from callrouter.routing.facts import Origin
from callrouter.settings import Settings
from callrouter.storage.callback_tries import CallbackTries
from callrouter.storage.changed import Changes
from callrouter.storage.database import Database
from callrouter.storage.supervision import BannerRows, PostureRows
from callrouter.stream.feed import Feed, Kind
from callrouter.vault import Vault
from callrouter.wiring.group import Group, Task
from callrouter.wiring.in_force import InForce
from callrouter.wiring.links import Links

log = structlog.get_logger(__name__)

SWEEP_S: Final = 60.0
CENTRE: Final = "centre"
"""Key of the one posture, for those who listen."""


class Supervision(Group):
    """Tries to call back, banners, posture. `tries.take` takes what the journal says of a try."""

    def __init__(
        self, settings: Settings, database: Database, links: Links, in_force: InForce, changes: Changes
    ) -> None:
        key = Vault(settings.key_path).chain_key()
        ring_s = settings.timers.static_ring_s
        self.tries = CallbackTries(database, changes, ring_s=ring_s)
        self.calling_back = CallingBack(self.tries, CallbackRinger(links.hands, ring_s), in_force.table)
        self.banners = Banners(now_us, plan_fits)
        speaker = Speaker(settings.prompts_dir, settings.pbx_root)
        self.banner_desk = BannerDesk(BannerRows(database, key), self.banners, speaker.say, speaker.there)
        self.posture_rows = PostureRows(database, key)
        self.postures = Postures(self.posture_rows, now_us)
        self.ended_by_themselves = 0
        self._ring: Callable[[], None] = lambda: None

    def follow(self, journal: JournalReader) -> None:
        """The journal tells what became of tries."""
        journal.callbacks = self._noted
        self._ring = journal.ring

    def came(self, opened: Opened) -> None:
        """A call came in."""
        if opened.origin == Origin.CITIZEN:
            self.postures.counted(opened.at)

    def tell(self, feed: Feed) -> None:
        """Tell `feed` what changes."""
        self.banner_desk.follow(partial(feed.tell, Kind.BANNER))
        self.postures.follow(partial(feed.tell, Kind.POSTURE, CENTRE))

    def heard(self, event: AmiEvent) -> None:
        """Something happened in the PBX."""
        if is_callback(event):
            self._ring()

    async def open(self) -> None:
        """Read what is kept. Raises StorageUnavailable."""
        await self.banner_desk.open()
        await self.postures.open()

    def tasks(self) -> Sequence[Task]:
        """End banners and tries, and follow the rate."""
        return (
            ("banners", self.banner_desk.run()),
            ("posture", self.postures.run()),
            ("callback-sweep", self._sweep()),
        )

    def show(self, metrics: Metrics) -> None:
        """Show how threatened the centre is, and what callers are told."""
        metrics.gauge("posture", "0 green, 1 yellow, 2 orange, 3 red.", lambda: LEVELS.index(self.postures.now()))
        metrics.counter("posture_changes", "How often the posture changed.", lambda: self.postures.changes)
        metrics.gauge(
            "posture_window_calls",
            f"Citizens' calls in the last {WINDOW_MIN} minutes.",
            lambda: self.postures.standing().calls,
        )
        metrics.bound("banners", lambda: len(self.banners.running()), MAX_ACTIVE)
        metrics.counter(
            "callback_tries_lost", "Tries to call back that never got an end.", lambda: self.ended_by_themselves
        )

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                self.ended_by_themselves += await self.tries.sweep()
            except StorageUnavailable as error:
                log.warning("callback.not_swept", why=str(error))
            except Exception:
                # No call depends on this: a defect here must not end the service.
                log.exception("callback.sweep_failed")

    async def _noted(self, noted: TryNoted) -> None:
        try:
            await self.tries.take(noted)
        except StorageUnavailable:
            raise
        except Exception:
            # A line that cannot be stored must keep back no other; this entry of the log tells what it said.
            log.exception("callback.line_refused", try_=str(noted.id), step=noted.step, outcome=noted.outcome)
