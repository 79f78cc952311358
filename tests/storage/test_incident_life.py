"""Calls and persons write to one incident: the row is the same in any order, and the timeline tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from callrouter.calls.ports import CallOpened, Note
from callrouter.calls.records import Attempt, Record
from callrouter.incidents.desk import Actor, Field, Refused, Verdict
from callrouter.incidents.lifecycle import MOVES
from callrouter.incidents.model import AgencyState, Disposition, EventKind, IncidentState, Outcome, incident_id
from callrouter.incidents.timeline import replay
from callrouter.incidents.views import AgencyFilter, AgencyPlace
from callrouter.storage import tables as t
from callrouter.storage.agency_incidents import AgencyIncidents, page_statement
from callrouter.storage.changed import Changes
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables, quiet_statement
from callrouter.storage.journal import Journal
from callrouter.storage.opencalls import CallsWithoutEnd
from callrouter.storage.writer import NoteWriter
from tests.storage.given import (
    AT,
    SECOND,
    TALKED_WITH_AGENCY,
    batch,
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
    store_together,
    whole_call,
)

OPERATOR = Actor("siti (operator)", supervises=True)
TWO_AGENCIES = (
    "plan,1,fire,5,fire,n!dial,PJSIP/113@trunk-damkar&Local/c0812_telco@callrouter-confirm/n,20,a,damkar/posko+desa/kades"
    "!ring,centre,90,5"
)


NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""Each example is a dozen transactions: making a failing one smaller would take longer than reading it."""


@dataclass
class At:
    """A clock that a test sets."""

    now: int = AT

    def __call__(self) -> int:
        return self.now


# ------------------------------------------------------------------------------------------------ any order
Command = tuple[str, Any]
_VALUE: dict[str, Field] = {
    "category": "flood",
    "area": "35.07",
    "place": "Kali",
    "callback": False,
    "people_hurt": 4,
}
COMMANDS = st.one_of(
    st.tuples(st.just("take"), st.none()),
    st.tuples(
        st.just("change"),
        st.dictionaries(
            st.sampled_from(["category", "area", "place", "callback", "people_hurt"]), st.none(), min_size=1
        ).map(lambda chosen: {name: _VALUE[name] for name in chosen}),
    ),
    st.tuples(st.just("forget"), st.sampled_from(["category", "area", "callback"])),
    st.tuples(st.just("dispose"), st.sampled_from([None, *Disposition])),
    st.tuples(st.just("pass"), st.sampled_from(["damkar", "pmi"])),
    st.tuples(st.just("move"), st.sampled_from([("pmi", state) for state in AgencyState])),
    st.tuples(st.just("remark"), st.sampled_from(["pmi"])),
    st.tuples(st.just("close"), st.sampled_from(list(Disposition))),
    st.tuples(st.just("reopen"), st.none()),
    st.tuples(st.just("note"), st.none()),
)


async def carry_out(desk: IncidentTables, incident: UUID, command: Command) -> str:
    """Do it; return how it ended."""
    name, what = command
    acts: dict[str, Callable[[], Any]] = {
        "take": lambda: desk.take(incident, None, OPERATOR),
        "change": lambda: desk.change(incident, None, what, OPERATOR),
        "forget": lambda: desk.change(incident, None, {what: None}, OPERATOR),
        "dispose": lambda: desk.dispose(incident, None, Verdict(what), OPERATOR),
        "pass": lambda: desk.pass_to(incident, None, [what], "", OPERATOR),
        "move": lambda: desk.agency_state(incident, what[0], None, what[1], "", OPERATOR),
        "remark": lambda: desk.remark(incident, what, None, "road closed", OPERATOR),
        "close": lambda: desk.close(incident, None, Verdict(what), "done", OPERATOR),
        "reopen": lambda: desk.reopen(incident, None, "again", OPERATOR),
        "note": lambda: desk.note(incident, "x", OPERATOR),
    }
    try:
        await acts[name]()
    except Refused as refused:
        return type(refused).__name__
    return "done"


def _items(call: UUID) -> list[Note | Record]:
    opened = given_opened(call)
    return [
        CallOpened(opened),
        opened,
        given_routed(call),
        given_joined(call),
        given_ended(call),
        given_failed(call, Outcome.ABANDONED, at=AT + 90 * SECOND),
        given_failed(call, Outcome.CUT, at=AT + 500 * SECOND),
    ]


