"""What the API asks of where incidents are compared."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from callrouter.incidents.sameevent import Suggestion


class RelatedReader(Protocol):
    """Finds incidents that may be one event (callrouter.storage.related.Related). Raises StorageUnavailable."""

    async def related(self, incident: UUID, most: int) -> list[Suggestion] | None:
        """Return at most `most`, the likeliest first; None: there is no such incident."""
