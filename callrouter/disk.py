"""Room for the journal and for callers' messages, seen to before it is gone.

The journal is what no call is lost by, and the PBX cannot write it on a full disk. So the room is measured against
what the calls of the last day took of it, and told while there is time to make some.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import structlog

from callrouter.bilingual import Bilingual, reason
from callrouter.mounts import network_file_system, warning

log = structlog.get_logger(__name__)

EVERY_S: Final = 10.0
COUNT_EVERY_S: Final = 60.0
"""How often the files are looked at one by one: a centre keeps thousands of recordings."""
LOOK_S: Final = 5.0
"""A file system that does not answer within this is as bad as a full one."""
WARN_USED: Final = 0.7
"""Share of the file system that is used from which on it warns (issue 4)."""
WARN_HOURS: Final = 48.0
CRITICAL_HOURS: Final = 4.0
CRITICAL_BYTES: Final = 256 * 1024 * 1024
"""Less than this is critical whatever the calls take: other programs fill disks too, and faster."""
CRITICAL_FILES: Final = 1_000
CALL_BYTES: Final = 2_500
"""What a call takes in the journal while none was measured: its two lines, with five attempts."""
DAY_S: Final = 86_400.0
_A_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""Recorded talks lie in folders of their days."""
_PROBE: Final = ".room"
_PROBE_BYTES: Final = 4_096
_COUNTED: Final = 3
"""Newest files of the journal whose calls are counted."""
_COUNTED_BYTES: Final = 1024 * 1024


