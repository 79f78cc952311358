"""An application on the PBX's REST interface (ARI, Stasis): each step of a call is a request of its own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.opponents.beside import dialplan, pbx_beside
from bench.opponents.cpu import taken
from bench.opponents.model import DIGIT_S, PBX, RING_S, SERVICE, Hall, Opponent, Running
from bench.opponents.program import program
from demo.addresses import free_port
from demo.centre import Centre

KEY: Final = "ari"
PROGRAM: Final = Path(__file__).with_name("ari_app.py")
"""Never imported here: the library that it is made with turns on the logs of whoever imports it."""
LACKS: Final = (
    "no incident, no routing table, no other way where the agency is busy or silent; where the application is away a "
    "caller is hung up, and where it ends during a talk, nobody ends what it began"
)
_APP: Final = "menu"
_MODULES: Final = (
    "res_http_websocket",
    "res_websocket_client",
    "res_stasis",
    "res_stasis_answer",
    "res_stasis_playback",
    "res_stasis_recording",
    "res_stasis_snoop",
    "res_ari",
    "res_ari_model",
    "res_ari_channels",
    "res_ari_bridges",
    "res_ari_playbacks",
    "res_ari_events",
    "app_stasis",
)
_STEPS: Final = f"""\
exten => 112,1,Stasis({_APP})
 same => n,Hangup()
"""
_HTTP: Final = """\
[general]
enabled = yes
bindaddr = 127.0.0.1
bindport = {port}
; By default 100 connections: as many as the library opens at once.
sessionlimit = 1000
"""
_ARI: Final = """\
[general]
enabled = yes

[{user}]
type = user
read_only = no
password = {password}
"""


def ari(centre: Centre, hall: Hall) -> Opponent:
    """Return the application, a process of its own, on a PBX beside `centre`."""

    @asynccontextmanager
    async def running(folder: Path) -> AsyncIterator[Running]:
        port, password = free_port(), secrets.token_hex(16)
        files = {
            "extensions.conf": dialplan(_STEPS),
            "http.conf": _HTTP.format(port=port),
            "websocket_client.conf": "",  # the module that wants it is part of ARI
            "ari.conf": _ARI.format(user=_APP, password=password),
        }
        given = {
            "port": port,
            "app": _APP,
            "user": _APP,
            "password": password,
            "clips": hall.sounds,
            "digit": hall.digit,
            "target": hall.target,
            "ring_s": RING_S,
            "digit_s": DIGIT_S,
        }
        async with (
            pbx_beside(centre, folder, files, modules=_MODULES) as beside,
            program(PROGRAM, given, folder) as application,
        ):

            def cpu() -> Mapping[str, float]:
                pbx = taken(beside.pid, "PBX").all
                return {PBX: pbx, SERVICE: taken(application, "ARI application").all}

            yield Running(beside.address, cpu, beside.pbx.rx)

    return Opponent(KEY, "ARI application (ari-client)", running, LACKS)
