"""What the API asks of who knows the posture."""

from __future__ import annotations

from typing import Protocol

from callrouter.access.model import Principal
from callrouter.incidents.posture import Standing
from callrouter.routing.values import Posture


class PostureDesk(Protocol):
    """Where the posture is asked for and set (callrouter.calls.posture.Postures)."""

    def standing(self) -> Standing:
        """Return it with all that is known of it."""

    async def set(self, posture: Posture, until: int, reason: str, by: Principal) -> None:
        """Let a person say it until then (µs UTC), with a note in the audit. Raises StorageUnavailable."""

    async def withdraw(self, by: Principal) -> None:
        """Let the rate of calls say it again, with a note in the audit. Raises StorageUnavailable."""
