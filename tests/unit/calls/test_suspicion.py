"""Numbers are known in memory: callers are judged at once, and the database is read behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from callrouter.calls import suspicion
from callrouter.calls.records import Opened
from callrouter.calls.suspicion import Memory, Place, Remembered, Suspicions, identity
from callrouter.incidents.model import incident_id
from callrouter.incidents.suspicion import UNKNOWN, WITHHELD, Earlier
from callrouter.incidents.views import StorageUnavailable
from callrouter.privacy.numbers import NoNumber

NOW = 1_795_267_207_000_000
DAY = 86_400_000_000
NUMBER = "081234567890"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspicion, "GATHER_S", 0.001)
    monkeypatch.setattr(suspicion, "PAUSE_S", 0.001)


def opened(number: str = NUMBER, *, origin: str = "citizen", at: int = NOW) -> Opened:
    return Opened(uuid4(), at, "pbx1", origin, "telco", number, "", "PJSIP/x-1", "1.1")


def prank(number: str = NUMBER, at: int = NOW - DAY) -> Remembered:
    return Remembered(uuid4(), number, Earlier(at, disposition="prank"))


def _set(event: asyncio.Event) -> asyncio.Event:
    event.set()
    return event


@dataclass
class Past:
    """What a database knows."""

    known: list[Remembered] = field(default_factory=list)
    away: int = 0
    reads: int = 0
    meanwhile: Callable[[], object] = lambda: None
    read: int = 0
    wrong: Exception | None = None
    pace: asyncio.Event = field(default_factory=lambda: _set(asyncio.Event()))

    async def telling(self, recent: int, after: Place) -> tuple[list[Remembered], Place | None]:
        assert recent < NOW
        self.reads += 1
        if self.away:
            self.away -= 1
            raise StorageUnavailable("away")
        await asyncio.sleep(0)
        self.meanwhile()
        behind = [one for one in sorted(self.known, key=lambda o: o.earlier.at) if one.earlier.at > after.opened]
        return behind[:2], Place(behind[1].earlier.at, 0) if len(behind) > 1 else None

    async def of_incidents(self, incidents: Sequence[UUID]) -> list[Remembered]:
        found = [one for one in self.known if incident_id(one.call) in incidents]
        self.read += 1
        if self.wrong is not None:
            raise self.wrong
        await self.pace.wait()
        return found


@contextlib.asynccontextmanager
async def running(past: Past, most: int = 100) -> AsyncIterator[Suspicions]:
    found = Suspicions(past, lambda: NOW, most=most)
    task = asyncio.create_task(found.run())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("written", ["081234567890", "+6281234567890", "6281234567890", "006281234567890"])
def test_a_number_is_one_however_a_carrier_writes_it(written: str) -> None:
    assert identity(written) == "+6281234567890"


def test_a_number_from_abroad_is_one_with_plus_and_with_00() -> None:
    assert identity("+6585000000") == identity("006585000000")


@pytest.mark.parametrize("text", ["", "112", "anonymous", "sip:x"])
def test_what_is_no_number_is_nobodys(text: str) -> None:
    with pytest.raises(NoNumber):
        identity(text)


def test_a_caller_is_judged_by_his_earlier_calls_without_any_reading() -> None:
    past = Past()
    found = Suspicions(past, lambda: NOW)
    first, second = opened(), opened("+6281234567890", at=NOW + 1_000_000)
    assert found.opened(first) == UNKNOWN
    judgement = found.opened(second)
    assert judgement is not None
    assert [(term.key, term.count) for term in judgement.terms] == [("repeats", 1)]
    assert found.judge(second.call) == judgement
    assert found.judge(uuid4()) is None
    assert past.reads == 0


def test_a_withheld_number_has_no_score_and_the_reason_is_told() -> None:
    found = Suspicions(Past(), lambda: NOW)
    for number in ("", "", "112"):
        assert found.opened(opened(number)) == WITHHELD
    assert WITHHELD.score == 0
    assert len(found.memory) == 0


@pytest.mark.parametrize("origin", ["operator", "agency", "neighbour"])
def test_only_citizens_are_judged(origin: str) -> None:
    found = Suspicions(Past(), lambda: NOW)
    assert found.opened(opened(origin=origin)) is None
    assert len(found.memory) == 0


async def test_what_the_database_knows_is_read_at_the_start_page_by_page() -> None:
    past = Past([prank(at=NOW - n * DAY) for n in range(1, 6)])
    async with running(past) as found:
        await until(lambda: found.loads)
        judgement = found.opened(opened())
        assert judgement is not None
        assert (judgement.terms[0].key, judgement.terms[0].count) == ("prank", 5)


async def test_a_correction_of_a_disposition_lowers_the_score() -> None:
    one = prank()
    past = Past([one])
    async with running(past) as found:
        await until(lambda: found.loads)
        assert found.opened(opened()) != UNKNOWN
        past.known = [Remembered(one.call, one.number, Earlier(one.earlier.at, disposition="information"))]
        found.changed([incident_id(one.call)])
        await until(lambda: not found.waiting)
        judgement = found.opened(opened())
        assert judgement is not None
        assert "prank" not in {term.key for term in judgement.terms}


async def test_a_call_that_comes_while_everything_is_read_is_remembered() -> None:
    past = Past([prank("0812999999")])
    found = Suspicions(past, lambda: NOW)
    past.meanwhile = lambda: found.opened(opened())
    await found.once()
    assert len(found.memory.of(NUMBER, uuid4())) == 1


async def test_what_was_erased_is_forgotten_when_everything_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    past = Past([prank()])
    found = Suspicions(past, lambda: NOW)
    await found.once()
    assert len(found.memory) == 1
    past.known = []
    monkeypatch.setattr(suspicion, "WAITING", 0)
    found.changed([uuid4()])
    await found.once()
    assert (found.loads, len(found.memory)) == (2, 0)


async def test_while_the_database_is_away_callers_are_judged_by_what_is_known() -> None:
    past = Past([prank()], away=3)
    async with running(past) as found:
        assert found.opened(opened("0813111111")) == UNKNOWN
        await until(lambda: found.loads)
        assert past.reads > 3
        assert len(found.memory.of("0813111111", uuid4())) == 1, "it was not stored, and is known all the same"


def test_memory_is_bounded_and_forgets_what_came_first() -> None:
    memory = Memory(3)
    some = [Remembered(uuid4(), f"08123456{n:04d}", Earlier(NOW + n)) for n in range(5)]
    for one in some:
        memory.put(one)
    assert (len(memory), memory.forgotten) == (3, 2)
    assert memory.of(some[0].number, uuid4()) == []
    assert memory.of(some[4].number, uuid4()) == [some[4].earlier]


def test_of_one_number_the_newest_calls_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspicion, "OF_NUMBER", 4)
    memory = Memory()
    for n in (5, 1, 4, 2, 3, 0):
        memory.put(Remembered(uuid4(), NUMBER, Earlier(NOW + n)))
    assert sorted(earlier.at - NOW for earlier in memory.of(NUMBER, uuid4())) == [2, 3, 4, 5]
    assert len(memory) == 4


async def test_an_incident_that_changes_while_it_is_read_is_read_again() -> None:
    one = prank()
    past = Past([one])
    async with running(past) as found:
        await until(lambda: found.loads)
        past.pace.clear()
        found.changed([incident_id(one.call)])
        await until(lambda: past.read == 1)
        assert found.waiting == 1
        past.known = [Remembered(one.call, one.number, Earlier(one.earlier.at, disposition="information"))]
        found.changed([incident_id(one.call)])
        past.pace.set()
        await until(lambda: not found.waiting)
        assert [earlier.disposition for earlier in found.memory.of(NUMBER, uuid4())] == ["information"]


@pytest.mark.parametrize("wrong", [StorageUnavailable("away"), KeyError("a defect")])
async def test_an_incident_that_cannot_be_read_waits_on(wrong: Exception) -> None:
    past = Past([prank()])
    async with running(past) as found:
        await until(lambda: found.loads)
        past.known = [prank(at=NOW)]
        past.wrong = wrong
        found.changed([incident_id(past.known[0].call)])
        await until(lambda: past.read > 2)
        assert found.waiting == 1
        past.wrong = None
        await until(lambda: not found.waiting)
        assert len(found.memory) == 2


async def test_too_many_changes_while_everything_is_read_have_it_read_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    past = Past([prank()])
    found = Suspicions(past, lambda: NOW)
    monkeypatch.setattr(suspicion, "WAITING", 0)
    past.meanwhile = lambda: found.changed([uuid4()])
    await found.once()
    past.meanwhile = lambda: None
    await found.once()
    await found.once()
    assert found.loads == 2


async def test_others_have_their_turn_while_many_calls_are_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspicion, "PUT_AT_ONCE", 10)
    past, turns = Past(), 0
    found = Suspicions(past, lambda: NOW)
    for n in range(100):
        found.opened(opened(f"08123456{n:04d}"))

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await found.once()
    counting.cancel()
    await asyncio.gather(counting, return_exceptions=True)
    assert len(found.memory) == 100
    assert turns >= 10
