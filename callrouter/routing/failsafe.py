"""The plan that the PBX follows alone when the service is away."""

from __future__ import annotations

from callrouter.routing.decide import NO_CATEGORY_URGENCY, CompiledTable, last_resort
from callrouter.routing.plan import Dial, Plan, Ring, Step, Target

OPERATORS_FIRST_S = 30


def static_plan(compiled: CompiledTable, ring_s: int, came_by: str | None = None) -> Plan:
    """Return: operators, then the static numbers (rung together for `ring_s` seconds), then the last resort.

    It needs nothing but what the PBX holds, so it works while service and database are gone. Numbers on the trunk
    `came_by` are left out: a call never goes back on the line that it came by.
    """
    table = compiled.table.routing
    usable = {t.key for t in compiled.table.directory.trunks if t.usable}
    numbers = [n for n in table.static_numbers if n.trunk != came_by and n.trunk in usable]
    steps: list[Step] = []
    if numbers:
        if table.last_resort.group is not None:
            group = compiled.groups[table.last_resort.group]
            steps.append(Ring(group.key, OPERATORS_FIRST_S, group.max_waiting + group.urgent_reserve))
        targets = tuple(Target("static", f"n{i}", n.trunk, n.number, confirm=False) for i, n in enumerate(numbers))
        steps.append(Dial(targets, ring_s, announce=True))
    steps.extend(last_resort(compiled, NO_CATEGORY_URGENCY))
    return Plan(tuple(steps), route="failsafe", urgency=NO_CATEGORY_URGENCY, version=compiled.version)
