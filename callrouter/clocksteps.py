"""The machine's clock is watched against one that is never set: who goes by it must know when it was.

Compared with CLOCK_BOOTTIME, which goes on while a machine sleeps, as its time of day does: sleeping is no step.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
STEP_S: Final = 0.5
"""What is less is no step: it delays nobody by more."""
SLEW: Final = 0.1
"""Part of the time that passed which a clock may be slewed by: chrony's most is 1/12."""
READ_S: Final = 0.05
"""Two clocks that were read further apart than this tell nothing of each other."""
READS: Final = 5
_US: Final = 1_000_000


class OnStep(Protocol):
    """What is told of each step."""

    def __call__(self, at_us: int, by_us: int, /) -> None:
        """The clock was set within the last LOOK_S (longer where the loop hung), by this much; less than 0: back.

        at_us: the time of day by the clock as it is now, microseconds since 1970 UTC. So from `at_us - by_us -
        LOOK_S` on, by the clock as it was, times of day of before and after do not fit together.
        """


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
        self._seen: tuple[float, float] | None = None
        self.steps = 0
        """How often the clock was set while this watched."""
        self.last_us = 0

    def follow(self, on_step: OnStep) -> None:
        """Have this called for each step, on the loop; it must not wait."""
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
        ahead, steady = read
        step_s = ahead - before[0]
        if abs(step_s) < max(STEP_S, SLEW * (steady - before[1])):
            return 0
        self.steps += 1
        self.last_us = round(step_s * _US)
        log.error("clock.stepped", by_s=round(step_s, 1), remedy=_REMEDY)
        at_us = round(self._wall() * _US)
        for on_step in self._followers:
            on_step(at_us, self.last_us)
        return self.last_us

    def _read(self) -> tuple[float, float] | None:
        """Return by how much the wall clock is ahead, and the steady clock; None where they cannot be compared."""
        for _ in range(READS):
            before = self._steady()
            wall = self._wall()
            after = self._steady()
            if after - before <= READ_S:
                return wall - (before + after) / 2, after
        return None


_REMEDY: Final = "let the time service slew the time, and step it only when the machine starts (docs/install.md)"
