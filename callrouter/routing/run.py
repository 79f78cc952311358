"""The reference interpreter of plans: what the PBX does with one, told as what became of each step.

Steps are taken one after the other, and an outcome means only stop or next. So the worst case over all failures is
the run in which every step fails at its slowest: `run(plan)` without outcomes. The PBX is held to this by a test
that calls each kind of step with each outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from callrouter.routing.plan import Announce, Challenge, Dial, Plan, Record, Ring, Step

DIAL, RINGGROUP, ANNOUNCE, CHALLENGE, RECORD = "dial", "ringgroup", "announce", "challenge", "record"
OUTCOMES: Final[Mapping[str, tuple[str, ...]]] = {
    DIAL: ("talk", "busy", "refused", "no-progress", "rang-out", "confirm-refused", "dropped-early"),
    RINGGROUP: ("talk", "nobody", "timed-out"),
    ANNOUNCE: ("done",),
    CHALLENGE: ("pressed", "not-pressed"),
    RECORD: ("recorded", "nothing-said"),
}
"""Everything that can become of a step, by its kind."""
SLOWEST: Final[Mapping[str, str]] = {
    DIAL: "dropped-early",
    RINGGROUP: "nobody",
    ANNOUNCE: "done",
    CHALLENGE: "not-pressed",
    RECORD: "nothing-said",
}
"""How a step of that kind fails when it takes its whole time: somebody answers at the last moment, and is gone before
that counts as a talk (of a ring group, too: such an operator is `nobody`)."""
ENDS: Final = frozenset({"talk", "recorded"})
"""The outcomes after which nothing more of the plan is done."""

MESSAGE: Final = "record_message"
"""What `who` says of a message that is taken; no key of a table can be the same."""

FIRST_MEDIA_S: Final = 3
"""A line that answers and sends no sound within this is taken as no answer (CALLROUTER_TIMER_FIRST_MEDIA_S, its
default)."""
TOLD_S: Final = 7
"""What a contact who answers hears before he is joined. No clip of that kind is longer than 6 s (`told` of the
catalogue), and it begins when his line has sent some sound; after 1 s without he is no longer told."""
SHORT_TALK_S: Final = 3
"""Who vanishes within this is taken as no answer (CALLROUTER_TIMER_SHORT_TALK_S, its default)."""
CONFIRM_MORE_S: Final = TOLD_S + 3 + 4
"""How much longer than it rings a step lasts where one must press 1 (CR_CONFIRM_MORE of the dialplan): he is told,
then `press-1-to-accept` of the catalogue, then his time to press (CALLROUTER_TIMER_CONFIRM_S, its default)."""
ANNOUNCE_S: Final = 60
"""No clip of the catalogue is longer."""
CHALLENGE_SAID_S: Final = 8
"""What is said before the caller's time to press 1: `press-1-to-connect` of the catalogue is no longer."""
RECORD_PROMPT_S: Final = 13
"""What is said before a message is taken: the longest of its clips, and the tone."""


@dataclass(frozen=True, slots=True)
class Walk:
    """How a plan went: (index of the step, what became of it), and the outcome that ended it.

    ended_by: None where no step ended it, so that the caller was told goodbye
    """

    steps: tuple[tuple[int, str], ...]
    ended_by: str | None


class UnknownOutcome(ValueError):
    """No step of that kind can have the outcome; `index` is the step's, from 0, and `possible` what it can have."""

    def __init__(self, index: int, kind: str, outcome: str) -> None:
        self.index = index
        self.outcome = outcome
        self.possible = OUTCOMES[kind]
        super().__init__(f"step {index} ({kind}) cannot become {outcome!r}; it can: {', '.join(self.possible)}")


def run(plan: Plan, outcomes: Sequence[str] = ()) -> Walk:
    """Return how `plan` goes where its steps have these outcomes, in order.

    Where they are fewer than steps, the others fail at their slowest; those after the end count for nothing.
    Raises UnknownOutcome.
    """
    taken: list[tuple[int, str]] = []
    for index, step in enumerate(plan.steps):
        kind = kind_of(step)
        outcome = outcomes[index] if index < len(outcomes) else SLOWEST[kind]
        if outcome not in OUTCOMES[kind]:
            raise UnknownOutcome(index, kind, outcome)
        taken.append((index, outcome))
        if outcome in ENDS:
            return Walk(tuple(taken), outcome)
    return Walk(tuple(taken), None)


def kind_of(step: Step) -> str:
    """Return the word for the kind of `step`, a key of OUTCOMES."""
    match step:
        case Dial():
            return DIAL
        case Ring():
            return RINGGROUP
        case Announce():
            return ANNOUNCE
        case Challenge():
            return CHALLENGE
        case Record():
            return RECORD


def who(step: Step) -> str:
    """Return who is offered the call in `step`, in the words of the table; how long, and what is said, is no matter.

    ``damkar/posko+bpbd/piket``, ``operators``, ``last_resort:operators``, ``announce:<clip>``, ``challenge`` or
    ``record_message``
    """
    match step:
        case Dial():
            return "+".join(f"{t.agency}/{t.contact}" for t in step.targets)
        case Ring(last=True):
            return f"last_resort:{step.group}"
        case Ring():
            return step.group
        case Announce():
            return f"announce:{step.prompt}"
        case Challenge():
            return CHALLENGE
        case Record():
            return MESSAGE


def worst_s(step: Step) -> int:
    """Return how long (s) `step` can take before the next one begins, at the timers' defaults.

    Where one of several contacts must press 1, the others ring for his time too: one of them may answer at the end
    of that, and is only then told.
    """
    match step:
        case Dial():
            confirm = CONFIRM_MORE_S if any(t.confirm for t in step.targets) else 0
            told = TOLD_S if step.announce else FIRST_MEDIA_S
            heard = 0 if all(t.confirm for t in step.targets) else told
            return step.ring_s + confirm + heard + SHORT_TALK_S
        case Ring():
            return step.wait_s + SHORT_TALK_S
        case Announce():
            return ANNOUNCE_S
        case Challenge():
            return step.wait_s + CHALLENGE_SAID_S
        case Record():
            return step.max_s + RECORD_PROMPT_S
