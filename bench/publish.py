"""Publishing 1,000 routes while calls come in: `python -m bench.publish`.

Twenty calls a second press a digit, in a centre whose table has 1,000 routes. Each publication changes every route
(from one agency to the other), so whom a call rings tells which version it was decided by.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench import stream
from bench.rest import ask
from bench.section import Section, Spread, alone, spread
from demo.addresses import SIP_PORT
from demo.centre import Centre
from demo.clips import quick_clips

RATE: Final = 20
ROUTES: Final = 1_000
CATEGORIES: Final = 8
LIMIT_MS: Final = 1_000.0
"""From the answer until the first call with the new plan."""
TAIL: Final = 3.0
"""The p99 of digit to INVITE during publications, through that before them; ours. Quick, it is not judged: it would
be that of twenty calls."""
WARM_UP_S, QUICK_WARM_UP_S, BEFORE_S, QUICK_BEFORE_S = 3.0, 2.0, 8.0, 2.0
BETWEEN_S, QUICK_BETWEEN_S = 3.0, 1.5
TIMES, QUICK_TIMES = 6, 1
TRUNK: Final = "telco"
AGENCIES: Final = ("damkar", "bpbd")
_ENDS_S: Final = 15.0
Document = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Publication:
    """One publication. Times: s since 1970 UTC. agency: whom calls ring by it; live_ms as the service told."""

    imported: float
    asked: float
    answered: float
    agency: str
    live_ms: float


def thousand(agency: str) -> Document:
    """Return a table of ROUTES routes, all of which ring `agency` first."""
    return table(agency, ROUTES, CATEGORIES)


def table(agency: str, routes: int, categories: int) -> Document:
    """Return a table in which all routes ring `agency` first: one for each category and village.

    routes: a multiple of `categories`, which are at most 9
    """
    villages = [
        f"35.{7 + n // 2970:02d}.{n // 30 % 99 + 1:02d}.{2001 + n % 30}" for n in range(routes // categories - 1)
    ]
    steps = [
        {"kind": "dial", "targets": [f"{agency}/posko"], "ring_s": 20},
        {"kind": "ringgroup", "group": "operators", "wait_s": 5},
    ]
    kinds: list[tuple[str, Document]] = [
        (f"r{c}-{n}", {"category": [f"c{c}"], "area": [village]})
        for c in range(categories)
        for n, village in enumerate(villages)
    ]
    kinds += [(f"r{c}", {"category": [f"c{c}"]}) for c in range(categories - 1)]
    kinds.append(("rest", {}))
    ordered = [
        {"key": key, "priority": routes - n, "when": when, "steps": steps} for n, (key, when) in enumerate(kinds)
    ]
    trunks = [{"key": TRUNK, "kind": "carrier", "host": "127.0.1.1", "channels": 200}]
    trunks += [
        {"key": a, "kind": "agency", "host": f"127.0.1.{n}", "channels": 200} for n, a in enumerate(AGENCIES, 2)
    ]
    given = {
        "centre": {"name": "Pusat Panggilan 112", "timezone": "Asia/Jakarta"},
        "directory": {
            "trunks": trunks,
            "agencies": [
                {"key": a, "name": {"id": a, "en": a}, "contacts": [{"key": "posko", "trunk": a, "number": "101"}]}
                for a in AGENCIES
            ],
            "operators": [{"key": "op1", "name": "Operator 1"}],
        },
        "routing": {
            "main_menu": "main",
            "menus": [
                {
                    "key": "main",
                    "name": {"id": "utama", "en": "main"},
                    "options": [{"digit": str(c + 1), "category": f"c{c}"} for c in range(categories)],
                }
            ],
            "categories": [
                {"key": f"c{c}", "urn": "urn:service:sos", "name": {"id": f"k{c}", "en": f"c{c}"}, "priority": 5}
                for c in range(categories)
            ],
            "areas": [{"code": village, "name": village} for village in villages],
            "ring_groups": [{"key": "operators", "members": ["op1"]}],
            "routes": ordered,
            "last_resort": {"group": "operators", "seconds": 30},
        },
    }
    apart: Document = json.loads(json.dumps(given))  # YAML would write what is the same object as an alias
    return apart


async def measure(folder: Path, say: Say, *, quick: bool) -> Section:
    """Measure it; takes about a minute."""
    first = thousand(AGENCIES[0])
    quick_clips(folder / "state" / "recorded", first)
    async with Centre(folder, first) as centre:
        sipp = stream.sipp_command(centre.settings.pbx_root)
        pbx = f"{centre.settings.sip_host}:{centre.settings.sip_port}"
        agencies = {key: (centre.trunk_hosts[key], SIP_PORT) for key in AGENCIES}
        made: list[Publication] = []
        async with stream.calls(
            sipp, pbx, centre.trunk_hosts[TRUNK], agencies, prefix="0812", digit="1", rate=RATE
        ) as calls:
            await asyncio.sleep(QUICK_WARM_UP_S if quick else WARM_UP_S)
            begun = time.time()
            await asyncio.sleep(QUICK_BEFORE_S if quick else BEFORE_S)
            for n in range(QUICK_TIMES if quick else TIMES):
                made.append(await _published(centre, AGENCIES[(n + 1) % 2]))
                say(f"publication {n + 1}: {made[-1].answered - made[-1].asked:.2f} s")
                await asyncio.sleep(QUICK_BETWEEN_S if quick else BETWEEN_S)
            await calls.enough(_ENDS_S)
    return judged(calls, begun, made, tail=None if quick else TAIL)


async def _published(centre: Centre, agency: str) -> Publication:
    """Change every route of the draft, and publish it."""
    imported = time.time()
    etag, draft = await ask(centre, "GET", "/api/v1/draft")
    routing = {**draft["table"]["routing"], "routes": thousand(agency)["routing"]["routes"]}
    etag, _ = await ask(centre, "PUT", "/api/v1/draft", {**draft["table"], "routing": routing}, etag=etag)
    asked = time.time()
    _, said = await ask(centre, "POST", "/api/v1/draft/publish", {"why": "a benchmark"}, etag=etag)
    return Publication(imported, asked, time.time(), agency, said["live_ms"])


def judged(calls: stream.Stream, begun: float, made: Sequence[Publication], tail: float | None = TAIL) -> Section:
    """Return what these calls tell. begun: from when on they count; tail: limit of the p99's ratio, None: none."""
    section = Section("publish", "Publishing", how=_HOW)
    delays = calls.delays_s
    before = [d for n, d in delays.items() if begun <= calls.pressed[n] < made[0].imported]
    during = [d for n, d in delays.items() if any(p.asked <= calls.pressed[n] <= p.answered for p in made)]
    live = [_first_new_s(calls, p) for p in made]
    late = [_last_old_s(calls, p, until) for p, until in zip(made, [*(p.asked for p in made[1:]), None], strict=True)]
    spreads = (spread(before), spread(during))
    took = [p.answered - p.asked for p in made]
    section.figures = {
        "publications": [asdict(p) | {"took_s": p.answered - p.asked} for p in made],
        "answer_to_first_call_with_the_new_plan_s": live,
        "answer_to_last_call_with_the_old_plan_s": late,
        "digit_to_invite_before": asdict(spreads[0]) if spreads[0] else None,
        "digit_to_invite_meanwhile": asdict(spreads[1]) if spreads[1] else None,
        "repeated_messages": calls.again,
    }
    missing = len(calls.invited) - len(delays)
    section.rows.append((f"calls that reached no agency: of {len(calls.invited):,}", f"{missing:,}", "0"))
    if missing:
        section.wrong.append(f"publish: {missing} of {len(calls.invited)} calls reached no agency")
    _judge_live(section, live, late)
    section.rows.append((f"publication of {ROUTES:,} routes, {RATE} calls/s: asked to answered", _worst(took), ""))
    _judge_delays(section, *spreads, tail)
    return section


