"""Which time a scoreboard counts: months of the centre's time zone, and the times of its shifts. Pure.

Times are µs since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from callrouter.agencies.scoreboard import Period, Span
from callrouter.routing.schedule import Timetable
from callrouter.routing.table import RoutingTable

S: Final = 1_000_000


def month_period(month: str, zone: str) -> Period:
    """Return a month ("2026-11") of a time zone. Raises ValueError."""
    year, number = int(month[:4]), int(month[5:])
    begin = datetime(year, number, 1, tzinfo=ZoneInfo(zone))
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=ZoneInfo(zone))
    return Period(_us(begin), _us(end))


def months(period: Period, zone: str) -> list[str]:
    """Return the months of a time zone that a period touches, in order."""
    first = datetime.fromtimestamp(period.begin // S, ZoneInfo(zone))
    last = datetime.fromtimestamp(max(period.begin, period.end - 1) // S, ZoneInfo(zone))
    found = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [f"{n // 12:04}-{n % 12 + 1:02}" for n in found]


def _us(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp()) * S


def shift_spans(table: RoutingTable, period: Period) -> list[Span]:
    """Return when each shift of the table is on within a period; where it has no shifts, the hours of the day.

    Shifts may overlap: what falls into both counts to both, so lines by shift need not add up. Time of no shift has
    the key "".
    """
    zone = table.centre.timezone
    if not table.routing.shifts:
        return _hours(zone, period)
    schedules = {schedule.key: schedule for schedule in table.routing.schedules}
    spans: list[Span] = []
    for shift in table.routing.shifts:
        schedule = schedules[shift.schedule]
        edges = Timetable(schedule, zone).open_times(period.begin / S, period.end / S).edges
        spans += [
            Span(shift.key, round(opens * S), round(closes * S))
            for opens, closes in zip(edges[::2], edges[1::2], strict=True)
        ]
    return sorted([*spans, *_between(spans, period)], key=lambda one: (one.begin, one.key))


def _between(spans: Iterable[Span], period: Period) -> list[Span]:
    found, at = [], period.begin
    for span in sorted(spans, key=lambda one: one.begin):
        if span.begin > at:
            found.append(Span("", at, span.begin))
        at = max(at, span.end)
    return [*found, Span("", at, period.end)] if at < period.end else found


def _hours(zone: str, period: Period) -> list[Span]:
    hour = 3_600 * S
    edges = [period.begin, *range(period.begin // hour * hour + hour, period.end, hour), period.end]
    spans = []
    for begin, end in pairwise(edges):
        local = datetime.fromtimestamp(begin // S, ZoneInfo(zone))
        spans.append(Span(f"{local.hour:02}", begin, end))
    return spans
