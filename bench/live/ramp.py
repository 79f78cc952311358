"""A ramp of live calls that a scripted PBX makes, and what the service costs at each of its levels."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from bench.live import asks
from bench.live.asks import Asker, asking
from bench.live.centre import ScriptedCentre
from bench.live.databases import Cpu, database
from bench.live.listener import Heard, Lateness, lateness, listening
from bench.live.table import table
from bench.opponents.cpu import taken
from bench.process import peak_mb, pss_mb, rss_mb
from callrouter.incidents.model import incident_id
from demo.clips import quick_clips

RATE: Final = 50
"""Calls that come in a second."""
END_RATE: Final = 200
"""Calls that end in a second."""
PASSING, QUICK_PASSING = 100, 20
"""Calls that come and go at each level."""
READS: Final = 5
"""Of the board at each level."""
REST_S, QUICK_REST_S = 2.0, 0.5
"""How long the service is watched while nothing happens but calls being up."""
SETTLED_S: Final = 30.0
HEARD_S: Final = 5.0
"""By which everything that was told must have been heard."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Level:
    """What it cost at one number of live calls.

    board:   how many the service's board showed
    rss_mb, pss_mb: memory of its process
    rest_share: its CPU while nothing happened, of one core
    read_ms, read_cpu_ms: one GET of the board, and the CPU of it
    call_cpu_ms, event_cpu_us: its CPU for a call that comes and goes, and for each of the events of it, without rest
    database_cpu_ms: the database server's, for such a call
    wait_ms: how long the PBX waited for such a call's plans: median
    """

    calls: int
    board: int
    rss_mb: float
    pss_mb: float
    rest_share: float
    read_ms: float
    read_cpu_ms: float
    call_cpu_ms: float
    event_cpu_us: float
    database_cpu_ms: float
    wait_ms: float


@dataclass
class Ramp:
    """One ramp. relinked_mb: memory after the link to the PBX was lost at the top, and everything asked anew;
    relinked_lag_s: how late the loop was meanwhile.

    after_mb: when all calls have ended; peak_mb: the most since the start of the service, top_peak_mb: until all were
    up
    up_cpu_ms, end_cpu_ms: CPU of the service for a call that comes, and for one that ends
    """

    levels: list[Level] = field(default_factory=list)
    relinked_mb: float = 0.0
    relinked_lag_s: float = 0.0
    after_mb: float = 0.0
    peak_mb: float = 0.0
    top_peak_mb: float = 0.0
    calls: int = 0
    told: Lateness = field(default_factory=lambda: Lateness(0, 0, 0, []))
    waits_s: list[float] = field(default_factory=list)
    up_cpu_ms: float = 0.0
    end_cpu_ms: float = 0.0
    wrong: list[str] = field(default_factory=list)


async def ramp(folder: Path, kind: str, levels: Sequence[int], say: Say, *, quick: bool = False) -> Ramp:
    """Go up over these levels and down again, on a database of that kind."""
    given = table()
    quick_clips(folder / "state" / "recorded", given)
    async with AsyncExitStack() as stack:
        extra, of_database = await stack.enter_async_context(database(kind))
        centre = await stack.enter_async_context(ScriptedCentre(folder, given, extra=extra))
        asker = await stack.enter_async_context(asking(centre))
        heard = await stack.enter_async_context(listening(centre))
        climb = _Climb(centre, asker, heard, of_database, quick=quick)
        for level in levels:
            await climb.up_to(level)
            say(f"{kind}: {level:,} live calls, {climb.ramp.levels[-1].rss_mb:.1f} MB")
        await climb.relinked()
        await climb.down()
        say(f"{kind}: all have ended, {climb.ramp.after_mb:.1f} MB")
        return climb.ramp


