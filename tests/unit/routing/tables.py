"""A small routing table as plain data; tables and facts made at random are those of `chance`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from callrouter.routing.directory import TrunkKind
from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.table import RoutingTable
from tests.unit.routing.chance import Document, facts, instants, tables

__all__ = ["SMALL", "Document", "changed", "citizen", "facts", "instants", "small", "tables"]

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
        "main_menu": "main",
        "menus": [
            {
                "key": "main",
                "name": {"id": "menu utama", "en": "main menu"},
                "languages": ["id", "en"],
                "switch_digit": "9",
                "options": [{"digit": "1", "category": "fire"}, {"digit": "2", "category": "light"}],
            }
        ],
        "categories": [
            {
                "key": "fire",
                "urn": "urn:service:sos.fire",
                "name": {"id": "kebakaran", "en": "fire"},
                "priority": 10,
            },
            {
                "key": "light",
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
                    {"kind": "dial", "targets": ["damkar/piket", "bpbd/posko"], "ring_s": 10, "announce": False},
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
