"""Who is rung now, as values.

An operator is *rostered* where a ring group has him as a member, or by a shift that is on. He is on duty where he is
rostered, unless he has left by hand; or where he has joined by hand. Joining and leaving by hand hold until his
roster next changes. Who is on duty and not paused is rung.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Presence(StrEnum):
    """What an operator has said of himself, or a supervisor of him."""

    ROSTER = "roster"
    """Nothing: the roster counts."""
    JOINED = "joined"
    LEFT = "left"


class PauseReason(StrEnum):
    """Why an operator is not rung though on duty."""

    SELF = "self"
    SUPERVISOR = "supervisor"
    MISSED_RINGS = "missed_rings"
    """He let it ring twice."""


class Act(StrEnum):
    """What can be done to an operator's duty, by REST or by the feature code of his phone."""

    JOIN = "join"
    LEAVE = "leave"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class DutyState:
    """The duty of one operator, as it is kept.

    until:   when his presence by hand ends (µs UTC); None: not before he changes it
    missed:  rings that he let go by, one after another
    """

    operator: str
    presence: Presence = Presence.ROSTER
    until: int | None = None
    paused: PauseReason | None = None
    missed: int = 0
    changed_at: int = 0
    changed_by: str = ""
