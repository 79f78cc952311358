"""A table in which every text that a table can hold is there, for the proofs about hostile ones."""

from __future__ import annotations

from typing import Any, Final

Document = dict[str, Any]

HARMLESS: Final[Document] = {
    "schema_version": 1,
    "centre": {"name": "qqcentre", "timezone": "Asia/Jakarta"},
    "directory": {
        "trunks": [
            {
                "key": "qqtelco",
                "kind": "carrier",
                "host": "10.99.1.1",
                "login": {"username": "qquser", "register_here": True},
                "presented_number": "0341900001",
                "area": "35.07",
                "qualify_s": 30,
                "codecs": ["alaw"],
                "transport": "udp",
                "dtmf": "rfc4733",
            },
            {"key": "qqline", "kind": "agency", "host": "10.99.1.2"},
        ],
        "agencies": [
            {
                "key": "qqfire",
                "name": {"id": "qqpemadam", "en": "qqbrigade"},
                "contacts": [
                    {"key": "qqdesk", "trunk": "qqline", "number": "0341900002"},
                    {"key": "qqphone", "trunk": "qqtelco", "number": "0341900003", "confirm": True},
                ],
                "notices": [
                    {"key": "qqsystem", "channel": "webhook", "url": "https://qqsystem.example/112"},
                    {"key": "qqmail", "channel": "email", "address": "qqmail@agency.example"},
                    {"key": "qqvillage", "channel": "phone", "trunk": "qqtelco", "number": "0341900006"},
                ],
            }
        ],
        "operators": [{"key": "qqop1", "name": "qqsatu"}, {"key": "qqop2", "name": "qqdua"}],
    },
    "routing": {
        "main_menu": "qqmain",
        "menus": [
            {
                "key": "qqmain",
                "name": {"id": "qqutama", "en": "qqfirst"},
                "mode": "menu",
                "languages": ["id", "en"],
                "switch_digit": "9",
                "options": [
                    {"digit": "1", "category": "qqkebakaran", "area": "35.07.13"},
                    {"digit": "2", "menu": "qqsub"},
                ],
            },
            {
                "key": "qqsub",
                "name": {"id": "qqlain", "en": "qqmore"},
                "options": [{"digit": "3", "category": "qqlight"}],
            },
        ],
        "categories": [
            {
                "key": "qqkebakaran",
                "urn": "urn:service:sos.fire",
                "name": {"id": "qqapi", "en": "qqblaze"},
                "priority": 9,
                "sop": "https://qqsop/1",
            },
            {"key": "qqlight", "urn": "urn:service:sos", "name": {"id": "qqlampu", "en": "qqlamp"}, "priority": 1},
        ],
        "areas": [{"code": "35.07.13", "name": "qqkecamatan"}, {"code": "35.07", "name": "qqkabupaten"}],
        "schedules": [
            {
                "key": "qqhours",
                "name": "qqjam",
                "timezone": "Asia/Jakarta",
                "windows": [{"days": ["mon", "sat"], "opens": "07:00", "closes": "18:30"}],
                "holidays": [{"date": "2026-12-25", "name": {"id": "qqnatal", "en": "qqxmas"}}],
                "exceptions": [
                    {
                        "date": "2026-12-31",
                        "name": {"id": "qqakhir", "en": "qqeve"},
                        "hours": [{"opens": "08:00", "closes": "11:00"}],
                    }
                ],
            }
        ],
        "shifts": [{"key": "qqshift", "name": "qqregu", "schedule": "qqhours", "operators": ["qqop2"]}],
        "ring_groups": [{"key": "qqgroup", "members": ["qqop1"], "shifts": ["qqshift"]}],
        "routes": [
            {
                "key": "qqwins",
                "priority": 9,
                "when": {"category": ["qqkebakaran"]},
                "steps": [
                    {"kind": "announce", "prompt": "qqclip"},
                    {"kind": "dial", "targets": ["qqfire/qqdesk", "qqfire/qqphone"]},
                    {"kind": "challenge", "wait_s": 5, "urgency": 1},
                    {"kind": "ringgroup", "group": "qqgroup"},
                    {"kind": "record"},
                ],
            },
            {
                "key": "qqall",
                "priority": 8,
                "when": {
                    "category": ["qqlight"],
                    "area": ["35.07.13", "unknown"],
                    "schedule": ["qqhours"],
                    "trunk": ["qqtelco"],
                    "trunk_kind": ["carrier"],
                    "language": ["id"],
                    "posture": ["green"],
                    "state": [
                        {"agency": "qqfire", "state": "available"},
                        {"group": "qqgroup", "state": "unavailable"},
                    ],
                },
                "valid_from": "2026-01-01T00:00:00+07:00",
                "valid_until": "2027-01-01T00:00:00+07:00",
                "steps": [{"kind": "dial", "targets": ["qqfire/qqdesk"]}],
            },
        ],
        "last_resort": {"group": "qqgroup"},
        "static_numbers": [{"trunk": "qqtelco", "number": "0341900004"}, {"trunk": "qqline", "number": "0341900005"}],
    },
}
"""A table in which every text that can be given is given, each with a value that stands nowhere else in the files."""

NAMES: Final = frozenset(
    {
        *("qqtelco", "qqline", "qqfire", "qqdesk", "qqphone", "qqop1", "qqop2", "qqmain", "qqsub", "qqkebakaran"),
        *("qqlight", "qqhours", "qqshift", "qqgroup", "35.07", "35.07.13"),
    }
)
"""Texts by which one part names another: changed in all places at once, or the table would only dangle."""
SHOWN: Final = {"qqsatu": "qqop1", "qqdua": "qqop2"}
HOSTS: Final = frozenset({"10.99.1.1", "10.99.1.2"})
