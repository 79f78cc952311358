"""How long things took: moments, each kept as its source told it, and the intervals between them. Pure.

What counts, with worked examples: docs/clocks.md (its examples are tests). Times are µs since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

S: Final = 1_000_000
PRESETS: Final = (10, 15, 20, 40, 60)
"""Seconds from the INVITE to a human that are reported side by side. Of them 10 s for 90 % is NFPA 1225's target, and
15 s for 90 % and 20 s for 95 % are NENA-STA-020's; 40 and 60 s show how long the tail is.
"""
STEP_US: Final = 250_000
"""A wall clock that moves by more than this against one that is never set, between two looks, was set itself."""
MAX_ZONES: Final = 100
"""Zones of clock steps that figures are asked with; more than these are joined with their neighbours."""


class Clock(StrEnum):
    """An interval that is measured."""

    ANSWER = "answer"
    MENU = "menu"
    CHOICE_TO_RING = "choice_to_ring"
    RING = "ring"
    HAND_OVER = "hand_over"
    ACKNOWLEDGEMENT = "acknowledgement"
    ON_SCENE = "on_scene"
    RESOLUTION = "resolution"


OF_CALL: Final = (Clock.ANSWER, Clock.MENU, Clock.CHOICE_TO_RING, Clock.RING)
OF_INCIDENT: Final = (Clock.HAND_OVER, Clock.ACKNOWLEDGEMENT, Clock.ON_SCENE, Clock.RESOLUTION)


@dataclass(frozen=True, slots=True)
class Moments:
    """What is known of when; None: not known, or never. In brackets where it is kept.

    invite:       the INVITE reached the dialplan (call.opened_at, unless it was only inferred); of an incident that
                  was opened without a call: when it was opened (incident.opened_at)
    menu_begun:   the PBX answered and began to speak (call.answered_at)
    chosen:       the menu ended (call.chosen_at)
    rang:         the first telephone rang after the choice (call_ring.at)
    human:        a human was joined to the caller (call.human_at; while the call lasts call.joined_at)
    handed:       the first agency got it: its human took the caller, or it was passed on (incident_agency.passed_at)
    acknowledged, on_scene: the first agency that said so; resolved: the last (incident.…_at)
    """

    invite: int | None = None
    menu_begun: int | None = None
    chosen: int | None = None
    rang: int | None = None
    human: int | None = None
    handed: int | None = None
    acknowledged: int | None = None
    en_route: int | None = None
    on_scene: int | None = None
    resolved: int | None = None


SPANS: Final[Mapping[Clock, tuple[str, str]]] = {
    Clock.ANSWER: ("invite", "human"),
    Clock.MENU: ("menu_begun", "chosen"),
    Clock.CHOICE_TO_RING: ("chosen", "rang"),
    Clock.RING: ("rang", "human"),
    Clock.HAND_OVER: ("human", "handed"),
    Clock.ACKNOWLEDGEMENT: ("handed", "acknowledged"),
    Clock.ON_SCENE: ("invite", "on_scene"),
    Clock.RESOLUTION: ("invite", "resolved"),
}
"""Of each clock, where it begins and where it ends."""


@dataclass(frozen=True, slots=True)
class Zone:
    """Wall time in which the clock was set: what touches it cannot be measured by the wall clock."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The wall clock was set.

    before, after: what it showed at the last look before, and at the first look after it; by: how far it was moved
    forward (µs, negative: back)
    """

    node: str
    before: int
    after: int
    by: int

    @property
    def zone(self) -> Zone:
        """Return the times that it leaves uncertain: those it skipped, or those that came twice."""
        return Zone(min(self.before, self.after), max(self.before, self.after))


@dataclass(frozen=True, slots=True)
class Interval:
    """One measured interval. us: its length; None: it is unusable, for the clock was set within it."""

    begin: int
    end: int
    us: int | None

    @property
    def unusable(self) -> bool:
        """Return whether it counts as unusable."""
        return self.us is None


def zones(steps: Iterable[ClockStep], most: int = MAX_ZONES) -> tuple[Zone, ...]:
    """Return the zones of `steps`, in order and apart from each other, at most so many: nearest ones are joined."""
    joined: list[Zone] = []
    for zone in sorted((step.zone for step in steps), key=lambda one: (one.begin, one.end)):
        if joined and zone.begin <= joined[-1].end:
            joined[-1] = Zone(joined[-1].begin, max(joined[-1].end, zone.end))
        else:
            joined.append(zone)
    while len(joined) > most:
        n = min(range(len(joined) - 1), key=lambda i: joined[i + 1].begin - joined[i].end)
        joined[n : n + 2] = [Zone(joined[n].begin, joined[n + 1].end)]
    return tuple(joined)


def interval(begin: int | None, end: int | None, set_in: Sequence[Zone] = ()) -> Interval | None:
    """Return the interval between two moments; None where one of them is not known.

    It is unusable where the clock was set within it (set_in), and where it ends before it begins.
    """
    if begin is None or end is None:
        return None
    first, last = min(begin, end), max(begin, end)
    touched = end < begin or any(zone.begin <= last and zone.end >= first for zone in set_in)
    return Interval(begin, end, None if touched else end - begin)


def measured(moments: Moments, set_in: Sequence[Zone] = ()) -> dict[Clock, Interval]:
    """Return every interval both of whose ends are known.

    An agency whose human was the first to talk to the caller was not handed anything over: no HAND_OVER there.
    """
    found: dict[Clock, Interval] = {}
    for clock, (begin, end) in SPANS.items():
        one = interval(getattr(moments, begin), getattr(moments, end), set_in)
        if one is not None and not (clock is Clock.HAND_OVER and one.end <= one.begin):
            found[clock] = one
    return found


@dataclass(frozen=True, slots=True)
class Timed:
    """Moments, and the intervals between them."""

    moments: Moments
    intervals: Mapping[Clock, Interval]


@dataclass(frozen=True, slots=True)
class Clocked:
    """The clocks of an incident: as a whole (with its opening call), of each of its calls, of each of its agencies.

    steps: how often the clock was set within anything of it
    """

    incident: UUID
    whole: Timed
    calls: tuple[tuple[UUID, Timed], ...]
    agencies: tuple[tuple[str, Timed], ...]
    steps: int


def timed(moments: Moments, set_in: Sequence[Zone]) -> Timed:
    """Return the moments with their intervals."""
    return Timed(moments, measured(moments, set_in))


def timed_agency(moments: Moments, set_in: Sequence[Zone]) -> Timed:
    """Return an agency's: its clocks begin when it got the incident."""
    own = {
        clock: interval(moments.handed, getattr(moments, SPANS[clock][1]), set_in)
        for clock in (Clock.ACKNOWLEDGEMENT, Clock.ON_SCENE, Clock.RESOLUTION)
    }
    return Timed(moments, {clock: one for clock, one in own.items() if one is not None})


