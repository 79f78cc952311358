"""The plan that the PBX follows alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.asterisk.plan_codec import encode
from callrouter.routing.decide import MESSAGE_S, NO_CATEGORY_URGENCY, compile_table
from callrouter.routing.failsafe import OPERATORS_FIRST_S, static_plan
from callrouter.routing.plan import Dial, Record, Ring, Target
from callrouter.routing.table import RoutingTable
from tests.unit.routing.tables import Document, small, tables


def no_static_numbers(document: Document) -> None:
    document["routing"]["static_numbers"] = []


def test_operators_are_rung_then_the_static_numbers_then_the_last_resort() -> None:
    plan = static_plan(compile_table(small(), 4), 25)
    assert plan.steps == (
        Ring("operators", OPERATORS_FIRST_S, 4 + 3),
        Dial((Target("static", "n0", "telco", "0812", confirm=False),), 25, announce=True),
        Ring("operators", 90, 4, last=True),
        Record(MESSAGE_S),
    )
    assert (plan.route, plan.urgency, plan.version, plan.category) == ("failsafe", NO_CATEGORY_URGENCY, 4, None)


def test_table_without_static_numbers_goes_to_the_last_resort_at_once() -> None:
    plan = static_plan(compile_table(small(no_static_numbers), 4), 25)
    assert plan.steps == (Ring("operators", 90, 4, last=True), Record(MESSAGE_S))


@settings(deadline=None)
@given(tables(), st.lists(st.text("0123456789", min_size=1, max_size=20), max_size=8), st.integers(1, 60))
def test_failsafe_of_any_table_fits_and_ends_with_a_message(
    table: RoutingTable, numbers: list[str], ring_s: int
) -> None:
    document = table.model_dump(mode="json")
    trunk = document["directory"]["trunks"][0]
    document["routing"]["static_numbers"] = [{"trunk": trunk["key"], "number": number} for number in numbers]
    usable = trunk["enabled"] and trunk["channels"] > 0
    plan = static_plan(compile_table(RoutingTable.model_validate(document), 1), ring_s)
    assert encode(plan).startswith(f"plan,1,failsafe,{NO_CATEGORY_URGENCY},,told-unknown!")
    assert encode(plan).endswith(f"!record,{MESSAGE_S}")
    dialled = [target.number for step in plan.steps if isinstance(step, Dial) for target in step.targets]
    assert dialled == (numbers if usable else [])
    assert all(step.ring_s == ring_s for step in plan.steps if isinstance(step, Dial))


def no_group(document: Document) -> None:
    document["routing"]["last_resort"]["group"] = None


def no_line(document: Document) -> None:
    document["directory"]["trunks"][0]["channels"] = 0


def test_without_a_last_group_the_static_numbers_are_rung_at_once() -> None:
    plan = static_plan(compile_table(small(no_group), 4), 25)
    assert [type(s) for s in plan.steps] == [Dial, Record]


def test_static_number_on_a_line_that_takes_no_call_is_left_out() -> None:
    assert [type(s) for s in static_plan(compile_table(small(no_line), 4), 25).steps] == [Ring, Record]


def test_static_number_on_the_line_the_call_came_by_is_left_out() -> None:
    compiled = compile_table(small(), 1)
    with_numbers = static_plan(compiled, 25, came_by="damkar")
    without = static_plan(compiled, 25, came_by="telco")
    assert [type(s) for s in with_numbers.steps] == [Ring, Dial, Ring, Record]
    assert [type(s) for s in without.steps] == [Ring, Record]
