"""Incidents as they are read: what the API shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from callrouter.incidents.lifecycle import Assignment
from callrouter.incidents.model import Attempt
from callrouter.incidents.suspicion import Judgement

MAX_PAGE = 200


@dataclass(frozen=True, slots=True)
class CallView:
    """One call of an incident. Times in µs UTC."""

    id: UUID
    node: str
    origin: str
    trunk: str
    number: str
    name: str
    opened: int
    answered: int | None
    chosen: int | None
    human: int | None
    ended: int | None
    choice: str
    category: str
    language: str
    stage: str
    path: str
    route: str
    version: int | None
    outcome: str | None
    recording: str
    cause: str
    facts: dict[str, Any] | None
    plan: str
    attempts: tuple[Attempt, ...]
    sent_from: str = ""
    cannot_speak: bool = False
    judgement: Judgement | None = None


@dataclass(frozen=True, slots=True)
class EventView:
    """One entry of the timeline."""

    at: int
    kind: str
    actor: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class IncidentSummary:
    """An incident in a list. Times in µs UTC.

    number:        for people; callback: a caller is to be called back
    caller_number: of its call; of one that came without a call, what its reporter gave
    outcome:       of its call; None while it lasts, and where there is none
    merged_into:   the incident in which its life goes on
    cannot_speak:  its caller pressed 1 because he cannot speak
    version:       of what persons did (If-Match); updated: when anything last changed
    """

    id: UUID
    number: int
    state: str
    category: str
    opened: int
    callback: bool
    caller_number: str
    outcome: str | None
    origin: str = "call"
    area: str = ""
    place: str = ""
    disposition: str = ""
    sub_code: str = ""
    merged_into: UUID | None = None
    version: int = 1
    updated: int = 0
    cannot_speak: bool = False


@dataclass(frozen=True, slots=True)
class IncidentName:
    """Another incident, by its id and its number for people."""

    id: UUID
    number: int


@dataclass(frozen=True, slots=True)
class CaseView:
    """What persons wrote of an incident, and how it went. Times in µs UTC.

    area_source: how its area is known; merged: those that were merged into it
    """

    reporter_number: str = ""
    reporter_name: str = ""
    area_source: str = ""
    description: str = ""
    people_hurt: int | None = None
    taken_at: int | None = None
    taken_by: str = ""
    acknowledged_at: int | None = None
    en_route_at: int | None = None
    on_scene_at: int | None = None
    resolved_at: int | None = None
    closed_at: int | None = None
    closed_reason: str = ""
    merged_into: IncidentName | None = None
    merged: tuple[IncidentName, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentDetail:
    """An incident with everything known of it."""

    summary: IncidentSummary
    calls: tuple[CallView, ...]
    timeline: tuple[EventView, ...]
    case: CaseView = CaseView()
    agencies: tuple[Assignment, ...] = ()


@dataclass(frozen=True, slots=True)
class AgencyIncident:
    """An incident as an agency sees it: its own part, and what it needs to help. Times in µs UTC."""

    part: Assignment
    number: int
    state: str
    category: str
    opened: int
    area: str
    place: str
    description: str
    people_hurt: int | None
    caller_number: str
    caller_name: str


@dataclass(frozen=True, slots=True)
class AgencyPlace:
    """A place in an agency's list: its order is by when it got the incident, newest first, then by id."""

    passed_at: int
    id: UUID


@dataclass(frozen=True, slots=True)
class AgencyFilter:
    """Which of its incidents an agency sees. `after`: the place to go on after.

    open: only those that it is not done with
    """

    agency: str
    open: bool | None = None
    after: AgencyPlace | None = None
    limit: int = 50


class AgencyReader(Protocol):
    """Reads what agencies have to do. Raises StorageUnavailable."""

    async def page(self, wanted: AgencyFilter) -> list[AgencyIncident]:
        """Return at most `wanted.limit` of the agency's incidents, the newest first."""

    async def one(self, agency: str, incident: UUID) -> AgencyIncident | None:
        """Return an incident of the agency; None where it has nothing to do with it."""


@dataclass(frozen=True, slots=True)
class OpenedPlace:
    """A place in the list: its order is by when they were opened (µs UTC), then by number, newest first."""

    opened: int
    number: int


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """Which incidents a list shows: those for which all of it holds. `after`: the place to go on after.

    since, until:  opened at since or later, and before until; changed_since: changed then or later (µs UTC)
    agency:        it has, or had, to do with it
    numbers:       all spellings of the number of a caller or reporter
    operator:      key of one who talked to a caller of it
    outcome:       of the call that opened it
    merged:        whether it is merged into another
    cannot_speak:  whether its caller pressed 1 because he cannot speak
    words:         it has words that begin so, in its description, place, notes or a caller's name
    """

    state: str | None = None
    category: str | None = None
    callback: bool | None = None
    area: str | None = None
    disposition: str | None = None
    agency: str | None = None
    operator: str | None = None
    outcome: str | None = None
    merged: bool | None = None
    cannot_speak: bool | None = None
    numbers: tuple[str, ...] | None = None
    words: str | None = None
    since: int | None = None
    until: int | None = None
    changed_since: int | None = None
    after: OpenedPlace | None = None
    limit: int = 50


class IncidentReader(Protocol):
    """Reads incidents from the database. Raises StorageUnavailable (callrouter.incidents.views)."""

    async def page(self, wanted: IncidentFilter) -> list[IncidentSummary]:
        """Return at most `wanted.limit` summaries, newest first."""

    async def detail(self, incident: UUID) -> IncidentDetail | None:
        """Return one incident whole, or None."""


class StorageUnavailable(Exception):
    """The database did not answer in time or refused. Calls go on; readers get a 503."""
