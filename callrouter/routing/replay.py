"""Past calls through another table: which of them would go elsewhere, from where to where.

A call is decided anew from the facts that it had, as of the time that it came. Facts of older versions have no fields
for what came later; they then have its neutral value. Of agencies and groups, a call's facts tell only those whose
state the table of its day asked for; the others count as available.

Two plans go to the same place where they offer the call to the same, in the same order: how long each is rung, and
which clips are said, is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from callrouter.routing.decide import CompiledTable, decide
from callrouter.routing.facts import Facts
from callrouter.routing.plan import Announce, Challenge, Plan
from callrouter.routing.run import MESSAGE, who

MAX_MOVED: Final = 1_000
"""Calls that are told one by one; all are counted."""
MAX_WAYS: Final = 200
"""Pairs of from and to that are told; the others are counted together."""
_LAST: Final = "last_resort:"
_STEP: Final = " > "


class Past(Protocol):
    """A call as it was decided: `at` in µs UTC; `plan_text` as the PBX had it."""

    @property
    def call(self) -> str: ...
    @property
    def at(self) -> int: ...
    @property
    def facts(self) -> Facts: ...
    @property
    def plan_text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Moved:
    """A call that would go elsewhere. `at` in µs UTC; category None where the caller chose none."""

    call: str
    at: int
    category: str | None
    from_where: str
    to_where: str


@dataclass(frozen=True, slots=True)
class Way:
    """How many calls would go from there to there."""

    from_where: str
    to_where: str
    calls: int


@dataclass(frozen=True, slots=True)
class Replay:
    """What a table would change. Every call is the same, moved or unreadable.

    calls:            all that were looked at
    moved:            how many would go elsewhere
    newly_unoffered:  of those, how many were offered to somebody before the last resort and no more would be;
                      those that would be told something (an information route) do not count
    unknown_category: calls whose category the table does not have
    unreadable:       calls whose old plan is not one, so that nothing can be said
    ways:             from where to where, the most frequent first; at most MAX_WAYS
    examples:         the first MAX_MOVED of them, by time
    """

    calls: int = 0
    same: int = 0
    moved: int = 0
    newly_unoffered: int = 0
    unknown_category: int = 0
    unreadable: int = 0
    ways: tuple[Way, ...] = ()
    examples: tuple[Moved, ...] = ()


class Tally:
    """Counts the calls of a replay, which may come in parts."""

    def __init__(self, compiled: CompiledTable) -> None:
        self._compiled = compiled
        self._count: Counter[str] = Counter()
        self._ways: Counter[tuple[str, str]] = Counter()
        self._examples: list[Moved] = []

    def add(self, calls: Iterable[Past]) -> None:
        """Lead these through the table. Some 30 µs a call."""
        for past in calls:
            self._count["calls"] += 1
            self._count[self._judged(past)] += 1

    def done(self) -> Replay:
        """Return what was counted until now."""
        count = self._count
        return Replay(
            calls=count["calls"],
            same=count["same"],
            moved=count["moved"],
            newly_unoffered=count["newly_unoffered"],
            unknown_category=count["unknown_category"],
            unreadable=count["unreadable"],
            ways=tuple(Way(*way, calls) for way, calls in self._ways.most_common(MAX_WAYS)),
            examples=tuple(self._examples),
        )

    def _judged(self, past: Past) -> str:
        facts = past.facts
        if facts.category is not None and facts.category not in self._compiled.by_category:
            self._count["unknown_category"] += 1
        was = where_of_text(past.plan_text)
        if was is None:
            return "unreadable"
        plan = decide(self._compiled, facts, datetime.fromtimestamp(past.at / 1e6, UTC))
        becomes = where(plan)
        if was == becomes:
            return "same"
        self._ways[was, becomes] += 1
        if len(self._examples) < MAX_MOVED:
            self._examples.append(Moved(past.call, past.at, facts.category, was, becomes))
        if offered(was) and not offered(becomes) and not plan.information:
            self._count["newly_unoffered"] += 1
        return "moved"


def replay(compiled: CompiledTable, calls: Iterable[Past]) -> Replay:
    """Return which of these calls would go elsewhere by that table."""
    tally = Tally(compiled)
    tally.add(calls)
    return tally.done()


def where(plan: Plan) -> str:
    """Return who is offered the call: ``damkar/posko > operators > last_resort:operators > record_message``."""
    return _STEP.join(who(step) for step in plan.steps if not isinstance(step, Announce | Challenge))


def where_of_text(text: str) -> str | None:
    """Return the same of a plan's text as the PBX had it (CR_PLAN); None where it is none.

    The form of the text is that of callrouter.asterisk.plan_codec.
    """
    head, *steps = text.split("!")
    if not head.startswith("plan,") or not steps:
        return None
    try:
        return _STEP.join(_places(steps))
    except (IndexError, ValueError):
        return None


def offered(way: str) -> bool:
    """Return whether `way` offers the call to somebody before the last resort."""
    return any(place != MESSAGE and not place.startswith(_LAST) for place in way.split(_STEP))


def _places(steps: Iterable[str]) -> Iterator[str]:
    for step in steps:
        kind, *parts = step.split(",")
        match kind:
            case "dial":
                yield parts[3]
            case "ring":
                yield parts[0]
            case "last":
                yield f"{_LAST}{parts[0]}"
            case "record":
                yield MESSAGE
            case "announce" | "challenge":
                pass
            case _:
                raise ValueError(kind)
