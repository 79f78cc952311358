"""The posture at work: by hand wins until its end, and a database that is away changes nothing for calls."""

from __future__ import annotations

from callrouter.access.model import Principal, Role
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
        self.kept = ByRate()

    async def load(self) -> tuple[ByRate, ByHand | None]:
        return self.kept, self.hand

    async def by_rate(self, posture: Posture, calls: int, usual: float) -> None:  # noqa: ARG002
        if self.away:
            raise StorageUnavailable("away")
        self.rates.append(posture)

    async def by_hand(self, posture: Posture, until: int, reason: str, by: Principal) -> ByHand:
        self.hand = ByHand(posture, NOW, until, reason, by.name)
        return self.hand

    async def withdraw(self, by: Principal) -> None:  # noqa: ARG002
        self.hand = None

    async def usual(self, weeks: int) -> Usual:  # noqa: ARG002
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
