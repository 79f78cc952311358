"""The session: a plan for whatever the caller may choose; each of its ends; and that it waits only for the PBX.

And what is written once the PBX tells what was chosen.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from callrouter.asterisk.plan_codec import encode
from callrouter.calls.ports import Arrival, CallerGone, CallOpened, CallRouted, LineFailed, Plans
from callrouter.calls.session import Exit, Sessions, Snapshot, plans_for, snapshot_of
from callrouter.incidents.model import incident_id
from callrouter.routing.decide import decide
from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.plan import Plan
from callrouter.routing.table import Language, RoutingTable, TrunkKind
from tests.unit.calls.given import CALL, Clock, Notes, Talk, arrival, chosen, us
from tests.unit.routing.tables import Document, small, tables

NO_CATEGORY = (Choice.OPERATOR, Choice.SILENT, Choice.WRONG)
"""How a menu ends without a category."""


def sessions(notes: Notes | None = None, table: RoutingTable | None = None) -> Sessions:
    snapshot = snapshot_of(7, table or small())
    return Sessions(lambda: snapshot, notes or Notes(), Clock())


def exits(served: Sessions) -> dict[Exit, int]:
    return {end: number for end, number in served.exits.items() if number}


def routed(notes: Notes) -> CallRouted:
    (note,) = [note for note in notes.taken if isinstance(note, CallRouted)]
    return note


def decided(snapshot: Snapshot, facts: Facts) -> Plan:
    return decide(snapshot.compiled, facts, datetime.now(UTC))


def taken(plans: Plans, digit: str | None, language: Language) -> Plan:
    """Return the plan that the dialplan takes: the language's own, else the digit's, else that of no choice."""
    theirs = plans.in_language.get((language, digit))
    return theirs or (plans.by_digit[digit] if digit else plans.other)


def facts_said(table: RoutingTable, came: Arrival, language: Language, **said: Any) -> Facts:
    """Return the facts of a call, from the table alone."""
    trunks = {trunk.key: trunk.kind for trunk in table.directory.trunks}
    key = came.opened.trunk if came.opened.trunk in trunks else None
    kind = trunks[key] if key else None
    origin = Origin(came.opened.origin)
    return Facts(**({"choice": Choice.NONE} | said), origin=origin, trunk=key, trunk_kind=kind, language=language)


@st.composite
def calls(draw: st.DrawFn, origins: tuple[Origin, ...]) -> tuple[RoutingTable, Arrival]:
    """A table whose menu has one language or two, in either order, and a call on one of its trunks or on a phone."""
    document = draw(tables()).model_dump(mode="json")
    languages = draw(st.permutations([*Language]))[: draw(st.integers(1, 2))]
    document["routing"]["menu"]["languages"] = languages
    table = RoutingTable.model_validate(document)
    trunk = draw(st.sampled_from([*(trunk.key for trunk in table.directory.trunks), "op1"]))
    return table, arrival(draw(st.sampled_from(origins)), trunk, draw(st.sampled_from([*Language])))


ASKED = calls((Origin.CITIZEN, Origin.OPERATOR))
NOT_ASKED = calls((Origin.AGENCY, Origin.NEIGHBOUR))


def in_english(document: Document) -> None:
    """Light, and no choice, have a way of their own in English."""
    routes = document["routing"]["routes"]
    steps = [{"kind": "announce", "prompt": "connecting"}]
    routes[1]["priority"] = 10
    routes.append({"key": "english", "priority": 50, "when": {"language": ["en"]}, "steps": steps})
    when = {"category": ["light"], "language": ["en"]}
    routes.append({"key": "english-light", "priority": 900, "when": when, "steps": steps})


# ---------------------------------------------------------------- the plans
@settings(max_examples=200, deadline=None)
@given(ASKED)
def test_whatever_he_chooses_in_whatever_language_his_plan_is_what_decide_says(
    call: tuple[RoutingTable, Arrival],
) -> None:
    table, came = call
    snapshot = snapshot_of(7, table)
    plans = plans_for(snapshot, came, asked=True)
    assert plans.by_digit.keys() == {category.digit for category in table.routing.categories}
    for language in {Language(came.language), *table.routing.menu.languages}:
        for category in table.routing.categories:
            facts = facts_said(table, came, language, category=category.key)
            assert taken(plans, category.digit, language) == decided(snapshot, facts)
        for choice in NO_CATEGORY:
            facts = facts_said(table, came, language, choice=choice)
            assert taken(plans, None, language) == decided(snapshot, facts)


@settings(max_examples=200, deadline=None)
@given(ASKED)
def test_plan_of_another_language_is_sent_if_and_only_if_it_differs(call: tuple[RoutingTable, Arrival]) -> None:
    table, came = call
    snapshot = snapshot_of(7, table)
    first = Language(came.language)
    meaning: dict[str | None, str | None] = {category.digit: category.key for category in table.routing.categories}
    differing = {
        (language, digit): theirs
        for language in table.routing.menu.languages
        for digit, category in (meaning | {None: None}).items()
        if (theirs := decided(snapshot, facts_said(table, came, language, category=category)))
        != decided(snapshot, facts_said(table, came, first, category=category))
    }
    assert plans_for(snapshot, came, asked=True).in_language == differing


@settings(max_examples=60, deadline=None)
@given(NOT_ASKED)
def test_who_is_not_asked_has_the_plan_of_no_choice_and_no_other(call: tuple[RoutingTable, Arrival]) -> None:
    table, came = call
    snapshot = snapshot_of(7, table)
    facts = facts_said(table, came, Language(came.language))
    assert plans_for(snapshot, came, asked=False) == Plans({}, decided(snapshot, facts), {})


def test_language_that_a_route_asks_for_brings_its_own_plans() -> None:
    plans = plans_for(snapshot_of(7, small(in_english)), arrival(), asked=True)
    assert {digit: plan.route for digit, plan in plans.by_digit.items()} == {"1": "fire", "2": "all"}
    assert plans.other.route == "all"
    ours = {key: plan.route for key, plan in plans.in_language.items()}
    assert ours == {(Language.EN, "2"): "english-light", (Language.EN, None): "english"}


def test_language_that_he_starts_in_is_the_one_that_the_plans_of_the_digits_are_for() -> None:
    plans = plans_for(snapshot_of(7, small(in_english)), arrival(language="en"), asked=True)
    assert {digit: plan.route for digit, plan in plans.by_digit.items()} == {"1": "fire", "2": "english-light"}
    assert {key: plan.route for key, plan in plans.in_language.items()} == {
        (Language.ID, "2"): "all",
        (Language.ID, None): "all",
    }


# ---------------------------------------------------------------- serving
async def test_caller_is_given_the_menu_and_a_plan_for_each_of_its_digits_and_for_none() -> None:
    notes, talk = Notes(), Talk()
    served = sessions(notes)
    assert await served.serve(arrival(), talk) is Exit.HANDED_OVER
    assert exits(served) == {Exit.HANDED_OVER: 1}
    assert talk.menus == [snapshot_of(7, small()).menu]
    assert talk.had == plans_for(snapshot_of(7, small()), arrival(), asked=True)
    assert {digit: (plan.route, plan.category) for digit, plan in talk.had.by_digit.items()} == {
        "1": ("fire", "fire"),
        "2": ("all", "light"),
    }
    assert (talk.had.other.route, talk.had.other.category, talk.had.other.version) == ("all", None, 7)
    assert talk.had.in_language == {}


async def test_session_notes_that_the_call_is_there_and_not_what_was_chosen() -> None:
    notes = Notes()
    await sessions(notes).serve(arrival(), Talk())
    assert notes.taken == [CallOpened(arrival().opened)]


@pytest.mark.parametrize("origin", ["agency", "neighbour"])
async def test_who_knows_why_he_calls_is_not_asked(origin: str) -> None:
    talk = Talk()
    assert await sessions().serve(arrival(origin, "damkar"), talk) is Exit.HANDED_OVER
    assert talk.menus == [None]
    assert (talk.had.by_digit, talk.had.in_language) == ({}, {})
    assert talk.had.other.route == "all"


@pytest.mark.parametrize("origin", ["citizen", "operator"])
async def test_who_dials_112_himself_hears_the_menu(origin: str) -> None:
    talk = Talk()
    await sessions().serve(arrival(origin, "op1" if origin == "operator" else "telco"), talk)
    (menu,) = talk.menus
    assert menu is not None
    assert menu.meaning == {"1": "fire", "2": "light"}


async def test_call_never_goes_out_on_the_trunk_it_came_in_by() -> None:
    talk = Talk()
    await sessions().serve(arrival(trunk="telco"), talk)
    assert "@trunk-damkar" in encode(talk.had.by_digit["1"])
    assert "telco" not in encode(talk.had.by_digit["1"])


async def test_caller_who_hangs_up_meanwhile_is_opened_and_never_routed() -> None:
    notes = Notes()
    served = sessions(notes)
    assert await served.serve(arrival(), Talk(CallerGone())) is Exit.CALLER_GONE
    assert notes.taken == [CallOpened(arrival().opened)]
    assert exits(served) == {Exit.CALLER_GONE: 1}


async def test_failed_line_is_told_to_the_pbx_and_counted() -> None:
    notes = Notes()
    served = sessions(notes)
    with pytest.raises(LineFailed, match="no reply"):
        await served.serve(arrival(), Talk(LineFailed("no reply")))
    assert exits(served) == {Exit.LINE_FAILED: 1}
    assert notes.taken == [CallOpened(arrival().opened)]


@pytest.mark.parametrize(("origin", "language"), [("burglar", "id"), ("citizen", "jv"), ("citizen", "")])
async def test_words_that_are_not_ours_are_a_defect_and_leave_the_caller_to_the_failsafe(
    origin: str, language: str
) -> None:
    served, talk = sessions(), Talk()
    with pytest.raises(ValueError, match=r"."):
        await served.serve(arrival(origin, language=language), talk)
    assert exits(served) == {Exit.ERROR: 1}
    assert talk.plans == []


async def test_full_writer_changes_nothing_for_the_caller() -> None:
    talk = Talk()
    assert await sessions(Notes(full=True)).serve(arrival(), talk) is Exit.HANDED_OVER
    assert talk.had == plans_for(snapshot_of(7, small()), arrival(), asked=True)


async def test_nothing_is_waited_for_but_the_pbx() -> None:
    """The whole session runs in one go: where it once gives way to the loop, it waits for something."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counter = asyncio.get_running_loop().create_task(count())
    assert await sessions().serve(arrival(), Talk()) is Exit.HANDED_OVER
    counter.cancel()
    assert turns == 0


