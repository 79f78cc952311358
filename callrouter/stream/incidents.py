"""Incidents that changed, told to the feed: read again in batches, behind whoever changed them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import structlog

from callrouter.incidents.views import IncidentSummary, StorageUnavailable
from callrouter.stream.feed import Feed, Kind

log = structlog.get_logger(__name__)

GATHER_S: Final = 0.05
"""How long the first change waits for others: to read one incident costs nearly as much as to read fifty."""
AT_ONCE: Final = 50
"""Incidents read together: more would keep the loop that serves the calls for longer than 5 ms."""
WAITING: Final = 10_000
"""Incidents that wait to be read. Beyond it every listener is told to fetch everything anew."""
UNHEARD: Final = 500
"""Incidents that wait while nobody listens: whoever comes back has them within a second. Of more he is told to fetch
everything anew, as beyond WAITING."""
PAUSE_S: Final = 1.0
"""Between tries, while the database is away."""


@dataclass(frozen=True, slots=True)
class IncidentNow:
    """An incident as it is now, and the agencies that have to do with it or had."""

    summary: IncidentSummary
    agencies: frozenset[str]


class IncidentsNow(Protocol):
    """Reads incidents from the database. Raises StorageUnavailable."""

    async def now(self, incidents: Sequence[UUID]) -> list[IncidentNow]:
        """Return those of the incidents that are there."""


class IncidentNews:
    """Takes ids of incidents that changed, after the commit, and tells the feed what they are now.

    For the gauges: `waiting`, of at most WAITING; `given_up` times more than that waited.
    """

    def __init__(self, feed: Feed, reader: IncidentsNow, *, most: int = WAITING) -> None:
        self._feed = feed
        self._reader = reader
        self.limit = most
        self._waiting: dict[UUID, None] = {}
        self._came = asyncio.Event()
        self.given_up = 0

    @property
    def waiting(self) -> int:
        """How many wait to be read."""
        return len(self._waiting)

    def changed(self, incidents: Collection[UUID]) -> None:
        """These incidents have changed, and the change is committed. Returns at once and never raises."""
        most = self.limit if self._feed.heard.is_set() else min(self.limit, UNHEARD)
        if len(self._waiting) + len(incidents) > most:
            self._waiting.clear()
            self._feed.renew()
            if self._feed.heard.is_set():
                self.given_up += 1
                log.warning("events.begun_anew", limit=self.limit)
            return
        self._waiting.update(dict.fromkeys(incidents))
        if self._waiting:
            self._came.set()

    async def run(self) -> None:
        """Read and tell, for ever. While the database is away they wait, and while nobody listens."""
        failing = False
        while True:
            await self._came.wait()
            await self._feed.heard.wait()
            await asyncio.sleep(GATHER_S)
            some = [incident for incident, _ in zip(self._waiting, range(AT_ONCE), strict=False)]
            for incident in some:
                del self._waiting[incident]  # before it is read: what changes meanwhile is read again
            if not self._waiting:
                self._came.clear()
            if some:
                failing = await self._tell(some, failing=failing)

    async def _tell(self, some: Sequence[UUID], *, failing: bool) -> bool:
        try:
            found = await self._reader.now(some)
        except StorageUnavailable as error:
            if not failing:
                log.warning("events.incidents_not_read", why=str(error))
            self.changed(some)
            await asyncio.sleep(PAUSE_S)
            return True
        except Exception:
            # Calls are served without it, and so are all other listeners' events: a defect here must end nothing.
            log.exception("events.incidents_error")
            self._feed.renew()
            await asyncio.sleep(PAUSE_S)
            return False
        for one in found:
            self._feed.tell(Kind.INCIDENT, str(one.summary.id), one)
        return False
