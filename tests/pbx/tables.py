"""The routing table of the PBX tests: a route for each thing that can go right or wrong."""

from __future__ import annotations

from typing import Any


def _dial(*targets: str, ring_s: int = 3, announce: bool = True) -> dict[str, Any]:
    return {"kind": "dial", "targets": list(targets), "ring_s": ring_s, "announce": announce}


def _ring(group: str = "operators", wait_s: int = 3) -> dict[str, Any]:
    return {"kind": "ringgroup", "group": group, "wait_s": wait_s}


def _agency(key: str) -> dict[str, Any]:
    contacts = [{"key": "piket", "trunk": key, "number": "100"}]
    return {"key": key, "name": {"id": key.title(), "en": key.title()}, "contacts": contacts}


def _category(key: str, urn: str, said_id: str, said_en: str, priority: int) -> dict[str, Any]:
    return {"key": key, "urn": urn, "name": {"id": said_id, "en": said_en}, "priority": priority}


def _options(*categories: str) -> list[dict[str, Any]]:
    return [{"digit": str(n), "category": key} for n, key in enumerate(categories, 1)]


def table(
    *, last_resort_s: int = 3, dead_ring_s: int = 3, max_waiting: int = 10, urgent_reserve: int = 5
) -> dict[str, Any]:
    """Return the table. Trunks get their addresses from the centre."""
    return {
        "centre": {"name": "Kabupaten Uji", "timezone": "Asia/Jakarta"},
        "directory": {
            "trunks": [
                {"key": "telco", "kind": "carrier", "host": "127.0.0.2"},
                {"key": "early", "kind": "carrier", "host": "127.0.0.3", "early_media": True},
                {"key": "damkar", "kind": "agency", "host": "127.0.0.4"},
                {"key": "bpbd", "kind": "agency", "host": "127.0.0.5"},
                {"key": "mati", "kind": "agency", "host": "127.0.0.31"},
                {"key": "sunyi", "kind": "agency", "host": "127.0.0.32"},
                {"key": "sipp", "kind": "agency", "host": "127.0.0.33"},
                {"key": "seluler", "kind": "carrier", "host": "127.0.0.6"},
            ],
            "agencies": [
                {
                    "key": "damkar",
                    "name": {"id": "Pemadam Kebakaran", "en": "Fire service"},
                    "contacts": [{"key": "piket", "trunk": "damkar", "number": "113"}],
                },
                {
                    "key": "bpbd",
                    "name": {"id": "BPBD", "en": "Disaster agency"},
                    "contacts": [{"key": "piket", "trunk": "bpbd", "number": "117"}],
                },
                {
                    "key": "desa",
                    "name": {"id": "Perangkat desa", "en": "Village officials"},
                    "contacts": [
                        {"key": "mesin", "trunk": "damkar", "number": "201", "confirm": True},
                        {"key": "hp", "trunk": "seluler", "number": "08123", "confirm": True},
                    ],
                },
            ]
            + [_agency(key) for key in ("mati", "sunyi", "sipp")],
            "operators": [{"key": "op1", "name": "Meja 1"}, {"key": "op2", "name": "Meja 2"}],
        },
        "routing": {
            "main_menu": "main",
            "menus": [
                {
                    "key": "main",
                    "name": {"id": "menu utama", "en": "main menu"},
                    "options": _options("fire", "flood", "ambulance", "village", "light", "dead", "quiet", "other"),
                }
            ],
            "categories": [
                _category("fire", "urn:service:sos.fire", "kebakaran", "fire", 9),
                _category("flood", "urn:service:sos", "banjir", "flood", 5),
                _category("ambulance", "urn:service:sos.ambulance", "ambulans", "ambulance", 10),
                _category("village", "urn:service:sos", "perangkat desa", "village", 4),
                _category("light", "urn:service:sos", "lampu jalan", "street light", 0),
                _category("dead", "urn:service:sos", "mati", "dead", 4),
                _category("quiet", "urn:service:sos", "sunyi", "quiet", 4),
                _category("other", "urn:service:sos", "lain", "other", 4),
            ],
            "ring_groups": [
                {
                    "key": "operators",
                    "members": ["op1", "op2"],
                    "max_waiting": max_waiting,
                    "urgent_reserve": urgent_reserve,
                },
                {"key": "small", "members": ["op1"], "max_waiting": 1, "urgent_reserve": 1},
            ],
            "routes": [
                {
                    "key": "fire",
                    "priority": 100,
                    "when": {"category": ["fire"]},
                    "steps": [_dial("damkar/piket"), _dial("bpbd/piket"), _ring()],
                },
                {
                    "key": "flood",
                    "priority": 90,
                    "when": {"category": ["flood"]},
                    "steps": [_dial("bpbd/piket"), _ring()],
                },
                {
                    "key": "ambulance",
                    "priority": 80,
                    "when": {"category": ["ambulance"]},
                    "steps": [_ring("small", 30)],
                },
                {
                    "key": "village",
                    "priority": 70,
                    "when": {"category": ["village"]},
                    "steps": [_dial("desa/mesin", "desa/hp", ring_s=10), _ring()],
                },
                {
                    "key": "light",
                    "priority": 60,
                    "when": {"category": ["light"]},
                    "steps": [_ring("small", 30), _dial("bpbd/piket", announce=False)],
                },
                *(
                    {
                        "key": key,
                        "priority": priority,
                        "when": {"category": [key]},
                        "steps": [_dial(target, ring_s=dead_ring_s), _ring()],
                    }
                    for key, priority, target in (
                        ("dead", 40, "mati/piket"),
                        ("quiet", 30, "sunyi/piket"),
                        ("other", 20, "sipp/piket"),
                    )
                ),
                {
                    "key": "agencies",
                    "priority": 50,
                    "when": {"trunk_kind": ["agency", "neighbour"]},
                    "steps": [_dial("damkar/piket"), _ring()],
                },
                {"key": "others", "priority": 1, "when": {}, "steps": [_ring()]},
            ],
            "last_resort": {"group": "operators", "seconds": last_resort_s},
            "static_numbers": [{"trunk": "seluler", "number": "08119"}],
        },
    }


