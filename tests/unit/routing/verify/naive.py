"""The rules V1 to V6, told a second time: every call one by one, decided by the oracle, on dictionaries.

It imports nothing of the package. Tables may speak only of half hours of the days of `TIMES`, so that looking every
half hour finds every kind of time; each kind is looked at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from tests.unit.routing.oracle import Decided, decision, is_open

Document = dict[str, Any]
Call = dict[str, Any]

AT = datetime(2026, 3, 1, 17, 0, tzinfo=UTC)
"""Monday, 2 March 2026, 00:00 WIB."""
DAYS = 10
"""Tables name dates of these days only; the week after them is like all later ones."""
TIMES = [AT + timedelta(minutes=30 * n) for n in range(48 * (DAYS + 8))]
CONFIRM_S, TOLD_S, MEDIA_S, VANISH_S, ANNOUNCE_S, BEFORE_RECORD_S = 14, 7, 3, 3, 60, 13


def calls(table: Document) -> Iterator[tuple[Call, datetime]]:
    """Yield every call: each fact that a route asks about with each value that it can have."""
    routing = table["routing"]
    whens = [route["when"] for route in routing["routes"]]
    areas = {area for when in whens for area in when["area"]} - {"unknown"}
    places = {None, "99", *areas, *(f"{area}.77" for area in areas if area.count(".") < 2)}
    places |= {area.rpartition(".")[0] for area in areas if "." in area}
    scores = {0, 100}
    for when in whens:
        if when["suspicion"]:
            for bound in (when["suspicion"]["at_least"], when["suspicion"]["below"]):
                scores |= {score for score in (bound - 1, bound, bound + 1) if 0 <= score <= 100}
    states = sorted({_name(state) for when in whens for state in when["state"]})
    gone = [
        combination
        for chosen in product([False, True], repeat=len(states))
        if _possible(table, combination := tuple(s for s, out in zip(states, chosen, strict=True) if out), states)
    ]
    trunks: list[Any] = [(t["key"], t["kind"]) for t in table["directory"]["trunks"]]
    for (category, choice), area, trunk, language, score, posture, unavailable, at in product(
        [(None, "silent"), (None, "cannot_speak"), *((c["key"], "none") for c in routing["categories"])],
        sorted(places, key=str) if any(when["area"] for when in whens) else [None],
        [*trunks, (None, None)],
        ["id", "en"],
        sorted(scores) if any(when["suspicion"] for when in whens) else [0],
        ["green", "yellow", "orange", "red"] if any(when["posture"] for when in whens) else ["green"],
        gone,
        kinds_of_time(table),
    ):
        yield (
            {
                "category": category,
                "choice": choice,
                "area": area,
                "trunk": trunk[0],
                "trunk_kind": trunk[1],
                "language": language,
                "suspicion": score,
                "posture": posture,
                "unavailable": unavailable,
            },
            at,
        )


def kinds_of_time(table: Document) -> list[datetime]:
    """Return the first instant of each combination of open schedules and valid routes."""
    first: dict[object, datetime] = {}
    for at in TIMES:
        opened = tuple(is_open(table, s["key"], at) for s in table["routing"]["schedules"])
        valid = tuple(_valid(route, at) for route in table["routing"]["routes"])
        first.setdefault((opened, valid), at)
    return list(first.values())


def broken(table: Document, call: Call, at: datetime) -> set[tuple[str, str]]:
    """Return the rules V1 to V4 that this call's plan breaks, each with the route, or ``last``, or ``none``."""
    found = decision(table, call, at)
    steps, last = _parted(found)
    route = found.route or "none"
    rules = set()
    if found.route is None:
        rules.add(("V1", route))
    reached = sum(worst_s(step) for step in steps)
    if reached > 90:
        rules.add(("V2", found.route or "last"))
    elif reached + sum(worst_s(step) for step in last) > 300:
        rules.add(("V2", "last"))
    asked = [n for n, step in enumerate(steps) if step[0] == "challenge"]
    behind = steps[asked[-1] :] if asked else steps
    if found.route and (asked or not found.information) and not any(_offers(table, step) for step in behind):
        rules.add(("V3", route))
    if _rings_twice(table, steps, at) or any(t[2] == call["trunk"] for s in steps if s[0] == "dial" for t in s[1]):
        rules.add(("V4", route))
    return rules


