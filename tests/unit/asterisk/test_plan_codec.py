"""A plan as the one variable that the dialplan runs."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.asterisk.plan_codec import MAX_PLAN_CHARS, PlanTooLong, encode
from callrouter.asterisk.render import MAX_STEPS
from callrouter.routing.decide import compile_table, decide
from callrouter.routing.facts import Facts
from callrouter.routing.plan import Announce, Dial, Plan, Record, Ring, Target
from callrouter.routing.table import MAX_STEPS as MAX_ROUTE_STEPS
from callrouter.routing.table import MAX_TARGETS, RoutingTable
from tests.unit.routing.tables import facts, tables

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AGENCY = Target("damkar", "posko", "damkar", "101", confirm=False)
MOBILE = Target("damkar", "piket", "telco", "+62811", confirm=True)
END = (Ring("operators", 90, 7, last=True), Record(60))


def plan(*steps: Dial | Ring | Announce | Record, route: str | None = "fire", category: str | None = "fire") -> Plan:
    told = "told-fire-3fa9c21b"
    return Plan((*steps, *END), route=route, urgency=10, version=3, category=category, told=told)


def fullest(targets: int) -> Dial:
    """A step in which every part is as long as a table allows."""
    key = "k" * 31
    return Dial((Target(key, key, key, "+" + "9" * 20, confirm=True),) * targets, 60, announce=True)


def test_plan_is_written_step_by_step() -> None:
    text = encode(plan(Dial((AGENCY, MOBILE), 20, announce=True), Ring("operators", 30, 5), Announce("connecting")))
    assert text.split("!") == [
        "plan,3,fire,10,fire,told-fire-3fa9c21b",
        "dial,PJSIP/101@trunk-damkar&Local/c+62811_telco@callrouter-confirm/n,20,a,damkar/posko+damkar/piket",
        "ring,operators,30,5",
        "announce,connecting",
        "last,operators,90",
        "record,60",
    ]


def test_step_without_announcement_says_so() -> None:
    assert "dial,PJSIP/101@trunk-damkar,20,n,damkar/posko" in encode(plan(Dial((AGENCY,), 20, announce=False)))


def test_plan_of_no_route_leaves_the_route_empty() -> None:
    assert encode(plan(route=None)).startswith("plan,3,,10,fire,told-fire-3fa9c21b!last,")


def test_plan_of_no_choice_leaves_the_category_empty() -> None:
    assert encode(plan(category=None)).startswith("plan,3,fire,10,,told-")


def test_plan_of_the_failsafe_has_the_catalogues_clip() -> None:
    assert encode(Plan(END, "failsafe", 5, 3)).startswith("plan,3,failsafe,5,,told-unknown!")


@given(tables(), facts())
def test_every_plan_of_a_valid_table_is_in_the_closed_alphabet_or_too_long(table: RoutingTable, given: Facts) -> None:
    decided = decide(compile_table(table, 1), given, NOW)
    try:
        text = encode(decided)
    except PlanTooLong:
        return
    assert len(text) <= MAX_PLAN_CHARS
    head, *steps = text.split("!")
    assert re.fullmatch(r"plan,1,[a-z0-9-]*,\d{1,2},[a-z0-9-]*,told-[a-z0-9-]+", head)
    assert head.split(",")[-2] == (decided.category or "")
    assert len(steps) == len(decided.steps) < MAX_STEPS
    for step in steps:
        assert re.fullmatch(
            r"dial,(PJSIP/\+?\d+@trunk-[a-z0-9-]+|Local/c\+?\d+_[a-z0-9-]+@callrouter-confirm/n)"
            r"(&(PJSIP/\+?\d+@trunk-[a-z0-9-]+|Local/c\+?\d+_[a-z0-9-]+@callrouter-confirm/n))*,\d+,[an],[a-z0-9/+-]+(,\d+(&\d+)*)?"
            r"|(ring,[a-z0-9-]+,\d+,\d+)|(last,[a-z0-9-]+,\d+)|(announce,[a-z0-9-]+)|(challenge,\d+,\d+)|(record,\d+)",
            step,
        )


HOSTILE = st.text(min_size=1, max_size=12).filter(lambda text: not re.fullmatch(r"[A-Za-z0-9+-]*", text))


@given(
    HOSTILE,
    st.sampled_from(["agency", "contact", "trunk", "number", "group", "prompt", "route", "category", "told", "last"]),
)
def test_no_part_of_a_plan_can_become_a_second_step_or_a_function(text: str, where: str) -> None:
    match where:
        case "group":
            given_plan = plan(Ring(text, 30, 5))
        case "last":
            given_plan = Plan((Ring(text, 30, 5, last=True),), "fire", 10, 3)
        case "prompt":
            given_plan = plan(Announce(text))
        case "route":
            given_plan = plan(route=text)
        case "category":
            given_plan = plan(category=text)
        case "told":
            given_plan = replace(plan(), told=text)
        case _:
            parts: dict[str, Any] = {where: text}
            given_plan = plan(Dial((replace(AGENCY, **parts),), 20, announce=True))
    with pytest.raises(ValueError, match="must not see"):
        encode(given_plan)


@pytest.mark.parametrize(
    "text", ["1!record", "1,2", "1&PJSIP/x", "${SHELL(id)}", "a;b", "a|b", "a^b", "a~b", "a b", "a\nb"]
)
def test_separators_and_functions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must not see"):
        encode(plan(Dial((replace(AGENCY, number=text),), 20, announce=True)))


def test_longest_step_of_a_table_fits_and_the_fullest_route_does_not() -> None:
    assert len(encode(plan(fullest(MAX_TARGETS)))) <= MAX_PLAN_CHARS
    with pytest.raises(PlanTooLong, match="route 'fire'"):
        encode(plan(*[fullest(MAX_TARGETS)] * MAX_ROUTE_STEPS))
