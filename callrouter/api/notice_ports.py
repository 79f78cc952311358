"""What the API asks of where notices to agencies are kept. Raises StorageUnavailable."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from callrouter.access.model import Principal
from callrouter.agencies.notices import Notice, NoticeFilter
from callrouter.incidents.desk import Actor


class NoticeDesk(Protocol):
    """What agencies were sent."""

    async def page(self, wanted: NoticeFilter) -> list[Notice]:
        """Return at most `wanted.limit`, newest first."""

    async def replay(self, notice: UUID, by: Actor) -> Notice:
        """Have a dead one sent anew, under the same id. Raises NoticeGone, NotDead (agencies.notices)."""


class NoticeSecretDesk(Protocol):
    """What notices to agencies' systems are signed with."""

    async def put(self, agency: str, contact: str, secret: str, by: Principal) -> None:
        """Keep it, encrypted, in place of an older one. Raises RefusedValue."""

    async def delete(self, agency: str, contact: str, by: Principal) -> bool:
        """Remove it; False where there is none."""
