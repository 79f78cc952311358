"""A table that this PBX cannot carry is refused before anything is changed."""

from __future__ import annotations

import pytest

from callrouter.asterisk.fits import require_fits
from callrouter.errors import OperatorError
from callrouter.routing.table import RoutingTable
from tests.pbx.tables import table


def with_route(targets: int, steps: int) -> RoutingTable:
    """Return a table with one route of `steps` steps, each of `targets` targets with the longest keys there are."""
    given = table()
    contacts = [{"key": f"c{n}" + "x" * 28, "trunk": "damkar", "number": "1" * 20} for n in range(8)]
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


@pytest.mark.parametrize("key", ["general", "callrouter"])
def test_ring_group_cannot_take_a_name_of_the_pbx(key: str) -> None:
    given = table()
    given["routing"]["ring_groups"].append({"key": key, "members": ["op1"]})
    with pytest.raises(OperatorError) as caught:
        require_fits(RoutingTable.model_validate(given))
    assert key in caught.value.what
