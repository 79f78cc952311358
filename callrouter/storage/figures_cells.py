"""Cells: what was counted of some time for one line, in a form that can be added to. PostgreSQL.

A cell holds its counts, and every value of each clock: cells put together give the very counts, medians and p90 that
their rows would give. Those of a day that is over are kept (tables_daily); of any other time they are made from the
rows for the answer in which they stand.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Select, Text, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY, array

from callrouter.agencies.scoreboard import By, Period, Span
from callrouter.incidents.clocks import Zone
from callrouter.storage import figures_sql as sql
from callrouter.storage.figures_counted import Asked, Counting
from callrouter.storage.figures_spans import times_of
from callrouter.storage.figures_sums import PERCENTS, compiled, summed
from callrouter.storage.tables_daily import SLICE_US, day_begin

FORM: Final = 1
"""Of what is kept: of another form, or counted by other rules, it is made anew. Raise it when either changes."""
MOST_RANGES: Final = 8
"""Times whose rows are read for one answer; where there are more, days between them are read from rows, too."""
Kind = By | None
"""What cells are of; None: quarters of an hour, or other units of what is counted."""
_NUMBERS: Final = ARRAY(BigInteger)


@functools.cache
def count_names(counting: Counting) -> tuple[str, ...]:
    """Return the names of the counts of a cell, in their order."""
    rows = counting.rows(Asked(Period(0, 1), By.CATEGORY), (Period(0, 1),), True)
    return tuple(column.name for column in _summed(rows, counting)[1])


def cells(asked: Asked, counting: Counting, ranges: sql.Ranges) -> str:
    """Return the query of the cells of what is counted: key, counts, and the values of each clock."""
    if asked.set_in or asked.spans:
        return _cells(asked, counting, ranges)
    # To make it anew takes ten milliseconds, which calls would feel: it is made once, with names for the times.
    made = _template(counting, asked.by, len(ranges))
    times = [at for one in ranges for at in (one.begin, one.end)]
    return _NAME.sub(lambda name: str(([asked.now, *times])[int(name[1])]), made)


_NAME: Final = re.compile(r":time_(\d+)_")


@functools.lru_cache(64)
def _template(counting: Counting, by: Kind, ranges: int) -> str:
    now, *times = (_named(n) for n in range(2 * ranges + 1))
    named = tuple(Period(begin, end) for begin, end in zip(times[::2], times[1::2], strict=True))
    return _cells(Asked(named[0], by, now=now), counting, named)


def _named(n: int) -> Any:
    return literal_column(f":time_{n}_", BigInteger)


def _cells(asked: Asked, counting: Counting, ranges: sql.Ranges) -> str:
    facts, counts = _summed(counting.rows(asked, ranges, True), counting)
    values = (facts.c[str(clock)] for clock in counting.clocks)
    statement = select(
        cast(facts.c.key, Text).label("key"),
        cast(array([column.element for column in counts]), _NUMBERS).label("counts"),
        *(func.array_agg(of).filter(of.is_not(None)).label(f"clock_{n}") for n, of in enumerate(values, 1)),
    ).group_by(facts.c.key)
    return compiled(statement, on_postgresql=True)


def kept(counting: Counting, by: Kind, days: Sequence[int]) -> str:
    """Return the query of the cells of days that are kept."""
    of_days = f"kind = '{kind_name(counting, by)}' AND day IN ({', '.join(map(str, days))})"
    return f"SELECT key, {columns(counting)} FROM figure_cell WHERE {of_days}"  # noqa: S608 (names of ours)


def by_shift(of: Sequence[str], asked: Asked, counting: Counting) -> str:
    """Return the query of cells by shift, made of these queries of cells by quarters of an hour."""
    # The first quarter of the period may have begun before it.
    at = literal_column(f"greatest(cell.key::bigint * {SLICE_US}, {asked.period.begin})", BigInteger)
    times = times_of(asked.spans, on_postgresql=True)
    shift = compiled(select(times.rows), on_postgresql=True)
    held = compiled(select(times.piece(at)), on_postgresql=True)
    every = " UNION ALL ".join(f"({one})" for one in of)
    return (
        f"SELECT shift.key, {columns(counting)} FROM (SELECT cell.*, ({held}) AS piece FROM ({every}) AS cell) AS c "  # noqa: S608 (names of ours)
        f"JOIN ({shift}) AS shift ON shift.piece = c.piece"
    )


def columns(counting: Counting) -> str:
    """Return the columns of a cell behind its key, as its query gives them."""
    return ", ".join(["counts", *(f"clock_{n}" for n, _ in enumerate(counting.clocks, 1))])


def kind_name(counting: Counting, by: Kind) -> str:
    """Return under what name cells are kept."""
    return f"{counting.name} by {counting.units if by is None else by}"


def merged(of: Sequence[str], counting: Counting) -> str:
    """Return the query of lines made of these queries of cells.

    A line has its key, each count by its name, and of each clock median and p90 as ``<clock>_ranks``.
    """
    shares = "ARRAY[" + ", ".join(f"{percent / 100}" for percent in PERCENTS) + "]"
    values = [f"clock_{n}" for n, _ in enumerate(counting.clocks, 1)]
    ranked = ", ".join(f"percentile_disc({shares}) WITHIN GROUP (ORDER BY u.{name}) AS {name}" for name in values)
    counts = ", ".join(f'sum(counts[{n}])::bigint AS "{name}"' for n, name in enumerate(count_names(counting), 1))
    shown = ", ".join(f"ranked.{name} AS {clock}_ranks" for name, clock in zip(values, counting.clocks, strict=True))
    each = ", ".join(values)
    every = " UNION ALL ".join(f"({one})" for one in of)
    if not values:
        return f"SELECT key, {counts} FROM ({every}) AS cells GROUP BY key"  # noqa: S608 (names of ours)
    return (
        f"WITH cells AS MATERIALIZED ({every} ORDER BY key), "  # noqa: S608 (names of ours)
        f"ranked AS (SELECT key, {ranked} FROM cells, unnest({each}) AS u({each}) GROUP BY key) "
        f"SELECT summed.*, {shown} FROM (SELECT key, {counts} FROM cells GROUP BY key) AS summed "
        "LEFT JOIN ranked ON ranked.key = summed.key"
    )


def _summed(rows: Select[Any], counting: Counting) -> tuple[Any, list[Any]]:
    facts = sql.apart(rows, "counted", on_postgresql=True)
    return facts, summed(facts, counting.clocks, presets=counting.presets)


# ------------------------------------------------------------------------------------------------ which days
@dataclass(frozen=True, slots=True)
class Day:
    """A day that is kept. first, last: between them lies everything that was measured of it."""

    day: int
    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Sources:
    """What an answer is made from: the cells of these days, and the rows of these ranges. Nothing twice."""

    days: tuple[int, ...]
    ranges: tuple[Period, ...]


def sources(period: Period, days: Iterable[Day], set_in: Sequence[Zone], spans: Sequence[Span]) -> Sources:
    """Return what the figures of a period are made from, where the cells of `days` hold.

    By shift, days hold only where every shift begins and ends with a quarter of an hour. A day during which, as far
    as anything of it lasted, the clock was set is read from its rows, which tell what that spoilt.
    """
    edges = {at for one in spans for at in (one.begin, one.end) if period.begin < at < period.end}
    if any(at % SLICE_US for at in edges):
        return Sources((), (period,))
    held = sorted(one.day for one in days if _inside(one.day, period) and not _touched(one, set_in))
    gaps = list(_gaps(period, held))
    while len(gaps) > MOST_RANGES:
        n = min(range(len(gaps) - 1), key=lambda i: gaps[i + 1].begin - gaps[i].end)
        gaps[n : n + 2] = [Period(gaps[n].begin, gaps[n + 1].end)]
    read = [day for day in held if not any(gap.begin <= day_begin(day) < gap.end for gap in gaps)]
    return Sources(tuple(read), tuple(gaps))


def _inside(day: int, period: Period) -> bool:
    return period.begin <= day_begin(day) and day_begin(day + 1) <= period.end


def _touched(one: Day, set_in: Sequence[Zone]) -> bool:
    if one.first is None or one.last is None:
        return False
    return any(zone.begin <= one.last and zone.end >= one.first for zone in set_in)


def _gaps(period: Period, days: Sequence[int]) -> Iterator[Period]:
    at = period.begin
    for day in days:
        if day_begin(day) > at:
            yield Period(at, day_begin(day))
        at = day_begin(day + 1)
    if at < period.end:
        yield Period(at, period.end)
