"""What people change while the service runs, as a group of it: see `callrouter.management`."""

from __future__ import annotations

from collections.abc import Sequence

from callrouter import heads
from callrouter.access.throttle import MAX_SOURCES
from callrouter.api.ports import Management
from callrouter.asterisk.ami import AmiEvent
from callrouter.asterisk.contacts import MAX_LOGINS, Contacts
from callrouter.asterisk.queues import AmiQueues
from callrouter.asterisk.registering import Registration, register
from callrouter.duty.service import Duty
from callrouter.listening import own_address
from callrouter.management import Kept, Managed
from callrouter.metrics import Metrics
from callrouter.routing.table import RoutingTable
from callrouter.settings import Settings
from callrouter.vault import Digests
from callrouter.wiring.group import Group, Task
from callrouter.wiring.in_force import InForce
from callrouter.wiring.links import Links


class Desk(Group):
    """Directory and draft, secrets, tokens, audit; who is on duty; and what the PBX is shown of all that."""

    def __init__(self, settings: Settings, stores: Kept, links: Links, in_force: InForce) -> None:
        self.managed = Managed(
            settings,
            stores,
            links.loader,
            AmiQueues(links.hands),
            in_force.replace,
            in_force.roster,
            in_force.snapshot,
        )
        self._in_force = in_force
        self._sip = own_address(settings.sip_host), settings.sip_port
        file = settings.state.resolve() / "telephones.json"
        self._keeper, self._hands = links.keeper, links.hands
        self.contacts = Contacts(file, links.keeper, self._may_log_in, self._register, lambda: links.hands.connected)

    @property
    def duty(self) -> Duty:
        """Who is rung."""
        return self.managed.duty

    @property
    def management(self) -> Management:
        """What the REST surface works on."""
        of = self.managed
        return Management(of.publishing, of.secrets, of.duty, of.tokens, of.audit)

    def unsure(self) -> bool:
        """Return whether the PBX is still to be told who is on duty and where their telephones are."""
        return not (self._hands.connected and self._keeper.connected) or self.contacts.unsure

    async def open(self) -> None:
        """Read what is kept. Raises StorageUnavailable, OperatorError."""
        await self.managed.open()
        await self.duty.start()

    def follow(self, table: RoutingTable) -> None:
        """Go by this table from now on."""
        self.managed.secrets.only_of(table.directory)
        self.duty.table_changed()

    def heard(self, event: AmiEvent) -> None:
        """Something happened in the PBX."""
        self.contacts.heard(event)

    async def hands_login(self) -> None:
        """The PBX can be told of queues."""
        self.duty.table_changed()
        self.managed.logged_in()

    async def keeper_login(self) -> None:
        """The PBX can be shown a table, and be told of telephones that it has lost."""
        self.managed.logged_in()
        self.contacts.logged_in(self._keeper.counters.logins)

    def tasks(self) -> Sequence[Task]:
        """Keep the PBX, its failsafe and the heads of the audit true. Duty is followed where the journal is read."""
        managed = self.managed
        return (
            ("managed", managed.run()),
            ("failsafe", managed.failsafe.run()),
            ("telephones", self.contacts.run()),
            ("audit-heads", heads.keep(managed.audit.trail, managed.audit.file)),
        )

    def show(self, metrics: Metrics) -> None:
        """Show duty, and how far the PBX follows."""
        managed = self.managed
        metrics.gauges("operators", "Operators: on the roster, on duty, and rung.", "who", self._on_duty)
        metrics.gauge("duty_in_step", "1: the PBX rings whom it should.", lambda: managed.duty.in_step)
        metrics.gauge("table_shown", "1: the PBX is known to show the table in force.", lambda: managed.plane.shown)
        metrics.gauge("failsafe_reach_seconds", "How far ahead the PBX has plans.", lambda: managed.failsafe.reach_s)
        metrics.counter(
            "telephones_put_back", "Logins that the PBX lost and was given back.", lambda: self.contacts.put_back
        )
        metrics.bound("throttled_addresses", lambda: managed.throttled, MAX_SOURCES)
        metrics.bound("telephones_kept", lambda: len(self.contacts), MAX_LOGINS)

    async def close(self) -> None:
        """End what computes beside the loop."""
        await self.managed.close()

    def _may_log_in(self) -> dict[str, Digests]:
        """Return the operators of the table in force who have a secret."""
        known = self.managed.secrets.known.operators
        people = self._in_force.table().directory.operators
        return {one.key: known[one.key] for one in people if one.enabled and one.key in known}

    async def _register(self, wanted: Registration) -> None:
        await register(*self._sip, wanted)

    def _on_duty(self) -> dict[str, float]:
        everybody = self.duty.overview()
        return {
            "rostered": sum(one.rostered for one in everybody),
            "on_duty": sum(one.on_duty for one in everybody),
            "rung": sum(one.rung for one in everybody),
        }
