"""How cost grows with the incidents that are stored: `python -m bench.growth.incidents`.

On a real PostgreSQL: what storing a call takes, its first page of incidents, a search and one incident, in databases
with more and more incidents, the last of which is the year that other parts look at too (bench.year).
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.curves import curve
from bench.growth.storing import Stored, store
from bench.opponents.cpu import taken
from bench.section import Section, Table, p95
from bench.year import Say, alone, connect, fill
from callrouter.incidents.views import IncidentFilter
from callrouter.storage.database import Database, migrate
from callrouter.storage.incidents import Incidents

SIZES, QUICK_SIZES = (0, 10_000, 100_000), (0,)
"""Besides the year."""
CALLS, QUICK_CALLS = 400, 150
TIMES, QUICK_TIMES = 60, 20
WARM_UP: Final = 5
BY: Final = "incidents stored"
_WORDS: Final = ("api besar kawi", "asap bromo", "kabel putus melati", "korban pasar", "atap roboh semeru")
_STATEMENT_S: Final = 30.0


@dataclass(frozen=True)
class Asked:
    """Median and 95th percentile of what one kind of question takes, ms."""

    median_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Grown:
    """What a database with `incidents` takes."""

    incidents: int
    stored: Stored
    page: Asked
    search: Asked
    one: Asked | None


async def measured(url: str, counts: Mapping[str, int], say: Say, *, quick: bool) -> Section:
    """Measure it, in databases beside the year at `url` and in that; takes about a minute, quick 20 s."""
    section = Section("incidents", "Incidents stored", how=_HOW)
    server = _server(url)
    found = []
    for size in QUICK_SIZES if quick else SIZES:
        there = await asyncio.to_thread(_filled, url, size, say)
        found.append(await _size(there, size, server, quick=quick))
        say(_line(found[-1]))
        await asyncio.to_thread(_drop, url, size)
    found.append(await _size(url, counts["incident"], server, quick=quick))
    say(_line(found[-1]))
    _told(section, found)
    return section


async def _size(url: str, incidents: int, server: int, *, quick: bool) -> Grown:
    await asyncio.to_thread(_settled, url)
    database = Database(url, read_s=_STATEMENT_S, write_s=_STATEMENT_S)
    reader, times = Incidents(database), WARM_UP + (QUICK_TIMES if quick else TIMES)
    dice = random.Random(incidents)  # noqa: S311 (a benchmark)
    try:
        some = await database.read(lambda connection: _some(connection, times))
        page = await _asked(times, lambda _: reader.page(IncidentFilter()))
        search = await _asked(times, lambda _: reader.page(IncidentFilter(words=dice.choice(_WORDS))))
        one = await _asked(len(some), lambda n: reader.detail(some[n])) if some else None
        stored = await store(database, QUICK_CALLS if quick else CALLS, lambda: taken(server, "database").all)
    finally:
        await database.close()
    return Grown(incidents, stored, page, search, one)


async def _asked(times: int, ask: Callable[[int], Awaitable[object]]) -> Asked:
    took = []
    for n in range(times):
        begun = time.perf_counter()
        await ask(n)
        took.append(1000 * (time.perf_counter() - begun))
    took = took[WARM_UP:] or took
    return Asked(statistics.median(took), p95(took))


async def _some(connection: AsyncConnection, number: int) -> list[UUID]:
    query = "SELECT id FROM incident WHERE number % 97 = 5 OR number < 100 ORDER BY md5(id::text) LIMIT :number"
    return list(await connection.scalars(text(query), {"number": number}))


# ------------------------------------------------------------------------------------------------ databases
def _filled(url: str, size: int, say: Say) -> str:
    name = _name(size)
    with connect(url) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    there = make_url(url).set(database=name).render_as_string(hide_password=False)
    if size:
        fill(there, size, say)
    else:
        migrate(there)
    return there


def _drop(url: str, size: int) -> None:
    with connect(url) as connection:
        connection.execute(f'DROP DATABASE "{_name(size)}" WITH (FORCE)'.encode())


def _settled(url: str) -> None:
    """What the filling left to be written is written before anything is measured."""
    with connect(url) as connection:
        connection.execute("CHECKPOINT")


def _name(size: int) -> str:
    return f"of_{size}"


def _server(url: str) -> int:
    """Return the process id of the server, whose children serve connections."""
    with connect(url) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        status = Path(f"/proc/{row[0] if row else 0}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("PPid:"))


# ------------------------------------------------------------------------------------------------ figures
def _line(one: Grown) -> str:
    detail = "" if one.one is None else f", one incident {one.one.median_ms:.1f} ms"
    return (
        f"{one.incidents:,} incidents: a call stored takes {one.stored.service_ms:.2f} + "
        f"{one.stored.database_ms:.2f} ms of CPU, a page {one.page.median_ms:.1f} ms, "
        f"a search {one.search.median_ms:.1f} ms{detail}"
    )


def _told(section: Section, found: list[Grown]) -> None:
    def by(name: str, y_title: str, value: Callable[[Grown], float | None]) -> dict[str, Any]:
        return curve(name, BY, y_title, [(one.incidents, y) for one in found if (y := value(one)) is not None])

    cpu, wait = "CPU to store a call, ms", "time of an answer, median, ms"
    section.figures = {
        "sizes": [{"name": f"{one.incidents} incidents", **asdict(one)} for one in found],
        "curves": [
            by("service", cpu, lambda one: one.stored.service_ms),
            by("PostgreSQL", cpu, lambda one: one.stored.database_ms),
            by("first page", wait, lambda one: one.page.median_ms),
            by("search for words", wait, lambda one: one.search.median_ms),
            by("one incident, whole", wait, lambda one: None if one.one is None else one.one.median_ms),
        ],
    }
    rows = [
        (
            f"{one.incidents:,}",
            f"{one.stored.batch_ms:.1f} ms",
            f"{one.stored.service_ms:.2f} / {one.stored.database_ms:.2f} ms",
            *("" if asked is None else f"{asked.median_ms:.1f} / {asked.p95_ms:.1f} ms" for asked in _asks(one)),
        )
        for one in found
    ]
    section.tables.append(Table("Incidents stored, and what is asked of them", _HEAD, rows))


def _asks(one: Grown) -> tuple[Asked | None, ...]:
    return (one.page, one.search, one.one)


_HEAD: Final = (
    "Incidents stored",
    "Ten calls stored",
    "CPU for each call: service / PostgreSQL",
    "First page: median / p95",
    "Search: median / p95",
    "One incident: median / p95",
)
_HOW: Final = (
    "a PostgreSQL with more and more incidents in the proportions of a year (bench/year.py), with fsync. Calls are "
    "stored ten at a time, as many as gather in the 0.2 s for which the service lets them at 50 calls/s: their notes "
    "by the writer, then their lines of the journal. CPU is that of the storing process and of all of PostgreSQL. "
    "Answers are those of the reader that the API asks."
)


if __name__ == "__main__":
    sys.exit(alone(measured))
