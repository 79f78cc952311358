"""Call records: what the PBX wrote of a call in its journal, as values.

Times are whole microseconds since 1970 UTC, as the PBX's clock told them.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from callrouter.agencies.calling import Rung
from callrouter.duty.model import Act
from callrouter.incidents.callbacks import TryNoted
from callrouter.incidents.model import Attempt, Outcome


@dataclass(frozen=True, slots=True)
class Opened:
    """A call reached the dialplan.

    node:    the PBX that wrote it
    origin:  citizen, agency, neighbour or operator
    trunk:   key of the trunk it came in by, or of the operator whose phone it is
    number, name: as the caller's side gave them; empty when withheld. At most 64 and 200 characters.
    sent_from: of a trunk whose word on its callers is believed: the user in From, whatever it said beside it (what a
        URI escapes, RFC 3986, as the SIP stack writes it)
    channel, uniqueid: the PBX's own names, for its logs; not identities (they repeat)
    handed:  what its neighbouring centre calls the incident that it handed over with this call; empty: nothing
    """

    call: UUID
    at: int
    node: str
    origin: str
    trunk: str
    number: str
    name: str
    channel: str
    uniqueid: str
    handed: str = ""
    sent_from: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """A call left the PBX.

    answered: when the PBX answered the caller; chosen: when the menu ended; human: the first human's time
    choice:   the digit, or operator, silent, wrong, none; category its key or empty
    stage:    where the call was: opened, menu, plan, agency, operator, talking, message, after
    path:     service, or failsafe (the service was away or too slow)
    plan:     the steps as they were handed to the PBX
    passed_by: the operator who passed the caller on to this plan (the last one who did); empty where none did
    left_out: attempts between the first ones and the last that were too many for the record
    suspicion, posture, cannot_speak: as they were handed over (no posture: green); whether the caller pressed 1
        because he cannot speak
    origin, trunk: as in Opened; area, away: as they were handed over, ``menu/35.07.13`` and names joined by ``+``
        (away only where it is not too long). Empty in the records of older PBXs.
    talks:    the stamp of each talk that is recorded: by it its file is named (callrouter.privacy.recordings)
    more_talks: there were more than these; their files are found where they lie
    """

    call: UUID
    at: int
    node: str
    answered: int | None
    chosen: int | None
    human: int | None
    choice: str
    category: str
    language: str
    stage: str
    path: str
    version: int | None
    route: str
    plan: str
    outcome: Outcome
    recording: str
    cause: str
    attempts: tuple[Attempt, ...]
    passed_by: str = ""
    left_out: int = 0
    origin: str = ""
    trunk: str = ""
    area: str = ""
    away: str = ""
    suspicion: int = 0
    posture: str = ""
    cannot_speak: bool = False
    talks: tuple[str, ...] = ()
    more_talks: bool = False


@dataclass(frozen=True, slots=True)
class Glimpsed:
    """A call reached the dialplan, but of its line only the beginning is there: all that it tells.

    at: when it was opened or ended, or the time by which the file is named, where the line breaks off before that
    """

    call: UUID
    at: int
    node: str


Record = Opened | Ended | Glimpsed


@dataclass(frozen=True, slots=True)
class DutyActed:
    """An operator joined, left, paused or resumed by a feature code of his phone; the PBX did it already, at `at`.

    id: the same for each reading of the same record
    """

    id: UUID
    at: int
    node: str
    operator: str
    act: Act


@dataclass(frozen=True, slots=True)
class NoticeRung:
    """A call that spoke a notice to an agency's contact is over, or 1 or 9 was pressed, at `at`.

    notice: its id; tries: which try of it
    """

    notice: UUID
    at: int
    node: str
    tries: int
    result: Rung


__all__ = [
    "Attempt",
    "DutyActed",
    "Ended",
    "Glimpsed",
    "JournalBatch",
    "NoticeRung",
    "Opened",
    "Record",
    "Rejected",
]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line of the journal that could not be read: set aside, never dropped. position: the byte where it begins."""

    line: bytes
    reason: str
    position: int = 0


@dataclass(frozen=True, slots=True)
class JournalBatch:
    """Some complete lines of one journal file.

    file:   its name (no folder); offset: the byte just after the last line of the batch
    begin:  the byte where it begins: what stands before it was taken
    duty:   what operators did by phone, in order; no call of anybody
    tries:  what became of tries to call back, in order
    rung:   what became of notices by telephone, in order; nor are these
    """

    node: str
    file: str
    offset: int
    records: tuple[Record, ...]
    rejected: tuple[Rejected, ...]
    duty: tuple[DutyActed, ...] = ()
    tries: tuple[TryNoted, ...] = ()
    rung: tuple[NoticeRung, ...] = ()
    begin: int = 0
