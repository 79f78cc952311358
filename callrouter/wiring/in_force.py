"""The table that calls are decided by, and who is to know when it is another."""

from __future__ import annotations

import gc
from collections.abc import Callable

from callrouter.calls.session import Snapshot, snapshot_of
from callrouter.duty.roster import Roster
from callrouter.metrics import Metrics
from callrouter.routing.directory import Agency
from callrouter.routing.table import RoutingTable
from callrouter.wiring.group import Group

Follower = Callable[[RoutingTable], None]
"""Is told of the table that is in force from now on. Must not block, and not fail."""


class InForce(Group):
    """The version in force: replaced whole, and never changed."""

    def __init__(self, version: int, table: RoutingTable) -> None:
        self._snapshot = snapshot_of(version, table)
        self._roster = _roster(self._snapshot)
        self._followers: tuple[Follower, ...] = ()

    def snapshot(self) -> Snapshot:
        """Return what calls are decided by now."""
        return self._snapshot

    def roster(self) -> Roster:
        """Return the roster of the table in force."""
        return self._roster

    def table(self) -> RoutingTable:
        """Return the table in force."""
        return self._snapshot.compiled.table

    def agency(self, key: str) -> Agency | None:
        """Return an agency of the table in force."""
        agencies = self.table().directory.agencies
        return next((agency for agency in agencies if agency.key == key), None)

    def version(self) -> int:
        """Return its number."""
        return self._snapshot.compiled.version

    def follow(self, *followers: Follower) -> None:
        """Tell these of each table that is put into force from now on, in this order."""
        self._followers = followers

    def replace(self, snapshot: Snapshot) -> None:
        """Decide by this from now on."""
        self._snapshot, self._roster = snapshot, _roster(snapshot)
        gc.freeze()  # as at the start: no collection may walk through a whole table while calls wait
        for follower in self._followers:
            follower(snapshot.compiled.table)

    def show(self, metrics: Metrics) -> None:
        """Show which it is."""
        metrics.gauge("table_version", "The version in force.", self.version)


def _roster(snapshot: Snapshot) -> Roster:
    return Roster(snapshot.compiled.table, snapshot.compiled.calendar)
