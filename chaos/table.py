"""The centre that the faults are tried on: times as a centre has them, people who answer soon."""

from __future__ import annotations

from typing import Any, Final

CALLERS: Final = {"telco-a": 600, "telco-b": 1000, "telco-c": 1150}
"""Trunks that citizens call in by, each with its caller's tone (Hz): the third is the one who calls in the fault."""
AGENCIES: Final = {"damkar": 1300, "bpbd": 1550, "seluler": 1800}
OPERATORS: Final = {"op1": 1900, "op2": 2000, "op3": 2050, "op4": 2150}
BAD_AGENCY: Final = "polisi"
LOAD_CALLER, LOAD_AGENCIES = "telco-many", ("banyak", "banyak-lain")
"""Of the monkey: where its many calls come from, and the two agencies that take them."""
FIRE, POLICE, LOAD, OPERATOR = "1", "2", "3", "0"
RING_S: Final = 15


def _ring() -> dict[str, Any]:
    return {"kind": "ringgroup", "group": "operators", "wait_s": 30}


def table() -> dict[str, Any]:
    """Return the routing table. Fire rings damkar, police the bad agency; then bpbd, then the operators."""

    def dial(agency: str) -> dict[str, Any]:
        return {"kind": "dial", "targets": [f"{agency}/piket"], "ring_s": RING_S}

    def route(key: str, priority: int, *agencies: str) -> dict[str, Any]:
        when = {"category": [key]} if agencies else {}
        return {"key": key, "priority": priority, "when": when, "steps": [*map(dial, agencies), _ring()]}

    trunks = [{"key": key, "kind": "carrier", "host": "127.0.0.2"} for key in (*CALLERS, LOAD_CALLER, "seluler")]
    trunks += [
        {"key": key, "kind": "agency", "host": "127.0.0.2"} for key in ("damkar", "bpbd", BAD_AGENCY, *LOAD_AGENCIES)
    ]
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
                    ("damkar", "Pemadam Kebakaran", "Fire service", "113"),
                    ("bpbd", "BPBD", "Disaster agency", "117"),
                    (BAD_AGENCY, "Polisi", "Police", "110"),
                    (LOAD_AGENCIES[0], "Puskesmas", "Health centre", "119"),
                    (LOAD_AGENCIES[1], "Rumah sakit", "Hospital", "118"),
                )
            ],
            "operators": [{"key": key, "name": f"Meja {key[-1]}"} for key in OPERATORS],
        },
        "routing": {
            "main_menu": "main",
            "menus": [
                {
                    "key": "main",
                    "name": {"id": "menu utama", "en": "main menu"},
                    "options": [
                        {"digit": digit, "category": key}
                        for digit, key in ((FIRE, "fire"), (POLICE, "police"), (LOAD, "medical"))
                    ],
                }
            ],
            "categories": [
                {"key": key, "urn": f"urn:service:sos.{urn}", "name": {"id": name, "en": key}, "priority": priority}
                for key, urn, name, priority in (
                    ("fire", "fire", "kebakaran", 9),
                    ("police", "police", "polisi", 8),
                    ("medical", "ambulance", "kesehatan", 7),
                )
            ],
            "ring_groups": [
                {"key": "operators", "members": list(OPERATORS), "max_waiting": 20, "urgent_reserve": 10}
            ],
            "routes": [
                route("fire", 100, "damkar", "bpbd"),
                route("police", 90, BAD_AGENCY, "bpbd"),
                route("medical", 80, *LOAD_AGENCIES),
                route("others", 1),
            ],
            "last_resort": {"group": "operators", "seconds": 30},
            "static_numbers": [{"trunk": "seluler", "number": "08119"}],
        },
    }
