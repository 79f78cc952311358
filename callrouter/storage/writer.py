"""Takes notes from calls at once and writes them behind, so that no call ever waits for the database."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.ports import CallJudged, CallRefused, Note
from callrouter.storage.changed import Changed, nobody
from callrouter.storage.database import Database, StorageUnavailable
from callrouter.storage.fill import fill
from callrouter.storage.judgement import store_judgements
from callrouter.storage.known import call_of
from callrouter.storage.refused import store_refused

BATCH = 200
"""Notes in one transaction."""
GATHER_S = 0.2
"""How long the first note waits for others. A transaction costs milliseconds of the loop that serves the calls, with
one note nearly as many as with fifty; and it would fall into the moment in which the PBX dials. Less than the journal
waits (calls.journal.GATHER_S): who sees the end of a call sees what was noted before."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
WARN_AT = 0.7
"""Share of the queue from which on it warns."""

log = structlog.get_logger(__name__)


class NoteWriter:
    """Writes notes behind the calls (callrouter.calls.ports.Writer): a bounded queue, and `run`, its one consumer.

    For the gauges: `backlog` notes wait, of at most `capacity`; `written` and `refused` (the database would not have
    them; each is logged) are over since the start; `turned_away` found the queue full; `retries` transactions failed.
    No call is lost by any of these: the journal of the PBX holds every one (not those that the PBX refused), with all
    that the notes would have said: by what it was decided, its plan, and who talked. Only the timeline is shorter.

    changed: told of the incidents of a batch of notes once it is stored; it must not wait
    """

    def __init__(self, database: Database, capacity: int, changed: Changed = nobody) -> None:
        self.capacity = capacity
        self.written = 0
        self.refused = 0
        self.turned_away = 0
        self.retries = 0
        self._database = database
        self._changed = changed
        self._queue: deque[Note] = deque()
        self._came = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._hurry = asyncio.Event()
        self._warned = False

    @property
    def backlog(self) -> int:
        """Notes that are not in the database yet, those being written included."""
        return len(self._queue)

    def put(self, note: Note) -> bool:
        """Queue a note; False if the queue is full (counted), and the note is left to the journal."""
        if len(self._queue) >= self.capacity:
            self.turned_away += 1
            if self.turned_away == 1 or self.turned_away % 1000 == 0:
                log.error("writer_full", capacity=self.capacity, turned_away=self.turned_away)
            return False
        self._queue.append(note)
        self._came.set()
        self._empty.clear()
        if not self._warned and len(self._queue) >= WARN_AT * self.capacity:
            self._warned = True
            log.warning("writer_filling", backlog=len(self._queue), capacity=self.capacity)
        return True

    async def run(self) -> None:
        """Write notes until cancelled. While the database is away they stay queued, and it is tried again."""
        while True:
            await self._came.wait()
            await self._gather()
            batch = [self._queue[i] for i in range(min(BATCH, len(self._queue)))]
            await self._write(batch)
            for _ in batch:
                self._queue.popleft()
            if len(self._queue) < WARN_AT * self.capacity / 2:
                self._warned = False
            if not self._queue:
                self._came.clear()
                self._empty.set()

    async def flush(self, within_s: float) -> bool:
        """Wait, at most `within_s` seconds, until every note is written (by `run`); True if none is left."""
        self._hurry.set()
        try:
            await asyncio.wait_for(self._empty.wait(), within_s)
        except TimeoutError:
            log.warning("writer_flush_timeout", backlog=self.backlog)
            return False
        finally:
            self._hurry.clear()
        return True

    async def _gather(self) -> None:
        if len(self._queue) < BATCH:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), GATHER_S)

    async def _write(self, batch: Sequence[Note]) -> None:
        pause = FIRST_PAUSE_S
        while True:
            try:
                self.written += await self._store(batch)
            except StorageUnavailable as error:
                self.retries += 1
                log.warning("writer_retry", backlog=self.backlog, pause_s=pause, reason=str(error))
                await self._pause(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                return

    async def _store(self, batch: Sequence[Note]) -> int:
        """Write the notes together; where that is refused, each alone, so that one bad note keeps back no other."""

        async def write(notes: Sequence[Note]) -> None:
            touched: set[UUID] = set()

            async def work(connection: AsyncConnection) -> None:
                calls = [note for note in notes if not isinstance(note, CallRefused | CallJudged)]
                if calls:
                    touched.update(await fill(connection, calls))
                await store_judgements(connection, [note for note in notes if isinstance(note, CallJudged)])
                await store_refused(connection, [note for note in notes if isinstance(note, CallRefused)])

            await self._database.write(work)
            self._changed(touched)

        try:
            await write(batch)
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - the writer must outlive any note
            if len(batch) == 1:
                self.refused += 1
                log.error("note_refused", call=str(_id_of(batch[0])), error=type(error).__name__)
                return 0
            return sum([await self._store([note]) for note in batch])
        return len(batch)

    async def _pause(self, seconds: float) -> None:
        # Whoever waits in `flush` does not wait for the pause: one try at once, then short ones.
        try:
            await asyncio.wait_for(self._hurry.wait(), seconds)
        except TimeoutError:
            return
        await asyncio.sleep(FIRST_PAUSE_S)


def _id_of(note: Note) -> UUID:
    if isinstance(note, CallJudged):
        return note.call
    return note.id if isinstance(note, CallRefused) else call_of(note)
