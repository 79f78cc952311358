"""What notes and records make of a call and its incident."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import update

from callrouter.calls.ports import CallOpened
from callrouter.calls.records import Attempt
from callrouter.incidents.model import Outcome, incident_id
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from tests.storage.given import (
    AT,
    FACTS,
    PLAN_TEXT,
    SECOND,
    TALKED_WITH_AGENCY,
    execute,
    given_ended,
    given_failed,
    given_joined,
    given_opened,
    given_routed,
    incident_of,
    one,
    picture,
    rows,
    store,
    whole_call,
)


async def test_an_opened_call_opens_its_incident(database: Database) -> None:
    call = uuid4()
    await store(database, given_opened(call))
    incident = await incident_of(database, call)
    assert (incident["state"], incident["category"], incident["opened_at"]) == ("open", "", AT)
    assert (incident["callback"], incident["opening_call"]) == (False, call)
    row = await one(database, t.call, id=call)
    assert (row["incident"], row["number"], row["name"]) == (incident["id"], "+628123456789", "Siti Rahmawati")
    assert [e["kind"] for e in await rows(database, t.incident_event)] == ["opened"]


async def test_incidents_are_numbered_from_one_by_the_database(database: Database) -> None:
    calls = [uuid4() for _ in range(3)]
    for call in calls:
        await store(database, *whole_call(call))
    assert [(await incident_of(database, call))["number"] for call in calls] == [1, 2, 3]


async def test_a_routed_call_keeps_facts_plan_and_version(database: Database) -> None:
    call = uuid4()
    await store(database, given_opened(call), given_routed(call))
    row = await one(database, t.call, id=call)
    assert row["facts"] == FACTS.model_dump(mode="json")
    assert (row["decided_plan"], row["decided_route"], row["decided_version"]) == (PLAN_TEXT, "fire-day", 1)
    incident = await incident_of(database, call)
    assert (incident["state"], incident["category"]) == ("routed", "fire")


@pytest.mark.parametrize(("with_agency", "state"), [(True, "with_agency"), (False, "with_operator")])
async def test_a_joined_human_is_the_state_of_the_incident(database: Database, with_agency: bool, state: str) -> None:
    call = uuid4()
    await store(database, given_opened(call), given_routed(call), given_joined(call, with_agency=with_agency))
    assert (await incident_of(database, call))["state"] == state


async def test_the_latest_human_counts(database: Database) -> None:
    call = uuid4()
    operator = given_joined(call, at=AT + 20 * SECOND, by="PJSIP/op-1", with_agency=False)
    await store(database, given_opened(call), operator, given_joined(call))
    assert (await incident_of(database, call))["state"] == "with_operator"
    assert [e["actor"] for e in await rows(database, t.incident_event, kind="joined")] == [
        "PJSIP/op-1",
        "PJSIP/damkar-0001",
    ]


def _talked(kind: str, result: str = "talked") -> Attempt:
    return replace(TALKED_WITH_AGENCY[1], n=3, kind=kind, result=result)


@pytest.mark.parametrize(
    ("last", "state"),
    [
        (_talked("dial"), "with_agency"),
        (_talked("static"), "with_agency"),
        (_talked("ringgroup"), "with_operator"),
        (_talked("ringgroup", "began"), "with_operator"),  # the caller hung up first
        (_talked("ringgroup", "short"), "with_agency"),  # the attempt before it talked
        (replace(_talked("ringgroup", "began"), human=None), "with_agency"),
    ],
)
async def test_who_talked_last_has_the_incident(database: Database, last: Attempt, state: str) -> None:
    call = uuid4()
    await store(database, given_opened(call), given_ended(call, attempts=(*TALKED_WITH_AGENCY, last)))
    assert (await incident_of(database, call))["state"] == state


@pytest.mark.parametrize(
    ("outcome", "joined", "state"),
    [
        (Outcome.ABANDONED, False, "abandoned"),
        (Outcome.ABANDONED, True, "abandoned"),
        (Outcome.RECORDED, False, "routed"),
        (Outcome.RECORDED, True, "routed"),
        (Outcome.NO_MESSAGE, False, "routed"),
        (Outcome.CUT, False, "routed"),
        (Outcome.CUT, True, "with_agency"),
    ],
)
async def test_a_caller_whom_no_human_heard_is_to_be_called_back(
    database: Database, outcome: Outcome, joined: bool, state: str
) -> None:
    call = uuid4()
    between = [given_joined(call)] if joined else []
    await store(database, given_opened(call), given_routed(call), *between, given_failed(call, outcome))
    incident = await incident_of(database, call)
    assert (incident["state"], incident["callback"], incident["callback_reason"]) == (state, True, outcome)


async def test_a_talk_needs_no_call_back(database: Database) -> None:
    call = uuid4()
    await store(database, *whole_call(call))
    incident = await incident_of(database, call)
    assert (incident["callback"], incident["callback_reason"]) == (False, "")


async def test_an_end_alone_still_makes_call_and_incident(database: Database) -> None:
    call = uuid4()
    await store(database, given_ended(call))
    incident = await incident_of(database, call)
    assert (incident["state"], incident["category"], incident["opened_at"]) == ("with_agency", "fire", AT + SECOND)
    assert len(await rows(database, t.attempt, call=call)) == 2
    assert (await one(database, t.call, id=call))["node"] == "pbx1"


async def test_an_opening_that_comes_after_the_end_completes_it(database: Database) -> None:
    call = uuid4()
    await store(database, given_ended(call), given_opened(call))
    incident = await incident_of(database, call)
    assert (incident["state"], incident["opened_at"]) == ("with_agency", AT)
    assert (await one(database, t.call, id=call))["number"] == "+628123456789"


async def test_the_journal_has_the_last_word_on_the_opening(database: Database) -> None:
    call = uuid4()
    note = CallOpened(given_opened(call, at=AT + 5, name="Siti"))
    await store(database, note, given_opened(call), note)
    row = await one(database, t.call, id=call)
    assert (row["name"], row["opened_at"]) == ("Siti Rahmawati", AT)
    assert [e["at"] for e in await rows(database, t.incident_event, kind="opened")] == [AT]


async def test_a_note_after_the_end_does_not_set_the_state_back(database: Database) -> None:
    call = uuid4()
    await store(database, given_opened(call), given_failed(call, Outcome.ABANDONED))
    await store(database, given_routed(call), given_joined(call))
    incident = await incident_of(database, call)
    assert (incident["state"], incident["callback_reason"]) == ("abandoned", "abandoned")
    assert (await one(database, t.call, id=call))["facts"]["category"] == "fire"


async def test_a_real_end_replaces_one_that_was_taken_for_cut(database: Database) -> None:
    call = uuid4()
    cut = given_failed(call, Outcome.CUT, at=AT + 500 * SECOND)
    await store(database, given_opened(call), replace(cut, attempts=(*TALKED_WITH_AGENCY, _talked("record"))))
    await store(database, given_ended(call), cut)
    assert (await one(database, t.call, id=call))["outcome"] == "talked"
    assert [a["n"] for a in await rows(database, t.attempt, call=call)] == [1, 2]
    assert [e["data"]["outcome"] for e in await rows(database, t.incident_event, kind="ended")] == ["talked"]
    assert (await incident_of(database, call))["callback"] is False


async def test_what_a_person_set_stays(database: Database) -> None:
    call = uuid4()
    await store(database, given_opened(call))
    by_person = update(t.incident).values(
        closed_at=AT + SECOND,
        category="flood",
        category_by_person=True,
        callback=True,
        callback_reason="he asked for it",
        callback_by_person=True,
    )
    await execute(database, by_person)
    await store(database, *whole_call(call))
    incident = await incident_of(database, call)
    assert (incident["state"], incident["category"]) == ("closed", "flood")
    assert (incident["callback"], incident["callback_reason"]) == (True, "he asked for it")
    assert (await one(database, t.call, id=call))["outcome"] == "talked"


async def test_an_automatic_state_that_a_person_set_stays(database: Database) -> None:
    call = uuid4()
    await store(database, given_opened(call))
    await execute(database, update(t.incident).values(taken_at=AT + SECOND))
    await store(database, given_routed(call), given_failed(call, Outcome.ABANDONED))
    assert (await incident_of(database, call))["state"] == "with_operator"


async def test_a_state_beyond_the_automatic_ones_stays(database: Database) -> None:
    call = uuid4()
    await store(database, given_opened(call))
    await execute(database, update(t.incident).values(state="dispatched"))
    await store(database, given_routed(call), given_ended(call))
    assert (await incident_of(database, call))["state"] == "dispatched"


async def test_a_call_back_that_was_done_is_not_asked_for_again(database: Database) -> None:
    call = uuid4()
    await store(database, given_opened(call), given_failed(call, Outcome.RECORDED))
    done = update(t.incident).values(callback=False, callback_reason="", callback_by_person=True)
    await execute(database, done)
    await store(database, given_opened(call), given_failed(call, Outcome.RECORDED))
    assert (await incident_of(database, call))["callback"] is False


async def test_a_later_call_of_an_incident_leaves_its_state_alone(database: Database) -> None:
    opening, later = uuid4(), uuid4()
    await store(database, *whole_call(opening), given_opened(later))
    await execute(
        database, update(t.call).where(t.call.c.id == later).values(incident=incident_id(opening), direction="out")
    )
    await store(database, given_failed(later, Outcome.ABANDONED))
    incident = await incident_of(database, opening)
    assert (incident["state"], incident["callback"]) == ("with_agency", False)


async def test_updated_at_grows_with_changes_and_only_with_them(database: Database) -> None:
    call = uuid4()
    await store(database, given_opened(call))
    first = (await incident_of(database, call))["updated_at"]
    await store(database, given_routed(call))
    second = (await incident_of(database, call))["updated_at"]
    await store(database, given_opened(call), given_routed(call))
    assert (first < second, (await incident_of(database, call))["updated_at"]) == (True, second)


async def test_the_version_is_that_of_persons_acts_and_no_note_changes_it(database: Database) -> None:
    call = uuid4()
    await store(database, *whole_call(call))
    assert (await incident_of(database, call))["version"] == 1


async def test_the_failsafes_plan_is_not_mixed_with_what_was_decided(database: Database) -> None:
    call = uuid4()
    late = given_routed(call, route="late", version=7, plan_text="late plan")
    ended = given_ended(call, path="failsafe", version=None, route="", plan="ringgroup,centre,90")
    await store(database, given_opened(call), ended, late)
    row = await one(database, t.call, id=call)
    assert (row["plan"], row["version"], row["path"]) == ("ringgroup,centre,90", None, "failsafe")
    assert (row["decided_plan"], row["decided_version"]) == ("late plan", 7)


async def test_end_tells_by_what_a_call_was_decided_of_whose_choice_no_note_was_taken(database: Database) -> None:
    with_note, without = uuid4(), uuid4()
    words = {"origin": "citizen", "trunk": "carrier", "choice": "1", "category": "fire", "language": "id"}
    await store(database, given_opened(with_note), given_routed(with_note), given_ended(with_note, **words))
    await store(database, given_opened(without), given_ended(without, **words))
    shown = await picture(database, without)
    wanted = await picture(database, with_note)
    assert shown["call"][0]["facts"] == wanted["call"][0]["facts"]
    for column in ("plan", "route", "version", "category", "talked_with"):
        assert shown["call"][0][column] == wanted["call"][0][column]
    assert shown["incident"] == wanted["incident"]


async def test_note_of_a_choice_goes_before_what_its_end_tells_whichever_came_first(database: Database) -> None:
    first, last = uuid4(), uuid4()
    words = {"origin": "citizen", "trunk": "carrier", "area": "menu/35.07.13", "away": "agency/bpbd"}
    await store(database, given_opened(first), given_routed(first), given_ended(first, **words))
    await store(database, given_opened(last), given_ended(last, **words), given_routed(last))
    assert await picture(database, first) == await picture(database, last)


@pytest.mark.parametrize(
    "words",
    [{}, {"origin": "martian"}, {"origin": "citizen", "area": "dream/1"}, {"origin": "citizen", "language": "xx"}],
)
async def test_end_whose_words_are_not_ours_tells_no_facts_and_counts(
    database: Database, words: dict[str, str]
) -> None:
    call = uuid4()
    await store(database, given_opened(call), given_ended(call, **words))
    (row,) = (await picture(database, call))["call"]
    assert (row["facts"], row["outcome"]) == (None, "talked")
