"""Figures as one would count them by hand: every row is read, and added up in Python, clock by clock.

It knows callrouter.incidents.clocks and nothing of the statements.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from callrouter.agencies.scoreboard import By, ClockFigure, Line, Period, Span
from callrouter.agencies.scoreboard_rules import counts, shown_as
from callrouter.incidents.clocks import (
    OF_CALL,
    OF_INCIDENT,
    Clock,
    Interval,
    Moments,
    Wait,
    Zone,
    interval,
    measured,
    nearest_rank,
    within,
)
from callrouter.incidents.model import Disposition
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.tables_figures import call_ring
from tests.storage.given import rows

Row = dict[str, Any]
DAY = 86_400_000_000
_FAULTS = {"unavailable", "congestion", "full"}


class Rows:
    """All rows that figures are made of."""

    def __init__(self, **tables: list[Row]) -> None:
        self.calls, self.incidents = tables["calls"], {row["id"]: row for row in tables["incidents"]}
        self.rings = {row["call"]: row["at"] for row in tables["rings"]}
        self.attempts, self.parts = defaultdict(list), defaultdict(list)
        for row in tables["attempts"]:
            self.attempts[row["call"]].append(row)
        for row in tables["parts"]:
            self.parts[row["incident"]].append(row)


async def read(database: Database) -> Rows:
    return Rows(
        calls=await rows(database, t.call),
        incidents=await rows(database, t.incident),
        rings=await rows(database, call_ring),
        attempts=await rows(database, t.attempt),
        parts=await rows(database, t.incident_agency),
    )


class _Sum:
    def __init__(self) -> None:
        self.counted: dict[str, int] = defaultdict(int)
        self.waits: list[Wait] = []
        self.intervals: dict[Clock, list[Interval]] = defaultdict(list)

    def clock(self, found: dict[Clock, Interval], only: Iterable[Clock]) -> None:
        for clock in only:
            if clock in found:
                self.intervals[clock].append(found[clock])

    def line(self, key: str, clocks: Iterable[Clock]) -> Line:
        return Line(
            key, **self.counted, within=within(self.waits), clocks={c: _figure(self.intervals[c]) for c in clocks}
        )


def _figure(found: Sequence[Interval]) -> ClockFigure:
    usable = [one.us for one in found if one.us is not None]
    return ClockFigure(len(usable), len(found) - len(usable), nearest_rank(usable, 50), nearest_rank(usable, 90))


def _heard(call: Row) -> int | None:
    found: int | None = call["joined_at"] if call["ended_at"] is None else call["human_at"]
    return found


def _moments(call: Row | None, incident: Row | None, parts: Sequence[Row], ring: int | None) -> Moments:
    handed = min((p["passed_at"] for p in parts if p["state"] not in {"declined", "withdrawn"}), default=None)
    own = incident or {}
    if call is None:
        invite = own["opened_at"]
        return Moments(invite=invite, handed=handed, **_steps(own))
    return Moments(
        invite=call["opened_at"] if call["opened_source"] > 0 else None,
        menu_begun=call["answered_at"],
        chosen=call["chosen_at"],
        rang=ring,
        human=_heard(call),
        handed=handed,
        **(_steps(own) if incident is not None else {}),
    )


def _steps(incident: Row) -> dict[str, int | None]:
    return {name: incident[f"{name}_at"] for name in ("acknowledged", "on_scene", "resolved")}


def _keys(by: By, call: Row | None, incident: Row | None, at: int, spans: Sequence[Span]) -> list[str]:
    if by is By.SHIFT:
        return [span.key for span in spans if span.begin <= at < span.end]
    column = "category" if by is By.CATEGORY else "area"
    if incident is not None:
        return [incident[column]]
    return [call["category"] if by is By.CATEGORY and call is not None else ""]


def scoreboard(  # noqa: C901 (as one would do it by hand, from top to bottom)
    found: Rows, period: Period, by: By, zones: Sequence[Zone], now: int, spans: Sequence[Span]
) -> tuple[Line, ...]:
    """Return the lines by category, area or shift."""
    sums: dict[str, _Sum] = defaultdict(_Sum)
    inside: Callable[[int], bool] = lambda at: period.begin <= at < period.end  # noqa: E731
    for call in found.calls:
        if call["direction"] != "in" or not inside(call["opened_at"]):
            continue
        incident = found.incidents.get(call["incident"])
        if incident is not None and abs(incident["opened_at"] - call["opened_at"]) > DAY:
            incident = None
        for key in _keys(by, call, incident, call["opened_at"], spans):
            total = sums[key].counted
            for name in ("calls", "left_out", "answered", "waiting", "trunk", "nobody", "gone", "incidents"):
                total[name] += 0
            if not counts(call["origin"], "" if incident is None else incident["disposition"]):
                total["left_out"] += 1
                continue
            total["calls"] += 1
            total["incidents"] += incident is not None and incident["opening_call"] == call["id"]
            moments = _moments(call, None, (), _near(found.rings.get(call["id"]), call))
            total[_became(call, found.attempts[call["id"]])] += 1
            intervals = measured(moments, zones)
            sums[key].clock(intervals, OF_CALL)
            sums[key].waits.append(_wait(call, intervals, moments, zones))
    for incident in found.incidents.values():
        call_ = next((c for c in found.calls if c["id"] == incident["opening_call"]), None)
        if not inside(incident["opened_at"]) or not counts(
            "" if call_ is None else call_["origin"], incident["disposition"]
        ):
            continue
        late_us = 31 * DAY
        parts = [
            part
            for part in found.parts[incident["id"]]
            if -DAY <= part["passed_at"] - incident["opened_at"] < late_us
        ]
        for key in _keys(by, call_, incident, incident["opened_at"], spans):
            if call_ is None:
                sums[key].counted["incidents"] += 1
            for part in parts:
                due, late = _due(part, now)
                sums[key].counted["due"] += due
                sums[key].counted["late"] += late
            if parts:
                sums[key].clock(measured(_moments(call_, incident, parts, None), zones), OF_INCIDENT)
    return tuple(sums[key].line(key, Clock) for key in sorted(sums, key=lambda k: (k == "", k)) if _shown(sums[key]))


def _shown(total: _Sum) -> bool:
    return bool(total.counted)


def _near(at: int | None, call: Row) -> int | None:
    """What is told of a call a day or more away from it is not of it (a clock that was set)."""
    return at if at is not None and abs(at - call["opened_at"]) <= DAY else None


def _became(call: Row, attempts: Sequence[Row]) -> str:
    if _heard(call) is not None:
        return "answered"
    if call["ended_at"] is None:
        return "waiting"
    outside = [a for a in attempts if a["kind"] in {"dial", "static"}]
    failed = [a for a in outside if a["result"] in _FAULTS]
    if failed and _near(min(a["begun_at"] for a in failed), call) is None:
        failed = []
    if failed and len(failed) == len(outside) and not any(a["kind"] == "ringgroup" for a in attempts):
        return "trunk"
    return "gone" if call["stage"] in {"", "opened", "menu", "plan"} else "nobody"


def _wait(call: Row, intervals: dict[Clock, Interval], moments: Moments, zones: Sequence[Zone]) -> Wait:
    if Clock.ANSWER in intervals:
        return Wait(answered=intervals[Clock.ANSWER].us)
    if moments.human is not None or call["ended_at"] is None:
        return Wait()
    waited = interval(moments.invite, call["ended_at"], zones)
    return Wait(left=None if waited is None else waited.us)


def _due(part: Row, now: int) -> tuple[int, int]:
    if part["due_at"] is None or part["state"] == "withdrawn":
        return 0, 0
    answered = part["acknowledged_at"]
    if answered is None and part["state"] == "declined":
        answered = part["updated_at"]
    if answered is None:
        over = part["due_at"] < now
        return int(over), int(over)
    return 1, int(answered > part["due_at"])


def agencies(found: Rows, period: Period, zones: Sequence[Zone], now: int) -> dict[str, Line]:
    """Return what agencies did with incidents that were passed to them in the period."""
    sums: dict[str, _Sum] = defaultdict(_Sum)
    for parts in found.parts.values():
        for part in parts:
            incident = found.incidents[part["incident"]]
            if not period.begin <= part["passed_at"] < period.end or incident["disposition"] == "test":
                continue
            total = sums[part["agency"]]
            due, late = _due(part, now)
            for name, value in (("incidents", 1), ("due", due), ("late", late)):
                total.counted[name] += value
            for clock, end in (
                (Clock.ACKNOWLEDGEMENT, "acknowledged_at"),
                (Clock.ON_SCENE, "on_scene_at"),
                (Clock.RESOLUTION, "resolved_at"),
            ):
                one = interval(part["passed_at"], part[end], zones)
                if one is not None:
                    total.intervals[clock].append(one)
    clocks = (Clock.ACKNOWLEDGEMENT, Clock.ON_SCENE, Clock.RESOLUTION)
    return {key: total.line(key, clocks) for key, total in sums.items()}


def month(found: Rows, period: Period) -> dict[str, tuple[int, int]]:
    """Return of each disposition the calls of a month, and those that no person has judged."""
    every = {str(kind): [0, 0] for kind in Disposition}
    for call in found.calls:
        if call["direction"] != "in" or not period.begin <= call["opened_at"] < period.end:
            continue
        incident = found.incidents.get(call["incident"], {})
        if incident and abs(incident["opened_at"] - call["opened_at"]) > DAY:
            incident = {}
        heard = _heard(call) is not None
        kind = shown_as(incident.get("disposition", ""), call["origin"], call["outcome"], heard=heard)
        every[kind][0] += 1
        every[kind][1] += not incident.get("disposition_by_person", False)
    return {kind: (calls, undisposed) for kind, (calls, undisposed) in every.items()}
