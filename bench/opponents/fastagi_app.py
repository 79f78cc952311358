"""The menu as a FastAGI handler on panoramisk: ``python fastagi_app.py FILE``, whose JSON has port, clips, digit,
target and digit_s.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from panoramisk import fast_agi


class Menu:
    """One menu, for every call."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._read = f'EXEC Read "DIGIT,{"&".join(given["clips"])},1,n,1,{given["digit_s"]}"'
        self._targets = {given["digit"]: given["target"]}

    async def call(self, request: fast_agi.Request) -> None:
        """Answer, ask, and tell the dialplan whom to dial."""
        await request.send_command("ANSWER")
        await request.send_command(self._read)
        told = await request.send_command("GET VARIABLE DIGIT")
        target = self._targets.get(told.get("result", ("", ""))[1])
        if target:
            await request.send_command(f'SET VARIABLE TARGET "{target}"')


async def main(file: Path) -> None:
    """Serve until it is ended."""
    given = json.loads(file.read_text())
    application = fast_agi.Application()
    application.add_route("menu", Menu(given).call)
    server = await asyncio.start_server(application.handler, "127.0.0.1", given["port"])
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
