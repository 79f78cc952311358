"""Calls of real SIP that stay, in a real PBX: as many as are asked for, while an agency rings for each."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import stream
from bench.live import asks
from bench.live.asks import Asker
from bench.live.table import AGENCIES, DIGIT, TRUNK
from bench.process import pss_mb, rss_mb
from demo.addresses import SIP_PORT
from demo.centre import Centre
from tests.pbx.sipp import render

RATE: Final = 25
ENDS_S: Final = 30.0


@dataclass(frozen=True)
class Held:
    """How many were asked for, and how many the board showed at once; memory of the service then, and before.

    pbx_mb: memory of the PBX then (VmRSS)
    """

    asked: int
    most: int
    before_mb: float
    rss_mb: float
    pss_mb: float
    pbx_mb: float


async def held(centre: Centre, asker: Asker, calls: int, stay_s: float) -> Held:
    """Have that many calls up at once, or as many of them as hold, and measure the service.

    stay_s: how long the last of them stays once all have come
    """
    service, pbx = centre.service_pid, centre.pbx.pid
    if service is None or pbx is None:
        raise RuntimeError("the service or the PBX has ended")
    before, most = rss_mb(service), 0
    memory = (before, pss_mb(service), rss_mb(pbx))
    sipp = stream.sipp_command(centre.settings.pbx_root)
    with tempfile.TemporaryDirectory(prefix="held-") as name:
        running = []
        try:
            for agency in AGENCIES:
                ring = render("uas_ring_forever.xml", {})
                address = (centre.trunk_hosts[agency], SIP_PORT)
                running.append(await stream.start(sipp, Path(name), agency, ring, address, [], log=False))
            arguments = ["-s", "112", "-r", str(RATE), "-l", str(calls), "-m", str(calls)]
            arguments.append(f"{centre.settings.sip_host}:{centre.settings.sip_port}")
            script = _staying(calls, stay_s)
            caller = await stream.start(
                sipp, Path(name), ".caller", script, (centre.trunk_hosts[TRUNK], 0), arguments, log=False
            )
            running.append(caller)
            deadline = time.monotonic() + calls / RATE + stay_s + ENDS_S
            while caller.returncode is None and time.monotonic() < deadline:
                if (shown := await asker.board()) > most:
                    most, memory = shown, (rss_mb(service), pss_mb(service), rss_mb(pbx))
                await asyncio.sleep(2 * asks.LOOK_S)
        finally:
            for process in reversed(running):
                await stream.stop(process)
    return Held(calls, most, before, *memory)


def _staying(calls: int, stay_s: float) -> str:
    stays_ms = round(1_000 * (calls / RATE + stay_s))
    text = stream.caller_scenario("0814", DIGIT)
    leaves = f'timeout="{stream.TALK_MS}"'
    if text.count(leaves) != 1:
        raise ValueError("the scenario uac_info_digit.xml is not the one that this benchmark knows")
    return text.replace(leaves, f'timeout="{stays_ms}"')
