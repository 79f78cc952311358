"""How suspect callers are: kept in memory, behind whatever changes in the database."""

from __future__ import annotations

from collections.abc import Sequence

from callrouter.calls.suspicion import MEASURED, WAITING, Suspicions
from callrouter.clock import now_us
from callrouter.metrics import Metrics
from callrouter.storage.changed import Changes
from callrouter.storage.database import Database
from callrouter.storage.judgement import PastNumbers
from callrouter.wiring.group import Group, Task


class Judging(Group):
    """`suspicions` judges each caller when his call is opened."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self.suspicions = Suspicions(PastNumbers(database), now_us)
        # A call that has just come is remembered already; it says more of its number when it is over.
        changes.follow(self.suspicions.changed, only_ends=True)

    def tasks(self) -> Sequence[Task]:
        """Read what is known of numbers, and follow what changes."""
        return (("suspicions", self.suspicions.run()),)

    def show(self, metrics: Metrics) -> None:
        """Show how much is remembered."""
        known = self.suspicions
        metrics.counter("suspicion_reads", "How often all that is known of numbers was read.", lambda: known.loads)
        metrics.counter(
            "suspicion_forgotten", "Calls that were forgotten for want of room.", lambda: known.memory.forgotten
        )
        metrics.bound("suspicion_calls", lambda: len(known.memory), known.memory.most)
        metrics.bound("suspicion_waiting", lambda: known.waiting, WAITING)
        metrics.bound("suspicion_measured", lambda: known.measured, MEASURED)
