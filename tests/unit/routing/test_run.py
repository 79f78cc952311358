"""The reference interpreter of plans."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.prompts.catalogue import load as load_catalogue
from callrouter.routing.clips import TOLD_UNKNOWN
from callrouter.routing.decide import compile_table, decide
from callrouter.routing.facts import Facts
from callrouter.routing.plan import Announce, Challenge, Dial, Plan, Record, Ring, Step, Target
from callrouter.routing.run import (
    ANNOUNCE_S,
    CONFIRM_MORE_S,
    ENDS,
    FIRST_MEDIA_S,
    OUTCOMES,
    RECORD_PROMPT_S,
    SHORT_TALK_S,
    SLOWEST,
    TOLD_S,
    UnknownOutcome,
    kind_of,
    run,
    worst_s,
)
from callrouter.routing.table import RoutingTable
from callrouter.settings import Timers
from tests.unit.routing.tables import facts, instants, tables

POSKO = Target("damkar", "posko", "damkar", "101", confirm=False)
PIKET = Target("damkar", "piket", "telco", "0811", confirm=True)
PLAN = Plan(
    (Announce("connecting"), Dial((POSKO,), 20, announce=True), Ring("operators", 30, 4, last=True), Record(60)),
    route="fire",
    urgency=10,
    version=1,
)
KINDS = ["announce", "dial", "ringgroup", "record"]


def test_each_outcome_of_each_kind_stops_or_leads_to_the_next_step() -> None:
    stops = {(kind, outcome) for kind, outcomes in OUTCOMES.items() for outcome in outcomes if outcome in ENDS}
    assert stops == {("dial", "talk"), ("ringgroup", "talk"), ("record", "recorded")}


@pytest.mark.parametrize("failure", [o for o in OUTCOMES["dial"] if o != "talk"])
def test_agency_that_fails_in_whatever_way_is_followed_by_the_next_step(failure: str) -> None:
    walk = run(PLAN, ("done", failure, "talk"))
    assert (walk.steps, walk.ended_by) == (((0, "done"), (1, failure), (2, "talk")), "talk")


def test_talk_ends_the_plan_and_what_is_said_of_later_steps_counts_for_nothing() -> None:
    walk = run(PLAN, ("done", "talk", "timed-out", "nonsense"))
    assert (walk.steps, walk.ended_by) == (((0, "done"), (1, "talk")), "talk")


def test_message_ends_the_plan() -> None:
    assert run(PLAN, ("done", "busy", "nobody", "recorded")).ended_by == "recorded"


def test_steps_of_which_nothing_is_said_fail_at_their_slowest() -> None:
    walk = run(PLAN)
    assert walk.steps == ((0, "done"), (1, "dropped-early"), (2, "nobody"), (3, "nothing-said"))
    assert walk.ended_by is None


@pytest.mark.parametrize(("index", "outcome"), [(0, "talk"), (1, "nobody"), (2, "busy"), (3, "talk"), (1, "")])
def test_outcome_that_a_step_cannot_have_is_refused(index: int, outcome: str) -> None:
    outcomes = [SLOWEST[kind_of(step)] for step in PLAN.steps]
    outcomes[index] = outcome
    with pytest.raises(UnknownOutcome) as caught:
        run(PLAN, outcomes)
    assert (caught.value.index, caught.value.outcome) == (index, outcome)
    assert caught.value.possible == OUTCOMES[KINDS[index]]


DIRECT, CONFIRMED, MIXED = (POSKO,), (PIKET,), (POSKO, PIKET)
RINGS = 20


@pytest.mark.parametrize(
    ("step", "seconds"),
    [
        (Dial(DIRECT, RINGS, announce=True), RINGS + 7 + 3),
        (Dial(DIRECT, RINGS, announce=False), RINGS + 3 + 3),
        (Dial(CONFIRMED, RINGS, announce=True), RINGS + 14 + 3),
        (Dial(CONFIRMED, RINGS, announce=False), RINGS + 14 + 3),
        (Dial(MIXED, RINGS, announce=True), RINGS + 14 + 7 + 3),
        (Dial(MIXED, RINGS, announce=False), RINGS + 14 + 3 + 3),
        (Ring("operators", 90, 4), 90 + 3),
        (Ring("operators", 90, 4, last=True), 90 + 3),
        (Announce("connecting"), 60),
        (Challenge(5, 0), 8 + 5),
        (Record(60), 60 + 13),
    ],
)
def test_longest_time_of_a_step(step: Any, seconds: int) -> None:
    assert worst_s(step) == seconds


def lasts(step: Step) -> dict[str, int]:
    """How long (s) the dialplan can take until a step has that outcome and the next one begins.

    A leg is given up after `waits`; `told`: one who need not press 1 answered just then, is heard at last, and hears
    what it is about.
    """
    match step:
        case Dial():
            waits = step.ring_s + (14 if any(t.confirm for t in step.targets) else 0)
            told = (7 if step.announce else 3) if any(not t.confirm for t in step.targets) else 0
            at_once = {"busy": waits, "refused": waits, "no-progress": min(waits, 5), "confirm-refused": waits}
            return {**at_once, "rang-out": waits, "dropped-early": waits + told + 3}
        case Ring():
            return {"timed-out": step.wait_s, "nobody": step.wait_s + 3}
        case Announce():
            return {"done": 60}
        case Challenge():
            return {"pressed": 8 + step.wait_s, "not-pressed": 8 + step.wait_s}
        case Record():
            return {"nothing-said": step.max_s + 13}


@pytest.mark.parametrize(
    "step",
    [
        *(Dial(targets, RINGS, announce) for targets in (DIRECT, CONFIRMED, MIXED) for announce in (True, False)),
        Ring("operators", 90, 4),
        Ring("operators", 90, 4, last=True),
        Announce("connecting"),
        Challenge(5, 0),
        Record(60),
    ],
)
def test_no_failure_of_a_step_takes_longer_than_its_slowest(step: Step) -> None:
    times = lasts(step)
    assert times.keys() == set(OUTCOMES[kind_of(step)]) - ENDS
    assert times[SLOWEST[kind_of(step)]] == max(times.values()) == worst_s(step)


def test_worst_times_are_those_of_the_catalogue_and_of_the_timers_defaults() -> None:
    catalogue, timers = load_catalogue(), Timers.model_construct()
    clips = {name: clip.max_s for name, clip in catalogue.clips.items()}
    told = max(catalogue.templates.told.max_s, clips[TOLD_UNKNOWN])
    assert 1 + told == TOLD_S  # a second at most until there is sound
    assert timers.first_media_s == FIRST_MEDIA_S
    assert timers.short_talk_s == SHORT_TALK_S
    assert told + clips["press-1-to-accept"] + timers.confirm_s <= CONFIRM_MORE_S
    assert max(clips["leave-message"], clips["no-operator"]) + clips["tone-beep"] == RECORD_PROMPT_S
    assert max(clips.values()) <= ANNOUNCE_S


@settings(max_examples=150, deadline=None)
@given(table=tables(), call=facts(), at=instants(), data=st.data())
def test_run_in_which_every_step_fails_is_the_longest_of_all(
    table: RoutingTable, call: Facts, at: datetime, data: st.DataObject
) -> None:
    """The lemma that lets verify look at one run in place of all."""
    plan = decide(compile_table(table, 1), call, at)
    outcomes = [data.draw(st.sampled_from(OUTCOMES[kind_of(step)])) for step in plan.steps]
    walk, worst = run(plan, outcomes), run(plan)
    assert [index for index, _ in worst.steps] == list(range(len(plan.steps)))
    assert walk.steps == tuple(enumerate(outcomes))[: len(walk.steps)]
    stops = [n for n, outcome in enumerate(outcomes) if outcome in ENDS]
    assert walk.ended_by == (outcomes[stops[0]] if stops else None)
    assert len(walk.steps) == (stops[0] + 1 if stops else len(plan.steps))
    seconds = [sum(worst_s(plan.steps[index]) for index, _ in each.steps) for each in (walk, worst)]
    assert seconds[0] <= seconds[1]
