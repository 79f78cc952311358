"""Storing whole calls as the service does: notes behind the call by the writer, then the lines of the journal."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar
from uuid import uuid4

from bench.year_kinds import BEGIN_US, DAY_US, DAYS
from callrouter.calls.ports import CallOpened, Note
from callrouter.calls.records import Attempt, Ended, JournalBatch, Record
from callrouter.storage.database import Database
from callrouter.storage.journal import Journal
from callrouter.storage.writer import NoteWriter
from tests.storage.given import AT, SECOND, given_ended, given_joined, given_opened, given_routed

TOGETHER: Final = 10
"""Calls in one batch."""
_WARM_UP: Final = 3
_STORED_S: Final = 60.0
_T = TypeVar("_T", Ended, Attempt)
_AFTER_THE_YEAR: Final = BEGIN_US + DAYS * DAY_US


@dataclass(frozen=True)
class Stored:
    """What storing took: CPU for each call, by the storing process and the database, and time for each batch; ms."""

    calls: int
    service_ms: float
    database_ms: float
    batch_ms: float


async def store(database: Database, calls: int, database_cpu_s: Callable[[], float]) -> Stored:
    """Store so many calls, a multiple of TOGETHER; they are the newest. RuntimeError where one is not stored."""
    writer, journal = NoteWriter(database, 10 * TOGETHER), Journal(database)
    running = asyncio.create_task(writer.run())
    try:
        for n in range(_WARM_UP):
            await _batch(writer, journal, n)
        took = []
        ours, theirs = time.process_time(), database_cpu_s()
        for n in range(_WARM_UP, _WARM_UP + calls // TOGETHER):
            begun = time.perf_counter()
            await _batch(writer, journal, n)
            took.append(1000 * (time.perf_counter() - begun))
        ours, theirs = time.process_time() - ours, database_cpu_s() - theirs
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    if writer.refused:
        raise RuntimeError(f"{writer.refused} notes were refused by the database")
    stored = len(took) * TOGETHER
    return Stored(stored, 1000 * ours / stored, 1000 * theirs / stored, statistics.median(took))


async def _batch(writer: NoteWriter, journal: Journal, n: int) -> None:
    calls = [_call(n * TOGETHER + m) for m in range(TOGETHER)]
    for notes, _ in calls:
        for note in notes:
            if not writer.put(note):
                raise RuntimeError("the writer's queue is full")
    if not await writer.flush(_STORED_S):
        raise RuntimeError("the calls could not be stored in time")
    records = tuple(record for _, of_call in calls for record in of_call)
    await journal.apply(JournalBatch("pbx1", "pbx1-1763760.log", 1_000 * (n + 1), records, ()))


def _call(n: int) -> tuple[Sequence[Note], Sequence[Record]]:
    """Return a call's notes and lines: an agency that was busy, another that talked."""
    call, at = uuid4(), _AFTER_THE_YEAR + n * SECOND
    opened = given_opened(call, at=at, number=f"0819{n:07}", uniqueid=f"1790000000.{n}")
    ended = given_ended(call)
    attempts = tuple(_moved(one, at - AT) for one in ended.attempts)
    notes = (
        CallOpened(opened),
        given_routed(call, at=at + 4 * SECOND),
        given_joined(call, at=at + 10 * SECOND),
    )
    return notes, (opened, replace(_moved(ended, at - AT), attempts=attempts))


def _moved(record: _T, by: int) -> _T:
    """Return the record with all its moments (µs) moved."""
    values = {name: getattr(record, name) for name in record.__dataclass_fields__}
    moved: dict[str, Any] = {k: v + by for k, v in values.items() if isinstance(v, int) and v >= AT}
    return replace(record, **moved)
