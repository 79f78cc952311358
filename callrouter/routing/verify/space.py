"""The facts that the routes of a table can tell apart.

Exactness. A condition asks one kind of fact: the trunk (by key or kind), the language, the area, the suspicion, the
posture, the state of one agency or group, or the time. So whether a route matches is the conjunction of what each
kind of fact says of it alone, and two values of which every route says the same are one for `decide`. For each kind
of fact this module finds such classes, with one value for each:

- area: an area that a condition names stands for all of it that no condition names more narrowly; ``elsewhere`` for
  everything outside; ``unknown``
- trunk: each that a condition names, by its kind the others; where plans leave targets out because the call came in
  by their trunk, that trunk is a class of its own; None for an operator's phone. Trunks that are switched off count:
  they can be switched on while the table is in force
- suspicion: the range is cut at every bound, and its pieces are all alike inside
- posture, language: each value
- state: both, of each agency and group that a condition names; an agency without a contact that can be offered a
  call is never available (`decide.unavailable`)
- time: cells (callrouter.routing.cells) in which the same routes are valid and open, and the same groups unstaffed

What ended the menu without a category (wrong digits, 0, silence, not asked) and the origin are asked by no
condition: they are one. Who pressed 1 because he cannot speak has the route of who chose nothing and has no
suspicion, and of its plan the steps that ring and record (`decide.plan_of`): what is proven of that is proven of it.

How a match is decided is not told here a second time: `decide`'s own tests are asked, one kind of fact at a time,
with all other facts neutral.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Final, NamedTuple

from callrouter.routing.cells import Cell, cells, distinct, flags_of
from callrouter.routing.conditions import Test, conditions_of, within
from callrouter.routing.decide import CompiledTable
from callrouter.routing.directory import TrunkKind
from callrouter.routing.facts import AreaSource, Choice, Facts, Origin
from callrouter.routing.table import UNKNOWN_AREA, Route
from callrouter.routing.values import Language, Posture
from callrouter.routing.verify.roster import Roster

AREA, TRUNK, LANGUAGE, SUSPICION, POSTURE, TIME = "area", "trunk", "language", "suspicion", "posture", "time"
STATE: Final = "state "
ASKS: Final = {
    "trunk": TRUNK,
    "trunk_kind": TRUNK,
    "language": LANGUAGE,
    "posture": POSTURE,
    "area": AREA,
    "suspicion": SUSPICION,
    "valid_from": TIME,
    "valid_until": TIME,
    "schedule": TIME,
}
"""Which kind of fact a condition asks, by the names of `conditions_of`; a state is a kind of its own."""
_NEUTRAL: Final = Facts(origin=Origin.CITIZEN, choice=Choice.NONE)
_ORIGIN: Final = {
    TrunkKind.CARRIER: Origin.CITIZEN,
    TrunkKind.AGENCY: Origin.AGENCY,
    TrunkKind.NEIGHBOUR: Origin.NEIGHBOUR,
    None: Origin.OPERATOR,
}


class Setting(NamedTuple):
    """One value of one kind of fact: the routes (bits) that accept it, and what it makes of the facts."""

    mask: int
    given: tuple[str, Any]


class Moment(NamedTuple):
    """A kind of time: the routes that are open and valid, the groups without anybody, the routes that ring twice."""

    mask: int
    at: float
    unstaffed: int
    twice: int
    flags: int


class CameBy(NamedTuple):
    """A trunk that a call comes in by: the routes that accept it, and those that lose a target for it."""

    mask: int
    trunk: str | None
    loses: int


@dataclass(frozen=True, slots=True)
class Space:
    """Every kind of fact with its values. Bit n of a mask is route n, the lowest bit the highest priority."""

    compiled: CompiledTable
    roster: Roster
    routes: tuple[Route, ...]
    plain: dict[str, tuple[Setting, ...]]
    """All but time and trunk, which change plans besides choosing them."""
    times: tuple[Moment, ...]
    trunks: tuple[CameBy, ...]
    cells: tuple[Cell, ...]
    bit: dict[str, int]

    @property
    def keys(self) -> list[str | None]:
        """The categories, and None for a caller without one."""
        return [*(key for key in self.compiled.by_category if key is not None), None]

    def candidates(self, category: str | None) -> int:
        """Return the routes that a call of this category can get."""
        return _bits(self.bit[c.route.key] for c in self.compiled.by_category[category])

    def groups(self, route: Route) -> int:
        """Return the groups that `route` rings."""
        return _bits({self.roster.bit[step.group] for step in route.steps if step.kind == "ringgroup"})


def space_of(compiled: CompiledTable, at: datetime) -> Space:
    """Return what the routes of a table tell apart, from `at` (aware) on."""
    table = compiled.table
    ordered = sorted((r for r in table.routing.routes if not r.locked), key=lambda r: -r.priority)
    bit = {r.key: 1 << n for n, r in enumerate(ordered)}
    asked = _Asked(compiled, ordered)
    shifts = {s.key: s for s in table.routing.shifts}
    used = {key for r in ordered for key in r.when.schedule}
    used |= {shifts[key].schedule for g in table.routing.ring_groups for key in g.shifts}
    schedules = [s for s in table.routing.schedules if s.key in used]
    flags = flags_of(schedules, ordered)
    kinds = tuple(distinct(cells(flags, schedules, ordered, table.centre.timezone, at)))
    roster = Roster(compiled, flags)
    return Space(
        compiled=compiled,
        roster=roster,
        routes=tuple(ordered),
        plain={kind: tuple(_settings(asked, kind)) for kind in asked.plain},
        times=tuple(_moments(ordered, kinds, roster, flags.schedules, flags.routes)),
        trunks=tuple(_trunks(asked)),
        cells=kinds,
        bit=bit,
    )


def facts_of(compiled: CompiledTable, category: str | None, given: Iterable[tuple[str, Any]]) -> tuple[Facts, float]:
    """Return the facts and the time (s since 1970 UTC) of a call with these values; what is not given is neutral."""
    told: dict[str, Any] = {"category": category, "choice": Choice.NONE}
    at, unavailable = 0.0, []
    for kind, value in given:
        if kind == TIME:
            at = value
        elif kind.startswith(STATE):
            unavailable += [kind.removeprefix(STATE)] if value else []
        else:
            told[kind] = value
    trunk = compiled.table.trunk(told.get(TRUNK) or "")
    kind_of = trunk.kind if trunk else None
    told |= {"trunk_kind": kind_of, "origin": _ORIGIN[kind_of], "unavailable": tuple(sorted(unavailable))}
    if category is None and kind_of is TrunkKind.CARRIER:
        told["choice"] = Choice.SILENT
    if told.get(AREA) is not None:
        told["area_source"] = AreaSource.LOCATION
    return Facts(**told), at


class _Asked:
    """What each route asks of each kind of fact: `decide`'s tests."""

    def __init__(self, compiled: CompiledTable, ordered: list[Route]) -> None:
        self.compiled = compiled
        self.routes = ordered
        self.all = (1 << len(ordered)) - 1
        self.tests: dict[str, dict[int, list[Test]]] = {}
        for n, route in enumerate(ordered):
            for name, test in conditions_of(route, compiled.calendar, category=False):
                kind = name if name.startswith(STATE) else ASKS[name]
                self.tests.setdefault(kind, {}).setdefault(1 << n, []).append(test)
        # In this order a counter-example is as plain a call as can be.
        first = (LANGUAGE, POSTURE, SUSPICION, AREA)
        states = sorted(kind for kind in self.tests if kind.startswith(STATE))
        self.plain = [kind for kind in (*first, *states) if kind in self.tests]

    def mask(self, kind: str, facts: Facts) -> int:
        """Return the routes that ask nothing of this kind, or accept what `facts` say."""
        found = self.all
        for bit, tests in self.tests.get(kind, {}).items():
            if not all(test(facts, 0.0) for test in tests):
                found &= ~bit
        return found


