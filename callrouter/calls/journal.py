"""Reading the journal that the PBX writes: each complete line once, in order, whatever happens to this process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import structlog

from callrouter.calls.lines import MAX_LINE, BadLine, parse_line
from callrouter.calls.ports import JournalStore
from callrouter.calls.records import DutyActed, Ended, JournalBatch, Record, Rejected
from callrouter.incidents.views import StorageUnavailable

log = structlog.get_logger(__name__)

MAX_READ: Final = 64 * 1024
"""Bytes taken in one transaction. Reading them takes 2.4 ms (20 us a line), and calls wait for no more than 5."""
_BEGIN: Final = re.compile(rb"1\|(?:opened|ended|duty)\|")
"""No field of a whole line can hold this: a key and ``=`` follow each of its bars but the first two."""
KEEP_FILES: Final = 100
"""Files of 1,000 seconds each that stay in the folder when they are taken: a good day."""
DONE: Final = "done"
POLL_S: Final = 1.0
GATHER_S: Final = 0.25
"""Records that come within this are taken together: a transaction costs by its statements, not by its rows, and it
costs time on the loop that serves calls.
"""
RETRY_S: Final = 2.0


def batches(folder: Path, node: str, offsets: dict[str, int]) -> Iterator[JournalBatch]:
    """Yield what the files of `node` hold beyond `offsets`, oldest file first.

    A last line without its line end is still being written, and is left for the next time.
    """
    for path in _files(folder, node):
        offset = offsets.get(path.name, 0)
        size = path.stat().st_size
        if size == offset:
            continue
        if size < offset:
            # The PBX does not fsync: after a power cut the file may be shorter than what was taken of it. What is
            # written since is new, and reading a record again changes nothing.
            offset = 0
        while batch := _next_batch(path, node, offset):
            yield batch
            offset = batch.offset


def _files(folder: Path, node: str) -> list[Path]:
    own = re.compile(rf"{re.escape(node)}-[0-9]+\.log")  # the files of "pbx1-b" are not those of "pbx1"
    return sorted(path for path in folder.iterdir() if own.fullmatch(path.name))


def retire(folder: Path, node: str, offsets: dict[str, int]) -> int:
    """Move files that are wholly taken and behind the `KEEP_FILES` newest into the folder ``done``; return how many.

    They are kept there, for a database that has to be filled anew; here each would be looked at every second.
    """
    old = [path for path in _files(folder, node)[:-KEEP_FILES] if offsets.get(path.name) == path.stat().st_size]
    for path in old:
        (folder / DONE).mkdir(exist_ok=True)
        path.rename(folder / DONE / path.name)
    return len(old)


def _next_batch(path: Path, node: str, offset: int) -> JournalBatch | None:
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(MAX_READ)
    whole = data.rfind(b"\n") + 1
    if whole == 0:
        if len(data) < MAX_READ:
            return None
        whole = len(data)  # a line of this length is none of ours: set aside, so that what follows is read
    records: list[Record] = []
    duty: list[DutyActed] = []
    rejected: list[Rejected] = []
    for line in filter(None, data[:whole].split(b"\n")):
        torn = _torn(line)
        if torn:
            rejected.append(Rejected(line[:torn][:MAX_LINE], "torn: another record begins behind it"))
        try:
            record = parse_line(line[torn:])
        except BadLine as reason:
            rejected.append(Rejected(line[torn:][:MAX_LINE], str(reason)))
            continue
        if isinstance(record, DutyActed):
            duty.append(record)
        else:
            records.append(record)
    return JournalBatch(node, path.name, offset + whole, tuple(records), tuple(rejected), tuple(duty))


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
        self, folder: Path, node: str, store: JournalStore, duty: Callable[[DutyActed], Awaitable[None]] | None = None
    ) -> None:
        """`duty` takes what operators did by phone, each record at least once and in order (it may come again after
        a crash); it raises StorageUnavailable to have it brought again.
        """
        self._folder = folder
        self._node = node
        self._store = store
        self._duty = duty
        self._bell = asyncio.Event()
        self.caught_up = asyncio.Event()
        """Set once everything has been taken that was there at the start."""
        self.failing = False
        """True while the journal or the database cannot be read or written; what it holds is not lost."""

    def ring(self) -> None:
        """Tell that a line was written."""
        self._bell.set()

    async def run(self) -> None:
        """Read for ever. Failures are logged once and retried; nothing is skipped."""
        while True:
            self._bell.clear()
            try:
                await self.catch_up()
                self.caught_up.set()
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
        offsets = await self._store.offsets(self._node)
        taken = 0
        for batch in batches(self._folder, self._node, offsets):
            await self._hand_on(batch.duty)
            await self._store.apply(batch)
            for record in batch.records:
                if isinstance(record, Ended) and record.left_out:
                    log.warning("journal.attempts_left_out", call=str(record.call), attempts=record.left_out)
            for rejected in batch.rejected:
                log.error("journal.line_set_aside", file=batch.file, reason=rejected.reason, line=rejected.line[:200])
            taken += len(batch.records) + len(batch.duty)
        if not taken and (moved := retire(self._folder, self._node, offsets)):
            log.info("journal.retired", files=moved)
        return taken

    async def _hand_on(self, duty: tuple[DutyActed, ...]) -> None:
        # Before the offset is kept: what was not taken must come again.
        if self._duty is not None:
            for acted in duty:
                await self._duty(acted)
