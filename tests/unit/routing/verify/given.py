"""A table that is verified, with something of everything, as plain data; broken ones are made of it by one change."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from callrouter.routing.table import RoutingTable

Document = dict[str, Any]
Change = Callable[[Document], object]

AT = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
"""A Monday, 10:00 WIB."""

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

GOOD: Document = {
    "schema_version": 1,
    "centre": {"name": "Pusat Panggilan 112", "timezone": "Asia/Jakarta"},
    "directory": {
        "trunks": [
            {"key": "telco", "kind": "carrier", "host": "127.0.112.1"},
            {"key": "seluler", "kind": "carrier", "host": "127.0.112.2"},
            {"key": "damkar", "kind": "agency", "host": "127.0.112.11"},
            {"key": "bpbd", "kind": "agency", "host": "127.0.112.12"},
            {"key": "pu", "kind": "agency", "host": "127.0.112.13"},
            {"key": "batu", "kind": "neighbour", "host": "127.0.112.14"},
        ],
        "agencies": [
            {
                "key": "damkar",
                "name": {"id": "Pemadam Kebakaran", "en": "Fire brigade"},
                "contacts": [
                    {"key": "posko", "trunk": "damkar", "number": "101"},
                    {"key": "piket", "trunk": "seluler", "number": "0811", "confirm": True},
                    {"key": "alias", "trunk": "damkar", "number": "101"},
                ],
            },
            {
                "key": "bpbd",
                "name": {"id": "BPBD", "en": "Disaster agency"},
                "contacts": [{"key": "posko", "trunk": "bpbd", "number": "201"}],
            },
            {
                "key": "pu",
                "name": {"id": "Dinas PU", "en": "Public works"},
                "contacts": [{"key": "kantor", "trunk": "pu", "number": "301"}],
            },
            {
                "key": "batu",
                "name": {"id": "Pusat Kota Batu", "en": "Centre of Batu"},
                "contacts": [{"key": "pusat", "trunk": "batu", "number": "112"}],
            },
        ],
        "operators": [{"key": f"op{n}", "name": f"Operator {n}"} for n in range(1, 7)],
    },
    "routing": {
        "main_menu": "main",
        "menus": [
            {
                "key": "main",
                "name": {"id": "menu utama", "en": "main menu"},
                "options": [
                    {"digit": "1", "category": "fire"},
                    {"digit": "2", "category": "flood"},
                    {"digit": "3", "menu": "city"},
                ],
            },
            {
                "key": "city",
                "name": {"id": "layanan kota", "en": "city services"},
                "options": [{"digit": "1", "category": "light"}, {"digit": "2", "category": "hours"}],
            },
        ],
        "categories": [
            {"key": key, "urn": "urn:service:sos", "name": {"id": said, "en": key}, "priority": priority}
            for key, said, priority in (
                ("fire", "kebakaran", 10),
                ("flood", "banjir", 8),
                ("light", "lampu jalan", 1),
                ("hours", "jam layanan", 0),
            )
        ],
        "areas": [{"code": "35.79", "name": "Kota Batu"}, {"code": "35.79.01", "name": "Batu"}],
        "schedules": [
            {
                "key": "office",
                "name": "Jam kerja",
                "windows": [{"days": DAYS[:5], "opens": "07:00", "closes": "15:30"}],
                "holidays": [{"date": "2026-03-20", "name": {"id": "Idulfitri", "en": "Eid"}}],
            },
            {"key": "day", "name": "Siang", "windows": [{"days": DAYS, "opens": "07:00", "closes": "19:00"}]},
            {"key": "dark", "name": "Malam", "windows": [{"days": DAYS, "opens": "19:00", "closes": "07:00"}]},
        ],
        "shifts": [
            {"key": "siang", "name": "Regu siang", "schedule": "day", "operators": ["op1", "op2"]},
            {"key": "malam", "name": "Regu malam", "schedule": "dark", "operators": ["op3", "op4"]},
        ],
        "ring_groups": [
            {"key": "roster", "shifts": ["siang", "malam"]},
            {"key": "desk", "members": ["op5", "op6"]},
        ],
        "routes": [
            {
                "key": "from-centres",
                "priority": 1000,
                "when": {"trunk_kind": ["agency", "neighbour"]},
                "steps": [{"kind": "ringgroup", "group": "desk", "wait_s": 60}],
            },
            {
                "key": "fire",
                "priority": 500,
                "when": {"category": ["fire"]},
                "steps": [
                    {"kind": "dial", "targets": ["damkar/posko"], "ring_s": 15},
                    {"kind": "dial", "targets": ["damkar/piket"], "ring_s": 15},
                    {"kind": "ringgroup", "group": "desk", "wait_s": 25},
                ],
            },
            {
                "key": "flood-batu",
                "priority": 450,
                "when": {
                    "category": ["flood"],
                    "area": ["35.79"],
                    "state": [{"agency": "bpbd", "state": "unavailable"}],
                },
                "steps": [{"kind": "dial", "targets": ["batu/pusat"], "ring_s": 30}],
            },
            {
                "key": "flood",
                "priority": 440,
                "when": {"category": ["flood"]},
                "steps": [
                    {"kind": "dial", "targets": ["bpbd/posko"], "ring_s": 20},
                    {"kind": "ringgroup", "group": "desk", "wait_s": 30},
                ],
            },
            {
                "key": "light",
                "priority": 400,
                "when": {"category": ["light"], "schedule": ["office"]},
                "steps": [{"kind": "dial", "targets": ["pu/kantor"], "ring_s": 30}],
            },
            {
                "key": "hours",
                "priority": 300,
                "when": {"category": ["hours"]},
                "steps": [{"kind": "announce", "prompt": "connecting"}],
                "information": True,
            },
            {
                "key": "rest",
                "priority": 100,
                "steps": [{"kind": "ringgroup", "group": "desk", "wait_s": 60}],
            },
        ],
        "last_resort": {"group": "roster", "seconds": 90},
    },
}


def changed(change: Change) -> Document:
    """Return the good table's data after `change`."""
    document = copy.deepcopy(GOOD)
    change(document)
    return document


def good(change: Change = lambda _: None) -> RoutingTable:
    """Return the good table after `change`."""
    return RoutingTable.model_validate(changed(change))


def route(document: Document, key: str) -> Document:
    """Return the data of a route."""
    return next(r for r in document["routing"]["routes"] if r["key"] == key)


def group(document: Document, key: str) -> Document:
    """Return the data of a ring group."""
    return next(g for g in document["routing"]["ring_groups"] if g["key"] == key)


def add_route(document: Document, **given: Any) -> None:
    """Add a route; without steps it rings the desk."""
    steps = [{"kind": "ringgroup", "group": "desk", "wait_s": 60}]
    document["routing"]["routes"].append({"steps": steps} | given)
