"""The feed: who listens has everything at the end, whatever he missed; and nothing grows with how slow he is."""

from __future__ import annotations

import asyncio
import random

import pytest

from callrouter.stream.feed import AT_ONCE, TAKEN, Closed, Event, Feed, Full, Kind, Listener, Reset

ALL = frozenset(Kind)


async def everything(listener: Listener) -> list[Event]:
    """Return what there is for him now; an empty list where there is nothing."""
    found: list[Event] = []
    while (batch := await listener.next(0.2)) is not None:
        assert batch.reset is None
        found += batch.events
    return found


async def begun(feed: Feed, after: str | None = None, **more: object) -> Listener:
    """Return a listener who has been told to fetch everything, where he had to be."""
    listener = feed.listen("me", ALL, after)
    if after is None:
        batch = await listener.next(1)
        assert batch is not None
        assert batch.reset is Reset.NEW
    return listener


async def test_who_comes_without_a_place_is_told_to_fetch_everything_first() -> None:
    feed = Feed()
    feed.tell(Kind.CALL, "a", "menu")
    listener = await begun(feed)
    assert await everything(listener) == []  # it is in what he fetches
    feed.tell(Kind.CALL, "b", "menu")
    assert [(e.key, e.payload) for e in await everything(listener)] == [("b", "menu")]


async def test_of_several_changes_of_one_thing_the_newest_is_told() -> None:
    feed = Feed()
    listener = await begun(feed)
    for stage in ("opened", "menu", "plan"):
        feed.tell(Kind.CALL, "a", stage)
        feed.tell(Kind.CALL, "b", stage)
    feed.tell(Kind.CALL, "a", None)
    assert [(e.key, e.payload) for e in await everything(listener)] == [("b", "plan"), ("a", None)]


async def test_what_is_as_before_is_not_told_again() -> None:
    feed = Feed()
    listener = await begun(feed)
    feed.tell(Kind.OPERATOR, "op1", ("on", 1))
    feed.tell(Kind.OPERATOR, "op1", ("on", 1))
    assert feed.told == 1
    assert len(await everything(listener)) == 1


async def test_only_the_kinds_that_are_wanted_are_told_and_the_place_goes_on_all_the_same() -> None:
    feed = Feed()
    listener = feed.listen("me", {Kind.TRUNK}, feed.place)
    feed.tell(Kind.CALL, "a", "menu")
    assert await everything(listener) == []
    assert listener.place == feed.place
    feed.tell(Kind.TRUNK, "telco", "up")
    assert [e.kind for e in await everything(listener)] == [Kind.TRUNK]


async def test_who_comes_again_gets_what_he_missed() -> None:
    feed = Feed()
    listener = await begun(feed)
    feed.tell(Kind.CALL, "a", 1)
    await everything(listener)
    place = listener.place
    listener.close()
    feed.tell(Kind.CALL, "a", 2)
    feed.tell(Kind.CALL, "b", 1)
    again = await begun(feed, place)
    assert [(e.key, e.payload) for e in await everything(again)] == [("a", 2), ("b", 1)]


ENDS = ("", "-1", "9", "99999999999999999999", "1 ", "²")


@pytest.mark.parametrize(
    "place", ["", "-", "0-1", "x", "é-1", "ffffffffffff-0", *(f"{{epoch}}-{end}" for end in ENDS)]
)
async def test_a_place_that_is_none_of_this_feed_means_everything_anew(place: str) -> None:
    feed = Feed()
    feed.tell(Kind.CALL, "a", 1)
    listener = feed.listen("me", ALL, place.replace("{epoch}", feed.place.partition("-")[0]))
    batch = await listener.next(1)
    assert batch is not None
    assert (batch.reset, batch.events, batch.place) == (Reset.EPOCH, (), feed.place)


async def test_a_place_that_is_older_than_what_is_kept_means_everything_anew() -> None:
    feed = Feed(kept=10)
    feed.tell(Kind.CALL, "first", 1)
    place = feed.place
    for n in range(10):
        feed.tell(Kind.CALL, str(n), n)
    assert len(feed) == 10
    still = await begun(feed, place)  # the event behind his place is kept yet
    assert [e.payload for e in await everything(still)] == list(range(10))
    feed.tell(Kind.CALL, "10", 10)
    late = feed.listen("late", ALL, place)
    batch = await late.next(1)
    assert batch is not None
    assert batch.reset is Reset.OLD


async def test_one_who_never_takes_anything_costs_no_memory_and_starts_anew() -> None:
    feed = Feed(kept=100)
    slow = await begun(feed)
    for n in range(10_000):
        feed.tell(Kind.INCIDENT, str(n), n)
    assert len(feed) == 100
    batch = await slow.next(1)
    assert batch is not None
    assert batch.reset is Reset.OLD
    assert await everything(slow) == []