class _Climb:
    """One ramp as it goes."""

    def __init__(self, centre: ScriptedCentre, asker: Asker, heard: Heard, of_database: Cpu, *, quick: bool) -> None:
        self.ramp = Ramp()
        self._passes, self._rests = (QUICK_PASSING, QUICK_REST_S) if quick else (PASSING, REST_S)
        self._centre = centre
        self._asker = asker
        self._heard = heard
        self._of_database = of_database
        self._up = 0
        self._came = self._came_cpu = 0.0

    async def up_to(self, calls: int) -> None:
        """Have as many calls up, and measure."""
        more = calls - self._up
        before = self._cpu()
        await self._do("up", calls=more, rate=RATE)
        await self._settled()
        if more:
            self._came, self._came_cpu = self._came + more, self._came_cpu + self._cpu() - before
        self._up = calls
        self.ramp.calls += more
        await self._shows(calls)
        memory = rss_mb(self._pid), pss_mb(self._pid)
        self.ramp.top_peak_mb = peak_mb(self._pid)
        share = await self._rest()
        read_s, read_cpu_s = await self._reads()
        call_s, event_s, database_s, waits = await self._passing(share)
        await self._shows(calls)  # the last that passed may still be going
        self.ramp.levels.append(
            Level(
                calls,
                await self._asker.board(),
                *memory,
                share,
                1e3 * read_s,
                1e3 * read_cpu_s,
                1e3 * call_s,
                1e6 * event_s,
                1e3 * database_s,
                1e3 * statistics.median(waits) if waits else 0.0,
            )
        )

    async def relinked(self) -> None:
        """Lose the link to the PBX, and learn everything from it anew."""
        logins = (await self._do("up", calls=0, rate=RATE))["logins"]["hands"]
        await self._do("cut")
        async with asyncio.timeout(SETTLED_S):
            while (await self._do("up", calls=0, rate=RATE))["logins"]["hands"] <= logins:
                await asyncio.sleep(asks.LOOK_S)
        await asyncio.sleep(self._rests)
        await self._shows(self._up)
        self.ramp.relinked_mb = rss_mb(self._pid)
        self.ramp.relinked_lag_s = (await self._asker.metrics())[asks.LOOP_LAG]

    async def down(self) -> None:
        """Have all hang up; look at what is left, and that every call has its incident."""
        before = self._cpu()
        said = await self._do("end", rate=END_RATE)
        await self._settled()
        self.ramp.end_cpu_ms = 1e3 * (self._cpu() - before) / max(1, self._up)
        self.ramp.up_cpu_ms = 1e3 * self._came_cpu / max(1.0, self._came)
        await self._shows(0)
        told = (await self._centre.peer("told"))["told"]
        await self._all_heard(told)
        self.ramp.told = lateness(told, self._heard.steps)
        calls = {UUID(call) for call, *_ in told}
        await self._stored(calls)
        self.ramp.after_mb, self.ramp.peak_mb = rss_mb(self._pid), peak_mb(self._pid)
        of = await self._asker.metrics()
        sent = said["events"] + said["logins"]["hands"]  # each login is told that the PBX is booted
        if said["unheard"] or of[asks.HEARD] != sent:
            self.ramp.wrong.append(f"the service took {of[asks.HEARD]:,g} of {sent:,} events")
        wrong = {name: of[name] for name in (asks.DROPPED, asks.ERRORS, asks.TURNED_AWAY) if of[name]}
        self.ramp.wrong += [f"{name} is {value:g}" for name, value in wrong.items()]
        if self._heard.why:
            self.ramp.wrong.append(f"the listener: {self._heard.why}")
        if self.ramp.told.lost:
            self.ramp.wrong.append(f"{self.ramp.told.lost} of {len(told)} events were never heard of")

    # ------------------------------------------------------------------ one level
    async def _rest(self) -> float:
        before, begun = self._cpu(), time.monotonic()
        await asyncio.sleep(self._rests)
        return (self._cpu() - before) / (time.monotonic() - begun)

    async def _reads(self) -> tuple[float, float]:
        """Return the median time and the CPU of one read of the board (s)."""
        before = self._cpu()
        took = [await self._asker.timed("/api/v1/calls/live") for _ in range(READS)]
        return statistics.median(took), (self._cpu() - before) / READS

    async def _passing(self, share: float) -> tuple[float, float, float, list[float]]:
        """Return CPU (s) for a call that passes and for each of its events, the database's for it, and its waits."""
        events = (await self._do("up", calls=0, rate=RATE))["events"]
        before, of_database, begun = self._cpu(), self._of_database(), time.monotonic()
        said = await self._do("pass", calls=self._passes, rate=RATE)
        await self._settled()
        used = self._cpu() - before - share * (time.monotonic() - begun)
        self.ramp.calls += self._passes
        served = self._of_database() - of_database
        return used / self._passes, used / max(1, said["events"] - events), served / self._passes, said["waits"]

    # ------------------------------------------------------------------ looking
    @property
    def _pid(self) -> int:
        if self._centre.service_pid is None:
            raise RuntimeError("the service has ended")
        return self._centre.service_pid

    def _cpu(self) -> float:
        return taken(self._pid, "service").all

    async def _do(self, what: str, **how: float) -> dict[str, Any]:
        said = await self._centre.peer(what, **how)
        self.ramp.waits_s += said["waits"]
        self.ramp.wrong += [f"the PBX asked in vain: {why}" for why in said["failed"]]
        if said["refused"]:
            self.ramp.wrong.append(f"the service asked what this PBX does not play: {said['refused']}")
        return said

    async def _settled(self) -> None:
        """Wait until nothing is left to be written or told."""
        try:
            await self._asker.until(asks.written, SETTLED_S)
        except TimeoutError:
            self.ramp.wrong.append(f"not everything was written within {SETTLED_S:g} s")

    async def _shows(self, calls: int) -> None:
        shown = -1
        try:
            async with asyncio.timeout(HEARD_S):
                while (shown := await self._asker.board()) != calls:
                    await asyncio.sleep(asks.LOOK_S)
        except TimeoutError:
            self.ramp.wrong.append(f"the board shows {shown} calls of {calls}")

    async def _all_heard(self, told: Iterable[tuple[str, int, float]]) -> None:
        deadline = time.monotonic() + HEARD_S
        while lateness(told, self._heard.steps).lost and time.monotonic() < deadline:
            await asyncio.sleep(asks.LOOK_S)

    async def _stored(self, calls: set[UUID]) -> None:
        """See that each call has exactly one incident, with its talk, once the journal is read."""
        wanted = Counter(str(incident_id(call)) for call in calls)
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + SETTLED_S
        while time.monotonic() < deadline:
            found = await self._asker.incidents()
            if len(found) >= len(wanted) and all(one["outcome"] is not None for one in found):
                break
            await asyncio.sleep(1)
        if Counter(one["id"] for one in found) != wanted:
            self.ramp.wrong.append(f"{len(found)} incidents of {len(wanted)} calls, or not each once")
        if others := Counter(one["outcome"] for one in found if one["outcome"] != "talked"):
            self.ramp.wrong.append(f"incidents with another end than their calls had: {dict(others)}")