async def _play(database: Database, call: UUID, steps: list[tuple[int, Any]]) -> tuple[dict[str, Any], list[str]]:
    """Carry out the steps: a note or record of `call`, or a person's command at a time of its own."""
    clock = At()
    desk = IncidentTables(database, acknowledge_s=300, now_us=clock)
    endings: list[str] = []
    await store(database, given_opened(call))  # persons see an incident once its first note is stored
    for n, step in steps:
        if n >= 0:
            clock.now = AT + (1_000 + n) * SECOND
            endings.append(await carry_out(desk, incident_id(call), step))
        else:
            await store(database, _items(call)[step])
    shown = await picture(database, call)
    # What was there before an act, and an entry's place, do depend on the order.
    events = shown.pop("events")
    shown["kinds"] = sorted((e["kind"], e["at"], e["actor"]) for e in events)
    shown["agencies"] = [{k: v for k, v in part.items() if k != "version"} for part in shown["agencies"]]
    return shown, endings


@given(data=st.data())
@settings(max_examples=25, deadline=None, phases=NO_SHRINKING, suppress_health_check=list(HealthCheck))
async def test_calls_and_persons_come_to_the_same_row_in_whatever_order(
    database: Database, data: st.DataObject
) -> None:
    items = data.draw(st.lists(st.integers(0, 6), max_size=7, unique=True))
    commands = list(enumerate(data.draw(st.lists(COMMANDS, max_size=8))))
    straight = [*((-1, item) for item in items), *commands]
    mixed: list[tuple[int, Any]] = []
    waiting = data.draw(st.permutations([*items, *data.draw(st.lists(st.sampled_from(items or [0]), max_size=2))]))
    if not items:
        waiting = []
    rest = list(commands)
    waiting = list(waiting)
    while rest or waiting:
        if rest and (not waiting or data.draw(st.booleans())):
            mixed.append(rest.pop(0))
        else:
            mixed.append((-1, waiting.pop()))
    first, endings = await _play(database, uuid4(), straight)
    second, other_endings = await _play(database, uuid4(), mixed)
    assert endings == other_endings
    assert first == second


@given(data=st.data())
@settings(max_examples=20, deadline=None, phases=NO_SHRINKING, suppress_health_check=list(HealthCheck))
async def test_the_timeline_alone_tells_what_persons_made_of_it(database: Database, data: st.DataObject) -> None:
    call, clock = uuid4(), At()
    desk = IncidentTables(database, acknowledge_s=300, now_us=clock)
    incident = incident_id(call)
    await store(database, given_opened(call))
    items = data.draw(st.permutations(range(7)))
    for n, command in enumerate(data.draw(st.lists(COMMANDS, max_size=12))):
        clock.now = AT + (1_000 + n) * SECOND
        before = (await incident_of(database, call))["state"]
        ended = await carry_out(desk, incident, command)
        after = (await incident_of(database, call))["state"]
        if ended == "done":
            assert any(IncidentState(after) in to for to in MOVES[IncidentState(before)].values())
        else:
            assert after == before
        if n < len(items) and data.draw(st.booleans()):
            await store(database, _items(call)[items[n]])
    entries = await rows(database, t.incident_event, incident=incident)
    told = replay((entry["kind"], entry["data"]) for entry in entries)
    row = await incident_of(database, call)
    for name in ("place", "people_hurt", "taken_by", "closed_at", "closed_reason"):
        assert row[name] == told.fields.get(name, row[name])
        assert name in told.fields or row[name] in {"", None}
    for name in ("category", "area", "disposition"):
        if row[f"{name}_by_person"]:
            assert row[name] == told.fields[name]
    parts = {part["agency"]: part for part in await rows(database, t.incident_agency, incident=incident)}
    assert {agency: parts[agency]["state"] for agency in told.agencies} == told.agencies
    assert {agency: parts[agency]["remark"] for agency in told.remarks} == told.remarks
    assert {a for a, part in parts.items() if part["how"] == "notice"} <= set(told.agencies)
    assert row["merged_into"] is None
    assert told.merged_into is None


async def test_notes_of_a_call_and_persons_at_the_same_moment_come_to_the_same_row(database: Database) -> None:
    call, clock = uuid4(), At(AT + 1_000 * SECOND)
    desk = IncidentTables(database, acknowledge_s=300, now_us=clock)
    await store(database, given_opened(call))
    incident = incident_id(call)
    await asyncio.gather(
        *(store_together(database, [item]) for item in _items(call)),
        desk.change(incident, None, {"category": "flood"}, OPERATOR),
        desk.pass_to(incident, None, ["pmi"], "", OPERATOR),
        desk.note(incident, "x", OPERATOR),
        desk.dispose(incident, None, Verdict(Disposition.EMERGENCY), OPERATOR),
    )
    row = await incident_of(database, call)
    assert (row["state"], row["category"], row["disposition"]) == ("with_agency", "flood", "emergency")
    assert row["version"] == 4


