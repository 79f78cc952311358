"""Makes and keeps what was counted of days that are over (tables_daily). On PostgreSQL.

A day is made in one transaction that sees one state: the marks that it sees are of changes that it has counted, and
are taken away; a mark that it does not see stays, and the day is made once more. Until then its rows are read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.agencies.scoreboard import Period
from callrouter.clock import now_us
from callrouter.incidents.views import StorageUnavailable
from callrouter.storage.database import Database
from callrouter.storage.figures_cells import FORM, cells, columns, kind_name
from callrouter.storage.figures_counted import OF_CALLS, OF_DISPOSED, OF_INCIDENTS, Asked
from callrouter.storage.figures_lines import run
from callrouter.storage.tables_daily import day_begin, day_of

EVERY_S: Final = 60.0
GRACE_US: Final = 3_600_000_000
"""After the end of a day, until it is made: what happens in this time would only make it anew."""
LONGEST: Final = 3_660
"""Days back that are kept."""
MOST_FAILURES: Final = 3
"""Days in a row that cannot be made, after which a look ends: the database itself may be ill."""
_ONE_AT_A_TIME: Final = 0x1122
"""Key of PostgreSQL's advisory lock: of two services only one makes a day."""

log = structlog.get_logger(__name__)

_CLAIM: Final = text(
    "INSERT INTO figure_day (day) SELECT generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) "
    "ON CONFLICT DO NOTHING"
)
# Whoever began to write before the claim was there may not have marked what he changed. That is over once all
# transactions below this number are; a number that is still to come is another server's, whose data this one got.
_MARKED: Final = text(
    "UPDATE figure_day SET marked_from = seen.upto "
    "FROM (SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint) AS upto) AS seen "
    "WHERE marked_from IS NULL OR marked_from > seen.upto"
)
_WANTED: Final = text(
    "SELECT day FROM figure_day AS d WHERE day BETWEEN :first AND :last AND (made_at IS NULL OR form IS NULL "
    "OR form <> :form OR EXISTS (SELECT 1 FROM figure_mark AS m WHERE m.day = d.day)) ORDER BY day DESC"
)
_FIRST: Final = text("SELECT least((SELECT min(opened_at) FROM call), (SELECT min(opened_at) FROM incident))")
_READY: Final = text(
    "SELECT marked_from <= CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) "
    "FROM figure_day WHERE day = :day"
)
_DUE: Final = text(
    "SELECT max(p.due_at) FROM incident AS i JOIN incident_agency AS p ON p.incident = i.id "
    "WHERE i.opened_at >= :begin AND i.opened_at < :end"
)
_BETWEEN: Final = text(
    "SELECT min(first), max(last) FROM ("
    "SELECT least(c.opened_at, c.answered_at, c.chosen_at, c.human_at, c.joined_at, c.ended_at, r.at) AS first, "
    "greatest(c.opened_at, c.answered_at, c.chosen_at, c.human_at, c.joined_at, c.ended_at, r.at) AS last "
    "FROM call AS c LEFT JOIN call_ring AS r ON r.call = c.id WHERE c.opened_at >= :begin AND c.opened_at < :end "
    "UNION ALL "
    "SELECT least(i.opened_at, p.passed_at, i.acknowledged_at, i.on_scene_at, i.resolved_at, c.opened_at, "
    "c.human_at, c.joined_at), "
    "greatest(i.opened_at, p.passed_at, i.acknowledged_at, i.on_scene_at, i.resolved_at, c.opened_at, c.human_at, "
    "c.joined_at) "
    "FROM incident AS i JOIN incident_agency AS p ON p.incident = i.id LEFT JOIN call AS c ON c.id = i.opening_call "
    "WHERE i.opened_at >= :begin AND i.opened_at < :end) AS moments"
)
_MADE: Final = text(
    "UPDATE figure_day SET made_at = :now, form = :form, first_at = :first, last_at = :last WHERE day = :day"
)


