"""What the API asks of where dispositions' sub-codes are kept."""

from __future__ import annotations

from typing import Protocol

from callrouter.access.model import Principal
from callrouter.incidents.desk import Seen
from callrouter.incidents.dispositions import SubCode


class SubCodeDesk(Protocol):
    """Sub-codes of dispositions. Raises StorageUnavailable."""

    async def all(self) -> list[SubCode]:
        """Return all, by disposition and key."""

    async def put(self, code: SubCode, seen: Seen, by: Principal) -> SubCode:
        """Add or replace it; `seen`: versions, 0 for none. Raises Moved, TooManySubCodes (incidents.desk)."""
