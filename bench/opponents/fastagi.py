"""A plain FastAGI handler on panoramisk: callrouter adds the incident, the lease and all that follows from them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.opponents import beside
from bench.opponents.cpu import taken
from bench.opponents.model import DIGIT_S, PBX, RING_S, SERVICE, Hall, Opponent, Running
from bench.opponents.program import program
from demo.addresses import free_port
from demo.centre import Centre

KEY: Final = "fastagi"
PROGRAM: Final = Path(__file__).with_name("fastagi_app.py")
LACKS: Final = (
    "no incident, no routing table, no other way where the agency is busy or silent; no lease: a caller whose "
    "handler hangs waits for ever, and without one he is hung up; a connection that closes at once stops it for all"
)
_STEPS: Final = """\
exten => 112,1,AGI(agi://127.0.0.1:{port}/menu)
 same => n,GotoIf($["${{TARGET}}"!=""]?dial)
 same => n,Hangup()
 same => n(dial),Dial(${{TARGET}},{ring_s})
 same => n,Hangup()
"""


def fastagi(centre: Centre, hall: Hall) -> Opponent:
    """Return the handler, a process of its own, on a PBX beside `centre`."""

    @asynccontextmanager
    async def running(folder: Path) -> AsyncIterator[Running]:
        port = free_port()
        files = {"extensions.conf": beside.dialplan(_STEPS.format(port=port, ring_s=RING_S))}
        given = {
            "port": port,
            "clips": hall.sounds,
            "digit": hall.digit,
            "target": hall.target,
            "digit_s": DIGIT_S,
        }
        async with (
            beside.pbx_beside(centre, folder, files) as pbx,
            program(PROGRAM, given, folder) as handler,
        ):

            def cpu() -> Mapping[str, float]:
                return {PBX: taken(pbx.pid, "PBX").all, SERVICE: taken(handler, "FastAGI handler").all}

            yield Running(pbx.address, cpu, pbx.pbx.rx)

    return Opponent(KEY, "plain FastAGI (panoramisk)", running, LACKS)
