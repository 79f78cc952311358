"""Asks the database for the lines of a scoreboard."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import CursorResult, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.agencies.scoreboard import By, ClockFigure, Line, Period
from callrouter.agencies.scoreboard_rules import in_order
from callrouter.incidents.clocks import PRESETS, Clock, Within
from callrouter.storage import figures_sums as sums
from callrouter.storage.figures_cells import FORM, Day, by_shift, cells, kept, merged, sources
from callrouter.storage.figures_counted import OF_DISPOSED, Alike, Asked, Counting, alike
from callrouter.storage.tables_daily import day_of, figure_day, figure_mark

_SET: Final = "SET LOCAL jit = off; SET LOCAL work_mem = '64MB'; SET LOCAL max_parallel_workers_per_gather = 0"
"""To compile such a statement takes PostgreSQL longer than to run it; what is sorted stays in memory; and the period
and the one before it have a core each.
"""


async def lines(connection: AsyncConnection, asked: Asked, counting: Counting) -> tuple[Line, ...]:
    """Return what was counted, by key; each answer of one transaction is of one state."""
    if connection.dialect.name == "postgresql":
        days = await kept_days(connection, asked.period, asked.now) if asked.by is not By.AGENCY else []
        found = await ask(connection, await asyncio.to_thread(_of_cells, asked, counting, days))
        ranked: Sequence[Any] = ()
    else:
        whole, apart = await asyncio.to_thread(_of_rows, asked, counting)
        found, ranked = await ask(connection, whole), await ask(connection, apart)
    percentiles = {(row.key, row.clock): (row.p50, row.p90) for row in ranked}
    return in_order(_line(row._mapping, counting, percentiles) for row in found)


async def alike_calls(connection: AsyncConnection, period: Period, now: int) -> list[Alike]:
    """Return the calls of a month, those that are reported alike together."""
    if connection.dialect.name == "postgresql":
        return [alike(line) for line in await lines(connection, Asked(period, None, now=now), OF_DISPOSED)]
    statement = await asyncio.to_thread(lambda: sums.compiled(sums.month(period), on_postgresql=False))
    return [
        Alike(row.disposition, bool(row.judged), row.origin, row.outcome, bool(row.heard), row.count)
        for row in await ask(connection, statement)
    ]


async def ask(connection: AsyncConnection, statement: str) -> Sequence[Any]:
    """Return the rows of a statement that is text with its values in it."""
    return (await run(connection, statement)).all()


async def run(connection: AsyncConnection, statement: str) -> CursorResult[Any]:
    """Run such a statement."""
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql(_SET)
        statement = statement.replace("%", "%%")
    return await connection.exec_driver_sql(statement)


async def kept_days(connection: AsyncConnection, period: Period, now: int) -> list[Day]:
    """Return the days of a period of which what is kept holds: made by then, and nothing of them changed since."""
    of = figure_day.c
    changed = select(figure_mark.c.id).where(figure_mark.c.day == of.day).exists()
    wanted = select(of.day, of.first_at, of.last_at).where(
        of.day >= day_of(period.begin),
        of.day <= day_of(period.end),
        of.made_at <= now,
        of.form == FORM,
        ~changed,
    )
    return [Day(row.day, row.first_at, row.last_at) for row in await connection.execute(wanted)]


def _of_cells(asked: Asked, counting: Counting, days: Sequence[Day]) -> str:
    of = sources(asked.period, days, asked.set_in, asked.spans)
    if not of.days:
        return merged([cells(asked, counting, of.ranges)], counting)
    # Those by shift are put together from quarters of an hour, with which every shift begins and ends.
    whole = replace(asked, by=None, spans=()) if asked.by is By.SHIFT else asked
    queries = [kept(counting, whole.by, of.days)]
    if of.ranges:
        queries.append(cells(whole, counting, of.ranges))
    return merged([by_shift(queries, asked, counting)] if asked.by is By.SHIFT else queries, counting)


def _of_rows(asked: Asked, counting: Counting) -> tuple[str, str]:
    rows = counting.rows(asked, (asked.period,), False)
    whole = sums.sums(rows, counting.clocks, presets=counting.presets)
    apart = sums.ranks(rows, counting.clocks)
    return sums.compiled(whole, on_postgresql=False), sums.compiled(apart, on_postgresql=False)


def _line(row: Mapping[str, Any], counting: Counting, ranked: Mapping[tuple[str, str], Any]) -> Line:
    def figure(clock: Clock) -> ClockFigure:
        median, p90 = row.get(f"{clock}_ranks") or ranked.get((row["key"], str(clock))) or (None, None)
        return ClockFigure(row[str(clock)], int(row[f"{clock}_unusable"]), median, p90)

    counted = ("calls", "left_out", "answered", "waiting", "trunk", "nobody", "gone", "incidents", "due", "late")
    return Line(
        row["key"],
        **{name: int(row[name]) for name in counted if name in row},
        within=tuple(Within(s, row[f"in_{s}"], row["known"] - row[f"gone_{s}"]) for s in PRESETS if counting.presets),
        clocks={clock: figure(clock) for clock in counting.clocks},
    )