def _judge_live(section: Section, live: Sequence[float | None], late: Sequence[float]) -> None:
    known = [one for one in live if one is not None]
    if len(known) < len(live) or not live:
        section.wrong.append("publish: no call came after a publication")
    if known:
        section.rows.append(
            (f"{ROUTES:,} routes live: answer to the first call with the new plan", _worst(known), f"{LIMIT_MS:g} ms")
        )
    section.rows.append(
        ("calls begun after the answer that still had the old plan", f"{sum(1 for one in late if one > 0)}", "0")
    )
    if any(one > LIMIT_MS / 1000 for one in (*known, *late)):
        section.wrong.append(f"publish: the new plan was not live within {LIMIT_MS:g} ms")
    if any(one > 0 for one in late):
        section.wrong.append("publish: calls that began after the answer had the old plan")


def _judge_delays(section: Section, before: Spread | None, during: Spread | None, tail: float | None) -> None:
    if before is None or during is None:
        section.wrong.append("publish: no digits were pressed before or meanwhile")
        return
    for name, found in (("before", before), ("during publications", during)):
        section.rows.append((f"digit to INVITE {name}: median / p99", f"{found} of {found.calls} calls", ""))
    medians, tails = during.median_ms / before.median_ms, during.p99_ms / before.p99_ms
    limit = "" if tail is None else f"{tail:g} for the p99, ours"
    section.rows.append(("the same, during to before: median / p99", f"{medians:.2f} / {tails:.2f}", limit))
    if tail is not None and tails > tail:
        section.wrong.append(f"publish: p99 during is {tails:.2f} of that before, {tail:g} is allowed")
    section.figures |= {"median_ratio": medians, "p99_ratio": tails}


def _first_new_s(calls: stream.Stream, made: Publication) -> float | None:
    """Seconds from the answer until the first call began that had the new plan, of those that began after it."""
    new = [calls.invited[n] - made.answered for n in calls.reached[made.agency] if calls.invited[n] > made.answered]
    return min(new, default=None)


def _last_old_s(calls: stream.Stream, made: Publication, until: float | None) -> float:
    """Seconds from the answer until the last call began that had the old plan; 0 where none did."""
    (old,) = set(AGENCIES) - {made.agency}
    began = [calls.invited[n] for n in calls.reached[old]]
    # A call is decided up to half a second after it began: Answer() waits for the caller's first RTP.
    end = float("inf") if until is None else until - _DECIDED_S
    return max((at - made.answered for at in began if made.answered < at < end), default=0.0)


_DECIDED_S: Final = 1.0


def _worst(seconds: Sequence[float]) -> str:
    return f"{1000 * max(seconds):.0f} ms, the longest of {len(seconds)}"


_HOW: Final = (
    f"SIPp calls {RATE} times a second and presses a digit, in a centre with {ROUTES:,} routes of {CATEGORIES} "
    "categories and 124 villages; each publication changes every route from one agency to the other, so whom a call "
    "rings tells by which version it was decided. Publishing verifies, renders, loads the PBX, reads it back and "
    "commits. Calls count as before until the first import, as during from a request to publish until its answer. "
    "When a caller presses is SIPp's own spread, which has no seed."
)


if __name__ == "__main__":
    sys.exit(alone(measure))
