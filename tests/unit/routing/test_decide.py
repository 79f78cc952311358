"""Which plan a call gets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from callrouter.routing import plan as p
from callrouter.routing.decide import MESSAGE_S, NO_CATEGORY_URGENCY, compile_table, decide, unavailable
from callrouter.routing.directory import TrunkKind
from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.failsafe import static_plan
from callrouter.routing.run import who, worst_s
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Language
from tests.unit.routing.oracle import Decided, decision
from tests.unit.routing.tables import Document, citizen, facts, instants, small, tables

NOW = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)

LAST_RESORT_URGENT = (p.Ring("operators", 90, 4 + 3, last=True), p.Record(MESSAGE_S))
LAST_RESORT = (p.Ring("operators", 90, 4, last=True), p.Record(MESSAGE_S))


def plan(table: RoutingTable, call: Facts, at: datetime = NOW) -> p.Plan:
    return decide(compile_table(table, version=7), call, at)


def plain(step: p.Step) -> tuple[Any, ...]:
    match step:
        case p.Dial():
            targets = [(t.agency, t.contact, t.trunk, t.number, t.confirm, t.max_calls) for t in step.targets]
            return "dial", targets, step.ring_s, step.announce
        case p.Ring():
            return "ring", step.group, step.wait_s, step.max_waiting, step.last
        case p.Announce():
            return "announce", step.prompt
        case p.Challenge():
            return "challenge", step.wait_s, step.urgency
        case p.Record():
            return "record", step.max_s


@settings(max_examples=600, deadline=None)
@given(table=tables(), call=facts(), at=instants())
def test_decision_equals_a_second_telling_of_the_rules(table: RoutingTable, call: Facts, at: datetime) -> None:
    found = plan(table, call, at)
    told = decision(table.model_dump(mode="json"), call.model_dump(mode="json"), at)
    steps = [plain(s) for s in found.steps]
    assert Decided(found.route, found.category, found.urgency, found.information, steps) == told
    assert found.version == 7


@settings(max_examples=60, deadline=None)
@given(table=tables(), call=facts())
def test_every_plan_ends_with_operators_where_a_group_is_named_then_a_message(
    table: RoutingTable, call: Facts
) -> None:
    steps = plan(table, call).steps
    assert isinstance(steps[-1], p.Record)
    group = table.routing.last_resort.group
    assert [(s, s.group) for s in steps if isinstance(s, p.Ring) and s.last] == (
        [] if group is None else [(steps[-2], group)]
    )


@settings(max_examples=60, deadline=None)
@given(table=tables(), call=facts())
def test_no_call_goes_out_on_the_trunk_it_came_in_by(table: RoutingTable, call: Facts) -> None:
    dialled = [t.trunk for s in plan(table, call).steps if isinstance(s, p.Dial) for t in s.targets]
    assert call.trunk not in dialled
    assert all(s.targets for s in plan(table, call).steps if isinstance(s, p.Dial)), "a dial step rings nobody"


def test_citizen_gets_the_agency_then_its_alternates_then_operators() -> None:
    found = plan(small(), citizen(trunk="elsewhere"))
    assert found == p.Plan(
        steps=(
            p.Dial((p.Target("damkar", "posko", "damkar", "101", confirm=False),), 20, announce=True),
            p.Dial(
                (
                    p.Target("damkar", "piket", "telco", "0811", confirm=True),
                    p.Target("bpbd", "posko", "bpbd", "201", confirm=False),
                ),
                10,
                announce=False,
            ),
            p.Ring("operators", 30, 4 + 3),
            *LAST_RESORT_URGENT,
        ),
        route="fire",
        urgency=10,
        version=7,
        category="fire",
    )


def test_target_on_the_incoming_trunk_is_left_out_and_the_others_stay() -> None:
    second = plan(small(), citizen(trunk="telco")).steps[1]
    assert isinstance(second, p.Dial)
    assert [t.trunk for t in second.targets] == ["bpbd"]


def test_step_whose_every_target_is_on_the_incoming_trunk_is_left_out() -> None:
    found = plan(small(), citizen(trunk="damkar", trunk_kind=TrunkKind.AGENCY))
    assert [type(s) for s in found.steps] == [p.Dial, p.Ring, p.Ring, p.Record]
    assert isinstance(found.steps[0], p.Dial)
    assert [t.agency for t in found.steps[0].targets] == ["damkar", "bpbd"]


def test_locked_route_is_skipped_for_the_next_that_matches() -> None:
    def lock(table: Document) -> None:
        table["routing"]["routes"][0]["locked"] = True

    assert plan(small(), citizen()).route == "fire"
    assert plan(small(lock), citizen()).route == "all"


def test_without_any_matching_route_operators_are_rung_at_once() -> None:
    def only_fire(table: Document) -> None:
        del table["routing"]["routes"][1]

    found = plan(small(only_fire), citizen("light"))
    assert found.route is None
    assert found.steps == LAST_RESORT


@pytest.mark.parametrize("order", [1, -1])
def test_highest_priority_wins_in_whatever_order_routes_are_written(order: int) -> None:
    def reorder(table: Document) -> None:
        table["routing"]["routes"] = table["routing"]["routes"][::order]

    assert plan(small(reorder), citizen()).route == "fire"


def test_route_of_higher_priority_without_conditions_beats_a_narrow_one() -> None:
    def raise_all(table: Document) -> None:
        table["routing"]["routes"][1]["priority"] = 501

    assert plan(small(raise_all), citizen()).route == "all"


@pytest.mark.parametrize("choice", [Choice.SILENT, Choice.WRONG, Choice.OPERATOR])
def test_caller_without_category_gets_operators_with_an_urgency_of_his_own(choice: Choice) -> None:
    found = plan(small(), citizen(None, choice=choice))
    assert found.route == "all"
    assert found.urgency == NO_CATEGORY_URGENCY


def test_category_unknown_to_the_table_counts_as_none() -> None:
    assert plan(small(), citizen("gone")) == plan(small(), citizen(None))


def test_urgent_category_may_use_the_reserve_of_a_full_queue() -> None:
    def no_dial(table: Document) -> None:
        del table["routing"]["routes"][0]

    waits = {key: plan(small(no_dial), citizen(key)).steps[0] for key in ("fire", "light")}
    assert waits["fire"] == p.Ring("operators", 60, 4 + 3)
    assert waits["light"] == p.Ring("operators", 60, 4)


@pytest.mark.parametrize(("priority", "places"), [(7, 4), (8, 7), (9, 7)])
def test_reserve_begins_at_the_priority_the_group_names(priority: int, places: int) -> None:
    def set_priority(table: Document) -> None:
        table["routing"]["categories"][1]["priority"] = priority

    first = plan(small(set_priority), citizen("light")).steps[0]
    assert first == p.Ring("operators", 60, places)


@pytest.mark.parametrize(
    ("when", "call", "route"),
    [
        ({"trunk": ["telco"]}, citizen("light"), "special"),
        ({"trunk": ["damkar", "bpbd"]}, citizen("light"), "all"),
        ({"trunk": ["telco"]}, citizen("light", trunk=None), "all"),
        ({"trunk_kind": ["agency", "neighbour"]}, citizen("light", trunk_kind=TrunkKind.NEIGHBOUR), "special"),
        ({"trunk_kind": ["agency", "neighbour"]}, citizen("light"), "all"),
        ({"trunk_kind": ["carrier"]}, citizen("light", trunk_kind=None), "all"),
        ({"language": ["en"]}, citizen("light", language=Language.EN), "special"),
        ({"language": ["en"]}, citizen("light"), "all"),
        ({"category": ["fire", "light"]}, citizen("light"), "special"),
        ({"category": ["fire"]}, citizen(None), "all"),
        ({"category": ["light"], "language": ["en"]}, citizen("light"), "all"),
    ],
)
def test_route_matches_only_when_every_condition_holds(when: Document, call: Facts, route: str) -> None:
    def add(table: Document) -> None:
        steps = [{"kind": "announce", "prompt": "connecting"}]
        table["routing"]["routes"].append({"key": "special", "priority": 900, "when": when, "steps": steps})

    assert plan(small(add), call).route == route


@pytest.mark.parametrize(
    ("at", "route"),
    [
        ("2026-03-03T04:04:59.999999+00:00", "all"),
        ("2026-03-03T11:05:00+07:00", "special"),
        ("2026-03-03T04:05:59.999999+00:00", "special"),
        ("2026-03-03T04:06:00+00:00", "all"),
    ],
)
def test_route_applies_from_its_first_instant_to_before_its_last(at: str, route: str) -> None:
    def add(table: Document) -> None:
        steps = [{"kind": "announce", "prompt": "connecting"}]
        valid = {"valid_from": "2026-03-03T04:05:00Z", "valid_until": "2026-03-03T11:06:00+07:00"}
        table["routing"]["routes"].append({"key": "special", "priority": 900, "steps": steps, **valid})

    assert plan(small(add), citizen("light"), datetime.fromisoformat(at)).route == route


@pytest.mark.parametrize(
    ("when", "call", "route"),
    [
        ({"area": ["35.07"]}, citizen("light", area="35.07"), "special"),
        ({"area": ["35.07"]}, citizen("light", area="35.07.13.2001"), "special"),
        ({"area": ["35.07"]}, citizen("light", area="35"), "all"),
        ({"area": ["35.07"]}, citizen("light", area="35.73"), "all"),
        ({"area": ["35.07"]}, citizen("light"), "all"),
        ({"area": ["unknown", "35.73"]}, citizen("light"), "special"),
        ({"suspicion": {"at_least": 50}}, citizen("light", suspicion=50), "special"),
        ({"suspicion": {"below": 50}}, citizen("light", suspicion=50), "all"),
        ({"suspicion": {"at_least": 100}}, citizen("light", suspicion=100), "special"),
        ({"posture": ["red"]}, citizen("light", posture="red"), "special"),
        ({"posture": ["red"]}, citizen("light"), "all"),
        ({"state": [{"agency": "bpbd", "state": "available"}]}, citizen("light"), "special"),
        ({"state": [{"agency": "bpbd", "state": "unavailable"}]}, citizen("light"), "all"),
        (
            {"state": [{"agency": "bpbd", "state": "unavailable"}]},
            citizen("light", unavailable=("agency/bpbd",)),
            "special",
        ),
        (
            {"state": [{"group": "operators", "state": "unavailable"}, {"agency": "bpbd", "state": "available"}]},
            citizen("light", unavailable=("agency/bpbd", "group/operators")),
            "all",
        ),
    ],
)
def test_area_suspicion_posture_and_states_are_asked(when: Document, call: Facts, route: str) -> None:
    def add(table: Document) -> None:
        table["routing"]["areas"] = [{"code": "35.07", "name": "Malang"}, {"code": "35.73", "name": "Kota Malang"}]
        steps = [{"kind": "announce", "prompt": "connecting"}]
        table["routing"]["routes"].append({"key": "special", "priority": 900, "when": when, "steps": steps})

    assert plan(small(add), call).route == route


def test_agencies_and_groups_that_a_route_asks_about_are_unavailable_when_nobody_of_them_can_be_reached() -> None:
    asked = [{"agency": "bpbd"}, {"agency": "damkar"}, {"group": "operators"}]

    def ask(table: Document) -> None:
        table["routing"]["routes"][0]["when"]["state"] = [{**who, "state": "available"} for who in asked]
        table["directory"]["trunks"][2]["channels"] = 0
        table["directory"]["agencies"][0]["contacts"][0]["enabled"] = False

    compiled = compile_table(small(ask), 1)
    assert compiled.asked_states == ("agency/bpbd", "agency/damkar", "group/operators")
    assert unavailable(compiled, lambda _: True) == ("agency/bpbd",)
    assert unavailable(compiled, lambda group: group != "operators") == ("agency/bpbd", "group/operators")
    assert unavailable(compile_table(small(), 1), lambda _: False) == ()


@settings(max_examples=100, deadline=None)
@given(table=tables(), call=facts())
def test_language_makes_a_difference_only_in_a_table_that_is_known_to_ask_for_it(
    table: RoutingTable, call: Facts
) -> None:
    asks = any(r.when.language for r in table.routing.routes if not r.locked)
    assert compile_table(table, 1).by_language is asks
    found = {plan(table, call.model_copy(update={"language": language})) for language in Language}
    assert asks or len(found) == 1


def test_locked_route_does_not_count_as_one_that_asks_for_a_language() -> None:
    def english(table: Document) -> None:
        table["routing"]["routes"][0] |= {"when": {"language": ["en"]}}

    def locked(table: Document) -> None:
        english(table)
        table["routing"]["routes"][0]["locked"] = True

    assert [compile_table(small(change), 1).by_language for change in (english, locked)] == [True, False]


def test_operators_own_phone_gets_a_plan_like_anyone() -> None:
    call = Facts(origin=Origin.OPERATOR, choice=Choice.NONE)
    assert plan(small(), call).route == "all"


def test_announce_and_record_steps_are_kept_in_their_place() -> None:
    def steps(table: Document) -> None:
        table["routing"]["routes"][1]["steps"] = [
            {"kind": "announce", "prompt": "connecting"},
            {"kind": "record", "max_s": 33},
        ]

    assert plan(small(steps), citizen("light")).steps == (p.Announce("connecting"), p.Record(33), *LAST_RESORT)


def test_static_plan_rings_operators_then_the_static_numbers_then_the_last_resort() -> None:
    found = static_plan(compile_table(small(), version=7), ring_s=25)
    operators, numbers, *last = found.steps
    assert isinstance(operators, p.Ring)
    assert not operators.last
    assert isinstance(numbers, p.Dial)
    assert [(t.trunk, t.number) for t in numbers.targets] == [("telco", "0812")]
    assert [plain(s)[0] for s in last] == ["ring", "record"]


def test_static_plan_without_static_numbers_is_the_last_resort() -> None:
    def none(table: Document) -> None:
        table["routing"]["static_numbers"] = []

    assert static_plan(compile_table(small(none), version=7), ring_s=25).steps == LAST_RESORT


@settings(max_examples=200, deadline=None)
@given(table=tables(), call=facts(), at=instants())
def test_who_cannot_speak_is_offered_to_the_same_as_who_chose_nothing_operators_first_and_at_once(
    table: RoutingTable, call: Facts, at: datetime
) -> None:
    spoken = call.model_copy(update={"choice": Choice.SILENT, "category": None, "suspicion": 0})
    whole = plan(table, spoken, at)
    found = plan(table, call.model_copy(update={"choice": Choice.CANNOT_SPEAK}), at)
    assert (found.route, found.urgency, found.category) == (whole.route, 10, None)
    assert not any(isinstance(step, p.Announce | p.Challenge) for step in found.steps)
    assert sum(worst_s(s) for s in found.steps) <= sum(worst_s(s) for s in whole.steps)
    offers = [who(s) for s in whole.steps if not isinstance(s, p.Announce | p.Challenge)]
    assert sorted(who(s) for s in found.steps) == sorted(offers)
    kinds = [isinstance(s, p.Ring) for s in found.steps if not isinstance(s, p.Record) and not getattr(s, "last", 0)]
    assert kinds == sorted(kinds, reverse=True), "operators are rung before agencies"


@settings(max_examples=200, deadline=None)
@given(table=tables(), call=facts(), at=instants())
def test_a_challenge_never_betters_a_place_and_is_never_the_end(
    table: RoutingTable, call: Facts, at: datetime
) -> None:
    found = plan(table, call, at)
    assert all(s.urgency <= found.urgency for s in found.steps if isinstance(s, p.Challenge))
    assert not isinstance(found.steps[-1], p.Challenge)


def test_a_route_may_give_another_place_in_the_queue() -> None:
    def later(document: Document) -> None:
        document["routing"]["routes"][0]["urgency"] = 1

    assert plan(small(), citizen("fire")).urgency > 1
    assert plan(small(later), citizen("fire")).urgency == 1