async def test_a_feed_that_is_begun_anew_tells_everybody() -> None:
    feed = Feed()
    listener = await begun(feed)
    feed.tell(Kind.CALL, "a", 1)
    await everything(listener)
    waiting = asyncio.create_task(listener.next(5))
    await asyncio.sleep(0)
    feed.renew()
    batch = await waiting
    assert batch is not None
    assert batch.reset is Reset.EPOCH
    feed.tell(Kind.CALL, "a", 1)
    assert len(await everything(listener)) == 1


async def test_much_is_taken_in_pieces() -> None:
    feed = Feed()
    listener = await begun(feed)
    for n in range(2 * TAKEN + 1):
        feed.tell(Kind.CALL, str(n), n)
    sizes = []
    while (batch := await listener.next(0.2)) is not None:
        sizes.append(len(batch.events))
    assert sizes == [TAKEN, TAKEN, 1]


async def test_what_is_urgent_waits_for_nobody() -> None:
    feed = Feed(gather_s=30)
    listener = await begun(feed)
    waiting = asyncio.create_task(listener.next(10))
    await asyncio.sleep(0)
    feed.tell(Kind.CALL, "a", "operator")
    feed.tell(Kind.PICKUP, "op1", "card")
    batch = await waiting
    assert batch is not None
    assert [e.kind for e in batch.events] == [Kind.CALL, Kind.PICKUP]


async def test_listeners_are_woken_some_at_a_time() -> None:
    feed = Feed(of_one=1000)
    listeners = [await begun(feed) for _ in range(3 * AT_ONCE)]
    waiting = [asyncio.create_task(listener.next(5)) for listener in listeners]
    await asyncio.sleep(0)
    feed.tell(Kind.PICKUP, "op1", "card")
    done_at_once = []
    while not all(task.done() for task in waiting):
        before = sum(task.done() for task in waiting)
        await asyncio.sleep(0)
        done_at_once.append(sum(task.done() for task in waiting) - before)
    assert max(done_at_once) <= AT_ONCE


async def test_nobody_is_starved_by_changes_that_never_end() -> None:
    feed = Feed(of_one=1000)
    listeners = [await begun(feed) for _ in range(4 * AT_ONCE)]
    waiting = {asyncio.create_task(listener.next(5)) for listener in listeners}
    n = 0
    while not all(task.done() for task in waiting):
        n += 1
        assert n < 1000
        feed.tell(Kind.PICKUP, "op1", n)
        await asyncio.sleep(0)


async def test_of_one_token_and_of_all_only_so_many_listen() -> None:
    feed = Feed(listeners=3, of_one=2)
    first = feed.listen("a", ALL)
    feed.listen("a", ALL)
    with pytest.raises(Full) as refused:
        feed.listen("a", ALL)
    assert refused.value.of_one
    feed.listen("b", ALL)
    with pytest.raises(Full) as refused:
        feed.listen("c", ALL)
    assert not refused.value.of_one
    first.close()
    first.close()
    assert feed.listening == 2
    feed.listen("a", ALL)
    assert feed.refused == 2


async def test_a_closed_feed_lets_everybody_go() -> None:
    feed = Feed()
    waiting = asyncio.create_task((await begun(feed)).next(60))
    await asyncio.sleep(0)
    feed.close()
    with pytest.raises(Closed):
        await waiting
    feed.tell(Kind.CALL, "a", 1)


class Centre:
    """Things that change at random, and one who follows them; he may be cut off behind any event."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.feed = Feed(kept=30, gather_s=0)
        self.truth: dict[tuple[Kind, str], object] = {}
        self.mine: dict[tuple[Kind, str], object] = {}
        self.place: str | None = None

    def change(self) -> None:
        name = self.dice.choice((Kind.CALL, Kind.TRUNK)), str(self.dice.randrange(40))
        _put(self.truth, name, None if self.dice.random() < 0.3 else self.dice.randrange(5))
        self.feed.tell(*name, self.truth.get(name))

    async def listen(self, most: int) -> None:
        """Take at most so many events, and be gone."""
        listener = self.feed.listen("me", ALL, self.place)
        try:
            while (batch := await listener.next(0)) is not None:
                if batch.reset is not None:
                    self.mine, self.place = dict(self.truth), batch.place
                for event in batch.events:
                    if most == 0:
                        return
                    most -= 1
                    _put(self.mine, (event.kind, event.key), event.payload)
                    self.place = f"{batch.place.partition('-')[0]}-{event.seq}"
        finally:
            listener.close()


def _put(into: dict[tuple[Kind, str], object], name: tuple[Kind, str], value: object | None) -> None:
    if value is None:
        into.pop(name, None)
    else:
        into[name] = value


@pytest.mark.parametrize("seed", range(20))
async def test_who_is_cut_off_again_and_again_ends_with_what_there_is(seed: int) -> None:
    centre = Centre(seed)
    for _ in range(200):
        for _ in range(centre.dice.randrange(20)):
            centre.change()
        if centre.dice.random() < 0.02:
            centre.feed.renew()
        await centre.listen(centre.dice.randrange(12))
    await centre.listen(10_000)
    assert centre.mine == centre.truth
    assert centre.feed.resets[Reset.OLD] > 0
