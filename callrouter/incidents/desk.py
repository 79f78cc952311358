"""What persons and agencies do with incidents: the port, its words and its refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

from callrouter.incidents.dispositions import SubCode
from callrouter.incidents.lifecycle import Act
from callrouter.incidents.model import AgencyState, Disposition, IncidentOrigin, IncidentState

Seen = frozenset[int] | None
"""Versions that who acts has seen, one of which must be the one that is there; None: whatever is there."""

MAX_AGENCIES: Final = 20
"""Agencies that one incident can be passed to."""

Field = str | int | bool | None
CHANGEABLE: Final = (
    "category",
    "area",
    "place",
    "description",
    "people_hurt",
    "reporter_number",
    "reporter_name",
    "callback",
)
"""What a person can change. None takes `category`, `area` and `callback` back to what the calls say, and empties the
others."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts.

    name:       as the timeline shows him: "op1 (operator)"
    supervises: he may merge, and close what is under way
    agency:     the agency that he speaks for; None: the centre
    """

    name: str
    supervises: bool = False
    agency: str | None = None


@dataclass(frozen=True, slots=True)
class NewIncident:
    """An incident that comes without a call.

    id:     chosen by who opens it, so that sending it twice makes one
    fields: of CHANGEABLE
    """

    id: UUID
    fields: Mapping[str, Field] = field(default_factory=dict)
    origin: IncidentOrigin = IncidentOrigin.HAND


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an incident turned out to be; None: what its calls say."""

    disposition: Disposition | None
    sub_code: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """The incident as it is after an act. `updated_at` in µs UTC."""

    incident: UUID
    number: int
    version: int
    updated_at: int


class Refused(Exception):
    """The act was refused and nothing was changed."""


class NoSuchIncident(Refused):
    """There is no incident of this id."""

    def __init__(self, incident: UUID) -> None:
        super().__init__(str(incident))
        self.incident = incident


class IncidentExists(Refused):
    """An incident of this id is there already."""

    def __init__(self, incident: UUID, number: int) -> None:
        super().__init__(str(incident))
        self.incident = incident
        self.number = number


class Moved(Refused):
    """Somebody else acted on it meanwhile; `version` and `updated_at` are those that it has now."""

    def __init__(self, version: int, updated_at: int) -> None:
        super().__init__(f"version {version}")
        self.version = version
        self.updated_at = updated_at


class Illegal(Refused):
    """In the state in which the incident is that cannot be done; `legal` is what can.

    merged_into: number of the incident where its life goes on; None where it is not merged
    """

    def __init__(self, act: Act, state: IncidentState, legal: Sequence[str], merged_into: int | None = None) -> None:
        super().__init__(f"{act} of {state}")
        self.act = act
        self.state = state
        self.legal = tuple(legal)
        self.merged_into = merged_into


class IllegalMove(Refused):
    """An agency's state cannot become that; `legal` is what it can become."""

    def __init__(self, state: AgencyState, to: AgencyState, legal: Sequence[str]) -> None:
        super().__init__(f"{state} to {to}")
        self.state = state
        self.to = to
        self.legal = tuple(legal)


class NotWithAgency(Refused):
    """The incident was not passed to this agency (or, for the agency itself, is none of its business)."""

    def __init__(self, agency: str) -> None:
        super().__init__(agency)
        self.agency = agency


class AlreadyPassed(Refused):
    """The agency has the incident, in this state."""

    def __init__(self, agency: str, state: AgencyState) -> None:
        super().__init__(agency)
        self.agency = agency
        self.state = state


class TooManyAgencies(Refused):
    """The incident would be with more than MAX_AGENCIES."""


class NoSuchSubCode(Refused):
    """The disposition has no such sub-code, or it is not given any more."""

    def __init__(self, disposition: Disposition | None, sub_code: str) -> None:
        super().__init__(f"{disposition}/{sub_code}")
        self.disposition = disposition
        self.sub_code = sub_code


class NoDisposition(Refused):
    """An incident is not closed before it is said what it was."""


class CannotMerge(Refused):
    """The two cannot be merged: they are one, or the other is closed, or merged itself (`goes_on_in`: its number)."""

    def __init__(self, state: IncidentState, goes_on_in: int | None = None) -> None:
        super().__init__(f"into one that is {state}")
        self.state = state
        self.goes_on_in = goes_on_in


class TooManySubCodes(Refused):
    """The centre has MAX_SUB_CODES already."""


class IncidentDesk(Protocol):
    """Where incidents are worked on. Each act is one transaction, in the timeline with its actor.

    Raises StorageUnavailable (callrouter.incidents.views), NoSuchIncident, Moved, Illegal, and what is said beside.
    An act that came too late for its answer may have been carried out: then the same `seen` is Moved.
    """

    async def open_by_hand(self, new: NewIncident, by: Actor) -> Done:
        """Open one without a call; by a person: it is in his hands. Raises IncidentExists."""

    async def take(self, incident: UUID, seen: Seen, by: Actor) -> Done:
        """Take it into one's hands: a call back that was answered, one that nobody has."""

    async def change(self, incident: UUID, seen: Seen, fields: Mapping[str, Field], by: Actor) -> Done:
        """Set these fields (of CHANGEABLE): no note and no record changes them any more."""

    async def dispose(self, incident: UUID, seen: Seen, verdict: Verdict, by: Actor) -> Done:
        """Say what it turned out to be. Raises NoSuchSubCode."""

    async def pass_to(self, incident: UUID, seen: Seen, agencies: Sequence[str], text: str, by: Actor) -> Done:
        """Pass it to these agencies: all or none. Raises AlreadyPassed, TooManyAgencies."""

    async def agency_state(
        self, incident: UUID, agency: str, seen: Seen, to: AgencyState, text: str, by: Actor
    ) -> Done:
        """Say how far an agency has come; `seen` is of its part. Raises NotWithAgency, IllegalMove."""

    async def remark(self, incident: UUID, agency: str, seen: Seen, text: str, by: Actor) -> Done:
        """Keep an agency's own words about its part, in place of older ones. Raises NotWithAgency."""

    async def close(self, incident: UUID, seen: Seen, verdict: Verdict | None, reason: str, by: Actor) -> Done:
        """Close it; verdict None: it stays what it is. Raises NoDisposition, NoSuchSubCode."""

    async def reopen(self, incident: UUID, seen: Seen, reason: str, by: Actor) -> Done:
        """Open it again, in the state that follows from everything else."""

    async def merge(self, incident: UUID, seen: Seen, into: UUID, by: Actor) -> Done:
        """Point to `into`, where its life goes on. Raises CannotMerge."""

    async def unmerge(self, incident: UUID, seen: Seen, by: Actor) -> Done:
        """Take the pointer away: it is as it was."""

    async def note(self, incident: UUID, text: str, by: Actor) -> Done:
        """Add a note to its timeline."""

    async def sub_codes(self) -> list[SubCode]:
        """Return all sub-codes, by disposition and key."""


class QuietIncidents(Protocol):
    """Closes incidents that were abandoned, or in which nobody spoke, once nothing happened to them for a time."""

    async def close_quiet(self, before: int, limit: int) -> int:
        """Close at most `limit` of those that have not changed since `before` (µs UTC); return how many."""
