"""What is read of SIP itself, of the copies that the PBX sends: INVITEs that it refused, and callers' locations."""

from __future__ import annotations

from callrouter.asterisk.hep import Captured, HepReceiver
from callrouter.asterisk.locations import MAX_KEPT, Locations
from callrouter.asterisk.pbx_secrets import PbxSecrets
from callrouter.asterisk.refusals import MAX_FOLLOWED, OwnAddresses, Refusals
from callrouter.asterisk.sip import tells_of_invite
from callrouter.listening import cannot_listen
from callrouter.metrics import Metrics
from callrouter.routing.table import RoutingTable
from callrouter.settings import Settings
from callrouter.wiring.group import Group
from callrouter.wiring.in_force import InForce
from callrouter.wiring.records import Records


class Signalling(Group):
    """The HEP port, and who reads what comes in there."""

    def __init__(self, settings: Settings, keys: PbxSecrets, in_force: InForce, records: Records) -> None:
        self._settings = settings
        table = in_force.table()
        self.refusals = Refusals(
            settings.node,
            OwnAddresses(settings.sip_host, settings.sip_port),
            _by_address(table),
            records.refused,
        )
        self.locations = Locations(table.directory.trunks)
        self.hep = HepReceiver(
            settings.hep_host,
            settings.hep_port,
            secret=keys.hep,
            peers=frozenset(settings.agi_peers),
            see=self._seen,
            wanted=tells_of_invite,
        )

    def follow(self, table: RoutingTable) -> None:
        """Go by this table from now on."""
        self.refusals.name(_by_address(table))
        self.locations.trust(table.directory.trunks)

    def show(self, metrics: Metrics) -> None:
        """Show what came in."""
        metrics.counter("invites_refused", "INVITEs that the PBX let in to no call.", lambda: self.refusals.refused)
        metrics.counter("hep_foreign", "Packets from strangers, or without the secret.", lambda: self.hep.foreign)
        metrics.counter("hep_malformed", "Packets that are no copy of a message.", lambda: self.hep.malformed)
        metrics.bound("locations", lambda: self.locations.kept, MAX_KEPT)
        metrics.bound("invites_followed", lambda: self.refusals.followed, MAX_FOLLOWED)

    async def listen(self) -> None:
        """Open the port. Raises OperatorError."""
        try:
            await self.hep.start()
        except OSError as error:
            raise cannot_listen("hep", self._settings.hep_host, self._settings.hep_port, error) from None

    async def leave(self) -> None:
        """Close it."""
        self.hep.stop()

    async def close(self) -> None:
        """Close it."""
        self.hep.stop()

    def _seen(self, captured: Captured) -> None:
        self.locations.see(captured)
        self.refusals.see(captured)


def _by_address(table: RoutingTable) -> dict[str, str]:
    return {trunk.host: trunk.key for trunk in table.directory.trunks}