# ------------------------------------------------------------------------------------------------ agencies by call
async def test_an_agency_that_talked_to_the_caller_has_the_incident(database: Database) -> None:
    call = uuid4()
    await store(database, *whole_call(call))
    (part,) = await rows(database, t.incident_agency)
    assert (part["agency"], part["state"], part["how"], part["passed_by"]) == ("damkar", "passed", "call", "")
    assert part["answered_at"] == part["passed_at"] == AT + 10 * SECOND
    assert (part["due_at"], part["version"]) == (None, 1)
    assert (await incident_of(database, call))["version"] == 1


def _attempt(label: str, by: str, **changes: Any) -> Attempt:
    return replace(TALKED_WITH_AGENCY[1], label=label, by=by, **changes)


@pytest.mark.parametrize(
    ("label", "by", "agencies"),
    [
        ("damkar/posko", "whatever", ["damkar"]),
        ("damkar/posko+damkar/siaga", "trunk-telco", ["damkar"]),
        ("damkar/posko+desa/kades", "trunk-damkar", ["damkar"]),
        ("damkar/posko+desa/kades", "trunk-telco", ["desa"]),
        ("damkar/posko+desa/kades", "trunk-other", []),
        ("", "trunk-telco", ["desa"]),
    ],
)
async def test_of_several_that_were_rung_it_is_the_one_whose_line_answered(
    database: Database, label: str, by: str, agencies: list[str]
) -> None:
    call = uuid4()
    await store(database, given_opened(call), given_ended(call, plan=TWO_AGENCIES, attempts=(_attempt(label, by),)))
    assert [part["agency"] for part in await rows(database, t.incident_agency)] == agencies


async def test_while_the_call_lasts_it_is_whose_line_the_human_is_on(database: Database) -> None:
    call = uuid4()
    routed = given_routed(call, plan_text=TWO_AGENCIES)
    await store(database, given_opened(call), routed, given_joined(call, by="trunk-telco"))
    (part,) = await rows(database, t.incident_agency)
    assert (part["agency"], part["answered_at"]) == ("desa", AT + 10 * SECOND)


async def test_an_agency_that_did_not_keep_the_caller_loses_it_unless_it_did_something(database: Database) -> None:
    kept, lost = uuid4(), uuid4()
    desk = IncidentTables(database, acknowledge_s=300, now_us=At(AT + 20 * SECOND))
    for call in (kept, lost):
        await store(database, given_opened(call), given_routed(call, plan_text=TWO_AGENCIES))
        await store(database, given_joined(call, by="trunk-damkar"))
    await desk.agency_state(incident_id(kept), "damkar", None, AgencyState.EN_ROUTE, "", OPERATOR)
    for call in (kept, lost):
        await store(database, given_failed(call, Outcome.RECORDED, plan=TWO_AGENCIES))
    assert [part["incident"] for part in await rows(database, t.incident_agency)] == [incident_id(kept)]
    part = await one(database, t.incident_agency)
    assert (part["state"], part["answered_at"]) == ("en_route", None)


async def test_two_agencies_that_took_the_caller_one_after_the_other_both_have_it(database: Database) -> None:
    call = uuid4()
    second = _attempt("pmi/ambulans", "trunk-pmi", n=3, begun=AT + 60 * SECOND, human=AT + 70 * SECOND)
    await store(database, given_opened(call), given_ended(call, attempts=(*TALKED_WITH_AGENCY, second)))
    assert {part["agency"]: part["answered_at"] for part in await rows(database, t.incident_agency)} == {
        "damkar": AT + 10 * SECOND,
        "pmi": AT + 70 * SECOND,
    }


async def test_an_agency_that_acts_on_what_it_heard_moves_the_incident(database: Database) -> None:
    call = uuid4()
    desk = IncidentTables(database, acknowledge_s=300, now_us=At(AT + 500 * SECOND))
    await store(database, *whole_call(call))
    by = Actor("damkar-1 (agency)", agency="damkar")
    await desk.agency_state(incident_id(call), "damkar", frozenset({1}), AgencyState.ON_SCENE, "", by)
    await store(database, *whole_call(call))
    row = await incident_of(database, call)
    assert (row["state"], row["on_scene_at"]) == ("on_scene", AT + 500 * SECOND)