async def test_each_call_gets_the_table_of_its_moment() -> None:
    snapshots = iter([snapshot_of(1, small()), snapshot_of(2, small())])
    talk = Talk()
    served = Sessions(lambda: next(snapshots), Notes(), Clock())
    await served.serve(arrival(), talk)
    await served.serve(arrival(), talk)
    versions = [{plan.version for plan in (plans.other, *plans.by_digit.values())} for plans in talk.plans]
    assert versions == [{1}, {2}]


# ---------------------------------------------------------------- what was chosen
def test_choice_of_a_category_is_noted_with_its_facts_and_the_plan_as_the_pbx_has_it() -> None:
    notes = Notes()
    sessions(notes).chosen(chosen(language="en", version=6, route="fire", plan_text="the text"))
    facts = Facts(
        origin=Origin.CITIZEN,
        choice=Choice.NONE,
        category="fire",
        trunk="telco",
        trunk_kind=TrunkKind.CARRIER,
        language=Language.EN,
    )
    assert notes.taken == [CallRouted(CALL, us(0), facts, "fire", 6, "the text")]


@pytest.mark.parametrize("choice", ["operator", "silent", "wrong", "none"])
def test_menu_without_a_category_is_a_choice_of_its_own(choice: str) -> None:
    notes = Notes()
    sessions(notes).chosen(chosen(choice=choice, category="", route="all"))
    assert (routed(notes).facts.category, routed(notes).facts.choice.value) == (None, choice)
    assert routed(notes).route == "all"


