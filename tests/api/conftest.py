"""The API on a free port of the loopback, over parts that the test may change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from callrouter.access.model import Role
from callrouter.api.server import ApiServer
from tests.api.fakes import Managed
from tests.api.fakes import managed as a_managed_centre
from tests.api.support import Client, FakeBoard, FakeCallbacks, FakeHealth, FakeIncidents, FakeRefused, FakeSetAside

Start = Callable[..., Awaitable[ApiServer]]


@pytest.fixture
def incidents() -> FakeIncidents:
    return FakeIncidents()


@pytest.fixture
def refused() -> FakeRefused:
    return FakeRefused()


@pytest.fixture
def callbacks() -> FakeCallbacks:
    return FakeCallbacks()


@pytest.fixture
def set_aside() -> FakeSetAside:
    return FakeSetAside()


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard()


@pytest.fixture
def health() -> FakeHealth:
    return FakeHealth()


@pytest.fixture
async def managed() -> Managed:
    return await a_managed_centre()


@pytest.fixture
async def start(
    incidents: FakeIncidents,
    refused: FakeRefused,
    callbacks: FakeCallbacks,
    set_aside: FakeSetAside,
    board: FakeBoard,
    health: FakeHealth,
    managed: Managed,
) -> AsyncIterator[Start]:
    """Start a server with settings of the test's own; all are stopped afterwards."""
    started: list[ApiServer] = []

    async def starter(**options: Any) -> ApiServer:
        given: dict[str, Any] = {
            "incidents": incidents,
            "refused_calls": refused,
            "callbacks": callbacks,
            "set_aside": set_aside,
            "live": board,
            "health": health,
            "management": managed.management,
        }
        server = ApiServer("127.0.0.1", 0, **given | options)
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
async def session(managed: Managed) -> AsyncIterator[aiohttp.ClientSession]:
    """An admin's session."""
    async with session_of(managed, Role.ADMIN) as session:
        yield session


def session_of(managed: Managed, role: Role) -> aiohttp.ClientSession:
    """Return a session of who has this role. An admin's shows callers' numbers masked, a supervisor's does not."""
    headers = {"Authorization": f"Bearer {managed.bearers[role]}"}
    return aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=20))


@pytest.fixture
def client(server: ApiServer, session: aiohttp.ClientSession) -> Client:
    """Asks as an admin."""
    return Client(session, server.port)
