"""Calls without an end: cut only where the PBX itself, asked twice, shows no channel of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from callrouter.calls import reconcile
from callrouter.calls.live import LiveCall, Stage
from callrouter.calls.reconcile import Look, OpenCall, Reconciler, Unseen
from callrouter.calls.records import Ended
from callrouter.incidents.model import Outcome, incident_id
from callrouter.incidents.views import StorageUnavailable

S = 1_000_000
NOW = 1_790_000_000 * S


@dataclass
class World:
    """A PBX, a journal and a store. `looks` are what the PBX shows, one after the other; the last one stays."""

    open: dict[UUID, OpenCall] = field(default_factory=dict)
    looks: list[set[UUID] | Exception] = field(default_factory=lambda: [set()])
    journal: list[set[UUID]] = field(default_factory=list)
    """Calls whose end is taken from the journal, at each reading of it."""
    shown: list[LiveCall] = field(default_factory=list)
    lost: int | None = None
    login: int = 1
    login_changes: bool = False
    away: int = 0
    cuts: list[Ended] = field(default_factory=list)
    looked: int = 0

    def add(self, opened: int = NOW - 60 * S, **known: object) -> UUID:
        call = uuid4()
        self.open[call] = OpenCall(call, "pbx1", opened, **known)  # type: ignore[arg-type]
        return call

    def now_us(self) -> int:
        return NOW

    async def look(self) -> Look:
        shown = self.looks[min(self.looked, len(self.looks) - 1)]
        self.looked += 1
        if isinstance(shown, Exception):
            raise shown
        if self.login_changes:
            self.login += 1
        return Look(NOW, frozenset(shown), self.login)

    async def caught_up(self) -> None:
        for call in self.journal.pop(0) if self.journal else ():
            self.open.pop(call, None)

    async def without_end(self, node: str, opened_before: int, limit: int) -> list[OpenCall]:
        assert node == "pbx1"
        if self.away:
            self.away -= 1
            raise StorageUnavailable("away")
        found = [one for one in self.open.values() if one.opened < opened_before]
        return sorted(found, key=lambda one: one.opened)[:limit]

    async def cut(self, ends: Sequence[Ended]) -> None:
        for end in ends:
            self.open.pop(end.call, None)
        self.cuts += ends

    def reconciler(self) -> Reconciler:
        return Reconciler(
            "pbx1", self, self.look, self.caught_up, lambda: self.shown, self, lambda: self.lost, grace_s=0.01
        )


@contextlib.asynccontextmanager
async def running(reconciler: Reconciler) -> AsyncIterator[Reconciler]:
    task = asyncio.create_task(reconciler.run())
    try:
        yield reconciler
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool], within_s: float = 5) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "RETRY_S", 0.01)


def live(call: UUID, stage: Stage) -> LiveCall:
    return LiveCall(call, incident_id(call), "0812", "citizen", "telco", NOW, stage, (), "", "id")


async def judged(world: World, looks: int = 2) -> list[Ended]:
    """Log in, let one round end, and return what was cut."""
    reconciler = world.reconciler()
    async with running(reconciler):
        reconciler.logged_in()
        await until(lambda: world.looked >= looks)
        await until(lambda: reconciler.waiting == 0)
        assert reconciler.cut == len(world.cuts)
    return world.cuts


async def test_call_that_two_looks_do_not_show_is_cut() -> None:
    world = World()
    call = world.add()
    (end,) = await judged(world)
    assert (end.call, end.outcome, end.node, end.cause) == (call, Outcome.CUT, "pbx1", "not_seen")


async def test_call_that_lives_is_never_cut() -> None:
    world = World()
    call = world.add()
    world.looks = [{call}]
    assert await judged(world, looks=1) == []


async def test_call_that_the_second_look_shows_is_not_cut() -> None:
    world = World()
    call, gone = world.add(), world.add()
    world.looks = [set(), {call}]
    assert [end.call for end in await judged(world)] == [gone]


@pytest.mark.parametrize("reading", [0, 1])
async def test_call_whose_end_is_in_the_journal_is_not_cut(reading: int) -> None:
    world = World()
    call = world.add()
    world.journal = [set() for _ in range(reading)] + [{call}]
    assert await judged(world, looks=1 + reading) == []
    assert world.open == {}


async def test_call_that_came_after_the_pbx_was_asked_is_not_judged() -> None:
    world = World()
    world.add(opened=NOW)
    assert await judged(world, looks=1) == []


async def test_looks_at_two_lives_of_the_pbx_are_not_taken_together() -> None:
    world = World(login_changes=True)
    world.add()
    reconciler = world.reconciler()
    async with running(reconciler):
        reconciler.logged_in()
        await until(lambda: world.looked >= 6)
        assert world.cuts == []
        world.login_changes = False
        await until(lambda: len(world.cuts) == 1)


async def test_nothing_is_judged_while_the_pbx_cannot_be_asked_and_then_it_is() -> None:
    world = World()
    world.add()
    world.looks = [Unseen("no answer"), set(), Unseen("cut off"), set(), set()]
    assert len(await judged(world, looks=5)) == 1


async def test_nothing_is_judged_while_the_database_is_away_and_then_it_is() -> None:
    world = World(away=3)
    world.add()
    assert len(await judged(world, looks=5)) == 1


async def test_more_calls_than_are_judged_at_once_are_all_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "AT_ONCE", 10)
    world = World()
    calls = {world.add(opened=NOW - n * S) for n in range(1, 36)}
    living = {world.add(opened=NOW - 1_000 * S) for _ in range(12)}
    world.looks = [living]
    reconciler = world.reconciler()
    async with running(reconciler):
        reconciler.logged_in()
        await until(lambda: len(world.cuts) == len(calls))
    assert {end.call for end in world.cuts} == calls
    assert set(world.open) == living


@pytest.mark.parametrize(
    ("lost", "up_s", "at", "known_by"),
    [
        (NOW - 20 * S, 15, NOW - 20 * S, "link_lost"),  # the PBX was killed, and came back 5 s later
        (None, 15, NOW - 15 * S, "pbx_started"),  # the service was down
        (NOW - 500 * S, 15, NOW - 15 * S, "pbx_started"),  # the link was lost long before the PBX died
        (NOW - 5 * S, 15, NOW - 15 * S, "pbx_started"),  # and once more after it had come back
        (NOW - 50 * S, 3_600, NOW, "not_seen"),  # the PBX lived all the time: it could not write the end
        (None, None, NOW, "not_seen"),
    ],
)
async def test_end_is_the_latest_that_it_can_have_been_and_says_how_it_is_known(
    lost: int | None, up_s: float | None, at: int, known_by: str
) -> None:
    world = World(lost=lost)
    world.add(opened=NOW - 40 * S)
    reconciler = world.reconciler()
    if up_s is not None:
        reconciler.booted(up_s)
    async with running(reconciler):
        reconciler.logged_in()
        await until(lambda: bool(world.cuts))
    (end,) = world.cuts
    assert (end.at, end.cause) == (at, known_by)


async def test_end_is_never_before_what_is_known_of_the_call() -> None:
    world = World(lost=NOW - 30 * S)
    world.add(opened=NOW - 40 * S, joined=NOW - 10 * S)
    reconciler = world.reconciler()
    reconciler.booted(29)
    async with running(reconciler):
        reconciler.logged_in()
        await until(lambda: bool(world.cuts))
    (end,) = world.cuts
    assert end.at >= NOW - 10 * S
    assert (end.human, end.stage) == (NOW - 10 * S, "talking")


async def test_stage_is_the_one_that_the_board_last_showed() -> None:
    world = World()
    ringing, routed, new = world.add(), world.add(routed=True), world.add()
    world.shown = [live(ringing, Stage.AGENCY)]
    found = {end.call: end.stage for end in await judged(world)}
    assert found == {ringing: "agency", routed: "plan", new: "opened"}


async def test_calls_on_the_board_are_not_looked_for_between_logins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "EVERY_S", 0.01)
    world = World()
    shown = world.add()
    world.shown = [live(shown, Stage.MENU)]
    world.looks = [{shown}]
    reconciler = world.reconciler()
    async with running(reconciler):
        await asyncio.sleep(0.05)
        assert world.looked == 0
        lost = world.add()
        await until(lambda: [end.call for end in world.cuts] == [lost])
