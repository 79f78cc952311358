"""What the PBX is handed for a call: a plan for whatever its caller may choose, for as long as that stays true."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from callrouter.calls import handover
from callrouter.calls.handover import (
    MAX_KEPT,
    HandOvers,
    Snapshot,
    hand_over,
    snapshot_of,
    stays_true_until,
)
from callrouter.calls.ports import HandOver, KnownArea, Plans
from callrouter.calls.records import Opened
from callrouter.routing.decide import decide
from callrouter.routing.facts import AreaSource, Choice, Facts, Origin
from callrouter.routing.plan import Challenge, Plan
from callrouter.routing.table import MenuMode, RoutingTable
from callrouter.routing.values import Language
from tests.unit.calls.given import arrival
from tests.unit.routing.tables import Document, instants, small, tables

NO_CATEGORY = (Choice.OPERATOR, Choice.SILENT, Choice.WRONG)
"""How a menu ends without a category."""
NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
"""A Monday, 10:00 in Jakarta."""


def options(table: RoutingTable) -> dict[str | None, tuple[str | None, str | None]]:
    """Return the category and the area of each choice, from the table alone; None is no choice."""
    main = table.routing.main
    assert main is not None
    found: dict[str | None, tuple[str | None, str | None]] = {None: (None, None)}
    for option in main.options:
        inner = table.routing.menu_of(option.menu)
        for second in inner.options if inner else ():
            found[option.digit + second.digit] = (second.category, second.area)
        if inner is None:
            found[option.digit] = (option.category, option.area)
    return found


def facts_said(table: RoutingTable, came: Opened, language: Language, **said: Any) -> Facts:
    """Return the facts of a call, from the table alone."""
    trunks = {trunk.key: trunk for trunk in table.directory.trunks}
    trunk = trunks.get(came.trunk)
    if trunk is not None and trunk.area is not None:
        said |= {"area": trunk.area, "area_source": AreaSource.TRUNK}
    elif said.get("area") is not None:
        said["area_source"] = AreaSource.MENU
    return Facts(
        **({"choice": Choice.NONE} | said),
        origin=Origin(came.origin),
        trunk=trunk.key if trunk else None,
        trunk_kind=trunk.kind if trunk else None,
        language=language,
    )


def decided(snapshot: Snapshot, facts: Facts, now: datetime = NOW) -> Plan:
    return decide(snapshot.compiled, facts, now)


def taken(plans: Plans, digits: str | None, language: Language) -> Plan:
    """Return the plan that the dialplan takes: the language's own, else the digits', else that of no choice."""
    theirs = plans.in_language.get((language, digits))
    return theirs or (plans.by_digit[digits] if digits else plans.other)


@st.composite
def calls(draw: st.DrawFn, origins: tuple[Origin, ...]) -> tuple[RoutingTable, Opened, tuple[str, ...]]:
    """A table, some of whose trunks serve one area; a call on one of them or on a phone; and who is away."""
    document = draw(tables()).model_dump(mode="json")
    for trunk in document["directory"]["trunks"]:
        trunk["area"] = draw(st.sampled_from([None, None, "35.07.13", "64.04"]))
    table = RoutingTable.model_validate(document)
    came = draw(st.sampled_from([*(trunk.key for trunk in table.directory.trunks), "op1"]))
    asked = snapshot_of(7, table).compiled.asked_states
    away = tuple(sorted(draw(st.sets(st.sampled_from(asked))))) if asked else ()
    return table, arrival(draw(st.sampled_from(origins)), came), away


ASKED = calls((Origin.CITIZEN, Origin.OPERATOR))
NOT_ASKED = calls((Origin.AGENCY, Origin.NEIGHBOUR))
Call = tuple[RoutingTable, Opened, tuple[str, ...]]


def in_english(document: Document) -> None:
    """Light, and no choice, have a way of their own in English."""
    routes = document["routing"]["routes"]
    steps = [{"kind": "announce", "prompt": "connecting"}]
    routes[1]["priority"] = 10
    routes.append({"key": "english", "priority": 50, "when": {"language": ["en"]}, "steps": steps})
    when = {"category": ["light"], "language": ["en"]}
    routes.append({"key": "english-light", "priority": 900, "when": when, "steps": steps})


# ---------------------------------------------------------------- the plans
@settings(max_examples=80, deadline=None)
@given(ASKED, instants())
def test_whatever_he_chooses_in_whatever_language_his_plan_is_what_decide_says(call: Call, now: datetime) -> None:
    table, came, away = call
    snapshot = snapshot_of(7, table)
    plans = hand_over(snapshot, came, away, now).plans
    choices = options(table)
    assert plans.by_digit.keys() == choices.keys() - {None}
    main = table.routing.main
    assert main is not None
    languages = table.routing.languages if main.mode is MenuMode.MENU else table.routing.languages[:1]
    for language in languages:
        for digits, (category, area) in choices.items():
            said = {"category": category, "area": area} if digits else {"choice": Choice.NONE}
            facts = facts_said(table, came, language, **said, unavailable=away)
            plan = taken(plans, digits, language)
            assert plan == decided(snapshot, facts, now)
            assert plan.told.startswith(f"told-{category or 'unknown'}")
        for choice in NO_CATEGORY:
            facts = facts_said(table, came, language, choice=choice, unavailable=away)
            assert taken(plans, None, language) == decided(snapshot, facts, now)


@settings(max_examples=80, deadline=None)
@given(ASKED)
def test_plan_of_another_language_is_sent_if_and_only_if_it_differs(call: Call) -> None:
    table, came, away = call
    snapshot = snapshot_of(7, table)
    given_to_pbx = hand_over(snapshot, came, away, NOW)
    first = table.routing.languages[0]
    differing = {
        (language, digits): theirs
        for language in table.routing.languages
        for digits, (category, area) in options(table).items()
        if (
            theirs := decided(
                snapshot, facts_said(table, came, language, category=category, area=area, unavailable=away)
            )
        )
        != decided(snapshot, facts_said(table, came, first, category=category, area=area, unavailable=away))
    }
    assert given_to_pbx.plans.in_language == (differing if given_to_pbx.menu is not None else {})
    assert given_to_pbx.language is first


@settings(max_examples=30, deadline=None)
@given(NOT_ASKED)
def test_who_is_not_asked_has_the_plan_of_no_choice_and_those_he_may_be_passed_on_by(call: Call) -> None:
    table, came, away = call
    snapshot = snapshot_of(7, table)
    had = hand_over(snapshot, came, away, NOW)
    facts = facts_said(table, came, table.routing.languages[0], unavailable=away)
    assert had.menu is None
    assert (had.plans.other, had.plans.in_language) == (decided(snapshot, facts), {})
    assert had.plans.by_digit.keys() == options(table).keys() - {None}


def test_where_operators_come_first_nobody_is_asked_and_all_plans_are_handed_over() -> None:
    def first(document: Document) -> None:
        document["routing"]["menus"][0]["mode"] = "operator_first"

    had = hand_over(snapshot_of(7, small(first)), arrival(), (), NOW)
    assert had.menu is None
    assert {digits: plan.route for digits, plan in had.plans.by_digit.items()} == {"1": "fire", "2": "all"}
    assert had.plans.other.route == "all"


def test_language_that_a_route_asks_for_brings_its_own_plans() -> None:
    plans = hand_over(snapshot_of(7, small(in_english)), arrival(), (), NOW).plans
    assert {digit: plan.route for digit, plan in plans.by_digit.items()} == {"1": "fire", "2": "all"}
    assert plans.other.route == "all"
    ours = {key: plan.route for key, plan in plans.in_language.items()}
    assert ours == {(Language.EN, "2"): "english-light", (Language.EN, None): "english"}


def test_first_language_of_the_table_is_the_one_that_the_plans_of_the_digits_are_for() -> None:
    def english_first(document: Document) -> None:
        in_english(document)
        document["routing"]["menus"][0]["languages"] = ["en", "id"]

    had = hand_over(snapshot_of(7, small(english_first)), arrival(), (), NOW)
    assert had.language is Language.EN
    assert {digit: plan.route for digit, plan in had.plans.by_digit.items()} == {"1": "fire", "2": "english-light"}
    assert {key: plan.route for key, plan in had.plans.in_language.items()} == {
        (Language.ID, "2"): "all",
        (Language.ID, None): "all",
    }


# ---------------------------------------------------------------- the area
def with_areas(document: Document) -> None:
    routing = document["routing"]
    routing["areas"] = [{"code": "35.07.13", "name": "Singosari"}, {"code": "35.07.14", "name": "Lawang"}]
    routing["menus"][0]["options"] = [
        {"digit": "1", "category": "fire", "area": "35.07.13"},
        {"digit": "2", "category": "fire", "area": "35.07.14"},
        {"digit": "3", "category": "light"},
    ]


def test_area_of_the_choice_is_handed_over_with_it() -> None:
    had = hand_over(snapshot_of(7, small(with_areas)), arrival(), (), NOW)
    assert had.area is None
    assert had.areas == {
        "1": KnownArea("35.07.13", AreaSource.MENU),
        "2": KnownArea("35.07.14", AreaSource.MENU),
    }


def test_area_of_the_trunk_goes_before_that_of_the_choice() -> None:
    def trunk_of_one_area(document: Document) -> None:
        with_areas(document)
        document["directory"]["trunks"][0]["area"] = "64.04"
        for place, priority in (("35.07.13", 900), ("unknown", 800)):
            route = {"key": f"at-{priority}", "priority": priority, "when": {"area": [place]}}
            document["routing"]["routes"].append({**route, "steps": [{"kind": "record"}]})

    had = hand_over(snapshot_of(7, small(trunk_of_one_area)), arrival(), (), NOW)
    assert (had.area, had.areas) == (KnownArea("64.04", AreaSource.TRUNK), {})
    assert had.plans.by_digit["1"].route == "fire"
    other_line = hand_over(snapshot_of(7, small(trunk_of_one_area)), arrival(trunk="damkar"), (), NOW)
    assert (other_line.plans.by_digit["1"].route, other_line.plans.other.route) == ("at-900", "at-800")


# ---------------------------------------------------------------- for how long
@settings(max_examples=60, deadline=None)
@given(ASKED, instants(), st.floats(0, 1, exclude_max=True))
def test_what_is_handed_over_stays_true_until_the_time_that_is_told(call: Call, now: datetime, part: float) -> None:
    table, came, away = call
    snapshot = snapshot_of(7, table)
    until = stays_true_until(snapshot.compiled, now.timestamp())
    assert until > now.timestamp()
    last = min(until, now.timestamp() + 30 * 86_400)
    later = datetime.fromtimestamp(now.timestamp() + (last - now.timestamp()) * part, UTC)
    assume(later.timestamp() < until)  # the clock may have no time between the two
    assert hand_over(snapshot, came, away, later).plans == hand_over(snapshot, came, away, now).plans


def test_table_without_times_stays_true_for_ever() -> None:
    assert stays_true_until(snapshot_of(7, small()).compiled, NOW.timestamp()) == math.inf


def office_hours(document: Document) -> None:
    days = ["mon", "tue", "wed", "thu", "fri"]
    routing = document["routing"]
    routing["schedules"] = [
        {"key": "office", "name": "Jam kantor", "windows": [{"days": days, "opens": "08:00", "closes": "16:00"}]}
    ]
    steps = [{"kind": "record"}]
    routing["routes"].append({"key": "day", "priority": 900, "when": {"schedule": ["office"]}, "steps": steps})


def test_time_that_is_told_is_the_next_edge_of_a_schedule() -> None:
    until = stays_true_until(snapshot_of(7, small(office_hours)).compiled, NOW.timestamp())
    assert until == NOW.timestamp() + 6 * 3600


class Staffed:
    """Groups in which nobody is on duty."""

    def __init__(self) -> None:
        self.nobody_in: set[str] = set()

    def __call__(self, group: str) -> bool:
        return group not in self.nobody_in


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The trunks for which a hand-over was made anew."""
    found: list[str] = []
    real = hand_over

    def counted(snapshot: Snapshot, opened: Opened, *given: Any, **more: Any) -> HandOver:
        found.append(opened.trunk)
        return real(snapshot, opened, *given, **more)

    monkeypatch.setattr(handover, "hand_over", counted)
    return found


