"""The service watches its own loop: how late it is, and where it hangs.

Lateness is measured on the loop. That it hangs is seen by a thread, for nothing on a loop that hangs sees anything.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections import deque
from pathlib import Path
from time import monotonic, process_time
from types import FrameType
from typing import Final

import structlog

from callrouter.bilingual import Bilingual
from callrouter.calls.live import Check

log = structlog.get_logger(__name__)

BEAT_S: Final = 0.1
STUCK_S: Final = 2.0
"""A loop that has not beaten for so long serves no caller: his lease has run out."""
SHORT_S: Final = 10.0
LONG_S: Final = 60.0
_TOLD_FRAMES: Final = 10
_HERE: Final = Path(__file__).resolve().parents[1]


class LoopWatch:
    """Watches the loop that `run` runs on.

    beat_s:  seconds between looks; stuck_s: seconds without one after which the loop counts as hanging
    """

    def __init__(self, *, beat_s: float = BEAT_S, stuck_s: float = STUCK_S) -> None:
        self._beat_s = beat_s
        self._stuck_s = stuck_s
        self._seconds: deque[tuple[int, float]] = deque(maxlen=int(LONG_S))
        self._beaten = monotonic()
        self._loop_thread = 0
        self._end = threading.Event()
        self.stalls = 0
        """How often the loop has hung since the start."""
        self.stood_still = 0
        """How often the whole process stood still: stopped, or its machine was."""

    @property
    def loop_lag_max_s(self) -> float:
        """The longest that something on the loop came too late within the last 10 s, in seconds."""
        return self._max(SHORT_S)

    @property
    def loop_lag_max_60_s(self) -> float:
        """The same of the last minute."""
        return self._max(LONG_S)

    @property
    def hanging_s(self) -> float:
        """For how long the loop has not beaten, in seconds; may be asked from any thread."""
        return max(0.0, monotonic() - self._beaten - self._beat_s)

    def check(self) -> Check:
        """Return how late it was, which never makes the service unready: who reads this finds it turning."""
        late_ms = self.loop_lag_max_60_s * 1000
        hung = self.stalls + self.stood_still
        told = Bilingual(
            f"Terlambat paling lama {late_ms:.0f} ms dalam 60 detik terakhir; macet {hung} kali sejak mulai.",
            f"At most {late_ms:.0f} ms late in the last 60 s; hung or stood still {hung} times since the start.",
        )
        return Check("loop", True, told)

    async def run(self) -> None:
        """Beat and measure until cancelled; a thread looks whether it beats."""
        self._loop_thread = threading.get_ident()
        self._beaten = monotonic()
        watcher = threading.Thread(target=self._watch, name="loop-watch", daemon=True)
        watcher.start()
        try:
            while True:
                before = monotonic()
                await asyncio.sleep(self._beat_s)
                self._beaten = monotonic()
                self._note(self._beaten, self._beaten - before - self._beat_s)
        finally:
            self._end.set()

    def _note(self, now: float, lag: float) -> None:
        second = int(now)
        if self._seconds and self._seconds[-1][0] == second:
            lag = max(lag, self._seconds.pop()[1])
        self._seconds.append((second, lag))

    def _max(self, within_s: float) -> float:
        now = monotonic()
        noted = max((lag for second, lag in self._seconds if second > now - within_s), default=0.0)
        return max(0.0, noted, self.hanging_s)

    def _watch(self) -> None:
        pause = self._stuck_s / 8
        told_of, looked, cpu = 0.0, monotonic(), process_time()
        while not self._end.wait(pause):
            now, cpu_now = monotonic(), process_time()
            late, used = now - looked - pause, cpu_now - cpu
            looked, cpu = now, cpu_now
            if late > self._stuck_s / 2 and used < late / 2:
                # This thread came late, too, and nobody computed: nothing of the process ran.
                self._stood_still(late)
            elif now - self._beaten >= self._stuck_s and self._beaten != told_of:
                told_of = self._beaten
                self._hangs(now - told_of)

    def _stood_still(self, for_s: float) -> None:
        self.stood_still += 1
        log.error(
            "process.stood_still",
            for_s=round(for_s, 1),
            remedy="something stopped this process or its machine (SIGSTOP, a suspended VM, memory in swap); calls "
            "meanwhile went on by the PBX",
        )

    def _hangs(self, for_s: float) -> None:
        self.stalls += 1
        frame = sys._current_frames().get(self._loop_thread)
        log.error(
            "loop.hangs",
            for_s=round(for_s, 1),
            where=where(frame) if frame is not None else "unknown",
            remedy="calls go on by the PBX; systemd restarts a service that stays so. Report this line",
        )


def where(frame: FrameType) -> str:
    """Return the innermost calls of a stack, the innermost first, on one line: ``file:line function``."""
    told = []
    for call in reversed(traceback.extract_stack(frame)[-_TOLD_FRAMES:]):
        path = Path(call.filename)
        short = path.relative_to(_HERE) if path.is_relative_to(_HERE) else Path(*path.parts[-2:])
        told.append(f"{short}:{call.lineno} {call.name}")
    return " < ".join(told)
