"""Tables that are verified, and what they are warned of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from callrouter.routing.table import RoutingTable
from callrouter.routing.verify import HORIZON_DAYS, Report, verify
from tests.unit.routing.verify.given import AT, Change, Document, add_route, good, group, route

EXAMPLES = sorted((Path(__file__).parents[4] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_verified_without_a_warning(path: Path) -> None:
    report = verify(RoutingTable.model_validate(YAML(typ="safe").load(path)), AT)
    assert report.findings == ()
    assert report.verified


def test_there_are_examples() -> None:
    assert "kab-malang" in [path.stem for path in EXAMPLES]


def test_good_table_is_verified_until_the_horizon() -> None:
    report = verify(good(), AT)
    assert report == Report(True, (), vectors=30, cells=3, until=AT + timedelta(days=HORIZON_DAYS))


def may_be_unstaffed(t: Document) -> None:
    group(t, "desk").update(members=[], shifts=["siang"], may_be_unstaffed=True)


def over(t: Document) -> None:
    add_route(t, key="last-year", priority=2000, valid_until=AT)


def far_ahead(t: Document) -> None:
    add_route(t, key="in-two-years", priority=2000, valid_from="2028-01-01T00:00:00Z")


def no_such_trunk(t: Document) -> None:
    t["directory"]["trunks"].pop()
    t["directory"]["agencies"].pop()
    route(t, "flood-batu")["steps"][0]["targets"] = ["damkar/posko"]
    route(t, "from-centres")["when"]["trunk_kind"] = ["agency"]
    add_route(t, key="neighbours", priority=2000, when={"trunk_kind": ["neighbour"]})


def agency_off(t: Document) -> None:
    t["directory"]["agencies"][1]["enabled"] = False
    add_route(t, key="if-there", priority=2000, when={"state": [{"agency": "bpbd", "state": "available"}]})


def menu_that_nobody_reaches(t: Document) -> None:
    options = [{"digit": "1", "category": "fire"}]
    t["routing"]["menus"].append({"key": "spare", "name": {"id": "cadangan", "en": "spare"}, "options": options})


ODD = "/routing/routes/7"


@pytest.mark.parametrize(
    ("change", "rule", "where", "says"),
    [
        (may_be_unstaffed, "V5", "/routing/ring_groups/1", "has no enabled operator from 2026-03-02 19:00 WIB on"),
        (over, "V6", ODD, "its time is over"),
        (far_ahead, "V6", ODD, "nothing is proven of it"),
        (no_such_trunk, "V6", ODD, "there is no trunk of kind neighbour"),
        (agency_off, "V6", ODD, "agency/bpbd has no contact that is enabled"),
        (menu_that_nobody_reaches, "V7", "/routing/menus/2", "no digit leads to menu spare"),
    ],
)
def test_what_is_only_odd_is_a_warning(change: Change, rule: str, where: str, says: str) -> None:
    report = verify(good(change), AT)
    assert [(f.rule, f.error, f.pointer) for f in report.findings] == [(rule, False, where)]
    assert says in report.findings[0].sentence.en
    assert report.verified


def locked(t: Document) -> None:
    add_route(t, key="off", priority=2000, locked=True, steps=[{"kind": "announce", "prompt": "wait"}])


def suspects_are_asked(t: Document) -> None:
    steps = [{"kind": "challenge", "wait_s": 10}, {"kind": "ringgroup", "group": "desk", "wait_s": 60}]
    add_route(t, key="suspects", priority=2000, when={"suspicion": {"at_least": 60}}, urgency=0, steps=steps)


def unused_group(t: Document) -> None:
    t["routing"]["ring_groups"].append({"key": "spare", "shifts": ["malam"]})


def disjoint_by_the_hour(t: Document) -> None:
    """The same operators, but one group has them by day and the other at night."""
    t["routing"]["shifts"].append({"key": "m2", "name": "x", "schedule": "dark", "operators": ["op1", "op2"]})
    t["routing"]["ring_groups"] += [{"key": "a", "shifts": ["siang"]}, {"key": "b", "shifts": ["m2"]}]
    for n in (-2, -1):
        t["routing"]["ring_groups"][n]["may_be_unstaffed"] = True
    steps = [{"kind": "ringgroup", "group": key, "wait_s": 30} for key in ("a", "b")]
    route(t, "rest")["steps"] = steps


def at_the_bounds(t: Document) -> None:
    """20 + 10 s (told, and gone again) and 57 + 3 s (gone again) to the last resort; 300 s in all."""
    route(t, "rest")["steps"] = [
        {"kind": "dial", "targets": ["bpbd/posko"], "ring_s": 20},
        {"kind": "ringgroup", "group": "desk", "wait_s": 57},
    ]
    t["routing"]["last_resort"]["seconds"] = 300 - 90 - 3 - 60 - 13


@pytest.mark.parametrize("change", [locked, suspects_are_asked, unused_group, disjoint_by_the_hour, at_the_bounds])
def test_what_is_allowed_is_no_error(change: Callable[[Document], Any]) -> None:
    assert [f for f in verify(good(change), AT).findings if f.error] == []


@pytest.mark.parametrize("shift", [timedelta(0), timedelta(hours=13), timedelta(days=30)])
def test_verdict_does_not_hang_on_the_hour_of_asking(shift: timedelta) -> None:
    assert verify(good(), AT + shift).verified
    broken = good(lambda t: route(t, "rest").update(when={"schedule": ["office"]}))
    (finding,) = verify(broken, AT + shift).findings
    assert finding.rule == "V1"
    assert finding.example is not None
    assert AT + shift <= finding.example.at < AT + shift + timedelta(days=3)


def test_time_beyond_the_horizon_is_not_looked_at() -> None:
    ends = AT + timedelta(days=HORIZON_DAYS)
    for end, verified in ((ends, True), (ends - timedelta(seconds=1), False)):
        table = good(lambda t, end=end: route(t, "rest").update(valid_until=end))
        assert verify(table, AT).verified is verified


def test_time_of_asking_may_be_in_any_zone() -> None:
    assert verify(good(), AT.astimezone(None)) == verify(good(), datetime.fromtimestamp(AT.timestamp(), UTC))
