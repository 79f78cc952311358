"""One centre for each test process: a real Asterisk, the service, and telephones that stay up between tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from demo.centre import Centre
from tests.pbx.rig import SHORT_TIMERS, Rig, fresh, leftovers, short_clips
from tests.pbx.tables import table

_numbers = count(1)
WHOLE_TEST_S = 300
"""The limit of a test with its fixtures, a net: on a busy machine a centre alone takes a minute to start."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of this folder that limit, where they have none of their own."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(WHOLE_TEST_S))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    """A centre with short timers and short clips."""
    folder: Path = tmp_path_factory.mktemp("centre")
    short_clips(folder / "state" / "recorded", table())
    async with Centre(folder, table(), timers=SHORT_TIMERS) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def phones(centre: Centre) -> AsyncIterator[Rig]:
    """All telephones, and the state of the PBX after one warm-up call."""
    rig = await Rig.make(centre)
    await rig.warm_up()
    yield rig
    # A dead peer's INVITE is given up by SIP itself after 32 s (RFC 3261, timer B); its sockets live as long.
    assert await leftovers(rig, everything=True, within=60) == {}


@pytest_asyncio.fixture(loop_scope="session")
async def rig(phones: Rig) -> AsyncIterator[Rig]:
    """The telephones as they are at the beginning of a test; afterwards nothing may be left over in the PBX."""
    async with fresh(phones):
        yield phones


@pytest.fixture
def number() -> str:
    """A caller's number that no other test has."""
    return f"0812{os.getpid() % 10_000:04d}{next(_numbers):04d}"
