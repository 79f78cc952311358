"""Tables as cards: their canonical text, their YAML, and what an edit may break, each held to the plain way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from callrouter.publishing.canonical import digest, directory_text, routing_text
from callrouter.publishing.cards import card_of
from callrouter.publishing.exporting import exported
from callrouter.publishing.fitting import names_given, problems_of, users_in_draft
from callrouter.publishing.held import EMPTY, changes_between, sheet_of_table
from callrouter.publishing.importing import parse_table, read_table
from callrouter.publishing.sheet import Sheet
from callrouter.resources import resource
from callrouter.routing.consistency import problems
from callrouter.routing.directory import Agency, Contact, Operator, Trunk
from callrouter.routing.entries import MODELS, Kind
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Text, Value
from tests.unit.publishing.fakes import SMALL, changed, table

HERE = Path("table.yaml")
FULL: dict[str, Any] = changed(
    lambda d: d["routing"].update(
        areas=[{"code": "35.07", "name": 'Kab. "Malang" 🚒'}, {"code": "35.07.13.2001", "name": "null"}],
        shifts=[{"key": "pagi", "name": "Pagi: regu A # 1", "schedule": "day", "operators": ["op1"]}],
        schedules=[
            {
                "key": "day",
                "name": "07:00",
                "timezone": "Asia/Makassar",
                "windows": [{"days": ["mon", "sun"], "opens": "07:00", "closes": "24:00"}],
                "holidays": [{"date": "2026-08-17", "name": {"id": "Kemerdekaan", "en": "Independence"}}],
                "exceptions": [
                    {"date": "2026-12-24", "name": {"id": "x", "en": "yes"}, "hours": []},
                    {
                        "date": "2026-12-25",
                        "name": {"id": "~", "en": "a\u00a0b"},
                        "hours": [{"opens": "08:00", "closes": "12:00"}],
                    },
                ],
            }
        ],
        ring_groups=[{"key": "operators", "members": ["op1", "op2"], "shifts": ["pagi"], "may_be_unstaffed": True}],
        routes=[
            *d["routing"]["routes"],
            {
                "key": "everything",
                "priority": 9,
                "when": {
                    "category": ["fire"],
                    "area": ["35.07", "unknown"],
                    "schedule": ["day"],
                    "trunk": ["telco"],
                    "trunk_kind": ["carrier"],
                    "language": ["en"],
                    "suspicion": {"at_least": 10, "below": 50},
                    "posture": ["red"],
                    "state": [
                        {"agency": "pmi", "state": "unavailable"},
                        {"group": "operators", "state": "available"},
                    ],
                },
                "steps": [
                    {"kind": "announce", "prompt": "connecting"},
                    {"kind": "ringgroup", "group": "operators", "wait_s": 7},
                    {"kind": "record", "max_s": 9},
                ],
                "locked": True,
                "valid_from": "2026-01-01T00:00:00+07:00",
                "valid_until": "2026-02-01T00:00:00.5Z",
                "information": True,
            },
        ],
    )
)
FULL["directory"]["trunks"][0] |= {
    "transport": "tls",
    "port": 5061,
    "codecs": ["alaw", "gsm"],
    "login": {"username": "0812+x", "register_here": True},
    "presented_number": "+62341112",
    "area": "35.07",
}


async def sheet_of(found: RoutingTable) -> Sheet:
    return await sheet_of_table(found, EMPTY)


@pytest.mark.parametrize("document", [SMALL, FULL, {"centre": SMALL["centre"]}])
async def test_text_is_the_canonical_one_of_the_whole_table(document: dict[str, Any]) -> None:
    found = table(document)
    sheet = await sheet_of(found)
    whole = found.model_dump(mode="json")
    for agency in whole["directory"]["agencies"]:
        if not agency["notices"]:
            del agency["notices"]  # as texts of before have none
    for route in whole["routing"]["routes"]:
        assert route.pop("urgency") is None  # the same
    assert sheet.text == json.dumps(whole, sort_keys=True, separators=(",", ":"))
    assert sheet.directory_text == directory_text(found.directory)
    assert RoutingTable.model_validate_json(sheet.text) == found == sheet.table


async def test_hash_is_the_one_that_versions_have() -> None:
    sheet = await sheet_of(table(FULL))
    assert sheet.sha256 == (await sheet_of(sheet.table)).sha256
    text = routing_text(sheet.settings.centre, sheet.routing)
    assert text == sheet.text.replace(f'"directory":{sheet.directory_text},', "")
    assert sheet.sha256 == digest(text)


async def test_order_in_the_document_does_not_count() -> None:
    turned = changed(lambda d: [listed.reverse() for listed in (d["routing"]["routes"], d["directory"]["trunks"])])
    assert (await sheet_of(RoutingTable.model_validate(turned))).text == (await sheet_of(table())).text


async def test_changes_between_two_tables_are_those_entries_only() -> None:
    before = await sheet_of(table())
    assert changes_between(before, await sheet_of_table(table(), before)) == []
    other = await sheet_of_table(table(FULL), before)
    named = {type(c).__name__ for c in changes_between(before, other)}
    assert named == {"Put"}
    back = changes_between(other, await sheet_of_table(table(), other))
    assert sum(type(c).__name__ == "Remove" for c in back) == 4


# ---------------------------------------------------------------- YAML


@pytest.mark.parametrize("document", [SMALL, FULL, {"centre": SMALL["centre"]}])
def test_exported_table_is_read_as_an_equal_one_and_exported_alike(document: dict[str, Any]) -> None:
    found = table(document)
    text = exported(found)
    again = parse_table(text.encode(), HERE)
    assert again == found
    assert exported(again) == text


@pytest.mark.parametrize("file", sorted(resource("examples").glob("*.yaml")), ids=lambda file: file.stem)
def test_examples_survive_export_and_import(file: Path) -> None:
    found = read_table(file)
    again = parse_table(exported(found).encode(), HERE)
    assert exported(again) == exported(found)
    assert again.model_dump(exclude={"directory", "routing"}) == found.model_dump(exclude={"directory", "routing"})


NAMES = st.text(min_size=1, max_size=120)


@settings(max_examples=200, deadline=None)
@given(NAMES, NAMES, NAMES)
def test_any_name_that_a_table_takes_survives_export_and_import(centre: str, area: str, said: str) -> None:
    document = changed(lambda d: d["centre"].update(name=centre))
    document["routing"]["areas"] = [{"code": "35", "name": area[:80]}]
    document["routing"]["menus"][0]["name"] = {"id": said, "en": centre}
    try:
        found = table(document)
    except ValidationError:
        return
    assert parse_table(exported(found).encode(), HERE) == found


@settings(max_examples=100, deadline=None)
@given(st.from_regex(r"[a-z0-9:/.~#&*!|>%@`\-\[\]{},? ]{1,20}", fullmatch=True))
def test_names_that_look_like_yaml_survive(name: str) -> None:
    if name.strip():
        found = table(changed(lambda d: d["centre"].update(name=name)))
        assert parse_table(exported(found).encode(), HERE) == found


def test_what_is_default_is_not_written_but_the_kind_of_a_step() -> None:
    text = exported(table())
    assert "{kind: dial, targets: [damkar/posko]}" in text
    assert "ring_s" not in text
    assert "enabled" not in text


# ---------------------------------------------------------------- what an edit may break


KEYS = st.sampled_from(["damkar", "pmi", "telco", "op1", "op2", "main", "more", "fire", "health", "flood", "day"])
NAMED = st.lists(KEYS, max_size=2).map(tuple)


def _value(draw: st.DrawFn, kind: Kind) -> Value:
    key = draw(KEYS)
    name = {"id": "x", "en": "x"}
    documents: dict[Kind, dict[str, Any]] = {
        Kind.TRUNKS: {"kind": "agency", "host": draw(st.sampled_from(["127.0.112.1", "127.0.112.13", "10.0.0.1"]))},
        Kind.AGENCIES: {
            "name": name,
            "contacts": [
                {"key": draw(st.sampled_from(["posko", "markas"])), "trunk": draw(KEYS), "number": "1"}
                for _ in range(draw(st.integers(1, 2)))
            ],
        },
        Kind.OPERATORS: {"name": "x"},
        Kind.CATEGORIES: {"urn": "urn:service:sos", "name": name, "priority": 1},
        Kind.MENUS: {
            "name": name,
            "switch_digit": draw(st.sampled_from(["1", "8", "9"])),
            "languages": draw(st.sampled_from([["id"], ["id", "en"], ["id", "id"]])),
            "options": [
                {"digit": draw(st.sampled_from("189")), draw(st.sampled_from(["category", "menu"])): draw(KEYS)}
                for _ in range(draw(st.integers(1, 3)))
            ],
        },
        Kind.SHIFTS: {"name": "x", "schedule": draw(KEYS), "operators": [draw(KEYS), draw(KEYS)]},
        Kind.RING_GROUPS: {"members": draw(NAMED), "shifts": ["day", *draw(NAMED)]},
        Kind.ROUTES: {
            "priority": draw(st.sampled_from([100, 400, 401, 500])),
            "when": {"category": draw(NAMED), "trunk": draw(NAMED), "schedule": draw(NAMED)},
            "steps": [{"kind": "dial", "targets": [f"{draw(KEYS)}/posko", f"{draw(KEYS)}/markas"]}],
        },
    }
    return MODELS[kind].model_validate({"key": key} | documents[kind])


@st.composite
def puts(draw: st.DrawFn) -> tuple[Kind, Value]:
    kind = draw(st.sampled_from([k for k in Kind if k not in {Kind.AREAS, Kind.SCHEDULES}]))
    return kind, _value(draw, kind)


@settings(max_examples=400, deadline=None)
@given(puts(), st.booleans())
def test_entry_is_refused_exactly_where_the_whole_table_would_be(put: tuple[Kind, Value], second_menu: bool) -> None:
    kind, value = put
    document = changed(lambda _: None)
    if second_menu:
        more = {"key": "more", "name": {"id": "x", "en": "x"}, "options": [{"digit": "8", "category": "fire"}]}
        document["routing"]["menus"].append(more)
    before = _sheet_now(table(document))
    card = card_of(kind, value)
    old = before.find(kind, card.key)
    after = before.having(card)
    found = problems_of(after, card)
    gone = names_given(old) - names_given(card)
    used = users_in_draft(before, gone, but=f"{kind.value}/{card.key}")
    whole = problems(after.table)
    assert bool(whole) == bool(found or used)
    own = f"/{kind.value}/{[c.key for c in after.of_kind(kind)].index(card.key)}/"
    dangling = {p.pointer.partition(own)[2] for p in whole if own in p.pointer and "does not exist" in p.sentence.en}
    assert {p.pointer[1:] for p in found if "does not exist" in p.sentence.en} == dangling
    for problem in found:
        assert "/routing/" not in problem.sentence.en
        assert "/directory/" not in problem.sentence.id


def _sheet_now(found: RoutingTable) -> Sheet:
    """As sheet_of, without a loop."""
    halves = [(k, v) for k in Kind for v in (getattr(found.directory, k, ()) or getattr(found.routing, k, ()))]
    once = {
        "centre": found.centre,
        "main_menu": found.routing.main_menu,
        "last_resort": found.routing.last_resort,
        "static_numbers": found.routing.static_numbers,
    }
    made = EMPTY.settings.model_copy(update=once)
    return Sheet.of((card_of(k, v) for k, v in halves), made, 1)


def test_names_of_an_agency_are_its_own_and_its_contacts() -> None:
    contacts = (Contact(key="posko", trunk="t", number="1"),)
    agency = Agency(key="damkar", name=Text(id="x", en="x"), contacts=contacts)
    assert names_given(card_of(Kind.AGENCIES, agency)) == {("agency", "damkar"), ("contact", "damkar/posko")}
    assert names_given(card_of(Kind.OPERATORS, Operator(key="op1", name="x"))) == {("operator", "op1")}
    assert names_given(card_of(Kind.TRUNKS, Trunk(key="t", kind="agency", host="10.0.0.1"))) == {("trunk", "t")}  # type: ignore[arg-type]