VILLAGES = {"1": "35.07.13.2001", "2": "35.07.13.2002", "3": "35.07.14"}
"""What the digits of the menu behind 3 stand for in `nested`."""


def nested(*, mode: str = "menu") -> dict[str, Any]:
    """Return a table with a menu behind digit 3, in which the caller says where he is."""
    given = table()
    routing = given["routing"]
    routing["areas"] = [{"code": code, "name": f"Desa {digit}"} for digit, code in VILLAGES.items()]
    routing["areas"].append({"code": "35.07.13", "name": "Kecamatan Uji"})
    main = {
        "key": "main",
        "name": {"id": "menu utama", "en": "main menu"},
        "mode": mode,
        "options": [*_options("fire", "flood"), {"digit": "3", "menu": "villages"}],
    }
    villages = {
        "key": "villages",
        "name": {"id": "perangkat desa", "en": "village officials"},
        "options": [{"digit": digit, "category": "village", "area": code} for digit, code in VILLAGES.items()],
    }
    routing["menus"] = [main, villages]
    offered = {"fire", "flood", "village"}
    routing["categories"] = [c for c in routing["categories"] if c["key"] in offered]
    routing["routes"] = [r for r in routing["routes"] if set(r["when"].get("category", [])) <= offered]
    routing["routes"] += [
        {"key": key, "priority": priority, "when": {"category": ["village"], "area": [area]}, "steps": steps}
        for key, priority, area, steps in (
            ("first-village", 75, "35.07.13.2001", [_dial("damkar/piket"), _ring()]),
            ("its-neighbours", 74, "35.07.13", [_dial("bpbd/piket"), _ring()]),
        )
    ]
    return given
