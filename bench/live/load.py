"""What a centre does under 50 calls a second: REST, the way into the database, the stream.

`python -m bench.live.load`: a real PBX and real SIP agents; whole centres, one on SQLite and one on PostgreSQL. The
second then has calls that stay.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bench import stream
from bench.live import asks
from bench.live.asks import Asker, asking
from bench.live.databases import KINDS, POSTGRESQL, Cpu, database
from bench.live.held import Held, held
from bench.live.listener import Heard, Lateness, Sent, lateness, listening
from bench.live.table import AGENCIES, DIGIT, TRUNK, table
from bench.live.words import Step
from bench.opponents.beside import RTP
from bench.opponents.cpu import taken
from bench.section import Section, alone, spread
from demo.addresses import SIP_PORT
from demo.centre import Centre
from demo.clips import quick_clips

RATE: Final = 50
REQUESTS: Final = 10
"""Of REST, each second, of each kind in turn."""
SECONDS, QUICK_SECONDS = 15.0, 6.0
HELD, QUICK_HELD = (250, 10.0), (50, 4.0)
"""Real calls that stay, and for how long (s) once all have come."""
LOOK_S: Final = 0.5
"""Between two looks at the metrics."""
ENDS_S: Final = 15.0
WRITTEN_S: Final = 60.0
LATE_MS: Final = 250.0
"""For half of all events."""
REACHED: Final = 0.999
"""Part of the calls that must reach an agency."""
PAGE, ONE, BOARD, SCOREBOARD = "page of 50 incidents", "one incident", "live board", "scoreboard of a day"
Say = Callable[[str], None]


@dataclass
class Load:
    """What was seen of one centre. rest_s: how long each request took, by its kind.

    backlog:    the most notes that waited for the database
    lag_s:      the most that the journal was behind; loop_lag_s: the worst lateness of the loop
    written_s:  from the end of the last call until no note waited and all incidents that it changed were told
    stored_s:   from then until every call had its incident, with its end
    late:       from a message on the wire to who listens to the stream: INVITEs of callers, and at the agency
    cpu_ms:     for a call, by what used it
    """

    rest_s: dict[str, list[float]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    backlog: float = 0.0
    lag_s: float = 0.0
    loop_lag_s: float = 0.0
    written_s: float = 0.0
    stored_s: float = 0.0
    calls: int = 0
    reached: int = 0
    again: int = 0
    opened: Lateness = field(default_factory=lambda: Lateness(0, 0, 0, []))
    rang: Lateness = field(default_factory=lambda: Lateness(0, 0, 0, []))
    unheard: int = 0
    cpu_ms: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


async def measure(folder: Path, say: Say, *, quick: bool) -> Section:
    """Measure it; takes a minute and a half, quick half a minute."""
    section = Section("live.load", "Under load", how=_HOW, figures={"rate": RATE, "requests": REQUESTS})
    seconds = QUICK_SECONDS if quick else SECONDS
    for kind in (POSTGRESQL,) if quick else KINDS:
        stays = (QUICK_HELD if quick else HELD) if kind == POSTGRESQL else None
        load, stayed = await _centre(folder / kind.lower(), kind, seconds, stays, say)
        section.figures[kind] = figures(load)
        judge(section, kind, load)
        if stayed is not None:
            section.figures["held"] = asdict(stayed)
            _judge_held(section, stayed)
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
    used = _used(centre, of_database)
    sipp = stream.sipp_command(centre.settings.pbx_root)
    pbx = f"{centre.settings.sip_host}:{centre.settings.sip_port}"
    agencies = {key: (centre.trunk_hosts[key], SIP_PORT) for key in AGENCIES}
    async with stream.calls(
        sipp, pbx, centre.trunk_hosts[TRUNK], agencies, prefix="0812", digit=DIGIT, rate=RATE
    ) as calls:
        watching = [asyncio.create_task(_watch(asker, load)), asyncio.create_task(_ask(asker, load))]
        try:
            await asyncio.sleep(seconds)
            await calls.enough(ENDS_S)
            ended = time.monotonic()
            await _written(asker, load, ended)
        finally:
            for task in watching:
                task.cancel()
            load.wrong += _errors(await asyncio.gather(*watching, return_exceptions=True))
    # What is in SIPp's logs is there only now.
    load.calls, load.again = len(calls.invited), calls.again
    load.reached = len(calls.delays_s)
    load.stored_s = await _stored(asker, load, set(calls.invited), ended)
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


async def _ask(asker: Asker, load: Load) -> None:
    """Ask REQUESTS times a second, whether the answer before has come or not."""
    loop = asyncio.get_running_loop()
    begun, n = loop.time(), 0
    known: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        while True:
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


# ---------------------------------------------------------------------- what it is worth
def figures(load: Load) -> dict[str, Any]:
    """Return it as JSON can carry it."""
    told = asdict(load)
    for name in ("opened", "rang"):
        of: Lateness = getattr(load, name)
        found = spread(of.late_s)
        told[name] = {"seen": of.seen, "overtaken": of.overtaken, "lost": of.lost} | (asdict(found) if found else {})
        told[name]["worst_ms"] = 1e3 * max(of.late_s, default=0.0)
    told["rest_s"] = {
        kind: asdict(found) | {"worst_ms": 1e3 * max(took)}
        for kind, took in load.rest_s.items()
        if (found := spread(took)) is not None
    }
    return told


def judge(section: Section, kind: str, load: Load) -> None:
    """Add what was seen to the section, and what was not as it is to be."""
    where = f"{RATE} calls/s, {kind}"
    for asked, took in load.rest_s.items():
        found = spread(took)
        section.rows.append((f"REST, {asked}, {where}: median / p99", f"{found} of {len(took)}", ""))
    waits = f"{load.backlog:,.0f}; {load.written_s:.1f} s; {load.stored_s:.1f} s"
    section.rows += [
        (f"notes that waited, {where}: most; none left; all incidents ended after", waits, ""),
        (f"the journal behind, {where}: most", f"{load.lag_s:.1f} s", ""),
        (f"the loop late, {where}: most", f"{1e3 * load.loop_lag_s:.0f} ms", ""),
        (f"CPU for a call, {where}", _each(load.cpu_ms), ""),
        (f"events of {load.calls:,} calls, {where}: not heard", f"{load.unheard:,}", "0"),
    ]
    for name, of in (("INVITE to the stream", load.opened), ("the agency's INVITE to the stream", load.rang)):
        if (late := spread(of.late_s)) is not None:
            worst = f"{late}, {1e3 * max(of.late_s):.0f} ms"
            section.rows.append((f"{name}, {where}: median / p99, worst", worst, f"{LATE_MS:g} ms for the median"))
            if late.median_ms > LATE_MS:
                section.wrong.append(f"load, {kind}: {name} took {late.median_ms:.0f} ms, {LATE_MS:g} are allowed")
    if load.unheard:
        section.wrong.append(f"load, {kind}: {load.unheard} events were not heard")
    missing = load.calls - load.reached
    if missing > (1 - REACHED) * load.calls:
        section.wrong.append(f"load, {kind}: {missing} of {load.calls} calls reached no agency")
    refused = Counter(load.refused)
    section.wrong += [f"load, {kind}: {why}, {count} times" for why, count in refused.items()]
    section.wrong += [f"load, {kind}: {why}" for why in load.wrong]


def _each(cpu_ms: Mapping[str, float]) -> str:
    return "; ".join(f"{name} {used:.1f} ms" for name, used in cpu_ms.items())


def _judge_held(section: Section, stayed: Held) -> None:
    section.rows.append(
        (
            f"memory of the service at {stayed.most:,} real calls that stay (of {stayed.asked:,}), {POSTGRESQL}",
            f"{stayed.rss_mb:.1f} MB; before {stayed.before_mb:.1f} MB; the PBX {stayed.pbx_mb:.0f} MB",
            "",
        )
    )


_HOW: Final = (
    f"SIPp calls {RATE} times a second, presses a digit and hangs up while an agency rings; meanwhile {REQUESTS} "
    "requests a second go to the REST surface, of four kinds in turn, somebody listens to the stream, and the "
    f"metrics are read every {LOOK_S:g} s. What is heard is set against SIPp's own logs (one clock): the caller's "
    "INVITE as it was sent, and the agency's as it came. Then, with PostgreSQL, "
    f"{HELD[0]} calls come that stay while an agency rings for each, as far as the machine goes. What a publication "
    "costs under load is measured by `python -m bench.publish`."
)


if __name__ == "__main__":
    sys.exit(alone(measure))
