"""How threatened the centre is (NENA-STA-010.3, SecurityPosture), as the rate of its calls tells. Pure.

The calls of the last minutes are compared with what is usual in that hour of the week. It is raised at once; it is
lowered step by step, and only after a while below what raised it: so a rate that goes up and down about a bound does
not make the posture go up and down with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from callrouter.routing.values import Posture

WINDOW_MIN: Final = 5
"""Minutes whose calls are counted."""
HOURS_OF_WEEK: Final = 168
LEVELS: Final = tuple(Posture)
"""From normal to the worst."""
TIMES: Final[Mapping[Posture, float]] = {Posture.YELLOW: 3.0, Posture.ORANGE: 6.0, Posture.RED: 10.0}
"""How many times the usual rate raises it."""
LEAST: Final[Mapping[Posture, int]] = {Posture.YELLOW: 15, Posture.ORANGE: 30, Posture.RED: 60}
"""So many calls in the window it takes in any case: where three calls a night are usual, ten are no threat."""
RELEASE: Final = 0.7
"""Below this part of what raised it, it is on its way down."""
CALM_US: Final = 10 * 60 * 1_000_000
"""How long it has to be there for each step down."""
_MINUTE_US: Final = 60 * 1_000_000
_HOUR_US: Final = 60 * _MINUTE_US
_WEEK_US: Final = HOURS_OF_WEEK * _HOUR_US


def hour_of_week(at: int) -> int:
    """Return which hour of the week (UTC) a time in µs UTC is in, from 0 to 167."""
    return at % _WEEK_US // _HOUR_US


@dataclass(frozen=True, slots=True)
class Usual:
    """How many calls are usual in each hour of the week; nothing is known of hours that are not there."""

    of_hour: tuple[float, ...] = (0.0,) * HOURS_OF_WEEK

    def in_window(self, at: int) -> float:
        """Return how many calls are usual in a window at that time (µs UTC)."""
        return self.of_hour[hour_of_week(at)] * WINDOW_MIN / 60


def usual_of(counts: Mapping[int, int], weeks: int) -> Usual:
    """Return what is usual, from the calls of each hour of the last `weeks` weeks (the hour's number since 1970)."""
    sums = [0] * HOURS_OF_WEEK
    for hour, calls in counts.items():
        sums[hour % HOURS_OF_WEEK] += calls
    return Usual(tuple(one / max(1, weeks) for one in sums))


class Window:
    """The calls of the last WINDOW_MIN minutes, counted by the minute: a few numbers, however many there are."""

    def __init__(self) -> None:
        self._minutes: deque[tuple[int, int]] = deque()

    def count(self, at: int) -> None:
        """Count a call that came at `at` (µs UTC). One that came late counts in the newest minute."""
        minute = at // _MINUTE_US
        if self._minutes and self._minutes[-1][0] >= minute:
            newest, calls = self._minutes.pop()
            self._minutes.append((newest, calls + 1))
        else:
            self._minutes.append((minute, 1))
        while len(self._minutes) > WINDOW_MIN:
            self._minutes.popleft()

    def calls(self, now: int) -> int:
        """Return how many came in the last minutes before `now`, the one that runs included."""
        this = now // _MINUTE_US
        # A clock that was set back leaves minutes that are still to come: they are not of now.
        return sum(calls for minute, calls in self._minutes if this - WINDOW_MIN < minute <= this)


@dataclass(frozen=True, slots=True)
class ByRate:
    """What the rate of calls says.

    calm_since: since when (µs UTC) it has been below what raised it; None: it has not
    """

    posture: Posture = Posture.GREEN
    calm_since: int | None = None


def bound(level: Posture, usual: float) -> float:
    """Return how many calls in the window raise it to `level`, where `usual` ones are usual."""
    return 0.0 if level is Posture.GREEN else max(TIMES[level] * usual, float(LEAST[level]))


def step(was: ByRate, calls: int, usual: float, now: int) -> ByRate:
    """Return what the rate says now: `calls` came in the window, where `usual` ones are usual; `now` in µs UTC."""
    told = max((level for level in LEVELS if calls >= bound(level, usual)), key=LEVELS.index)
    if LEVELS.index(told) > LEVELS.index(was.posture):
        return ByRate(told)
    if was.posture is Posture.GREEN:
        return ByRate()
    if calls >= RELEASE * bound(was.posture, usual):
        return replace(was, calm_since=None)
    # None yet, or a clock that was set back: from now on.
    if was.calm_since is None or was.calm_since > now:
        return replace(was, calm_since=now)
    if now - was.calm_since < CALM_US:
        return was
    return ByRate(LEVELS[LEVELS.index(was.posture) - 1], now)


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a person said. Times in µs UTC; until: when it ends by itself."""

    posture: Posture
    at: int
    until: int
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The posture as it is.

    since: when it became that (µs UTC); by_hand: what a person said, where that holds
    calls, usual: in the last WINDOW_MIN minutes, and how many are usual
    """

    posture: Posture
    since: int
    by_rate: Posture
    by_hand: ByHand | None
    calls: int
    usual: float
