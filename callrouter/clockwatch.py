"""Intervals across a moment at which the clock was set are of no use: each such step is stored, and tells them so."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from callrouter.clocksteps import Step
from callrouter.incidents.clocks import ClockStep
from callrouter.incidents.views import StorageUnavailable

log = structlog.get_logger(__name__)

AGAIN_S: Final = 1.0
WAITING: Final = 1_000
"""Steps that wait to be stored; a clock that is set more often than that while the database is away tells nothing."""


class ClockWatch:
    """Stores the steps that callrouter.clocksteps sees. store: keeps one, or raises StorageUnavailable."""

    def __init__(self, node: str, store: Callable[[ClockStep], Awaitable[None]]) -> None:
        self._node = node
        self._store = store
        self._waiting: deque[ClockStep] = deque(maxlen=WAITING)
        self._came = asyncio.Event()

    def __len__(self) -> int:
        """Return how many are not stored yet."""
        return len(self._waiting)

    def on_step(self, step: Step, /) -> None:
        """The clock was set. See callrouter.clocksteps.OnStep."""
        self._waiting.append(ClockStep(self._node, step.before, step.after, step.by))
        self._came.set()

    async def save(self) -> None:
        """Store what waits; what cannot be stored waits on."""
        while self._waiting:
            step = self._waiting[0]
            try:
                await self._store(step)
            except StorageUnavailable:
                return
            if self._waiting and self._waiting[0] is step:
                self._waiting.popleft()

    async def run(self) -> None:
        """Store them as they come, until cancelled."""
        while True:
            await self._came.wait()
            try:
                await self.save()
            except Exception:
                # No call depends on this: a defect here must not end the service.
                log.exception("clock.step_not_stored")
            if self._waiting:
                await asyncio.sleep(AGAIN_S)
            else:
                self._came.clear()
