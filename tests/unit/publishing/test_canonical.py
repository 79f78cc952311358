"""The one text of a table."""

from __future__ import annotations

import json

import pytest

from callrouter.publishing.canonical import (
    DoesNotFit,
    digest,
    directory_text,
    entry_text,
    read_directory,
    read_entry,
    read_routing,
    routing_text,
)
from callrouter.routing.directory import Agency, Contact, EmailContact
from callrouter.routing.entries import Kind, canonical
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Text
from tests.storage.desks import operator, table


def _shuffled(whole: RoutingTable) -> RoutingTable:
    half = whole.routing
    changed = {"routes": half.routes[::-1], "areas": half.areas[::-1]}
    return whole.model_copy(update={"routing": half.model_copy(update=changed)})


def test_the_text_is_json_of_the_table_with_sorted_keys() -> None:
    whole = table(3, name="Pusat Jyv\u00e4skyl\u00e4")
    text = routing_text(whole.centre, whole.routing)
    routing = canonical(whole.routing).model_dump(mode="json")
    for route in routing["routes"]:
        assert route.pop("urgency") is None, "what came later is left out where it is empty"
    expected = {
        "centre": whole.centre.model_dump(mode="json"),
        "routing": routing,
        "schema_version": 1,
    }
    assert text == json.dumps(expected, sort_keys=True, separators=(",", ":"))
    assert text.isascii()
    assert json.loads(directory_text(whole.directory))["operators"][0]["key"] == "op1"


def test_the_order_of_collections_does_not_count() -> None:
    whole = table(5)
    texts = {routing_text(each.centre, each.routing) for each in (whole, _shuffled(whole))}
    assert len(texts) == 1


def test_what_decides_differently_has_another_hash() -> None:
    texts = [routing_text(each.centre, each.routing) for each in (table(2), table(3), table(2, name="Lain"))]
    assert len({digest(text) for text in texts}) == 3


def test_a_text_is_read_as_it_was_written() -> None:
    whole = table(5)
    assert read_routing(routing_text(whole.centre, whole.routing)) == (whole.centre, canonical(whole.routing))
    directory = read_directory(directory_text(whole.directory))
    assert directory_text(directory) == directory_text(whole.directory)
    assert read_entry(Kind.OPERATORS, entry_text(operator())) == operator()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "table: not canonical JSON"),
        ("{", "table: not canonical JSON"),
        ('{"centre":', "table: not canonical JSON"),
        ('{"a":1 "b":2}', "table: not canonical JSON"),
        ('{"a":[1 2]}', "table: not canonical JSON"),
        ('{"a"=1}', "table: not canonical JSON"),
        ("{} ", "table: not one JSON object"),
        ("[]", "table: not one JSON object"),
        ("{}", "schema_version: Field required"),
    ],
)
def test_what_is_no_text_of_ours_is_refused(text: str, told: str) -> None:
    with pytest.raises(DoesNotFit, match=f"^{told}$"):
        read_routing(text)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"schema_version":1', '"schema_version":9', "schema_version: Input should be 1"),
        ('"wait_s":30', '"wait_s":0', r"routing\.routes\.0\.steps\.1\.ringgroup\.wait_s: .*greater than or equal"),
        ('"main_menu":"main"', '"main_menu":"main","more":1', r"routing\.more: Extra inputs"),
        ('"shifts":[{', '"shifts":7,"x":[{', r"routing\.shifts: not a list"),
        ('"timezone":"Asia/Jakarta"', '"timezone":7', r"centre\.timezone: Input should be a valid string"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(old: str, new: str, told: str) -> None:
    whole = table(1)
    text = routing_text(whole.centre, whole.routing)
    assert text.count(old) >= 1
    with pytest.raises(DoesNotFit, match=told):
        read_routing(text.replace(old, new, 1))


def test_an_entry_of_another_kind_is_refused() -> None:
    with pytest.raises(DoesNotFit, match=r"trunks\.kind: Field required"):
        read_entry(Kind.TRUNKS, entry_text(operator()))


def test_an_agency_without_contact_points_for_notices_has_the_text_of_before() -> None:
    agency = Agency(
        key="damkar",
        name=Text(id="Pemadam", en="Fire brigade"),
        contacts=(Contact(key="posko", trunk="damkar", number="101"),),
    )
    point = EmailContact(key="kantor", channel="email", address="posko@damkar.example")
    told = agency.model_copy(update={"notices": (point,)})
    assert "notices" not in entry_text(agency)
    assert read_entry(Kind.AGENCIES, entry_text(agency)) == agency
    assert read_entry(Kind.AGENCIES, entry_text(told)) == told


def test_a_place_in_the_queue_is_written_where_a_route_has_one_and_changes_no_other_text() -> None:
    whole = table(2)
    first = whole.routing.routes[0]
    text = entry_text(first)
    assert "urgency" not in text
    assert read_entry(Kind.ROUTES, text) == first
    later = first.model_copy(update={"urgency": 0})
    assert '"urgency":0' in entry_text(later)
    assert read_entry(Kind.ROUTES, entry_text(later)) == later
