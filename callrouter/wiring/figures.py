"""Figures: what is measured beside the calls' own records, and who reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from callrouter.calls.rings import WAITING, Rings
from callrouter.clock import now_us
from callrouter.clockwatch import WAITING as STEPS_WAITING
from callrouter.clockwatch import ClockWatch
from callrouter.metrics import Metrics
from callrouter.settings import Settings
from callrouter.storage import figures
from callrouter.storage.database import Database
from callrouter.storage.figures_daily import FigureDays
from callrouter.vault import Vault
from callrouter.wiring.calls import Calls
from callrouter.wiring.group import Group, Task
from callrouter.wiring.in_force import InForce
from callrouter.wiring.links import Links

READ_S: Final = 12.0
"""For the figures of a year on SQLite. Its connections are its own: who waits for a board takes none from others."""
WRITE_S: Final = 60.0
"""For a day's figures, which are made beside the calls: nobody waits for them."""


class Figures(Group):
    """The scoreboard's reader, and the watches of rings and of the clock."""

    def __init__(self, settings: Settings, database: Database, links: Links, in_force: InForce, calls: Calls) -> None:
        self._database = Database(settings.database, read_s=READ_S, write_s=WRITE_S)
        key = Vault(settings.key_path).chain_key()
        # What is written goes the way of all writes: SQLite has one writer at a time, and there they wait in turn.
        self.reader = figures.Figures(self._database, in_force.table, key, writing=database)
        self.days = FigureDays(self._database)
        self.rings = Rings(self.reader, now_us)
        self.clock = ClockWatch(settings.node, self.reader.stepped)
        links.clock_steps.follow(self.clock.on_step)
        calls.board.follow(self.rings)

    def tasks(self) -> Sequence[Task]:
        """Store rings, watch the clock, and keep what was counted of days that are over."""
        tasks: list[Task] = [("rings", self.rings.run()), ("clock-watch", self.clock.run())]
        if self._database.place.file is None:  # SQLite's figures are read from their rows
            tasks.append(("figure-days", self.days.run()))
        return tasks

    def show(self, metrics: Metrics) -> None:
        """Show what was seen, and what was lost."""
        metrics.counter("rings_lost", "First rings that were not kept.", lambda: self.rings.lost)
        metrics.counter("figure_days_made", "Days whose figures were put together.", lambda: self.days.made)
        metrics.counter("figure_days_failed", "Days whose making failed.", lambda: self.days.failed)
        metrics.gauge("figure_days_missing", "Days over whose figures are not.", lambda: self.days.missing)
        metrics.bound("rings", lambda: len(self.rings), WAITING)
        metrics.bound("clock_steps_waiting", lambda: len(self.clock), STEPS_WAITING)

    async def close(self) -> None:
        """Close its connections."""
        await self._database.close()
