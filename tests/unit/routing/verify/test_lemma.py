"""No outcomes of a plan's steps take longer than all of them failing at their slowest: V2 looks at that run alone."""

from __future__ import annotations

import random
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.routing import plan as p
from callrouter.routing.decide import compile_table, decide
from callrouter.routing.facts import Facts
from callrouter.routing.run import ENDS, OUTCOMES, kind_of, run, worst_s
from callrouter.routing.table import RoutingTable
from callrouter.routing.verify.rules import before_last
from tests.unit.routing.tables import facts, instants, tables


def seconds(plan: p.Plan, steps: int) -> int:
    """How long the first so many steps take at most."""
    return sum(worst_s(step) for step in plan.steps[:steps])


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(table=tables(), call=facts(), at=instants(), chance=st.randoms(use_true_random=False))
def test_no_list_of_outcomes_lasts_longer_than_every_step_failing(
    table: RoutingTable, call: Facts, at: datetime, chance: random.Random
) -> None:
    plan = decide(compile_table(table, 1), call, at)
    slowest = run(plan)
    assert [n for n, _ in slowest.steps] == list(range(len(plan.steps))), "every step is taken, one after the other"
    to_last = len(before_last(plan))
    for _ in range(20):
        outcomes = [chance.choice(OUTCOMES[kind_of(step)]) for step in plan.steps]
        walk = run(plan, outcomes)
        taken = len(walk.steps)
        assert [n for n, _ in walk.steps] == list(range(taken)), "never back, nothing skipped"
        assert seconds(plan, taken) <= seconds(plan, len(slowest.steps))
        assert seconds(plan, min(taken, to_last)) <= seconds(plan, to_last)
        if not ENDS & set(outcomes):
            assert taken == len(slowest.steps), "whatever fails, and however: the last resort is reached"


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(table=tables(), call=facts(), at=instants())
def test_what_comes_before_the_last_resort_is_the_routes_own_steps(
    table: RoutingTable, call: Facts, at: datetime
) -> None:
    plan = decide(compile_table(table, 1), call, at)
    steps = before_last(plan)
    assert not any(isinstance(step, p.Ring) and step.last for step in steps)
    last = plan.steps[len(steps) :]
    assert [type(step) for step in last] == ([p.Ring, p.Record] if table.routing.last_resort.group else [p.Record])
