"""What the API asks of where standard operating procedures are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from callrouter.access.model import Principal
from callrouter.incidents.desk import Actor, Seen
from callrouter.incidents.sop import AskedList, SopVersion, Subject, Value


class SopDesk(Protocol):
    """Versions of lists (callrouter.storage.sop.Sops). Raises StorageUnavailable."""

    async def in_force(self) -> list[SopVersion]:
        """Return every list that is in force, by subject."""

    async def newest(self, subject: Subject) -> SopVersion | None:
        """Return the newest version, which may be a withdrawal; None: there never was one."""

    async def version(self, subject: Subject, version: int) -> SopVersion | None:
        """Return one version; None: there is none of that number."""

    async def versions(self, subject: Subject, before: int | None, limit: int) -> list[SopVersion]:
        """Return at most `limit` versions below `before`, newest first."""

    async def put(self, new: SopVersion, seen: Seen, by: Principal) -> SopVersion:
        """Make it the version in force; return it with its number. Raises Moved."""

    async def put_all(self, lists: Sequence[SopVersion], by: Principal) -> list[SopVersion]:
        """Make all of these the versions in force, whatever there is: all or none. Raises Moved."""

    async def withdraw(self, subject: Subject, seen: Seen, by: Principal) -> bool:
        """Ask it of no further incident; False: none was in force. Raises Moved."""


class SopAnswers(Protocol):
    """What incidents are asked (callrouter.storage.sop.IncidentSops). Raises StorageUnavailable."""

    async def look(self, incident: UUID, *, agency: str | None = None, attach: bool = True) -> list[AskedList]:
        """Return what the incident is asked. Raises NoSuchIncident, NotWithAgency."""

    async def answer(
        self, incident: UUID, subject: Subject, seen: Seen, answers: Mapping[str, Value], by: Actor
    ) -> None:
        """Set the answers to one list. Raises what is said at IncidentSops.answer."""
