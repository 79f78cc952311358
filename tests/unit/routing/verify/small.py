"""Small tables at random: each uses a few kinds of conditions, and is wrong in some way more often than not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from callrouter.routing.directory import TrunkKind
from callrouter.routing.table import RoutingTable
from callrouter.routing.times import Day
from callrouter.routing.values import Availability, Language, Posture
from tests.unit.routing.verify.naive import AT, DAYS

Document = dict[str, Any]

CATEGORIES = ["fire", "light"]
TRUNKS = ["telco", "second", "damkar"]
AREAS = ["35.07", "35.07.13", "64"]
SCHEDULES = ["office", "nights"]
GROUPS = ["day", "night"]
OPERATORS = ["op1", "op2", "op3"]
TARGETS = ["damkar/posko", "damkar/piket", "bpbd/posko"]
CLOCK = ["00:00", "07:30", "12:00", "22:00"]
NAME = {"id": "x", "en": "x"}
KINDS = ["area", "schedule", "trunk", "trunk_kind", "language", "suspicion", "posture", "state", "valid"]


@st.composite
def tables(draw: st.DrawFn) -> RoutingTable:
    """Tables whose routes use at most three kinds of conditions besides the category."""
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=3, unique=True))
    count = draw(st.integers(1, 5))
    return RoutingTable.model_validate(
        {
            "centre": {"name": "Pusat", "timezone": "Asia/Jakarta"},
            "directory": {
                "trunks": [_trunk(draw, key, n) for n, key in enumerate(TRUNKS)],
                "agencies": _agencies(draw),
                "operators": [{"key": key, "name": key, "enabled": _mostly(draw)} for key in OPERATORS],
            },
            "routing": {
                "categories": [
                    {"key": key, "urn": "urn:service:sos", "name": NAME, "priority": 5} for key in CATEGORIES
                ],
                "areas": [{"code": code, "name": code} for code in AREAS],
                "schedules": [_schedule(draw, key) for key in SCHEDULES],
                "shifts": [
                    {"key": key, "name": key, "schedule": key, "operators": draw(_some(OPERATORS, least=1))}
                    for key in SCHEDULES
                ],
                "ring_groups": [_group(draw, key) for key in GROUPS],
                "routes": [_route(draw, n, kinds) for n in range(count)],
                "last_resort": {
                    "group": draw(st.sampled_from([*GROUPS, *GROUPS, None])),
                    "seconds": draw(st.sampled_from([90, 90, 200, 250])),
                },
            },
        }
    )


def _mostly(draw: st.DrawFn) -> bool:
    return draw(st.sampled_from([True, True, True, False]))


def _some(values: list[Any], least: int = 0) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=least, max_size=2, unique_by=str)


def _trunk(draw: st.DrawFn, key: str, n: int) -> Document:
    kind = draw(st.sampled_from([*TrunkKind]))
    return {"key": key, "kind": kind, "host": f"127.0.0.{n + 1}", "enabled": _mostly(draw)}


def _agencies(draw: st.DrawFn) -> list[Document]:
    def contact(key: str) -> Document:
        return {
            "key": key,
            "trunk": draw(st.sampled_from(TRUNKS)),
            "number": draw(st.sampled_from(["1", "2", "3", "4", "5"])),
            "confirm": draw(st.booleans()),
            "enabled": _mostly(draw),
        }

    return [
        {"key": "damkar", "name": NAME, "contacts": [contact("posko"), contact("piket")], "enabled": _mostly(draw)},
        {"key": "bpbd", "name": NAME, "contacts": [contact("posko")]},
    ]


def _schedule(draw: st.DrawFn, key: str) -> Document:
    days = [(AT + timedelta(days=n)).date() for n in range(1, DAYS)]

    def hours() -> Document:
        opens, closes = draw(st.permutations([*CLOCK, "24:00"]).filter(lambda times: times[0] != "24:00"))[:2]
        return {"opens": opens, "closes": closes}

    return {
        "key": key,
        "name": key,
        "windows": [
            {**hours(), "days": draw(st.sampled_from([[*Day], [*Day], [*Day][:5]]))}
            for _ in range(draw(st.integers(1, 2)))
        ],
        "holidays": [{"date": day, "name": NAME} for day in draw(_some(days))],
        "exceptions": [
            {"date": day, "name": NAME, "hours": [hours()] if draw(st.booleans()) else []}
            for day in draw(_some(days))
        ],
    }


def _group(draw: st.DrawFn, key: str) -> Document:
    members = draw(_some(OPERATORS))
    shifts = draw(_some(SCHEDULES, least=0 if members else 1))
    return {"key": key, "members": members, "shifts": shifts, "may_be_unstaffed": draw(st.booleans())}


def _route(draw: st.DrawFn, n: int, kinds: list[str]) -> Document:
    asked = [kind for kind in kinds if draw(st.booleans())]
    when: Document = {"category": draw(st.just([]) | _some(CATEGORIES))}
    when |= {kind: draw(_condition(kind)) for kind in asked if kind != "valid"}
    route = {
        "key": f"r{n}",
        "priority": 100 - n,
        "when": when,
        "steps": draw(st.lists(_step(), min_size=1, max_size=3)),
        "information": not _mostly(draw),
        "locked": not _mostly(draw),
    }
    if "valid" in asked:
        first, second = sorted(draw(st.lists(st.integers(-48, 48 * DAYS), min_size=2, max_size=2, unique=True)))
        begins, ends = (AT + timedelta(minutes=30 * half) for half in (first, second))
        route |= draw(
            st.sampled_from(
                [{"valid_from": begins}, {"valid_until": ends}, {"valid_from": begins, "valid_until": ends}]
            )
        )
    return route


def _condition(kind: str) -> st.SearchStrategy[Any]:
    scores = st.sampled_from([(0, 50), (50, 101), (30, 60), (100, 101)])
    states = [{"agency": key, "state": state} for key in ("damkar", "bpbd") for state in Availability]
    states += [{"group": "day", "state": state} for state in Availability]
    return {
        "area": _some([*AREAS, "unknown"]),
        "schedule": _some(SCHEDULES),
        "trunk": _some(TRUNKS),
        "trunk_kind": _some([*TrunkKind]),
        "language": _some([*Language]),
        "suspicion": scores.map(lambda s: {"at_least": s[0], "below": s[1]}),
        "posture": _some([*Posture]),
        "state": _some(states),
    }[kind]


def _step() -> st.SearchStrategy[Document]:
    dial = st.fixed_dictionaries(
        {"kind": st.just("dial"), "targets": _some(TARGETS, least=1), "ring_s": st.sampled_from([10, 20, 25, 45])}
    )
    ring = st.fixed_dictionaries(
        {"kind": st.just("ringgroup"), "group": st.sampled_from(GROUPS), "wait_s": st.sampled_from([20, 30, 60])}
    )
    announce = st.just({"kind": "announce", "prompt": "connecting"})
    record = st.just({"kind": "record", "max_s": 10})
    challenge = st.sampled_from([3, 10]).map(lambda seconds: {"kind": "challenge", "wait_s": seconds})
    return st.one_of(dial, dial, dial, ring, ring, announce, record, challenge)
