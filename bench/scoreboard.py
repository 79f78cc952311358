"""How long a month's scoreboard takes in a year of 1,000,000 incidents, and what the loop of calls feels of it:
`python -m bench.scoreboard`.

Measured at the reader that the API asks, with the answer as it is shown, on a real PostgreSQL. A beat on the same
loop tells how late it came meanwhile.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from bench.beat import BEAT_S, LAG_MS, as_the_service, beating
from bench.section import Section, p95
from bench.verify import city
from bench.year import ROWS, Say, alone
from bench.year_kinds import BEGIN_US, DAY_US, DAYS
from callrouter.agencies.scoreboard import By
from callrouter.agencies.scoreboard_periods import month_period
from callrouter.api import figures_shown
from callrouter.storage.database import Database
from callrouter.storage.figures import Figures
from callrouter.storage.figures_daily import FigureDays

LIMIT_MS: Final = 300.0
MONTHS: Final = tuple(f"2025-{n:02}" for n in range(2, 12))
QUICK_MONTHS: Final = MONTHS[:2]
ROUNDS, QUICK_ROUNDS = 3, 1
ZONE: Final = "Asia/Jakarta"
_AFTERWARDS, _QUICK_AFTERWARDS = (BEGIN_US + (days + 2) * DAY_US for days in (DAYS, 90))
"""When days are put together: once all of them are over, or those of QUICK_MONTHS."""
Ask = Callable[[str], Awaitable[int]]


async def measured(url: str, counts: Mapping[str, int], say: Say, *, quick: bool) -> Section:
    """Measure the scoreboards of a year that is there."""
    section = Section("scoreboard", "A month's scoreboard", figures={"rows": dict(counts)}, how=_HOW)
    database = Database(url, read_s=30.0)
    table = city()
    reader = Figures(database, lambda: table, bytes(32))
    months = (QUICK_MONTHS if quick else MONTHS) * (QUICK_ROUNDS if quick else ROUNDS)
    try:
        with as_the_service():
            await _timed(section, say, "that nobody asks for", _nothing, months, limit_ms=None)
            rows = "before what was counted of its days is kept"
            for by in (By.CATEGORY, By.AREA, By.SHIFT):
                await _timed(section, say, f"by {by}, {rows}", _by(reader, by), months[:3], limit_ms=None)
            now = _QUICK_AFTERWARDS if quick else _AFTERWARDS
            await _keep(section, say, FigureDays(database, lambda: now))
            for by in By:
                await _timed(section, say, f"by {by}", _by(reader, by), months)

            async def report(month: str) -> int:
                return (await reader.month(month)).invites

            await _timed(section, say, "for the national centre", report, months)
    finally:
        await database.close()
    return section


def _by(reader: Figures, by: By) -> Ask:
    async def ask(month: str) -> int:
        board = await reader.scoreboard(month_period(month, ZONE), by)
        return len((await asyncio.to_thread(figures_shown.scoreboard, board)).lines)

    return ask


async def _nothing(_month: str) -> int:
    await asyncio.sleep(0.3)
    return 1


async def _keep(section: Section, say: Say, days: FigureDays) -> None:
    """Put together what is kept of all days, as the service does in the background once it is started."""
    begun = time.perf_counter()
    async with beating() as lags:
        await days.look()
    took = time.perf_counter() - begun
    lag = max(lags, default=0.0)
    row = "all days of an old database kept; the loop meanwhile, worst"
    section.rows.append((row, f"{took:.0f} s for {days.made} days; {lag:.1f} ms late", f"{LAG_MS:g} ms"))
    section.figures["kept"] = {"seconds": took, "days": days.made, "lag_ms": lag}
    if days.missing:
        section.wrong.append(f"{days.missing} days were not kept")
    if lag > LAG_MS:
        section.wrong.append(f"while days were kept the loop was {lag:.0f} ms late, {LAG_MS:g} ms are allowed")
    say(" | ".join(section.rows[-1]))


async def _timed(
    section: Section, say: Say, name: str, ask: Ask, months: tuple[str, ...], limit_ms: float | None = LIMIT_MS
) -> None:
    await ask(months[0])  # statements are prepared, pages are in memory
    took: list[float] = []
    async with beating() as lags:
        for month in months:
            begun = time.perf_counter()
            found = await ask(month)
            took.append(1000 * (time.perf_counter() - begun))
            if not found:
                section.wrong.append(f"a month {name}: nothing was found in {month}")
    median, slow, lag = statistics.median(took), p95(took), max(lags, default=0.0)
    limits = f"{LAG_MS:g} ms" if limit_ms is None else f"{limit_ms:g} ms; {LAG_MS:g} ms"
    row = f"a month {name}: median / p95; the loop meanwhile, worst"
    section.rows.append((row, f"{median:.0f} / {slow:.0f} ms; {lag:.1f} ms late", limits))
    section.figures[name] = {"median_ms": median, "p95_ms": slow, "lag_ms": lag, "months": len(months)}
    if limit_ms is not None and slow > limit_ms:
        section.wrong.append(f"a month {name}: p95 is {slow:.0f} ms, {limit_ms:g} ms are allowed")
    if lag > LAG_MS:
        section.wrong.append(f"a month {name}: the loop was {lag:.0f} ms late, {LAG_MS:g} ms are allowed")
    say(" | ".join(section.rows[-1]))


_HOW: Final = (
    f"a year of {ROWS:,} incidents in the proportions that centres publish (bench/year.py), on PostgreSQL; the "
    "scoreboards of ten months, each with the period before it, by the service's own reader, as the API shows them: "
    "first from the rows, as right after an update of an old database, then with what is kept of days that are over "
    f"(docs/clocks.md). A beat every {1000 * BEAT_S:g} ms on the same loop tells how late it was."
)


if __name__ == "__main__":
    sys.exit(alone(measured))
