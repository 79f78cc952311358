"""How long it takes to find what may be the same event in a year of 1,000,000 incidents: `python -m bench.related`.

Measured at the reader that the API asks, on a real PostgreSQL: for emergencies, which have a category, an area and
words, and for any others.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.beat import LAG_MS, as_the_service, beating
from bench.section import Section, p95
from bench.year import ROWS, Say, alone
from callrouter.storage.database import Database
from callrouter.storage.related import Related

TIMES, QUICK_TIMES = 200, 40
WARM_UP: Final = 5
LIMIT_MS: Final = 50.0
MOST: Final = 5
_SOME: Final = {
    "an emergency": "WHERE disposition = 'emergency'",
    "any incident": "",
}


async def measured(url: str, counts: Mapping[str, int], say: Say, *, quick: bool) -> Section:
    """Measure it in a year that is there."""
    section = Section("related", "What may be the same event", figures={"rows": dict(counts)}, how=_HOW)
    database = Database(url)
    try:
        with as_the_service():
            for name, where in _SOME.items():
                await _one(section, database, name, where, QUICK_TIMES if quick else TIMES)
                say(" | ".join(section.rows[-1]))
    finally:
        await database.close()
    return section


async def _one(section: Section, database: Database, name: str, where: str, times: int) -> None:
    async def some(connection: AsyncConnection) -> list[UUID]:
        query = f"SELECT id FROM incident {where} ORDER BY md5(id::text) LIMIT {times + WARM_UP}"  # noqa: S608 (ours)
        return list(await connection.scalars(text(query)))

    ids = await database.read(some)
    reader = Related(database)
    took: list[float] = []
    found = 0
    async with beating() as lags:
        for id_ in ids:
            begun = time.perf_counter()
            found += len(await reader.related(id_, MOST) or ())
            took.append(1000 * (time.perf_counter() - begun))
    took = took[WARM_UP:]
    median, slow, lag = statistics.median(took), p95(took), max(lags, default=0.0)
    row = f"what may be the same event as {name}: median / p95; the loop meanwhile"
    section.rows.append((row, f"{median:.1f} / {slow:.1f} ms; {lag:.0f} ms late", f"{LIMIT_MS:g} ms; {LAG_MS:g} ms"))
    section.figures[name] = {"median_ms": median, "p95_ms": slow, "lag_ms": lag, "suggestions": found}
    if slow > LIMIT_MS:
        section.wrong.append(f"what may be the same event: p95 is {slow:.0f} ms, {LIMIT_MS:g} ms are allowed")
    if lag > LAG_MS:
        section.wrong.append(f"what may be the same event: the loop was {lag:.0f} ms late, {LAG_MS:g} ms are allowed")


_HOW: Final = (
    f"in a year of {ROWS:,} incidents in the proportions that centres publish (bench/year.py), on PostgreSQL: "
    f"{TIMES} incidents, each with those that are near it by time, category, area and words; the limit is that of a "
    "page."
)


if __name__ == "__main__":
    sys.exit(alone(measured))