class Level(StrEnum):
    """How much room there is."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Room:
    """The room in one folder; the attributes are gauges.

    free, size:    bytes that we may write, and all of the file system
    used:          share that is used, 0 to 1
    files:         files that may still be made; None where the file system does not count them
    bytes_an_hour: what our own files on this file system grew by, of the last day
    hours:         how long the room lasts for that; None where nothing grew
    error:         why nothing can be written, or nothing be told; None: it can
    network:       type of the file system where it is another machine's; else empty
    """

    folder: Path
    free: int = 0
    size: int = 0
    used: float = 0.0
    files: int | None = None
    bytes_an_hour: float = 0.0
    hours: float | None = None
    error: Bilingual | None = None
    network: str = ""

    @property
    def level(self) -> Level:
        """Return how bad that is."""
        few_files = self.files is not None and self.files < CRITICAL_FILES
        soon = self.hours is not None and self.hours < CRITICAL_HOURS
        if self.error is not None or self.free < CRITICAL_BYTES or few_files or soon:
            return Level.CRITICAL
        if self.network or self.used >= WARN_USED or (self.hours is not None and self.hours < WARN_HOURS):
            return Level.WARNING
        return Level.OK


class DiskWatch:
    """Looks at the folders every EVERY_S.

    folders: by the name they have in gauges; ``journal`` must be among them

    `rooms` is by that name, empty before the first look; `bytes_a_call` is what a call takes in the journal, measured
    on its newest files.
    """

    def __init__(self, folders: Mapping[str, Path], every_s: float = EVERY_S) -> None:
        self.rooms: dict[str, Room] = {}
        self.bytes_a_call: float = CALL_BYTES
        self._folders = dict(folders)
        self._every_s = every_s
        self._told: dict[str, Level] = {}
        self._looking: asyncio.Future[dict[str, Room]] | None = None
        self._growth: dict[str, float] = {}
        self._counted = -COUNT_EVERY_S

    @property
    def level(self) -> Level:
        """The worst of all folders."""
        levels = {room.level for room in self.rooms.values()}
        return next((level for level in reversed(Level) if level in levels), Level.OK)

    @property
    def calls_left(self) -> int | None:
        """How many calls the journal has room for; None before the first look."""
        room = self.rooms.get("journal")
        return None if room is None else int(room.free / self.bytes_a_call)

    async def run(self) -> None:
        """Look for ever; tell when it gets worse, and when it is well again."""
        while True:
            await self.look()
            await asyncio.sleep(self._every_s)

    async def look(self) -> None:
        """Look once, and tell what has changed."""
        if self._looking is None or self._looking.done():
            # One at a time: a file system that hangs must not take all threads.
            self._looking = asyncio.ensure_future(asyncio.to_thread(self._look))
        done, _ = await asyncio.wait({self._looking}, timeout=LOOK_S)
        if done:
            self.rooms = self._looking.result()
        else:
            hangs = Bilingual(f"tidak menjawab dalam {LOOK_S:g} detik", f"no answer within {LOOK_S:g} s")
            self.rooms = {name: Room(folder, error=hangs) for name, folder in self._folders.items()}
        for name, room in self.rooms.items():
            self._tell(name, room)

    def in_words(self) -> Bilingual:
        """Return how it stands, for people: the worst folder, and what to do."""
        if not self.rooms:
            return Bilingual("Belum diperiksa.", "Not looked at yet.")
        levels = list(Level)
        worst = max(self.rooms.values(), key=lambda room: (levels.index(room.level), room.used))
        return _in_words(worst, self.calls_left or 0)

    def _look(self) -> dict[str, Room]:
        """Look, in a thread; one at a time."""
        rooms = {name: _room(folder) for name, folder in self._folders.items()}
        well = [name for name, room in rooms.items() if room.error is None]
        if time.monotonic() - self._counted >= COUNT_EVERY_S:
            self._counted = time.monotonic()
            self._growth = {name: _grown(self._folders[name], time.time()) for name in well}
            if "journal" in well:
                self.bytes_a_call = _bytes_a_call(self._folders["journal"])
        devices = {name: self._folders[name].stat().st_dev for name in well}
        for name in well:
            beside = [other for other in well if devices[other] == devices[name]]
            rooms[name] = _with_growth(rooms[name], sum(self._growth.get(other, 0.0) for other in beside))
        return rooms

    def _tell(self, name: str, room: Room) -> None:
        before, self._told[name] = self._told.get(name, Level.OK), room.level
        if room.level is before:
            return
        words = _in_words(room, self.calls_left or 0).en
        tell = {Level.OK: log.info, Level.WARNING: log.warning, Level.CRITICAL: log.error}[room.level]
        tell(f"disk.{room.level}", what=name, folder=str(room.folder), free_bytes=room.free, said=words)


def _in_words(room: Room, calls: int) -> Bilingual:
    if room.error is not None:
        return Bilingual(
            f"{room.folder} tidak dapat ditulis: {room.error.id}. Laporan panggilan akan hilang jika layanan mati.",
            f"{room.folder} cannot be written: {room.error.en}. Without the journal a crash loses calls.",
        )
    if room.network and room.used < WARN_USED:
        return warning(room.folder, room.network)
    lasts = "" if room.hours is None else f" ({room.hours:,.0f} h)"
    used, free = f"{room.used:.0%}", f"{room.free / 1e6:,.0f} MB"
    told = Bilingual(
        f"{room.folder}: terpakai {used}, sisa {free}{lasts}, cukup untuk {calls:,} panggilan.",
        f"{room.folder}: {used} used, {free} free{lasts}, enough for {calls:,} calls.",
    )
    if room.level is Level.OK:
        return told
    return Bilingual(
        f"{told.id} Kosongkan ruang atau perbesar disk; berkas di journal/done yang lama boleh dipindahkan.",
        f"{told.en} Free some room or enlarge the disk; old files in journal/done may be moved elsewhere.",
    )


# ---------------------------------------------------------------- looking, in a thread
def _room(folder: Path) -> Room:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _probe(folder)
        found = os.statvfs(folder)
    except OSError as error:
        return Room(folder, error=reason(error))
    size, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
    ours = (found.f_blocks - found.f_bfree) * found.f_frsize + free  # without what only root may use
    return Room(
        folder,
        free=free,
        size=size,
        used=1 - free / ours if ours else 1.0,
        files=found.f_favail if found.f_files else None,
        network=network_file_system(folder),
    )


def _probe(folder: Path) -> None:
    """Write and remove a file: a quota, or a file system that has become read-only, shows in nothing else."""
    path = folder / _PROBE
    try:
        path.write_bytes(b"\0" * _PROBE_BYTES)
    finally:
        path.unlink(missing_ok=True)


def _with_growth(room: Room, bytes_an_hour: float) -> Room:
    hours = room.free / bytes_an_hour if bytes_an_hour else None
    return replace(room, bytes_an_hour=bytes_an_hour, hours=hours)


def _grown(folder: Path, now: float) -> float:
    """Return by how much the files of a folder grew, bytes an hour: those that were written in the last day."""
    found = [stat for stat in _stats(folder) if now - stat.st_mtime < DAY_S]
    if not found:
        return 0.0
    oldest = min(min(stat.st_mtime, now) for stat in found)
    return sum(stat.st_size for stat in found) / max(1.0, (now - oldest) / 3600)


def _stats(folder: Path) -> Iterator[os.stat_result]:
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if entry.is_file(follow_symlinks=False):
                    yield entry.stat()
                elif _A_DAY.fullmatch(entry.name) and time.time() - entry.stat().st_mtime < 2 * DAY_S:
                    yield from _stats(Path(entry.path))
            except FileNotFoundError:  # moved or removed meanwhile
                continue


def _bytes_a_call(journal: Path) -> float:
    newest = sorted(path for path in journal.glob("*.log"))[-_COUNTED:]
    size = calls = 0
    for path in newest:
        try:
            with path.open("rb") as file:
                data = file.read(_COUNTED_BYTES)
        except OSError:
            continue
        size += len(data)
        calls += data.count(b"1|opened|")
    return size / calls if calls else CALL_BYTES
