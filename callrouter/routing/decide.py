"""Which plan a call gets: pure, total, and quick.

A table is compiled once into an index by category, so that `decide` looks only at routes that could win.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callrouter.routing import plan as p
from callrouter.routing.facts import Facts
from callrouter.routing.table import (
    AnnounceStep,
    DialStep,
    RecordStep,
    RingGroup,
    RingGroupStep,
    Route,
    RoutingTable,
    Step,
    When,
)

NO_CATEGORY_URGENCY = 5
"""A caller who said nothing may be the one who cannot speak: he waits behind no ordinary category."""
MESSAGE_S = 60


@dataclass(frozen=True, slots=True)
class CompiledTable:
    """A table ready to be asked."""

    table: RoutingTable
    version: int
    by_category: dict[str | None, tuple[Route, ...]]
    targets: dict[str, p.Target]
    groups: dict[str, RingGroup]
    urgency: dict[str | None, int]
    by_language: bool
    """True if a route asks for the caller's language: else one plan serves all."""


def compile_table(table: RoutingTable, version: int) -> CompiledTable:
    """Index `table`. Cost grows with routes x categories; done once per published version."""
    ordered = sorted((r for r in table.routing.routes if not r.locked), key=lambda r: r.priority, reverse=True)
    keys: list[str | None] = [None, *(c.key for c in table.routing.categories)]
    return CompiledTable(
        table=table,
        version=version,
        by_category={key: tuple(r for r in ordered if not r.when.category or key in r.when.category) for key in keys},
        targets={
            f"{a.key}/{c.key}": p.Target(a.key, c.key, c.trunk, c.number, c.confirm)
            for a in table.directory.agencies
            for c in a.contacts
        },
        groups={g.key: g for g in table.routing.ring_groups},
        by_language=any(r.when.language for r in ordered),
        urgency={None: NO_CATEGORY_URGENCY} | {c.key: c.priority for c in table.routing.categories},
    )


def decide(compiled: CompiledTable, facts: Facts, now: datetime) -> p.Plan:  # noqa: ARG001 - schedules ask for it
    """Return the plan for a call with these facts.

    Total: every set of facts has a plan, and every plan ends in the last resort. A category that the table does
    not know counts as none. A call never goes out on the trunk it came in by: such targets are left out.
    `now` is aware, UTC.
    """
    category = facts.category if facts.category in compiled.by_category else None
    route = next((r for r in compiled.by_category[category] if _holds(r.when, facts)), None)
    return plan_of(compiled, route, category, facts.trunk)


def plan_of(compiled: CompiledTable, route: Route | None, category: str | None, came_by: str | None) -> p.Plan:
    """Return the plan of `route` for a call that came in by that trunk; without a route: the last resort alone."""
    urgency = compiled.urgency[category]
    steps = tuple(_resolved(compiled, s, urgency, came_by) for s in route.steps) if route else ()
    return p.Plan(
        steps=(*(s for s in steps if s is not None), *last_resort(compiled, urgency)),
        route=route.key if route else None,
        urgency=urgency,
        version=compiled.version,
        category=category,
    )


def last_resort(compiled: CompiledTable, urgency: int) -> tuple[p.Step, ...]:
    """Return the two steps that end every plan: operators on duty for a while, then a message."""
    last = compiled.table.routing.last_resort
    group = compiled.groups[last.group]
    return (p.Ring(group.key, last.seconds, _room(group, urgency), last=True), p.Record(MESSAGE_S))


def _holds(when: When, facts: Facts) -> bool:
    return (
        (not when.trunk or facts.trunk in when.trunk)
        and (not when.trunk_kind or facts.trunk_kind in when.trunk_kind)
        and (not when.language or facts.language in when.language)
    )


def _resolved(compiled: CompiledTable, step: Step, urgency: int, came_by: str | None) -> p.Step | None:
    match step:
        case DialStep():
            targets = tuple(t for t in (compiled.targets[name] for name in step.targets) if t.trunk != came_by)
            return p.Dial(targets, step.ring_s, step.announce) if targets else None
        case RingGroupStep():
            group = compiled.groups[step.group]
            return p.Ring(group.key, step.wait_s, _room(group, urgency))
        case AnnounceStep():
            return p.Announce(step.prompt)
        case RecordStep():
            return p.Record(step.max_s)


def _room(group: RingGroup, urgency: int) -> int:
    return group.max_waiting + (group.urgent_reserve if urgency >= group.urgent_from else 0)
