"""How cost grows with the routes of the table: `python -m bench.growth.routes`.

The table by itself first (bench.growth.alone); then a centre whose table grows: publishing it, starting the service
with it, its memory at rest, and how long a call waits for its plans.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench import publish
from bench.consult import consulting
from bench.curves import curve
from bench.growth import alone
from bench.process import rss_mb
from bench.rest import ask
from bench.section import Section, Table, spread
from bench.section import alone as by_itself
from callrouter.routing.table import MAX_ROUTES
from demo.centre import Centre
from demo.clips import quick_clips

ROUTES, QUICK_ROUTES = (10, 100, 1_000, 2_000, 10_000), (10, 1_000)
RATE: Final = 20
ASKED_S, QUICK_ASKED_S = 5.0, 1.0
TIMES: Final = 3
"""Publications of each size, of which the median counts: the first brings the routes, the others change them all."""
_WARM_UP_S: Final = 0.5
BY: Final = "routes"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Centred:
    """What a table of `routes` routes costs a centre.

    answer_…: from a call's question until all its plans are there
    """

    routes: int
    publish_s: float
    start_s: float
    memory_mb: float
    answer_median_ms: float
    answer_p99_ms: float


async def measure(folder: Path, say: Say, *, quick: bool) -> Section:
    """Measure it; takes about a minute and a half, quick half a minute."""
    section = Section("routes", "Routes of the table", how=_HOW)
    sizes = QUICK_ROUTES if quick else ROUTES
    tables = []
    for routes in sizes:
        tables.append(await asyncio.to_thread(alone.measure, routes))
        say(f"{routes:,} routes: decide() {tables[-1].decide_last_us:.1f} µs")
    centred = await _in_a_centre(folder, [n for n in sizes if n <= MAX_ROUTES], say, section, quick=quick)
    _told(section, tables, centred)
    return section


async def _in_a_centre(folder: Path, sizes: list[int], say: Say, section: Section, *, quick: bool) -> list[Centred]:
    first = publish.table(publish.AGENCIES[0], sizes[0], alone.CATEGORIES)
    quick_clips(folder / "state" / "recorded", first)
    found = []
    async with Centre(folder, first) as centre:
        for routes in sizes:
            found.append(await _size(centre, routes, section, quick=quick))
            say(
                f"{routes:,} routes: published in {found[-1].publish_s:.2f} s, started in {found[-1].start_s:.2f} s, "
                f"{found[-1].memory_mb:.0f} MB, a call waits {found[-1].answer_median_ms:.2f} ms"
            )
    return found


async def _size(centre: Centre, routes: int, section: Section, *, quick: bool) -> Centred:
    published = [await _published(centre, routes, n) for n in range(1 if quick else TIMES)]
    await centre.stop_service()
    begun = time.monotonic()
    await centre.start_service()
    started = time.monotonic() - begun
    async with consulting(centre, RATE, publish.TRUNK) as answers:
        await asyncio.sleep(_WARM_UP_S)
        since = time.time()
        await asyncio.sleep(QUICK_ASKED_S if quick else ASKED_S)
    section.wrong += [f"{routes:,} routes: {why}" for why in answers.failed]
    waited = spread(answers.between(since, float("inf")))
    if waited is None:
        raise RuntimeError(f"with {routes:,} routes no question was answered")
    memory = rss_mb(centre.service_pid)
    return Centred(routes, statistics.median(published), started, memory, waited.median_ms, waited.p99_ms)


async def _published(centre: Centre, routes: int, n: int) -> float:
    """Publish a table in which all routes ring another agency than before; return how long that took, s."""
    etag, draft = await ask(centre, "GET", "/api/v1/draft")
    hosts = {trunk["key"]: trunk for trunk in draft["table"]["directory"]["trunks"]}
    new = publish.table(publish.AGENCIES[(n + 1) % 2], routes, alone.CATEGORIES)
    new["directory"]["trunks"] = [
        trunk | {"host": hosts[trunk["key"]]["host"], "port": hosts[trunk["key"]]["port"]}
        for trunk in new["directory"]["trunks"]
    ]
    etag, _ = await ask(centre, "PUT", "/api/v1/draft", new, etag=etag)
    begun = time.monotonic()
    await ask(centre, "POST", "/api/v1/draft/publish", {"why": "a benchmark"}, etag=etag)
    return time.monotonic() - begun


def _told(section: Section, tables: list[alone.Alone], centred: list[Centred]) -> None:
    def by(name: str, y_title: str, found: list[Any], field: str) -> dict[str, Any]:
        points = [(one.routes, value) for one in found if (value := getattr(one, field)) is not None]
        return curve(name, BY, y_title, points)

    section.figures = {
        "alone": [{"name": f"{one.routes} routes", **asdict(one)} for one in tables],
        "centre": [{"name": f"{one.routes} routes", **asdict(one)} for one in centred],
        "curves": [
            by("the first of its category takes the call", "decide(), µs", tables, "decide_first_us"),
            by("only the last does", "decide(), µs", tables, "decide_last_us"),
            by("compile", "to compile and to verify a table, ms", tables, "compile_ms"),
            curve(
                "verify",
                BY,
                "to compile and to verify a table, ms",
                [(one.routes, 1000 * one.verify_s) for one in tables if one.verify_s is not None],
            ),
            by("a publication, asked to answered", "publication and start, s", centred, "publish_s"),
            by("start of the service until it is ready", "publication and start, s", centred, "start_s"),
            by("the service, after calls", "memory, MB", centred, "memory_mb"),
            by("median", "a call's wait for its plans, ms", centred, "answer_median_ms"),
            by("p99", "a call's wait for its plans, ms", centred, "answer_p99_ms"),
        ],
    }
    section.tables += [
        Table("The table by itself", _HEAD, [_alone_row(one) for one in tables]),
        Table("In a centre", _CENTRE_HEAD, [_centred_row(one) for one in centred]),
    ]


def _alone_row(one: alone.Alone) -> tuple[str, ...]:
    verify = "too many" if one.verify_s is None else f"{one.verify_s:.2f} s"
    decide = (f"{one.decide_first_us:.1f} µs", f"{one.decide_last_us:.1f} µs")
    return (f"{one.routes:,}", *decide, f"{one.compile_ms:.1f} ms", verify)


def _centred_row(one: Centred) -> tuple[str, ...]:
    answer = f"{one.answer_median_ms:.2f} / {one.answer_p99_ms:.2f} ms"
    return (f"{one.routes:,}", f"{one.publish_s:.2f} s", f"{one.start_s:.2f} s", f"{one.memory_mb:.0f} MB", answer)


_HEAD: Final = ("Routes", "decide(), the first takes it", "decide(), only the last", "Compile", "Verify")
_CENTRE_HEAD: Final = (
    "Routes",
    "Publication",
    "Start of the service",
    "Memory",
    "A call's wait for its plans: median / p99",
)
_HOW: Final = (
    "one route for each category and village, so that nearly all of a category's are looked at for a call from none "
    f"of them. A table may have {MAX_ROUTES:,} routes; what more would cost a decision is shown all the same. In a "
    "centre of its own each size is published (every route changes its agency), the service is started anew, and a "
    f"scripted PBX asks {RATE} times a second for the plans of a call; memory is VmRSS after that."
)


if __name__ == "__main__":
    sys.exit(by_itself(measure))
