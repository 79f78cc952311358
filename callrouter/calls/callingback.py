"""Calling callers back: one operator at a time rings one of them, by a line of the table in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol
from uuid import UUID

import structlog

from callrouter.incidents.callbacks import NotRung, NoWay, Recovered, Try, TryOutcome, ways
from callrouter.incidents.desk import Actor
from callrouter.incidents.views import StorageUnavailable
from callrouter.routing.table import RoutingTable

log = structlog.get_logger(__name__)

SHOWN: Final = "Telepon balik"
"""What the operator's telephone shows beside the number: Indonesian, as the directory's names are."""


class TryStore(Protocol):
    """Keeps tries (callrouter.storage.callback_tries.CallbackTries). Raises StorageUnavailable."""

    async def begin(self, incident: UUID, operator: str, by: Actor) -> Try:
        """Claim the caller and note the try. Raises NoSuchIncident, NotListed, NoNumber, HeldBy."""

    async def end(self, id_: UUID, outcome: TryOutcome) -> None:
        """End a try of which the PBX will say nothing."""

    async def done(self, incident: UUID, reason: str, by: Actor) -> int:
        """Take that caller off the list. Raises NoSuchIncident, NotListed."""

    async def tries(self, incident: UUID) -> list[Try] | None:
        """Return the tries of that number, newest first."""

    async def recovered(self, begin: int, end: int) -> Recovered:
        """Return the figures of a period."""


class Ringer(Protocol):
    """Has the PBX ring (callrouter.asterisk.callback.CallbackRinger)."""

    async def ring(self, one: Try, ways: Sequence[str], shown: str) -> None:
        """Ring the operator, then the caller. Raises NotRung."""


class CallingBack:
    """Implements callrouter.incidents.callbacks.CallbackDesk.

    table: gives the one in force
    """

    def __init__(self, store: TryStore, ringer: Ringer, table: Callable[[], RoutingTable]) -> None:
        self._store = store
        self._ringer = ringer
        self._table = table

    async def call(self, incident: UUID, operator: str, by: Actor) -> Try:
        """Ring the operator, then the caller; returns when the PBX has taken it.

        Raises NoSuchIncident, NotListed, NoNumber, HeldBy, NoWay, NotRung.
        """
        trunks = self._table().directory.trunks
        if not ways(trunks, ""):
            raise NoWay
        begun = await self._store.begin(incident, operator, by)
        try:
            await self._ringer.ring(begun, ways(trunks, begun.trunk), SHOWN)
        except NotRung as error:
            log.error("callback.not_begun", try_=str(begun.id), why=str(error))
            try:
                await self._store.end(begun.id, TryOutcome.NOT_BEGUN)
            except StorageUnavailable:  # it is ended later (sweep), and nobody is kept from calling for longer than
                log.error("callback.claim_stays", try_=str(begun.id))  # the claim lasts
            raise
        log.info("callback.begun", try_=str(begun.id), incident=str(incident), operator=operator)
        return begun

    async def done(self, incident: UUID, reason: str, by: Actor) -> int:
        """Take the entry of that number off the list; return how many incidents that were."""
        return await self._store.done(incident, reason, by)

    async def tries(self, incident: UUID) -> list[Try] | None:
        """Return the tries of the incident's number, newest first; None: there is no such incident."""
        return await self._store.tries(incident)

    async def recovered(self, begin: int, end: int) -> Recovered:
        """Return the figures of lost calls that were opened in begin <= t < end (µs UTC)."""
        return await self._store.recovered(begin, end)
