"""Slowing down who guesses: failures of one source cost it growing waits. Pure, but for the clock it is given."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

FREE_FAILURES: Final = 10
"""So many wrong tokens cost nothing: a script with an old token must be able to say so."""
LONGEST_WAIT_S: Final = 60.0
FORGET_S: Final = 300.0
MAX_SOURCES: Final = 10_000
"""More are not remembered; the oldest are forgotten."""


class Throttle:
    """Counts failures by source. `now_s` is a clock that is never set back."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self.refused = 0
        """Attempts turned away since the start."""

    def wait_s(self, source: str) -> float:
        """Return how long `source` has to wait before it may try again; 0: not at all."""
        count, last = self._failed.get(source, (0, 0.0))
        if count < FREE_FAILURES:
            return 0.0
        wait: float = min(LONGEST_WAIT_S, 2.0 ** min(count - FREE_FAILURES, 10)) - (self._now_s() - last)
        if wait > 0:
            self.refused += 1
        return max(0.0, wait)

    def failed(self, source: str) -> None:
        """Note a wrong token."""
        now = self._now_s()
        count, last = self._failed.pop(source, (0, now))
        self._failed[source] = (1 if now - last > FORGET_S else count + 1, now)
        while len(self._failed) > MAX_SOURCES:
            self._failed.popitem(last=False)

    def __len__(self) -> int:
        """Return how many sources are remembered."""
        return len(self._failed)
