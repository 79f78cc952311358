"""Incidents as they are read: what the API shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from callrouter.incidents.model import Attempt

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


@dataclass(frozen=True, slots=True)
class EventView:
    """One entry of the timeline."""

    at: int
    kind: str
    actor: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class IncidentSummary:
    """An incident in a list. `number` is the number for people; `callback` says a caller is to be called back."""

    id: UUID
    number: int
    state: str
    category: str
    opened: int
    callback: bool
    caller_number: str
    outcome: str | None


@dataclass(frozen=True, slots=True)
class IncidentDetail:
    """An incident with everything known of it."""

    summary: IncidentSummary
    calls: tuple[CallView, ...]
    timeline: tuple[EventView, ...]


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """Which incidents a list shows. Newest first; `before` is the number to go on below (a cursor)."""

    state: str | None = None
    category: str | None = None
    callback: bool | None = None
    before: int | None = None
    limit: int = 50


class IncidentReader(Protocol):
    """Reads incidents from the database. Raises StorageUnavailable (callrouter.incidents.views)."""

    async def page(self, wanted: IncidentFilter) -> list[IncidentSummary]:
        """Return at most `wanted.limit` summaries, newest (highest number) first."""

    async def detail(self, incident: UUID) -> IncidentDetail | None:
        """Return one incident whole, or None."""


class StorageUnavailable(Exception):
    """The database did not answer in time or refused. Calls go on; readers get a 503."""
