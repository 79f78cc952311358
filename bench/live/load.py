"""What a centre does under 50 calls a second: REST, the way into the database, the stream.

`python -m bench.live.load`: a real PBX and real SIP agents; whole centres, one on SQLite and one on PostgreSQL. The
second then has calls that stay.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bench import stream
from bench.live import asks
from bench.live.asks import Asker, asking
from bench.live.databases import KINDS, POSTGRESQL, Cpu, database
from bench.live.held import Held, held
from bench.live.listener import Heard, Sent, lateness, listening
from bench.live.loaded import LOOK_S, RATE, Load, figures, judge, judge_held
from bench.live.table import AGENCIES, DIGIT, TRUNK, table
from bench.live.words import Step
from bench.opponents.beside import RTP
from bench.opponents.cpu import taken
from bench.section import Section, alone
from demo.addresses import SIP_PORT
from demo.centre import Centre
from demo.clips import quick_clips

REQUESTS: Final = 40
"""Of REST, each second, of all kinds in turn."""
SECONDS, QUICK_SECONDS = 15.0, 4.0
HELD: Final = (250, 10.0)
"""Real calls that stay, and for how long (s) once all have come; quick, none do."""
ENDS_S: Final = 15.0
WRITTEN_S: Final = 60.0
PAGE, ONE, BOARD, SCOREBOARD = "page of 50 incidents", "one incident", "live board", "scoreboard of a day"
Say = Callable[[str], None]


async def measure(folder: Path, say: Say, *, quick: bool) -> Section:
    """Measure it; takes a minute and a half, quick a quarter of one."""
    section = Section("live.load", "Under load", how=_HOW, figures={"rate": RATE, "requests": REQUESTS})
    seconds = QUICK_SECONDS if quick else SECONDS
    for kind in (POSTGRESQL,) if quick else KINDS:
        stays = HELD if kind == POSTGRESQL and not quick else None
        load, stayed = await _centre(folder / kind.lower(), kind, seconds, stays, say)
        section.figures[kind] = figures(load)
        judge(section, kind, load)
        if stayed is not None:
            section.figures["held"] = asdict(stayed)
            judge_held(section, stayed)
    return section


async def _centre(
    folder: Path, kind: str, seconds: float, stays: tuple[int, float] | None, say: Say
) -> tuple[Load, Held | None]:
    given = table()
    quick_clips(folder / "state" / "recorded", given)
    async with AsyncExitStack() as stack:
        extra, of_database = await stack.enter_async_context(database(kind))
        centre = await stack.enter_async_context(Centre(folder, given, extra={**extra, **RTP}))
        asker = await stack.enter_async_context(asking(centre))
        heard = await stack.enter_async_context(listening(centre))
        say(f"{kind}: {RATE} calls/s for {seconds:g} s")
        load = await _loaded(centre, asker, heard, of_database, seconds)
        say(f"{kind}: {load.reached:,} of {load.calls:,} calls reached an agency")
        stayed = await held(centre, asker, *stays) if stays else None
        return load, stayed


async def _loaded(centre: Centre, asker: Asker, heard: Heard, of_database: Cpu, seconds: float) -> Load:
    load = Load()
    used, alone_before = _used(centre, of_database), (await asker.metrics())[asks.FAILSAFE]
    over = asyncio.Event()
    sipp = stream.sipp_command(centre.settings.pbx_root)
    pbx = f"{centre.settings.sip_host}:{centre.settings.sip_port}"
    agencies = {key: (centre.trunk_hosts[key], SIP_PORT) for key in AGENCIES}
    async with stream.calls(
        sipp, pbx, centre.trunk_hosts[TRUNK], agencies, prefix="0812", digit=DIGIT, rate=RATE
    ) as calls:
        watching, asked = asyncio.create_task(_watch(asker, load)), asyncio.create_task(ask(asker, load, over))
        try:
            await asyncio.sleep(seconds)
            await calls.enough(ENDS_S)
            ended = time.monotonic()
            over.set()
            await _written(asker, load, ended)
        finally:
            over.set()
            watching.cancel()
            load.wrong += _errors(await asyncio.gather(watching, asked, return_exceptions=True))
    # What is in SIPp's logs is there only now.
    load.calls, load.again = len(calls.invited), calls.again
    load.reached = len(calls.delays_s)
    load.stored_s = await _stored(asker, load, set(calls.invited), ended)
    load.alone = round((await asker.metrics())[asks.FAILSAFE] - alone_before)
    after = _used(centre, of_database)
    load.cpu_ms = {name: 1e3 * (after[name] - used[name]) / max(1, load.calls) for name in used}
    _hear(load, calls, heard)
    return load


def _used(centre: Centre, of_database: Cpu) -> dict[str, float]:
    service, pbx = centre.service_pid, centre.pbx.pid
    if service is None or pbx is None:
        raise RuntimeError("the service or the PBX has ended")
    return {"service": taken(service, "service").all, "database": of_database(), "pbx": taken(pbx, "PBX").all}


# ---------------------------------------------------------------------- meanwhile
async def _watch(asker: Asker, load: Load) -> None:
    while True:
        of = await asker.metrics()
        load.backlog = max(load.backlog, of[asks.BACKLOG])
        load.lag_s = max(load.lag_s, of[asks.JOURNAL_LAG])
        load.loop_lag_s = max(load.loop_lag_s, of[asks.LOOP_LAG])
        await asyncio.sleep(LOOK_S)


async def ask(asker: Asker, load: Load, over: asyncio.Event) -> None:
    """Ask REQUESTS times a second until it is over, whether the answer before has come or not; await what is open."""
    loop = asyncio.get_running_loop()
    begun, n = loop.time(), 0
    known: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        while not over.is_set():
            kind = (PAGE, ONE, BOARD, SCOREBOARD)[n % 4]
            tasks.create_task(_asked(asker, load, kind, known))
            n += 1
            await asyncio.sleep(max(0.0, begun + n / REQUESTS - loop.time()))


async def _asked(asker: Asker, load: Load, kind: str, known: list[str]) -> None:
    now = datetime.now(UTC)
    day = {"from": _iso(now.replace(hour=0, minute=0, second=0, microsecond=0)), "to": _iso(now + timedelta(hours=1))}
    begun = time.perf_counter()
    try:
        match kind:
            case "page of 50 incidents":
                page = await asker.json("/api/v1/incidents", limit="50")
                known[:] = [one["id"] for one in page["items"]]
            case "one incident":
                if not known:
                    return
                await asker.get(f"/api/v1/incidents/{known[0]}")
            case "live board":
                await asker.get("/api/v1/calls/live")
            case _:
                await asker.get("/api/v1/scoreboard", **day)
    except (RuntimeError, OSError, TimeoutError) as error:
        load.refused.append(f"{kind}: {str(error) or type(error).__name__}")
        return
    load.rest_s.setdefault(kind, []).append(time.perf_counter() - begun)


def _iso(at: datetime) -> str:
    return at.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _errors(results: Iterable[BaseException | None]) -> list[str]:
    return [repr(one) for one in results if isinstance(one, Exception)]


# ---------------------------------------------------------------------- afterwards
async def _written(asker: Asker, load: Load, ended: float) -> None:
    try:
        await asker.until(asks.written, WRITTEN_S)
    except TimeoutError:
        load.wrong.append(f"not everything was written within {WRITTEN_S:g} s")
    load.written_s = time.monotonic() - ended


async def _stored(asker: Asker, load: Load, numbers: set[str], ended: float) -> float:
    """Wait until each caller's call has an incident with its end; return how long after the last call (s)."""
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + WRITTEN_S
    while time.monotonic() < deadline:
        found = await asker.incidents()
        if len(found) >= len(numbers) and all(one["outcome"] is not None for one in found):
            break
        await asyncio.sleep(LOOK_S)
    took = time.monotonic() - ended
    count = Counter(one["caller_number"] for one in found)
    if amiss := [number for number in numbers if count[number] != 1]:
        load.wrong.append(f"{len(amiss)} of {len(numbers)} calls have no incident, or more than one")
    if open_still := sum(1 for one in found if one["outcome"] is None):
        load.wrong.append(f"{open_still} incidents have no end")
    return took


