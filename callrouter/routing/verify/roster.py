"""Who of a ring group is on the roster at a time, and which groups then ring a phone twice."""

from __future__ import annotations

from itertools import combinations

from callrouter.routing.cells import Flags
from callrouter.routing.decide import CompiledTable
from callrouter.routing.table import Route


class Roster:
    """The ring groups of a table: their enabled operators, by the schedules that are open.

    groups: in their order; an operator who is not enabled is on no roster
    """

    def __init__(self, compiled: CompiledTable, flags: Flags) -> None:
        table = compiled.table
        enabled = {o.key for o in table.directory.operators if o.enabled}
        shifts = {s.key: s for s in table.routing.shifts}
        self.groups = tuple(table.routing.ring_groups)
        self.bit = {g.key: 1 << n for n, g in enumerate(self.groups)}
        self._always = {g.key: enabled & set(g.members) for g in self.groups}
        self._shifts = {
            g.key: [(flags.schedules[shifts[key].schedule], enabled & set(shifts[key].operators)) for key in g.shifts]
            for g in self.groups
        }
        self._changing = [(g.key, self.bit[g.key]) for g in self.groups if not self._always[g.key]]
        self.bits = 0
        """The flags on which it depends."""
        for kept in self._shifts.values():
            for bit, _ in kept:
                self.bits |= bit

    def at_any_time(self, group: str) -> set[str]:
        """Return the operators that are on the roster of `group` at one time or another."""
        return self._always[group].union(*(operators for _, operators in self._shifts[group]))

    def at(self, group: str, flags: int) -> set[str]:
        """Return the operators on the roster of `group` while these flags hold."""
        return self._always[group].union(*(operators for bit, operators in self._shifts[group] if flags & bit))

    def unstaffed(self, flags: int) -> int:
        """Return the bits of the groups that have nobody on the roster while these flags hold."""
        found = 0
        for key, bit in self._changing:
            if not any(operators for shift, operators in self._shifts[key] if flags & shift):
                found |= bit
        return found

    def overlapping(self, route: Route) -> list[tuple[str, str]]:
        """Return the pairs of different groups of `route` that ever share an operator."""
        rung = dict.fromkeys(step.group for step in route.steps if step.kind == "ringgroup")
        return [(a, b) for a, b in combinations(rung, 2) if self.at_any_time(a) & self.at_any_time(b)]

    def shared(self, pair: tuple[str, str], flags: int) -> set[str]:
        """Return the operators whom both groups ring while these flags hold."""
        return self.at(pair[0], flags) & self.at(pair[1], flags)
