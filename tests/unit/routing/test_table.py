"""What a routing table refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from callrouter.routing.consistency import Problem
from callrouter.routing.table import MAX_ROUTES, RoutingTable
from tests.unit.routing.tables import Document, changed, small

Change = Callable[[Document], object]
MENU = "/routing/menus/0"


def refused(change: Change) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        RoutingTable.model_validate(changed(change))
    return caught.value


def problems(change: Change) -> list[Problem]:
    (found,) = refused(change).errors()
    assert found["type"] == "inconsistent"
    listed: list[Problem] = found["ctx"]["problems"]
    return listed


def put(path: str, value: object) -> Change:
    """Return a change that puts `value` at a JSON pointer of the document."""

    def change(document: Document) -> None:
        here: object = document
        *parts, last = path.strip("/").split("/")
        for part in parts:
            here = here[int(part)] if isinstance(here, list) else here[part]  # type: ignore[index]
        if isinstance(here, list):
            here[int(last) : int(last) + 1] = [value]
        else:
            here[last] = value  # type: ignore[index]

    return change


def test_small_table_is_consistent() -> None:
    assert small().trunk("telco") is not None
    assert small().trunk("nowhere") is None
    assert small().category("fire") is not None
    assert small().category("nowhere") is None


@pytest.mark.parametrize(
    ("path", "value", "at", "says"),
    [
        ("/directory/trunks/1/key", "telco", "/directory/trunks/1/key", "trunk 'telco' is given twice"),
        ("/directory/trunks/1/host", "127.0.112.1", "/directory/trunks/1/host", "'127.0.112.1' is given twice"),
        ("/directory/operators/1/key", "op1", "/directory/operators/1/key", "operator 'op1' is given twice"),
        ("/directory/operators/1/key", "telco", "/directory/operators/1/key", "a trunk's key too"),
        ("/directory/agencies/1/key", "damkar", "/directory/agencies/1/key", "agency 'damkar' is given twice"),
        ("/directory/agencies/0/contacts/1/key", "posko", "/directory/agencies/0/contacts/1/key", "given twice"),
        (
            "/directory/agencies/1/contacts/0/trunk",
            "pln",
            "/directory/agencies/1/contacts/0/trunk",
            "trunk 'pln' does",
        ),
        ("/routing/categories/1/key", "fire", "/routing/categories/1/key", "category 'fire' is given twice"),
        ("/routing/categories/1/key", "unknown", "/routing/categories/1/key", "a call without a category"),
        ("/routing/main_menu", "mian", "/routing/main_menu", "menu 'mian' does not exist"),
        (f"{MENU}/options/1/digit", "1", f"{MENU}/options/1/digit", "menu digit '1' is given twice"),
        (f"{MENU}/options/1/category", "gas", f"{MENU}/options/1/category", "category 'gas' does not"),
        (f"{MENU}/switch_digit", "2", f"{MENU}/options/1/digit", "switches the language"),
        (f"{MENU}/languages/1", "id", f"{MENU}/languages/1", "language 'id' is given twice"),
        ("/routing/ring_groups/0/members/1", "op1", "/routing/ring_groups/0/members/1", "'op1' is given twice"),
        ("/routing/ring_groups/0/members/1", "op9", "/routing/ring_groups/0/members/1", "operator 'op9' does not"),
        ("/routing/routes/1/key", "fire", "/routing/routes/1/key", "route 'fire' is given twice"),
        ("/routing/routes/1/priority", 500, "/routing/routes/1/priority", "priority '500' is given twice"),
        ("/routing/routes/0/when/category/0", "gas", "/routing/routes/0/when/category/0", "category 'gas' does not"),
        ("/routing/routes/0/when/trunk", ["gas"], "/routing/routes/0/when/trunk/0", "trunk 'gas' does not"),
        (
            "/routing/routes/0/steps/1/targets/0",
            "bpbd/posko",
            "/routing/routes/0/steps/1/targets/1",
            "target 'bpbd/posko' is given twice",
        ),
        (
            "/routing/routes/0/steps/0/targets/0",
            "damkar/gone",
            "/routing/routes/0/steps/0/targets/0",
            "contact 'damkar/gone' does not exist",
        ),
        ("/routing/routes/0/steps/2/group", "night", "/routing/routes/0/steps/2/group", "group 'night' does not"),
        ("/routing/last_resort/group", "night", "/routing/last_resort/group", "ring group 'night' does not"),
        ("/routing/static_numbers/0/trunk", "gone", "/routing/static_numbers/0/trunk", "trunk 'gone' does not"),
    ],
)
def test_inconsistency_is_told_where_it_is(path: str, value: object, at: str, says: str) -> None:
    found = problems(put(path, value))
    assert [p for p in found if p.pointer == at and says in p.sentence.en], found
    assert all(p.remedy for p in found)


def test_every_inconsistency_is_told_at_once() -> None:
    def several(table: Document) -> None:
        put("/routing/last_resort/group", "night")(table)
        put("/routing/routes/1/priority", 500)(table)
        put("/routing/ring_groups/0/members/1", "op9")(table)

    error = refused(several)
    assert {p.pointer for p in error.errors()[0]["ctx"]["problems"]} == {
        "/routing/last_resort/group",
        "/routing/routes/1/priority",
        "/routing/ring_groups/0/members/1",
    }
    assert "ring group 'night' does not exist" in str(error)


def test_name_close_to_a_known_one_is_offered() -> None:
    (found,) = problems(put("/routing/routes/0/steps/0/targets/0", "damkar/posk"))
    assert "damkar/posko" in found.remedy.en


@pytest.mark.parametrize(
    "host",
    [
        "sip.example.org",
        "",
        "0.0.0.0",  # noqa: S104 - it must be refused
        "::",
        "224.0.0.1",
        "ff02::1",
        "fe80::1%eth0",
        "fe80::1%x\nmatch=0.0.0.0/0",
        "127.0.0.1/8",
        "127.0.0.1\n",
    ],
)
def test_trunk_is_the_address_of_one_machine(host: str) -> None:
    (found,) = refused(put("/directory/trunks/0/host", host)).errors()
    assert found["loc"] == ("directory", "trunks", 0, "host")


@pytest.mark.parametrize("host", ["10.1.2.3", "2001:db8::5"])
def test_trunk_may_have_an_address_of_either_kind(host: str) -> None:
    assert small(put("/directory/trunks/0/host", host)).directory.trunks[0].host == host


@pytest.mark.parametrize(
    "name",
    ["", " ", "a\nb", "a\rb", "a\x00", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u202egnp.exe", "\u2066", "x" * 121],
)
def test_name_is_one_visible_line(name: str) -> None:
    (found,) = refused(put("/directory/agencies/0/name/id", name)).errors()
    assert found["loc"] == ("directory", "agencies", 0, "name", "id")


@pytest.mark.parametrize("name", ["Damkar 🔥", "Dinas Kesehatan & RSUD", "Jalan “Ijen”; no. 1", "消防", "👩‍🚒"])
def test_name_may_be_in_any_script(name: str) -> None:
    assert small(put("/directory/agencies/0/name/id", name)).directory.agencies[0].name.id == name


@pytest.mark.parametrize(
    "key", ["", "Damkar", "1a", "-a", "a,b", "a&b", "a/b", "a b", "a\n", "a${b}", "ä", "a_b", "a.b", "a" * 32]
)
def test_key_is_safe_in_dialplan_files_and_endpoints(key: str) -> None:
    found = refused(put("/routing/categories/0/key", key)).errors()
    assert ("routing", "categories", 0, "key") in {f["loc"] for f in found}


@pytest.mark.parametrize("number", ["", "+", "0811-22", "0811 22", "112;x", "112&PJSIP/x", "1" * 21, "१२"])
def test_number_has_digits_only(number: str) -> None:
    (found,) = refused(put("/directory/agencies/0/contacts/0/number", number)).errors()
    assert found["loc"] == ("directory", "agencies", 0, "contacts", 0, "number")


@pytest.mark.parametrize("zone", ["Mars/Phobos", "", "../../etc/passwd", "x" * 10_000, "\0"])
def test_time_zone_must_exist(zone: str) -> None:
    (found,) = refused(put("/centre/timezone", zone)).errors()
    assert found["loc"] == ("centre", "timezone")


def test_table_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        small().centre.name = "other"  # type: ignore[misc]


def test_table_is_the_same_after_its_json() -> None:
    assert RoutingTable.model_validate_json(small().model_dump_json(), strict=True) == small()


def test_more_routes_than_the_bound_are_refused() -> None:
    def many(table: Document) -> None:
        step = {"kind": "announce", "prompt": "connecting"}
        table["routing"]["routes"] = [{"key": f"r{n}", "priority": n, "steps": [step]} for n in range(MAX_ROUTES + 1)]

    (found,) = refused(many).errors()
    assert found["type"] == "too_long"
