"""How many whole calls a second the writer and the journal store together, on SQLite and PostgreSQL, with fsync.

Run: python -m tests.storage.throughput [CALLS]
A call is its five notes and records: three notes through the queue, two records in batches of 100 calls.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import time
from uuid import uuid4

from callrouter.calls.ports import CallOpened
from callrouter.calls.records import JournalBatch
from callrouter.incidents.views import IncidentFilter
from callrouter.storage.database import Database, migrate
from callrouter.storage.incidents import Incidents
from callrouter.storage.journal import Journal
from callrouter.storage.writer import NoteWriter
from tests.databases import postgresql
from tests.storage.given import given_ended, given_joined, given_opened, given_routed


async def measure(url: str, calls: int) -> str:
    database = Database(url)
    writer = NoteWriter(database, 10 * calls)
    journal = Journal(database)
    ids = [uuid4() for _ in range(calls)]
    consumer = asyncio.create_task(writer.run())
    begun, cpu = time.monotonic(), time.process_time()
    WORST[0] = 0.0
    for start in range(0, calls, 100):
        some = ids[start : start + 100]
        for call in some:
            writer.put(CallOpened(given_opened(call)))
            writer.put(given_routed(call))
            writer.put(given_joined(call))
        records = tuple(r for call in some for r in (given_opened(call), given_ended(call)))
        await journal.apply(JournalBatch("pbx1", "journal-1", start, records, ()))
    await writer.flush(600)
    took, cpu = time.monotonic() - begun, time.process_time() - cpu
    consumer.cancel()
    await asyncio.gather(consumer, return_exceptions=True)
    worst = WORST[0]
    page = time.monotonic()
    await Incidents(database).page(IncidentFilter(state="with_agency"))
    page = time.monotonic() - page
    single = [await _one(journal) for _ in range(50)]
    await database.close()
    return (
        f"{calls / took:.0f} calls/s, {cpu / calls * 1000:.2f} ms of CPU a call, "
        f"at most {worst * 1000:.1f} ms of CPU of the loop at once; "
        f"one record alone {sorted(single)[25] * 1000:.1f} ms; a page {page * 1000:.1f} ms"
    )


WORST = [0.0]
_run = asyncio.Handle._run


def _timed(handle: asyncio.Handle) -> None:
    """Run one callback of the loop, and note the CPU time of its thread: not disturbed by other processes."""
    begun = time.thread_time()
    _run(handle)
    WORST[0] = max(WORST[0], time.thread_time() - begun)


async def _one(journal: Journal) -> float:
    begun = time.monotonic()
    await journal.apply(JournalBatch("pbx1", "journal-1", 1, (given_opened(),), ()))
    return time.monotonic() - begun


def main() -> None:
    asyncio.Handle._run = _timed  # type: ignore[method-assign]
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    with tempfile.TemporaryDirectory(prefix="callrouter-throughput-") as folder, postgresql() as server:
        for url in (f"sqlite:///{folder}/callrouter.db", server.url("postgres")):
            migrate(url)
            gc.collect()
            gc.freeze()  # a full collection over all modules alone takes 80 ms
            sys.stdout.write(f"{url.split(':')[0]}: {asyncio.run(measure(url, calls))}\n")


if __name__ == "__main__":
    main()