def everything_broken(table: Document) -> set[tuple[str, str]]:
    """Return all of V1 to V6 that `table` breaks: with a route's key, ``none``, ``last``, or a group's key for V5."""
    rules: set[tuple[str, str]] = set()
    winners: set[str | None] = set()
    for call, at in calls(table):
        rules |= broken(table, call, at)
        winners.add(decision(table, call, at).route)
    used = {table["routing"]["last_resort"]["group"]}
    for route in table["routing"]["routes"]:
        if route["key"] in winners:
            used |= {step["group"] for step in route["steps"] if step["kind"] == "ringgroup"}
        elif not route["locked"]:
            rules.add(("V6", route["key"]))
    for group in used:
        if group is None:
            rules.add(("V5", "last"))
        elif any(not rostered(table, group, at) for at in kinds_of_time(table)):
            rules.add(("V5", group))
    return rules


def worst_s(step: tuple[Any, ...]) -> int:
    """Return how long a step can take."""
    if step[0] == "dial":
        seconds = int(step[2]) + VANISH_S
        if True in [target[4] for target in step[1]]:
            seconds += CONFIRM_S
        if False in [target[4] for target in step[1]]:
            seconds += TOLD_S if step[3] else MEDIA_S
        return seconds
    if step[0] == "ring":
        return int(step[2]) + VANISH_S
    if step[0] == "challenge":
        return 8 + int(step[1])
    return ANNOUNCE_S if step[0] == "announce" else int(step[1]) + BEFORE_RECORD_S


def rostered(table: Document, key: str, at: datetime | None) -> list[str]:
    """Return the enabled operators of a group on the roster at `at`; None: ever."""
    routing = table["routing"]
    (group,) = [g for g in routing["ring_groups"] if g["key"] == key]
    people = list(group["members"])
    for shift in routing["shifts"]:
        if shift["key"] in group["shifts"] and (at is None or is_open(table, shift["schedule"], at)):
            people += shift["operators"]
    enabled = [o["key"] for o in table["directory"]["operators"] if o["enabled"]]
    return [person for person in people if person in enabled]


def _parted(found: Decided) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    length = 2 if len(found.steps) > 1 and found.steps[-2][0] == "ring" and found.steps[-2][4] else 1
    return found.steps[:-length], found.steps[-length:]


def _offers(table: Document, step: tuple[Any, ...]) -> bool:
    if step[0] == "dial":
        return bool(step[1])
    return step[0] == "ring" and bool(rostered(table, step[1], None))


def _rings_twice(table: Document, steps: list[tuple[Any, ...]], at: datetime) -> bool:
    rung: list[object] = []
    for step in steps:
        if step[0] == "dial":
            rung += [(target[2], target[3]) for target in step[1]]
        if step[0] == "ring":
            rung += [f"group {step[1]}", *set(rostered(table, step[1], at))]
    return len(rung) != len(set(rung))


def _valid(route: Document, at: datetime) -> bool:
    begins, ends = route["valid_from"], route["valid_until"]
    return (begins is None or at >= datetime.fromisoformat(begins)) and (
        ends is None or at < datetime.fromisoformat(ends)
    )


def _name(state: Document) -> str:
    return f"agency/{state['agency']}" if state["agency"] else f"group/{state['group']}"


def _possible(table: Document, unavailable: tuple[str, ...], states: list[str]) -> bool:
    """An agency of which no contact can be rung is never available."""
    lines = {t["key"] for t in table["directory"]["trunks"] if t["enabled"] and t["channels"]}
    for agency in table["directory"]["agencies"]:
        there = agency["enabled"] and any(c["enabled"] and c["trunk"] in lines for c in agency["contacts"])
        name = f"agency/{agency['key']}"
        if name in states and not there and name not in unavailable:
            return False
    return True
