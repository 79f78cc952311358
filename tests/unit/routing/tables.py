"""A small routing table as plain data, and tables and facts made at random."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.table import Language, RoutingTable, TrunkKind

Document = dict[str, Any]

SMALL: Document = {
    "schema_version": 1,
    "centre": {"name": "Pusat Panggilan 112", "timezone": "Asia/Jakarta"},
    "directory": {
        "trunks": [
            {"key": "telco", "kind": "carrier", "host": "127.0.112.1"},
            {"key": "damkar", "kind": "agency", "host": "127.0.112.11"},
            {"key": "bpbd", "kind": "agency", "host": "127.0.112.12"},
        ],
        "agencies": [
            {
                "key": "damkar",
                "name": {"id": "Pemadam Kebakaran", "en": "Fire brigade"},
                "contacts": [
                    {"key": "posko", "trunk": "damkar", "number": "101"},
                    {"key": "piket", "trunk": "telco", "number": "0811", "confirm": True},
                ],
            },
            {
                "key": "bpbd",
                "name": {"id": "BPBD", "en": "Disaster agency"},
                "contacts": [{"key": "posko", "trunk": "bpbd", "number": "201"}],
            },
        ],
        "operators": [{"key": "op1", "name": "Operator 1"}, {"key": "op2", "name": "Operator 2"}],
    },
    "routing": {
        "menu": {"languages": ["id", "en"], "switch_digit": "9"},
        "categories": [
            {
                "key": "fire",
                "digit": "1",
                "urn": "urn:service:sos.fire",
                "name": {"id": "kebakaran", "en": "fire"},
                "priority": 10,
            },
            {
                "key": "light",
                "digit": "2",
                "urn": "urn:service:sos",
                "name": {"id": "lampu jalan", "en": "street light"},
                "priority": 1,
            },
        ],
        "ring_groups": [
            {"key": "operators", "members": ["op1", "op2"], "max_waiting": 4, "urgent_from": 8, "urgent_reserve": 3}
        ],
        "routes": [
            {
                "key": "fire",
                "priority": 500,
                "when": {"category": ["fire"]},
                "steps": [
                    {"kind": "dial", "targets": ["damkar/posko"], "ring_s": 20},
                    {"kind": "dial", "targets": ["damkar/piket", "bpbd/posko"], "ring_s": 15, "announce": False},
                    {"kind": "ringgroup", "group": "operators", "wait_s": 30},
                ],
            },
            {
                "key": "all",
                "priority": 100,
                "steps": [{"kind": "ringgroup", "group": "operators", "wait_s": 60}],
            },
        ],
        "last_resort": {"group": "operators", "seconds": 90},
        "static_numbers": [{"trunk": "telco", "number": "0812"}],
    },
}


def changed(change: Callable[[Document], object]) -> Document:
    """Return the small table's data after `change`."""
    document = copy.deepcopy(SMALL)
    change(document)
    return document


def small(change: Callable[[Document], object] = lambda _: None) -> RoutingTable:
    """Return the small table after `change`."""
    return RoutingTable.model_validate(changed(change))


def citizen(category: str | None = "fire", **given: Any) -> Facts:
    """Return the facts of a citizen's call on the carrier's trunk."""
    facts: Document = {
        "origin": Origin.CITIZEN,
        "choice": Choice.NONE if category else Choice.SILENT,
        "category": category,
        "trunk": "telco",
        "trunk_kind": TrunkKind.CARRIER,
    }
    return Facts(**(facts | given))


CATEGORIES = ["fire", "flood", "health", "light"]
TRUNKS = ["telco", "damkar", "bpbd", "north", "spare"]
GROUPS = ["day", "night"]
AGENCIES = ["damkar", "bpbd", "pmi"]


