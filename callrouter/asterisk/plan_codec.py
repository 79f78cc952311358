"""A plan as the one variable that the dialplan runs.

Steps are joined by ``!``, the parts of a step by ``,``. Every part is a key, a number or a count, whose alphabets
the table has closed, so nothing in a plan can become a dialplan function or a second step; this is checked again
here because it is the last place before the PBX.
"""

from __future__ import annotations

import re
from typing import Final

from callrouter.routing.plan import Announce, Challenge, Dial, Plan, Record, Ring, Step, Target

MAX_PLAN_CHARS: Final = 1500
"""The PBX substitutes into 8 KiB, and the journal writes plan and attempts into one line."""
_PART: Final = re.compile(r"[A-Za-z0-9+-]*")
"""What a key, a number or a count can hold: nothing that parts steps, targets or arguments."""


class PlanTooLong(ValueError):
    """The plan does not fit into its variable: it has `length` characters, and `limit` are possible."""

    def __init__(self, route: str | None, length: int) -> None:
        self.length = length
        self.limit = MAX_PLAN_CHARS
        super().__init__(f"the plan of route {route!r} has {length} characters, {self.limit} are possible")


def encode(plan: Plan) -> str:
    """Return the value of CR_PLAN. Raises PlanTooLong, or ValueError for a character outside the closed alphabet."""
    category = _part(plan.category or "")
    head = f"plan,{plan.version},{_part(plan.route or '')},{plan.urgency},{category},{_part(plan.told)}"
    text = "!".join((head, *(_step(step) for step in plan.steps)))
    if len(text) > MAX_PLAN_CHARS:
        raise PlanTooLong(plan.route, len(text))
    return text


def dial_step(step: Dial) -> str:
    """Return one step that dials, as it stands in a plan. Raises ValueError for a character that a plan has not."""
    return _step(step)


def _part(text: str) -> str:
    if not _PART.fullmatch(text):
        raise ValueError(f"{text!r} has a character that the dialplan must not see in a plan")
    return text


def _step(step: Step) -> str:
    match step:
        case Dial():
            targets = "&".join(_target(t) for t in step.targets)
            label = "+".join(f"{_part(t.agency)}/{_part(t.contact)}" for t in step.targets)
            limits = "&".join(str(t.max_calls) for t in step.targets)
            limited = f",{limits}" if any(t.max_calls for t in step.targets) else ""
            return f"dial,{targets},{step.ring_s},{'a' if step.announce else 'n'},{label}{limited}"
        case Ring(last=True):
            return f"last,{_part(step.group)},{step.wait_s}"
        case Ring():
            return f"ring,{_part(step.group)},{step.wait_s},{step.max_waiting}"
        case Announce():
            return f"announce,{_part(step.prompt)}"
        case Challenge():
            return f"challenge,{step.wait_s},{step.urgency}"
        case Record():
            return f"record,{step.max_s}"


def _target(target: Target) -> str:
    number, trunk = _part(target.number), _part(target.trunk)
    if target.confirm:
        return f"Local/c{number}_{trunk}@callrouter-confirm/n"
    return f"PJSIP/{number}@trunk-{trunk}"
