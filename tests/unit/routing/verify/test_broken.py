"""Tables broken on purpose, each by one change of a good one: each is refused with its rule, place and a call."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from callrouter.routing.decide import CompiledTable, compile_table, decide
from callrouter.routing.explain import explain
from callrouter.routing.facts import Facts
from callrouter.routing.plan import Plan
from callrouter.routing.table import RoutingTable
from callrouter.routing.verify import Finding, verify
from tests.unit.routing.oracle import decision, is_open
from tests.unit.routing.verify.given import AT, Change, Document, add_route, changed, good, group, route
from tests.unit.routing.verify.naive import broken, rostered

DESK = {"kind": "ringgroup", "group": "desk", "wait_s": 30}


def no_rest(t: Document) -> None:
    t["routing"]["routes"].pop()


def rest_only(**when: Any) -> Change:
    return lambda t: route(t, "rest").update(when=when)


def rest_until(t: Document) -> None:
    route(t, "rest")["valid_until"] = "2026-12-31T17:00:00Z"


def slow_steps(t: Document) -> None:
    first, second = route(t, "flood")["steps"]
    first["ring_s"], second["wait_s"] = 45, 33


def slow_by_confirmation(t: Document) -> None:
    route(t, "fire")["steps"][1]["ring_s"] = 21


def long_message_first(t: Document) -> None:
    route(t, "hours")["steps"].append({"kind": "record", "max_s": 60})


def long_last_resort(t: Document) -> None:
    t["routing"]["last_resort"]["seconds"] = 140


def contact_off(t: Document) -> None:
    t["directory"]["agencies"][2]["contacts"][0]["enabled"] = False


def agency_off(t: Document) -> None:
    t["directory"]["agencies"][2]["enabled"] = False


def trunk_without_channels(t: Document) -> None:
    t["directory"]["trunks"][4]["channels"] = 0


def trunk_off(t: Document) -> None:
    t["directory"]["trunks"][4]["enabled"] = False


def only_an_announcement(t: Document) -> None:
    route(t, "hours")["information"] = False


def challenge_at_the_end_of_information(t: Document) -> None:
    route(t, "hours")["steps"].append({"kind": "challenge"})


def challenge_behind_everybody(t: Document) -> None:
    route(t, "light")["steps"].append({"kind": "challenge"})


def only_the_trunk_it_came_by(t: Document) -> None:
    t["directory"]["agencies"][2]["contacts"][0]["trunk"] = "seluler"


def desk_without_operators(t: Document) -> None:
    for operator in t["directory"]["operators"][4:]:
        operator["enabled"] = False


def target_twice(t: Document) -> None:
    route(t, "light")["steps"] *= 2


def number_twice(t: Document) -> None:
    route(t, "fire")["steps"][1]["targets"] = ["damkar/alias"]


def group_twice(t: Document) -> None:
    route(t, "rest")["steps"] = [DESK, DESK]


def operator_through_two_groups(t: Document) -> None:
    t["routing"]["ring_groups"].append({"key": "chief", "members": ["op6"]})
    route(t, "flood")["steps"].append({"kind": "ringgroup", "group": "chief", "wait_s": 20})


def operator_through_two_groups_at_night(t: Document) -> None:
    t["routing"]["ring_groups"].append({"key": "chief", "members": ["op3"]})
    route(t, "rest")["steps"] = [
        {"kind": "ringgroup", "group": "roster", "wait_s": 30},
        {"kind": "ringgroup", "group": "chief", "wait_s": 30},
    ]


def roster_with_a_gap(t: Document) -> None:
    t["routing"]["schedules"][2]["windows"][0]["closes"] = "06:30"


def night_shift_switched_off(t: Document) -> None:
    for operator in t["directory"]["operators"][2:4]:
        operator["enabled"] = False


def group_for_the_day_only(t: Document) -> None:
    group(t, "desk").update(members=[], shifts=["siang"])


def no_last_resort(t: Document) -> None:
    t["routing"]["last_resort"]["group"] = None


def covered(t: Document) -> None:
    add_route(t, key="night-fire", priority=490, when={"category": ["fire"], "schedule": ["dark"]})


def covered_by_two(t: Document) -> None:
    add_route(t, key="hours-id", priority=320, when={"category": ["hours"], "language": ["id"]})
    add_route(t, key="hours-en", priority=310, when={"category": ["hours"], "language": ["en"]})


def covered_more_by_one(t: Document) -> None:
    """`narrow` takes one kind of call, the first to be looked at; `wide` the others."""
    t["routing"]["routes"].clear()
    when = {"language": ["id"], "posture": ["green"], "suspicion": {"below": 50}}
    add_route(t, key="narrow", priority=900, when=when)
    add_route(t, key="wide", priority=800)
    add_route(t, key="odd", priority=700)


def trunk_of_another_kind(t: Document) -> None:
    add_route(t, key="odd", priority=2000, when={"trunk": ["telco"], "trunk_kind": ["agency"]})


def never_open(t: Document) -> None:
    add_route(
        t,
        key="odd",
        priority=2000,
        when={"schedule": ["office"]},
        valid_from="2026-03-07T00:00:00+07:00",
        valid_until="2026-03-09T00:00:00+07:00",
    )


def both_states(t: Document) -> None:
    states = [{"agency": "pu", "state": "available"}, {"agency": "pu", "state": "unavailable"}]
    add_route(t, key="odd", priority=2000, when={"state": states})


def no_digit(t: Document) -> None:
    t["routing"]["menus"][1]["options"].pop()


def round_for_ever(t: Document) -> None:
    t["routing"]["menus"][1]["options"].append({"digit": "3", "menu": "main"})


def round_at_once(t: Document) -> None:
    t["routing"]["menus"][0]["options"].append({"digit": "4", "menu": "main"})


def three_levels(t: Document) -> None:
    options = t["routing"]["menus"][1]["options"]
    t["routing"]["menus"].append({"key": "deep", "name": {"id": "dalam", "en": "deep"}, "options": [options.pop()]})
    options.append({"digit": "2", "menu": "deep"})


def too_long_to_hear(t: Document) -> None:
    for category in t["routing"]["categories"][:2]:
        category["name"] = {"id": "kejadian " * 13, "en": "event"}


def no_main_menu(t: Document) -> None:
    t["routing"]["main_menu"] = None


@dataclass(frozen=True)
class Case:
    """One change, and what verify must say of it. also: other rules that the same change breaks."""

    change: Change
    rule: str
    where: str
    also: tuple[str, ...] = ()


ROUTES = {
    key: f"/routing/routes/{n}" for n, key in enumerate(r["key"] for r in changed(lambda _: 0)["routing"]["routes"])
}
ODD = f"/routing/routes/{len(ROUTES)}"

CASES = [
    Case(no_rest, "V1", "/routing/routes"),
    Case(rest_only(language=["id"]), "V1", "/routing/routes"),
    Case(rest_only(schedule=["office"]), "V1", "/routing/routes"),
    Case(rest_only(posture=["green", "yellow", "orange"]), "V1", "/routing/routes"),
    Case(rest_only(suspicion={"below": 100}), "V1", "/routing/routes"),
    Case(rest_only(area=["unknown", "35.79"]), "V1", "/routing/routes"),
    Case(rest_until, "V1", "/routing/routes"),
    Case(slow_steps, "V2", ROUTES["flood"]),
    Case(slow_by_confirmation, "V2", ROUTES["fire"]),
    Case(long_message_first, "V2", ROUTES["hours"]),
    Case(long_last_resort, "V2", "/routing/last_resort"),
    Case(contact_off, "V3", ROUTES["light"]),
    Case(agency_off, "V3", ROUTES["light"]),
    Case(trunk_without_channels, "V3", ROUTES["light"]),
    Case(trunk_off, "V3", ROUTES["light"]),
    Case(only_an_announcement, "V3", ROUTES["hours"]),
    Case(challenge_at_the_end_of_information, "V3", ROUTES["hours"]),
    Case(challenge_behind_everybody, "V3", ROUTES["light"]),
    Case(only_the_trunk_it_came_by, "V3", ROUTES["light"]),
    Case(desk_without_operators, "V3", ROUTES["rest"], also=("V5",)),
    Case(target_twice, "V4", ROUTES["light"]),
    Case(number_twice, "V4", ROUTES["fire"]),
    Case(group_twice, "V4", ROUTES["rest"]),
    Case(operator_through_two_groups, "V4", ROUTES["flood"]),
    Case(operator_through_two_groups_at_night, "V4", ROUTES["rest"]),
    Case(roster_with_a_gap, "V5", "/routing/ring_groups/0"),
    Case(night_shift_switched_off, "V5", "/routing/ring_groups/0"),
    Case(group_for_the_day_only, "V5", "/routing/ring_groups/1"),
    Case(no_last_resort, "V5", "/routing/last_resort"),
    Case(covered, "V6", ODD),
    Case(covered_by_two, "V6", ROUTES["hours"]),
    Case(trunk_of_another_kind, "V6", ODD),
    Case(never_open, "V6", ODD),
    Case(both_states, "V6", ODD),
    Case(no_digit, "V7", "/routing/categories/3"),
    Case(round_for_ever, "V7", "/routing/menus/1/options/2/menu"),
    Case(round_at_once, "V7", "/routing/menus/0/options/3/menu"),
    Case(three_levels, "V7", "/routing/menus/1/options/1/menu", also=("V7",)),
    Case(too_long_to_hear, "V7", "/routing/menus/0"),
    Case(no_main_menu, "V7", "/routing/main_menu"),
]
by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}-{case.change.__name__}")


def refusal(case: Case) -> Finding:
    (found,) = [f for f in verify(good(case.change), AT).findings if (f.rule, f.pointer) == (case.rule, case.where)]
    return found


@by_name
def test_broken_table_is_refused_with_its_rule_and_place(case: Case) -> None:
    report = verify(good(case.change), AT)
    assert not report.verified
    assert refusal(case).error
    assert {f.rule for f in report.findings} == {case.rule, *case.also}
    assert refusal(case).sentence.id != refusal(case).sentence.en
    assert refusal(case).remedy.id != refusal(case).remedy.en


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.rule in {"V1", "V2", "V3", "V4"}], ids=lambda c: c.change.__name__
)
def test_counter_example_breaks_the_rule_in_the_oracles_eyes(case: Case) -> None:
    example = refusal(case).example
    assert example is not None
    call = example.facts.model_dump(mode="json")
    rules = broken(good(case.change).model_dump(mode="json"), call, example.at)
    assert case.rule in {rule for rule, _ in rules}


@by_name
def test_explain_accepts_the_counter_example_as_it_is(case: Case) -> None:
    example = refusal(case).example
    if example is None:
        assert case.rule in {"V6", "V7"}
        return
    table = good(case.change)
    explained = explain(compile_table(table, version=1), example.facts, example.at, example.outcomes)
    assert len(explained.walk.steps) == len(explained.plan.steps) == len(example.outcomes)
    assert explained.walk.ended_by is None, "every step fails"
    if case.rule == "V1":
        assert explained.winner is None
    if case.rule in {"V2", "V3", "V4"} and case.where.startswith("/routing/routes/"):
        assert explained.winner == table.routing.routes[int(case.where.rpartition("/")[2])].key


def test_there_is_a_counter_example_wherever_a_call_can_show_it() -> None:
    without = {case.change for case in CASES if refusal(case).example is None}
    menus = {case.change for case in CASES if case.rule == "V7"}
    assert without == menus | {trunk_of_another_kind, never_open, both_states}


def test_unstaffed_group_is_shown_by_a_call_in_the_hours_without_anybody() -> None:
    for change in (roster_with_a_gap, night_shift_switched_off, group_for_the_day_only):
        (finding,) = verify(good(change), AT).findings
        assert finding.example is not None
        table = good(change).model_dump(mode="json")
        key = table["routing"]["ring_groups"][int(finding.pointer[-1])]["key"]
        found = decision(table, finding.example.facts.model_dump(mode="json"), finding.example.at)
        assert key in [step[1] for step in found.steps if step[0] == "ring"]
        assert rostered(table, key, finding.example.at) == []


def test_covered_route_is_shown_by_a_call_that_it_matches_and_another_takes() -> None:
    example = refusal(Case(covered, "V6", ODD)).example
    assert example is not None
    assert is_open(changed_dump(covered), "dark", example.at)
    assert decide(compile_table(good(covered), 1), example.facts, example.at).route == "fire"


def changed_dump(change: Change) -> Document:
    return good(change).model_dump(mode="json")


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (covered, "fire, from-centres"),
        (covered_more_by_one, "wide, narrow"),
        (covered_by_two, "from-centres, hours-id, hours-en"),
    ],
)
def test_unreachable_route_names_those_that_cover_it_the_widest_first(change: Change, names: str) -> None:
    (finding,) = verify(good(change), AT).findings
    assert finding.sentence.en.endswith(f"is taken by {names}")


def test_finding_says_how_many_calls_and_describes_the_first() -> None:
    (finding,) = verify(good(rest_only(schedule=["office"])), AT).findings
    assert "no route matches 2 of 54 kinds of call (categories: light, -)" in finding.sentence.en
    assert "first: category light, in by trunk telco, 2026-03-02 15:30 WIB" in finding.sentence.en


def test_plan_that_breaks_a_limit_is_refused_even_where_the_table_let_it_pass() -> None:
    table = good()
    rest = table.routing.routes[-1]
    steps = (rest.steps[0].model_copy(update={"wait_s": 0}),)
    routes = (*table.routing.routes[:-1], rest.model_copy(update={"steps": steps}))
    last = table.routing.last_resort.model_copy(update={"seconds": 0})
    for change, where in (({"routes": routes}, ROUTES["rest"]), ({"last_resort": last}, "/routing/last_resort")):
        changed_routing = table.routing.model_copy(update=change)
        report = verify(table.model_copy(update={"routing": changed_routing}), AT)
        assert [(f.rule, f.pointer) for f in report.findings] == [("V4", where)]


def test_digit_with_two_meanings_is_refused_even_where_the_table_let_it_pass() -> None:
    table = good()
    for digit in ("1", "9"):
        menu = table.routing.menus[1]
        options = (menu.options[0], menu.options[1].model_copy(update={"digit": digit}))
        menus = (table.routing.menus[0], menu.model_copy(update={"options": options}))
        routing = table.routing.model_copy(update={"menus": menus})
        report = verify(table.model_copy(update={"routing": routing}), AT)
        assert [(f.rule, f.pointer) for f in report.findings] == [("V7", "/routing/menus/1/options/1/digit")]


def test_decide_that_gives_another_plan_than_was_looked_at_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def defective(compiled: CompiledTable, facts: Facts, now: datetime) -> Plan:
        return replace(decide(compiled, facts, now), route="other")

    monkeypatch.setattr("callrouter.routing.verify.plans.decide", defective)
    report = verify(good(), AT)
    assert {(f.rule, f.pointer) for f in report.findings} == {("V1", pointer) for pointer in ROUTES.values()}


def test_empty_draft_is_refused_with_what_it_lacks() -> None:
    report = verify(RoutingTable.model_validate({"centre": {"name": "Pusat", "timezone": "Asia/Jakarta"}}), AT)
    assert not report.verified
    assert [(f.rule, f.pointer) for f in report.findings] == [
        ("V1", "/routing/routes"),
        ("V5", "/routing/last_resort"),
        ("V7", "/routing/categories"),
        ("V7", "/routing/main_menu"),
    ]


def test_report_can_be_pickled() -> None:
    report = verify(good(no_rest), AT)
    assert pickle.loads(pickle.dumps(report)) == report  # noqa: S301
