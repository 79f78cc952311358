"""The posture while the centre is at work: raised by the rate of calls, or by hand; by hand wins until its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from callrouter.access.model import Principal
from callrouter.incidents.posture import ByHand, ByRate, Standing, Usual, Window, step
from callrouter.incidents.views import StorageUnavailable
from callrouter.routing.values import Posture

log = structlog.get_logger(__name__)

LOOK_S: Final = 5.0
USUAL_WEEKS: Final = 4
USUAL_EVERY_S: Final = 6 * 3_600
RETRY_S: Final = 30.0


class PostureStore(Protocol):
    """Keeps the posture (callrouter.storage.supervision.PostureRows). Raises StorageUnavailable."""

    async def load(self) -> tuple[ByRate, ByHand | None]:
        """Return what the rate said last, and what a person said last and nobody withdrew."""

    async def by_rate(self, posture: Posture, calls: int, usual: float) -> None:
        """Keep what the rate says now, with a note in the audit."""

    async def by_hand(self, posture: Posture, until: int, reason: str, by: Principal) -> ByHand:
        """Keep what a person says until then (µs UTC), with a note in the audit; return it."""

    async def withdraw(self, by: Principal) -> None:
        """Keep that what was set by hand does not hold any more, with a note in the audit."""

    async def usual(self, weeks: int) -> Usual:
        """Return what was usual in the last weeks."""


Told = Callable[[Standing], None]
"""Told of each change. Must not block, and not fail."""


class Postures:
    """`now` is what calls are decided by. `run` follows the rate.

    told: of each change
    """

    def __init__(self, store: PostureStore, now_us: Callable[[], int]) -> None:
        self._store = store
        self._now_us = now_us
        self._window = Window()
        self._rate = ByRate()
        self._hand: ByHand | None = None
        self._usual = Usual()
        self._shown = Posture.GREEN
        self._since = now_us()
        self._told: list[Told] = []
        self._kept = Posture.GREEN
        self.changes = 0
        # What is kept last is what holds: of two persons neither overtakes the other on the way back.
        self._one_person = asyncio.Lock()

    def follow(self, told: Told) -> None:
        """Tell this one from now on."""
        self._told.append(told)

    def counted(self, at: int) -> None:
        """A call came in at `at` (µs UTC)."""
        self._window.count(at)

    def now(self) -> Posture:
        """Return the posture that holds now."""
        hand = self._held()
        return self._rate.posture if hand is None else hand.posture

    def standing(self) -> Standing:
        """Return it with all that is known of it."""
        now = self._now_us()
        return Standing(
            posture=self.now(),
            since=self._since,
            by_rate=self._rate.posture,
            by_hand=self._held(),
            calls=self._window.calls(now),
            usual=self._usual.in_window(now),
        )

    async def set(self, posture: Posture, until: int, reason: str, by: Principal) -> None:
        """Let a person say it until then (µs UTC). Raises StorageUnavailable."""
        async with self._one_person:
            self._hand = await self._store.by_hand(posture, until, reason, by)
            self._tell_if_new(anyway=True)

    async def withdraw(self, by: Principal) -> None:
        """Let the rate of calls say it again. Raises StorageUnavailable."""
        async with self._one_person:
            await self._store.withdraw(by)
            self._hand = None
            self._tell_if_new(anyway=True)

    async def open(self) -> None:
        """Read what is kept. Raises StorageUnavailable."""
        self._rate, self._hand = await self._store.load()
        self._kept = self._rate.posture
        self._shown = self.now()

    async def run(self) -> None:
        """Look at the rate, for ever. What the database cannot take now it is given later; calls wait for nothing."""
        loop = asyncio.get_running_loop()
        usual_at = loop.time()
        while True:
            try:
                if loop.time() >= usual_at:
                    usual_at = loop.time() + RETRY_S
                    if await self._learn():
                        usual_at = loop.time() + USUAL_EVERY_S
                self.look()
                await self._keep()
            except Exception:
                # No call waits for this: a defect here must not end the service.
                log.exception("posture.failed")
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Follow the rate, and end what was set by hand at its time."""
        now = self._now_us()
        calls, usual = self._window.calls(now), self._usual.in_window(now)
        after = step(self._rate, calls, usual, now)
        if after.posture is not self._rate.posture:
            log.warning("posture.by_rate", posture=after.posture, calls=calls, usual=round(usual, 1))
        self._rate = after
        self._tell_if_new()

    def _tell_if_new(self, *, anyway: bool = False) -> None:
        shown = self.now()
        if shown is not self._shown:
            self._shown, self._since = shown, self._now_us()
            self.changes += 1
        elif not anyway:
            return
        standing = self.standing()
        for told in self._told:
            told(standing)

    async def _learn(self) -> bool:
        try:
            self._usual = await self._store.usual(USUAL_WEEKS)
        except StorageUnavailable as error:
            log.warning("posture.usual_not_read", why=str(error))
            return False
        return True

    async def _keep(self) -> None:
        wanted = self._rate.posture
        if wanted is self._kept:
            return
        now = self._now_us()
        try:
            await self._store.by_rate(wanted, self._window.calls(now), self._usual.in_window(now))
        except StorageUnavailable as error:
            log.warning("posture.not_kept", why=str(error))
        else:
            self._kept = wanted

    def _held(self) -> ByHand | None:
        hand = self._hand
        return hand if hand is not None and self._now_us() < hand.until else None