@dataclass(frozen=True, slots=True)
class Within:
    """Calls that a human answered within so many seconds of the INVITE, of those that count for it.

    of: all that counts, without calls whose caller hung up unanswered within that time
    """

    seconds: int
    answered: int
    of: int

    @property
    def percent(self) -> float | None:
        """Return the share in percent, to one decimal; None of none."""
        return None if self.of == 0 else round(100 * self.answered / self.of, 1)


@dataclass(frozen=True, slots=True)
class Wait:
    """How long one counted call waited. answered: µs until a human; left: µs until it ended without one.

    Both None: it waits still, or its wait is unusable.
    """

    answered: int | None = None
    left: int | None = None


def within(waits: Sequence[Wait], presets: Sequence[int] = PRESETS) -> tuple[Within, ...]:
    """Return the presets side by side."""
    found = []
    for seconds in presets:
        limit = seconds * S
        answered = sum(wait.answered is not None and wait.answered <= limit for wait in waits)
        left = sum(wait.left is not None and wait.left <= limit for wait in waits)
        known = sum(wait.answered is not None or wait.left is not None for wait in waits)
        found.append(Within(seconds, answered, known - left))
    return tuple(found)


def nearest_rank(values: Iterable[int], percent: int) -> int | None:
    """Return the smallest of `values` that `percent` of them do not exceed (nearest rank); None of none.

    It is one that occurred, the same on every database (percentile_disc of SQL:2003).
    """
    ordered = sorted(values)
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None
