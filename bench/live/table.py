"""The table of the centre that is measured: one carrier, a menu, agencies that ring, operators behind them."""

from __future__ import annotations

from typing import Any, Final

TRUNK: Final = "telco"
AGENCIES: Final = ("damkar", "ambulans")
DIGIT: Final = "1"
"""Rings the first of the agencies."""
CATEGORY: Final = "fire"
CHANNELS: Final = 1_000
RING_S: Final = 60
"""Longer than any call of the measurements: who rings, rings until his caller leaves."""
_CATEGORIES: Final = {
    "1": (CATEGORY, "sos.fire", "kebakaran", "fire"),
    "2": ("medical", "sos.ambulance", "kesehatan", "medical"),
}


def table() -> dict[str, Any]:
    """Return it, as read from YAML."""
    trunks = [{"key": TRUNK, "kind": "carrier", "host": "127.0.0.2", "channels": CHANNELS}]
    trunks += [
        {"key": key, "kind": "agency", "host": f"127.0.0.{n}", "channels": CHANNELS}
        for n, key in enumerate(AGENCIES, 3)
    ]
    routes: list[dict[str, Any]] = [
        {
            "key": key,
            "priority": 100 - n,
            "when": {"category": [key]},
            "steps": [_dial(AGENCIES[n]), _ring()],
        }
        for n, (key, *_) in enumerate(_CATEGORIES.values())
    ]
    routes.append({"key": "others", "priority": 1, "when": {}, "steps": [_ring()]})
    return {
        "centre": {"name": "Kabupaten Uji", "timezone": "Asia/Jakarta"},
        "directory": {
            "trunks": trunks,
            "agencies": [
                {
                    "key": key,
                    "name": {"id": name, "en": name_en},
                    "contacts": [{"key": "piket", "trunk": key, "number": number}],
                }
                for key, name, name_en, number in (
                    (AGENCIES[0], "Pemadam Kebakaran", "Fire service", "113"),
                    (AGENCIES[1], "Ambulans", "Ambulance", "119"),
                )
            ],
            "operators": [{"key": f"op{n}", "name": f"Meja {n}"} for n in range(1, 5)],
        },
        "routing": {
            "main_menu": "main",
            "menus": [
                {
                    "key": "main",
                    "name": {"id": "menu utama", "en": "main menu"},
                    "options": [{"digit": digit, "category": key} for digit, (key, *_) in _CATEGORIES.items()],
                }
            ],
            "categories": [
                {"key": key, "urn": f"urn:service:{urn}", "name": {"id": name, "en": name_en}, "priority": 9}
                for key, urn, name, name_en in _CATEGORIES.values()
            ],
            "ring_groups": [{"key": "operators", "members": [f"op{n}" for n in range(1, 5)]}],
            "routes": routes,
            "last_resort": {"group": "operators", "seconds": 30},
        },
    }


def _dial(agency: str) -> dict[str, Any]:
    return {"kind": "dial", "targets": [f"{agency}/piket"], "ring_s": RING_S}


def _ring() -> dict[str, Any]:
    return {"kind": "ringgroup", "group": "operators", "wait_s": 10}
