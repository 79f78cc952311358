"""What the life of a call needs from outside, as protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from uuid import UUID

from callrouter.calls.menu import MenuData
from callrouter.calls.records import JournalBatch, Opened
from callrouter.incidents.suspicion import Judgement
from callrouter.routing.facts import AreaSource, Facts
from callrouter.routing.plan import Plan
from callrouter.routing.values import Language, Posture


class CallerGone(Exception):
    """The caller hung up, or the PBX closed the session. Normal; caught once, at the top of the session."""


class LineFailed(Exception):
    """The PBX refused a command or did not answer in time. The dialplan goes on by its failsafe."""


class Line(Protocol):
    """The session with the PBX about one call. Every method raises CallerGone or LineFailed."""

    @property
    def gone(self) -> bool:
        """True once the caller has hung up."""

    async def set_variables(self, values: dict[str, str]) -> None:
        """Set channel variables, in order."""


@dataclass(frozen=True, slots=True)
class Plans:
    """A plan for whatever the caller may choose.

    by_digit: the plan of what means a category: a digit, or two where a menu leads to another ("32")
    other:    the plan of everything else (0, silence, wrong digits)
    in_language: what differs from these in another language, by language and digits (None: other)
    cannot_speak: the plan of who says nothing and then presses 1, by language; empty where nobody is asked
    """

    by_digit: dict[str, Plan]
    other: Plan
    in_language: dict[tuple[Language, str | None], Plan]
    cannot_speak: dict[Language, Plan] = field(default_factory=dict)


class KnownArea(NamedTuple):
    """Where a call is from (Kemendagri code), and how that is known."""

    code: str
    source: AreaSource


@dataclass(frozen=True, slots=True, eq=False)
class HandOver:
    """All that the PBX goes on by. Compared by identity, so that what it is put into is kept with it.

    language: the one that the caller is first spoken to in
    menu:     None: the caller is not asked
    area:     where the call is from, whatever is chosen; areas: by digits, where it is the choice that tells
    away:     the agencies and groups that could not be offered a call, of those that the table asks for
    posture:  how threatened the centre is, by which it was decided
    banner:   clip that the caller hears before the menu; empty: none
    """

    language: Language
    menu: MenuData | None
    plans: Plans
    area: KnownArea | None = None
    areas: dict[str, KnownArea] = field(default_factory=dict)
    away: tuple[str, ...] = ()
    posture: Posture = Posture.GREEN
    banner: str = ""


class DialplanTalk(Protocol):
    """What a session says to the dialplan about its caller. Raises CallerGone or LineFailed."""

    async def hand_over(self, given: HandOver, suspicion: int = 0) -> None:
        """Give this to the PBX, which goes on by it: it has all of it, or goes on as if it had none.

        suspicion: of the caller, 0 to 100: what `given` was decided with. The PBX notes it.
        """


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the PBX told of a caller's choice and of the plan that it took.

    choice: the digits, operator, silent, cannot_speak, wrong or none; plan_text as it was handed over
    area, away, suspicion, posture: as they were handed over
    at: when he chose (µs UTC), where that was told; None: just now
    """

    call: UUID
    origin: str
    trunk: str
    choice: str
    category: str
    language: str
    version: int
    route: str
    plan_text: str
    area: KnownArea | None = None
    away: tuple[str, ...] = ()
    suspicion: int = 0
    posture: Posture = Posture.GREEN
    at: int | None = None


@dataclass(frozen=True, slots=True)
class CallOpened:
    """To be stored: a call is here, and its incident is open."""

    opened: Opened


@dataclass(frozen=True, slots=True)
class CallRouted:
    """To be stored: what was decided, from which facts; `at` in µs UTC, `plan_text` as the PBX has it."""

    call: UUID
    at: int
    facts: Facts
    route: str
    version: int
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


@dataclass(frozen=True, slots=True)
class CallJudged:
    """To be stored: how suspect a caller was when his call was opened, at `at` (µs UTC)."""

    call: UUID
    at: int
    judgement: Judgement


CallNote = CallOpened | CallRouted | CallJoined
"""Notes on a call that has an incident."""
Note = CallNote | CallJudged | CallRefused


class Writer(Protocol):
    """Takes notes for the database. Never blocks and never raises: the journal holds what it cannot take."""

    def put(self, note: Note) -> bool:
        """Queue a note; False if the queue was full and the note was left to the journal."""


class JournalStore(Protocol):
    """Where journal records go, each exactly once."""

    async def offsets(self, node: str) -> dict[str, int]:
        """Return how far each of the newest files of `node` has been taken, in bytes."""

    async def offsets_of(self, node: str, files: Sequence[str]) -> dict[str, int]:
        """Return the same of these files, however old; one that was never begun is not in it."""

    async def apply(self, batch: JournalBatch) -> None:
        """Store the records and the new offset in one transaction. Applying a record twice changes nothing."""


class Clock(Protocol):
    """The wall clock."""

    def now_us(self) -> int:
        """Return microseconds since 1970 UTC."""