def _hear(load: Load, calls: stream.Stream, heard: Heard) -> None:
    numbers = heard.numbers
    opened = [(numbers.get(n, n), Step.OPENED, at) for n, at in calls.invited.items()]
    rang = [(numbers.get(n, n), Step.RINGS, at) for times in calls.reached.values() for n, at in times.items()]
    gone: list[Sent] = [(call, Step.GONE, 0.0) for call, *_ in opened]
    load.opened, load.rang = lateness(opened, heard.steps), lateness(rang, heard.steps)
    load.unheard = load.opened.lost + load.rang.lost + lateness(gone, heard.steps).lost
    if heard.why:
        load.wrong.append(f"the listener: {heard.why}")


_HOW: Final = (
    f"SIPp calls {RATE} times a second, presses a digit and hangs up while an agency rings; meanwhile {REQUESTS} "
    "requests a second in all go to the REST surface, of four kinds in turn, until the last call has ended; somebody "
    "listens to the stream, and the "
    f"metrics are read every {LOOK_S:g} s. What is heard is set against SIPp's own logs (one clock): the caller's "
    "INVITE as it was sent, and the agency's as it came. Then, with PostgreSQL, "
    f"{HELD[0]} calls are asked for that stay while an agency rings for each. When a caller presses is SIPp's own "
    "spread, which has no seed. What a publication "
    "costs under load is measured by `python -m bench.publish`."
)


if __name__ == "__main__":
    sys.exit(alone(measure))