def _settings(asked: _Asked, kind: str) -> Iterator[Setting]:
    for value in _values(asked, kind):
        if kind.startswith(STATE):
            facts = _NEUTRAL.model_copy(update={"unavailable": (kind.removeprefix(STATE),) if value else ()})
        else:
            facts = _NEUTRAL.model_copy(update={kind: value})
        yield Setting(asked.mask(kind, facts), (kind, value))


def _values(asked: _Asked, kind: str) -> Iterable[object]:
    """The values to look at, the neutral one first; of a state: whether it is unavailable."""
    if kind == LANGUAGE:
        return Language
    if kind == POSTURE:
        return Posture
    if kind == AREA:
        return _areas({area for r in asked.routes for area in r.when.area}, asked.compiled)
    if kind == SUSPICION:
        ranges = [r.when.suspicion for r in asked.routes if r.when.suspicion is not None]
        bounds = {bound for r in ranges for bound in (r.at_least, r.below)}
        return sorted({0} | {bound for bound in bounds if bound <= 100})
    return _states(asked.compiled, kind.removeprefix(STATE))


def _states(compiled: CompiledTable, name: str) -> tuple[bool, ...]:
    what, _, key = name.partition("/")
    offered = what != "agency" or any(target.startswith(f"{key}/") for target in compiled.targets)
    return (False, True) if offered else (True,)


