"""Notices to agencies: their words, when they are tried again, and who is told when nobody acknowledges. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from callrouter.routing.directory import Agency, NoticeContact

FIRST_RETRY_S: Final = 5.0
LAST_RETRY_S: Final = 300.0
"""The longest wait between two tries: a receiver that was away for hours has its notices minutes after it is back."""
PATIENCE: Final = 3
"""Tries that fail before the next contact point is told without waiting for the acknowledgement."""
MAX_PAGE: Final = 200

_NOTICES: Final = UUID("a3a9d1de-2f0c-5b1e-8a4e-5c6f1f0f6112")


class NoticeState(StrEnum):
    """How far a notice has come."""

    QUEUED = "queued"
    SENDING = "sending"
    DELIVERED = "delivered"
    """The receiver's system has it; that a human acknowledged is told elsewhere (AgencyState)."""
    DEAD = "dead"
    """Given up; a supervisor can have it sent anew."""
    NEEDLESS = "needless"
    """The agency had acknowledged, or the incident was closed, before its telephone was rung."""


class Channel(StrEnum):
    """How a notice goes out."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    PHONE = "phone"
    """A call that speaks it."""
    NEIGHBOUR = "neighbour"
    """To a neighbouring centre's system: the incident is handed over."""
    SUPERVISOR = "supervisor"
    """The agency did not acknowledge: to the centre's own supervisors."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as it is kept. Times in µs UTC.

    id:        the idempotency key, the same in every try
    part:      of the incident's part that it is about; passed_at: in which round, for it can be passed anew
    contact:   key of the agency's contact point; empty: the supervisor
    n:         from 0, in the order in which the contact points of a round were told
    target:    the URL, the address, or number@trunk, as it was when the notice was written
    next_at:   when it is tried (again); of one that is being sent: when it counts as lost
    give_up_at: when it is dead
    due_at:    when the next contact point is told; None: no longer looked at
    """

    id: UUID
    incident: UUID
    part: UUID
    passed_at: int
    agency: str
    contact: str
    n: int
    channel: Channel
    target: str
    state: NoticeState
    tries: int
    created_at: int
    next_at: int
    give_up_at: int
    due_at: int | None
    settled_at: int | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a notice says: the incident as it is when the notice goes out. Times in µs UTC.

    words:       of who passed it on
    acknowledge_by: when the agency's acknowledgement is due
    """

    number: int
    category: str
    area: str
    place: str
    description: str
    people_hurt: int | None
    opened_at: int
    caller_number: str
    caller_name: str
    words: str
    passed_by: str
    acknowledge_by: int | None


@dataclass(frozen=True, slots=True)
class Job:
    """A notice that is to be sent now."""

    notice: Notice
    told: Told


@dataclass(frozen=True, slots=True)
class NoticeFilter:
    """Which notices; `after`: creation and id of the last of the page before."""

    state: NoticeState | None = None
    agency: str | None = None
    incident: UUID | None = None
    limit: int = 50
    after: tuple[int, UUID] | None = None


class NoticeGone(Exception):
    """There is no such notice."""


class NotDead(Exception):
    """Only what was given up is sent anew; `state` is what it is."""

    def __init__(self, state: NoticeState) -> None:
        super().__init__(state)
        self.state = state


def notice_id(part: UUID, passed_at: int, contact: str) -> UUID:
    """Return the id of the notice to one contact point in one round: the same for whoever writes it."""
    return uuid5(_NOTICES, f"{part} {passed_at} {contact}")


def retry_after_s(tries: int, chance: float) -> float:
    """Return the wait after `tries` tries (1 and more) that failed, in seconds.

    It doubles up to LAST_RETRY_S; half of it is drawn (`chance`, 0 to 1), so that what failed together is not sent
    together again.
    """
    whole = min(LAST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(tries - 1, 16))
    return whole / 2 * (1 + chance)


def hopeless(tries: int, *, certain: bool) -> bool:
    """Return whether the next contact point is told at once; `certain`: it will fail until a person acts."""
    return certain or tries >= PATIENCE


def next_contact(agency: Agency | None, told: Collection[str]) -> NoticeContact | None:
    """Return who is told next: the first contact point that is enabled and was not told; None: the supervisor."""
    points: Sequence[NoticeContact] = agency.notices if agency else ()
    return next((point for point in points if point.enabled and point.key not in told), None)


def target_of(point: NoticeContact) -> str:
    """Return where a contact point is reached."""
    match point.channel:
        case "email":
            return point.address
        case "phone":
            return f"{point.number}@{point.trunk}"
        case _:
            return point.url
