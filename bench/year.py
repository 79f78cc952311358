"""A realistic year of a centre, in a PostgreSQL: incidents, calls, attempts, agencies' parts, timelines and words.

`python -m bench.year URL 1000000` fills a database, which makes the rows itself (bench.year_sql); the same seed and
number give the same year. The proportions are those that centres publish (Jakarta 2024: 58 % dropped, 23 % prank, 1 %
emergencies; Kota Batu: two calls in a hundred answered at all), a day has its night, and pranks come from few numbers
that call often.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy.engine import make_url

from bench import section
from bench.section import Section
from bench.year_kinds import BEGIN_US, DAY_US, DAYS
from bench.year_sql import TABLES, statements
from callrouter.storage.database import migrate
from chaos.postgres import Postgres

SEED: Final = 112
ROWS: Final = 1_000_000
QUICK_ROWS: Final = 20_000
_QUICKLY: Final = (
    "SET session_replication_role = replica",  # no triggers, and no checks of foreign keys: all of it is ours
    "SET synchronous_commit = off",
    "SET maintenance_work_mem = '512MB'",
    "SET work_mem = '512MB'",
)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Year:
    """A year that was made. begin, end: µs UTC; counts: rows by table."""

    begin: int
    end: int
    counts: dict[str, int]


def connect(url: str) -> psycopg.Connection[Any]:
    """Connect to the database at `url`."""
    parsed = make_url(url)
    where = {"host": parsed.query.get("host") or parsed.host, "dbname": parsed.database, "user": parsed.username}
    return psycopg.connect(**where, password=parsed.password, port=parsed.port, autocommit=True)  # type: ignore[arg-type]


def fill(url: str, incidents: int, say: Say = print, *, seed: int = SEED) -> Year:
    """Migrate the PostgreSQL at `url`, which is empty, and fill it with a year of so many incidents.

    It takes a superuser. The secondary indexes are made anew at the end, as the migrations made them.
    """
    migrate(url)
    begun = time.monotonic()
    names = [table.name for table in TABLES]
    with connect(url) as connection:
        cursor = connection.cursor()
        for statement in _QUICKLY:
            cursor.execute(statement)
        again = _without_indexes(cursor, names)
        for statement in statements(seed, incidents):
            cursor.execute(statement)
        say(f"{incidents:,} incidents are in after {time.monotonic() - begun:.0f} s; making {len(again)} indexes")
        for statement in again:
            cursor.execute(statement)
        cursor.execute("SELECT setval(pg_get_serial_sequence('incident', 'number'), %s)", (incidents,))
        cursor.execute("VACUUM ANALYZE")
        counts = {name: _count(cursor, name) for name in names}
    say(f"the year is made, in {time.monotonic() - begun:.0f} s")
    return Year(BEGIN_US, BEGIN_US + DAYS * DAY_US, counts)


@asynccontextmanager
async def on_postgresql(incidents: int, say: Say) -> AsyncIterator[tuple[str, Year]]:
    """Make a year in a PostgreSQL of its own, which lasts as long as the block; yield its URL, and what was made."""
    postgres = Postgres()
    try:
        url = await asyncio.to_thread(postgres.start)
        say(f"a year of {incidents:,} incidents")
        yield url, await asyncio.to_thread(fill, url, incidents, say)
    finally:
        await asyncio.to_thread(postgres.close)


def _without_indexes(cursor: psycopg.Cursor[Any], tables: Sequence[str]) -> list[str]:
    """Take away what can be made anew, and return how: indexes, and constraints that nothing else needs."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) "
        "AND indexname NOT IN (SELECT conname FROM pg_constraint)",
        (list(tables),),
    )
    again = []
    for name, definition in cursor.fetchall():
        cursor.execute(f'DROP INDEX "{name}"')
        again.append(definition)
    cursor.execute(
        "SELECT c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid) FROM pg_constraint AS c "
        "WHERE c.contype IN ('p', 'u') AND c.conrelid::regclass::text = ANY(%s) "
        "AND NOT EXISTS (SELECT 1 FROM pg_constraint AS f WHERE f.confrelid = c.conrelid AND f.conindid = c.conindid "
        "AND f.contype = 'f')",
        (list(tables),),
    )
    for table, name, definition in cursor.fetchall():
        cursor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"')
        again.append(f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" {definition}')
    return again


def _count(cursor: psycopg.Cursor[Any], table: str) -> int:
    row = cursor.execute(f'SELECT count(*) FROM "{table}"').fetchone()  # noqa: S608
    return int(row[0]) if row else 0


def alone(measured: Callable[..., Awaitable[Section]]) -> int:
    """Measure one part on a year of its own, and tell, as its module does when it is run by itself."""

    async def measure(_folder: Path, say: Say, *, quick: bool) -> Section:
        async with on_postgresql(QUICK_ROWS if quick else ROWS, say) as (url, year):
            return await measured(url, year.counts, say, quick=quick)

    return section.alone(measure)


if __name__ == "__main__":
    made = fill(sys.argv[1], int(sys.argv[2]))
    print(made.counts)
