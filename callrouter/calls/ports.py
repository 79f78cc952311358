"""What the life of a call needs from outside, as protocols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from callrouter.calls.menu import MenuData
from callrouter.calls.records import JournalBatch, Opened
from callrouter.routing.facts import Facts
from callrouter.routing.plan import Plan


class CallerGone(Exception):
    """The caller hung up, or the PBX closed the session. Normal; caught once, at the top of the session."""


class LineFailed(Exception):
    """The PBX refused a command or did not answer in time. The dialplan goes on by its failsafe."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the PBX said of a call when it asked."""

    opened: Opened
    language: str


class Line(Protocol):
    """The session with the PBX about one call. Every method raises CallerGone or LineFailed."""

    @property
    def gone(self) -> bool:
        """True once the caller has hung up."""

    async def set_variables(self, values: dict[str, str]) -> None:
        """Set channel variables, in order."""

    async def get_variable(self, name: str) -> str:
        """Return a channel variable; empty where it is not set."""

    async def gosub(self, context: str, *, within_s: float) -> None:
        """Run a subroutine of the dialplan; LineFailed if it takes longer than `within_s` seconds."""


@dataclass(frozen=True, slots=True)
class MenuResult:
    """What the menu ended in: `choice` is a digit, operator, silent, wrong or none; `language` the last one heard."""

    choice: str
    language: str


class DialplanTalk(Protocol):
    """What a session says to the dialplan about its caller. Every method raises CallerGone or LineFailed."""

    async def menu(self, data: MenuData) -> MenuResult:
        """Play the menu to the caller and return what he chose."""

    async def hand_over(self, plan: Plan) -> str:
        """Give the plan to the PBX, which goes on by it; return the text it was given."""


@dataclass(frozen=True, slots=True)
class CallOpened:
    """To be stored: a call is here, and its incident is open."""

    opened: Opened


@dataclass(frozen=True, slots=True)
class CallRouted:
    """To be stored: what was decided, from which facts; `at` in µs UTC; `plan_text` as handed to the PBX."""

    call: UUID
    at: int
    facts: Facts
    plan: Plan
    plan_text: str


@dataclass(frozen=True, slots=True)
class CallJoined:
    """To be stored: a human is on the line; `by` is his endpoint, `at` in µs UTC, `with_agency` else operator."""

    call: UUID
    at: int
    by: str
    with_agency: bool


@dataclass(frozen=True, slots=True)
class CallRefused:
    """To be stored: the PBX's SIP stack refused an INVITE, so the dialplan never saw it and there is no incident.

    id:      the same for each repetition of the same refusal
    at:      when it was refused, µs UTC
    status:  SIP status, 400 to 699; reason: the words beside it ("Not Acceptable Here")
    trunk:   key of the trunk that has the address; empty where none has
    source:  IP address that the INVITE came from
    number:  the caller's, as his side gave it; empty when withheld
    """

    id: UUID
    at: int
    node: str
    status: int
    reason: str
    trunk: str
    source: str
    number: str


CallNote = CallOpened | CallRouted | CallJoined
"""Notes on a call that has an incident."""
Note = CallNote | CallRefused


class Writer(Protocol):
    """Takes notes for the database. Never blocks and never raises: the journal holds what it cannot take."""

    def put(self, note: Note) -> bool:
        """Queue a note; False if the queue was full and the note was left to the journal."""


class JournalStore(Protocol):
    """Where journal records go, each exactly once."""

    async def offsets(self, node: str) -> dict[str, int]:
        """Return how far each file of `node` has been taken, in bytes."""

    async def apply(self, batch: JournalBatch) -> None:
        """Store the records and the new offset in one transaction. Applying a record twice changes nothing."""


class Clock(Protocol):
    """The wall clock."""

    def now_us(self) -> int:
        """Return microseconds since 1970 UTC."""