# ------------------------------------------------------------------------------------------------ an agency's list
async def test_an_agency_sees_its_own_incidents_newest_first_page_by_page(database: Database) -> None:
    clock = At()
    desk = IncidentTables(database, acknowledge_s=300, now_us=clock)
    passed: list[UUID] = []
    for n in range(5):
        call = uuid4()
        await store(database, given_opened(call))
        clock.now = AT + (100 + n) * SECOND
        await desk.pass_to(incident_id(call), None, ["damkar" if n != 2 else "pmi"], "", OPERATOR)
        passed.append(incident_id(call))
    await desk.agency_state(passed[0], "damkar", None, AgencyState.RESOLVED, "", OPERATOR)
    agencies = AgencyIncidents(database)
    first = await agencies.page(AgencyFilter("damkar", limit=2))
    place = AgencyPlace(first[-1].part.passed_at, first[-1].part.id)
    second = await agencies.page(AgencyFilter("damkar", after=place))
    assert [found.part.incident for found in (*first, *second)] == [passed[4], passed[3], passed[1], passed[0]]
    assert [f.part.incident for f in await agencies.page(AgencyFilter("damkar", open=False))] == [passed[0]]
    assert [f.part.incident for f in await agencies.page(AgencyFilter("damkar", open=True))] == [
        passed[4],
        passed[3],
        passed[1],
    ]
    assert await agencies.one("damkar", passed[2]) is None
    shown = await agencies.one("pmi", passed[2])
    assert shown is not None
    assert (shown.number, shown.caller_number, shown.caller_name) == (3, "+628123456789", "Siti Rahmawati")


async def test_an_agency_is_told_the_reporters_number_where_one_was_given(database: Database) -> None:
    call = uuid4()
    desk = IncidentTables(database, acknowledge_s=300)
    await store(database, *whole_call(call))
    fields: dict[str, Field] = {
        "reporter_number": "0812",
        "reporter_name": "Pak RT",
        "place": "Kali",
        "people_hurt": 1,
    }
    await desk.change(incident_id(call), None, fields, OPERATOR)
    shown = await AgencyIncidents(database).one("damkar", incident_id(call))
    assert shown is not None
    assert (shown.caller_number, shown.caller_name, shown.place, shown.people_hurt) == ("0812", "Pak RT", "Kali", 1)


def test_the_timeline_of_a_call_says_nothing_of_persons() -> None:
    told = replay([(kind, {"state": ["a", "b"], "x": [1, 2]}) for kind in list(EventKind)[:4]])
    assert (told.fields, told.agencies, told.merged_into) == ({}, {}, None)


def test_one_who_fails_to_listen_keeps_a_change_from_nobody_else() -> None:
    changes, told = Changes(), list[UUID]()

    def broken(_incidents: Collection[UUID]) -> None:
        raise ValueError("broken")

    changes.follow(broken)
    changes.follow(told.extend)
    with capture_logs() as logs:
        changes([incident_id(uuid4())])
    assert len(told) == 1
    assert [entry["event"] for entry in logs] == ["incidents.listener_failed"]


def test_who_waits_for_ends_is_not_told_of_calls_that_go_on() -> None:
    changes, every, ends = Changes(), list[UUID](), list[UUID]()
    changes.follow(every.extend)
    changes.follow(ends.extend, only_ends=True)
    going, over = uuid4(), uuid4()
    changes.goes_on([going])
    changes([over])
    assert (every, ends) == ([going, over], [over])


async def test_whoever_follows_hears_of_calls_too(database: Database) -> None:
    told: list[UUID] = []
    call, other, third = uuid4(), uuid4(), uuid4()
    await Journal(database, changed=told.extend).apply(batch(given_opened(call)))
    await CallsWithoutEnd(database, changed=told.extend).cut([given_failed(other, Outcome.CUT)])
    writer = NoteWriter(database, 10, told.extend)
    writer.put(CallOpened(given_opened(third)))
    running = asyncio.create_task(writer.run())
    assert await writer.flush(20)
    running.cancel()
    assert told == [incident_id(call), incident_id(other), incident_id(third)]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (page_statement(AgencyFilter("damkar")), "ix_incident_agency_agency_passed_at_id"),
        (
            page_statement(AgencyFilter("damkar", after=AgencyPlace(5, uuid4()))),
            "ix_incident_agency_agency_passed_at_id",
        ),
        (quiet_statement(AT, 25), "ix_incident_closing"),
    ],
)
async def test_what_is_asked_again_and_again_has_an_index(sqlite_url: str, wanted: Any, index: str) -> None:
    database = Database(sqlite_url)

    async def ask(connection: AsyncConnection) -> str:
        statement = wanted.compile(connection.engine.sync_engine, compile_kwargs={"literal_binds": True})
        return "\n".join(map(str, await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")))

    plan = await database.read(ask)
    await database.close()
    assert index in plan
    assert "SCAN" not in plan
