"""Who should be rung: the roster of the table, and what operators have said of themselves. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from callrouter.duty.model import Act, DutyState, PauseReason, Presence
from callrouter.routing.conditions import Calendar
from callrouter.routing.table import RingGroup, RoutingTable

MISSED_RINGS: Final = 2
"""So many rings that an operator lets go by, one after another, pause him."""

Members = dict[str, dict[str, bool]]
"""By ring group: the operators who are on duty in it, and whether each is paused."""


@dataclass(frozen=True)
class Roster:
    """The roster of one table. Times are s since 1970 UTC."""

    table: RoutingTable
    calendar: Calendar

    def operators(self) -> tuple[str, ...]:
        """Return the operators who may be on duty at all: those that are enabled."""
        return tuple(o.key for o in self.table.directory.operators if o.enabled)

    @cached_property
    def named(self) -> dict[str, tuple[str, ...]]:
        """The enabled operators that each group names, whether their shift is on or not, by key."""
        enabled = set(self.operators())
        of_shift = {shift.key: shift.operators for shift in self.table.routing.shifts}
        return {
            g.key: tuple(sorted(enabled & {*g.members, *(o for shift in g.shifts for o in of_shift[shift])}))
            for g in self.table.routing.ring_groups
        }

    def groups_of(self, operator: str) -> tuple[str, ...]:
        """Return the ring groups that name him, as a member or by a shift, whether it is on or not."""
        return groups_by_operator(self.table).get(operator, ())

    def rostered(self, group: RingGroup, at: float) -> set[str]:
        """Return who is on by the roster alone."""
        on = {
            operator
            for shift in self.table.routing.shifts
            if shift.key in group.shifts and self.calendar.open_at(shift.schedule, at)
            for operator in shift.operators
        }
        return on | set(group.members)

    def next_edge(self, operator: str, at: float) -> float | None:
        """Return when his own roster next begins or ends after `at`; None where no shift has him."""
        return min(
            (
                edge
                for shift in self.table.routing.shifts
                if operator in shift.operators
                if (edge := self.calendar.next_edge(shift.schedule, at)) is not None
            ),
            default=None,
        )

    def next_change(self, at: float) -> float | None:
        """Return when any shift next begins or ends after `at`."""
        edges = (self.calendar.next_edge(shift.schedule, at) for shift in self.table.routing.shifts)
        return min((edge for edge in edges if edge is not None), default=None)


def groups_by_operator(table: RoutingTable) -> dict[str, tuple[str, ...]]:
    """Return the ring groups that name each operator, as a member or by a shift, whether it is on or not."""
    of_shift = {shift.key: shift.operators for shift in table.routing.shifts}
    found: dict[str, list[str]] = {}
    for group in table.routing.ring_groups:
        for operator in {*group.members, *(o for shift in group.shifts for o in of_shift[shift])}:
            found.setdefault(operator, []).append(group.key)
    return {operator: tuple(groups) for operator, groups in found.items()}


def wanted(roster: Roster, states: Mapping[str, DutyState], at: float) -> Members:
    """Return who is on duty in each group of the table, and whether he is paused.

    Who was paused for missed rings is rung all the same where else nobody of the group would be.
    """
    named = roster.named
    found: Members = {}
    for group in roster.table.routing.ring_groups:
        rostered = roster.rostered(group, at)
        there = {o: states.get(o) for o in named[group.key] if _on_duty(states.get(o), o in rostered)}
        paused = {o: state.paused if state else None for o, state in there.items()}
        if all(paused.values()):
            paused = {o: None if why is PauseReason.MISSED_RINGS else why for o, why in paused.items()}
        found[group.key] = {o: why is not None for o, why in paused.items()}
    return found


def _on_duty(state: DutyState | None, rostered: bool) -> bool:
    presence = state.presence if state else Presence.ROSTER
    match presence:
        case Presence.JOINED:
            return True
        case Presence.LEFT:
            return False
        case Presence.ROSTER:
            return rostered


def acted(state: DutyState, act: Act, *, at: int, by: str, until: int | None, own: bool) -> DutyState:
    """Return `state` after `act`.

    at, until: µs UTC; `until` ends a presence by hand and a pause (his roster's next edge)
    own:       he did it himself
    """
    changed = replace(state, changed_at=at, changed_by=by)
    match act:
        case Act.JOIN:
            return replace(changed, presence=Presence.JOINED, until=until, paused=None, missed=0)
        case Act.LEAVE:
            return replace(changed, presence=Presence.LEFT, until=until, paused=None, missed=0)
        case Act.PAUSE:
            return replace(changed, paused=PauseReason.SELF if own else PauseReason.SUPERVISOR, until=until)
        case Act.RESUME:
            return replace(changed, paused=None, missed=0)


def expired(states: Mapping[str, DutyState], at: int) -> list[DutyState]:
    """Return, changed back to the roster, the states that were to end by `at` (µs UTC)."""
    return [
        DutyState(s.operator, changed_at=at, changed_by="roster")
        for s in states.values()
        if s.until is not None and s.until <= at
    ]


def missed(state: DutyState) -> DutyState:
    """Return `state` after a ring that he let go by."""
    return replace(state, missed=state.missed + 1)


def paused_for_missed(
    state: DutyState, members: Members, reachable: set[str], *, at: int, until: int | None
) -> DutyState:
    """Return `state`, paused where he has let it ring often enough; never where a group would have nobody left.

    reachable: whose telephones can be rung; a colleague whose telephone is gone is nobody
    until:     when the pause ends by itself (his roster's next edge), µs UTC
    """
    there = {
        group: {o: paused for o, paused in who.items() if o == state.operator or o in reachable}
        for group, who in members.items()
    }
    if state.missed < MISSED_RINGS or state.paused or last_of(state.operator, there):
        return state
    return replace(state, paused=PauseReason.MISSED_RINGS, until=until, changed_at=at, changed_by="system")


def last_of(operator: str, members: Members) -> tuple[str, ...]:
    """Return the groups in which he is the last who is rung."""
    return tuple(
        group
        for group, there in members.items()
        if there.get(operator) is False and not any(not paused for o, paused in there.items() if o != operator)
    )
