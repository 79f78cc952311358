"""Clients of the event stream, as a console would be one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

Key = tuple[str, str]


@dataclass
class Told:
    """One block of the stream: its id, its name, its data; of a sign of life the id alone."""

    id: str = ""
    event: str = ""
    data: Any = None


@asynccontextmanager
async def stream(
    session: aiohttp.ClientSession, port: int, query: str = "", last: str | None = None, **more: Any
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Open a stream; the block leaves by closing the connection."""
    headers = dict(more.pop("headers", {})) | ({} if last is None else {"Last-Event-ID": last})
    response = await session.get(f"http://127.0.0.1:{port}/api/v1/events{query}", headers=headers, **more)
    try:
        yield response
    finally:
        response.close()


async def blocks(response: aiohttp.ClientResponse) -> AsyncIterator[Told]:
    """Read the stream block by block (HTML, section 9.2.6); what has no id or data is left out."""
    told = Told()
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        name, _, value = line.partition(": ")
        if not line:
            if told.id:
                yield told
            told = Told()
        elif name == "data":
            told.data = json.loads(value)
        elif name in {"id", "event"}:
            setattr(told, name, value)


@dataclass
class Console:
    """Follows everything: fetches the whole where it is told to, and remembers its place with what it made of it.

    fetch: returns the whole state
    """

    fetch: Callable[[], dict[Key, Any]]
    state: dict[Key, Any] = field(default_factory=dict)
    place: str | None = None
    resets: list[str] = field(default_factory=list)
    events: int = 0

    def take(self, told: Told) -> None:
        """Take one block."""
        if told.event == "reset":
            self.state = self.fetch()
            self.resets.append(told.data["reason"])
        elif told.event:
            self.events += 1
            key = (told.data["kind"], told.data["key"])
            assert told.event == key[0]
            if told.data["value"] is None:
                self.state.pop(key, None)
            else:
                self.state[key] = told.data["value"]
        self.place = told.id

    async def follow(self, session: aiohttp.ClientSession, port: int, most: int, query: str = "") -> None:
        """Take so many blocks, and break the connection; the stream may end before."""
        async with stream(session, port, query, self.place) as response:
            assert response.status == 200
            async for told in blocks(response):
                self.take(told)
                most -= 1
                if most == 0:
                    return
