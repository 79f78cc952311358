"""How long it takes to take what waited in the journal while the database was away: `python -m bench.catchup`.

A thousand calls are in the journal, as the PBX writes them; notes of a tenth of them wait in the queue. Then the
database is there, with fsync as in production, and the reader and the writer of the service take everything.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.section import Section, alone
from callrouter.calls.journal import JournalReader
from callrouter.calls.ports import CallOpened
from callrouter.storage import tables as t
from callrouter.storage.database import Database, migrate
from callrouter.storage.journal import Journal
from callrouter.storage.writer import NoteWriter
from tests.databases import postgresql
from tests.storage.given import given_joined, given_opened, given_routed
from tests.unit.calls.given import ended_line, opened_line

CALLS: Final = 1_000
NOTED: Final = 100
LIMIT_S: Final = 10.0
GIVEN_UP_S: Final = 120.0
_NODE: Final = "pbx1"
Say = Callable[[str], None]


async def measure(folder: Path, say: Say, *, quick: bool) -> Section:
    """Measure it on SQLite and PostgreSQL; takes some seconds."""
    del quick
    section = Section("catchup", "Catching up", figures={}, how=_HOW)
    folder.mkdir(parents=True, exist_ok=True)
    with postgresql() as server:
        for name, url in (
            ("SQLite", f"sqlite:///{folder / 'callrouter.db'}"),
            ("PostgreSQL", server.url("postgres")),
        ):
            say(f"catching up on {name}")
            await asyncio.to_thread(migrate, url)
            took, stored = await _catch_up(folder / f"journal-{name}", url)
            section.figures[name] = {"seconds": round(took, 3), "calls": stored}
            row = f"{took:.1f} s, {stored:,} calls stored"
            section.rows.append((f"{CALLS:,} calls caught up on {name}", row, f"{LIMIT_S:g} s"))
            if took > LIMIT_S or stored != CALLS:
                section.wrong.append(f"catching up on {name}: {row}; {LIMIT_S:g} s and {CALLS:,} calls are promised")
    return section


async def _catch_up(folder: Path, url: str) -> tuple[float, int]:
    folder.mkdir()
    calls = [uuid4() for _ in range(CALLS)]
    (folder / f"{_NODE}-1763760.log").write_bytes(b"".join(map(_lines, calls)))
    database = Database(url)
    writer = NoteWriter(database, 10 * CALLS)
    for call in calls[:NOTED]:
        writer.put(CallOpened(given_opened(call)))
        writer.put(given_routed(call))
        writer.put(given_joined(call))
    reader = JournalReader(folder, _NODE, Journal(database))
    begun = time.monotonic()
    running = [asyncio.create_task(part) for part in (writer.run(), reader.run())]
    try:
        async with asyncio.timeout(GIVEN_UP_S):
            await reader.caught_up.wait()
            await writer.flush(GIVEN_UP_S)
        took = time.monotonic() - begun
        return took, await database.read(_ended)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await database.close()


def _lines(call: UUID) -> bytes:
    return opened_line(call) + b"\n" + ended_line(call) + b"\n"


async def _ended(connection: AsyncConnection) -> int:
    found = select(func.count()).select_from(t.call).where(t.call.c.ended_at.is_not(None))
    return await connection.scalar(found) or 0


_HOW: Final = (
    f"the journal has {CALLS:,} whole calls that no database has, the queue {3 * NOTED} notes; time runs from the "
    "start of reader and writer until everything is committed, with fsync, on SQLite and on PostgreSQL."
)


if __name__ == "__main__":
    sys.exit(alone(measure))
