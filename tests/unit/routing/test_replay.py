"""Past calls through another table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings

from callrouter.asterisk.plan_codec import PlanTooLong, encode
from callrouter.routing import replay as r
from callrouter.routing.decide import CompiledTable, compile_table, decide
from callrouter.routing.facts import Facts
from callrouter.routing.replay import Moved, Replay, Tally, Way, replay, where, where_of_text
from callrouter.routing.table import RoutingTable
from tests.unit.routing.tables import Document, citizen, facts, instants, small, tables

AT = 1_772_510_700_000_000
FIRE = "damkar/posko > bpbd/posko > operators > last_resort:operators > record_message"
ALL = "operators > last_resort:operators > record_message"


@dataclass(frozen=True)
class Call:
    """A call as it was decided."""

    call: str
    facts: Facts
    plan_text: str
    at: int = AT


def decided(table: RoutingTable, name: str, facts: Facts, at: int = AT) -> Call:
    """Return the call as `table` decided it."""
    plan = decide(compile_table(table, 3), facts, datetime.fromtimestamp(at / 1e6, UTC))
    return Call(name, facts, encode(plan), at)


def compiled(table: RoutingTable) -> CompiledTable:
    return compile_table(table, 4)


def to_bpbd(table: Document) -> None:
    table["routing"]["routes"][0]["steps"] = [{"kind": "dial", "targets": ["bpbd/posko"]}]


def only_an_announcement(table: Document) -> None:
    for route in table["routing"]["routes"]:
        route["steps"] = [{"kind": "announce", "prompt": "wait"}]


@settings(max_examples=200, deadline=None)
@given(table=tables(), call=facts(), at=instants())
def test_plan_goes_where_its_text_says(table: RoutingTable, call: Facts, at: datetime) -> None:
    plan = decide(compile_table(table, 1), call, at)
    try:
        text = encode(plan)
    except PlanTooLong:
        return
    assert where_of_text(text) == where(plan)


@settings(max_examples=60, deadline=None)
@given(table=tables(), call=facts(), at=instants())
def test_table_that_is_replayed_on_its_own_calls_moves_none(table: RoutingTable, call: Facts, at: datetime) -> None:
    past = decided(table, "a", call, round(at.timestamp() * 1e6))
    found = replay(compiled(table), [past])
    assert (found.calls, found.same, found.moved, found.unreadable) == (1, 1, 0, 0)


def test_call_that_would_go_elsewhere_is_told_from_where_to_where() -> None:
    calls = [decided(small(), name, citizen(category)) for name, category in (("a", "fire"), ("b", "light"))]
    found = replay(compiled(small(to_bpbd)), calls)
    to = "bpbd/posko > last_resort:operators > record_message"
    assert found == Replay(
        calls=2, same=1, moved=1, ways=(Way(FIRE, to, 1),), examples=(Moved("a", AT, "fire", FIRE, to),)
    )


def test_ways_are_counted_and_the_most_frequent_comes_first() -> None:
    def both(table: Document) -> None:
        to_bpbd(table)
        table["routing"]["routes"][1]["steps"] = [{"kind": "dial", "targets": ["damkar/posko"]}]

    categories = ["light", "fire", "fire", None, "light", None]
    calls = [decided(small(), str(n), citizen(category)) for n, category in enumerate(categories)]
    found = replay(compiled(small(both)), calls)
    assert [(way.from_where, way.calls) for way in found.ways] == [(ALL, 4), (FIRE, 2)]
    assert [(moved.call, moved.category) for moved in found.examples] == [
        (str(n), category) for n, category in enumerate(categories)
    ]


def test_other_ring_times_and_announcements_are_no_other_way() -> None:
    def slower(table: Document) -> None:
        table["routing"]["routes"][0]["steps"][0]["ring_s"] = 33
        table["routing"]["routes"][0]["steps"].insert(0, {"kind": "announce", "prompt": "connecting"})

    assert replay(compiled(small(slower)), [decided(small(), "a", citizen())]).moved == 0


def test_order_in_which_agencies_are_rung_is_another_way() -> None:
    def turned(table: Document) -> None:
        table["routing"]["routes"][0]["steps"].reverse()

    assert replay(compiled(small(turned)), [decided(small(), "a", citizen())]).moved == 1


def test_calls_that_nobody_would_be_offered_any_more_are_counted() -> None:
    calls = [decided(small(), "a", citizen()), decided(small(only_an_announcement), "b", citizen())]
    found = replay(compiled(small(only_an_announcement)), calls)
    assert (found.moved, found.same, found.newly_unoffered) == (1, 1, 1)


def test_call_that_would_only_be_told_something_is_not_counted_as_stranded() -> None:
    def information(table: Document) -> None:
        only_an_announcement(table)
        for route in table["routing"]["routes"]:
            route["information"] = True

    found = replay(compiled(small(information)), [decided(small(), "a", citizen())])
    assert (found.moved, found.newly_unoffered) == (1, 0)


def test_call_is_decided_as_of_the_time_that_it_came() -> None:
    def until_then(table: Document) -> None:
        to_bpbd(table)
        table["routing"]["routes"][0]["valid_until"] = datetime.fromtimestamp(AT / 1e6 + 1, UTC).isoformat()
        table["routing"]["routes"].append(
            {"key": "after", "priority": 1, "steps": [{"kind": "ringgroup", "group": "operators"}]}
        )

    calls = [decided(small(), "a", citizen(), AT), decided(small(), "b", citizen(), AT + 1_000_000)]
    found = replay(compiled(small(until_then)), calls)
    assert [way.to_where for way in found.ways] == ["bpbd/posko > last_resort:operators > record_message", ALL]


def test_category_that_the_table_has_no_more_is_counted() -> None:
    def without_fire(table: Document) -> None:
        routing = table["routing"]
        del routing["routes"][0], routing["categories"][0], routing["menus"][0]["options"][0]

    found = replay(compiled(small(without_fire)), [decided(small(), "a", citizen())])
    assert (found.unknown_category, found.ways) == (1, (Way(FIRE, ALL, 1),))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plan,1,fire,5,fire",
        "record,60",
        "plan,1,a,5,!dial,PJSIP/1@trunk-x,20",
        "plan,1,a,5,!fax,1",
        "plan,1,a,5,!",
    ],
)
def test_call_whose_old_plan_cannot_be_read_is_counted_apart(text: str) -> None:
    past = replace(decided(small(), "a", citizen()), plan_text=text)
    assert replay(compiled(small()), [past]) == Replay(calls=1, unreadable=1)


def test_group_of_whatever_name_is_taken_for_no_message() -> None:
    def record(table: Document) -> None:
        table["routing"]["ring_groups"].append({"key": "record", "members": ["op1"]})
        table["routing"]["routes"][1]["steps"] = [{"kind": "ringgroup", "group": "record"}]

    found = replay(compiled(small(record)), [decided(small(), "a", citizen("light"))])
    assert (found.moved, found.newly_unoffered) == (1, 0)


def test_facts_of_an_older_version_have_the_neutral_value_of_what_came_later() -> None:
    def for_known(table: Document) -> None:
        table["routing"]["routes"][0]["when"] |= {
            "area": ["unknown"],
            "suspicion": {"below": 1},
            "posture": ["green"],
            "state": [{"agency": "damkar", "state": "available"}],
        }

    old = Facts.model_validate(
        {"origin": "citizen", "choice": "none", "category": "fire", "trunk": "telco", "trunk_kind": "carrier"}
    )
    assert replay(compiled(small(for_known)), [decided(small(), "a", old)]).same == 1


def test_only_the_first_are_told_one_by_one_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(r, "MAX_MOVED", 3)
    tally = Tally(compiled(small(to_bpbd)))
    for part in range(2):
        tally.add(decided(small(), f"{part}{n}", citizen()) for n in range(2))
    found = tally.done()
    assert (found.calls, found.moved, found.ways[0].calls) == (4, 4, 4)
    assert [moved.call for moved in found.examples] == ["00", "01", "10"]
