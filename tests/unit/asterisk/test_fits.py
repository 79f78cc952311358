"""A table that this PBX cannot carry is refused before anything is changed."""

from __future__ import annotations

import pytest

from callrouter.asterisk.fits import require_fits
from callrouter.asterisk.plan_codec import MAX_PLAN_CHARS, PlanTooLong, encode
from callrouter.errors import OperatorError
from callrouter.routing.decide import compile_table, plan_of
from callrouter.routing.plan import Plan
from callrouter.routing.table import RoutingTable
from tests.pbx.tables import table


def with_route(targets: int, steps: int, digits: int = 20) -> RoutingTable:
    """Return a table with one route of `steps` steps, each of `targets` targets with the longest keys there are."""
    given = table()
    contacts = [{"key": f"c{n}" + "x" * 28, "trunk": "damkar", "number": "1" * digits} for n in range(8)]
    agency = {"key": "a" * 31, "name": {"id": "A", "en": "A"}, "contacts": contacts}
    given["directory"]["agencies"] = [*given["directory"]["agencies"], agency]
    step = {"kind": "dial", "targets": [f"{agency['key']}/{c['key']}" for c in contacts[:targets]]}
    route = {"key": "long", "priority": 9999, "when": {}, "steps": [step] * steps}
    given["routing"]["routes"] = [*given["routing"]["routes"], route]
    return RoutingTable.model_validate(given)


def test_table_of_ordinary_routes_fits() -> None:
    require_fits(with_route(targets=2, steps=3))


def test_route_whose_plan_is_too_long_is_named() -> None:
    with pytest.raises(OperatorError) as caught:
        require_fits(with_route(targets=8, steps=8))
    assert "'long'" in caught.value.what
    assert "1500" in caught.value.message("id")


def with_category(table: RoutingTable, key: str, *only: str) -> RoutingTable:
    """Return `table` with its last category renamed, its long route for those of `only` (none: for everyone)."""
    document = table.model_dump(mode="json")
    last = document["routing"]["categories"][-1]
    for route in document["routing"]["routes"]:
        when = route["when"]
        when["category"] = [key if name == last["key"] else name for name in when["category"]]
        if route["key"] == "long":
            when["category"] = only
    last["key"] = key
    return RoutingTable.model_validate(document)


def nearly_too_long() -> RoutingTable:
    """Return a table whose long route has a plan that fits only without one more name of 31 characters."""
    for digits in range(1, 21):
        found = with_route(targets=8, steps=2, digits=digits)
        compiled = compile_table(found, 999_999_999)
        (route,) = [route for route in compiled.by_category[None] if route.key == "long"]
        if (
            MAX_PLAN_CHARS - 31
            < _length(plan_of(compiled, route, None, came_by=None))
            <= MAX_PLAN_CHARS - len("short")
        ):
            return found
    raise LookupError("no such table")


def _length(plan: Plan) -> int:
    try:
        return len(encode(plan))
    except PlanTooLong as error:
        return error.length


def test_longest_category_counts_where_its_route_is_for_everyone() -> None:
    require_fits(with_category(nearly_too_long(), "short"))
    with pytest.raises(OperatorError) as caught:
        require_fits(with_category(nearly_too_long(), "k" * 31))
    assert "'long'" in caught.value.what


def test_only_those_categories_count_that_the_route_is_for() -> None:
    require_fits(with_category(nearly_too_long(), "k" * 31, table()["routing"]["categories"][0]["key"]))
    with pytest.raises(OperatorError):
        require_fits(with_category(nearly_too_long(), "k" * 31, "k" * 31))


@pytest.mark.parametrize("key", ["general", "callrouter"])
def test_ring_group_cannot_take_a_name_of_the_pbx(key: str) -> None:
    given = table()
    given["routing"]["ring_groups"].append({"key": key, "members": ["op1"]})
    with pytest.raises(OperatorError) as caught:
        require_fits(RoutingTable.model_validate(given))
    assert key in caught.value.what
