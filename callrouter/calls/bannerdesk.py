"""Where banners are set: said beforehand, kept, told to callers, and ended at their time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol
from uuid import UUID

import structlog

from callrouter.access.model import Principal
from callrouter.calls.banners import MAX_S, Banner, Banners
from callrouter.clock import now_us
from callrouter.errors import OperatorError
from callrouter.incidents.views import StorageUnavailable

log = structlog.get_logger(__name__)

LOOK_S: Final = 10.0
"""It is looked at no less often than this whether one is over."""
MAX_SHOWN: Final = 100
TEXT_CHARS: Final = 300
"""Characters of a banner's text: some 20 s of speech, so that who writes more is told at once and not after it was
said."""


class BannerRefused(Exception):
    """Nothing was changed."""


class TooManyBanners(BannerRefused):
    """There are MAX_ACTIVE already."""


class NoSuchClip(BannerRefused):
    """The prompts have no such clip in one of the languages."""


class TooLong(BannerRefused):
    """It takes longer than MAX_S. seconds: how long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.1f} s")
        self.seconds = seconds


class NothingSaid(BannerRefused):
    """Nothing of the text can be spoken."""


class BannerStore(Protocol):
    """Keeps banners (callrouter.storage.supervision.BannerRows). Raises StorageUnavailable."""

    async def running(self) -> list[Banner]:
        """Return those that are not over."""

    async def newest(self) -> list[Banner]:
        """Return the newest MAX_SHOWN, over or not."""

    async def get(self, id_: UUID) -> Banner | None:
        """Return it, over or not; None: there is none of this id."""

    async def add(self, new: Banner, by: Principal) -> Banner:
        """Keep it, with a note in the audit. Raises TooManyBanners."""

    async def withdraw(self, id_: UUID, by: Principal) -> Banner | None:
        """End it now, with a note in the audit; None: there is none of this id."""


Say = Callable[[Banner], Awaitable[float]]
"""Makes a banner's clips where they are not there, beside the loop; gives how long (s) the longest is.

Raises NoSuchClip, NothingSaid, OperatorError (there is no voice).
"""
There = Callable[[Banner], Awaitable[bool]]
"""Tells whether a banner's clips are there, beside the loop."""
Told = Callable[[str, Banner | None], None]
"""Told by its id of a banner that runs, or (None) runs no more. Must not block, and not fail."""


class BannerDesk:
    """Sets and ends banners.

    told: of each change
    """

    def __init__(
        self, store: BannerStore, banners: Banners, say: Say, there: There, now_us: Callable[[], int] = now_us
    ) -> None:
        self._store = store
        self._now_us = now_us
        self._banners = banners
        self._say = say
        self._there = there
        self._told: list[Told] = []
        self._shown: set[UUID] = set()
        self._playable: set[UUID] = set()
        self._silent: list[Banner] = []
        """Those that run and cannot be played yet."""
        # The store counts those that run before it adds one; and what was read first must not be shown last.
        self._one_at_a_time = asyncio.Lock()

    def follow(self, told: Told) -> None:
        """Tell this one from now on, of those that run already too."""
        self._told.append(told)
        for one in self._banners.running():
            told(str(one.id), one)

    def running(self) -> tuple[Banner, ...]:
        """Return those that callers are told now."""
        return self._banners.running()

    async def newest(self) -> list[Banner]:
        """Return the newest MAX_SHOWN, over or not. Raises StorageUnavailable."""
        return await self._store.newest()

    async def get(self, id_: UUID) -> Banner | None:
        """Return it, over or not; None: there is none of this id. Raises StorageUnavailable."""
        return await self._store.get(id_)

    async def add(self, new: Banner, by: Principal) -> Banner:
        """Tell callers this, from the moment that this returns.

        Its sound is made before it is kept: what is kept can be played.
        Raises BannerRefused, StorageUnavailable, OperatorError.
        """
        seconds = await self._say(new)
        if seconds > MAX_S:
            raise TooLong(seconds)
        async with self._one_at_a_time:
            made = await self._store.add(new, by)
            self._playable.add(made.id)
            await self._reload()
        return made

    async def withdraw(self, id_: UUID, by: Principal) -> Banner | None:
        """Tell no caller any more; None: there is none of this id. Raises StorageUnavailable."""
        async with self._one_at_a_time:
            ended = await self._store.withdraw(id_, by)
            await self._reload()
        return ended

    async def open(self) -> None:
        """Read those that run; callers are told those whose sound is there. `run` makes that of the others.

        Raises StorageUnavailable.
        """
        found = await self._store.running()
        self._playable = {one.id for one in found if await self._there(one)}
        self._show(found)
        self._shown = {one.id for one in self._banners.running()}

    async def run(self) -> None:
        """End them at their time, for ever, and see what is kept: it may have been set beside us."""
        while True:
            try:
                async with self._one_at_a_time:
                    await self._reload()
                await self._speak()
            except StorageUnavailable as error:
                # Those that are known end by themselves.
                log.warning("banners.not_read", why=str(error))
                self._tell()
            except Exception:
                # No call depends on this: a defect here must not end the service.
                log.exception("banners.failed")
            await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        left = [one.until - self._now_us() for one in self._banners.running()]
        return min([LOOK_S, *(max(0.05, us / 1e6) for us in left)])

    async def _reload(self) -> None:
        found = await self._store.running()
        self._playable &= {one.id for one in found}
        self._show(found)
        self._tell()

    def _show(self, found: Sequence[Banner]) -> None:
        self._banners.replace(one for one in found if one.id in self._playable)
        self._silent = [one for one in found if one.id not in self._playable]

    async def _speak(self) -> None:
        """Make the sound of those that were set beside us, or whose sound was lost with the prompts' folder.

        It takes seconds for each: nobody who adds or withdraws one waits for that.
        """
        for one in self._silent:
            try:
                await self._say(one)
            except (BannerRefused, OperatorError) as error:
                log.error("banner.not_played", banner=str(one.id), why=str(error))
            else:
                async with self._one_at_a_time:
                    self._playable.add(one.id)
                    await self._reload()

    def _tell(self) -> None:
        running = {one.id: one for one in self._banners.running()}
        over, new = self._shown - running.keys(), running.keys() - self._shown
        self._shown = set(running)
        for told in self._told:
            for id_ in sorted(over):
                told(str(id_), None)
            for id_ in sorted(new):
                told(str(id_), running[id_])
