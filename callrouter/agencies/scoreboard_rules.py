"""What counts on the scoreboard and as what, and how its lines are put together. Pure.

With worked examples: docs/clocks.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from callrouter.agencies.scoreboard import ClockFigure, Line
from callrouter.incidents.clocks import PRESETS, Clock, Within
from callrouter.incidents.model import Disposition, Outcome
from callrouter.routing.facts import Origin

TRUNK_FAULTS: Final = frozenset({"unavailable", "congestion", "full"})
"""Results of attempts in which the line failed: no answer from the other side, no line free, not registered."""
WENT: Final = frozenset({"left", "began"})
"""Results of attempts during which the caller went."""
TALKED: Final = "talked"


def counts(origin: str, disposition: str) -> bool:
    """Return whether a call counts on the scoreboard: not a test, and not from an operator's telephone."""
    return origin != Origin.OPERATOR and disposition != Disposition.TEST


def shown_as(disposition: str, origin: str, outcome: str | None, *, heard: bool) -> Disposition:
    """Return the disposition under which a call is reported.

    What a person (or the closing of quiet incidents) said stands. Of a call that nobody has judged: from an
    operator's telephone a test; where a human heard the caller or a message was left an emergency, for nobody has
    said that it was none; else abandoned.
    """
    if disposition in _DISPOSITIONS:
        return Disposition(disposition)
    if origin == Origin.OPERATOR:
        return Disposition.TEST
    return Disposition.EMERGENCY if heard or outcome == Outcome.RECORDED else Disposition.ABANDONED


_DISPOSITIONS: Final = frozenset(map(str, Disposition))


@dataclass(frozen=True, slots=True)
class Rung:
    """So many attempts that dialled agencies. label: ``agency/contact`` names joined by +; by: who answered."""

    label: str
    result: str
    by: str
    count: int


def rung_agencies(rung: Iterable[Rung], trunk_of: Mapping[str, str]) -> dict[str, Line]:
    """Return of each agency how often it was rung, and what came of it.

    trunk_of: the trunk of each ``agency/contact``. Of agencies that were rung together the one on whose trunk it was
    answered has answered; that the others did not is nobody's fault, so for them it does not count.
    """
    found: dict[str, dict[str, int]] = {}
    for one in rung:
        names = [name for name in one.label.split("+") if "/" in name]
        agencies = list(dict.fromkeys(name.partition("/")[0] for name in names))
        if one.result == TALKED and len(agencies) > 1:
            answered = {n.partition("/")[0] for n in names if f"trunk-{trunk_of.get(n, '')}" == one.by}
            agencies = list(answered) if len(answered) == 1 else []
        for agency in agencies:
            line = found.setdefault(agency, {})
            line["calls"] = line.get("calls", 0) + one.count
            kind = _kind(one.result)
            line[kind] = line.get(kind, 0) + one.count
    return {agency: _rung_line(agency, line) for agency, line in found.items()}


def _rung_line(agency: str, counted: Mapping[str, int]) -> Line:
    names = ("calls", "answered", "trunk", "nobody", "gone")
    calls, answered, trunk, nobody, gone = (counted.get(name, 0) for name in names)
    return Line(agency, calls=calls, answered=answered, trunk=trunk, nobody=nobody, gone=gone)


def _kind(result: str) -> str:
    if result == TALKED:
        return "answered"
    if result in TRUNK_FAULTS:
        return "trunk"
    # Any other: the line was well, and no human took the call (noanswer, busy, declined, timeout, …).
    return "gone" if result in WENT else "nobody"


def in_order(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return the lines in the order of their keys, what has none last."""
    return tuple(sorted(lines, key=lambda line: (line.key == "", line.key)))


def joined(calls: Iterable[Line], incidents: Iterable[Line]) -> tuple[Line, ...]:
    """Return lines with what was counted of calls, and what was counted of incidents."""
    found = {line.key: line for line in calls}
    for line in incidents:
        call = found.get(line.key, Line(line.key, within=tuple(Within(s, 0, 0) for s in PRESETS)))
        found[line.key] = replace(
            call,
            incidents=call.incidents + line.incidents,
            due=line.due,
            late=line.late,
            clocks={**call.clocks, **line.clocks},
        )
    return in_order(
        replace(line, clocks={clock: line.clocks.get(clock, ClockFigure()) for clock in Clock})
        for line in found.values()
    )
