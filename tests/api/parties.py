"""Talks and neighbouring centres for the API's tests: in memory, or over a database of a test."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID, uuid4

from callrouter.calls.live import LiveCall, Stage
from callrouter.calls.parties import (
    Asker,
    NoSuchCall,
    NoSuchParty,
    NoSuchTarget,
    NotTalking,
    NotYours,
    Party,
    PartyRefused,
    PartyState,
    PartyThere,
)
from callrouter.incidents.neighbours import trunks_of
from callrouter.neighbours import Neighbours
from callrouter.routing.directory import Contact, Trunk, TrunkKind, WebhookContact
from callrouter.routing.table import RoutingTable
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.notice_rows import NoticeWriter
from callrouter.storage.parties import NeighbourTables
from tests.api.support import BEGIN, FakeBoard

AGENCIES = frozenset({"damkar", "pmi"})


@dataclass
class FakeParties:
    """A PBX that does at once what it is told.

    refuses: what it says to everything
    leaves:  callers leave in the moment in which they are sent somewhere
    """

    board: FakeBoard = field(default_factory=FakeBoard)
    parties: dict[UUID, dict[UUID, Party]] = field(default_factory=dict)
    passed: list[tuple[UUID, str]] = field(default_factory=list)
    refuses: PartyRefused | None = None
    leaves: bool = False

    def of(self, call: UUID) -> list[Party]:
        self._live(call)
        return list(self.parties.get(call, {}).values())

    async def add(self, call: UUID, agency: str, contact: str | None, by: Asker) -> Party:
        self.may_send(call, by)
        if agency not in AGENCIES:
            raise NoSuchTarget(agency)
        there = self.parties.setdefault(call, {})
        if any(one.agency == agency for one in there.values()):
            raise PartyThere(agency)
        made = Party(uuid4(), call, agency, contact or "posko", PartyState.RINGING, BEGIN)
        there[made.id] = made
        return made

    async def remove(self, call: UUID, party: UUID, by: Asker) -> None:
        self.may_send(call, by)
        if self.parties.get(call, {}).pop(party, None) is None:
            raise NoSuchParty(party)

    async def pass_on(self, call: UUID, by: Asker, *, agency: str = "", operator: str = "") -> None:
        self.may_send(call, by)
        if agency and agency not in AGENCIES:
            raise NoSuchTarget(agency)
        self.passed.append((call, agency or operator))

    def may_send(self, call: UUID, by: Asker) -> None:
        live = self._live(call)
        if self.refuses is not None:
            raise self.refuses
        if not by.supervises and by.operator not in live.with_whom:
            raise NotYours(call)
        if live.stage is not Stage.TALKING:
            raise NotTalking(call)

    async def send(self, call: UUID, by: Asker, variables: dict[str, str], context: str, extension: str) -> None:
        self.may_send(call, by)
        if self.leaves:
            raise NoSuchCall(call)
        self.passed.append((call, f"{context}/{extension}/{variables}"))

    def _live(self, call: UUID) -> LiveCall:
        found = next((one for one in self.board.calls if one.call == call), None)
        if found is None:
            raise NoSuchCall(call)
        return found


def with_neighbour(table: RoutingTable, *, of: str = "damkar") -> RoutingTable:
    """Return a table in which this agency is a neighbouring centre, whose system takes incidents."""
    directory = table.directory
    border = Trunk(key="border", kind=TrunkKind.NEIGHBOUR, host="127.0.112.40")
    point = WebhookContact(key="sistem", channel="webhook", url="http://10.1.2.3/api/v1/eido")
    agencies = tuple(
        one
        if one.key != of
        else one.model_copy(
            update={"contacts": (Contact(key="pusat", trunk="border", number="112"),), "notices": (point,)}
        )
        for one in directory.agencies
    )
    changed = directory.model_copy(update={"trunks": (*directory.trunks, border), "agencies": agencies})
    return table.model_copy(update={"directory": changed})


def neighbours(
    database: Database, desk: IncidentTables, writer: NoticeWriter, parties: FakeParties, table: RoutingTable
) -> Neighbours:
    """Return the real thing over a database, with a PBX in memory."""
    tables = NeighbourTables(database, desk, writer, lambda: trunks_of(table.directory))
    return Neighbours(tables, tables, parties, parties.board, lambda: table, "pbx1")
