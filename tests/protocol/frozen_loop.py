"""Run as a program: one connect-and-close against an AGI server, then say whether the event loop still turns."""

from __future__ import annotations

import asyncio
import sys

from tests.protocol.peers import Heard
from tests.protocol.subjects import BareAgi, OurAgi


async def main(subject: type[OurAgi | BareAgi]) -> None:
    async def nothing(_ask: object) -> Heard | None:
        return None

    async with subject(nothing) as server:  # type: ignore[arg-type]
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.close()
        await writer.wait_closed()
        for _ in range(20):
            await asyncio.sleep(0.01)
        sys.stdout.write("the loop turns\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(OurAgi if sys.argv[1] == "callrouter" else BareAgi))
