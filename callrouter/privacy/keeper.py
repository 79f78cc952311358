"""Looks after the files of recordings: finds them, reckons their hashes, erases them when their time is over.

Nothing of it is on a call's way: the PBX writes the files whether this runs or not, and what was not looked at is
looked at later. A file system that hangs holds one thread, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

import structlog

from callrouter.incidents.views import StorageUnavailable
from callrouter.privacy.recordings import (
    DiskHangs,
    Recording,
    RecordingState,
    RecordingStore,
    days_of,
    is_whole,
    noted_file,
    path_of,
    sha256_of,
)

log = structlog.get_logger(__name__)
T = TypeVar("T")

EVERY_S: Final = 5.0
SEARCH_EVERY_S: Final = 60.0
ERASE_EVERY_S: Final = 600.0
AT_ONCE: Final = 50
DISK_S: Final = 60.0
"""A file that is not read within this (it has megabytes at most) is left for later."""
MISSING_US: Final = 30_000_000
"""A file that the PBX told of and that is not there so long after was never written, or was taken away."""
QUIET_S: Final = 30.0
"""A file that is not closed and did not grow for so long, though its call has ended: the PBX was killed."""
FOUND_US: Final = 3_600_000_000
"""What no journal told of is looked at when it is this old: its call may last."""
_NEVER_WRITTEN: Final = "the PBX could not write it, or did not run any more"


class RecordingKeeper:
    """Keeps the folder and the table of recordings together.

    days: how long each is kept, by disposition; see callrouter.privacy.recordings.days_of
    For the gauges: `kept`, `missing`, `erased` since the start; `failing` while disk or database do not answer.
    """

    def __init__(
        self, folder: Path, store: RecordingStore, days: Mapping[str, int], now_us: Callable[[], int]
    ) -> None:
        self._folder = folder
        self._store = store
        self._days = dict(days)
        self._now_us = now_us
        self._bell = asyncio.Event()
        self._reading: asyncio.Future[object] | None = None
        self._searched: float | None = None
        self._erased_at = -ERASE_EVERY_S
        self.kept = 0
        self.missing = 0
        self.erased = 0
        self.failing = False

    def ring(self) -> None:
        """Tell that a call has ended."""
        self._bell.set()

    async def run(self) -> None:
        """Look after them, for ever."""
        while True:
            try:
                await self.look()
                self.failing = False
            except (StorageUnavailable, OSError, DiskHangs) as error:
                if not self.failing:
                    log.error(
                        "recordings.stopped", folder=str(self._folder), error=str(error) or type(error).__name__
                    )
                self.failing = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._bell.wait()
                    self._bell.clear()
                    await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Find, reckon and erase what there is to. Raises StorageUnavailable, OSError, DiskHangs."""
        now = time.monotonic()
        if self._searched is None or now - self._searched >= SEARCH_EVERY_S:
            await self._search(everything=self._searched is None)
            self._searched = now
        for recording in await self._store.to_look_at(self._now_us() - FOUND_US, AT_ONCE):
            await self._look_at(recording)
        if now - self._erased_at >= ERASE_EVERY_S:
            await self.erase_due()
            self._erased_at = now

    async def erase_due(self) -> int:
        """Erase what is over its time; return how many. Raises as `look`."""
        erased = 0
        while due := await self._store.due(self._now_us(), AT_ONCE):
            for recording, disposition in due:
                days = days_of(disposition, self._days)
                await self.erase(recording, f"retention: {days} days ({disposition or 'no disposition'})")
                erased += 1
        if erased:
            log.info("recordings.erased", files=erased)
        return erased

    async def erase(self, recording: Recording, why: str) -> None:
        """Erase one file, and keep why. Raises as `look`."""
        path = path_of(self._folder, recording.file)
        await self._thread(lambda: path.unlink(missing_ok=True))
        await self._store.gone(recording.id, RecordingState.ERASED, why, self._now_us())
        self.erased += 1

    async def hash_now(self, recording: Recording) -> str | None:
        """Return what the file's hash is now; None where there is no file. Raises OSError, DiskHangs."""
        path = path_of(self._folder, recording.file)
        try:
            return await self._thread(lambda: sha256_of(path))
        except FileNotFoundError:
            return None

    async def of_incident(self, incident: UUID) -> list[Recording]:
        """Return the recordings of an incident's calls, and of incidents merged into it, oldest first."""
        return await self._store.of_incident(incident)

    async def one(self, recording: UUID) -> Recording | None:
        """Return one, or None. Raises StorageUnavailable."""
        return await self._store.one(recording)

    async def file(self, recording: Recording) -> Path | None:
        """Return where its file lies; None where there is none. Raises OSError, DiskHangs."""
        path = path_of(self._folder, recording.file)
        return path if await self._thread(path.is_file) else None

    async def _search(self, *, everything: bool) -> None:
        names = await self._thread(
            lambda: list(_names(self._folder, _days(self._now_us()) if not everything else None))
        )
        noted = [one for name in names if (one := noted_file(name)) is not None]
        known = await self._store.known([one.file for one in noted])
        new = [one for one in noted if one.file not in known]
        for start in range(0, len(new), AT_ONCE):
            await self._store.found(new[start : start + AT_ONCE], self._now_us())

    async def _look_at(self, recording: Recording) -> None:
        path = path_of(self._folder, recording.file)
        try:
            found = await self._thread(lambda: _look(path))
        except (FileNotFoundError, NotADirectoryError):
            if self._now_us() - recording.begun > MISSING_US:
                await self._store.gone(recording.id, RecordingState.MISSING, _NEVER_WRITTEN, self._now_us())
                self.missing += 1
                log.error("recording.missing", call=str(recording.call), file=recording.file)
            return
        if found is None:
            return
        ended, size, sha256 = found
        await self._store.looked_at(recording.id, ended=ended, size=size, sha256=sha256)
        self.kept += 1

    async def _thread(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread, one at a time. Raises what it raises, and DiskHangs."""
        if self._reading is not None and not self._reading.done():
            raise DiskHangs("the file system did not answer what was asked before")
        reading = asyncio.ensure_future(asyncio.to_thread(work))
        self._reading = reading  # type: ignore[assignment]
        done, _ = await asyncio.wait({reading}, timeout=DISK_S)
        if not done:
            raise DiskHangs(f"the file system did not answer within {DISK_S:g} s")
        return reading.result()


def _look(path: Path) -> tuple[int, int, str] | None:
    """Return when a file was last written (µs UTC), its size and hash; None while the PBX may still write it."""
    if not is_whole(path) and time.time() - path.stat().st_mtime < QUIET_S:
        return None
    stat = path.stat()
    return stat.st_mtime_ns // 1000, stat.st_size, sha256_of(path)


def _days(now_us: int) -> Iterable[str]:
    today = datetime.fromtimestamp(now_us / 1e6, UTC)
    return (f"{today - timedelta(days=1):%Y-%m-%d}", f"{today:%Y-%m-%d}")


def _names(folder: Path, days: Iterable[str] | None) -> Iterator[str]:
    """Yield the names of files in `folder`: those of `days`, or all. Raises OSError."""
    if days is None:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        yield from (name for name, is_folder in found if not is_folder)
        days = [name for name, is_folder in found if is_folder]
    for day in days:
        with contextlib.suppress(FileNotFoundError), os.scandir(folder / day) as entries:
            yield from (f"{day}/{entry.name}" for entry in entries if entry.is_file(follow_symlinks=False))
