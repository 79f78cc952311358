"""Who calls, for the one who picks up: looked up before his telephone rings, and told at once when it does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import pytest

from callrouter.calls import caller
from callrouter.calls.caller import NEARBY_US, Callers, Card, History, OpenIncident, PastCall
from callrouter.calls.live import LiveCall, Stage
from callrouter.incidents.model import incident_id
from callrouter.incidents.suspicion import Judgement, Term
from callrouter.incidents.views import StorageUnavailable

NOW = 1_795_267_207_000_000
NUMBER = "081234567890"
JUDGED = Judgement(18, (Term("repeats", 18, 3),))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "GATHER_S", 0.001)
    monkeypatch.setattr(caller, "PAUSE_S", 0.001)


def a_call(**changes: object) -> LiveCall:
    call = uuid4()
    live = LiveCall(call, incident_id(call), NUMBER, "citizen", "telco", NOW, Stage.MENU, (), "", "id")
    return replace(live, **changes)  # type: ignore[arg-type]


def an_incident(**changes: object) -> OpenIncident:
    return replace(OpenIncident(uuid4(), 1, NOW - 1, "with_agency", "kebakaran", "35.07.13", "Pasar"), **changes)  # type: ignore[arg-type]


def a_past_call(incident: UUID | None = None) -> PastCall:
    return PastCall(
        uuid4(), incident or uuid4(), 7, NOW - 100, NOW - 90, NOW - 50, "medis", "talked", "prank", "closed"
    )


@dataclass
class Book:
    """What a database knows; it answers once `open` is set."""

    known: dict[str, History] = field(default_factory=dict)
    incidents: list[OpenIncident] = field(default_factory=list)
    ended: dict[UUID, LiveCall] = field(default_factory=dict)
    measured: dict[UUID, Judgement] = field(default_factory=dict)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[dict[str, Sequence[str]]] = field(default_factory=list)
    away: int = 0

    async def histories(self, numbers: Mapping[str, Sequence[str]], but: Collection[UUID]) -> dict[str, History]:
        self.asked.append(dict(numbers))
        assert but
        await self.open.wait()
        if self.away:
            self.away -= 1
            raise StorageUnavailable("away")
        return {number: self.known[number] for number in numbers if number in self.known}

    async def open_incidents(self) -> list[OpenIncident]:
        await self.open.wait()
        return self.incidents

    async def judgements(self, calls: Collection[UUID]) -> dict[UUID, Judgement]:
        return {call: self.measured[call] for call in calls if call in self.measured}

    async def past(self, call: UUID) -> LiveCall | None:
        return self.ended.get(call)


class Points:
    """A judge that has measured every call."""

    def judge(self, call: UUID) -> Judgement | None:  # noqa: ARG002
        return JUDGED


@dataclass
class Ground:
    book: Book
    callers: Callers
    told: list[tuple[str, Card | None]]

    def now(self, operator: str) -> Card | None:
        return next((card for key, card in reversed(self.told) if key == operator), None)


@contextlib.asynccontextmanager
async def ground(judge: Points | None = None) -> AsyncIterator[Ground]:
    told: list[tuple[str, Card | None]] = []
    book = Book()
    callers = Callers(book, lambda key, card: told.append((key, card)), lambda: {"op1", "op2"}, judge)
    running = asyncio.create_task(callers.run())
    try:
        yield Ground(book, callers, told)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_caller_is_looked_up_when_his_call_opens_and_the_card_is_whole_when_it_rings() -> None:
    async with ground(Points()) as here:
        here.book.known[NUMBER] = History(3, (a_past_call(),))
        here.book.open.set()
        live = a_call()
        here.callers.moved(live)
        await until(lambda: (card := here.callers.card(live.call)) and card.complete)
        assert here.told == []
        assert "+6281234567890" in here.book.asked[0][NUMBER]
        here.callers.moved(replace(live, stage=Stage.OPERATOR, with_whom=("op1", "op2")))
        assert {key for key, _ in here.told} == {"op1", "op2"}
        card = here.now("op1")
        assert card is not None
        assert (card.complete, card.history.calls, card.phone.e164) == (True, 3, "+6281234567890")
        assert card.judgement == JUDGED


async def test_a_slow_database_delays_what_is_in_the_card_and_not_the_card() -> None:
    async with ground() as here:
        live = a_call(stage=Stage.OPERATOR, with_whom=("op1",))
        here.callers.moved(live)
        card = here.now("op1")  # at once: nothing was awaited
        assert card is not None
        assert (card.complete, card.phone.shown) == (False, "0812-3456-7890")
        here.book.known[NUMBER] = History(1, (a_past_call(),))
        here.book.measured[live.call] = JUDGED
        assert card.judgement is None
        here.book.open.set()
        await until(lambda: (found := here.now("op1")) and found.complete)
        found = here.now("op1")
        assert found is not None
        assert found.history.calls == 1


async def test_a_database_that_is_away_is_asked_again() -> None:
    async with ground() as here:
        here.book.away = 3
        here.book.open.set()
        live = a_call()
        here.callers.moved(live)
        await until(lambda: (card := here.callers.card(live.call)) and card.complete)
        assert len(here.book.asked) == 4


async def test_the_card_goes_with_the_telephone_that_rings_and_with_the_talk() -> None:
    async with ground() as here:
        here.book.open.set()
        live = a_call()
        here.callers.moved(live)
        here.callers.moved(replace(live, stage=Stage.OPERATOR, with_whom=("op1", "op2")))
        here.callers.moved(replace(live, stage=Stage.TALKING, with_whom=("op2",)))
        assert here.now("op1") is None
        assert here.now("op2") is not None
        here.callers.gone(live.call)
        assert here.now("op2") is None
        assert len(here.callers) == 0


async def test_agencies_telephones_get_no_card() -> None:
    async with ground() as here:
        here.callers.moved(a_call(stage=Stage.AGENCY, with_whom=("trunk-damkar", "damkar")))
        assert here.told == []


async def test_open_incidents_nearby_are_those_of_the_same_category_or_area_of_the_last_hours() -> None:
    async with ground() as here:
        same, place, old = (
            an_incident(area=""),
            an_incident(category="banjir"),
            an_incident(opened=NOW - NEARBY_US - 1),
        )
        other, own = an_incident(category="banjir", area="35.07.01"), an_incident(category="medis", area="")
        live = a_call()
        mine = an_incident(incident=live.incident)
        here.book.incidents = [same, place, old, other, own, mine]
        here.book.known[NUMBER] = History(1, (a_past_call(own.incident),))
        here.book.open.set()
        here.callers.moved(live)
        await until(lambda: (card := here.callers.card(live.call)) and card.complete)
        here.callers.moved(replace(live, category="kebakaran"))
        here.callers.located(live.call, "35.07.13")
        card = here.callers.card(live.call)
        assert card is not None
        assert card.nearby == (same, place)
        assert card.own == (own,)


async def test_a_withheld_number_has_no_history() -> None:
    async with ground() as here:
        here.book.open.set()
        live = a_call(number="")
        here.callers.moved(live)
        await until(lambda: (card := here.callers.card(live.call)) and card.complete)
        card = here.callers.card(live.call)
        assert card is not None
        assert (card.phone.withheld, card.judgement, here.book.asked) == (True, None, [])


async def test_a_call_that_has_ended_is_looked_up_when_somebody_asks() -> None:
    async with ground() as here:
        live = a_call()
        here.book.ended[live.call] = live
        here.book.known[NUMBER] = History(2, (a_past_call(),))
        here.book.open.set()
        card = await here.callers.look_up(live.call)
        assert card is not None
        assert (card.complete, card.history.calls) == (True, 2)
        assert await here.callers.look_up(uuid4()) is None


async def test_a_call_that_leaves_before_it_was_looked_up_is_forgotten() -> None:
    async with ground() as here:
        live, other = a_call(), a_call(number="0811")
        here.callers.moved(live)
        here.callers.gone(live.call)
        here.callers.moved(other)
        here.book.open.set()
        await until(lambda: (card := here.callers.card(other.call)) and card.complete)
        assert len(here.callers) == 1
