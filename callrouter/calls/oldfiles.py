"""What becomes of old files of the journal.

A file is begun every 1,000 seconds in which somebody calls. The newest KEEP_FILES stay where they are. An older one
whose every line is stored and committed goes into the folder ``done``; there it is compressed after a day, and
removed `keep_days` after it was written. Before it is removed the database is asked once more whether it has all of
it. Where the database has less than that (it was restored from a backup, or is a new one), files come back from
``done`` at the start of the service, and are read again. A file that is not wholly stored is never removed.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import shutil
import time
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import structlog

from callrouter.calls.ports import JournalStore

log = structlog.get_logger(__name__)

KEEP_FILES: Final = 100
"""Files of 1,000 seconds each that stay in the folder when they are taken: a good day."""
DONE: Final = "done"
COMPRESS_AFTER_S: Final = 86_400.0
TIDY_EVERY_S: Final = 600.0
AT_ONCE: Final = 200
"""Files that are compressed, removed or brought back in one go."""
_DAY_S: Final = 86_400.0
_PACKED: Final = ".gz"


def journal_files(folder: Path, node: str) -> list[Path]:
    """Return the files of `node`, oldest first. Raises OSError."""
    own = re.compile(rf"{re.escape(node)}-[0-9]+\.log")  # the files of "pbx1-b" are not those of "pbx1"
    return sorted(path for path in folder.iterdir() if own.fullmatch(path.name))


def retire(folder: Path, node: str, offsets: Mapping[str, int]) -> int:
    """Move files that are wholly taken and behind the KEEP_FILES newest into the folder ``done``; return how many."""
    old = [
        path for path in journal_files(folder, node)[:-KEEP_FILES] if offsets.get(path.name) == path.stat().st_size
    ]
    for path in old:
        (folder / DONE).mkdir(exist_ok=True)
        path.rename(folder / DONE / path.name)
    return len(old)


class OldFiles:
    """Keeps the journal's folder small. Every method raises StorageUnavailable and OSError."""

    def __init__(self, folder: Path, node: str, store: JournalStore, keep_days: int) -> None:
        self._folder = folder
        self._done = folder / DONE
        self._node = node
        self._store = store
        self._keep_s = keep_days * _DAY_S
        self._tidied = -TIDY_EVERY_S
        self._looked_back = False

    async def tidy(self, offsets: Mapping[str, int]) -> None:
        """Retire what is taken, as `offsets` say; now and then compress and remove what was retired."""
        if moved := retire(self._folder, self._node, offsets):
            log.info("journal.retired", files=moved)
        now = time.monotonic()
        if now - self._tidied < TIDY_EVERY_S:
            return
        self._tidied = now
        try:
            await self._tidy()
        except (OSError, EOFError, zlib.error) as error:
            # The journal is read all the same.
            log.error("journal.old_files_not_tidied", folder=str(self._done), error=str(error))

    async def _tidy(self) -> None:
        old = await asyncio.to_thread(self._older_than, self._keep_s)
        stored = await self._wholly_stored(old)
        await asyncio.to_thread(_remove, stored)
        packed = await asyncio.to_thread(self._pack)
        if stored or packed:
            log.info("journal.tidied", removed=len(stored), compressed=packed)
        if len(stored) < len(old):
            log.error(
                "journal.not_removed",
                files=len(old) - len(stored),
                first=next(path.name for path in old if path not in stored),
                note="the database has less than is in them; they are read again at the next start of the service",
            )

    async def bring_back(self) -> None:
        """Once: bring back what the database has not, or not whole."""
        if self._looked_back:
            return
        retired = await asyncio.to_thread(self._older_than, 0.0, None)
        back = 0
        for start in range(0, len(retired), AT_ONCE):
            some = retired[start : start + AT_ONCE]
            stored = set(await self._wholly_stored(some))
            lacking = [path for path in some if path not in stored]
            back += await asyncio.to_thread(self._unpack_all, lacking)
        if back:
            log.warning("journal.brought_back", files=back, note="the database has less than was stored in it before")
        self._looked_back = True

    async def _wholly_stored(self, paths: Iterable[Path]) -> list[Path]:
        named = {path: path.name.removesuffix(_PACKED) for path in paths}
        stored = await self._store.offsets_of(self._node, list(named.values()))
        return [path for path, name in named.items() if stored.get(name, -1) >= _size(path)]

    def _older_than(self, seconds: float, most: int | None = AT_ONCE) -> list[Path]:
        if not self._done.is_dir():
            return []
        own = re.compile(rf"{re.escape(self._node)}-[0-9]+\.log(\.gz)?")
        limit = time.time() - seconds
        found = (path for path in sorted(self._done.iterdir()) if own.fullmatch(path.name))
        return [path for path in found if path.stat().st_mtime <= limit][:most]

    def _pack(self) -> int:
        plain = [path for path in self._older_than(COMPRESS_AFTER_S, None) if path.suffix != _PACKED][:AT_ONCE]
        for path in plain:
            _copy(path, path.with_name(path.name + _PACKED), packed=True)
            path.unlink()
        return len(plain)

    def _unpack(self, path: Path) -> None:
        if path.suffix == _PACKED:
            _copy(path, self._folder / path.name.removesuffix(_PACKED), packed=False)
            path.unlink()
        else:
            path.rename(self._folder / path.name)

    def _unpack_all(self, paths: Iterable[Path]) -> int:
        back = 0
        for path in paths:
            try:
                self._unpack(path)
                back += 1
            except (OSError, EOFError, zlib.error) as error:
                # One file that is damaged must not keep back the others, nor what is written today.
                log.error("journal.not_brought_back", file=str(path), error=str(error))
        return back


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink()


def _copy(source: Path, target: Path, *, packed: bool) -> None:
    """Write `target`, whole or not at all, with the times of `source`."""
    times = source.stat()
    half = target.with_name(target.name + ".part")
    try:
        _write(source, half, packed=packed)
        os.utime(half, ns=(times.st_atime_ns, times.st_mtime_ns))
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)


def _write(source: Path, half: Path, *, packed: bool) -> None:
    with source.open("rb") if packed else gzip.open(source) as read, half.open("wb") as file:
        if packed:
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packing:
                shutil.copyfileobj(read, packing)
        else:
            shutil.copyfileobj(read, file)
        file.flush()
        os.fsync(file.fileno())


def _size(path: Path) -> int:
    """Return how many bytes the file has, or had before it was compressed (RFC 1952, ISIZE: of less than 4 GiB)."""
    size = path.stat().st_size
    if path.suffix != _PACKED:
        return size
    with path.open("rb") as file:
        if size < 4:  # no compressed file: of this more is wanted than is ever stored
            return 2**63
        file.seek(-4, os.SEEK_END)
        return int.from_bytes(file.read(4), "little")
