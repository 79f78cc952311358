"""A plan: the steps that one call goes through, with every name resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from callrouter.routing.clips import TOLD_UNKNOWN


@dataclass(frozen=True, slots=True)
class Target:
    """One number to ring on one trunk, for one contact of an agency."""

    agency: str
    contact: str
    trunk: str
    number: str
    confirm: bool
    max_calls: int = 0
    """Calls that it may have at once; 0: as many as its trunk carries."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Ring these targets together for `ring_s` seconds."""

    targets: tuple[Target, ...]
    ring_s: int
    announce: bool


@dataclass(frozen=True, slots=True)
class Ring:
    """Wait up to `wait_s` seconds for an operator of `group`; skipped when `max_waiting` callers wait already.

    `last`: this is the last resort (its own queue, with a spoken way out to a message).
    """

    group: str
    wait_s: int
    max_waiting: int
    last: bool = False


@dataclass(frozen=True, slots=True)
class Announce:
    """Say the catalogue's clip `prompt`."""

    prompt: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """Ask the caller to press 1 to be connected, and wait `wait_s` seconds for it. The next step follows in any case.

    `urgency`: his place in the queues from then on, where he does not press it; where he does, his place stays.
    """

    wait_s: int
    urgency: int


@dataclass(frozen=True, slots=True)
class Record:
    """Take a message of up to `max_s` seconds."""

    max_s: int


Step = Dial | Ring | Announce | Challenge | Record
Basis = Literal["route", "default"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What `decide` answers.

    steps:       in order; the last two are always the last resort (operators, then a message)
    route:       key of the route that won, or None where no route matched (operators at once)
    urgency:     the category's priority, or what the route has in its place, 0 to 10; orders the queue
    version:     number of the table version that was asked
    category:    key of what the caller chose; None where he chose nothing
    information: the route only tells something: nobody need be rung before the last resort
    told:        clip that whoever takes the call hears first; words, not a way: plans that differ in it are equal
    """

    steps: tuple[Step, ...]
    route: str | None
    urgency: int
    version: int
    category: str | None = None
    information: bool = False
    told: str = field(default=TOLD_UNKNOWN, compare=False)
