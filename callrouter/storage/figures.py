"""Reads figures, and keeps what agencies say of them (callrouter.agencies.scoreboard.FiguresReader)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.agencies import scoreboard as rules
from callrouter.agencies.scoreboard import (
    By,
    Disposed,
    Line,
    MonthlyReport,
    Period,
    Refusals,
    Remark,
    RemarkMoved,
    Rung,
    Scoreboard,
)
from callrouter.clock import now_us
from callrouter.incidents.clocks import (
    OF_CALL,
    OF_INCIDENT,
    PRESETS,
    Clock,
    Clocked,
    ClockStep,
    Within,
    Zone,
    zones,
)
from callrouter.incidents.model import Disposition
from callrouter.routing.table import RoutingTable
from callrouter.storage import figures_sql as sql
from callrouter.storage import figures_sums
from callrouter.storage.clocks import clocks_of
from callrouter.storage.database import Database
from callrouter.storage.rows import execute_many, insert_into, upsert
from callrouter.storage.tables_figures import agency_remark, call_ring, clock_step

MAX_STEPS: Final = 10_000
"""Clock steps that are read for one answer: a clock that is set more often than that has no figures."""
_SET: Final = "SET LOCAL jit = off; SET LOCAL work_mem = '64MB'; SET LOCAL max_parallel_workers_per_gather = 0"
"""To compile such a statement takes PostgreSQL longer than to run it; what is sorted stays in memory; and the period
and the one before it have a core each.
"""


class Figures:
    """Reads them from the database.

    table: the routing table in force, whose shifts and contacts lines are made by
    """

    def __init__(
        self,
        database: Database,
        table: Callable[[], RoutingTable],
        now_us: Callable[[], int] = now_us,
        writing: Database | None = None,
    ) -> None:
        """Read from `database`, and write to `writing` (None: to the same)."""
        self._database = database
        self._writing = database if writing is None else writing
        self._table = table
        self._now_us = now_us
        self._postgresql = database.place.file is None

    # -------------------------------------------------------------------------------------------- scoreboard
    async def scoreboard(self, period: Period, by: By) -> Scoreboard:
        """Return the scoreboard of a period; the period before it is read at the same time."""
        lines, before = await asyncio.gather(self._lines(period, by), self._lines(period.before, by))
        remarks = await self._remarks(period) if by is By.AGENCY else ()
        return Scoreboard(period, by, lines, before, remarks)

    async def _lines(self, period: Period, by: By) -> tuple[Line, ...]:
        set_in = zones(await self.steps(period))
        if by is By.AGENCY:
            return await self._of_agencies(period, set_in)
        table = self._table()
        now = self._now_us()

        spans = await asyncio.to_thread(rules.shift_spans, table, period) if by is By.SHIFT else []
        on = self._postgresql

        calls = await self._summed(
            lambda: sql.calls(by, period, set_in, spans, on_postgresql=on), OF_CALL, presets=True
        )
        incidents = await self._summed(
            lambda: sql.incidents(by, period, set_in, now, spans, on_postgresql=on), OF_INCIDENT
        )
        return rules.joined(calls, incidents)

    async def _of_agencies(self, period: Period, set_in: Sequence[Zone]) -> tuple[Line, ...]:
        now = self._now_us()
        parts = await self._summed(lambda: sql.agencies(period, set_in, now), sql.CLOCKS_OF_AGENCY)
        statement = await asyncio.to_thread(self._text, lambda: figures_sums.rung(period))
        rung = [Rung(row.label, row.result, row.answered_by, row.count) for row in await self._rows(statement)]
        table = self._table()
        trunk_of = {
            f"{agency.key}/{contact.key}": contact.trunk
            for agency in table.directory.agencies
            for contact in agency.contacts
        }
        lines = rules.rung_agencies(rung, trunk_of)
        for part in parts:
            called = lines.get(part.key, Line(part.key))
            lines[part.key] = replace(
                called, incidents=part.incidents, due=part.due, late=part.late, clocks=part.clocks
            )
        return rules.in_order(lines.values())

    async def _summed(
        self, rows: Callable[[], Any], clocks: Sequence[Clock], *, presets: bool = False
    ) -> tuple[Line, ...]:
        def statements() -> tuple[str, str | None]:
            facts = rows()
            whole = figures_sums.sums(facts, clocks, presets=presets, on_postgresql=self._postgresql)
            apart = None if self._postgresql else figures_sums.ranks(facts, clocks)
            return self._compiled(whole), None if apart is None else self._compiled(apart)

        whole, apart = await asyncio.to_thread(statements)

        async def ask(connection: AsyncConnection) -> tuple[Sequence[Any], Sequence[Any]]:
            found = await self._ask(connection, whole)
            return found, [] if apart is None else await self._ask(connection, apart)

        found, ranked = await self._database.read(ask)
        percentiles = {(row.key, row.clock): (row.p50, row.p90) for row in ranked}
        return rules.in_order(_line(row._mapping, clocks, percentiles, presets=presets) for row in found)

    async def steps(self, period: Period) -> list[ClockStep]:
        """Return the clock's steps that may touch what is measured of a period."""
        of = clock_step.c
        wanted = (
            select(clock_step)
            .where(and_(of.after_at >= period.begin - sql.DAY_US, of.after_at < period.end + sql.LATEST_US))
            .order_by(of.after_at)
            .limit(MAX_STEPS)
        )

        async def ask(connection: AsyncConnection) -> list[ClockStep]:
            return [
                ClockStep(row.node, row.before_at, row.after_at, row.by_us)
                for row in await connection.execute(wanted)
            ]

        return await self._database.read(ask)

    # -------------------------------------------------------------------------------------------- month
    async def month(self, month: str) -> MonthlyReport:
        """Return the report of a month of the centre's time zone. Raises ValueError where it is none."""
        period = rules.month_period(month, self._table().centre.timezone)
        calls = await asyncio.to_thread(self._text, lambda: figures_sums.month(period))
        refused = await asyncio.to_thread(self._text, lambda: figures_sums.refused(period))

        async def ask(connection: AsyncConnection) -> tuple[Sequence[Any], Sequence[Any]]:
            return await self._ask(connection, calls), await self._ask(connection, refused)

        found, turned_away = await self._database.read(ask)
        every, undisposed = dict.fromkeys(Disposition, 0), dict.fromkeys(Disposition, 0)
        for row in found:
            kind = rules.shown_as(row.disposition, row.origin, row.outcome, heard=bool(row.heard))
            every[kind] += row.count
            undisposed[kind] += 0 if row.judged else row.count
        return MonthlyReport(
            month,
            period,
            invites=sum(every.values()),
            disposed=tuple(Disposed(kind, every[kind], undisposed[kind]) for kind in Disposition),
            refused=tuple(Refusals(row.status, row.reason, row.count) for row in turned_away),
        )

    # -------------------------------------------------------------------------------------------- remarks
    async def remark(self, agency: str, month: str) -> Remark:
        """Return what an agency says about a month."""

        async def ask(connection: AsyncConnection) -> Remark:
            return await _remark(connection, agency, month)

        return await self._database.read(ask)

    async def say(self, agency: str, month: str, text: str, by: str, seen: frozenset[int] | None) -> Remark:
        """Keep what an agency says about a month. Raises RemarkMoved."""

        async def work(connection: AsyncConnection) -> Remark:
            known = await _remark(connection, agency, month)
            if seen is not None and known.version not in seen:
                raise RemarkMoved(known.version)
            new = Remark(agency, month, text, by, self._now_us(), known.version + 1)
            row = {"agency": agency, "month": month, "text": new.text, "said_by": by, "at": new.at}
            await upsert(connection, agency_remark, ("agency", "month"), [row | {"version": new.version}])
            return await _remark(connection, agency, month)

        return await self._writing.write(work)

    async def _remarks(self, period: Period) -> tuple[Remark, ...]:
        touched = rules.months(period, self._table().centre.timezone)
        of = agency_remark.c
        wanted = select(agency_remark).where(of.month.in_(touched)).order_by(of.agency, of.month)

        async def ask(connection: AsyncConnection) -> tuple[Remark, ...]:
            return tuple(_as_remark(row) for row in await connection.execute(wanted))

        return await self._database.read(ask)

    # -------------------------------------------------------------------------------------------- what is kept
    async def rang(self, rings: Sequence[tuple[UUID, int]]) -> None:
        """Keep when calls first rang (callrouter.calls.rings.RingStore)."""
        rows = [{"call": call, "at": at} for call, at in sorted(rings)]

        async def work(connection: AsyncConnection) -> None:
            await execute_many(connection, insert_into(connection, call_ring).on_conflict_do_nothing(), rows)

        await self._writing.write(work)

    async def stepped(self, step: ClockStep) -> None:
        """Keep that the wall clock was set. Kept twice, it is the same zone."""
        row = {"node": step.node, "before_at": step.before, "after_at": step.after, "by_us": step.by}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(clock_step).values(row))

        await self._writing.write(work)

    async def clocks(self, incident: UUID) -> Clocked | None:
        """Return the clocks of an incident; None where there is no such incident."""
        return await self._database.read(lambda connection: clocks_of(connection, incident))

    # -------------------------------------------------------------------------------------------- asking
    def _compiled(self, statement: Any) -> str:
        return figures_sums.compiled(statement, on_postgresql=self._postgresql)

    def _text(self, statement: Callable[[], Any]) -> str:
        return self._compiled(statement())

    async def _rows(self, statement: str) -> Sequence[Any]:
        async def ask(connection: AsyncConnection) -> Sequence[Any]:
            return await self._ask(connection, statement)

        return await self._database.read(ask)

    async def _ask(self, connection: AsyncConnection, statement: str) -> Sequence[Any]:
        if self._postgresql:
            await connection.exec_driver_sql(_SET)
            statement = statement.replace("%", "%%")
        return (await connection.exec_driver_sql(statement)).all()


