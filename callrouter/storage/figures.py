"""Reads figures, and keeps what agencies say of them (callrouter.agencies.scoreboard.FiguresReader)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.model import AuditNote
from callrouter.agencies import scoreboard_rules as rules
from callrouter.agencies.scoreboard import (
    By,
    Disposed,
    Line,
    MonthlyReport,
    Period,
    Refusals,
    Remark,
    RemarkMoved,
    Scoreboard,
)
from callrouter.agencies.scoreboard_periods import month_period, months, shift_spans
from callrouter.agencies.scoreboard_rules import Rung
from callrouter.clock import now_us
from callrouter.incidents.clocks import (
    Clocked,
    ClockStep,
    zones,
)
from callrouter.incidents.model import Disposition
from callrouter.routing.table import RoutingTable
from callrouter.storage import figures_sql as sql
from callrouter.storage import figures_sums
from callrouter.storage.audit import append
from callrouter.storage.clocks import clocks_of
from callrouter.storage.database import Database
from callrouter.storage.figures_counted import OF_CALLS, OF_INCIDENTS, OF_PARTS, Alike, Asked
from callrouter.storage.figures_lines import alike_calls, ask, lines
from callrouter.storage.rows import execute_many, insert_into, upsert
from callrouter.storage.tables_daily import DAY_US
from callrouter.storage.tables_figures import agency_remark, call_ring, clock_step

MAX_STEPS: Final = 10_000
"""Clock steps that are read for one answer: a clock that is set more often than that has no figures."""


class Figures:
    """Reads them from the database.

    table: the routing table in force, whose shifts and contacts lines are made by
    key:   of the audit's chain
    """

    def __init__(
        self,
        database: Database,
        table: Callable[[], RoutingTable],
        key: bytes,
        now_us: Callable[[], int] = now_us,
        writing: Database | None = None,
    ) -> None:
        """Read from `database`, and write to `writing` (None: to the same)."""
        self._database = database
        self._writing = database if writing is None else writing
        self._table = table
        self._key = key
        self._now_us = now_us
        self._postgresql = database.place.file is None

    # -------------------------------------------------------------------------------------------- scoreboard
    async def scoreboard(self, period: Period, by: By) -> Scoreboard:
        """Return the scoreboard of a period; the period before it is read at the same time."""
        lines, before = await asyncio.gather(self._lines(period, by), self._lines(period.before, by))
        remarks = await self._remarks(period) if by is By.AGENCY else ()
        return Scoreboard(period, by, lines, before, remarks)

    async def _lines(self, period: Period, by: By) -> tuple[Line, ...]:
        spans = await asyncio.to_thread(shift_spans, self._table(), period) if by is By.SHIFT else []
        now = self._now_us()

        async def work(connection: AsyncConnection) -> tuple[Line, ...]:
            asked = Asked(period, by, zones(await _steps(connection, period)), tuple(spans), now)
            if by is By.AGENCY:
                return await self._of_agencies(connection, asked)
            calls = await lines(connection, asked, OF_CALLS)
            return rules.joined(calls, await lines(connection, asked, OF_INCIDENTS))

        return await self._database.read(work)

    async def _of_agencies(self, connection: AsyncConnection, asked: Asked) -> tuple[Line, ...]:
        parts = await lines(connection, asked, OF_PARTS)
        statement = await asyncio.to_thread(self._text, lambda: figures_sums.rung(asked.period))
        rung = [Rung(row.label, row.result, row.answered_by, row.count) for row in await ask(connection, statement)]
        table = self._table()
        trunk_of = {
            f"{agency.key}/{contact.key}": contact.trunk
            for agency in table.directory.agencies
            for contact in agency.contacts
        }
        found = rules.rung_agencies(rung, trunk_of)
        for part in parts:
            called = found.get(part.key, Line(part.key))
            found[part.key] = replace(
                called, incidents=part.incidents, due=part.due, late=part.late, clocks=part.clocks
            )
        return rules.in_order(found.values())

    async def steps(self, period: Period) -> list[ClockStep]:
        """Return the clock's steps that may touch what is measured of a period."""
        return await self._database.read(lambda connection: _steps(connection, period))

    # -------------------------------------------------------------------------------------------- month
    async def month(self, month: str) -> MonthlyReport:
        """Return the report of a month of the centre's time zone. Raises ValueError where it is none."""
        period = month_period(month, self._table().centre.timezone)
        refused = await asyncio.to_thread(self._text, lambda: figures_sums.refused(period))
        now = self._now_us()

        async def work(connection: AsyncConnection) -> tuple[Sequence[Alike], Sequence[Any]]:
            return await alike_calls(connection, period, now), await ask(connection, refused)

        found, turned_away = await self._database.read(work)
        every, undisposed = dict.fromkeys(Disposition, 0), dict.fromkeys(Disposition, 0)
        for row in found:
            kind = rules.shown_as(row.disposition, row.origin, row.outcome, heard=row.heard)
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
        """Keep what an agency says of a month, with its note in the audit, all or nothing. Raises RemarkMoved."""

        async def work(connection: AsyncConnection) -> Remark:
            known = await _remark(connection, agency, month)
            if seen is not None and known.version not in seen:
                raise RemarkMoved(known.version)
            new = Remark(agency, month, text, by, self._now_us(), known.version + 1)
            row = {"agency": agency, "month": month, "text": new.text, "said_by": by, "at": new.at}
            await upsert(connection, agency_remark, ("agency", "month"), [row | {"version": new.version}])
            kept = await _remark(connection, agency, month)
            payload: dict[str, object] = {"before": known.text if known.version else None, "after": kept.text}
            note = AuditNote(by, "replace" if known.version else "create", f"remarks/{agency}/{month}", payload)
            await append(connection, self._key, note, new.at)
            return kept

        return await self._writing.write(work)

    async def _remarks(self, period: Period) -> tuple[Remark, ...]:
        touched = months(period, self._table().centre.timezone)
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
    def _text(self, statement: Callable[[], Any]) -> str:
        return figures_sums.compiled(statement(), on_postgresql=self._postgresql)


async def _steps(connection: AsyncConnection, period: Period) -> list[ClockStep]:
    of = clock_step.c
    wanted = (
        select(clock_step)
        .where(and_(of.after_at >= period.begin - DAY_US, of.after_at < period.end + sql.LATEST_US))
        .order_by(of.after_at)
        .limit(MAX_STEPS)
    )
    return [ClockStep(row.node, row.before_at, row.after_at, row.by_us) for row in await connection.execute(wanted)]


async def _remark(connection: AsyncConnection, agency: str, month: str) -> Remark:
    of = agency_remark.c
    wanted = select(agency_remark).where(of.agency == agency, of.month == month)
    row = (await connection.execute(wanted)).one_or_none()
    return Remark(agency, month) if row is None else _as_remark(row)


def _as_remark(row: Any) -> Remark:
    return Remark(row.agency, row.month, row.text, row.said_by, row.at, row.version)
