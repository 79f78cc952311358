"""Closes by itself what was abandoned, and what nobody spoke in, once nothing has happened to it for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from callrouter.clock import now_us
from callrouter.incidents.desk import QuietIncidents
from callrouter.incidents.views import StorageUnavailable

log = structlog.get_logger(__name__)

EVERY_S: Final = 60.0
AT_ONCE: Final = 25
"""Incidents in one transaction: calls are served on the same loop, and notes of calls wait for the same writer."""
PAUSE_S: Final = 0.2
"""Between one transaction and the next, so that a backlog of thousands leaves room for the notes of calls."""
_HOUR_US: Final = 3_600_000_000


class QuietCloser:
    """Looks every EVERY_S for incidents to close (callrouter.incidents.dispositions.closes_itself).

    after_h: hours without any change; 0: never
    closed:  how many it closed since the start
    """

    def __init__(
        self,
        incidents: QuietIncidents,
        after_h: int,
        now_us: Callable[[], int] = now_us,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.closed = 0
        self._incidents = incidents
        self._after_us = after_h * _HOUR_US
        self._now_us = now_us
        self._sleep = sleep

    async def run(self) -> None:
        """Close them until cancelled. What the database could not do now is done at the next look."""
        while True:
            if self._after_us:
                await self._look()
            await self._sleep(EVERY_S)

    async def _look(self) -> None:
        before = self._now_us() - self._after_us
        try:
            while closed := await self._incidents.close_quiet(before, AT_ONCE):
                self.closed += closed
                log.info("incidents.closed_themselves", closed=closed)
                await self._sleep(PAUSE_S)
        except StorageUnavailable as error:
            log.warning("incidents.not_closed", reason=str(error))