def test_second_call_of_a_trunk_costs_no_decision_until_a_schedule_has_its_edge(made: list[str]) -> None:
    kept = HandOvers(snapshot_of(7, small(office_hours)), Staffed())
    first = kept.of(arrival(), NOW)
    assert kept.of(arrival(), NOW + timedelta(hours=5, minutes=59)) is first
    assert made == ["telco"]
    evening = kept.of(arrival(), NOW + timedelta(hours=6))
    assert (first.plans.other.route, evening.plans.other.route) == ("day", "all")
    assert kept.of(arrival(trunk="bpbd"), NOW + timedelta(hours=6)) is not evening
    assert kept.of(arrival("agency"), NOW + timedelta(hours=6)) is not evening
    assert made == ["telco", "telco", "bpbd", "telco"]


def test_clock_that_is_set_back_brings_a_new_decision() -> None:
    kept = HandOvers(snapshot_of(7, small(office_hours)), Staffed())
    assert kept.of(arrival(), NOW).plans.other.route == "day"
    assert kept.of(arrival(), NOW - timedelta(hours=4)).plans.other.route == "all"


def test_group_that_nobody_is_in_any_more_brings_a_new_decision_and_is_told(made: list[str]) -> None:
    def if_unstaffed(document: Document) -> None:
        when = {"state": [{"group": "operators", "state": "unavailable"}]}
        steps = [{"kind": "record"}]
        document["routing"]["routes"].append({"key": "nobody", "priority": 900, "when": when, "steps": steps})

    staffed = Staffed()
    kept = HandOvers(snapshot_of(7, small(if_unstaffed)), staffed)
    there = kept.of(arrival(), NOW)
    assert (there.plans.other.route, there.away) == ("all", ())
    staffed.nobody_in.add("operators")
    gone = kept.of(arrival(), NOW)
    assert (gone.plans.other.route, gone.away) == ("nobody", ("group/operators",))
    staffed.nobody_in.clear()
    assert kept.of(arrival(), NOW) is there
    assert made == ["telco", "telco"]


