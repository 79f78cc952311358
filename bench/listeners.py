"""How soon what changes reaches everybody who listens: `python -m bench.listeners`.

A process has the service's board, feed and REST server, and 20 calls a second go through it, each with its menu,
choice, rings and talk; more and more listeners in another process read the stream over HTTP. Each change carries its
time.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from bench.curves import curve
from bench.section import Section, Spread, alone, spread
from callrouter.access.model import Role
from callrouter.api.server import ApiServer
from callrouter.calls.board import Board, Seen
from callrouter.calls.live import LiveCall, Stage
from callrouter.incidents.views import IncidentSummary
from callrouter.stream.feed import LISTENERS_OF_ONE, Feed, Kind
from callrouter.stream.incidents import IncidentNow
from tests.api.fakes import ADMIN, managed
from tests.api.support import FakeBoard, FakeCallbacks, FakeHealth, FakeIncidents, FakeRefused, FakeSetAside

LISTENERS: Final = 200
FEWER, QUICK_FEWER = (0, 10, 50, 100), (0,)
"""With how many it begins."""
RATE: Final = 20
LIMIT_MS: Final = 250.0
LAG_MS: Final = 50.0
SECONDS, QUICK_SECONDS = 20, 2
FEWER_S, QUICK_FEWER_S = 5, 2
WARM_UP_S: Final = 2.0
STEP_S: Final = 0.4
"""Between two changes of a call."""
LOOK_S: Final = 0.005
Say = Callable[[str], None]


# ---------------------------------------------------------------------- the service's side
@dataclass
class _Source:
    """Calls that come and go, and the incidents that they change."""

    feed: Feed
    board: Board = field(default_factory=Board)
    lag_s: float = 0.0

    def moved(self, live: LiveCall) -> None:
        self.feed.tell(Kind.CALL, str(live.call), live)
        summary = IncidentSummary(
            live.incident,
            1,
            "open",
            live.category,
            live.since,
            callback=False,
            caller_number=live.number,
            outcome=None,
        )
        self.feed.tell(Kind.INCIDENT, str(live.incident), IncidentNow(summary, frozenset({"damkar"})))

    def gone(self, call: object) -> None:
        self.feed.tell(Kind.CALL, str(call), None)

    async def call(self, n: int) -> None:
        call = uuid4()

        def seen(stage: Stage) -> Seen:
            at = time.time_ns() // 1000
            return Seen(call, f"PJSIP/trunk-{n}", str(n), stage, at, "citizen", "telco", f"0812{n:08}", "id")

        for stage in (Stage.OPENED, Stage.MENU, Stage.PLAN, Stage.OPERATOR, Stage.TALKING, Stage.AFTER):
            self.board.moved(seen(stage))
            if stage is Stage.OPERATOR:
                for operator in range(4):
                    self.board.rings(str(n), f"PJSIP/op{operator}-{n}", f"op{operator}")
            await asyncio.sleep(STEP_S)
        self.board.ended(call)

    async def calls(self) -> None:
        """Go on for ever."""
        loop, n = asyncio.get_running_loop(), 0
        begun = loop.time()
        async with asyncio.TaskGroup() as tasks:
            while True:
                n += 1
                tasks.create_task(self.call(n))
                await asyncio.sleep(max(0.0, begun + n / RATE - loop.time()))

    async def watch(self) -> None:
        """Measure by how much the loop is late."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self.lag_s = max(self.lag_s, loop.time() - due)


