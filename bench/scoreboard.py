"""How long a month's scoreboard takes in a year of 1,000,000 incidents, and what the loop of calls feels of it:
`python -m bench.scoreboard`.

Measured at the reader that the API asks, with the answer as it is shown, on a real PostgreSQL. A beat on the same
loop tells how late it came meanwhile.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy.engine import make_url

from bench import year
from bench.section import Section, alone
from bench.verify import city
from callrouter.agencies.scoreboard import By, month_period
from callrouter.api import figures_shown
from callrouter.app import SWITCH_S
from callrouter.storage.database import Database
from callrouter.storage.figures import Figures

ROWS, QUICK_ROWS = 1_000_000, 50_000
LIMIT_MS: Final = 300.0
LAG_MS: Final = 50.0
MONTHS: Final = tuple(f"2025-{n:02}" for n in range(2, 12))
QUICK_MONTHS: Final = MONTHS[:3]
BEAT_S: Final = 0.005
ZONE: Final = "Asia/Jakarta"
Say = Callable[[str], None]


async def measure(folder: Path, say: Say, *, quick: bool) -> Section:  # noqa: ARG001 (its database is elsewhere)
    """Measure it; takes about three minutes, most of it to make the year."""
    async with year.on_postgresql(QUICK_ROWS if quick else ROWS, say) as (url, made):
        await asyncio.to_thread(add_rings, url)
        return await measured(url, made.counts, say, QUICK_MONTHS if quick else MONTHS)


def add_rings(url: str) -> None:
    """Add to a year when the first telephone rang for each call whose caller came out of the menu."""
    parsed = make_url(url)
    where = {"host": parsed.query.get("host") or parsed.host, "dbname": parsed.database, "user": parsed.username}
    with psycopg.connect(**where, password=parsed.password, port=parsed.port, autocommit=True) as connection:  # type: ignore[arg-type]
        connection.execute(
            "INSERT INTO call_ring SELECT id, chosen_at + 150000 FROM call WHERE chosen_at IS NOT NULL "
            "ON CONFLICT DO NOTHING"
        )
        connection.execute("VACUUM ANALYZE call_ring")


async def measured(url: str, counts: Mapping[str, int], say: Say, months: tuple[str, ...]) -> Section:
    """Measure the scoreboards of a year that is there."""
    section = Section("scoreboard", "A month's scoreboard", figures={"rows": dict(counts)}, how=_HOW)
    database = Database(url, read_s=30.0)
    table = city()
    before = sys.getswitchinterval()
    # As in the service: what was built before is never walked through, and a thread gives way soon.
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_S)
    try:
        reader = Figures(database, lambda: table)
        await _timed(section, "that nobody asks for", _nothing, months, limit_ms=None)
        for by in By:
            await _one(section, reader, by, months)
            say(" | ".join(section.rows[-1]))
        await _report(section, reader, months)
        say(" | ".join(section.rows[-1]))
    finally:
        sys.setswitchinterval(before)
        gc.unfreeze()
        await database.close()
    return section


async def _one(section: Section, reader: Figures, by: By, months: tuple[str, ...]) -> None:
    async def ask(month: str) -> int:
        board = await reader.scoreboard(month_period(month, ZONE), by)
        return len((await asyncio.to_thread(figures_shown.scoreboard, board)).lines)

    await _timed(section, f"by {by}", ask, months)


async def _nothing(_month: str) -> int:
    await asyncio.sleep(0.3)
    return 1


async def _report(section: Section, reader: Figures, months: tuple[str, ...]) -> None:
    async def ask(month: str) -> int:
        return (await reader.month(month)).invites

    await _timed(section, "for the national centre", ask, months)


async def _timed(
    section: Section,
    name: str,
    ask: Callable[[str], Any],
    months: tuple[str, ...],
    limit_ms: float | None = LIMIT_MS,
) -> None:
    await ask(months[0])  # statements are prepared, pages are in memory
    took: list[float] = []
    lags: list[float] = []
    beating = asyncio.create_task(_beat(lags))
    try:
        for month in months:
            begun = time.perf_counter()
            found = await ask(month)
            took.append(1000 * (time.perf_counter() - begun))
            if not found:
                section.wrong.append(f"a month {name}: nothing was found in {month}")
    finally:
        beating.cancel()
    median, worst, lag = statistics.median(took), max(took), 1000 * max(lags, default=0.0)
    section.rows.append(
        (
            f"a month {name}: median, worst; the loop meanwhile, worst",
            f"{median:.0f}, {worst:.0f} ms; {lag:.1f} ms late",
            f"{LIMIT_MS:g} ms; {LAG_MS:g} ms",
        )
    )
    section.figures[name] = {"median_ms": median, "worst_ms": worst, "lag_ms": lag, "months": len(months)}
    if limit_ms is not None and median > limit_ms:
        section.wrong.append(f"a month {name}: {median:.0f} ms, {limit_ms:g} ms are allowed")
    if lag > LAG_MS:
        section.wrong.append(f"a month {name}: the loop was {lag:.0f} ms late, {LAG_MS:g} ms are allowed")


async def _beat(lags: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(BEAT_S)
        lags.append(time.perf_counter() - before - BEAT_S)


_HOW: Final = (
    f"a year of {ROWS:,} incidents in the proportions that centres publish (bench/year.py), on PostgreSQL; the "
    "scoreboards of ten months, each with the period before it, by the service's own reader, as the API shows them. "
    f"A beat every {1000 * BEAT_S:g} ms on the same loop tells how late it was."
)


if __name__ == "__main__":
    sys.exit(alone(measure))
