"""What is kept of calls: the notes of sessions, and the journal that the PBX writes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from callrouter.calls.journal import JournalReader
from callrouter.calls.ports import CallRefused
from callrouter.calls.records import DutyActed
from callrouter.duty.service import Duty
from callrouter.metrics import CountedJournal, Metrics
from callrouter.settings import Settings
from callrouter.storage.changed import Changes
from callrouter.storage.database import Database
from callrouter.storage.journal import Journal
from callrouter.storage.writer import NoteWriter
from callrouter.wiring.group import Group, Task

log = structlog.get_logger(__name__)

FLUSH_S: Final = 5.0
CATCH_UP_S: Final = 10.0


class Records(Group):
    """The way of every call into the database."""

    def __init__(
        self, settings: Settings, database: Database, duty: Duty, changes: Changes, metrics: Metrics
    ) -> None:
        self._duty = duty
        self.changes = changes
        rows = Journal(database, changed=changes, goes_on=changes.goes_on)
        self.writer = NoteWriter(database, settings.writer_queue, changes.goes_on)
        self.journal = JournalReader(
            settings.journal_dir,
            settings.node,
            CountedJournal(rows, metrics),
            self._by_phone,
            settings.journal_keep_days,
        )

    def refused(self, note: CallRefused) -> bool:
        """Take the note of a refused INVITE; False where there is no room for it."""
        # A storm of refusals must not take the room that the notes of calls need.
        return self.writer.backlog < self.writer.capacity // 2 and self.writer.put(note)

    def tasks(self) -> Sequence[Task]:
        """Write, read, and follow what operators do by phone."""
        return (("writer", self.writer.run()), ("journal", self.journal.run()), ("duty", self._follow_duty()))

    def show(self, metrics: Metrics) -> None:
        """Show what was written, and what waits."""
        writer, journal = self.writer, self.journal
        metrics.counter("notes_written", "Notes of calls that are stored.", lambda: writer.written)
        metrics.counter("notes_refused", "Notes that the database would not have.", lambda: writer.refused)
        metrics.counter("notes_turned_away", "Notes that found the queue full.", lambda: writer.turned_away)
        metrics.counter("database_retries", "Transactions that failed and are tried again.", lambda: writer.retries)
        metrics.gauge("journal_failing", "1: the journal waits to be stored.", lambda: journal.failing)
        metrics.gauge("journal_lag_seconds", "How old what is stored of the journal may be.", lambda: journal.lag_s)
        metrics.counter(
            "journal_set_aside", "Lines of the journal that could not be read.", lambda: journal.set_aside
        )
        metrics.bound("writer", lambda: writer.backlog, writer.capacity)

    async def settle(self) -> None:
        """Write the notes that are left."""
        await self.writer.flush(FLUSH_S)

    async def _by_phone(self, acted: DutyActed) -> None:
        await self._duty.by_phone(acted.operator, acted.act, acted.at)

    async def _follow_duty(self) -> None:
        # What operators did by phone while we were away counts, and must be known before the queues are set.
        try:
            async with asyncio.timeout(CATCH_UP_S):
                await self.journal.caught_up.wait()
        except TimeoutError:
            log.warning("duty.journal_not_read_yet")
        await self._duty.run()
