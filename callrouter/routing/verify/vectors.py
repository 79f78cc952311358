"""Every kind of call, and which route each gets.

The product of the classes (callrouter.routing.verify.space) is taken for each category, with the classes that its
own routes tell apart. It is walked whole: kinds of fact one after the other, vectors of which the same routes still
match counted as one. Nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

from callrouter.routing.verify.space import TIME, TRUNK, CameBy, Moment, Setting, Space

Given = tuple[Any, ...]
"""What was given so far: (what was given before, (kind of fact, value)); () at first."""


class Hit(NamedTuple):
    """A way in which calls are routed: what the plan, and who is there for it, depend on.

    route:     its bit; 0 where none matches
    trunk:     the trunk that costs it a target; None where that makes no difference
    unstaffed: of the groups it rings, those without anybody
    twice:     its groups then share an operator
    """

    route: int
    trunk: str | None
    unstaffed: int
    twice: bool


@dataclass(slots=True)
class Seen:
    """How many vectors go that way, and the first of them."""

    category: str | None
    given: Given
    count: int = 0


@dataclass(frozen=True, slots=True)
class Axes:
    """What the routes of one category tell apart."""

    category: str | None
    candidates: int
    plain: tuple[tuple[str, tuple[Setting, ...]], ...]
    times: tuple[Moment, ...]
    trunks: tuple[CameBy, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """Return how many values each kind of fact has."""
        return {kind: len(settings) for kind, settings in self.plain} | {
            TIME: len(self.times),
            TRUNK: len(self.trunks),
        }

    @property
    def vectors(self) -> int:
        """Return how many vectors that makes."""
        return prod(self.sizes.values())


@dataclass(slots=True)
class Vectors:
    """All that was seen.

    hits:    every way in which a call is routed
    matched: every set of routes that match one call (bits), with the first such call
    without: categories in which some call matches no route
    """

    count: int = 0
    hits: dict[Hit, Seen] = field(default_factory=dict)
    matched: dict[int, Seen] = field(default_factory=dict)
    without: list[str | None] = field(default_factory=list)


def axes_of(space: Space, category: str | None) -> Axes:
    """Return what a category's routes tell apart: of values that are one to them, the first."""
    candidates = space.candidates(category)
    groups = 0
    for n, route in enumerate(space.routes):
        if candidates >> n & 1:
            groups |= space.groups(route)
    plain = []
    for kind, settings in space.plain.items():
        classes: dict[int, Setting] = {}
        for setting in settings:
            classes.setdefault(setting.mask & candidates, setting)
        plain.append((kind, tuple(classes.values())))
    times: dict[tuple[int, int, int], Moment] = {}
    for moment in space.times:
        times.setdefault((moment.mask & candidates, moment.unstaffed & groups, moment.twice & candidates), moment)
    trunks: dict[tuple[int, str | None], CameBy] = {}
    for by in space.trunks:
        mask = by.mask & candidates
        trunks.setdefault((mask, by.trunk if by.loses & mask else None), by)
    return Axes(category, candidates, tuple(plain), tuple(times.values()), tuple(trunks.values()))


def walk(space: Space, every: list[Axes]) -> Vectors:
    """Return how each vector of these axes is routed."""
    found = Vectors()
    groups = {space.bit[route.key]: space.groups(route) for route in space.routes}
    groups[0] = 0
    for axes in every:
        before = found.hits[_NO_ROUTE].count if _NO_ROUTE in found.hits else 0
        for mask, count, given, moment, by in _ends(axes):
            route = mask & -mask
            hit = Hit(
                route,
                by.trunk if by.loses & route else None,
                moment.unstaffed & groups[route],
                bool(moment.twice & route),
            )
            seen = found.hits.get(hit)
            if seen is None:
                seen = found.hits[hit] = Seen(axes.category, _full(given, moment, by))
            seen.count += count
            if mask not in found.matched:
                found.matched[mask] = Seen(axes.category, _full(given, moment, by))
            found.matched[mask].count += count
        found.count += axes.vectors
        if _NO_ROUTE in found.hits and found.hits[_NO_ROUTE].count > before:
            found.without.append(axes.category)
    return found


_NO_ROUTE = Hit(0, None, 0, twice=False)


def _ends(axes: Axes) -> Iterator[tuple[int, int, Given, Moment, CameBy]]:
    """The routes that match, of how many vectors, and the first of those."""
    states: dict[int, tuple[int, Given]] = {axes.candidates: (1, ())}
    for _, settings in axes.plain:
        after: dict[int, tuple[int, Given]] = {}
        for mask, (count, given) in states.items():
            for setting in settings:
                left = mask & setting.mask
                known = after.get(left)
                after[left] = (count, (given, setting.given)) if known is None else (known[0] + count, known[1])
        states = after
    for mask, (count, given) in states.items():
        for moment in axes.times:
            left = mask & moment.mask
            for by in axes.trunks:
                yield left & by.mask, count, given, moment, by


def _full(given: Given, moment: Moment, by: CameBy) -> Given:
    return ((given, (TIME, moment.at)), (TRUNK, by.trunk))


def flat(given: Given) -> list[tuple[str, Any]]:
    """Return what was given, in order."""
    found: list[tuple[str, Any]] = []
    while given:
        given, last = given
        found.append(last)
    return found[::-1]