def _line(
    row: Mapping[str, Any], clocks: Sequence[Clock], ranked: Mapping[tuple[str, str], Any], *, presets: bool
) -> Line:
    def figure(clock: Clock) -> rules.ClockFigure:
        median, p90 = row.get(f"{clock}_ranks") or ranked.get((row["key"], str(clock))) or (None, None)
        return rules.ClockFigure(row[str(clock)], int(row[f"{clock}_unusable"]), median, p90)

    counted = ("calls", "left_out", "answered", "waiting", "trunk", "nobody", "gone", "incidents", "due", "late")
    return Line(
        row["key"],
        **{name: int(row[name]) for name in counted if name in row},
        within=tuple(Within(s, row[f"in_{s}"], row["known"] - row[f"gone_{s}"]) for s in PRESETS) if presets else (),
        clocks={clock: figure(clock) for clock in clocks},
    )


async def _remark(connection: AsyncConnection, agency: str, month: str) -> Remark:
    of = agency_remark.c
    wanted = select(agency_remark).where(of.agency == agency, of.month == month)
    row = (await connection.execute(wanted)).one_or_none()
    return Remark(agency, month) if row is None else _as_remark(row)


def _as_remark(row: Any) -> Remark:
    return Remark(row.agency, row.month, row.text, row.said_by, row.at, row.version)
