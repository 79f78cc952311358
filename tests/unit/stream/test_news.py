"""Sources of the feed: incidents that changed, and duty."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from callrouter.calls.trunks import Trunks, TrunkState
from callrouter.duty.model import DutyState
from callrouter.duty.service import DutyView
from callrouter.incidents.views import IncidentSummary, StorageUnavailable
from callrouter.stream import duty, incidents
from callrouter.stream.duty import DutyNews
from callrouter.stream.feed import Feed, Kind, Reset
from callrouter.stream.incidents import AT_ONCE, UNHEARD, IncidentNews, IncidentNow


class Rows:
    """A database of incidents, each of which says how often it was read."""

    def __init__(self) -> None:
        self.read: list[Sequence[UUID]] = []
        self.fails: list[Exception] = []

    async def now(self, wanted: Sequence[UUID]) -> list[IncidentNow]:
        self.read.append(wanted)
        if self.fails:
            raise self.fails.pop(0)
        n = len(self.read)
        return [
            IncidentNow(
                IncidentSummary(id_, n, "open", "", 0, callback=False, caller_number="", outcome=None), frozenset()
            )
            for id_ in wanted
        ]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


def a_feed() -> Feed:
    """A feed to which somebody listens."""
    feed = Feed()
    feed.listen("me", {Kind.INCIDENT})
    return feed


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "GATHER_S", 0.01)
    monkeypatch.setattr(incidents, "PAUSE_S", 0.001)
    monkeypatch.setattr(duty, "GATHER_S", 0.0)


async def test_changes_of_a_moment_are_read_together_and_told_once_each() -> None:
    feed, rows = a_feed(), Rows()
    news = IncidentNews(feed, rows)
    ids = [uuid4() for _ in range(AT_ONCE + 1)]
    running = asyncio.create_task(news.run())
    for _ in range(5):
        news.changed(ids)
    await until(lambda: feed.told == len(ids))
    running.cancel()
    assert [len(some) for some in rows.read] == [AT_ONCE, 1]
    assert news.waiting == 0


async def test_what_changes_while_it_is_read_is_read_again() -> None:
    feed, rows = a_feed(), Rows()
    news = IncidentNews(feed, rows)
    one = uuid4()
    reading = rows.now

    async def now(wanted: Sequence[UUID]) -> list[IncidentNow]:
        if not rows.read:
            news.changed([one])
        return await reading(wanted)

    rows.now = now  # type: ignore[method-assign]
    running = asyncio.create_task(news.run())
    news.changed([one])
    await until(lambda: feed.told == 2)
    running.cancel()


@pytest.mark.parametrize("failure", [StorageUnavailable("away"), ValueError("a defect")])
async def test_a_failure_ends_nothing(failure: Exception) -> None:
    feed, rows = a_feed(), Rows()
    rows.fails = [failure]
    news = IncidentNews(feed, rows)
    running = asyncio.create_task(news.run())
    place = feed.place
    news.changed([uuid4()])
    if isinstance(failure, StorageUnavailable):
        await until(lambda: feed.told == 1)  # tried again
    else:
        await until(lambda: feed.place.partition("-")[0] != place.partition("-")[0])  # all are told to fetch anew
    news.changed([uuid4()])
    await until(lambda: feed.told >= 1 and not news.waiting)
    running.cancel()


async def test_too_many_waiting_means_that_everybody_fetches_anew() -> None:
    feed = a_feed()
    news = IncidentNews(feed, Rows(), most=10)
    place = feed.place
    news.changed([uuid4() for _ in range(10)])
    news.changed([uuid4()])
    assert (news.waiting, news.given_up) == (0, 1)
    assert feed.place.partition("-")[0] != place.partition("-")[0]


async def test_while_nobody_listens_nothing_is_read_and_who_comes_back_has_what_he_missed() -> None:
    feed, rows = Feed(), Rows()
    news = IncidentNews(feed, rows)
    running = asyncio.create_task(news.run())
    feed.listen("me", {Kind.INCIDENT}).close()
    place, missed = feed.place, {str(uuid4()) for _ in range(3)}
    news.changed([UUID(one) for one in missed])
    for _ in range(10):
        await asyncio.sleep(0)
    assert (news.waiting, rows.read) == (3, [])
    listener = feed.listen("me", {Kind.INCIDENT}, place)
    batch = await listener.next(30)
    assert batch is not None
    assert (batch.reset, {event.key for event in batch.events}) == (None, missed)
    running.cancel()


async def test_who_comes_back_after_more_than_is_kept_for_nobody_fetches_anew() -> None:
    feed = Feed()
    news = IncidentNews(feed, Rows())
    place = feed.place
    news.changed([uuid4() for _ in range(UNHEARD)])
    news.changed([uuid4()])
    batch = await feed.listen("me", {Kind.INCIDENT}, place).next(30)
    assert batch is not None
    assert (batch.reset, news.waiting, news.given_up) == (Reset.EPOCH, 0, 0)


def a_view(key: str, *, rung: bool = True) -> DutyView:
    return DutyView(key, key, (), rostered=True, on_duty=True, rung=rung, last_of=(), state=DutyState(key))


async def test_duty_is_told_when_it_changes_and_when_somebody_leaves_the_directory() -> None:
    feed = Feed()
    there = [a_view("op1"), a_view("op2")]
    news = DutyNews(feed, lambda: there)
    listener = feed.listen("me", {Kind.OPERATOR}, feed.place)
    running = asyncio.create_task(news.run())
    await until(lambda: feed.told == 2)
    there[:] = [replace(there[0], rung=False)]
    news.changed()
    await until(lambda: feed.told == 4)
    batch = await listener.next(5)
    assert batch is not None
    assert {event.key: event.payload for event in batch.events} == {"op1": there[0], "op2": None}
    running.cancel()


def test_trunks_are_told_when_they_change_and_when_they_are_gone() -> None:
    told: list[tuple[str, TrunkState | None]] = []
    trunks = Trunks(lambda key, state: told.append((key, state)))
    trunks.seen("telco", True, 1)
    trunks.seen("telco", True, 2)
    trunks.seen("telco", False, 3)
    trunks.only(["other"])
    assert told == [
        ("telco", TrunkState("telco", reachable=True, since=1)),
        ("telco", TrunkState("telco", reachable=False, since=3)),
        ("telco", None),
    ]
    assert trunks.states() == []
