"""Which plan a call gets: pure, total, and quick.

A table is compiled once into an index by category, so that `decide` looks only at routes that could win.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from callrouter.routing import clips
from callrouter.routing import plan as p
from callrouter.routing.conditions import Calendar, Test, conditions_of
from callrouter.routing.directory import Directory
from callrouter.routing.facts import Choice, Facts
from callrouter.routing.table import (
    AnnounceStep,
    ChallengeStep,
    DialStep,
    RecordStep,
    RingGroup,
    RingGroupStep,
    Route,
    RoutingTable,
    Step,
)
from callrouter.routing.values import MAX_PRIORITY

NO_CATEGORY_URGENCY = 5
"""A caller who said nothing may be the one who cannot speak: he waits behind no ordinary category."""
MESSAGE_S = 60


@dataclass(frozen=True, slots=True)
class Candidate:
    """A route that may win, and what it asks besides the category."""

    route: Route
    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class CompiledTable:
    """A table ready to be asked."""

    table: RoutingTable
    version: int
    calendar: Calendar
    by_category: dict[str | None, tuple[Candidate, ...]]
    targets: dict[str, p.Target]
    """The contacts that can be offered a call, by ``agency/contact``: enabled all the way, on a usable trunk."""
    groups: dict[str, RingGroup]
    urgency: dict[str | None, int]
    by_language: bool
    """True if a route asks for the caller's language: else one plan serves all."""
    clips: dict[str, str]
    """Names of the clips that the table's texts make, by their plain names."""
    asked_states: tuple[str, ...]
    """The agencies and groups whose state a route asks for, sorted: ``agency/bpbd``, ``group/operators``."""


def compile_table(table: RoutingTable, version: int) -> CompiledTable:
    """Index `table`. Cost grows with routes x categories; done once per published version."""
    routing = table.routing
    ordered = sorted((r for r in routing.routes if not r.locked), key=lambda r: r.priority, reverse=True)
    calendar = Calendar(routing.schedules, table.centre.timezone)
    candidates = [
        Candidate(route, tuple(test for _, test in conditions_of(route, calendar, category=False)))
        for route in ordered
    ]
    keys: list[str | None] = [None, *(c.key for c in routing.categories)]
    return CompiledTable(
        table=table,
        version=version,
        calendar=calendar,
        by_category={
            key: tuple(c for c in candidates if not c.route.when.category or key in c.route.when.category)
            for key in keys
        },
        targets=_targets(table.directory),
        groups={g.key: g for g in routing.ring_groups},
        urgency={None: NO_CATEGORY_URGENCY} | {c.key: c.priority for c in routing.categories},
        by_language=any(r.when.language for r in ordered),
        clips=clips.of_table(table),
        asked_states=tuple(sorted({condition.name for r in ordered for condition in r.when.state})),
    )


def _targets(directory: Directory) -> dict[str, p.Target]:
    usable = {t.key for t in directory.trunks if t.usable}
    return {
        f"{a.key}/{c.key}": p.Target(a.key, c.key, c.trunk, c.number, c.confirm, c.max_calls)
        for a in directory.agencies
        for c in a.contacts
        if a.enabled and c.enabled and c.trunk in usable
    }


def unavailable(compiled: CompiledTable, staffed: Callable[[str], bool]) -> tuple[str, ...]:
    """Return, of the agencies and groups whose state the table asks for, those that cannot be offered a call.

    An agency: none of its contacts can be. A group: `staffed(key)` says that nobody of it is on duty.
    """
    agencies = {name.partition("/")[0] for name in compiled.targets}

    def there(name: str) -> bool:
        kind, _, key = name.partition("/")
        return key in agencies if kind == "agency" else staffed(key)

    return tuple(name for name in compiled.asked_states if not there(name))


