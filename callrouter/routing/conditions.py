"""The conditions of a route, each as a test of its own: one definition for deciding and for explaining."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from callrouter.routing.facts import Facts
from callrouter.routing.schedule import HORIZON_DAYS, OpenTimes, Timetable
from callrouter.routing.table import UNKNOWN_AREA, Route, When
from callrouter.routing.times import Schedule
from callrouter.routing.values import Availability

Test = Callable[[Facts, float], bool]
"""Whether a condition holds for these facts at that time (s since 1970 UTC)."""

_DAY_S: Final = 86_400.0
_BLOCK_S: Final = HORIZON_DAYS * _DAY_S
_FIRST: Final = datetime(2, 1, 1, tzinfo=UTC).timestamp()
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
"""Beyond these the calendar ends, and nothing is open."""


class Calendar:
    """When the schedules of a table are open.

    Whether one is open now is computed for a day around the question, which is quick; edges in blocks of 400 days.
    """

    def __init__(self, schedules: tuple[Schedule, ...], centre_zone: str) -> None:
        self._timetables = {s.key: Timetable(s, centre_zone) for s in schedules}
        self._blocks: dict[tuple[str, int], OpenTimes] = {}
        self._now: dict[str, tuple[float, float, bool]] = {}

    def open_at(self, key: str, at: float) -> bool:
        """Return whether the schedule `key` is open at `at` (s since 1970 UTC)."""
        known = self._now.get(key)
        if known is None or not known[0] <= at < known[1]:
            known = self._now[key] = self._around(key, at)
        return known[2]

    def block(self, key: str, at: float) -> OpenTimes:
        """Return when the schedule `key` is open in the block around `at`. Takes milliseconds the first time."""
        number = int(at // _BLOCK_S)
        found = self._blocks.get((key, number))
        if found is None:
            begins = number * _BLOCK_S
            found = self._blocks[key, number] = self._timetables[key].open_times(begins, begins + _BLOCK_S)
        return found

    def next_edge(self, key: str, at: float) -> float | None:
        """Return when the schedule `key` next opens or shuts after `at`; None where it does not for 400 days.

        Takes milliseconds the first time, as `block`.
        """
        block = self.block(key, at)
        was_open = block.open_at(at)
        for _ in range(2):
            n = bisect_right(block.edges, at)
            if n < len(block.edges) and block.edges[n] < block.ends:
                return block.edges[n]
            # A block ends open or shut; only the next one tells whether that goes on.
            at = block.ends
            block = self.block(key, at)
            if block.open_at(at) is not was_open:
                return at
        return None

    def _around(self, key: str, at: float) -> tuple[float, float, bool]:
        """The longest span of that day around `at` in which the schedule stays open or shut: begin, end, which."""
        if not _FIRST <= at < _LAST:
            return at, at, False
        begins = at // _DAY_S * _DAY_S
        day = self._timetables[key].open_times(begins, begins + _DAY_S)
        n = bisect_right(day.edges, at)
        edges = (begins, *day.edges, begins + _DAY_S)
        return edges[n], edges[n + 1], day.open_at(at)


def within(area: str | None, named: str) -> bool:
    """Return whether `area` is the place `named` or lies in it; ``unknown`` names the unknown one."""
    if area is None:
        return named == UNKNOWN_AREA
    return area == named or area.startswith(f"{named}.")


def conditions_of(route: Route, calendar: Calendar, *, category: bool = True) -> Iterator[tuple[str, Test]]:
    """Yield the name and the test of each condition that `route` has, the cheap ones first.

    category: False where the caller has looked at that already
    """
    when = route.when
    if category and when.category:
        yield "category", _category(when.category)
    yield from _listed(when)
    yield from _stated(when)
    if (start := route.valid_from) is not None:
        yield "valid_from", _from(start.timestamp())
    if (end := route.valid_until) is not None:
        yield "valid_until", _until(end.timestamp())
    if when.schedule:
        yield "schedule", _schedule(calendar, when.schedule)


def _listed(when: When) -> Iterator[tuple[str, Test]]:
    if trunks := when.trunk:
        yield "trunk", lambda facts, _at: facts.trunk in trunks
    if kinds := when.trunk_kind:
        yield "trunk_kind", lambda facts, _at: facts.trunk_kind in kinds
    if languages := when.language:
        yield "language", lambda facts, _at: facts.language in languages
    if postures := when.posture:
        yield "posture", lambda facts, _at: facts.posture in postures
    if when.area:
        yield "area", _area(when.area)


def _stated(when: When) -> Iterator[tuple[str, Test]]:
    if (score := when.suspicion) is not None:
        yield "suspicion", _suspicion(score.at_least, score.below)
    for condition in when.state:
        wanted = condition.state is Availability.UNAVAILABLE
        yield f"state {condition.name}", _state(condition.name, wanted=wanted)


# Each test is made by a function of its own, so that it finds what it needs at hand: it is asked at every call.
def _category(keys: tuple[str, ...]) -> Test:
    return lambda facts, _at: facts.category in keys


def _area(named: tuple[str, ...]) -> Test:
    places = frozenset(named)
    unknown = UNKNOWN_AREA in places
    inside = tuple(f"{name}." for name in named)

    def test(facts: Facts, _at: float) -> bool:
        area = facts.area
        return unknown if area is None else area in places or area.startswith(inside)

    return test


def _suspicion(at_least: int, below: int) -> Test:
    return lambda facts, _at: at_least <= facts.suspicion < below


def _state(name: str, *, wanted: bool) -> Test:
    return lambda facts, _at: (name in facts.unavailable) is wanted


def _from(start: float) -> Test:
    return lambda _facts, at: at >= start


def _until(end: float) -> Test:
    return lambda _facts, at: at < end


def _schedule(calendar: Calendar, keys: tuple[str, ...]) -> Test:
    open_at = calendar.open_at

    # A loop, because any() over a generator takes thrice the time.
    def test(_facts: Facts, at: float) -> bool:
        for key in keys:  # noqa: SIM110
            if open_at(key, at):
                return True
        return False

    return test
