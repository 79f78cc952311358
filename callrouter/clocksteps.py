"""The machine's clock is watched against one that is never set: who goes by it must know when it was. One watcher for
all of them: who waits is helped (asterisk/clockhelp.py), and intervals across a step are told to be of no use
(clockwatch.py).

Compared with CLOCK_BOOTTIME, which goes on while a machine sleeps, as its time of day does: sleeping is no step.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from callrouter.incidents.clocks import STEP_US

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
SLEW: Final = 0.1
"""Part of the time that passed which a clock may be slewed by: chrony's most is 1/12."""
READ_S: Final = 0.05
"""Two clocks that were read further apart than this tell nothing of each other."""
READS: Final = 5
_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """The clock was set between two looks.

    before, after: the time of day at the last look before it, and at the first after it; µs since 1970 UTC
    by:            how far it was set forward, µs; less than 0: back
    """

    before: int
    after: int
    by: int


OnStep = Callable[[Step], None]
"""Is told of each step, on the loop; must not wait."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """By how much the wall clock is ahead of the steady one, and both; seconds."""

    ahead: float
    steady: float
    wall: float


class ClockSteps:
    """Tells who follows it of each step. `run` is the loop; `steps` counts; `last_us` is the last step's size.

    wall, steady: the time of day, and a clock that is never set; seconds
    """

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._followers: list[OnStep] = []
        self._seen: _Seen | None = None
        self.steps = 0
        """How often the clock was set while this watched."""
        self.last_us = 0

    def follow(self, on_step: OnStep) -> None:
        """Have this called for each step."""
        self._followers.append(on_step)

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> int:
        """Return by how much the clock was set since the last look, microseconds; 0 where it was not. Tells, too."""
        read = self._read()
        if read is None:
            return 0
        before, self._seen = self._seen, read
        if before is None:
            return 0
        by_us = round((read.ahead - before.ahead) * _US)
        if abs(by_us) <= max(STEP_US, SLEW * (read.steady - before.steady) * _US):
            return 0
        self.steps += 1
        self.last_us = by_us
        log.error("clock.stepped", by_s=round(by_us / _US, 3), remedy=_REMEDY)
        step = Step(round(before.wall * _US), round(read.wall * _US), by_us)
        for on_step in self._followers:
            on_step(step)
        return by_us

    def _read(self) -> _Seen | None:
        """Return both clocks; None where they cannot be compared."""
        for _ in range(READS):
            before = self._steady()
            wall = self._wall()
            after = self._steady()
            if after - before <= READ_S:
                return _Seen(wall - (before + after) / 2, after, wall)
        return None


_REMEDY: Final = (
    "let the time service slew the time, and step it only when the machine starts (docs/install.md); "
    "intervals across this moment count as unusable (docs/clocks.md)"
)