def decide(compiled: CompiledTable, facts: Facts, now: datetime) -> p.Plan:
    """Return the plan for a call with these facts.

    Total: every set of facts has a plan, and every plan ends in the last resort. A category that the table does
    not know counts as none. A call never goes out on the trunk it came in by: such targets are left out, and so are
    those that are disabled. `now` is aware.
    """
    known = counted(compiled, facts)
    route = winner(compiled, known, known.category, now.timestamp())
    return plan_of(compiled, route, known.category, facts.trunk, cannot_speak=facts.choice is Choice.CANNOT_SPEAK)


def counted(compiled: CompiledTable, facts: Facts) -> Facts:
    """Return what counts of the facts: no category that the table does not know, and of who cannot speak none at all,
    nor his suspicion. He is routed as who chose nothing, of whom nothing is known.
    """
    if facts.choice is Choice.CANNOT_SPEAK:
        return facts.model_copy(update={"category": None, "suspicion": 0})
    if facts.category in compiled.by_category:
        return facts
    return facts.model_copy(update={"category": None})


def winner(compiled: CompiledTable, facts: Facts, category: str | None, at: float) -> Route | None:
    """Return the route that wins for a category of the table (None: none), at `at` (s since 1970 UTC)."""
    for candidate in compiled.by_category[category]:
        for test in candidate.tests:
            if not test(facts, at):
                break
        else:
            return candidate.route
    return None


def plan_of(
    compiled: CompiledTable,
    route: Route | None,
    category: str | None,
    came_by: str | None,
    *,
    cannot_speak: bool = False,
) -> p.Plan:
    """Return the plan of `route` for a call that came in by that trunk; without a route: the last resort alone.

    cannot_speak: the same with the highest urgency, operators first, and nothing said or asked before them. It has
    no step that the other has not, so what is proven of the time and the phones of that holds of it.
    """
    urgency = compiled.urgency[category]
    if route is not None and route.urgency is not None:
        urgency = route.urgency
    told = compiled.clips[f"told-{category}"] if category else clips.TOLD_UNKNOWN
    if cannot_speak:
        urgency, told = MAX_PRIORITY, clips.TOLD_CANNOT_SPEAK
    resolved = (_resolved(compiled, s, urgency, came_by) for s in route.steps) if route else ()
    steps = [s for s in resolved if s is not None]
    if cannot_speak:
        steps = [s for s in steps if not isinstance(s, p.Announce | p.Challenge)]
        steps.sort(key=lambda s: (isinstance(s, p.Record), not isinstance(s, p.Ring)))
    return p.Plan(
        steps=(*steps, *last_resort(compiled, urgency)),
        route=route.key if route else None,
        urgency=urgency,
        version=compiled.version,
        category=category,
        information=route.information if route else False,
        told=told,
    )


def last_resort(compiled: CompiledTable, urgency: int) -> tuple[p.Step, ...]:
    """Return the steps that end every plan: operators on duty for a while (where a group is named), a message."""
    last = compiled.table.routing.last_resort
    if last.group is None:
        return (p.Record(MESSAGE_S),)
    group = compiled.groups[last.group]
    return (p.Ring(group.key, last.seconds, _room(group, urgency), last=True), p.Record(MESSAGE_S))


def _resolved(compiled: CompiledTable, step: Step, urgency: int, came_by: str | None) -> p.Step | None:
    match step:
        case DialStep():
            known = (compiled.targets.get(name) for name in step.targets)
            targets = tuple(t for t in known if t is not None and t.trunk != came_by)
            return p.Dial(targets, step.ring_s, step.announce) if targets else None
        case RingGroupStep():
            group = compiled.groups[step.group]
            return p.Ring(group.key, step.wait_s, _room(group, urgency))
        case AnnounceStep():
            return p.Announce(compiled.clips.get(step.prompt, step.prompt))
        case ChallengeStep():
            return p.Challenge(step.wait_s, min(step.urgency, urgency))
        case RecordStep():
            return p.Record(step.max_s)


def _room(group: RingGroup, urgency: int) -> int:
    return group.max_waiting + (group.urgent_reserve if urgency >= group.urgent_from else 0)
