"""The service watches the wall clock: where it is set, intervals that lie across are of no use, and are told so."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from callrouter.incidents.clocks import STEP_US, ClockStep
from callrouter.incidents.views import StorageUnavailable

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
WAITING: Final = 1_000
"""Steps that wait to be stored; a clock that is set more often than that while the database is away tells nothing."""


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000


class ClockWatch:
    """Looks every second whether the wall clock moved otherwise than the monotonic one, which nobody sets.

    Linux' monotonic clock stands still while the machine is suspended, and the wall clock does not: that is a step,
    too. wall, monotonic: µs; store: keeps a step, or raises StorageUnavailable
    """

    def __init__(
        self,
        node: str,
        store: Callable[[ClockStep], Awaitable[None]],
        wall: Callable[[], int],
        monotonic: Callable[[], int] = _monotonic_us,
    ) -> None:
        self._node = node
        self._store = store
        self._wall = wall
        self._monotonic = monotonic
        self._last = wall(), monotonic()
        self._waiting: deque[ClockStep] = deque(maxlen=WAITING)
        self.steps = 0
        """How often the clock was set since the start."""

    @property
    def waiting(self) -> int:
        """Steps that are not stored yet."""
        return len(self._waiting)

    def look(self) -> ClockStep | None:
        """Return the step since the last look, which is then waiting to be stored; None where there was none."""
        (wall, monotonic), self._last = self._last, (self._wall(), self._monotonic())
        by = (self._last[0] - wall) - (self._last[1] - monotonic)
        if abs(by) <= STEP_US:
            return None
        step = ClockStep(self._node, wall, self._last[0], by)
        self.steps += 1
        self._waiting.append(step)
        log.warning(
            "clock.set",
            by_s=round(by / 1e6, 3),
            remedy="let chrony slew the time; intervals across this moment count as unusable (docs/clocks.md)",
        )
        return step

    async def save(self) -> None:
        """Store what waits; what cannot be stored waits on."""
        while self._waiting:
            step = self._waiting[0]
            try:
                await self._store(step)
            except StorageUnavailable:
                return
            if self._waiting and self._waiting[0] is step:
                self._waiting.popleft()

    async def run(self) -> None:
        """Look and store until cancelled. A look is never kept waiting by a slow database."""
        storing: asyncio.Task[None] | None = None
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                self.look()
                if self._waiting and (storing is None or storing.done()):
                    storing = asyncio.create_task(self.save())
        finally:
            if storing is not None:
                storing.cancel()
