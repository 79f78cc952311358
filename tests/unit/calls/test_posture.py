"""The posture at work: by hand wins until its end, and a database that is away changes nothing for calls."""

from __future__ import annotations

import asyncio

import pytest

from callrouter.access.model import Principal, Role
from callrouter.calls import posture
from callrouter.calls.posture import Postures
from callrouter.incidents.posture import ByHand, ByRate, Standing, Usual
from callrouter.incidents.views import StorageUnavailable
from callrouter.routing.values import Posture

NOW = 1_790_000_000_000_000
SECOND = 1_000_000
BY = Principal("sup-1", Role.SUPERVISOR)


class Rows:
    """A PostureStore in memory."""

    def __init__(self) -> None:
        self.hand: ByHand | None = None
        self.rates: list[Posture] = []
        self.away = False
        self.asked = 0
        self.wrong: Exception | None = None
        self.kept = ByRate()
        self.pace: asyncio.Event | None = None

    async def load(self) -> tuple[ByRate, ByHand | None]:
        return self.kept, self.hand

    async def by_rate(self, posture: Posture, calls: int, usual: float) -> None:  # noqa: ARG002
        if self.away:
            raise StorageUnavailable("away")
        self.rates.append(posture)

    async def by_hand(self, posture: Posture, until: int, reason: str, by: Principal) -> ByHand:
        kept = self.hand = ByHand(posture, NOW, until, reason, by.name)
        if self.pace is not None:  # the first to be kept is the last to hear of it
            await self.pace.wait()
            for _ in range(5 if posture is Posture.RED else 1):
                await asyncio.sleep(0)
        return kept

    async def withdraw(self, by: Principal) -> None:  # noqa: ARG002
        self.hand = None

    async def usual(self, weeks: int) -> Usual:  # noqa: ARG002
        self.asked += 1
        if self.wrong is not None:
            raise self.wrong
        return Usual()


class World:
    def __init__(self) -> None:
        self.now = NOW
        self.rows = Rows()
        self.postures = Postures(self.rows, lambda: self.now)
        self.told: list[Posture] = []
        self.postures.follow(self._heard)

    def _heard(self, standing: Standing) -> None:
        self.told.append(standing.posture)

    def calls(self, count: int) -> None:
        for _ in range(count):
            self.postures.counted(self.now)


async def test_rate_raises_it_and_hand_wins_until_its_end() -> None:
    world = World()
    world.calls(60)
    world.postures.look()
    assert world.postures.now() is Posture.RED
    await world.postures.set(Posture.YELLOW, NOW + 60 * SECOND, "latihan", BY)
    assert (world.postures.now(), world.postures.standing().by_rate) == (Posture.YELLOW, Posture.RED)
    world.now += 60 * SECOND
    assert world.postures.now() is Posture.RED
    world.postures.look()
    assert world.told == [Posture.RED, Posture.YELLOW, Posture.RED]
    assert world.postures.changes == 3


async def test_withdrawn_by_hand_the_rate_says_it_again() -> None:
    world = World()
    await world.postures.set(Posture.RED, NOW + 60 * SECOND, "gempa", BY)
    await world.postures.withdraw(BY)
    assert (world.postures.now(), world.postures.standing().by_hand) == (Posture.GREEN, None)


async def test_what_was_kept_holds_after_a_restart() -> None:
    world = World()
    world.rows.kept = ByRate(Posture.ORANGE)
    await world.postures.open()
    assert world.postures.now() is Posture.ORANGE
    world.rows.hand = ByHand(Posture.RED, NOW, NOW + SECOND, "gempa", "sup-1")
    await world.postures.open()
    assert world.postures.now() is Posture.RED
    assert world.told == []


async def test_rate_is_kept_once_the_database_is_there_again() -> None:
    world = World()
    world.rows.away = True
    world.calls(60)
    world.postures.look()
    await world.postures._keep()
    assert (world.postures.now(), world.rows.rates) == (Posture.RED, [])
    world.rows.away = False
    await world.postures._keep()
    await world.postures._keep()
    assert world.rows.rates == [Posture.RED]


async def test_of_two_who_say_it_at_once_the_last_one_that_was_kept_holds() -> None:
    world = World()
    world.rows.pace = asyncio.Event()
    first = asyncio.create_task(world.postures.set(Posture.RED, NOW + 60 * SECOND, "gempa", BY))
    second = asyncio.create_task(world.postures.set(Posture.YELLOW, NOW + 60 * SECOND, "latihan", BY))
    third = asyncio.create_task(world.postures.withdraw(BY))
    for _ in range(5):
        await asyncio.sleep(0)
    world.rows.pace.set()
    await asyncio.gather(first, second, third)
    assert (world.postures.now(), world.rows.hand) == (Posture.GREEN, None)
    assert world.told == [Posture.RED, Posture.YELLOW, Posture.GREEN]


@pytest.mark.parametrize("wrong", [KeyError("week"), StorageUnavailable("away")])
async def test_what_was_usual_cannot_be_read_and_the_rate_is_followed_all_the_same(
    monkeypatch: pytest.MonkeyPatch, wrong: Exception
) -> None:
    monkeypatch.setattr(posture, "LOOK_S", 0.001)
    monkeypatch.setattr(posture, "RETRY_S", 0.001)
    world = World()
    world.rows.wrong = wrong
    running = asyncio.create_task(world.postures.run())
    async with asyncio.timeout(30):
        while world.rows.asked < 3:
            await asyncio.sleep(0.001)
        world.rows.wrong = None
        world.calls(60)
        while world.rows.rates != [Posture.RED]:
            await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
