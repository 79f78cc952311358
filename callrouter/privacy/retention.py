"""Personal data whose time is over are blanked, a little at a time, each hour."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from callrouter.incidents.views import StorageUnavailable

log = structlog.get_logger(__name__)

EVERY_S: Final = 3_600.0
BETWEEN_S: Final = 0.2
"""Between two transactions: those of calls go before."""
RETRY_S: Final = 60.0
_DAY_US: Final = 86_400_000_000


class Expiring(Protocol):
    """Blanks or removes some of what is older than a time (µs UTC); returns how many, 0 at the end.

    Raises StorageUnavailable.
    """

    async def expire(self, before: int) -> int:
        """Calls and incidents."""

    async def expire_refused(self, before: int) -> int:
        """Calls that the PBX refused, and lines of the journal that were set aside."""

    async def expire_access(self, before: int) -> int:
        """Who saw what."""


@dataclass(frozen=True, slots=True)
class Days:
    """How long each is kept (days)."""

    personal: int
    refused: int
    access_log: int


class Retention:
    """`expired` is how many rows were blanked or removed since the start."""

    def __init__(self, data: Expiring, days: Days, now_us: Callable[[], int]) -> None:
        self._data = data
        self._days = days
        self._now_us = now_us
        self.expired = 0

    async def run(self) -> None:
        """Do it each hour, for ever."""
        while True:
            pause = EVERY_S
            try:
                await self.once()
            except StorageUnavailable as error:
                log.warning("retention.waits", reason=str(error))
                pause = RETRY_S
            await asyncio.sleep(pause)

    async def once(self) -> int:
        """Blank all that is over its time; return how many rows. Raises StorageUnavailable."""
        before = self.expired
        for what, expire, days in (
            ("personal", self._data.expire, self._days.personal),
            ("refused", self._data.expire_refused, self._days.refused),
            ("access_log", self._data.expire_access, self._days.access_log),
        ):
            await self._all(what, expire, self._now_us() - days * _DAY_US)
        return self.expired - before

    async def _all(self, what: str, expire: Callable[[int], Awaitable[int]], before: int) -> None:
        over = 0
        while some := await expire(before):
            over += some
            self.expired += some
            await asyncio.sleep(BETWEEN_S)
        if over:
            log.info("retention.expired", what=what, rows=over)
