"""Talks with more than two, and neighbouring centres."""

from __future__ import annotations

from collections.abc import Sequence

from callrouter.agencies.neighbour import NeighbourSender
from callrouter.agencies.notices import Channel
from callrouter.asterisk.parties import MAX_CALLS, Parties
from callrouter.clock import SystemClock
from callrouter.incidents.neighbours import trunks_of
from callrouter.metrics import Metrics
from callrouter.neighbours import Neighbours as Desk
from callrouter.privacy.masking import WHOLE
from callrouter.settings import Settings
from callrouter.storage.database import Database
from callrouter.storage.incidents import Incidents
from callrouter.storage.parties import NeighbourTables
from callrouter.wiring.calls import Calls
from callrouter.wiring.group import Group, Task
from callrouter.wiring.in_force import InForce
from callrouter.wiring.incidents import IncidentLife
from callrouter.wiring.links import Links
from callrouter.wiring.outgoing import Outgoing
from callrouter.wiring.records import Records


class Neighbours(Group):
    """Who is added to talks, and what goes to and comes from other centres."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        links: Links,
        in_force: InForce,
        records: Records,
        calls: Calls,
        incidents: IncidentLife,
        outgoing: Outgoing,
    ) -> None:
        self.parties = Parties(
            links.hands,
            calls.board,
            lambda: in_force.table().directory,
            records.writer,
            SystemClock(),
            settings.timers.static_ring_s,
        )
        tables = NeighbourTables(
            database,
            incidents.desk,
            incidents.notices,
            lambda: trunks_of(in_force.table().directory),
            changed=incidents.changes,
        )
        self.desk = Desk(tables, tables, self.parties, calls.board, in_force.table, settings.node)
        outgoing.sends(
            Channel.NEIGHBOUR,
            NeighbourSender(
                settings.notice_networks,
                outgoing.secrets.secret_of,
                Incidents(database).detail,
                lambda detail: self.desk.document(detail, WHOLE),
                settings.secrets_dir / "neighbours",
                outgoing.shown,
            ),
        )

    def tasks(self) -> Sequence[Task]:
        """Join calls with what came for them."""
        return (("neighbours", self.desk.run()),)

    def show(self, metrics: Metrics) -> None:
        """Show in how many talks there are more than two, and what came from neighbours."""
        metrics.bound("talks_with_parties", lambda: len(self.parties), MAX_CALLS)
        metrics.counter("calls_joined_with_neighbours", "Calls that came with a document.", lambda: self.desk.joined)
