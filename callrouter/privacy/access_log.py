"""Who saw or heard which person's data, and when (UU 27/2022).

What is looked at again and again (an open incident that a page asks for each second) is one entry a minute; what is
played, exported or erased is an entry each time, and is stored before anything of it is given away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import structlog

from callrouter.access.model import Principal
from callrouter.incidents.views import StorageUnavailable

log = structlog.get_logger(__name__)

SLOT_US: Final = 60_000_000
GATHER_S: Final = 0.5
RETRY_S: Final = 2.0
MAX_WAITING: Final = 10_000
"""Entries that wait for the database. A thousand people look at ten incidents a minute each before it is full; then
nothing is shown any more until they are stored."""
MAX_PAGE: Final = 200
MANY: Final = "-"
"""Subject of what is about more than one."""


class Seen(StrEnum):
    """What was seen."""

    INCIDENT = "incident"
    """An incident whole, with its calls and timeline."""
    LIST = "list"
    """A list with callers' numbers: incidents, calls back, refused calls; the subject says which."""
    BOARD = "board"
    """The calls that are up."""
    CALLER = "caller"
    """What is known of a caller, as he rings."""
    RECORDINGS = "recordings"
    """That there are recordings of an incident, and when."""
    PLAY = "play"
    """A recording, from its beginning."""
    STREAM = "stream"
    """What changes, as it changes."""
    EXPORT = "export"
    """All that is held of a person."""
    ERASE = "erase"
    HANDOVER = "handover"
    """An incident whole, sent to a neighbouring centre."""
    NOTICE = "notice"
    """An incident with its caller's number, sent to an agency or the supervisors; by telephone without the number."""


@dataclass(frozen=True, slots=True)
class Access:
    """One entry. at: µs UTC; slot: what makes it one entry; subject: the id of an incident, recording or person."""

    at: int
    slot: int
    who: str
    role: str
    what: str
    subject: str
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class AccessRow(Access):
    """An entry as it is stored. id: counts up."""

    id: int = 0


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """Which entries a list shows, newest first. Filters hold together; `before` is the id to go on below.

    begin, end: at or after, and before (µs UTC)
    """

    before: int | None = None
    who: str | None = None
    what: str | None = None
    subject: str | None = None
    begin: int | None = None
    end: int | None = None
    limit: int = 50


class AccessStore(Protocol):
    """Where entries are stored. Every method raises StorageUnavailable."""

    async def add(self, entries: Sequence[Access]) -> None:
        """Store entries; one that is there already (who, what, subject, slot) stays as it is."""

    async def page(self, wanted: AccessFilter) -> list[AccessRow]:
        """Return at most `wanted.limit` entries, newest first."""


class Forgetful:
    """A store that keeps nothing."""

    async def add(self, entries: Sequence[Access]) -> None:
        """Forget them."""

    async def page(self, wanted: AccessFilter) -> list[AccessRow]:  # noqa: ARG002
        """Return nothing."""
        return []


class AccessLog:
    """Takes entries and stores them: `run` writes behind what was seen, `now` at once.

    `waiting` entries are not stored yet. They are lost where the process is killed, at most those of GATHER_S and of
    the time for which the database was away.
    """

    def __init__(self, store: AccessStore, now_us: Callable[[], int]) -> None:
        self._store = store
        self._now_us = now_us
        self._waiting: dict[tuple[str, str, str, int], Access] = {}
        self._stored: dict[tuple[str, str, str], int] = {}
        self._came = asyncio.Event()
        self._writing = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """Entries that are not stored yet."""
        return len(self._waiting)

    async def page(self, wanted: AccessFilter) -> list[AccessRow]:
        """Return at most `wanted.limit` stored entries, newest first. Raises StorageUnavailable."""
        return await self._store.page(wanted)

    async def saw(self, principal: Principal, what: Seen, subject: str = MANY) -> None:
        """Note what `principal` is about to see; it is stored within moments.

        Raises StorageUnavailable where MAX_WAITING wait already: then he sees nothing.
        """
        at = self._now_us()
        entry = _entry(principal, what, subject, at, at // SLOT_US)
        if self._stored.get((entry.who, entry.what, entry.subject)) == entry.slot:
            return
        key = (entry.who, entry.what, entry.subject, entry.slot)
        if key in self._waiting:
            return
        if len(self._waiting) >= MAX_WAITING:
            await self.flush()
        self._waiting[key] = entry
        self._came.set()

    async def now(self, principal: Principal, what: Seen, subject: str, purpose: str = "") -> None:
        """Store at once what `principal` is about to be given. Raises StorageUnavailable: then he gets nothing."""
        at = self._now_us()
        await self._store.add([_entry(principal, what, subject, at, at, purpose)])

    async def flush(self) -> None:
        """Store everything that waits. Raises StorageUnavailable."""
        async with self._writing:
            entries = dict(self._waiting)
            if not entries:
                return
            await self._store.add(list(entries.values()))
            for key in entries:
                del self._waiting[key]
            newest = max(slot for *_, slot in entries)
            self._stored = {key: slot for key, slot in self._stored.items() if slot >= newest}
            self._stored.update({(who, what, subject): slot for who, what, subject, slot in entries})

    async def run(self) -> None:
        """Store what was seen, for ever. While the database is away it waits, and is tried again."""
        failing = False
        while True:
            await self._came.wait()
            self._came.clear()
            await asyncio.sleep(GATHER_S)
            try:
                await self.flush()
                failing = False
            except StorageUnavailable as error:
                if not failing:
                    log.error("access_log.stopped", waiting=self.waiting, reason=str(error))
                failing = True
                self._came.set()
                await asyncio.sleep(RETRY_S)


def _entry(principal: Principal, what: Seen, subject: str, at: int, slot: int, purpose: str = "") -> Access:
    return Access(at, slot, principal.name, str(principal.role), str(what), subject, purpose)