@st.composite
def tables(draw: st.DrawFn) -> RoutingTable:
    """Tables with every kind of step and condition; each is consistent."""
    categories = draw(st.lists(st.sampled_from(CATEGORIES), min_size=1, unique=True))
    trunks = draw(st.lists(st.sampled_from(TRUNKS), min_size=1, unique=True))
    groups = draw(st.lists(st.sampled_from(GROUPS), min_size=1, unique=True))
    agencies: list[Document] = [
        {"key": key, "name": {"id": key, "en": key}, "contacts": draw(_contacts(trunks))}
        for key in draw(st.lists(st.sampled_from(AGENCIES), min_size=1, unique=True))
    ]
    targets = [f"{a['key']}/{c['key']}" for a in agencies for c in a["contacts"]]
    priorities = draw(st.lists(st.integers(0, 100_000), max_size=6, unique=True))
    document = {
        "centre": {"name": "Pusat", "timezone": "Asia/Jakarta"},
        "directory": {
            "trunks": [
                {"key": key, "kind": draw(st.sampled_from([*TrunkKind])), "host": f"127.0.112.{n + 1}"}
                for n, key in enumerate(trunks)
            ],
            "agencies": agencies,
            "operators": [{"key": "op1", "name": "Operator 1"}],
        },
        "routing": {
            "categories": [
                {
                    "key": key,
                    "digit": str(n + 1),
                    "urn": "urn:service:sos",
                    "name": {"id": key, "en": key},
                    "priority": draw(st.integers(0, 10)),
                }
                for n, key in enumerate(categories)
            ],
            "ring_groups": [draw(_group(key)) for key in groups],
            "routes": [
                {
                    "key": f"r{n}",
                    "priority": priority,
                    "when": draw(_when(categories, trunks)),
                    "steps": draw(st.lists(_step(targets, groups), min_size=1, max_size=4)),
                    "locked": draw(st.booleans()),
                }
                for n, priority in enumerate(priorities)
            ],
            "last_resort": {"group": draw(st.sampled_from(groups)), "seconds": draw(st.integers(1, 300))},
        },
    }
    return RoutingTable.model_validate(document)


def _contacts(trunks: list[str]) -> st.SearchStrategy[list[Document]]:
    contact = st.fixed_dictionaries(
        {
            "key": st.sampled_from(["posko", "piket", "cadangan"]),
            "trunk": st.sampled_from(trunks),
            "number": st.text("0123456789", min_size=1, max_size=4),
            "confirm": st.booleans(),
        }
    )
    return st.lists(contact, min_size=1, max_size=3, unique_by=lambda c: c["key"])


def _group(key: str) -> st.SearchStrategy[Document]:
    return st.fixed_dictionaries(
        {
            "key": st.just(key),
            "members": st.just(["op1"]),
            "max_waiting": st.integers(1, 500),
            "urgent_from": st.integers(0, 10),
            "urgent_reserve": st.integers(0, 500),
        }
    )


def _some(values: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.just([]) | st.lists(st.sampled_from(values), max_size=3, unique=True)


def _when(categories: list[str], trunks: list[str]) -> st.SearchStrategy[Document]:
    return st.fixed_dictionaries(
        {},
        optional={
            "category": _some(categories),
            "trunk": _some(trunks),
            "trunk_kind": _some([*TrunkKind]),
            "language": _some([*Language]),
        },
    )


def _step(targets: list[str], groups: list[str]) -> st.SearchStrategy[Document]:
    dial = st.fixed_dictionaries(
        {
            "kind": st.just("dial"),
            "targets": st.lists(st.sampled_from(targets), min_size=1, max_size=4, unique=True),
            "ring_s": st.integers(1, 60),
            "announce": st.booleans(),
        }
    )
    ring = st.fixed_dictionaries(
        {"kind": st.just("ringgroup"), "group": st.sampled_from(groups), "wait_s": st.integers(1, 120)}
    )
    announce = st.fixed_dictionaries({"kind": st.just("announce"), "prompt": st.just("connecting")})
    record = st.fixed_dictionaries({"kind": st.just("record"), "max_s": st.integers(5, 180)})
    return dial | dial | ring | announce | record


def facts() -> st.SearchStrategy[Facts]:
    """Facts of any call, those included that no table knows."""
    return st.builds(
        Facts,
        origin=st.sampled_from([*Origin]),
        choice=st.sampled_from([*Choice]),
        category=st.none() | st.sampled_from([*CATEGORIES, "nowhere"]),
        trunk=st.none() | st.sampled_from([*TRUNKS, "stranger"]),
        trunk_kind=st.none() | st.sampled_from([*TrunkKind]),
        language=st.sampled_from([*Language]),
    )
