"""What every group of parts has in common."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any

from callrouter.metrics import Metrics

Task = tuple[str, Coroutine[Any, Any, None]]
"""What runs from the start of the service to its end, and its name in a dump of all tasks."""


class Group:
    """Parts that belong together. A group has of the following what its parts need.

    They are called in this order: `show`, `tasks` (once), `listen`; told to end: `leave`, `settle`; and at last
    `close`, however the service ends. Each must be done within a bounded time.
    """

    def show(self, metrics: Metrics) -> None:
        """Show what the parts tell of themselves. It is read when somebody asks."""

    def tasks(self) -> Sequence[Task]:
        """Return what is to run. One that fails ends the service."""
        return ()

    async def listen(self) -> None:
        """Open the ports. Raises OperatorError for one that cannot be had."""

    async def leave(self) -> None:
        """Close the ports, and finish what was begun. All groups at once, for the next service may wait for them."""

    async def settle(self) -> None:
        """Bring away what is left, while the tasks still run: the last group first."""

    async def close(self) -> None:
        """End what runs beside the tasks, which are cancelled by now: the last group first."""
