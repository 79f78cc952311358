"""Keeps the failsafe's data true while the service runs: made beforehand, switched with the table, renewed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from callrouter.asterisk import failsafe_files as files
from callrouter.asterisk.failsafe_files import Made, NotWritten
from callrouter.asterisk.failsafe_jobs import MODULE
from callrouter.asterisk.files import cannot_write
from callrouter.bilingual import Bilingual
from callrouter.calls.handover import Snapshot, stays_true_until
from callrouter.calls.live import Check
from callrouter.publishing.canonical import directory_text, routing_text
from callrouter.publishing.worker import Jobs, Worker
from callrouter.routing.table import RoutingTable

log = structlog.get_logger(__name__)

DAY_S: Final = 86_400.0
LEAST_REACH_S: Final = 7 * DAY_S
"""Data that reach less far ahead are told of: whoever reads that has a week to find out why."""
LOOK_S: Final = 30.0
"""How often the wall clock is asked whether data are due: it may be set."""
RETRY_S: Final = 30.0
SOONEST_S: Final = 300.0
"""Between two renewals, however dense the schedules' edges are."""
IDLE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _OfTable:
    """What was made, and of which table."""

    table: RoutingTable
    version: int
    name: str
    ends: float


class FailsafeKeeper:
    """What the PBX goes on by alone, as `folder` has it.

    live:  what calls are decided by now
    jobs:  where the work is done
    clock: the wall clock (s since 1970 UTC)
    """

    def __init__(
        self,
        folder: Path,
        live: Callable[[], Snapshot],
        jobs: Jobs | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._live = live
        self._jobs: Jobs = jobs or Worker(jobs=MODULE, idle_s=IDLE_S)
        self._clock = clock
        self._look = asyncio.Event()
        self._ready: _OfTable | None = None
        self._counts: _OfTable | None = None
        self._read: tuple[str, int | None] = ("", None)
        self._failing = False
        self._stale = False
        """True while what counts is not of the table in force, though it may be of its version."""

    async def prepare(self, table: RoutingTable, version: int) -> None:
        """Write the data of a table that is to be in force. They do not count yet. Raises OperatorError."""
        self._ready = await self._make(table, version)

    def swap(self, table: RoutingTable, version: int) -> None:
        """Let the data of the table in force count: a rename. Does not fail: what is not there is made at once."""
        ready, self._ready = self._ready, None
        if ready is not None and ready.table is table and ready.version == version:
            with contextlib.suppress(OSError):
                self._switch(ready)
                return
        self._stale = True
        self._look.set()

    def drop(self) -> None:
        """What was prepared is not wanted: what counts stays."""
        self._ready = None

    async def run(self) -> None:
        """Make the data anew for ever: now, at each edge of a schedule, once a day, and when the table changed."""
        while True:
            self._look.clear()
            begun = self._clock()
            try:
                due = await self._renew()
            except Exception as error:  # noqa: BLE001 - whatever it is, calls are served, and the old data are there
                if not self._failing:
                    log.error(
                        "failsafe.not_renewed",
                        error=f"{type(error).__name__}: {error}",
                        reach_s=round(self.reach_s),
                        note="the PBX has the data that it had",
                    )
                self._failing = True
                await self._pause(begun, RETRY_S)
                continue
            if self._failing:
                log.info("failsafe.renewed", reach_s=round(self.reach_s))
            self._failing = False
            await self._pause(begun, due)

    async def close(self) -> None:
        """End the process that does the work."""
        await self._jobs.close()

    @property
    def reach_s(self) -> float:
        """How many seconds ahead of now the data reach that count; 0 where there are none."""
        ends = self._ends(files.current(self._folder))
        return max(0.0, ends - self._clock()) if ends is not None else 0.0

    def check(self) -> Check:
        """Return whether the PBX could go on by what is in force, for a week at least."""
        name = files.current(self._folder)
        live = self._live().compiled.version
        if not name or self._ends(name) is None:
            return _bad("Data cadangan untuk PBX tidak ada.", "The failsafe's data are not there.")
        version = files.version_of(name)
        if version != live:
            return _bad(
                f"Data cadangan PBX milik versi {version}; yang berlaku versi {live}.",
                f"The failsafe's data are of version {version}; version {live} is in force.",
            )
        if self._stale:
            return _bad("Data cadangan PBX sedang dibuat ulang.", "The failsafe's data are being made anew.")
        days = self.reach_s / DAY_S
        if self.reach_s < LEAST_REACH_S:
            return _bad(
                f"Data cadangan PBX hanya cukup untuk {days:.1f} hari.",
                f"The failsafe's data reach only {days:.1f} days ahead.",
            )
        return Check(
            "failsafe",
            True,
            Bilingual(
                f"Tanpa layanan, PBX dapat melanjutkan selama {days:.0f} hari.",
                f"Without the service the PBX could go on for {days:.0f} days.",
            ),
        )

    def _ends(self, name: str) -> float | None:
        if self._counts is not None and self._counts.name == name:
            return self._counts.ends
        if name != self._read[0]:
            self._read = (name, files.reaches_until(self._folder, name) if name else None)
        return self._read[1]

    async def _renew(self) -> float:
        """Make the data of what is in force and let them count; return for how long they are good (s)."""
        now = self._clock()
        snapshot = self._live()
        made = await self._make(snapshot.compiled.table, snapshot.compiled.version)
        if self._live() is not snapshot:
            return 0.0  # a table came meanwhile, with its own data
        self._switch(made)
        edge = await asyncio.to_thread(stays_true_until, snapshot.compiled, now)
        return min(max(edge - now, SOONEST_S), DAY_S)

    async def _make(self, table: RoutingTable, version: int) -> _OfTable:
        """Write them. Raises OperatorError."""
        # Both halves entry by entry: no step of it holds the loop up.
        routing = await asyncio.to_thread(routing_text, table.centre, table.routing)
        directory = await asyncio.to_thread(directory_text, table.directory)
        now = datetime.fromtimestamp(self._clock(), UTC)
        made: Made | NotWritten = await self._jobs.run("make", self._folder, routing, directory, version, now)
        if isinstance(made, NotWritten):
            raise cannot_write(self._folder, OSError(made.errno, made.said))
        return _OfTable(table, version, made.name, float(made.ends))

    def _switch(self, made: _OfTable) -> None:
        files.switch(self._folder, made.name)
        if self._counts is None or self._counts.name != made.name:
            log.info("failsafe.in_force", version=made.version, data=made.name)
        self._counts, self._stale = made, False

    async def _pause(self, since: float, seconds: float) -> None:
        """Wait until `seconds` after `since` by the wall clock, the clock is set back, or the table changed."""
        while since <= self._clock() < since + seconds:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(LOOK_S, max(0.0, since + seconds - self._clock()))):
                    await self._look.wait()
                    return


def _bad(told_id: str, told_en: str) -> Check:
    return Check("failsafe", False, Bilingual(told_id, told_en))