def test_agency_is_noted_with_its_trunk() -> None:
    notes = Notes()
    sessions(notes).chosen(chosen(origin="agency", trunk="damkar", choice="none", category="", route="all"))
    facts = routed(notes).facts
    assert (facts.origin, facts.category, facts.choice) == (Origin.AGENCY, None, Choice.NONE)
    assert (facts.trunk, facts.trunk_kind) == ("damkar", TrunkKind.AGENCY)


def test_operators_phone_is_no_trunk() -> None:
    notes = Notes()
    sessions(notes).chosen(chosen(origin="operator", trunk="op1"))
    assert (routed(notes).facts.trunk, routed(notes).facts.trunk_kind) == (None, None)


@settings(max_examples=100, deadline=None)
@given(ASKED, st.data())
def test_facts_that_are_noted_are_those_that_make_decide_give_that_plan(
    call: tuple[RoutingTable, Arrival], data: st.DataObject
) -> None:
    table, came = call
    snapshot = snapshot_of(7, table)
    plans = plans_for(snapshot, came, asked=True)
    digit = data.draw(st.none() | st.sampled_from([*plans.by_digit]), "digit")
    choice = digit or data.draw(st.sampled_from(NO_CATEGORY), "choice").value
    language = data.draw(st.sampled_from([Language(came.language), *table.routing.menu.languages]), "language")
    plan = taken(plans, digit, language)
    note = _noted(table, came, choice, language, plan)
    assert decided(snapshot, note.facts) == plan
    assert (note.route, note.version, note.plan_text) == (plan.route or "", 7, "as it was")
    assert (note.facts.choice.value, note.facts.language) == ("none" if digit else choice, language)


