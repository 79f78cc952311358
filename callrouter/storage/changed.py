"""Who is told which incidents changed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from uuid import UUID

import structlog

log = structlog.get_logger(__name__)

Changed = Callable[[Collection[UUID]], None]
"""Takes the ids of incidents in which something may have changed, after it was stored. Never waits, never raises."""


def nobody(_incidents: Collection[UUID]) -> None:
    """Nobody wants to know."""


class Changes:
    """Tells everybody who wants to know. One who fails keeps it from nobody else, and nothing from being stored."""

    def __init__(self) -> None:
        self._listeners: list[Changed] = []

    def follow(self, listener: Changed) -> None:
        """Tell `listener` from now on."""
        self._listeners.append(listener)

    def __call__(self, incidents: Collection[UUID]) -> None:
        """Tell all of them."""
        for listener in self._listeners:
            try:
                listener(incidents)
            except Exception:  # see above
                log.exception("incidents.listener_failed")