class FigureDays:
    """Makes the days that are over, the newest first, and anew those that changed.

    made:    days that it made since the start
    failed:  days that could not be made, each time; each is tried again
    missing: days whose rows are read until they are made, as of the last look
    """

    def __init__(
        self,
        database: Database,
        now_us: Callable[[], int] = now_us,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.made = 0
        self.failed = 0
        self.missing = 0
        self._database = database
        self._now_us = now_us
        self._sleep = sleep
        self._put_off: set[int] = set()

    async def run(self) -> None:
        """Make days until cancelled. What cannot be made now is read from its rows, and tried at the next look."""
        while True:
            try:
                await self.look()
            except (StorageUnavailable, DBAPIError) as error:
                log.warning("figures.days_not_made", missing=self.missing, reason=str(error))
            except Exception:
                # No call depends on this: a defect here must not end the service.
                log.exception("figures.days_failed")
            await self._sleep(EVERY_S)

    async def look(self) -> None:
        """Make every day that is over and not made, or changed since. Raises StorageUnavailable and DBAPIError.

        One that cannot be made keeps none from being made: it comes last at the next look.
        """
        wanted = await self._wanted()
        self._put_off &= set(wanted)
        days = sorted(wanted, key=lambda day: (day in self._put_off, -day))
        self.missing = len(days)
        if len(days) > 1:
            log.info("figures.days_to_make", days=len(days))
        loop = asyncio.get_running_loop()
        in_a_row = 0
        for day in days:
            begun = loop.time()
            in_a_row = 0 if await self._tried(day) else in_a_row + 1
            if in_a_row == MOST_FAILURES:
                break
            # Half of the time is left to calls.
            await self._sleep(loop.time() - begun)
        if len(days) > 1:
            log.info("figures.days_made", missing=self.missing)

    async def _tried(self, day: int) -> bool:
        """Make a day where that is possible now; return False where it failed."""
        try:
            made = await self.make(day)
        except (StorageUnavailable, DBAPIError) as error:
            self.failed += 1
            self._put_off.add(day)
            log.warning("figures.day_not_made", day=day, reason=str(error))
            return False
        if made:
            self.made += 1
            self.missing -= 1
        return True

    async def _wanted(self) -> Sequence[int]:
        last = day_of(self._now_us() - GRACE_US) - 1

        async def claim(connection: AsyncConnection) -> int | None:
            first = await connection.scalar(_FIRST)
            if first is None:
                return None
            begin = max(day_of(first), last - LONGEST)
            await connection.execute(_CLAIM, {"first": begin, "last": last})
            return int(begin)

        async def wanted(connection: AsyncConnection) -> Sequence[int]:
            await connection.execute(_MARKED)
            return list(await connection.scalars(_WANTED, {"first": first, "last": last, "form": FORM}))

        first = await self._database.write(claim)
        # In a transaction of its own: it has to see that the claim is there.
        return [] if first is None else await self._database.write(wanted)

    async def make(self, day: int) -> bool:
        """Make one day that was claimed; return whether it was."""
        now = self._now_us()
        inserts = await asyncio.to_thread(_inserts, day, now)

        async def work(connection: AsyncConnection) -> bool:
            await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            locked = text("SELECT pg_try_advisory_xact_lock(:key)")
            if not await connection.scalar(locked, {"key": _ONE_AT_A_TIME}):
                return False
            if not await connection.scalar(_READY, {"day": day}):
                return False
            times = {"begin": day_begin(day), "end": day_begin(day + 1)}
            due = await connection.scalar(_DUE, times)
            if due is not None and due >= now:
                return False  # whether it is late is not known yet
            await connection.execute(text("DELETE FROM figure_mark WHERE day = :day"), {"day": day})
            await connection.execute(text("DELETE FROM figure_cell WHERE day = :day"), {"day": day})
            for insert in inserts:
                await run(connection, insert)
            first, last = (await connection.execute(_BETWEEN, times)).one()
            values: dict[str, Any] = {"day": day, "now": now, "form": FORM, "first": first, "last": last}
            await connection.execute(_MADE, values)
            return True

        return await self._database.write(work)


def _inserts(day: int, now: int) -> list[str]:
    period = Period(day_begin(day), day_begin(day + 1))
    return [
        f"INSERT INTO figure_cell (day, kind, key, {columns(counting)}) "  # noqa: S608 (ours)
        f"SELECT {day}, '{kind_name(counting, by)}', cell.* "
        f"FROM ({cells(Asked(period, by, now=now), counting, (period,))}) AS cell"
        for counting in (OF_CALLS, OF_INCIDENTS, OF_DISPOSED)
        for by in counting.kinds
    ]
