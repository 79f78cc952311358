"""How late this machine itself is: a thread that sleeps, and keeps by how much it was woken too late.

A promise of seconds is made for a machine that runs. Where tests of many PBXs share two processors, part of what a
caller waits for is a processor; that part shows in a thread that wants next to nothing of one.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

STEP_S: Final = 0.01
SLACK_S: Final = 0.003
"""Woken later by less is on time: what timers are late by where a processor is free."""
_KEPT: Final = 60_000
"""The last so many: ten minutes, where all are late."""

Late = Callable[[float, float], float]
"""By how much the machine was late between two moments (monotonic s)."""


def on_time(from_s: float, to_s: float) -> float:  # noqa: ARG001 - as `Late` is called
    """The machine that is never late: what it did is judged as it was."""
    return 0.0


class Lag:
    """A context manager: until it is left, the machine is watched."""

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lag", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def woken(self, due_s: float, at_s: float) -> None:
        """Keep that the thread was to be woken at the one moment and was at the other (monotonic s)."""
        if at_s - due_s > SLACK_S:
            self._late.append((due_s, at_s))

    def within(self, from_s: float, to_s: float) -> float:
        """Return for how much of that time (monotonic s) the thread was to run and did not, at most all of it."""
        return sum(max(0.0, min(at, to_s) - max(due, from_s)) for due, at in list(self._late))

    def _watch(self) -> None:
        while not self._over.is_set():
            due = time.monotonic() + STEP_S
            time.sleep(STEP_S)
            self.woken(due, time.monotonic())
