"""PBX and service together on one machine, to be rung with a softphone."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from callrouter.app import build
from callrouter.asterisk.render import PbxSecrets
from callrouter.prepare import Say, prepare
from callrouter.resources import resource
from callrouter.routing.table import RoutingTable
from callrouter.settings import Settings

DEFAULT_TABLE = "kab-malang.yaml"


async def up(settings: Settings, table_file: Path | None, say: Say) -> None:
    """Run both until SIGINT or SIGTERM; then the service stops, and after it the PBX."""
    pbx, table, keys = await prepare(settings, table_file or resource("examples") / DEFAULT_TABLE, say)
    await pbx.start()
    try:
        service = await build(settings)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, service.stop)
        for line in how_to_ring(settings, table, keys):
            say(line)
        await service.run()
    finally:
        await pbx.stop()


def how_to_ring(settings: Settings, table: RoutingTable, keys: PbxSecrets) -> list[str]:
    """Return what to put into a softphone, line by line."""
    lines = ["", "callrouter is up. Put one of these accounts into a softphone on this machine:", ""]
    lines += [
        f"  operator {operator.name}: user {operator.key}  password {keys.operators[operator.key]}  "
        f"server {settings.sip_host}:{settings.sip_port} (UDP)"
        for operator in table.directory.operators
    ]
    lines += [
        "",
        "A registered operator is on duty: his phone rings. To ring 112 as a citizen, register as a second",
        "operator and dial 112; press a digit of the menu, or 0 for an operator.",
        f"REST: http://{settings.api_host}:{settings.api_port}/docs      Ctrl-C ends both.",
        "",
    ]
    return lines
