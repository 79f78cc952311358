"""Operators' duty, told to the feed when it changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from callrouter.duty.service import DutyView
from callrouter.stream.feed import Feed, Kind

log = structlog.get_logger(__name__)

GATHER_S: Final = 0.2
"""To look at everybody's duty costs milliseconds where there are hundreds: not for each change of a busy minute."""
LOOK_S: Final = 30.0
"""It is looked at no less often than this: rosters change with the clock."""


class DutyNews:
    """Compares who is on duty with what was told.

    overview: the duty of every enabled operator (callrouter.duty.service.Duty.overview)
    """

    def __init__(self, feed: Feed, overview: Callable[[], Sequence[DutyView]]) -> None:
        self._feed = feed
        self._overview = overview
        self._told: set[str] = set()
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Somebody's duty may be another. Returns at once."""
        self._changed.set()

    def look(self) -> None:
        """Tell what is new."""
        there = {view.operator: view for view in self._overview()}
        for key in self._told - there.keys():
            self._feed.tell(Kind.OPERATOR, key, None)
        for key, view in there.items():
            self._feed.tell(Kind.OPERATOR, key, view)
        self._told = set(there)

    async def run(self) -> None:
        """Look whenever something changed, for ever."""
        while True:
            self._changed.clear()
            try:
                self.look()
            except Exception:
                # Nobody's telephone rings by this: a defect here must not end the service.
                log.exception("events.duty_error")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._changed.wait()
            await asyncio.sleep(GATHER_S)
