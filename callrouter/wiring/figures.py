"""Figures: what is measured beside the calls' own records, and who reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from callrouter.calls.rings import WAITING, Rings
from callrouter.clock import now_us
from callrouter.clockwatch import ClockWatch
from callrouter.metrics import Metrics
from callrouter.settings import Settings
from callrouter.storage import figures
from callrouter.storage.database import Database
from callrouter.wiring.calls import Calls
from callrouter.wiring.group import Group, Task
from callrouter.wiring.in_force import InForce

READ_S: Final = 12.0
"""For the figures of a year on SQLite. Its connections are its own: who waits for a board takes none from others."""


class Figures(Group):
    """The scoreboard's reader, and the watches of rings and of the clock."""

    def __init__(self, settings: Settings, database: Database, in_force: InForce, calls: Calls) -> None:
        self._database = Database(settings.database, read_s=READ_S)
        # What is written goes the way of all writes: SQLite has one writer at a time, and there they wait in turn.
        self.reader = figures.Figures(self._database, in_force.table, writing=database)
        self.rings = Rings(self.reader, now_us)
        self.clock = ClockWatch(settings.node, self.reader.stepped, now_us)
        calls.board.follow(self.rings)

    def tasks(self) -> Sequence[Task]:
        """Store rings, and watch the clock."""
        return (("rings", self.rings.run()), ("clock-watch", self.clock.run()))

    def show(self, metrics: Metrics) -> None:
        """Show what was seen, and what was lost."""
        metrics.counter("rings_lost", "First rings that were not kept.", lambda: self.rings.lost)
        metrics.bound("rings", lambda: len(self.rings), WAITING)

    async def close(self) -> None:
        """Close its connections."""
        await self._database.close()
