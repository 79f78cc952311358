"""How suspect callers were is kept with their calls; what is known of numbers is read; who cannot speak is found."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.model import AuditNote
from callrouter.calls import suspicion
from callrouter.calls.ports import CallJudged, CallOpened
from callrouter.calls.suspicion import Place, Remembered, Suspicions
from callrouter.incidents.model import Outcome, incident_id
from callrouter.incidents.suspicion import Judgement, Term
from callrouter.incidents.views import IncidentFilter
from callrouter.privacy.access_log import Access
from callrouter.privacy.numbers import spellings
from callrouter.routing.facts import Choice
from callrouter.storage import judgement as module
from callrouter.storage import tables as t
from callrouter.storage.callers import CallerRows
from callrouter.storage.database import Database
from callrouter.storage.incidents import Incidents, page_statement
from callrouter.storage.judgement import PastNumbers, store_judgements
from callrouter.storage.privacy import PersonalData
from callrouter.storage.recordings import Recordings
from callrouter.storage.tables_judgement import judgement
from callrouter.storage.writer import NoteWriter
from tests.storage.given import (
    AT,
    FACTS,
    SECOND,
    execute,
    given_ended,
    given_failed,
    given_opened,
    given_routed,
    one,
    picture,
    rows,
    store,
    whole_call,
)

JUDGED = Judgement(31, (Term("repeats", 12, 2), Term("short", 4, 1), Term("prank", 15, 1)))
HOUR = 3_600_000_000
NUMBER = "+628123456789"


def speechless(call: UUID) -> tuple[object, object]:
    facts = FACTS.model_copy(update={"choice": Choice.CANNOT_SPEAK, "category": None})
    ended = given_ended(call, choice="cannot_speak", category="", cannot_speak=True)
    return given_routed(call, facts=facts), ended


async def put(database: Database, *notes: CallJudged) -> None:
    async def work(connection: AsyncConnection) -> None:
        await store_judgements(connection, notes)

    await database.write(work)


async def test_a_judgement_is_kept_with_its_call_as_it_was_measured(database: Database) -> None:
    call = uuid4()
    writer = NoteWriter(database, 10)
    assert writer.put(CallOpened(given_opened(call)))
    assert writer.put(CallJudged(call, AT, JUDGED))
    await writer._write(list(writer._queue))
    await put(database, CallJudged(call, AT + 1, Judgement(0, ())))  # once it is there it stays
    detail = await Incidents(database).detail(incident_id(call))
    assert detail is not None
    assert detail.calls[0].judgement == JUDGED
    assert sum(term.points for term in JUDGED.terms) == JUDGED.score
    assert await CallerRows(database).judgements([call, uuid4()]) == {call: JUDGED}


async def test_a_judgement_whose_call_is_not_stored_yet_is_kept(database: Database) -> None:
    call = uuid4()
    await put(database, CallJudged(call, AT, JUDGED))
    await store(database, given_opened(call))
    detail = await Incidents(database).detail(incident_id(call))
    assert detail is not None
    assert detail.calls[0].judgement == JUDGED


async def test_a_judgement_is_exported_and_goes_with_the_person(database: Database) -> None:
    ours, other = uuid4(), uuid4()
    await store(database, given_opened(ours, number=NUMBER), given_opened(other, number="+62899999999"))
    await put(database, CallJudged(ours, AT, JUDGED), CallJudged(other, AT, JUDGED))
    data = PersonalData(database, Recordings(database, {"default": 90}), b"k" * 32, lambda: AT + SECOND)
    held = await data.held(spellings("08123456789"))
    assert [(row["call"], row["score"]) for row in held.judgements] == [(ours, 31)]
    await data.blank(
        spellings(NUMBER),
        AuditNote("cli:root (admin)", "erase", "persons/abc", {"why": "asked"}),
        Access(AT, AT, "cli:root", "admin", "erase", "abc", "why"),
    )
    assert [row["call"] for row in await rows(database, judgement)] == [other]
    await data.expire(AT + SECOND)
    assert await rows(database, judgement) == []


async def known(database: Database, recent: int) -> list[Remembered]:
    found: list[Remembered] = []
    place: Place | None = Place(0, 0)
    while place is not None:
        page, place = await PastNumbers(database).telling(recent, place)
        found += page
    return found


async def test_what_says_something_of_a_number_is_read_page_by_page_oldest_first(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    calls = {name: uuid4() for name in ("plain", "prank", "silent", "short", "cut", "withheld", "merged", "recent")}
    at = dict(zip(calls, itertools.count(AT, HOUR), strict=False))
    for name, call in calls.items():
        number = "" if name == "withheld" else NUMBER
        await store(database, given_opened(call, at=at[name], number=number))
        outcome = {"plain": Outcome.TALKED, "prank": Outcome.TALKED, "cut": Outcome.CUT}.get(name, Outcome.ABANDONED)
        choice = "silent" if name == "silent" else "1"
        lasted = SECOND if name in {"short", "cut"} else 60 * SECOND
        await store(database, given_failed(call, outcome, at=at[name] + lasted, choice=choice))
    incident = t.incident.c
    same, target = incident_id(calls["merged"]), incident_id(calls["prank"])
    await execute(
        database,
        update(t.incident).where(incident.id == target).values(disposition="prank"),
        update(t.incident).where(incident.id == same).values(disposition="", merged_into=target),
    )
    found = await known(database, at["recent"])
    names = {call: name for name, call in calls.items()}
    assert [names[one.call] for one in found] == ["prank", "silent", "short", "merged", "recent"]
    by_name = {names[one.call]: one.earlier for one in found}
    assert [by_name[name].disposition for name in ("prank", "merged")] == ["prank", "prank"]
    assert (by_name["silent"].silent, by_name["silent"].short) == (True, False)
    assert (by_name["short"].silent, by_name["short"].short) == (False, True)
    (again,) = await PastNumbers(database).of_incidents([incident_id(calls["short"])])
    assert again.earlier == by_name["short"]
    assert await known(database, at["plain"]) != found, "recent ones count, whatever they are"


async def test_calls_that_are_stored_are_known_after_a_restart(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspicion, "GATHER_S", 0)
    for _ in range(3):
        await store(database, given_opened(uuid4(), number="08123456789"))
    knows = Suspicions(PastNumbers(database), lambda: AT + HOUR)
    await knows.once()
    judged = knows.opened(given_opened(uuid4(), number=NUMBER))
    assert judged == Judgement(18, (Term("repeats", 18, 3),))


async def test_who_cannot_speak_is_shown_and_found_in_whatever_order_it_was_told(database: Database) -> None:
    ours, other = uuid4(), uuid4()
    await store(database, *whole_call(other))
    routed, ended = speechless(ours)
    items: Sequence[object] = (given_opened(ours), routed, ended)
    pictures = []
    for order in itertools.permutations(items):
        call = uuid4()
        renamed = [replace(item, call=call) for item in order]  # type: ignore[type-var]
        await store(database, *renamed)  # type: ignore[arg-type]
        pictures.append(await picture(database, call))
    assert all(shown == pictures[0] for shown in pictures)
    await store(database, *items)  # type: ignore[arg-type]
    reader = Incidents(database)
    found = await reader.page(IncidentFilter(cannot_speak=True))
    assert incident_id(ours) in {summary.id for summary in found}
    assert len(found) == len(pictures) + 1
    assert all(summary.cannot_speak for summary in found)
    assert [s.id for s in await reader.page(IncidentFilter(cannot_speak=False))] == [incident_id(other)]
    assert await reader.page(IncidentFilter(cannot_speak=True, numbers=("0800",))) == []
    detail = await reader.detail(incident_id(ours))
    assert detail is not None
    assert detail.calls[0].cannot_speak
    assert [entry.data.get("cannot_speak") for entry in detail.timeline if entry.kind == "routed"] == [True]


async def test_who_is_passed_on_cannot_speak_all_the_same(database: Database) -> None:
    call = uuid4()
    routed, _ = speechless(call)
    later = given_routed(call, at=AT + 9 * SECOND)
    await store(database, given_opened(call), routed, later, given_ended(call, cannot_speak=True))  # type: ignore[arg-type]
    assert (await one(database, t.call, id=call))["cannot_speak"]


async def test_call_served_without_the_service_keeps_its_facts(database: Database) -> None:
    call = uuid4()
    await store(
        database,
        given_opened(call),
        given_ended(
            call,
            choice="cannot_speak",
            category="",
            cannot_speak=True,
            suspicion=31,
            path="failsafe",
            origin="citizen",
            trunk="carrier",
        ),
    )
    facts = (await one(database, t.call, id=call))["facts"]
    assert (facts["choice"], facts["category"], facts["suspicion"]) == ("cannot_speak", None, 31)


async def test_list_of_those_who_cannot_speak_is_led_by_their_index(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    statement = page_statement(IncidentFilter(cannot_speak=True), postgresql=False)
    text = str(statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))

    async def ask(connection: AsyncConnection) -> str:
        return " ".join(str(row) for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}"))

    plan = await database.read(ask)
    await database.close()
    assert "ix_call_cannot_speak" in plan