def test_number_of_those_kept_is_bounded_and_the_oldest_goes(made: list[str]) -> None:
    kept = HandOvers(snapshot_of(7, small()), Staffed())
    for n in range(MAX_KEPT):
        kept.of(arrival(trunk=f"t{n}"), NOW)
    kept.of(arrival(trunk="t0"), NOW)
    kept.of(arrival(trunk="one-more"), NOW)
    made.clear()
    kept.of(arrival(trunk="t0"), NOW)
    kept.of(arrival(trunk="t1"), NOW)
    assert made == ["t1"]


def suspects_are_asked(document: Document) -> None:
    """Two ranges of suspicion have routes of their own."""
    steps = [{"kind": "challenge"}, {"kind": "ringgroup", "group": "operators"}]
    for key, priority, at_least in (("suspects", 900, 20), ("very", 901, 60)):
        when = {"suspicion": {"at_least": at_least}}
        document["routing"]["routes"].append({"key": key, "priority": priority, "when": when, "steps": steps})


def test_callers_of_one_range_of_suspicion_share_what_they_are_given(made: list[str]) -> None:
    table = small(suspects_are_asked)
    kept = HandOvers(snapshot_of(7, table), Staffed())
    assert handover.suspicion_bounds(kept.snapshot.compiled) == (0, 20, 60)
    routes = {score: kept.of(arrival(), NOW, suspicion=score).plans.other.route for score in (0, 19, 20, 59, 60, 100)}
    assert routes == {0: "all", 19: "all", 20: "suspects", 59: "suspects", 60: "very", 100: "very"}
    assert len(made) == 3


@given(table=tables(), at=instants(), score=st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_what_is_shared_in_a_range_is_what_is_decided_for_each_score(
    table: RoutingTable, at: datetime, score: int
) -> None:
    snapshot = snapshot_of(7, table)
    shared = HandOvers(snapshot, Staffed()).of(arrival(), at, suspicion=score)
    own = hand_over(snapshot, arrival(), shared.away, at, suspicion=score)
    assert (shared.plans.by_digit, shared.plans.other) == (own.plans.by_digit, own.plans.other)
    assert shared.plans.cannot_speak == own.plans.cannot_speak


def test_who_cannot_speak_has_a_plan_of_his_own_without_a_challenge_however_suspect_he_is() -> None:
    had = HandOvers(snapshot_of(7, small(suspects_are_asked)), Staffed()).of(arrival(), NOW, suspicion=100)
    assert any(isinstance(step, Challenge) for step in had.plans.other.steps)
    (plan,) = had.plans.cannot_speak.values()
    assert (plan.route, plan.urgency, plan.told) == ("all", 10, "told-cannot-speak")
    assert not any(isinstance(step, Challenge) for step in plan.steps)
    assert hand_over(snapshot_of(7, small()), arrival("agency", "damkar"), (), NOW).plans.cannot_speak == {}
