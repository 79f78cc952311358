"""Reading the journal that the PBX writes: each complete line once, in order, whatever happens to this process."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Final

import structlog

from callrouter.calls.lines import MAX_LINE, BadLine, glimpse, parse_line
from callrouter.calls.oldfiles import OldFiles, journal_files
from callrouter.calls.ports import JournalStore
from callrouter.calls.records import DutyActed, Ended, JournalBatch, NoticeRung, Record, Rejected
from callrouter.incidents.callbacks import TryNoted
from callrouter.incidents.views import StorageUnavailable

log = structlog.get_logger(__name__)

NAMED_US: Final = 1_000_000_000
"""A file is named by the seconds since 1970 without their last three digits."""
MAX_READ: Final = 64 * 1024
"""Bytes taken in one transaction. Reading them takes 2.4 ms (20 us a line), and calls wait for no more than 5."""
_BEGIN: Final = re.compile(rb"1\|(?:opened|ended|duty|callback|notice)\|")
"""No field of a whole line can hold this: a key and ``=`` follow each of its bars but the first two."""
TAIL_S: Final = 60.0
"""A last line that is without its end for so long gets none any more: the PBX was killed, or its disk is full."""
POLL_S: Final = 1.0
GATHER_S: Final = 0.25
"""Records that come within this are taken together: a transaction costs by its statements, not by its rows, and it
costs time on the loop that serves calls.
"""
RETRY_S: Final = 2.0
ASK_S: Final = 5.0
"""How long it is known how far each file was taken, until the database is asked again: it may be another one then."""


def batches(folder: Path, node: str, offsets: dict[str, int]) -> Iterator[JournalBatch]:
    """Yield what the files of `node` hold by now beyond `offsets`, oldest file first.

    A last line without its line end is still being written, and is left for the next time.
    """
    for path in journal_files(folder, node):
        offset = offsets.get(path.name, 0)
        size = path.stat().st_size
        if size == offset:
            continue
        if size < offset:
            # The PBX does not fsync: after a power cut the file may be shorter than what was taken of it. What is
            # written since is new, and reading a record again changes nothing.
            offset = 0
        # What is written while this is stored waits for the next time: else each line of it takes a transaction.
        while offset < size and (batch := _next_batch(path, node, offset)):
            yield batch
            offset = batch.offset


def _next_batch(path: Path, node: str, offset: int) -> JournalBatch | None:
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(MAX_READ)
    whole = data.rfind(b"\n") + 1
    if whole == 0:
        if len(data) < MAX_READ and (not data or time.time() - path.stat().st_mtime < TAIL_S):
            return None
        # A line of this length is none of ours, and one without its end gets none: set aside, so that what follows,
        # which begins just behind it, is read.
        whole = len(data)
    read = _Read(node, int(path.stem.rpartition("-")[2]) * NAMED_US)
    position = offset
    for line in data[:whole].split(b"\n"):
        if line:
            read.take(line, position)
        position += len(line) + 1
    return JournalBatch(
        node,
        path.name,
        offset + whole,
        tuple(read.records),
        tuple(read.rejected),
        tuple(read.duty),
        tuple(read.tries),
        tuple(read.rung),
        offset,
    )


class _Read:
    """What lines of one file hold."""

    def __init__(self, node: str, named_at: int) -> None:
        self.records: list[Record] = []
        self.duty: list[DutyActed] = []
        self.tries: list[TryNoted] = []
        self.rung: list[NoticeRung] = []
        self.rejected: list[Rejected] = []
        self._node = node
        self._named_at = named_at

    def take(self, line: bytes, position: int) -> None:
        torn = _torn(line)
        if torn:
            self._set_aside(line[:torn], "torn: another record begins behind it", position)
        try:
            record = parse_line(line[torn:])
        except BadLine as reason:
            self._set_aside(line[torn:], str(reason), position + torn)
            return
        if isinstance(record, DutyActed):
            self.duty.append(record)
        elif isinstance(record, TryNoted):
            self.tries.append(record)
        elif isinstance(record, NoticeRung):
            self.rung.append(record)
        else:
            self.records.append(record)

    def _set_aside(self, line: bytes, reason: str, position: int) -> None:
        self.rejected.append(Rejected(line[:MAX_LINE], reason, position))
        # That there was a call is known all the same.
        if (call := glimpse(line, self._node, self._named_at)) is not None:
            self.records.append(call)


def _torn(line: bytes) -> int:
    """Return where the whole record in `line` begins: 0, or behind a part that the PBX could not write to its end.

    On a full disk it writes a part of a line, and its next record goes on behind it.
    """
    begin = 0
    for found in _BEGIN.finditer(line):
        begin = found.start()
    return begin


class JournalReader:
    """Takes the journal into the database: at start, at the PBX's doorbell, and every second."""

    def __init__(
        self,
        folder: Path,
        node: str,
        store: JournalStore,
        duty: Callable[[DutyActed], Awaitable[None]] | None = None,
        keep_days: int = 90,
    ) -> None:
        """`duty` takes what operators did by phone, each record at least once and in order (it may come again after
        a crash); it raises StorageUnavailable to have it brought again.
        keep_days: how long files are kept that are wholly stored (callrouter.calls.oldfiles)
        """
        self._folder = folder
        self._node = node
        self._store = store
        self._duty = duty
        self.callbacks: Callable[[TryNoted], Awaitable[None]] | None = None
        """Takes what became of tries to call back, as `duty` does."""
        self.rung: Callable[[NoticeRung], Awaitable[None]] | None = None
        """Takes what became of notices by telephone, as `duty` does."""
        self._old = OldFiles(folder, node, store, keep_days)
        self._known: dict[str, int] | None = None
        self._ask_at = 0.0
        self._bell = asyncio.Event()
        self._begun = 0
        self._whole = 0
        self._as_of = monotonic()
        self._progress = asyncio.Condition()
        self.caught_up = asyncio.Event()
        """Set once everything has been taken that was there at the start."""
        self.failing = False
        """True while the journal or the database cannot be read or written; what it holds is not lost."""
        self.set_aside = 0
        """Lines that could not be taken since the start: each is logged and kept (GET /api/v1/journal/set-aside)."""

    @property
    def lag_s(self) -> float:
        """How old (s) what is stored may be: since when everything that was written then has been taken."""
        return monotonic() - self._as_of

    def ring(self) -> None:
        """Tell that a line was written."""
        self._bell.set()

    async def taken(self) -> None:
        """Wait until everything is stored that is in the journal now (by `run`, however long that takes)."""
        wanted = self._begun + 1
        self.ring()
        async with self._progress:
            await self._progress.wait_for(lambda: self._whole >= wanted)

    async def run(self) -> None:
        """Read for ever. Failures are logged once and retried; nothing is skipped."""
        while True:
            self._bell.clear()
            self._begun += 1
            begun = monotonic()
            try:
                await self.catch_up()
                self._as_of = begun
                self.caught_up.set()
                async with self._progress:
                    self._whole = self._begun
                    self._progress.notify_all()
                pause = POLL_S
            except (StorageUnavailable, OSError) as error:
                if not self.failing:
                    log.error(
                        "journal.stopped", error=str(error), note="calls go on; their records wait in the journal"
                    )
                self.failing = True
                pause = RETRY_S
            else:
                if self.failing:
                    log.info("journal.resumed")
                self.failing = False
            try:
                async with asyncio.timeout(pause):
                    await self._bell.wait()
                    await asyncio.sleep(GATHER_S)
            except TimeoutError:
                pass

    async def catch_up(self) -> int:
        """Take everything that is there now; return how many records. Raises StorageUnavailable or OSError."""
        offsets, self._known = await self._offsets(), None
        taken = 0
        for batch in batches(self._folder, self._node, offsets):
            await self._hand_on(batch.duty, batch.tries, batch.rung)
            await self._store.apply(batch)
            offsets[batch.file] = batch.offset
            self._tell(batch)
            taken += len(batch.records) + len(batch.duty) + len(batch.tries) + len(batch.rung)
        if not taken:
            await self._old.tidy(offsets)
        self._known = offsets
        return taken

    async def _offsets(self) -> dict[str, int]:
        if self._known is not None and monotonic() < self._ask_at:
            return self._known
        await self._old.bring_back()
        self._ask_at = monotonic() + ASK_S
        offsets = await self._store.offsets(self._node)
        older = [path.name for path in journal_files(self._folder, self._node) if path.name not in offsets]
        return offsets | await self._store.offsets_of(self._node, older)

    def _tell(self, batch: JournalBatch) -> None:
        for record in batch.records:
            if isinstance(record, Ended) and record.left_out:
                log.warning("journal.attempts_left_out", call=str(record.call), attempts=record.left_out)
        self.set_aside += len(batch.rejected)
        for rejected in batch.rejected:
            log.error(
                "journal.line_set_aside",
                file=batch.file,
                position=rejected.position,
                reason=rejected.reason,
                line=rejected.line[:200],
            )

    async def _hand_on(
        self, duty: tuple[DutyActed, ...], tries: tuple[TryNoted, ...], rungs: tuple[NoticeRung, ...]
    ) -> None:
        # Before the offset is kept: what was not taken must come again.
        if self._duty is not None:
            for acted in duty:
                await self._duty(acted)
        if self.callbacks is not None:
            for noted in tries:
                await self.callbacks(noted)
        if self.rung is not None:
            for rung in rungs:
                await self.rung(rung)
