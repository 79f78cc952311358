"""The session: a plan for whatever the caller may choose; each of its ends; and that it waits only for the PBX.

And what is written once the PBX tells what was chosen.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from callrouter.asterisk.plan_codec import encode
from callrouter.calls.handover import hand_over
from callrouter.calls.ports import CallerGone, CallJudged, CallOpened, CallRouted, HandOver, KnownArea, LineFailed
from callrouter.calls.records import Opened
from callrouter.calls.session import VERSIONS_KEPT, Exit, Sessions, snapshot_of
from callrouter.incidents.model import incident_id
from callrouter.incidents.suspicion import Judgement, Term
from callrouter.routing.decide import decide
from callrouter.routing.directory import TrunkKind
from callrouter.routing.facts import AreaSource, Choice, Facts, Origin
from callrouter.routing.plan import Plan
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Language, Posture
from tests.unit.calls.given import CALL, Clock, Notes, Talk, arrival, chosen, us
from tests.unit.calls.test_handover import ASKED, NO_CATEGORY, NOT_ASKED, Call, taken
from tests.unit.routing.tables import Document, small


def sessions(notes: Notes | None = None, table: RoutingTable | None = None) -> Sessions:
    snapshot = snapshot_of(7, table or small())
    return Sessions(lambda: snapshot, notes or Notes(), Clock())


def exits(served: Sessions) -> dict[Exit, int]:
    return {end: number for end, number in served.exits.items() if number}


def routed(notes: Notes) -> CallRouted:
    (note,) = [note for note in notes.taken if isinstance(note, CallRouted)]
    return note


# ---------------------------------------------------------------- serving
async def test_caller_is_given_the_menu_and_a_plan_for_each_of_its_digits_and_for_none() -> None:
    notes, talk = Notes(), Talk()
    served = sessions(notes)
    assert await served.serve(arrival(), talk) is Exit.HANDED_OVER
    assert exits(served) == {Exit.HANDED_OVER: 1}
    assert talk.had.menu == snapshot_of(7, small()).menu
    plans = talk.had.plans
    assert {digit: (plan.route, plan.category) for digit, plan in plans.by_digit.items()} == {
        "1": ("fire", "fire"),
        "2": ("all", "light"),
    }
    assert (plans.other.route, plans.other.category, plans.other.version) == ("all", None, 7)
    assert plans.in_language == {}


async def test_session_notes_that_the_call_is_there_and_not_what_was_chosen() -> None:
    notes = Notes()
    await sessions(notes).serve(arrival(), Talk())
    assert notes.taken == [CallOpened(arrival())]


async def test_caller_is_judged_when_his_call_is_opened_and_the_pbx_is_told() -> None:
    notes, talk = Notes(), Talk()
    snapshot = snapshot_of(7, small())
    judgement = Judgement(31, (Term("repeats", 31, 6),))
    served = Sessions(lambda: snapshot, notes, Clock(), judge=lambda _opened: judgement)
    await served.serve(arrival(), talk)
    assert talk.suspicions == [31]
    assert notes.taken[1:] == [CallJudged(arrival().call, arrival().at, judgement)]
    served.chosen(chosen(suspicion=31))
    assert routed(notes).facts.suspicion == 31
    await served.rehearse(arrival(), talk)
    assert talk.suspicions == [31, 0], "nobody is judged for a rehearsal"


async def test_judge_that_fails_costs_nobody_his_call() -> None:
    def failing(_opened: Opened) -> Judgement:
        raise RuntimeError("a defect")

    notes, talk = Notes(), Talk()
    snapshot = snapshot_of(7, small())
    assert await Sessions(lambda: snapshot, notes, Clock(), judge=failing).serve(arrival(), talk) is Exit.HANDED_OVER
    assert (talk.suspicions, notes.taken) == ([0], [CallOpened(arrival())])


async def test_posture_of_the_moment_decides_and_is_noted_with_the_choice() -> None:
    notes, posture = Notes(), [Posture.RED]
    steps = [{"kind": "ringgroup", "group": "operators"}]
    red = {"key": "red", "priority": 999, "when": {"posture": ["red"]}, "steps": steps}
    snapshot = snapshot_of(7, small(lambda document: document["routing"]["routes"].append(red)))
    served = Sessions(lambda: snapshot, notes, Clock(), posture=lambda: posture[0])
    for now, route in ((Posture.RED, "red"), (Posture.GREEN, "all")):
        posture[0], talk = now, Talk()
        await served.serve(arrival(), talk)
        assert (talk.had.plans.other.route, talk.had.posture) == (route, now)
    served.chosen(chosen(posture=Posture.RED))
    assert routed(notes).facts.posture is Posture.RED


async def test_banners_that_fail_cost_nobody_his_call() -> None:
    def failing(_given: HandOver, _origin: str) -> HandOver:
        raise RuntimeError("a defect")

    talk, snapshot = Talk(), snapshot_of(7, small())
    assert await Sessions(lambda: snapshot, Notes(), Clock(), told=failing).serve(arrival(), talk) is Exit.HANDED_OVER
    assert talk.had.banner == ""


@pytest.mark.parametrize("origin", ["agency", "neighbour"])
async def test_who_knows_why_he_calls_is_not_asked(origin: str) -> None:
    talk = Talk()
    assert await sessions().serve(arrival(origin, "damkar"), talk) is Exit.HANDED_OVER
    assert talk.had.menu is None
    assert talk.had.plans.other.route == "all"


@pytest.mark.parametrize("origin", ["citizen", "operator"])
async def test_who_dials_112_himself_hears_the_menu(origin: str) -> None:
    talk = Talk()
    await sessions().serve(arrival(origin, "op1" if origin == "operator" else "telco"), talk)
    assert talk.had.menu is not None
    assert talk.had.menu.meaning == {"1": "fire", "2": "light"}


async def test_call_never_goes_out_on_the_trunk_it_came_in_by() -> None:
    talk = Talk()
    await sessions().serve(arrival(trunk="telco"), talk)
    assert "@trunk-damkar" in encode(talk.had.plans.by_digit["1"])
    assert "telco" not in encode(talk.had.plans.by_digit["1"])


async def test_caller_who_hangs_up_meanwhile_is_opened_and_never_routed() -> None:
    notes = Notes()
    served = sessions(notes)
    assert await served.serve(arrival(), Talk(CallerGone())) is Exit.CALLER_GONE
    assert notes.taken == [CallOpened(arrival())]
    assert exits(served) == {Exit.CALLER_GONE: 1}


async def test_failed_line_is_told_to_the_pbx_and_counted() -> None:
    notes = Notes()
    served = sessions(notes)
    with pytest.raises(LineFailed, match="no reply"):
        await served.serve(arrival(), Talk(LineFailed("no reply")))
    assert exits(served) == {Exit.LINE_FAILED: 1}
    assert notes.taken == [CallOpened(arrival())]


async def test_words_that_are_not_ours_are_a_defect_and_leave_the_caller_to_the_failsafe() -> None:
    served, talk = sessions(), Talk()
    with pytest.raises(ValueError, match="burglar"):
        await served.serve(arrival("burglar"), talk)
    assert exits(served) == {Exit.ERROR: 1}
    assert talk.given == []


async def test_full_writer_changes_nothing_for_the_caller() -> None:
    talk = Talk()
    assert await sessions(Notes(full=True)).serve(arrival(), talk) is Exit.HANDED_OVER
    assert talk.had.plans.other.route == "all"


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
    versions = [{plan.version for plan in (g.plans.other, *g.plans.by_digit.values())} for g in talk.given]
    assert versions == [{1}, {2}]


async def test_changed_directory_of_the_same_version_is_decided_anew() -> None:
    def off(document: Document) -> None:
        document["directory"]["agencies"][0]["enabled"] = False

    snapshots = iter([snapshot_of(1, small()), snapshot_of(1, small(off))])
    talk = Talk()
    served = Sessions(lambda: next(snapshots), Notes(), Clock())
    await served.serve(arrival(), talk)
    await served.serve(arrival(), talk)
    before, after = (encode(given.plans.by_digit["1"]) for given in talk.given)
    assert "@trunk-damkar" in before
    assert "@trunk-damkar" not in after


async def test_second_call_is_given_the_very_same_as_the_first() -> None:
    talk = Talk()
    served = sessions()
    await served.serve(arrival(), talk)
    await served.serve(arrival(), talk)
    first, second = talk.given
    assert first is second


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


def test_area_and_who_was_away_are_noted_as_they_were_handed_over() -> None:
    notes = Notes()
    away = ("agency/bpbd", "group/operators")
    sessions(notes).chosen(chosen(choice="32", area=KnownArea("35.07.13", AreaSource.MENU), away=away))
    facts = routed(notes).facts
    assert (facts.area, facts.area_source, facts.unavailable) == ("35.07.13", AreaSource.MENU, away)
    assert (facts.choice, facts.category) == (Choice.NONE, "fire")


def other_kind(document: Document) -> None:
    document["directory"]["trunks"][0]["kind"] = "neighbour"


async def test_choice_is_noted_by_the_table_that_decided_though_another_is_in_force() -> None:
    now = [snapshot_of(6, small())]
    notes = Notes()
    served = Sessions(lambda: now[0], notes, Clock())
    await served.serve(arrival(), Talk())
    now[0] = snapshot_of(7, small(other_kind))
    await served.serve(arrival(), Talk())
    served.chosen(chosen(version=6))
    served.chosen(chosen(version=7))
    kinds = [note.facts.trunk_kind for note in notes.taken if isinstance(note, CallRouted)]
    assert kinds == [TrunkKind.CARRIER, TrunkKind.NEIGHBOUR]


async def test_choice_of_a_version_long_past_is_noted_by_the_present_table() -> None:
    now = [snapshot_of(1, small(other_kind))]
    notes = Notes()
    served = Sessions(lambda: now[0], notes, Clock())
    for version in range(1, VERSIONS_KEPT + 2):
        now[0] = snapshot_of(version, small(other_kind if version == 1 else lambda _: None))
        await served.serve(arrival(), Talk())
    served.chosen(chosen(version=1))
    assert routed(notes).facts.trunk_kind is TrunkKind.CARRIER


@settings(max_examples=50, deadline=None)
@given(ASKED, st.data())
def test_facts_that_are_noted_are_those_that_make_decide_give_that_plan(call: Call, data: st.DataObject) -> None:
    table, came, away = call
    snapshot = snapshot_of(7, table)
    had = hand_over(snapshot, came, away, NOW)
    digits = data.draw(st.none() | st.sampled_from([*had.plans.by_digit]), "digits")
    asked = [choice.value for choice in NO_CATEGORY] if had.menu else ["none"]
    choice = digits or data.draw(st.sampled_from(asked), "choice")
    language = data.draw(st.sampled_from(table.routing.languages), "language") if had.menu else had.language
    plan = taken(had.plans, digits, language)
    note = _noted(table, came, had, choice, digits, language, plan)
    assert decide(snapshot.compiled, note.facts, NOW) == plan
    assert (note.route, note.version, note.plan_text) == (plan.route or "", 7, "as it was")
    assert (note.facts.choice.value, note.facts.language) == ("none" if digits else choice, language)


@settings(max_examples=25, deadline=None)
@given(NOT_ASKED)
def test_facts_of_who_was_not_asked_make_decide_give_his_plan(call: Call) -> None:
    table, came, away = call
    snapshot = snapshot_of(7, table)
    had = hand_over(snapshot, came, away, NOW)
    note = _noted(table, came, had, "none", None, had.language, had.plans.other)
    assert decide(snapshot.compiled, note.facts, NOW) == had.plans.other


NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


def _noted(
    table: RoutingTable,
    came: Opened,
    had: HandOver,
    choice: str,
    digits: str | None,
    language: Language,
    plan: Plan,
) -> CallRouted:
    """Return what is noted where the PBX took `plan`: the dialplan reads category and route from the plan's head."""
    notes = Notes()
    told = chosen(
        origin=came.origin,
        trunk=came.trunk,
        choice=choice,
        category=plan.category or "",
        language=language.value,
        version=plan.version,
        route=plan.route or "",
        plan_text="as it was",
        area=had.area or (had.areas.get(digits) if digits else None),
        away=had.away,
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
        {"area": KnownArea("35.7", AreaSource.MENU)},
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
