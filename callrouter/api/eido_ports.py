"""What the API asks of who hands incidents over to neighbouring centres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from callrouter.calls.parties import Asker
from callrouter.incidents.desk import Actor
from callrouter.incidents.neighbours import Neighbour, Original
from callrouter.incidents.views import IncidentDetail
from callrouter.privacy.masking import Sight


class NeighboursDesk(Protocol):
    """What is asked of neighbouring centres (callrouter.neighbours.Neighbours)."""

    def neighbour(self, key: str) -> Neighbour | None:
        """Return the neighbouring centre of that key."""

    def document(self, detail: IncidentDetail, sight: Sight) -> dict[str, Any]:
        """Return an incident for another centre."""

    async def take_in(self, sent: dict[str, Any], neighbour: Neighbour, by: Actor) -> tuple[UUID, bool]:
        """Keep a document. Raises BadEido, StorageUnavailable."""

    async def originals(self, incident: UUID) -> Sequence[Original]:
        """Return the documents by which it came. Raises StorageUnavailable."""

    async def hand_over(
        self, incident: UUID, neighbour: Neighbour, words: str, by: Actor, asker: Asker
    ) -> tuple[UUID | None, UUID | None]:
        """Hand it over. Raises PartyRefused, NothingToSend, NoSuchIncident, Illegal, StorageUnavailable."""
