"""A centre at rest, after calls, and under a flood of its AGI port: `python -m bench.centre`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from bench import flood, stream
from bench.opponents.hall import first_target
from bench.process import rss_mb
from bench.section import Section, alone
from callrouter.resources import resource
from demo.addresses import SIP_PORT
from demo.centre import Centre

DIGIT: Final = "1"
TRUNK: Final = "telco"
CALLER_HZ, AGENCY_HZ = 600, 1150
RATE = 20
WARM_UP_S, QUICK_WARM_UP_S = 5, 2
CALLS, QUICK_CALLS = 20, 5
"""In the flood, and as many after it."""
LIMIT_MB: Final = 120.0
"""What the service may hold at rest; MB of 1,000,000 bytes."""
_AFTER_S: Final = 15.0
_REST_S: Final = 20.0
Say = Callable[[str], None]


async def measure(folder: Path, say: Say, *, quick: bool) -> Section:
    """Measure it; takes about 40 s."""
    section = Section("centre", "A flood, and memory", figures={"memory_mb": {}}, how=_HOW)
    table: dict[str, Any] = YAML(typ="safe").load(resource("examples") / "kab-malang.yaml")
    async with Centre(folder, table, say=say) as centre:
        _memory(section, centre, "after its start")
        warm_up_s = QUICK_WARM_UP_S if quick else WARM_UP_S
        say(f"{RATE * warm_up_s} calls")
        await _calls(section, centre, warm_up_s)
        _memory(section, centre, f"after {RATE * warm_up_s} calls")
        calls = QUICK_CALLS if quick else CALLS
        say(f"flood: {calls} calls in it, {calls} after it")
        await _flood(section, centre, calls)
        _memory(section, centre, "after the flood")
    return section


async def _calls(section: Section, centre: Centre, seconds: int) -> None:
    agency = first_target(centre.table, DIGIT)
    async with stream.calls(
        stream.sipp_command(centre.settings.pbx_root),
        f"{centre.settings.sip_host}:{centre.settings.sip_port}",
        centre.trunk_hosts[TRUNK],
        {"agency": (centre.trunk_hosts[agency.trunk], SIP_PORT)},
        prefix="0812",
        digit=DIGIT,
        rate=RATE,
        most=RATE * seconds,
    ) as calls:
        await calls.until_done(seconds + _AFTER_S)
    if missing := RATE * seconds - len(calls.delays_s):
        section.wrong.append(f"{missing} of {RATE * seconds} calls did not reach the agency")
    async with asyncio.timeout(_REST_S):  # until no call is left, and every one is told of
        while await centre.live() or "0 active channels" not in await centre.pbx.rx("core show channels count"):
            await asyncio.sleep(0.1)


async def _flood(section: Section, centre: Centre, calls: int) -> None:
    caller = await centre.phone(TRUNK, CALLER_HZ)
    agency = await centre.phone(first_target(centre.table, DIGIT).trunk, AGENCY_HZ)
    outcome = await flood.calls_in_a_flood(centre, caller, agency, DIGIT, calls)
    f = outcome.as_figures()
    section.figures["flood"] = f
    section.wrong += [f"flood: {line}" for line in outcome.wrong]
    sent = f"{f['probes']} probes, {f['silent']} silent, {f['garbage_bytes']:,} bytes"
    well = "calls in a flood and after it, with digit, audio and one incident"
    section.rows += [
        ("flood of the AGI port", sent, ""),
        (well, f"{f['calls_well']} of {f['calls']}", "all"),
        (
            "digit to agency's INVITE, the worst: in the flood / after",
            f"{_ms(f['invite_worst_ms_during'])} / {_ms(f['invite_worst_ms_after'])}",
            "",
        ),
    ]


def _ms(value: float | None) -> str:
    return "none came" if value is None else f"{value:.0f} ms"


def _memory(section: Section, centre: Centre, when: str) -> None:
    size = rss_mb(centre.service_pid)
    section.figures["memory_mb"][when] = size
    section.rows.append((f"memory of the service {when}", f"{size:.1f} MB", f"{LIMIT_MB:g} MB"))
    if size > LIMIT_MB:
        section.wrong.append(f"memory {when}: {size:.1f} MB, {LIMIT_MB:g} MB are allowed")


_HOW: Final = (
    "the flood comes from an address that the AGI port lets in, while calls of real SIP agents run; as many follow. "
    "In a call that counts, caller and agency each heard the other's tone and only that, and exactly one incident "
    "has its category, its talk and the service's own path. The digit is RTP here and lasts 100 ms; these times "
    "begin with it. Memory is VmRSS of the service's process, with no call running."
)


if __name__ == "__main__":
    sys.exit(alone(measure))
