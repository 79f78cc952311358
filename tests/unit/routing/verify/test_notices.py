"""An agency's contact by telephone that would never be rung is warned of; nothing is refused for it."""

from __future__ import annotations

from typing import Any

import pytest

from callrouter.routing.verify import verify
from tests.unit.routing.verify.given import AT, Document, good

POINTS: list[dict[str, Any]] = [
    {"key": "kantor", "channel": "email", "address": "posko@damkar.example"},
    {"key": "lurah", "channel": "phone", "trunk": "seluler", "number": "081234567890"},
]


@pytest.mark.parametrize(
    ("trunk", "said"),
    [
        ({"channels": 1}, "the trunk seluler has channels: 1, and one is always left to callers"),
        ({"channels": 0}, "the trunk seluler has channels: 0, and one is always left to callers"),
        ({"enabled": False}, "the trunk seluler is not enabled"),
        ({"channels": 2}, ""),
        ({}, ""),
    ],
)
def test_telephone_that_is_never_rung_is_warned_of(trunk: dict[str, Any], said: str) -> None:
    def change(t: Document) -> None:
        t["directory"]["trunks"][1] |= trunk
        t["directory"]["agencies"][1]["notices"] = POINTS

    found = [finding for finding in verify(good(change), AT).findings if finding.rule == "V8"]
    assert [(one.error, one.pointer) for one in found] == [(False, "/directory/agencies/1/notices/1")] * bool(said)
    for one in found:
        assert one.sentence.en == f"the notice bpbd/lurah by telephone never rings: {said}"
        assert one.sentence.id.startswith(
            "pemberitahuan bpbd/lurah lewat telepon tidak pernah berdering: trunk seluler"
        )
        assert "seluler" in one.remedy.id


@pytest.mark.parametrize("switched_off", ["the contact point", "the agency"])
def test_nobody_is_warned_of_what_is_switched_off(switched_off: str) -> None:
    def change(t: Document) -> None:
        t["directory"]["trunks"][1]["channels"] = 1
        agency = t["directory"]["agencies"][2]
        agency["notices"] = [POINTS[1] | {"enabled": switched_off == "the agency"}]
        agency["enabled"] = switched_off != "the agency"

    assert "V8" not in {finding.rule for finding in verify(good(change), AT).findings}


def test_warning_stands_against_no_publishing() -> None:
    def change(t: Document) -> None:
        t["directory"]["trunks"].append({"key": "satu", "kind": "carrier", "host": "127.0.112.15", "channels": 1})
        t["directory"]["agencies"][1]["notices"] = [POINTS[1] | {"trunk": "satu"}]

    report = verify(good(change), AT)
    assert (report.verified, [finding.rule for finding in report.findings]) == (True, ["V8"])
