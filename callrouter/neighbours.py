"""Handing incidents over to neighbouring centres, with their callers, and taking such ones in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

import structlog

from callrouter.calls.live import LiveCall, LiveCalls, Stage
from callrouter.calls.parties import Asker, PartyRefused
from callrouter.clock import now_us
from callrouter.incidents import eido
from callrouter.incidents.desk import Actor, Illegal, NoSuchIncident
from callrouter.incidents.neighbours import Neighbour, NeighbourRecords, Original, neighbour_of
from callrouter.incidents.views import IncidentDetail, StorageUnavailable
from callrouter.privacy.masking import Sight
from callrouter.routing.table import RoutingTable

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
"""How often it is looked which calls came with a document."""


class NothingToSend(Exception):
    """The neighbour has no system that takes incidents, and there is no caller to pass to it."""


class Joins(Protocol):
    """Finds what belongs together (callrouter.storage.parties.NeighbourTables)."""

    async def join(self) -> int:
        """Merge the incidents of calls that name a document; return how many. Raises StorageUnavailable."""


class Callers(Protocol):
    """Passes callers on (callrouter.asterisk.parties.Parties). Raises PartyRefused."""

    def may_send(self, call: UUID, by: Asker) -> None:
        """Raise where `send` would."""

    async def send(self, call: UUID, by: Asker, variables: dict[str, str], context: str, extension: str) -> None:
        """Set these on the caller's channel, and send him there."""


class Neighbours:
    """What the API asks of neighbouring centres. element: names this machine in identifiers."""

    def __init__(
        self,
        records: NeighbourRecords,
        joins: Joins,
        callers: Callers,
        live: LiveCalls,
        table: Callable[[], RoutingTable],
        element: str,
        now: Callable[[], int] = now_us,
    ) -> None:
        self._records = records
        self._joins = joins
        self._callers = callers
        self._live = live
        self._table = table
        self._element = element
        self._now = now
        self.joined = 0

    def neighbour(self, key: str) -> Neighbour | None:
        """Return the neighbouring centre of that key; None: there is none."""
        return neighbour_of(self._table().directory, key)

    def document(self, detail: IncidentDetail, sight: Sight) -> dict[str, Any]:
        """Return an incident for another centre."""
        return eido.document(detail, self._table().centre.name, self._element, sight, self._now())

    async def take_in(self, sent: Mapping[str, Any], neighbour: Neighbour, by: Actor) -> tuple[UUID, bool]:
        """Keep a document; return our incident, and whether this opened it. Raises BadEido, StorageUnavailable."""
        routing = self._table().routing
        received = eido.received(
            sent, frozenset(one.key for one in routing.categories), frozenset(one.code for one in routing.areas)
        )
        return await self._records.take_in(received, neighbour, by)

    async def originals(self, incident: UUID) -> Sequence[Original]:
        """Return the documents by which it came, newest first. Raises StorageUnavailable."""
        return await self._records.originals(incident)

    async def hand_over(
        self, incident: UUID, neighbour: Neighbour, words: str, by: Actor, asker: Asker
    ) -> tuple[UUID | None, UUID | None]:
        """Send the incident, and its caller where somebody talks with him; return the notice and the call.

        Raises PartyRefused before anything is done, NothingToSend, NoSuchIncident, Illegal, StorageUnavailable.
        """
        live = self._talking(incident, asker)
        if live is not None:
            self._callers.may_send(live.call, asker)
        elif neighbour.point is None:
            raise NothingToSend(neighbour.key)
        call = None if live is None else live.call
        handed = await self._records.hand_over(incident, neighbour, call, words, by)
        if call is not None:
            try:
                # The caller's plan goes on to our operators where nobody answers there; and another centre to which
                # he goes later is told nothing of this one's incident (dialplan/hops.conf).
                told, to = {f"CR_HANDED_OVER_{neighbour.trunk}": str(incident)}, f"g_{neighbour.trunk}"
                await self._callers.send(call, asker, told, "callrouter-transfer-to", to)
            except PartyRefused as error:  # he left in this moment; or the PBX is away, and he talks on
                why = str(error) or type(error).__name__
                log.warning("neighbour.caller_not_passed", call=str(call), why=why)
                await self._tell_not_passed(incident, neighbour, call, why, by)
                call = None
        return handed.notice, call

    async def run(self) -> None:
        """Join calls with their documents, whichever of the two came first. For ever."""
        failing = False
        while True:
            try:
                self.joined += await self._joins.join()
                failing = False
            except StorageUnavailable as error:
                if not failing:
                    log.warning("neighbour.storage_away", error=str(error))
                failing = True
            except Exception:  # calls are served by the same process: no defect here may end it
                log.exception("neighbour.defect")
            await asyncio.sleep(LOOK_S)

    async def _tell_not_passed(self, incident: UUID, neighbour: Neighbour, call: UUID, why: str, by: Actor) -> None:
        """The timeline says that the call goes there: say that it does not."""
        text = f"penelepon tidak diteruskan / the caller was not passed: {neighbour.key}, call {call}: {why}"
        try:
            await self._records.note(incident, text, by)
        except (StorageUnavailable, Illegal, NoSuchIncident) as error:
            # What was handed over is on its way: whoever asked is answered, with no call, and does not ask again.
            log.warning("neighbour.not_noted", incident=str(incident), call=str(call), error=str(error))

    def _talking(self, incident: UUID, asker: Asker) -> LiveCall | None:
        """Return the call of an incident that somebody talks in: that of who asks before another's."""
        talks = [one for one in self._live.live() if one.incident == incident and one.stage is Stage.TALKING]
        return next((one for one in talks if asker.operator in one.with_whom), talks[0] if talks else None)
