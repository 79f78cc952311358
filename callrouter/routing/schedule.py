"""When a schedule is open: its windows as instants.

A window belongs to the local day on which it opens. A holiday takes the windows of its day away; an exception gives
its date hours of its own, holiday or not. Hours that end after midnight go on into the next day, whatever that is.

Where a zone changes its clocks (none of Indonesia's does), a time that comes twice is the first of them, and one that
is skipped is told by the clock as it was before the change; hours of which nothing is left are none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from callrouter.routing.times import Day, Hours, Schedule

HORIZON_DAYS: Final = 400
"""How far ahead edges are computed at once; what lies beyond is computed when it is asked for."""
_DAY_MINUTES: Final = 1_440

Minutes = tuple[tuple[int, int], ...]
"""Hours as (opens, closes) in minutes after the midnight at which their day begins; closes is the later one."""


@dataclass(frozen=True, slots=True)
class OpenTimes:
    """When a schedule is open between two instants (s since 1970 UTC): `edges` alternate open, close, open, …"""

    begins: float
    ends: float
    edges: tuple[float, ...]

    def covers(self, at: float) -> bool:
        """Return whether `at` lies between them."""
        return self.begins <= at < self.ends

    def open_at(self, at: float) -> bool:
        """Return whether it is open at `at`; valid where `covers`."""
        return bisect_right(self.edges, at) % 2 == 1


class Timetable:
    """A schedule made ready to be asked often."""

    def __init__(self, schedule: Schedule, centre_zone: str) -> None:
        self.zone = ZoneInfo(schedule.timezone or centre_zone)
        self._week: tuple[Minutes, ...] = tuple(
            _minutes(tuple(w for w in schedule.windows if day in w.days)) for day in Day
        )
        self._dates: dict[date, Minutes] = {holiday.date: () for holiday in schedule.holidays}
        for exception in reversed(schedule.exceptions):
            self._dates[exception.date] = _minutes(exception.hours)

    def open_times(self, begins: float, ends: float) -> OpenTimes:
        """Return when it is open between two instants (s since 1970 UTC). Windows that touch are one."""
        first = datetime.fromtimestamp(begins, self.zone).date() - timedelta(days=1)
        days = (datetime.fromtimestamp(ends, self.zone).date() - first).days
        # The midnights of those days, and of the two after them, which hours may reach into.
        midnights = [self._instant(first + timedelta(days=n), 0) for n in range(days + 3)]
        spans = sorted(
            (max(opens, begins), min(closes, ends))
            for n in range(days + 1)
            for opens, closes in self._spans(first + timedelta(days=n), midnights[n], midnights[n + 2])
            if closes > begins and opens < ends
        )
        edges: list[float] = []
        for opens, closes in spans:
            if edges and opens <= edges[-1]:
                edges[-1] = max(edges[-1], closes)
            else:
                edges += [opens, closes]
        return OpenTimes(begins, ends, tuple(edges))

    def _spans(self, day: date, midnight: float, second: float) -> Iterator[tuple[float, float]]:
        """The spans that open on the local day; its midnight, and that of the day after the next."""
        found = self._dates.get(day)
        hours = self._week[day.weekday()] if found is None else found
        if second - midnight == 2 * _DAY_MINUTES * 60:
            yield from ((midnight + 60 * opens, midnight + 60 * closes) for opens, closes in hours)
            return
        for opens, closes in hours:
            span = self._instant(day, opens), self._instant(day, closes)
            if span[0] < span[1]:
                yield span

    def _instant(self, day: date, minutes: int) -> float:
        days, rest = divmod(minutes, _DAY_MINUTES)
        clock = time(*divmod(rest, 60))
        return datetime.combine(day + timedelta(days=days), clock, tzinfo=self.zone).timestamp()


def open_times(schedule: Schedule, centre_zone: str, begins: datetime, days: int = HORIZON_DAYS) -> OpenTimes:
    """Return when `schedule` is open from `begins` (aware) on, for `days`. Windows that touch are one."""
    start = begins.timestamp()
    return Timetable(schedule, centre_zone).open_times(start, start + days * 86_400.0)


def _minutes(hours: tuple[Hours, ...]) -> Minutes:
    found = ((_of_clock(h.opens), _of_clock(h.closes)) for h in hours)
    return tuple((opens, closes if closes > opens else closes + _DAY_MINUTES) for opens, closes in found)


def _of_clock(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])
