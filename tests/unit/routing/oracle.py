"""The decision, told a second time from the documents' words alone: slow, plain, on dictionaries.

It imports nothing of the package, so that a mistake in the package is not repeated here. Local time is reckoned in
whole minutes from the hours that Indonesia's zones are ahead of UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

HOURS_AHEAD = {"Asia/Jakarta": 7, "Asia/Makassar": 8, "Asia/Jayapura": 9}
DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class Decided:
    """The keys of the route that wins and of the category (or None), the urgency, and the steps as tuples."""

    route: str | None
    category: str | None
    urgency: int
    information: bool
    steps: list[tuple[Any, ...]]


def decision(table: dict[str, Any], facts: dict[str, Any], at: datetime) -> Decided:
    """Return what is decided for a call with `facts` at `at` (aware)."""
    routing = table["routing"]
    urgency = 5
    category = None
    speechless = facts.get("choice") == "cannot_speak"
    if speechless:
        facts = {**facts, "category": None, "suspicion": 0}
    for entry in routing["categories"]:
        if entry["key"] == facts["category"]:
            category = entry["key"]
            urgency = entry["priority"]

    winner = None
    for route in routing["routes"]:
        if route["locked"] or not applies(table, route, {**facts, "category": category}, at):
            continue
        if winner is None or route["priority"] > winner["priority"]:
            winner = route

    if winner and winner["urgency"] is not None:
        urgency = winner["urgency"]
    urgency = 10 if speechless else urgency
    steps = [_step(table, step, facts["trunk"], urgency) for step in (winner["steps"] if winner else [])]
    steps = [step for step in steps if step != ("nobody",)]
    if speechless:
        steps = [step for kind in ("ring", "dial", "record") for step in steps if step[0] == kind]
    last = routing["last_resort"]
    if last["group"] is not None:
        steps.append(("ring", last["group"], last["seconds"], _places(routing, last["group"], urgency), True))
    steps.append(("record", 60))
    return Decided(
        winner["key"] if winner else None, category, urgency, bool(winner and winner["information"]), steps
    )


def _step(table: dict[str, Any], step: dict[str, Any], came_by: str | None, urgency: int) -> tuple[Any, ...]:
    if step["kind"] == "dial":
        targets = [target for name in step["targets"] for target in _contact(table, name)]
        targets = [target for target in targets if target[2] != came_by]
        return ("dial", targets, step["ring_s"], step["announce"]) if targets else ("nobody",)
    if step["kind"] == "ringgroup":
        places = _places(table["routing"], step["group"], urgency)
        return ("ring", step["group"], step["wait_s"], places, False)
    if step["kind"] == "challenge":
        return ("challenge", step["wait_s"], min(step["urgency"], urgency))
    if step["kind"] == "announce":
        return ("announce", _clip(table, step["prompt"]))
    return ("record", step["max_s"])


def _clip(table: dict[str, Any], plain: str) -> str:
    """Return the clip's name: where it says words of the table, a digest of them in each language ends it."""
    said = {"centre-name": table["centre"]["name"]}
    for prefix, named in (
        ("category", table["routing"]["categories"]),
        ("told", table["routing"]["categories"]),
        ("agency", table["directory"]["agencies"]),
    ):
        said |= {f"{prefix}-{entry['key']}": f"{entry['name']['id']}\0{entry['name']['en']}" for entry in named}
    return f"{plain}-{sha256(said[plain].encode()).hexdigest()[:8]}" if plain in said else plain


def _contact(table: dict[str, Any], name: str) -> list[tuple[str, str, str, str, bool, int]]:
    """Return the contact, or nothing where it is disabled, or its agency, or the trunk that leads to it."""
    agency_key, contact_key = name.split("/")
    for agency in table["directory"]["agencies"]:
        for contact in agency["contacts"]:
            if (agency["key"], contact["key"]) != (agency_key, contact_key):
                continue
            for trunk in table["directory"]["trunks"]:
                if trunk["key"] == contact["trunk"]:
                    open_line = trunk["enabled"] and trunk["channels"] > 0
            if not (open_line and agency["enabled"] and contact["enabled"]):
                return []
            dialled = contact["trunk"], contact["number"]
            return [(agency_key, contact_key, *dialled, contact["confirm"], contact["max_calls"])]
    raise LookupError(name)


def _places(routing: dict[str, Any], key: str, urgency: int) -> int:
    for group in routing["ring_groups"]:
        if group["key"] == key:
            extra: int = group["urgent_reserve"] if urgency >= group["urgent_from"] else 0
            places: int = group["max_waiting"]
            return places + extra
    raise LookupError(key)


# ---------------------------------------------------------------------------------------------- conditions
def applies(table: dict[str, Any], route: dict[str, Any], facts: dict[str, Any], at: datetime) -> bool:
    """Return whether every condition of `route` holds."""
    when = route["when"]
    score = when["suspicion"] or {"at_least": 0, "below": 101}
    always = datetime.min.replace(tzinfo=UTC).isoformat(), datetime.max.replace(tzinfo=UTC).isoformat()
    begins, ends = (
        datetime.fromisoformat(route[n] or end) for n, end in zip(("valid_from", "valid_until"), always, strict=True)
    )
    held = [
        not when[name] or facts[name] in when[name]
        for name in ("category", "trunk", "trunk_kind", "language", "posture")
    ]
    held.append(not when["area"] or _in_one_of(facts["area"], when["area"]))
    held.append(facts["suspicion"] in range(score["at_least"], score["below"]))
    held.append(begins <= at < ends)
    held.append(not when["schedule"] or any(is_open(table, key, at) for key in when["schedule"]))
    for wanted in when["state"]:
        name = f"agency/{wanted['agency']}" if wanted["agency"] else f"group/{wanted['group']}"
        is_there = name not in facts["unavailable"]
        held.append(is_there == (wanted["state"] == "available"))
    return all(held)


def _in_one_of(area: str | None, named: list[str]) -> bool:
    """A place is in itself, and in each place above it: what is left of its code when parts are taken off."""
    if area is None:
        return "unknown" in named
    parts = area.split(".")
    return any(".".join(parts[:n]) in named for n in range(1, len(parts) + 1))


def is_open(table: dict[str, Any], key: str, at: datetime) -> bool:
    """Return whether a schedule is open: hours of today, or of yesterday where they go past midnight."""
    (schedule,) = [s for s in table["routing"]["schedules"] if s["key"] == key]
    ahead = HOURS_AHEAD[schedule["timezone"] or table["centre"]["timezone"]]
    local = at.astimezone(UTC).replace(tzinfo=None) + timedelta(hours=ahead)
    minute = local.hour * 60 + local.minute
    yesterday = local.date() - timedelta(days=1)
    return any(opens <= minute < closes for opens, closes in _of_day(schedule, local.date())) or any(
        opens <= minute + DAY_MINUTES < closes for opens, closes in _of_day(schedule, yesterday)
    )


def _of_day(schedule: dict[str, Any], day: date) -> list[tuple[int, int]]:
    """Return the hours that begin on `day`, in minutes from its midnight."""
    hours = [
        w
        for w in schedule["windows"]
        if ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day.weekday()] in w["days"]
    ]
    if day.isoformat() in [holiday["date"] for holiday in schedule["holidays"]]:
        hours = []
    for exception in schedule["exceptions"]:
        if exception["date"] == day.isoformat():
            hours = exception["hours"]
    spans = [(_minutes(h["opens"]), _minutes(h["closes"])) for h in hours]
    return [(opens, closes if closes > opens else closes + DAY_MINUTES) for opens, closes in spans]


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
