"""When the first telephone rang for each call: heard from the board, kept apart from the PBX's own records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol
from uuid import UUID

import structlog

from callrouter.calls.live import LiveCall, Stage
from callrouter.incidents.views import StorageUnavailable

log = structlog.get_logger(__name__)

WAITING: Final = 10_000
"""Rings that wait to be stored, and calls whose ring is known."""
GATHER_S: Final = 1.0
PAUSE_S: Final = 2.0


class RingStore(Protocol):
    """Keeps rings."""

    async def rang(self, rings: Sequence[tuple[UUID, int]]) -> None:
        """Keep when calls rang (µs UTC); of one that is kept already nothing changes. Raises StorageUnavailable."""


class Rings:
    """Follows the board (callrouter.calls.board.Follower). It never waits, and never fails the board."""

    def __init__(self, store: RingStore, now_us: Callable[[], int]) -> None:
        self._store = store
        self._now_us = now_us
        self._heard: set[UUID] = set()
        self._waiting: dict[UUID, int] = {}
        self._came = asyncio.Event()
        self.lost = 0
        """Rings that were not kept: too many waited."""

    def __len__(self) -> int:
        """Return how many wait to be stored."""
        return len(self._waiting)

    def moved(self, live: LiveCall) -> None:
        """A call is new, or something of it is another."""
        if not live.with_whom or live.stage is Stage.TALKING or live.call in self._heard:
            return
        if len(self._heard) >= WAITING or len(self._waiting) >= WAITING:
            self.lost += 1
            return
        self._heard.add(live.call)
        self._waiting[live.call] = self._now_us()
        self._came.set()

    def gone(self, call: UUID) -> None:
        """A call has left the PBX."""
        self._heard.discard(call)

    async def save(self) -> None:
        """Store what waits. Raises StorageUnavailable."""
        some = dict(list(self._waiting.items())[:500])
        if some:
            await self._store.rang(list(some.items()))
            for call in some:
                self._waiting.pop(call, None)

    async def run(self) -> None:
        """Store rings as they come, until cancelled."""
        while True:
            await self._came.wait()
            await asyncio.sleep(GATHER_S)
            try:
                await self.save()
            except StorageUnavailable as error:
                log.warning("rings.wait", why=str(error))
                await asyncio.sleep(PAUSE_S)
                continue
            except Exception:
                # No call depends on this: a defect here must not end the service.
                log.exception("rings.failed")
                await asyncio.sleep(PAUSE_S)
                continue
            if not self._waiting:
                self._came.clear()
