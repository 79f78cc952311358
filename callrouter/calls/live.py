"""What is going on right now, as it is shown to people: the calls that are up, and whether the parts work.

The protocols are what a reader (the API, a console) needs; who keeps the picture is no matter of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from callrouter.bilingual import Bilingual


class Stage(StrEnum):
    """Where in its life a call is, in the words of the journal."""

    OPENED = "opened"
    MENU = "menu"
    PLAN = "plan"
    """What he chose is being begun: seen of plans that do not begin with an agency's ring."""
    AGENCY = "agency"
    """An agency's contact rings."""
    OPERATOR = "operator"
    """Operators ring, or the caller waits for one."""
    TALKING = "talking"
    MESSAGE = "message"
    """The caller leaves a message."""
    AFTER = "after"
    """The talk has ended; the caller may still ask for an operator."""


@dataclass(frozen=True, slots=True)
class LiveCall:
    """One call that is up.

    number:    as the caller's side gave it; empty when withheld
    origin:    citizen, agency, neighbour or operator
    trunk:     key of the trunk it came in by, or of the operator whose phone it is
    since:     when it reached the PBX, µs since 1970 UTC
    with_whom: endpoints that ring (stage agency, operator) or talk (stage talking)
    category:  key of what the caller chose; empty while unknown
    language:  what is spoken to the caller (``id`` or ``en``); empty while unknown
    sent_from: what stood in From, where the trunk's word on its callers is believed (calls.records.Opened)
    cannot_speak: he pressed 1 because he cannot speak
    """

    call: UUID
    incident: UUID
    number: str
    origin: str
    trunk: str
    since: int
    stage: Stage
    with_whom: tuple[str, ...]
    category: str
    language: str
    sent_from: str = ""
    cannot_speak: bool = False


class LiveCalls(Protocol):
    """Keeps the live board."""

    def live(self) -> list[LiveCall]:
        """Return the calls that are up, oldest first. Reads memory only; never blocks."""


CHECKS = ("database", "ami", "agi", "consultation", "journal", "disk", "table", "failsafe")
"""What must work before the service says that it is ready. A health that leaves one out is not ready."""
WARNINGS = ("probe", "loop", "notices")
"""What is shown beside them, always as well: its text warns."""


@dataclass(frozen=True, slots=True)
class Check:
    """Whether one part of the service works; `detail` says why, or why not, without secrets."""

    name: str
    ok: bool
    detail: Bilingual


class Health(Protocol):
    """Knows whether the parts of the service work."""

    async def checks(self) -> list[Check]:
        """Return the state of each part in `CHECKS` and `WARNINGS`. Should answer within 1 s, whatever is broken."""