def _areas(named: set[str], compiled: CompiledTable) -> list[str | None]:
    codes = sorted(named - {UNKNOWN_AREA})
    elsewhere = _elsewhere(codes, compiled)
    return [None, *([elsewhere] if elsewhere else []), *codes]


def _elsewhere(named: list[str], compiled: CompiledTable) -> str | None:
    """A code outside of all that are named, best one of the table's; None where the whole country is named."""
    listed = (a.code for a in compiled.table.routing.areas)
    parents = (code.rpartition(".")[0] for code in named if 0 < code.count(".") < 3)
    beside = (f"{parent}.{n:02d}" for parent in parents for n in range(1, 100))
    provinces = (f"{n:02d}" for n in (*range(11, 100), *range(11)))
    outside = (code for code in chain(listed, beside, provinces) if not any(within(code, name) for name in named))
    return next(outside, None)


def _trunks(asked: _Asked) -> Iterator[CameBy]:
    """Carriers first: what citizens call by."""
    targets = asked.compiled.targets
    loses: dict[str, int] = {}
    for n, route in enumerate(asked.routes):
        for step in route.steps:
            for name in step.targets if step.kind == "dial" else ():
                if name in targets:
                    out = targets[name].trunk
                    loses[out] = loses.get(out, 0) | 1 << n
    for trunk in sorted(asked.compiled.table.directory.trunks, key=lambda t: t.kind is not TrunkKind.CARRIER):
        facts = _NEUTRAL.model_copy(update={"trunk": trunk.key, "trunk_kind": trunk.kind})
        yield CameBy(asked.mask(TRUNK, facts), trunk.key, loses.get(trunk.key, 0))
    yield CameBy(asked.mask(TRUNK, _NEUTRAL), None, 0)


def _moments(
    ordered: list[Route], kinds: Iterable[Cell], roster: Roster, schedules: dict[str, int], limited: dict[str, int]
) -> Iterator[Moment]:
    """The kinds of time, those in which routes and rosters are the same as one."""
    asks: dict[tuple[int, int], int] = {}
    for n, route in enumerate(ordered):
        which = (_bits(schedules[key] for key in set(route.when.schedule)), limited.get(route.key, 0))
        asks[which] = asks.get(which, 0) | 1 << n
    pairs = [(1 << n, pair) for n, route in enumerate(ordered) for pair in roster.overlapping(route)]
    people: dict[int, tuple[int, int]] = {}
    seen: set[tuple[int, int, int]] = set()
    for cell in kinds:
        mask = 0
        for (opening, valid), routes in asks.items():
            if (not opening or cell.flags & opening) and (not valid or cell.flags & valid):
                mask |= routes
        shifts = cell.flags & roster.bits
        if shifts not in people:
            twice = _bits({bit for bit, pair in pairs if roster.shared(pair, shifts)})
            people[shifts] = (roster.unstaffed(shifts), twice)
        unstaffed, twice = people[shifts]
        if (mask, unstaffed, twice) not in seen:
            seen.add((mask, unstaffed, twice))
            yield Moment(mask, cell.at, unstaffed, twice, shifts)


def _bits(each: Iterable[int]) -> int:
    """The union of distinct bits."""
    found = 0
    for bit in each:
        found |= bit
    return found