@settings(max_examples=40, deadline=None)
@given(NOT_ASKED)
def test_facts_of_who_was_not_asked_make_decide_give_his_plan(call: tuple[RoutingTable, Arrival]) -> None:
    table, came = call
    snapshot = snapshot_of(7, table)
    plan = plans_for(snapshot, came, asked=False).other
    assert decided(snapshot, _noted(table, came, "none", Language(came.language), plan).facts) == plan


def _noted(table: RoutingTable, came: Arrival, choice: str, language: Language, plan: Plan) -> CallRouted:
    """Return what is noted where the PBX took `plan`: the dialplan reads category and route from the plan's head."""
    notes = Notes()
    told = chosen(
        origin=came.opened.origin,
        trunk=came.opened.trunk,
        choice=choice,
        category=plan.category or "",
        language=language.value,
        version=plan.version,
        route=plan.route or "",
        plan_text="as it was",
    )
    sessions(notes, table).chosen(told)
    return routed(notes)


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "burglar"},
        {"origin": ""},
        {"choice": "7", "category": ""},
        {"choice": "", "category": ""},
        {"category": "No Key"},
        {"language": "jv"},
        {"language": ""},
    ],
)
def test_words_that_are_not_ours_are_refused_and_nothing_is_noted(changed: dict[str, str]) -> None:
    notes = Notes()
    with pytest.raises(ValueError, match=r"."):
        sessions(notes).chosen(chosen(**changed))
    assert notes.taken == []


# ---------------------------------------------------------------- the log
async def test_log_carries_call_and_incident_and_no_number() -> None:
    with capture_logs() as logs:
        served = sessions()
        await served.serve(arrival(), Talk())
        await served.serve(arrival(), Talk(CallerGone()))
        with pytest.raises(LineFailed):
            await served.serve(arrival(), Talk(LineFailed("no reply")))
        served.chosen(chosen())
    assert [entry["event"] for entry in logs] == [
        "call.handed_over",
        "call.caller_left_during_session",
        "call.left_to_the_pbx",
        "call.routed",
    ]
    for entry in logs:
        assert (entry["call"], entry["incident"]) == (str(CALL), str(incident_id(CALL)))
        assert "0812345" not in str(entry)
    assert (logs[-1]["route"], logs[-1]["choice"], logs[-1]["version"]) == ("fire", "fire", 7)
