"""The scoreboard: who was fast and who was slow, and what a call that was not answered lacked. Pure.

What counts, with worked examples: docs/clocks.md. Times are µs since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from callrouter.incidents.clocks import PRESETS, Clock, Within
from callrouter.incidents.model import Disposition, Outcome
from callrouter.routing.facts import Origin
from callrouter.routing.schedule import Timetable
from callrouter.routing.table import RoutingTable

S: Final = 1_000_000
MAX_DAYS: Final = 366
"""Longest period of a scoreboard."""
TRUNK_FAULTS: Final = frozenset({"unavailable", "congestion", "full"})
"""Results of attempts in which the line failed: no answer from the other side, no line free, not registered."""
NOT_TAKEN: Final = frozenset({"noanswer", "busy", "declined", "mute", "short", "timeout", "dropped", "nobody"})
"""Results of attempts in which the line was well, and no human took the call."""
WENT: Final = frozenset({"left", "began"})
"""Results of attempts during which the caller went."""
TALKED: Final = "talked"


class By(StrEnum):
    """What a scoreboard's lines stand for."""

    AGENCY = "agency"
    CATEGORY = "category"
    AREA = "area"
    SHIFT = "shift"
    """Shifts of the table; where it has none, the hours of the day."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `begin` until before `end`."""

    begin: int
    end: int

    @property
    def before(self) -> Period:
        """Return the period of the same length before it: what a trend compares with."""
        return Period(2 * self.begin - self.end, self.begin)


@dataclass(frozen=True, slots=True)
class Span:
    """Time that counts to the line `key` of a scoreboard."""

    key: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class ClockFigure:
    """What one clock showed: measured and usable ones, those that a set clock spoilt, median and p90 (µs)."""

    measured: int = 0
    unusable: int = 0
    median: int | None = None
    p90: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a scoreboard.

    key:       of the agency, category, area or shift; empty: of what has none
    calls:     that count (by agency: how often it was rung)
    left_out:  tests and calls from operators' telephones, which do not count
    answered:  by a human; the others are, each in one of them:
    waiting:   calls that last, and nobody has answered yet
    trunk:     no line to those who should have answered, and nobody else was rung
    nobody:    somebody was rung, and no human took it
    gone:      the caller went before anybody was rung (by agency: while it rang)
    incidents: opened (by agency: passed to it)
    due, late: acknowledgements that were due, and those of them that came late or not at all
    """

    key: str
    calls: int = 0
    left_out: int = 0
    answered: int = 0
    waiting: int = 0
    trunk: int = 0
    nobody: int = 0
    gone: int = 0
    incidents: int = 0
    due: int = 0
    late: int = 0
    within: tuple[Within, ...] = ()
    clocks: Mapping[Clock, ClockFigure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remark:
    """What an agency says about its month ("2026-11"). version: 0 where there is none."""

    agency: str
    month: str
    text: str = ""
    by: str = ""
    at: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Scoreboard:
    """Lines of a period, those of the period before, and what agencies say. Each list in the order of its keys."""

    period: Period
    by: By
    lines: tuple[Line, ...]
    before: tuple[Line, ...]
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Disposed:
    """Calls of one disposition. undisposed: those among them that nobody has judged (`shown_as`)."""

    disposition: Disposition
    calls: int
    undisposed: int


@dataclass(frozen=True, slots=True)
class Refusals:
    """Calls that were refused before the dialplan, of one status and reason."""

    status: int
    reason: str
    calls: int


@dataclass(frozen=True, slots=True)
class MonthlyReport:
    """A month for the national centre: the seven dispositions add up to `invites`; `refused` stands beside."""

    month: str
    period: Period
    invites: int
    disposed: tuple[Disposed, ...]
    refused: tuple[Refusals, ...]


class FiguresReader(Protocol):
    """Reads figures, and keeps agencies' remarks. Raises StorageUnavailable (callrouter.incidents.views)."""

    async def scoreboard(self, period: Period, by: By) -> Scoreboard:
        """Return the scoreboard of a period."""

    async def month(self, month: str) -> MonthlyReport:
        """Return the report of a month of the centre's time zone ("2026-11")."""

    async def remark(self, agency: str, month: str) -> Remark:
        """Return what the agency says; a remark of version 0 where it says nothing."""

    async def say(self, agency: str, month: str, text: str, by: str, seen: frozenset[int] | None) -> Remark:
        """Keep what the agency says; return it with its new version. Raises RemarkMoved.

        seen: versions of which one must be the present one; None: whatever there is
        """


