"""A table that this PBX cannot carry is refused before anything is changed."""

from __future__ import annotations

import pytest

from callrouter.asterisk import fits
from callrouter.asterisk.fits import MAX_FAILSAFE_CHARS
from callrouter.asterisk.plan_codec import MAX_PLAN_CHARS, PlanTooLong, encode
from callrouter.errors import OperatorError
from callrouter.routing.decide import compile_table, plan_of
from callrouter.routing.plan import Plan
from callrouter.routing.table import RoutingTable
from callrouter.settings import Settings
from tests.pbx.tables import table


def require_fits(table: RoutingTable, **settings: object) -> None:
    fits.require_fits(table, Settings.model_validate(settings))


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
    for option in document["routing"]["menus"][0]["options"]:
        option["category"] = key if option["category"] == last["key"] else option["category"]
    last["key"] = key
    return RoutingTable.model_validate(document)


def nearly_too_long() -> RoutingTable:
    """Return a table whose long route has a plan that fits only without one more name of 31 characters."""
    for digits in range(1, 21):
        found = with_route(targets=8, steps=2, digits=digits)
        compiled = compile_table(found, 999_999_999)
        (route,) = [route for route in found.routing.routes if route.key == "long"]
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
    with pytest.raises(ValueError, match=f"/routing/ring_groups/2/key: '{key}' names a part"):
        RoutingTable.model_validate(given)


@pytest.mark.parametrize("key", ["trunk-telco", "callrouter-endpoint"])
def test_operator_cannot_take_a_name_of_the_pbx(key: str) -> None:
    given = table()
    given["directory"]["operators"].append({"key": key, "name": "Meja 9"})
    with pytest.raises(ValueError, match=f"/directory/operators/2/key: '{key}' names a part"):
        RoutingTable.model_validate(given)


def with_trunk(**fields: object) -> RoutingTable:
    given = table()
    given["directory"]["trunks"][0] |= fields
    return RoutingTable.model_validate(given)


def test_trunk_outside_the_networks_of_the_deployment_is_named() -> None:
    with pytest.raises(OperatorError, match=r"telco.*outside.*TRUNK_NETWORKS"):
        require_fits(with_trunk(host="203.0.113.7"))
    require_fits(with_trunk(host="203.0.113.7"), trunk_networks=("127.0.0.0/8", "203.0.113.0/24"))
    require_fits(with_trunk(host="fd00::7"))


def test_trunk_by_tls_needs_a_certificate_of_the_pbx() -> None:
    with pytest.raises(OperatorError, match=r"telco.*TLS.*CALLROUTER_SIP_TLS_CERT"):
        require_fits(with_trunk(transport="tls"))
    with pytest.raises(OperatorError, match="TLS"):
        require_fits(with_trunk(transport="tls"), sip_tls_cert="cert.pem")
    require_fits(with_trunk(transport="tls"), sip_tls_cert="cert.pem", sip_tls_key="key.pem")


def test_failsafe_that_no_line_of_the_manager_interface_carries_is_refused() -> None:
    given = table()
    given["routing"]["static_numbers"] = [{"trunk": "a" * 31, "number": f"{n}" * 20} for n in range(8)]
    given["directory"]["trunks"].append({"key": "a" * 31, "kind": "carrier", "host": "127.0.0.99"})
    given["routing"]["last_resort"] = {"group": None}
    fitting = RoutingTable.model_validate(given)
    require_fits(fitting)  # the longest there can be is not too long today
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fits, "MAX_FAILSAFE_CHARS", 400)
        with pytest.raises(OperatorError, match="static_numbers"):
            require_fits(fitting)
    assert MAX_FAILSAFE_CHARS < 1000
