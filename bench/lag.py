"""How long a call waits for the service while an admin keeps it busy: `python -m bench.lag`.

The table is a city's (bench.verify): 60 categories, 60 agencies, 300 routes. A scripted PBX asks 50 times a second,
as for each call that comes in; meanwhile that table is verified, explained, replayed, exported and imported by REST.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from bench.consult import Answers, consulting
from bench.rest import ask
from bench.section import Section, alone, spread
from bench.verify import city
from callrouter.asterisk.plan_codec import encode
from callrouter.calls.ports import CallOpened, CallRouted, Note
from callrouter.calls.records import Opened
from callrouter.routing.decide import compile_table, decide
from callrouter.routing.directory import TrunkKind
from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.table import RoutingTable
from callrouter.storage.database import Database
from callrouter.storage.writer import NoteWriter
from demo.centre import Centre
from demo.clips import quick_clips

RATE: Final = 50
LIMIT_MS: Final = 50.0
TRUNK: Final = "telco0"
PAST_CALLS, QUICK_PAST_CALLS = 5_000, 1_000
WARM_UP_S: Final = 1.0
SECONDS, QUICK_SECONDS = 5.0, 0.5
"""How long each is done, again and again."""
STORED_S: Final = 60.0
Document = dict[str, Any]
Say = Callable[[str], None]


async def measure(folder: Path, say: Say, *, quick: bool) -> Section:
    """Measure it; takes about a minute."""
    given = city().model_dump(mode="json")
    quick_clips(folder / "state" / "recorded", given)
    section = Section("lag", "A call's wait", how=_HOW)
    seconds = QUICK_SECONDS if quick else SECONDS
    async with Centre(folder, given) as centre:
        past = QUICK_PAST_CALLS if quick else PAST_CALLS
        say(f"{past:,} past calls for replay")
        await _past_calls(centre, past)
        async with consulting(centre, RATE, TRUNK) as answers:
            await asyncio.sleep(WARM_UP_S)
            await _judged(section, answers, "nothing else", lambda: asyncio.sleep(seconds), seconds)
            for name, work in _jobs(centre, past).items():
                say(f"lag: {name}")
                await _judged(section, answers, name, work, seconds)
        section.wrong += [f"lag: {why}" for why in answers.failed]
    return section


async def _judged(
    section: Section, answers: Answers, name: str, work: Callable[[], Awaitable[object]], seconds: float
) -> None:
    took: list[float] = []
    begin = end = time.time()
    while end < begin + seconds:
        begun = time.perf_counter()
        await work()
        took.append(time.perf_counter() - begun)
        end = time.time()
    await asyncio.sleep(0.2)  # the last questions are answered
    waits = answers.between(begin, end)
    found = spread(waits)
    if found is None:
        section.wrong.append(f"lag during {name}: nothing was asked meanwhile")
        return
    worst = 1000 * max(waits)
    row = (
        f"a call's wait for its plans during {name}: median / p99, worst",
        f"{found}, {worst:.1f} ms of {found.calls} calls",
        f"{LIMIT_MS:g} ms",
    )
    section.rows.append(row)
    section.figures = [
        *(section.figures or []),
        {
            "during": name,
            "seconds": [round(one, 3) for one in took],
            "calls": found.calls,
            "median_ms": found.median_ms,
            "p99_ms": found.p99_ms,
            "worst_ms": worst,
        },
    ]
    if worst > LIMIT_MS:
        section.wrong.append(f"lag during {name}: a call waited {worst:.0f} ms, {LIMIT_MS:g} ms are allowed")


def _jobs(centre: Centre, past: int) -> dict[str, Callable[[], Awaitable[object]]]:
    async def explain() -> None:
        facts = {"origin": "citizen", "choice": "none", "category": "c0", "trunk": TRUNK}
        await ask(centre, "POST", "/api/v1/explain", {"on": "draft", "facts": facts})

    async def replay() -> None:
        begin = (datetime.now(UTC) - timedelta(days=3)).isoformat()
        _, answer = await ask(centre, "POST", "/api/v1/replay", {"on": "draft", "from": begin})
        if answer["calls"] < past:
            raise RuntimeError(f"replay found {answer['calls']} calls of {past}")

    async def imported() -> None:
        etag, draft = await ask(centre, "GET", "/api/v1/draft")
        table = draft["table"]
        routes = table["routing"]["routes"]
        step = 1 if min(route["priority"] for route in routes) == 1 else -1
        for route in routes:
            route["priority"] += step  # another table, in which each route has changed
        for trunk in table["directory"]["trunks"]:
            trunk["channels"] = 31 if trunk["channels"] == 30 else 30
        await ask(centre, "PUT", "/api/v1/draft", table, etag=etag)

    async def published() -> None:
        etag, _ = await ask(centre, "GET", "/api/v1/draft")
        await ask(centre, "POST", "/api/v1/draft/publish", {"why": "a benchmark"}, etag=etag)

    return {
        "verify": lambda: ask(centre, "POST", "/api/v1/draft/verify"),
        "explain": explain,
        "replay": replay,
        "export": lambda: ask(centre, "GET", "/api/v1/draft"),
        "import": imported,
        "publish": published,
    }


async def _past_calls(centre: Centre, past: int) -> None:
    """Store calls of the last two days, as the service does, each with its facts and plan."""
    _, page = await centre.get("/api/v1/versions", limit="1")
    notes = _notes(centre.table, page["items"][0]["number"], past)
    database = Database(centre.settings.database)
    writer = NoteWriter(database, len(notes))
    running = asyncio.create_task(writer.run())
    try:
        for note in notes:
            writer.put(note)
        if not await writer.flush(STORED_S):
            raise RuntimeError("the past calls could not be stored")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await database.close()


def _notes(table: RoutingTable, version: int, past: int) -> list[Note]:
    compiled = compile_table(table, version)
    now = datetime.now(UTC)
    notes: list[Note] = []
    for n in range(past):
        at = now - timedelta(seconds=n * 30)
        us = int(at.timestamp() * 1e6)
        category = table.routing.categories[n % len(table.routing.categories)].key
        facts = Facts(
            origin=Origin.CITIZEN,
            choice=Choice.NONE,
            category=category,
            trunk=TRUNK,
            trunk_kind=TrunkKind.CARRIER,
        )
        plan = decide(compiled, facts, at)
        call = uuid4()
        opened = Opened(
            call, us, "pbx1", "citizen", TRUNK, f"0812{n:07d}", "", f"PJSIP/trunk-{TRUNK}-{n:08x}", f"1.{n}"
        )
        notes += [CallOpened(opened), CallRouted(call, us, facts, plan.route or "", version, encode(plan))]
    return notes


_HOW: Final = (
    f"a scripted PBX asks {RATE} times a second, as for each call that comes in, until all plans are there; "
    "meanwhile the table of a city (60 categories, 60 agencies, 300 routes) is verified, explained, replayed on "
    f"{PAST_CALLS:,} past calls, exported, imported with every route and trunk changed, and published, by REST."
)


if __name__ == "__main__":
    sys.exit(alone(measure))
