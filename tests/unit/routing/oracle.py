"""The decision, told a second time from the documents' words alone: slow, plain, on dictionaries.

It imports nothing of the package, so that a mistake in the package is not repeated here.
"""

from __future__ import annotations

from typing import Any


def decision(
    table: dict[str, Any], facts: dict[str, Any]
) -> tuple[str | None, str | None, int, list[tuple[Any, ...]]]:
    """Return the keys of the route that wins and of the category (or None), the urgency, and the steps as tuples."""
    routing = table["routing"]
    urgency = 5
    category = None
    for entry in routing["categories"]:
        if entry["key"] == facts["category"]:
            category = entry["key"]
            urgency = entry["priority"]

    winner = None
    for route in routing["routes"]:
        if route["locked"] or not _matches(route["when"], {**facts, "category": category}):
            continue
        if winner is None or route["priority"] > winner["priority"]:
            winner = route

    steps = [_step(table, step, facts["trunk"], urgency) for step in (winner["steps"] if winner else [])]
    steps = [step for step in steps if step != ("nobody",)]
    last = routing["last_resort"]
    steps.append(("ring", last["group"], last["seconds"], _places(routing, last["group"], urgency), True))
    steps.append(("record", 60))
    return (winner["key"] if winner else None), category, urgency, steps


def _step(table: dict[str, Any], step: dict[str, Any], came_by: str | None, urgency: int) -> tuple[Any, ...]:
    if step["kind"] == "dial":
        targets = [_contact(table, name) for name in step["targets"]]
        targets = [target for target in targets if target[2] != came_by]
        return ("dial", targets, step["ring_s"], step["announce"]) if targets else ("nobody",)
    if step["kind"] == "ringgroup":
        places = _places(table["routing"], step["group"], urgency)
        return ("ring", step["group"], step["wait_s"], places, False)
    if step["kind"] == "announce":
        return ("announce", step["prompt"])
    return ("record", step["max_s"])


def _matches(when: dict[str, Any], facts: dict[str, Any]) -> bool:
    for name in ("category", "trunk", "trunk_kind", "language"):
        if when[name] and facts[name] not in when[name]:
            return False
    return True


def _contact(table: dict[str, Any], name: str) -> tuple[str, str, str, str, bool]:
    agency_key, contact_key = name.split("/")
    for agency in table["directory"]["agencies"]:
        for contact in agency["contacts"]:
            if (agency["key"], contact["key"]) == (agency_key, contact_key):
                return agency_key, contact_key, contact["trunk"], contact["number"], contact["confirm"]
    raise LookupError(name)


def _places(routing: dict[str, Any], key: str, urgency: int) -> int:
    for group in routing["ring_groups"]:
        if group["key"] == key:
            extra: int = group["urgent_reserve"] if urgency >= group["urgent_from"] else 0
            places: int = group["max_waiting"]
            return places + extra
    raise LookupError(key)
