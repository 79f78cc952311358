"""Tries to call back: one operator at a time, whatever is said of them in whatever order, and who was reached."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update

from callrouter.incidents.callbacks import (
    CallbackFilter,
    HeldBy,
    NoNumber,
    NotListed,
    Recovered,
    Try,
    TryNoted,
    TryOutcome,
    TryStep,
    claim_s,
)
from callrouter.incidents.desk import Actor, NoSuchIncident, Verdict
from callrouter.incidents.model import Disposition, Outcome, incident_id
from callrouter.storage import tables as t
from callrouter.storage.callback_tries import CallbackTries
from callrouter.storage.callbacks import Callbacks
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.incidents import Incidents
from callrouter.storage.tables_supervision import callback_try
from tests.storage.given import AT, SECOND, execute, given_ended, given_failed, given_opened, store

NUMBER = "081234567890"
OP1 = Actor("op1 (operator)")


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = AT + 100 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def changed() -> list[UUID]:
    return []


@pytest.fixture
def tries(database: Database, clock: Time, changed: list[UUID]) -> CallbackTries:
    return CallbackTries(database, changed.extend, clock, ring_s=25)


async def lost(
    database: Database, number: str = NUMBER, second: int = 0, outcome: Outcome = Outcome.ABANDONED
) -> UUID:
    """Store a call that came at that second and was lost ten seconds later; return its incident."""
    call, at = uuid4(), AT + second * SECOND
    await store(
        database,
        given_opened(call, number=number, at=at),
        replace(given_failed(call, outcome), at=at + 10 * SECOND),
    )
    return incident_id(call)


async def talked(database: Database, number: str, second: int) -> None:
    call, at = uuid4(), AT + second * SECOND
    await store(database, given_opened(call, number=number, at=at), given_ended(call, at=at + 60 * SECOND, human=at))


def said(begun: Try, step: TryStep, at: int, outcome: TryOutcome | None = None, human: int | None = None) -> TryNoted:
    return TryNoted(
        begun.id, at, "pbx1", step, begun.incident, begun.dialled, begun.operator, "carrier", at, human, outcome
    )


def course(begun: Try, human: int, end: int) -> list[TryNoted]:
    """Return all that the PBX says of a try that talks."""
    return [
        said(begun, TryStep.OPERATOR, begun.asked_at + SECOND),
        replace(said(begun, TryStep.HUMAN, human, human=human), operator_at=begun.asked_at + SECOND),
        replace(said(begun, TryStep.ENDED, end, TryOutcome.TALKED, human), operator_at=begun.asked_at + SECOND),
    ]


async def listed(database: Database, clock: Time) -> list[str]:
    found = await Callbacks(database, lambda: {None: 5}, clock).page(CallbackFilter())
    return [one.number for one in found]


async def timeline(database: Database, incident: UUID) -> list[dict[str, object]]:
    detail = await Incidents(database).detail(incident)
    assert detail is not None
    return [dict(event.data) for event in detail.timeline if event.kind == "callback"]


async def test_caller_who_is_called_back_and_talks_is_off_the_list(
    database: Database, tries: CallbackTries, clock: Time, changed: list[UUID]
) -> None:
    incident = await lost(database)
    begun = await tries.begin(incident, "op1", OP1)
    assert (begun.dialled, begun.trunk, begun.outcome) == (NUMBER, "carrier", None)
    assert await listed(database, clock) == [NUMBER]
    operator, human, end = course(begun, clock.now + 5 * SECOND, clock.now + 60 * SECOND)
    await tries.take(operator)
    assert await listed(database, clock) == [NUMBER]
    await tries.take(human)
    assert await listed(database, clock) == []
    await tries.take(end)
    assert await listed(database, clock) == []
    (kept,) = await tries.tries(incident) or []
    assert (kept.outcome, kept.human_at, kept.by) == (TryOutcome.TALKED, human.human_at, "op1 (operator)")
    assert [entry["what"] for entry in await timeline(database, incident)] == ["asked", "answered", "ended"]
    assert set(changed) == {incident}


async def test_what_the_pbx_says_gives_the_same_in_any_order_and_however_often(
    database: Database, tries: CallbackTries, clock: Time
) -> None:
    outcomes = []
    for n, order in enumerate(permutations(range(3))):
        incident = await lost(database, f"0812000000{n:02}")
        begun = await tries.begin(incident, "op1", OP1)
        told = course(begun, clock.now + 5 * SECOND, clock.now + 60 * SECOND)
        for i in (*order, *order):
            await tries.take(told[i])
        (kept,) = await tries.tries(incident) or []
        outcomes.append(replace(kept, id=UUID(int=0), incident=UUID(int=0), number="", dialled=""))
        entries = [entry["what"] for entry in await timeline(database, incident)]
        assert entries.count("ended") == 1
        assert entries.count("answered") <= 1
    assert outcomes == outcomes[:1] * 6


async def test_try_of_which_the_database_knows_nothing_is_made_of_what_the_pbx_says(
    database: Database, tries: CallbackTries, clock: Time
) -> None:
    incident = await lost(database)
    begun = Try(uuid4(), incident, NUMBER, NUMBER, "op1", "", clock.now)
    await tries.take(course(begun, clock.now, clock.now + 9 * SECOND)[2])
    assert await listed(database, clock) == []


async def test_nobody_else_rings_the_same_caller_until_the_try_is_over(
    database: Database, tries: CallbackTries, clock: Time
) -> None:
    first, second = await lost(database), await lost(database, second=20)
    begun = await tries.begin(first, "op1", OP1)
    with pytest.raises(HeldBy) as held:
        await tries.begin(second, "op2", Actor("op2 (operator)"))
    assert (held.value.operator, held.value.until) == ("op1", clock.now + claim_s(25) * SECOND)
    (entry,) = await Callbacks(database, lambda: {None: 5}, clock).page(CallbackFilter())
    assert (entry.held_by, entry.calls, entry.tries, entry.tried) == ("op1", 2, 1, None)
    await tries.take(said(begun, TryStep.ENDED, clock.now, TryOutcome.BUSY))
    (entry,) = await Callbacks(database, lambda: {None: 5}, clock).page(CallbackFilter())
    assert (entry.held_by, entry.tries, entry.tried) == ("", 1, TryOutcome.BUSY)
    clock.now += SECOND
    again = await tries.begin(second, "op2", Actor("op2 (operator)"))
    assert [one.id for one in await tries.tries(first) or []] == [again.id, begun.id]


async def test_of_two_who_ask_at_once_one_is_let(database: Database, tries: CallbackTries) -> None:
    incidents = [await lost(database, second=n) for n in range(4)]
    found = await asyncio.gather(
        *(tries.begin(one, f"op{n}", OP1) for n, one in enumerate(incidents)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in found) == ["HeldBy", "HeldBy", "HeldBy", "Try"]
    count = await database.read(lambda c: c.scalar(select(func.count()).select_from(callback_try)))
    assert count == 1


async def test_claim_that_nobody_ended_lapses(database: Database, tries: CallbackTries, clock: Time) -> None:
    incident = await lost(database)
    await tries.begin(incident, "op1", OP1)
    clock.now += claim_s(25) * SECOND
    assert (await tries.begin(incident, "op2", OP1)).operator == "op2"


@pytest.mark.parametrize("number", ["", "112", "anonymous", "0812;x", "08123456789012345678", "+62 x"])
async def test_who_gave_no_number_that_can_be_rung_is_not_called(
    database: Database, tries: CallbackTries, number: str
) -> None:
    incident = await lost(database, number)
    with pytest.raises(NoNumber):
        await tries.begin(incident, "op1", OP1)
    assert await timeline(database, incident) == []


async def test_who_is_not_on_the_list_is_not_called(database: Database, tries: CallbackTries) -> None:
    with pytest.raises(NoSuchIncident):
        await tries.begin(uuid4(), "op1", OP1)
    incident = await lost(database)
    await talked(database, NUMBER, 20)
    with pytest.raises(NotListed):
        await tries.begin(incident, "op1", OP1)
    assert await tries.tries(uuid4()) is None


async def test_taken_off_by_hand_goes_the_whole_entry_with_its_reason(
    database: Database, tries: CallbackTries, clock: Time
) -> None:
    first, second = await lost(database), await lost(database, second=20)
    await lost(database, "0899999999")
    assert await tries.done(first, "lewat radio", OP1) == 2
    assert await listed(database, clock) == ["0899999999"]
    for incident in (first, second):
        (entry,) = await timeline(database, incident)
        assert (entry["what"], entry["reason"], entry["callback"]) == ("done", "lewat radio", [True, False])
    with pytest.raises(NotListed):
        await tries.done(first, "lagi", OP1)
    with pytest.raises(NoSuchIncident):
        await tries.done(uuid4(), "x", OP1)


async def test_try_that_the_pbx_died_under_is_ended_after_a_while_and_what_it_says_later_counts(
    database: Database, tries: CallbackTries, clock: Time
) -> None:
    incident = await lost(database)
    begun = await tries.begin(incident, "op1", OP1)
    assert await tries.sweep() == 0
    clock.now += 601 * SECOND
    assert await tries.sweep() == 1
    assert await tries.sweep() == 0
    (kept,) = await tries.tries(incident) or []
    assert kept.outcome is TryOutcome.UNKNOWN
    await tries.take(course(begun, clock.now, clock.now + 9 * SECOND)[2])
    (kept,) = await tries.tries(incident) or []
    assert kept.outcome is TryOutcome.TALKED


async def test_try_that_the_pbx_did_not_take_frees_the_caller(database: Database, tries: CallbackTries) -> None:
    incident = await lost(database)
    begun = await tries.begin(incident, "op1", OP1)
    await tries.end(begun.id, TryOutcome.NOT_BEGUN)
    await tries.end(uuid4(), TryOutcome.NOT_BEGUN)
    assert (await tries.begin(incident, "op2", OP1)).operator == "op2"


async def test_figures_add_up_and_say_how_soon(database: Database, tries: CallbackTries, clock: Time) -> None:
    nobody = Recovered(0, 0, 0, 0, {5: (0, 0), 15: (0, 0), 60: (0, 0)}, 0)
    assert await tries.recovered(AT, AT + 1_000 * SECOND) == nobody
    back = await lost(database, "0811111111")
    await lost(database, "0822222222")
    await talked(database, "0822222222", 10 + 14 * 60)
    await lost(database, "")
    off = await lost(database, "0833333333")
    await tries.done(off, "radio", OP1)
    await lost(database, "0844444444", outcome=Outcome.RECORDED)
    begun = await tries.begin(back, "op1", OP1)
    human = AT + (10 + 4 * 60) * SECOND
    await tries.take(course(begun, human, human + 60 * SECOND)[2])
    # A talk behind the call back takes nothing from it, and a short one recovers nobody.
    await talked(database, "0811111111", 10 + 20 * 60)
    short = await tries.begin(await lost(database, "0855555555"), "op1", OP1)
    await tries.take(said(short, TryStep.ENDED, clock.now, TryOutcome.SHORT, clock.now))
    found = await tries.recovered(AT, AT + 1_000 * SECOND)
    assert found == Recovered(6, 1, 1, 1, {5: (1, 0), 15: (1, 1), 60: (1, 1)}, 1)
    assert found.waiting == 2
    assert await tries.recovered(AT + SECOND, AT + 2 * SECOND) == nobody


async def test_taken_off_is_who_a_person_took_off_and_nobody_whose_incident_closed_itself(
    database: Database, tries: CallbackTries, clock: Time
) -> None:
    desk = IncidentTables(database, acknowledge_s=300, now_us=clock)
    await lost(database, "0811111111")
    await lost(database, "")
    # The rows of calls were written by the real clock: bring them to ours.
    await execute(database, update(t.incident).values(updated_at=AT))
    assert await desk.close_quiet(clock.now, 25) == 2
    closed = await lost(database, "0822222222")
    await desk.close(closed, None, Verdict(Disposition.PRANK), "radio", OP1)
    await tries.done(await lost(database, "0833333333"), "radio", OP1)
    await lost(database, "0844444444")
    assert await listed(database, clock) == ["0844444444"]
    found = await tries.recovered(AT, AT + SECOND)
    assert (found.lost, found.no_number, found.taken_off, found.waiting) == (5, 1, 2, 2)


async def test_call_back_is_no_call_and_no_incident(database: Database, tries: CallbackTries, clock: Time) -> None:
    incident = await lost(database)
    begun = await tries.begin(incident, "op1", OP1)
    for one in course(begun, clock.now, clock.now + 9 * SECOND):
        await tries.take(one)
    for table in (t.call, t.incident):
        assert await database.read(lambda c, table=table: c.scalar(select(func.count()).select_from(table))) == 1
