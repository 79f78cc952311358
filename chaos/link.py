"""The wire between the service and the PBX's AMI, in the test's hand: it flows, is slow, hangs, or is cut."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import StrEnum
from typing import Final

SLOW_BYTES: Final = 100
SLOW_EVERY_S: Final = 0.1


class Flow(StrEnum):
    """How it flows."""

    FREE = "free"
    SLOW = "slow"
    STALLED = "stalled"
    CUT = "cut"


class Link:
    """A TCP proxy on loopback, to `target` (host, port). Setting `flow` acts on what is open, too."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._flow = Flow.FREE
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> int:
        """Listen; return the port."""
        # A small buffer of its own: what is not read stays with the PBX, as with a reader that is slow.
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=4096)
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def flow(self) -> Flow:
        """How it flows."""
        return self._flow

    @flow.setter
    def flow(self, flow: Flow) -> None:
        self._flow = flow
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        if flow is Flow.CUT:
            for writer in self._writers:
                writer.transport.abort()

    async def close(self) -> None:
        """End it, and what goes through it."""
        if self._server is not None:
            self._server.close()
        self.flow = Flow.CUT
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._flow is Flow.CUT:
            writer.transport.abort()
            return
        try:
            there, to_there = await asyncio.open_connection(*self._target, limit=4096)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, to_there}
        for source, target in ((reader, to_there), (there, writer)):
            task = asyncio.create_task(self._pump(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _flows(self) -> Flow:
        """Wait while it stands still; return how it flows then."""
        while self._flow is Flow.STALLED:
            await self._changed.wait()
        return self._flow

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                while True:
                    slow = await self._flows() is Flow.SLOW
                    data = await source.read(SLOW_BYTES if slow else 4096)
                    await self._flows()
                    if not data:
                        return
                    target.write(data)
                    await target.drain()
                    if slow:
                        await asyncio.sleep(SLOW_EVERY_S)
        finally:
            self._writers.discard(target)
            target.transport.abort()