async def _serve() -> None:
    """Serve until the standard input ends; tell port and tokens first, and the figures last."""
    feed = Feed()
    source = _Source(feed)
    source.board.follow(source)
    centre = await managed()
    tokens = [
        (await centre.tokens.issue(f"console-{n}", Role.SUPERVISOR, None, 1, ADMIN))[1]
        for n in range(-(-LISTENERS // LISTENERS_OF_ONE))
    ]
    server = ApiServer(
        "127.0.0.1",
        0,
        incidents=FakeIncidents(),
        refused_calls=FakeRefused(),
        callbacks=FakeCallbacks(),
        set_aside=FakeSetAside(),
        live=FakeBoard(),
        health=FakeHealth(),
        management=centre.management,
        feed=feed,
    )
    await server.start()
    gc.collect()
    gc.freeze()  # as the service does
    _out({"port": server.port, "tokens": tokens})
    working = [asyncio.create_task(source.calls()), asyncio.create_task(source.watch())]
    while (await asyncio.to_thread(sys.stdin.readline)).strip() == "begin":
        source.lag_s, used, told = 0.0, time.process_time(), feed.told
        begun = time.monotonic()
        await asyncio.to_thread(sys.stdin.readline)
        seconds = time.monotonic() - begun
        _out(
            {
                "lag_ms": 1000 * source.lag_s,
                "busy": (time.process_time() - used) / seconds,
                "told": (feed.told - told) / seconds,
                "listening": feed.listening,
            }
        )
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)
    await server.stop()


def _out(said: object) -> None:
    print(json.dumps(said), flush=True)


# ---------------------------------------------------------------------- the listeners' side
@dataclass
class _Ears:
    """What all listeners heard: how late each change was, s; nothing is kept before `open`."""

    delays_s: list[float] = field(default_factory=list)
    events: int = 0
    open: bool = False

    def begin(self) -> None:
        """Forget what was heard, and keep what is heard from now on."""
        self.delays_s, self.events, self.open = [], 0, True

    async def listen(self, port: int, token: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        try:
            while piece := await reader.read(65_536):
                if self.open:
                    self._take(piece, time.time())
        finally:
            writer.close()

    def _take(self, piece: bytes, now: float) -> None:
        # What was cut between two pieces is left out: one in a hundred, and not the later ones.
        self.events += piece.count(b"\nevent: ")
        for part in piece.split(b'"since":"')[1:]:
            if len(part) >= 27:
                self.delays_s.append(now - datetime.fromisoformat(part[:27].decode()).timestamp())


@dataclass(frozen=True)
class Heard:
    """What so many listeners heard. busy: share of a core that the serving process took; the rest is of a second."""

    listeners: int
    late: Spread | None
    events: float
    told: float
    busy: float
    lag_ms: float

    def as_figures(self) -> dict[str, Any]:
        """Return it as JSON. cpu_us_an_event: of all that the process does, for each event that was read."""
        late = self.late
        return {
            "name": f"{self.listeners} listeners",
            "median_ms": late and late.median_ms,
            "p99_ms": late and late.p99_ms,
            "cpu_ms_a_call": 1000 * self.busy / RATE,
            "cpu_us_an_event": 1e6 * self.busy / self.events if self.events else None,
            "events": self.events,
            "told": self.told,
            "busy": self.busy,
            "lag_ms": self.lag_ms,
        }


async def measure(folder: Path, say: Say, *, quick: bool) -> Section:  # noqa: ARG001 (nothing is written)
    """Measure it; takes a minute."""
    section = Section("listeners", "Listeners of the stream", how=_HOW)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.listeners", "serve", stdin=PIPE, stdout=PIPE
    )
    ears = _Ears()
    listening: list[asyncio.Task[None]] = []
    heard: list[Heard] = []
    try:
        assert child.stdout is not None  # noqa: S101 (it was asked for)
        there = await _said(child.stdout)
        tokens = there["tokens"]
        for number in (*(QUICK_FEWER if quick else FEWER), LISTENERS):
            listening += [
                asyncio.create_task(ears.listen(there["port"], tokens[n % len(tokens)]))
                for n in range(len(listening), number)
            ]
            all_s, fewer_s = (QUICK_SECONDS, QUICK_FEWER_S) if quick else (SECONDS, FEWER_S)
            heard.append(await _hear(child, ears, number, all_s if number == LISTENERS else fewer_s))
            say(f"{number} listeners, {RATE} calls a second: {heard[-1].late or 'nobody listens'}")
    finally:
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        if child.stdin is not None:
            child.stdin.close()
        await asyncio.wait_for(child.wait(), 20)
    _judge(section, heard)
    return section


async def _hear(child: asyncio.subprocess.Process, ears: _Ears, number: int, seconds: int) -> Heard:
    """Measure for so many seconds, once all who shall listen do. RuntimeError where they do not."""
    assert child.stdin is not None  # noqa: S101 (it was asked for)
    assert child.stdout is not None  # noqa: S101
    await asyncio.sleep(WARM_UP_S + STEP_S)
    child.stdin.write(b"begin\n")
    ears.begin()
    await asyncio.sleep(seconds)
    ears.open = False
    child.stdin.write(b"end\n")
    told = await _said(child.stdout)
    if told["listening"] < number:
        raise RuntimeError(f"only {told['listening']} of {number} listened")
    late = spread(ears.delays_s)
    return Heard(number, late, ears.events / seconds, told["told"], told["busy"], told["lag_ms"])


async def _said(stdout: asyncio.StreamReader) -> dict[str, Any]:
    while line := await stdout.readline():
        if line.startswith(b"{"):  # else a line of the log
            found: dict[str, Any] = json.loads(line)
            return found
    raise RuntimeError("the serving process has ended")


def _judge(section: Section, heard: list[Heard]) -> None:
    *_, most = heard
    found = most.late
    figures = [one.as_figures() for one in heard]
    section.figures = {**figures[-1], "sizes": figures[:-1], "curves": _curves(figures, heard)}
    if found is None:
        section.wrong.append(f"listeners: {LISTENERS} of them heard nothing")
        return
    section.rows += [
        (
            f"a change to {LISTENERS} listeners at {RATE} calls/s: median / p99",
            f"{found}; {most.told:.0f} changes/s, {most.events:,.0f} events/s",
            f"{LIMIT_MS:g} ms",
        ),
        (
            "the loop meanwhile: late at worst; busy",
            f"{most.lag_ms:.1f} ms; {100 * most.busy:.0f} %",
            f"{LAG_MS:g} ms",
        ),
    ]
    if found.p99_ms > LIMIT_MS:
        section.wrong.append(f"listeners: p99 is {found.p99_ms:.0f} ms, {LIMIT_MS:g} ms are allowed")
    if most.lag_ms > LAG_MS:
        section.wrong.append(f"listeners: the loop was late by {most.lag_ms:.0f} ms, {LAG_MS:g} ms are allowed")


def _curves(figures: list[dict[str, Any]], heard: list[Heard]) -> list[dict[str, Any]]:
    def by(name: str, y_title: str, field: str) -> dict[str, Any]:
        points = [(two.listeners, one[field]) for one, two in zip(figures, heard, strict=True)]
        return curve(name, "listeners", y_title, [(x, y) for x, y in points if y is not None])

    return [
        by("median", "from a change to its being read, ms", "median_ms"),
        by("p99", "from a change to its being read, ms", "p99_ms"),
        by("all that the serving process does", "CPU for each call, ms", "cpu_ms_a_call"),
    ]


_HOW: Final = (
    f"{RATE} calls a second go through the board, with ten changes each, and each changes its incident; up to "
    f"{LISTENERS} listeners in another process read everything over HTTP. From the change to its being read; of "
    "several changes of one thing within 50 ms the newest is sent. Board of calls, feed and HTTP server are the "
    "service's own; what the surface reads besides (the board's list, incidents, database) is played by stand-ins, "
    "and there is no PBX. The CPU is all of that process's: making the changes, the board, the feed, what each "
    "listener may see, JSON and HTTP; not the listeners'."
)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(_serve())
    else:
        sys.exit(alone(measure))