class RemarkMoved(Exception):
    """The remark is of another version than who changes it has seen."""

    def __init__(self, version: int) -> None:
        super().__init__(f"the version is {version}")
        self.version = version


def counts(origin: str, disposition: str) -> bool:
    """Return whether a call counts on the scoreboard: not a test, and not from an operator's telephone."""
    return origin != Origin.OPERATOR and disposition != Disposition.TEST


def shown_as(disposition: str, origin: str, outcome: str | None, *, heard: bool) -> Disposition:
    """Return the disposition under which a call is reported.

    What a person (or the closing of quiet incidents) said stands. Of a call that nobody has judged: from an
    operator's telephone a test; where a human heard the caller or a message was left an emergency, for nobody has
    said that it was none; else abandoned.
    """
    if disposition in _DISPOSITIONS:
        return Disposition(disposition)
    if origin == Origin.OPERATOR:
        return Disposition.TEST
    return Disposition.EMERGENCY if heard or outcome == Outcome.RECORDED else Disposition.ABANDONED


_DISPOSITIONS: Final = frozenset(map(str, Disposition))


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


@dataclass(frozen=True, slots=True)
class Rung:
    """So many attempts that dialled agencies. label: ``agency/contact`` names joined by +; by: who answered."""

    label: str
    result: str
    by: str
    count: int


def rung_agencies(rung: Iterable[Rung], trunk_of: Mapping[str, str]) -> dict[str, Line]:
    """Return of each agency how often it was rung, and what came of it.

    trunk_of: the trunk of each ``agency/contact``. Of agencies that were rung together the one on whose trunk it was
    answered has answered; that the others did not is nobody's fault, so for them it does not count.
    """
    found: dict[str, dict[str, int]] = {}
    for one in rung:
        names = [name for name in one.label.split("+") if "/" in name]
        agencies = list(dict.fromkeys(name.partition("/")[0] for name in names))
        if one.result == TALKED and len(agencies) > 1:
            answered = {n.partition("/")[0] for n in names if f"trunk-{trunk_of.get(n, '')}" == one.by}
            agencies = list(answered) if len(answered) == 1 else []
        for agency in agencies:
            line = found.setdefault(agency, {})
            line["calls"] = line.get("calls", 0) + one.count
            kind = _kind(one.result)
            line[kind] = line.get(kind, 0) + one.count
    return {agency: _rung_line(agency, line) for agency, line in found.items()}


def _rung_line(agency: str, counted: Mapping[str, int]) -> Line:
    names = ("calls", "answered", "trunk", "nobody", "gone")
    calls, answered, trunk, nobody, gone = (counted.get(name, 0) for name in names)
    return Line(agency, calls=calls, answered=answered, trunk=trunk, nobody=nobody, gone=gone)


def _kind(result: str) -> str:
    if result == TALKED:
        return "answered"
    if result in TRUNK_FAULTS:
        return "trunk"
    return "gone" if result in WENT else "nobody"


def in_order(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return the lines in the order of their keys, what has none last."""
    return tuple(sorted(lines, key=lambda line: (line.key == "", line.key)))


def joined(calls: Iterable[Line], incidents: Iterable[Line]) -> tuple[Line, ...]:
    """Return lines with what was counted of calls, and what was counted of incidents."""
    found = {line.key: line for line in calls}
    for line in incidents:
        call = found.get(line.key, Line(line.key, within=tuple(Within(s, 0, 0) for s in PRESETS)))
        found[line.key] = replace(
            call,
            incidents=call.incidents + line.incidents,
            due=line.due,
            late=line.late,
            clocks={**call.clocks, **line.clocks},
        )
    return in_order(
        replace(line, clocks={clock: line.clocks.get(clock, ClockFigure()) for clock in Clock})
        for line in found.values()
    )
