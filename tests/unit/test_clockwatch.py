"""The wall clock was set: each step is stored once the database can be had, in their order."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from callrouter import clockwatch
from callrouter.clocksteps import Step
from callrouter.clockwatch import WAITING, ClockWatch
from callrouter.incidents.clocks import ClockStep
from callrouter.incidents.views import StorageUnavailable


class Kept:
    """A database that may be away."""

    def __init__(self) -> None:
        self.away = False
        self.stored: list[ClockStep] = []

    async def store(self, step: ClockStep) -> None:
        if self.away:
            raise StorageUnavailable("away")
        self.stored.append(step)


async def test_steps_wait_for_the_database_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clockwatch, "AGAIN_S", 0.0)
    kept = Kept()
    watch = ClockWatch("pbx1", kept.store)
    running = asyncio.create_task(watch.run())
    kept.away = True
    watch.on_step(Step(100, 5_100, 5_000))
    for _ in range(5):
        await asyncio.sleep(0)
    watch.on_step(Step(6_000, 200, -6_800))
    assert (kept.stored, len(watch)) == ([], 2)
    kept.away = False
    async with asyncio.timeout(30):
        while len(watch):
            await asyncio.sleep(0)
    assert kept.stored == [ClockStep("pbx1", 100, 5_100, 5_000), ClockStep("pbx1", 6_000, 200, -6_800)]
    watch.on_step(Step(1, 2, 3))
    async with asyncio.timeout(30):
        while len(kept.stored) < 3:
            await asyncio.sleep(0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def test_only_so_many_steps_wait() -> None:
    watch = ClockWatch("pbx1", Kept().store)
    for n in range(WAITING + 5):
        watch.on_step(Step(n, n + 1, 1))
    assert len(watch) == WAITING


async def test_defect_of_the_store_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clockwatch, "AGAIN_S", 0.001)
    kept, tries = Kept(), 0

    async def store(step: ClockStep) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise KeyError("a defect")
        await kept.store(step)

    watch = ClockWatch("pbx1", store)
    watch.on_step(Step(1, 2, 1))
    running = asyncio.create_task(watch.run())
    async with asyncio.timeout(30):
        while not kept.stored:
            await asyncio.sleep(0.001)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert (tries, len(watch)) == (3, 0)
