"""Callers who are to be called back, as they are read: no human heard them, or their call was cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

Urgency = Mapping[str | None, int]
"""The priority of each category by its key, the higher the more urgent; None: of a caller who chose none."""


@dataclass(frozen=True, slots=True)
class Callback:
    """One number to call back; a withheld one stands for its one call. Times in µs UTC.

    incident, number_for_people: the incident of the most urgent call of that number, of these the oldest
    category, reason, stage, origin, trunk, language, recording, opened, ended, human: of that incident's call
    number:  the caller's, as his side gave it; empty when withheld
    urgency: priority of the category, the higher the more urgent
    calls:   how many calls of the number are on the list; first, last: when the oldest and the newest was opened
    """

    incident: UUID
    number_for_people: int
    number: str
    category: str
    urgency: int
    reason: str
    stage: str
    origin: str
    trunk: str
    language: str
    recording: str
    opened: int
    human: int | None
    ended: int | None
    calls: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the list: its order is by urgency (highest first), then `first`, then the incident's number."""

    urgency: int
    first: int
    number_for_people: int


@dataclass(frozen=True, slots=True)
class CallbackFilter:
    """Which callers a list shows, of all their calls those that fit. `after`: the place to go on after.

    since: only calls opened at this time (µs UTC) or later
    """

    category: str | None = None
    reason: str | None = None
    since: int | None = None
    after: Place | None = None
    limit: int = 50


class CallbackReader(Protocol):
    """Reads the list. Raises StorageUnavailable (callrouter.incidents.views)."""

    async def page(self, wanted: CallbackFilter) -> list[Callback]:
        """Return at most `wanted.limit` entries, the most urgent first, of equal ones the oldest."""
