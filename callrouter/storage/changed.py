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
        self._of_ends: list[Changed] = []

    def follow(self, listener: Changed, *, only_ends: bool = False) -> None:
        """Tell `listener` from now on; `only_ends`: not of what calls that go on do to their incidents."""
        (self._of_ends if only_ends else self._listeners).append(listener)

    def __call__(self, incidents: Collection[UUID]) -> None:
        """Tell all of them."""
        self.goes_on(incidents)
        _tell(self._of_ends, incidents)

    def goes_on(self, incidents: Collection[UUID]) -> None:
        """Tell of incidents that calls have changed which go on."""
        _tell(self._listeners, incidents)


def _tell(listeners: Collection[Changed], incidents: Collection[UUID]) -> None:
    if incidents:
        for listener in listeners:
            try:
                listener(incidents)
            except Exception:  # see Changes
                log.exception("incidents.listener_failed")
