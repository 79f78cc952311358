"""The scoreboard and the monthly report: who was fast and who was slow, and what a call that was not answered lacked.

What counts, with worked examples: docs/clocks.md; how: scoreboard_rules. Times are µs since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from callrouter.incidents.clocks import Clock, Within
from callrouter.incidents.model import Disposition

MAX_DAYS: Final = 366
"""Longest period of a scoreboard."""


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
