"""The common way: an AGI script on pyst2, which the PBX starts anew for every call."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.opponents.beside import dialplan, pbx_beside
from bench.opponents.cpu import taken
from bench.opponents.model import DIGIT_S, PBX, RING_S, SERVICE, Hall, Opponent, Running
from demo.centre import Centre

KEY: Final = "agi"
PROGRAM: Final = Path(__file__).with_name("agi_script.py")
LACKS: Final = (
    "no incident, no routing table, no other way where the agency is busy or silent; a digit that is pressed between "
    "two clips is lost; nothing holds a caller whose script fails: he is hung up"
)
_SCRIPT: Final = "menu.py"
_SHEBANG_CHARACTERS: Final = 127
"""Of the oldest kernels that there are still (execve(2))."""
_STEPS: Final = """\
exten => 112,1,AGI({script},{clips},{digit},{target},{ring_s},{digit_s})
 same => n,Hangup()
"""


def agi(centre: Centre, hall: Hall) -> Opponent:
    """Return the AGI script on a PBX beside `centre`. What its processes take is the service's CPU."""

    @asynccontextmanager
    async def running(folder: Path) -> AsyncIterator[Running]:
        files, scripts = {"extensions.conf": _dialplan(hall)}, {_SCRIPT: _script()}
        async with pbx_beside(centre, folder, files, scripts=scripts) as beside:

            def cpu() -> Mapping[str, float]:
                pbx = taken(beside.pid, "PBX")
                return {PBX: pbx.own, SERVICE: pbx.begun}

            yield Running(beside.address, cpu, beside.pbx.rx)

    return Opponent(KEY, "AGI script per call (pyst2)", running, LACKS)


def _dialplan(hall: Hall) -> str:
    clips = "&".join(hall.sounds)
    given = {"clips": clips, "digit": hall.digit, "target": hall.target, "ring_s": RING_S, "digit_s": DIGIT_S}
    return dialplan(_STEPS.format(script=_SCRIPT, **given))


def _script() -> str:
    """Return the script with the Python that has pyst2, named as whoever installs one names it."""
    first = f"#!{sys.executable}\n"
    if " " in sys.executable or len(first) > _SHEBANG_CHARACTERS:
        raise RuntimeError(f"{sys.executable} cannot be named in a script's first line")
    return first + PROGRAM.read_text(encoding="utf-8")
