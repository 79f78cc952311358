"""What an incident is: its identity and the words for its state."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from uuid import UUID, uuid5

_INCIDENTS = UUID("5d0c8f5e-30c8-5e62-9a86-1f5a2f0f6112")


@lru_cache(2_048)
def incident_id(call: UUID) -> UUID:
    """Return the id of the incident that `call` opened.

    Every part of the system computes the same id from the call's identity alone (uuid5, RFC 9562 section 5.5),
    so no crash between two of them can make a second incident.
    """
    return uuid5(_INCIDENTS, str(call))


class IncidentState(StrEnum):
    """Where an incident is in its life."""

    # What leads from one to another: lifecycle.py.
    OPEN = "open"
    ROUTED = "routed"
    WITH_OPERATOR = "with_operator"
    WITH_AGENCY = "with_agency"
    """An agency talked to the caller, or it was passed to one, and none has said more."""
    ACKNOWLEDGED = "acknowledged"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    RESOLVED = "resolved"
    """Every agency that has it is done."""
    CLOSED = "closed"
    ABANDONED = "abandoned"
    """The caller left before a human was there."""
    MERGED = "merged"
    """It is the same event as another incident, where its life goes on."""


class IncidentOrigin(StrEnum):
    """How the centre came to know of an incident."""

    CALL = "call"
    HAND = "hand"
    """An operator opened it: radio, walk-in, a message."""
    NEIGHBOUR = "neighbour"
    """Another centre handed it over as data."""


class AgencyState(StrEnum):
    """How far an agency has come with an incident."""

    PASSED = "passed"
    ACKNOWLEDGED = "acknowledged"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    RESOLVED = "resolved"
    DECLINED = "declined"
    """The agency will not take it."""
    WITHDRAWN = "withdrawn"
    """The centre took it back."""


class PassedHow(StrEnum):
    """How an agency came to know of an incident."""

    CALL = "call"
    """Its human talked to the caller."""
    NOTICE = "notice"
    """An operator passed it on."""


class Disposition(StrEnum):
    """What an incident turned out to be (the words of the national monitoring centre and of NENA-STA-006)."""

    EMERGENCY = "emergency"
    INFORMATION = "information"
    MISDIRECTED = "misdirected"
    PRANK = "prank"
    GHOST = "ghost"
    """Nobody spoke."""
    TEST = "test"
    ABANDONED = "abandoned"


class Outcome(StrEnum):
    """How a call ended for its caller."""

    TALKED = "talked"
    """A human answered and was joined to the caller."""
    ABANDONED = "abandoned"
    """The caller left before a human was there."""
    RECORDED = "recorded"
    """Nobody could be had; a message was taken."""
    NO_MESSAGE = "no_message"
    """Nobody could be had, and the caller left no message."""
    CUT = "cut"
    """The PBX ended under the call."""


CALL_BACK = frozenset({Outcome.RECORDED, Outcome.NO_MESSAGE, Outcome.ABANDONED, Outcome.CUT})
"""A caller whom no human has heard is to be called back."""


class EventKind(StrEnum):
    """Kinds of entries in an incident's timeline."""

    OPENED = "opened"
    ROUTED = "routed"
    JOINED = "joined"
    ENDED = "ended"
    # What persons and agencies did. What an entry's data holds: callrouter.incidents.desk.
    HANDED_IN = "handed_in"
    """Opened by hand, or by a neighbouring centre."""
    TAKEN = "taken"
    CHANGED = "changed"
    PASSED = "passed"
    AGENCY = "agency"
    """An agency's state changed."""
    REMARK = "remark"
    """An agency's own words about its part."""
    NOTE = "note"
    DISPOSED = "disposed"
    HANDED_OVER = "handed_over"
    """Handed over to a neighbouring centre: its document, and with `call` its caller."""
    CLOSED = "closed"
    REOPENED = "reopened"
    MERGED = "merged"
    UNMERGED = "unmerged"
    JOINED_BY = "joined_by"
    """Another incident was merged into this one."""
    LEFT_BY = "left_by"
    """It was taken out again."""
    NOTICE = "notice"
    """A notice to an agency is on its way, was delivered, or could not be; or a supervisor sent it anew."""
    ESCALATED = "escalated"
    """An agency did not acknowledge in time: its next contact point is told, or the supervisor."""
    SOP = "sop"
    """Answers to a check list were changed (callrouter.incidents.sop)."""
    SOP_MISSING = "sop_missing"
    """It was closed with required answers missing."""
    CALLBACK = "callback"
    """Its caller is called back, answers, the try ends, or he is taken off the list."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One step of a plan, as it ran.

    n:       from 1, in order
    kind:    dial, ringgroup, announce, record, static
    label:   what was tried: ``agency/contact`` names joined by ``+``, a ring group, a clip
    pickup:  when a device answered; human: when a person was proven (None: never)
    by:      endpoint that answered
    result:  talked, short, busy, congestion, unavailable, noanswer, declined, dropped, mute (answered and sent no
             sound), full, nobody, timeout, left, recorded, nothing, done, began (the caller left, or the PBX died,
             while it ran)
    cause:   the SIP status of the last leg ("SIP 486 Busy Here"), or empty
    """

    n: int
    kind: str
    label: str
    begun: int
    pickup: int | None
    human: int | None
    ended: int | None
    by: str
    result: str
    cause: str
