"""How long a page of incidents takes in a year of 1,000,000, by every filter: `python -m bench.pages`.

Measured at the reader that the API asks, on a real PostgreSQL: statement, rows and all. Each filter is asked for its
first page and for pages at places all over the year, with other values each time.
"""

from __future__ import annotations

import random
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bench import year_kinds as kinds
from bench.beat import LAG_MS, as_the_service, beating
from bench.section import Section, p95
from bench.year import ROWS, Say, alone
from callrouter.api.incident_query import IncidentQuery, incident_filter
from callrouter.incidents.views import IncidentFilter, OpenedPlace
from callrouter.storage.database import Database
from callrouter.storage.incidents import Incidents, page_statement

LIMIT_MS: Final = 50.0
TIMES, QUICK_TIMES = 60, 15
WARM_UP: Final = 5
Values = Mapping[str, str]


@dataclass(frozen=True)
class _Asked:
    name: str
    query: Callable[[random.Random], Values]


def _moment(us: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(us / 1e6))


def _period(dice: random.Random, days: int) -> dict[str, str]:
    begin = kinds.BEGIN_US + dice.randrange(kinds.DAYS - days) * kinds.DAY_US
    return {"since": _moment(begin), "until": _moment(begin + days * kinds.DAY_US)}


def _asked(numbers: list[str]) -> Iterator[_Asked]:
    category, agency = list(kinds.CATEGORIES), list(kinds.AGENCIES)
    dispositions = ["emergency", "information", "misdirected", "prank", "ghost", "test", "abandoned"]
    yield _Asked("no filter", lambda _: {})
    yield _Asked("a day", lambda d: _period(d, 1))
    yield _Asked("a month", lambda d: _period(d, 30))
    yield _Asked("state", lambda d: {"state": d.choice(["closed", "with_operator", "abandoned", "open"])})
    yield _Asked("category", lambda d: {"category": d.choice(category)})
    yield _Asked("callback", lambda d: {"callback": d.choice(["true", "false"])})
    yield _Asked("area", lambda d: {"area": d.choice(kinds.AREAS)})
    yield _Asked("disposition", lambda d: {"disposition": d.choice(dispositions)})
    yield _Asked("agency", lambda d: {"agency": d.choice(agency)})
    yield _Asked("operator", lambda d: {"operator": d.choice(kinds.OPERATORS)})
    yield _Asked("outcome", lambda d: {"outcome": d.choice(["talked", "abandoned", "recorded", "no_message", "cut"])})
    yield _Asked("number", lambda d: {"number": d.choice(numbers)})
    yield _Asked("merged", lambda d: {"merged": d.choice(["true", "false"])})
    yield _Asked(
        "changed since",
        lambda d: {"changed_since": _moment(kinds.BEGIN_US + 364 * kinds.DAY_US + d.randrange(10**10))},
    )
    yield _Asked("a common word", lambda d: {"q": d.choice(["jl", "korban", "pasar", "merdeka"])})
    yield _Asked(
        "two words",
        lambda d: {"q": f"{d.choice(['api besar', 'asap', 'kabel putus'])} {d.choice(['kawi', 'bromo', 'melati'])}"},
    )
    yield _Asked("a word that nobody wrote", lambda d: {"q": f"tsunami{d.randrange(9)}"})
    yield _Asked("category and a month", lambda d: {"category": d.choice(category), **_period(d, 30)})
    yield _Asked("agency and a month", lambda d: {"agency": d.choice(agency), **_period(d, 30)})
    yield _Asked("operator and a month", lambda d: {"operator": d.choice(kinds.OPERATORS), **_period(d, 30)})
    yield _Asked(
        "category, area and disposition",
        lambda d: {"category": d.choice(category), "area": d.choice(kinds.AREAS), "disposition": "emergency"},
    )
    yield _Asked("a word and a month", lambda d: {"q": d.choice(["korban", "asap"]), **_period(d, 30)})


