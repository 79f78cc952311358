"""The first ring of a call is kept, once, whatever the database does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from callrouter.calls import rings as module
from callrouter.calls.live import LiveCall, Stage
from callrouter.calls.rings import Rings
from callrouter.incidents.model import incident_id
from callrouter.incidents.views import StorageUnavailable


class Store:
    def __init__(self) -> None:
        self.kept: list[tuple[UUID, int]] = []
        self.away = False

    async def rang(self, rings: Sequence[tuple[UUID, int]]) -> None:
        if self.away:
            raise StorageUnavailable("away")
        self.kept += rings


def in_menu() -> LiveCall:
    call = uuid4()
    return LiveCall(call, incident_id(call), "", "citizen", "telco", 1, Stage.MENU, (), "", "id")


def ringing(live: LiveCall) -> LiveCall:
    return replace(live, stage=Stage.AGENCY, with_whom=("trunk-damkar",))


async def test_first_ring_of_a_call_counts_and_no_later_one() -> None:
    store, now = Store(), iter(range(100, 200))
    rings = Rings(store, lambda: next(now))
    live, other = in_menu(), in_menu()
    for seen in (live, ringing(live), replace(live, stage=Stage.OPERATOR, with_whom=("op1",)), ringing(other)):
        rings.moved(seen)
    await rings.save()
    assert store.kept == [(live.call, 100), (other.call, 101)]
    await rings.save()
    assert len(store.kept) == 2


async def test_who_only_talks_has_not_rung() -> None:
    store = Store()
    rings = Rings(store, lambda: 1)
    rings.moved(replace(in_menu(), stage=Stage.TALKING, with_whom=("op1",)))
    assert len(rings) == 0


async def test_rings_wait_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    store.away = True
    rings = Rings(store, lambda: 7)
    live = in_menu()
    rings.moved(ringing(live))
    rings.gone(live.call)
    for name in ("GATHER_S", "PAUSE_S"):
        monkeypatch.setattr(module, name, 0.01)
    running = asyncio.create_task(rings.run())
    try:
        await asyncio.sleep(0.05)
        assert len(rings) == 1
        store.away = False
        async with asyncio.timeout(30):
            while not store.kept:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
    assert store.kept == [(live.call, 7)]


async def test_more_rings_than_may_wait_are_counted_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 2)
    rings = Rings(Store(), lambda: 1)
    for _ in range(3):
        rings.moved(ringing(in_menu()))
    assert (len(rings), rings.lost) == (2, 1)


async def test_defect_of_the_store_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHER_S", 0.001)
    monkeypatch.setattr(module, "PAUSE_S", 0.001)

    class Broken(Store):
        tries = 0

        async def rang(self, rings: Sequence[tuple[UUID, int]]) -> None:
            self.tries += 1
            if self.tries < 3:
                raise KeyError("a defect")
            await super().rang(rings)

    store = Broken()
    rings = Rings(store, lambda: 1)
    rings.moved(ringing(in_menu()))
    running = asyncio.create_task(rings.run())
    async with asyncio.timeout(30):
        while not store.kept:
            await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert store.tries == 3
