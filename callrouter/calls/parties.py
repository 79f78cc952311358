"""Agencies that are added to a talk, beside the caller and whoever had him first: values and refusals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

MAX_PARTIES: Final = 3
"""Agencies in one talk at once, ringing or talking. Each is heard by all: more is a meeting and no emergency call."""


class PartyState(StrEnum):
    """How far a party has come."""

    RINGING = "ringing"
    TALKING = "talking"


@dataclass(frozen=True, slots=True)
class Party:
    """An agency that was added to a talk and is still there.

    contact: key of the agency's contact that is dialled
    since:   when it was added, or came to talk (µs UTC)
    """

    id: UUID
    call: UUID
    agency: str
    contact: str
    state: PartyState
    since: int


class PartyRefused(Exception):
    """What was asked of a talk cannot be done."""


class NoSuchCall(PartyRefused):
    """The call is not up (any more)."""


class NotTalking(PartyRefused):
    """Nobody talks with its caller now."""


class NotYours(PartyRefused):
    """Who asks is neither the operator who talks with the caller nor a supervisor."""


class NoSuchTarget(PartyRefused):
    """The directory has nobody of that name who could be rung now."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class TooManyParties(PartyRefused):
    """No more than MAX_PARTIES."""


class PartyThere(PartyRefused):
    """The agency is in the talk already, or is being rung."""


class StillOthers(PartyRefused):
    """A caller whose talk has other parties is not passed on: they would be left behind."""


class NoSuchParty(PartyRefused):
    """It is not in the talk (any more)."""


class PbxAway(PartyRefused):
    """The PBX cannot be told, or refused; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. operator: key of the operator whose token it is; empty: none."""

    operator: str
    supervises: bool


class PartyDesk(Protocol):
    """Adds agencies to talks, takes them out, and passes callers on. Each raises PartyRefused."""

    def of(self, call: UUID) -> list[Party]:
        """Return the parties of a call, in the order in which they were added. Raises NoSuchCall."""

    async def add(self, call: UUID, agency: str, contact: str | None, by: Asker) -> Party:
        """Have an agency rung and, when it answers, brought into the talk. contact None: the first one."""

    async def remove(self, call: UUID, party: UUID, by: Asker) -> None:
        """Take it out again; the others talk on."""

    async def pass_on(self, call: UUID, by: Asker, *, agency: str = "", operator: str = "") -> None:
        """Take the caller from who has him to an agency or an operator: exactly one of the two."""
