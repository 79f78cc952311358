"""What is counted for a scoreboard, of what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, func, literal, select

from callrouter.agencies.scoreboard import By, Line, Period, Span
from callrouter.incidents.clocks import OF_CALL, OF_INCIDENT, Clock, Zone
from callrouter.storage import figures_sql as sql
from callrouter.storage import figures_sums


@dataclass(frozen=True, slots=True)
class Asked:
    """What a scoreboard was asked for.

    by:     None: by quarters of an hour
    set_in: when the clock was set; spans: the times of shifts; now: what is late is so by then
    """

    period: Period
    by: By | None
    set_in: tuple[Zone, ...] = ()
    spans: tuple[Span, ...] = ()
    now: int = 0


@dataclass(frozen=True)
class Counting:
    """One kind of what is counted, and its clocks.

    rows: makes the query of its rows within ranges, for PostgreSQL or SQLite; presets: whether it has waits
    kinds: of what lines it is kept for days that are over; None: of `units`
    """

    name: str
    clocks: tuple[Clock, ...]
    rows: Callable[[Asked, sql.Ranges, bool], Select[Any]]
    presets: bool = False
    kinds: tuple[By | None, ...] = ()
    units: str = "slice"


def _calls(of: Asked, ranges: sql.Ranges, on: bool) -> Select[Any]:
    return sql.calls(of.by, ranges, of.set_in, of.spans, on_postgresql=on)


def _incidents(of: Asked, ranges: sql.Ranges, on: bool) -> Select[Any]:
    return sql.incidents(of.by, ranges, of.set_in, of.now, of.spans, on_postgresql=on)


def _parts(of: Asked, ranges: sql.Ranges, _on: bool) -> Select[Any]:
    return sql.agencies(ranges, of.set_in, of.now)


@dataclass(frozen=True, slots=True)
class Alike:
    """Calls that are reported alike, so many."""

    disposition: str
    judged: bool
    origin: str
    outcome: str
    heard: bool
    count: int


_BETWEEN: Final = "\x1f"
"""Between the parts of a key of calls that are alike."""


def _disposed(_of: Asked, ranges: sql.Ranges, _on: bool) -> Select[Any]:
    rows = figures_sums.disposed(ranges).subquery("disposed")
    return select(func.concat_ws(_BETWEEN, *rows.c).label("key"), literal(1).label("calls"))


def alike(line: Line) -> Alike:
    """Return what a line of OF_DISPOSED stands for."""
    disposition, judged, origin, outcome, heard = line.key.split(_BETWEEN)
    return Alike(disposition, judged == "1", origin, outcome, heard == "1", line.calls)


_KINDS: Final = (By.CATEGORY, By.AREA, None)
OF_CALLS: Final = Counting("calls", OF_CALL, _calls, presets=True, kinds=_KINDS)
OF_INCIDENTS: Final = Counting("incidents", OF_INCIDENT, _incidents, kinds=_KINDS)
OF_DISPOSED: Final = Counting("calls", (), _disposed, kinds=(None,), units="disposition")
OF_PARTS: Final = Counting("parts", (Clock.ACKNOWLEDGEMENT, Clock.ON_SCENE, Clock.RESOLUTION), _parts)
