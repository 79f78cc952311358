"""Callers who are to be called back, as they are read: no human heard them, or their call was cut."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from callrouter.incidents.desk import Actor
from callrouter.incidents.numbers import phone
from callrouter.routing.directory import Trunk, TrunkKind

Urgency = Mapping[str | None, int]
"""The priority of each category by its key, the higher the more urgent; None: of a caller who chose none."""


@dataclass(frozen=True, slots=True)
class Callback:
    """One number to call back; a withheld one stands for its one call. Times in µs UTC.

    incident, number_for_people: the incident of the most urgent call of that number, of these the oldest
    category, reason, stage, origin, trunk, language, recording, opened, ended, human: of that incident's call
    number:  the caller's, as his side gave it; empty when withheld
    urgency: priority of the category, the higher the more urgent
    calls:   how many calls of the number are on the list; first, last: when the oldest and the newest was opened
    tries:   how often he was called back since the oldest; tried_at, tried: when last, and how that ended
    held_by: the operator who calls him back now, until `held_until` at the latest; empty: nobody
    """

    incident: UUID
    number_for_people: int
    number: str
    category: str
    urgency: int
    reason: str
    stage: str
    origin: str
    trunk: str
    language: str
    recording: str
    opened: int
    human: int | None
    ended: int | None
    calls: int
    first: int
    last: int
    tries: int = 0
    tried_at: int | None = None
    tried: TryOutcome | None = None
    held_by: str = ""
    held_until: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the list: its order is by urgency (highest first), then `first`, then the incident's number."""

    urgency: int
    first: int
    number_for_people: int


@dataclass(frozen=True, slots=True)
class CallbackFilter:
    """Which callers a list shows, of all their calls those that fit. `after`: the place to go on after.

    since: only calls opened at this time (µs UTC) or later
    """

    category: str | None = None
    reason: str | None = None
    since: int | None = None
    after: Place | None = None
    limit: int = 50


class CallbackReader(Protocol):
    """Reads the list. Raises StorageUnavailable (callrouter.incidents.views)."""

    async def page(self, wanted: CallbackFilter) -> list[Callback]:
        """Return at most `wanted.limit` entries, the most urgent first, of equal ones the oldest."""


DIALABLE: Final = re.compile(r"\+?[0-9]{5,15}", re.ASCII)
"""What is dialled of a caller: E.164 (ITU-T E.164: at most 15 digits), or the same without its code. Shorter ones are
services, 112 itself among them."""
MAX_WAYS: Final = 3
"""Lines by which one try goes, one after the other, where the one before has no room or does not answer."""
RING_S: Final = 25
"""How long the operator's telephone rings, and again the caller's on each line."""
RECOVERED_MIN: Final = (5, 15, 60)
"""Minutes after the lost call in which its caller was reached."""


class TryOutcome(StrEnum):
    """How a try to call back ended."""

    TALKED = "talked"
    SHORT = "short"
    """The caller answered and was gone at once, or the operator was: nobody was heard."""
    NOANSWER = "noanswer"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    """No line took the call: each was full, dead, or refused the number."""
    LEFT = "left"
    """The operator hung up before the caller answered."""
    OPERATOR_AWAY = "operator_away"
    """The operator's telephone was not answered, or is not there."""
    NOT_BEGUN = "not_begun"
    """The PBX did not take it."""
    UNKNOWN = "unknown"
    """The PBX ended under it, and never said how."""


class TryStep(StrEnum):
    """What the PBX says of a try."""

    OPERATOR = "operator"
    """The operator has his telephone in his hand."""
    HUMAN = "human"
    """The caller answered."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class TryNoted:
    """A line of the journal about a try. Times in µs UTC.

    id, incident, number, operator: as the service gave them; number: what was dialled
    trunk:   the line, once one was tried
    operator_at, human_at: as far as they are known by then
    outcome: of ENDED alone
    """

    id: UUID
    at: int
    node: str
    step: TryStep
    incident: UUID
    number: str
    operator: str
    trunk: str = ""
    operator_at: int | None = None
    human_at: int | None = None
    outcome: TryOutcome | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Try:
    """A try to call a number back. Times in µs UTC.

    number: as the caller's side gave it; dialled: what is dialled of it
    operator: whose telephone rings first; by: who asked for it
    trunk:  the line of the lost call, then the one that the try went out by
    outcome: None while it lasts
    """

    id: UUID
    incident: UUID
    number: str
    dialled: str
    operator: str
    by: str
    asked_at: int
    operator_at: int | None = None
    human_at: int | None = None
    ended_at: int | None = None
    trunk: str = ""
    outcome: TryOutcome | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Recovered:
    """Who was reached after all, of the lost calls of a period.

    lost:       calls that no human heard, or that were cut
    no_number:  of them: nobody can be called back
    by_callback, by_calling: reached, by a try or by calling again, whichever was first
    within:     the same two within so many minutes of the end of the lost call
    taken_off:  not reached, and a person took them off the list; waiting: the others with a number
    """

    lost: int
    no_number: int
    by_callback: int
    by_calling: int
    within: Mapping[int, tuple[int, int]]
    taken_off: int

    @property
    def waiting(self) -> int:
        """Not reached, and still on the list (or merged into another incident)."""
        return self.lost - self.no_number - self.by_callback - self.by_calling - self.taken_off


class CannotCall(Exception):
    """Nobody was called; nothing was changed."""


class NotListed(CannotCall):
    """That caller is not on the list: he was reached, or taken off, or nothing was lost."""


class NoNumber(CannotCall):
    """The caller's side gave no number that can be rung."""


class HeldBy(CannotCall):
    """Somebody calls him back already. until: µs UTC, when that ends at the latest."""

    def __init__(self, operator: str, until: int) -> None:
        super().__init__(operator)
        self.operator = operator
        self.until = until


class NoWay(CannotCall):
    """The table has no carrier's line that may be used."""


class NotRung(CannotCall):
    """The PBX did not take it, or is not there."""


def claim_s(ring_s: int) -> int:
    """Return how long (s) nobody else rings that caller, where the PBX does not say before that the try is over."""
    return (1 + MAX_WAYS) * ring_s + 20


def dialable(number: str) -> str | None:
    """Return what is dialled to reach `number`, as its side gave it; None where nothing can be."""
    if DIALABLE.fullmatch(number):
        return number
    found = phone(number).e164
    return found if DIALABLE.fullmatch(found) else None


def ways(trunks: Sequence[Trunk], came_by: str) -> tuple[str, ...]:
    """Return the carriers' lines to dial by, at most MAX_WAYS: the one that the call came by first."""
    usable = [trunk.key for trunk in trunks if trunk.usable and trunk.kind is TrunkKind.CARRIER]
    return tuple(sorted(usable, key=lambda key: key != came_by)[:MAX_WAYS])


class CallbackDesk(Protocol):
    """Works on the list. Raises StorageUnavailable (callrouter.incidents.views) and what is said beside."""

    async def call(self, incident: UUID, operator: str, by: Actor) -> Try:
        """Ring the operator, then the caller; returns when the PBX has taken it.

        Raises NoSuchIncident, NotListed, NoNumber, HeldBy, NoWay, NotRung.
        """

    async def done(self, incident: UUID, reason: str, by: Actor) -> int:
        """Take the entry of that number off the list; return how many incidents that were.

        Raises NoSuchIncident, NotListed.
        """

    async def tries(self, incident: UUID) -> list[Try] | None:
        """Return the tries of the incident's number, newest first; None: there is no such incident."""

    async def recovered(self, begin: int, end: int) -> Recovered:
        """Return the figures of lost calls that were opened in begin <= t < end (µs UTC)."""
