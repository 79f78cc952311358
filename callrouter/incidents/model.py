"""What an incident is: its identity and the words for its state."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID, uuid5

_INCIDENTS = UUID("5d0c8f5e-30c8-5e62-9a86-1f5a2f0f6112")


def incident_id(call: UUID) -> UUID:
    """Return the id of the incident that `call` opened.

    Every part of the system computes the same id from the call's identity alone (uuid5, RFC 9562 section 5.5),
    so no crash between two of them can make a second incident.
    """
    return uuid5(_INCIDENTS, str(call))


class IncidentState(StrEnum):
    """Where an incident is in its life."""

    OPEN = "open"
    ROUTED = "routed"
    WITH_OPERATOR = "with_operator"
    WITH_AGENCY = "with_agency"
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
