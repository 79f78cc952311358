"""Examples of entries, as the documentation shows them: a small table that could be imported."""

from __future__ import annotations

import functools
from typing import Any, Final

from callrouter.publishing.model import DraftSettings
from callrouter.routing.entries import DIRECTORY, MODELS, Kind
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Value

_TIMES: Final[list[dict[str, Any]]] = [
    {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "07:00", "closes": "15:00"}
]

DATA: Final[dict[Kind, dict[str, Any]]] = {
    Kind.TRUNKS: {"key": "damkar", "kind": "agency", "host": "10.112.0.11", "channels": 4, "qualify_s": 60},
    Kind.AGENCIES: {
        "key": "damkar",
        "name": {"id": "Pemadam Kebakaran", "en": "Fire brigade"},
        "contacts": [{"key": "posko", "trunk": "damkar", "number": "101"}],
    },
    Kind.OPERATORS: {"key": "op1", "name": "Operator 1"},
    Kind.CATEGORIES: {
        "key": "fire",
        "urn": "urn:service:sos.fire",
        "name": {"id": "kebakaran", "en": "fire"},
        "priority": 10,
    },
    Kind.MENUS: {
        "key": "main",
        "name": {"id": "menu utama", "en": "main menu"},
        "options": [{"digit": "1", "category": "fire"}],
    },
    Kind.AREAS: {"code": "35.07", "name": "Kabupaten Malang"},
    Kind.SCHEDULES: {
        "key": "pagi",
        "name": "Dinas pagi",
        "windows": _TIMES,
        "holidays": [{"date": "2026-08-17", "name": {"id": "Hari Kemerdekaan", "en": "Independence Day"}}],
    },
    Kind.SHIFTS: {"key": "regu-a", "name": "Regu A", "schedule": "pagi", "operators": ["op1"]},
    Kind.RING_GROUPS: {"key": "operators", "members": ["op1"], "shifts": ["regu-a"]},
    Kind.ROUTES: {
        "key": "fire",
        "priority": 500,
        "when": {"category": ["fire"]},
        "steps": [
            {"kind": "dial", "targets": ["damkar/posko"], "ring_s": 20},
            {"kind": "ringgroup", "group": "operators", "wait_s": 30},
        ],
    },
}
"""An entry of each kind, as it can be sent; they name one another."""

OTHER: Final[dict[Kind, dict[str, Any]]] = {
    Kind.TRUNKS: {"key": "seluler", "kind": "carrier", "host": "10.112.0.2", "early_media": True},
    Kind.AGENCIES: {
        "key": "pmi",
        "name": {"id": "Palang Merah Indonesia", "en": "Red Cross"},
        "contacts": [{"key": "ambulans", "trunk": "damkar", "number": "301", "confirm": True}],
    },
    Kind.OPERATORS: {"key": "op2", "name": "Operator 2"},
    Kind.CATEGORIES: {
        "key": "ambulance",
        "urn": "urn:service:sos.ambulance",
        "name": {"id": "ambulans", "en": "an ambulance"},
        "priority": 10,
    },
    Kind.MENUS: {
        "key": "desa",
        "name": {"id": "perangkat desa", "en": "village officials"},
        "options": [{"digit": "1", "category": "fire", "area": "35.07"}],
    },
    Kind.AREAS: {"code": "35.07.13", "name": "Kepanjen"},
    Kind.SCHEDULES: {"key": "siang", "name": "Dinas siang", "windows": _TIMES},
    Kind.SHIFTS: {"key": "regu-b", "name": "Regu B", "schedule": "pagi", "operators": ["op1"]},
    Kind.RING_GROUPS: {"key": "malam", "members": ["op1"], "may_be_unstaffed": True},
    Kind.ROUTES: {
        "key": "everything-else",
        "priority": 100,
        "steps": [{"kind": "ringgroup", "group": "operators", "wait_s": 60}],
    },
}
"""Another of each kind, to be added beside the first."""

PATCHES: Final[dict[Kind, dict[str, Any]]] = {
    Kind.TRUNKS: {"channels": 8},
    Kind.AGENCIES: {"name": {"en": "Fire department"}},
    Kind.OPERATORS: {"enabled": False},
    Kind.CATEGORIES: {"priority": 9, "sop": "https://sop.example/fire"},
    Kind.MENUS: {"switch_digit": "8"},
    Kind.AREAS: {"name": "Kab. Malang"},
    Kind.SCHEDULES: {"holidays": []},
    Kind.SHIFTS: {"name": "Regu A (pagi)"},
    Kind.RING_GROUPS: {"max_waiting": 20},
    Kind.ROUTES: {"locked": True},
}
SETTINGS_DATA: Final[dict[str, Any]] = {
    "centre": {"name": "Pusat Panggilan 112 Kabupaten Malang", "timezone": "Asia/Jakarta"},
    "main_menu": "main",
    "last_resort": {"group": "operators", "seconds": 90},
    "static_numbers": [{"trunk": "damkar", "number": "101"}],
}


def entry(kind: Kind) -> Value:
    """Return the example of a kind."""
    return MODELS[kind].model_validate(DATA[kind])


@functools.cache
def settings() -> DraftSettings:
    return DraftSettings.model_validate(SETTINGS_DATA)


TABLE_DATA: Final[dict[str, Any]] = {
    "schema_version": 1,
    "centre": SETTINGS_DATA["centre"],
    "directory": {kind.value: [DATA[kind]] for kind in DIRECTORY},
    "routing": {kind.value: [DATA[kind]] for kind in Kind if kind not in DIRECTORY}
    | {name: SETTINGS_DATA[name] for name in ("main_menu", "last_resort", "static_numbers")},
}
TABLE: Final = RoutingTable.model_validate(TABLE_DATA)