async def measured(url: str, counts: Mapping[str, int], say: Say, *, quick: bool) -> Section:
    """Measure the pages of a year that is there."""
    section = Section("pages", "A page of incidents", figures={"rows": dict(counts)}, how=_HOW)
    database = Database(url)
    try:
        numbers = await _numbers(database)
        with as_the_service():
            for asked in _asked(numbers):
                await _one(section, database, asked, QUICK_TIMES if quick else TIMES)
                say(" | ".join(section.rows[-1]))
    finally:
        await database.close()
    return section


async def _one(section: Section, database: Database, asked: _Asked, times: int) -> None:
    reader = Incidents(database)
    took: list[float] = []
    found = 0
    slowest = (0.0, IncidentFilter())
    async with beating() as lags:
        for wanted in _filters(asked, times + WARM_UP):
            begun = time.perf_counter()
            found += len(await reader.page(wanted))
            took.append(1000 * (time.perf_counter() - begun))
            slowest = max(slowest, (took[-1], wanted), key=lambda one: one[0])
    took = took[WARM_UP:]
    slow, median, lag = p95(took), statistics.median(took), max(lags, default=0.0)
    index = await _indexes(database, slowest[1])
    measured = f"{median:.1f} / {slow:.1f} ms; {lag:.0f} ms late; {', '.join(index)}"
    limits = f"{LIMIT_MS:g} ms; {LAG_MS:g} ms"
    section.rows.append((f"a page by {asked.name}: median / p95; the loop meanwhile; index", measured, limits))
    section.figures[asked.name] = {
        "median_ms": median,
        "p95_ms": slow,
        "worst_ms": max(took),
        "lag_ms": lag,
        "rows_a_page": found / (times + WARM_UP),
        "indexes": index,
        "slowest": str(slowest[1]),
    }
    if slow > LIMIT_MS:
        section.wrong.append(f"a page by {asked.name}: p95 is {slow:.0f} ms, {LIMIT_MS:g} ms are allowed")
    if lag > LAG_MS:
        section.wrong.append(f"a page by {asked.name}: the loop was {lag:.0f} ms late, {LAG_MS:g} ms are allowed")


def _filters(asked: _Asked, times: int) -> Iterator[IncidentFilter]:
    dice = random.Random(asked.name)  # noqa: S311 (a benchmark)
    for n in range(times):
        wanted = incident_filter(IncidentQuery.model_validate(dict(asked.query(dice))))
        begin, end = wanted.since or kinds.BEGIN_US, wanted.until or kinds.BEGIN_US + kinds.DAYS * kinds.DAY_US
        yield wanted if n % 3 == 0 else replace(wanted, after=OpenedPlace(dice.randrange(begin, end), 1))


async def _numbers(database: Database) -> list[str]:
    async def ask(connection: AsyncConnection) -> list[str]:
        some = "SELECT number FROM call TABLESAMPLE SYSTEM (1) REPEATABLE (112) WHERE number <> '' LIMIT 500"
        most = "SELECT number FROM call WHERE number LIKE '0857%' GROUP BY number ORDER BY count(*) DESC LIMIT 50"
        return [*await connection.scalars(text(some)), *await connection.scalars(text(most))]

    return await database.read(ask)


async def _indexes(database: Database, wanted: IncidentFilter) -> list[str]:
    async def ask(connection: AsyncConnection) -> str:
        statement: Any = page_statement(wanted, postgresql=True)
        compiled = statement.compile(connection.engine.sync_engine, compile_kwargs={"literal_binds": True})
        rows = await connection.exec_driver_sql("EXPLAIN " + str(compiled).replace("%", "%%"))
        return "\n".join(row[0] for row in rows)

    plan = await database.read(ask)
    found = re.findall(
        r"(?:Index Only Scan|Index Scan)(?: Backward)? using (\w+)|Bitmap Index Scan on (\w+)|(Seq Scan on \w+)", plan
    )
    return list(dict.fromkeys(next(filter(None, one)) for one in found))


_HOW: Final = (
    f"a year of {ROWS:,} incidents in the proportions that centres publish (bench/kinds.py), on PostgreSQL; pages of "
    "50, the first one and those at places all over the year, with other values each time, read by the service's own "
    "reader. The indexes are those of the slowest page's plan."
)


if __name__ == "__main__":
    sys.exit(alone(measured))
