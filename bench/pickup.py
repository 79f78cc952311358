"""How soon an operator knows who calls: `python -m bench.pickup`.

On a real PBX: from his telephone's INVITE to the event that says who calls, read over HTTP.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aiohttp
from ruamel.yaml import YAML

from bench.section import Section, alone, spread
from callrouter.resources import resource
from demo.centre import Centre
from demo.clips import quick_clips
from demo.softphone import RingOnly, Softphone
from tests.api.listening import blocks

CALLS, QUICK_CALLS = 8, 1
LIMIT_MS: Final = 100.0
Say = Callable[[str], None]
Rung = asyncio.Queue[tuple[float, dict[str, Any]]]


async def measure(folder: Path, say: Say, *, quick: bool) -> Section:
    """Measure it; takes about a minute."""
    section = Section("pickup", "Who calls", how=_HOW)
    table: dict[str, Any] = YAML(typ="safe").load(resource("examples") / "kota-madiun.yaml")
    quick_clips(folder / "state" / "recorded", table)
    async with Centre(folder, table) as centre:
        operators = [one.key for one in centre.table.directory.operators]
        carrier = next(trunk.key for trunk in centre.table.directory.trunks if trunk.kind == "carrier")
        operator = await centre.operator(operators[0], 1800)
        await operator.behave(RingOnly())
        await centre.ask("POST", f"/api/v1/duty/{operators[0]}", {"act": "join"})
        caller = await centre.phone(carrier, 600)
        rung: Rung = asyncio.Queue()
        listening = asyncio.create_task(_listen(centre, operators[0], rung))
        try:
            delays, whole = await _calls(centre, caller, operator, rung, say, QUICK_CALLS if quick else CALLS)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    _judge(section, delays, whole)
    return section


async def _calls(
    centre: Centre, caller: Softphone, operator: Softphone, rung: Rung, say: Say, calls: int
) -> tuple[list[float], int]:
    delays: list[float] = []
    whole = 0
    for n in range(calls):
        call = await caller.dial(centre.number, user=f"081234567{n:03}")
        await call.until_answered()
        ringing = await operator.until_incoming()
        told_at, card = await asyncio.wait_for(rung.get(), 10)
        report = ringing.report()
        delays.append(told_at - report.invited_s)
        whole += card["complete"]
        await call.hangup()
        await ringing.until_ended()
        while not rung.empty():
            rung.get_nowait()
        say(f"call {n + 1}: {1000 * delays[-1]:.1f} ms")
    return delays, whole


async def _listen(centre: Centre, operator: str, rung: Rung) -> None:
    headers = {"Authorization": f"Bearer {centre.settings.cli_token_file.read_text()}"}
    url = f"http://127.0.0.1:{centre.settings.api_port}/api/v1/events?kinds=pickup"
    last = ""
    forever = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(headers=headers, timeout=forever) as session, session.get(url) as response:
        async for told in blocks(response):
            if told.event == "pickup" and told.data["key"] == operator and (card := told.data["value"]):
                if card["call"]["call"] != last:
                    rung.put_nowait((time.monotonic(), card))
                last = card["call"]["call"]


def _judge(section: Section, delays: list[float], whole: int) -> None:
    found = spread(delays)
    if found is None:
        section.wrong.append("pickup: no telephone rang")
        return
    worst = 1000 * max(delays)
    section.figures = {"calls": found.calls, "median_ms": found.median_ms, "worst_ms": worst, "complete": whole}
    said = f"{found.median_ms:.1f} / {worst:.1f} ms; {whole} of {found.calls} cards whole at once"
    section.rows.append(("operator's INVITE to the card of his caller: median / worst", said, f"{LIMIT_MS:g} ms"))
    if worst > LIMIT_MS:
        section.wrong.append(f"pickup: a card came after {worst:.0f} ms, {LIMIT_MS:g} ms are allowed")


_HOW: Final = (
    "citizens call a centre whose operators take every call first; one operator's telephone rings. From the INVITE "
    "that his telephone received to the event, read over HTTP by another process; one clock."
)


if __name__ == "__main__":
    sys.exit(alone(measure))
