"""The yardstick: a second Asterisk of the same build, configured as ours is, with a dialplan that does the least.

It answers, plays the same clips with the same ``Read``, takes one digit and dials the same agency. No service, no
journal, no events: the difference between the two is all that callrouter adds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.opponents.beside import dialplan, pbx_beside
from bench.opponents.cpu import taken
from bench.opponents.model import DIGIT_S, PBX, RING_S, Hall, Opponent, Running
from demo.centre import Centre

KEY: Final = "bare"
LACKS: Final = (
    "everything but the menu and the dialling: no incident, no routing table, no other way where the agency is busy "
    "or silent, nobody at a keyboard sees the call"
)

_STEPS: Final = """\
exten => 112,1,Answer()
 same => n,Read(DIGIT,{clips},1,n,1,{digit_s})
 same => n,GotoIf($["${{DIGIT}}"="{digit}"]?dial)
 same => n,Hangup()
 same => n(dial),Dial({target},{ring_s})
 same => n,Hangup()
"""


def bare(centre: Centre, hall: Hall) -> Opponent:
    """Return the bare dialplan, which runs beside `centre`."""

    @asynccontextmanager
    async def running(folder: Path) -> AsyncIterator[Running]:
        async with pbx_beside(centre, folder, {"extensions.conf": _dialplan(hall)}) as beside:
            yield Running(beside.address, lambda: {PBX: taken(beside.pid, "PBX").all}, pbx=beside.pbx.rx)

    return Opponent(KEY, "bare dialplan", running, LACKS)


def _dialplan(hall: Hall) -> str:
    return dialplan(
        _STEPS.format(
            clips="&".join(hall.sounds), digit=hall.digit, digit_s=DIGIT_S, target=hall.target, ring_s=RING_S
        )
    )
