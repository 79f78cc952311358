"""The API on a free port of the loopback, over parts that the test may change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from callrouter.api.server import ApiServer
from tests.api.support import Client, FakeBoard, FakeHealth, FakeIncidents, FakeRefused

Start = Callable[..., Awaitable[ApiServer]]


@pytest.fixture
def incidents() -> FakeIncidents:
    return FakeIncidents()


@pytest.fixture
def refused() -> FakeRefused:
    return FakeRefused()


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard()


@pytest.fixture
def health() -> FakeHealth:
    return FakeHealth()


@pytest.fixture
async def start(
    incidents: FakeIncidents, refused: FakeRefused, board: FakeBoard, health: FakeHealth
) -> AsyncIterator[Start]:
    """Start a server with settings of the test's own; all are stopped afterwards."""
    started: list[ApiServer] = []

    async def starter(**options: Any) -> ApiServer:
        server = ApiServer(
            "127.0.0.1", 0, incidents=incidents, refused_calls=refused, live=board, health=health, **options
        )
        await server.start()
        started.append(server)
        return server

    yield starter
    for server in started:
        await server.stop()


@pytest.fixture
async def server(start: Start) -> ApiServer:
    return await start()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


@pytest.fixture
def client(server: ApiServer, session: aiohttp.ClientSession) -> Client:
    return Client(session, server.port)
