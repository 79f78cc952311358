"""Calls that a killed PBX cut: found after its return, and given the end that nobody could write.

The journal has the opening of each call; its end is written by the PBX when the call leaves it. A PBX that is killed
writes none. So a call without an end that the PBX does not show was cut. The PBX's own list of channels is the truth,
asked for twice with a grace between; the journal is read to its end after each look, for the end of a call is written
before its channel is gone. A real end that comes to light later goes before a cut (storage.known).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

import structlog

from callrouter.calls.live import LiveCall, Stage
from callrouter.calls.ports import Clock
from callrouter.calls.records import Ended
from callrouter.incidents.model import Outcome
from callrouter.incidents.views import StorageUnavailable

log = structlog.get_logger(__name__)

GRACE_S: Final = 5.0
"""Between the two looks."""
EVERY_S: Final = 30.0
"""How often calls without an end are looked for while nothing happened."""
RETRY_S: Final = 2.0
ROUND_S: Final = 60.0
"""A round that takes longer is begun anew."""
AT_ONCE: Final = 500
"""Calls judged in one round."""
SAME_MOMENT_S: Final = 60.0
"""A PBX that started so soon after the link to it was lost is taken to have died when the link was lost."""


class EndKnownBy(StrEnum):
    """How the end of a cut call is known; the time is in each case the latest that it can have been."""

    LINK_LOST = "link_lost"
    """The link to the PBX broke at that time: exact, where the PBX was killed."""
    PBX_STARTED = "pbx_started"
    """The PBX that ran then started anew at that time."""
    NOT_SEEN = "not_seen"
    """The PBX runs since before the call, and did not show it at that time: its end could not be written."""


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call whose end is not stored. Times in µs UTC; `joined`: when a human was last seen to join."""

    call: UUID
    node: str
    opened: int
    joined: int | None = None
    routed: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What the PBX showed.

    asked:  when it was asked, µs UTC
    living: the calls that it has a channel of
    login:  which login to the PBX it was asked by: two looks of different logins may be at two lives of it
    """

    asked: int
    living: frozenset[UUID]
    login: int


class Unseen(Exception):
    """The PBX could not be asked, or not everything that it said was understood: nothing may be judged by that."""


class OpenCalls(Protocol):
    """Knows the calls without an end. Raises StorageUnavailable."""

    async def without_end(self, node: str, opened_before: int, limit: int) -> list[OpenCall]:
        """Return calls of this PBX that were opened before that time (µs UTC) and have no end, oldest first."""

    async def cut(self, ends: Sequence[Ended]) -> None:
        """Store these ends; one that is there already, and real, stays."""


class Reconciler:
    """Finds cut calls: after each login to the PBX, and every EVERY_S.

    look:      asks the PBX for its calls; raises Unseen
    caught_up: returns when everything is stored that is in the journal when it is called
    shown:     the calls on the live board: a call on it is not looked for between logins
    link_lost: when the link to the PBX was last lost, µs UTC; None: not since the start of this service
    grace_s:   see GRACE_S

    For the gauges: `cut`, calls that were found cut since the start; `waiting`, calls without an end that the PBX
    did not show when it was last asked.
    """

    def __init__(
        self,
        node: str,
        store: OpenCalls,
        look: Callable[[], Awaitable[Look]],
        caught_up: Callable[[], Awaitable[None]],
        shown: Callable[[], Iterable[LiveCall]],
        clock: Clock,
        link_lost: Callable[[], int | None],
        grace_s: float = GRACE_S,
    ) -> None:
        self.cut = 0
        self.waiting = 0
        self._node = node
        self._store = store
        self._look = look
        self._caught_up = caught_up
        self._shown = shown
        self._clock = clock
        self._link_lost = link_lost
        self._grace_s = grace_s
        self._wanted = asyncio.Event()
        self._stages: dict[UUID, Stage] = {}
        self._pbx_started: int | None = None
        self._failing = False

    def logged_in(self) -> None:
        """The PBX was logged in to: what became of its calls is to be looked at, at once. Call it before the board is
        set anew: where the calls stood is kept.
        """
        for call in self._shown():
            self._stages.setdefault(call.call, call.stage)
        self._wanted.set()

    def booted(self, uptime_s: float) -> None:
        """The PBX told how long it has been up."""
        self._pbx_started = self._clock.now_us() - int(uptime_s * 1e6)

    async def run(self) -> None:
        """Look for ever. What cannot be known now is asked again; nothing is judged meanwhile."""
        while True:
            asked = await self._until_wanted()
            try:
                async with asyncio.timeout(ROUND_S):
                    more = await self._round(everything=asked)
            except (Unseen, StorageUnavailable, TimeoutError) as error:
                if not self._failing:
                    log.warning("reconcile.waits", why=str(error) or f"not done within {ROUND_S:g} s")
                self._failing = True
                await asyncio.sleep(RETRY_S)
                if asked:
                    self._wanted.set()
            except Exception:
                # Calls are served without this: a defect here must not end the service.
                log.exception("reconcile.error")
                await asyncio.sleep(RETRY_S)
            else:
                self._failing = False
                if more:
                    self._wanted.set()
                elif asked and not self._wanted.is_set():
                    self._stages.clear()

    async def _until_wanted(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EVERY_S):
                await self._wanted.wait()
        asked = self._wanted.is_set()
        self._wanted.clear()
        return asked

    async def _round(self, *, everything: bool) -> bool:
        """Judge the calls that have no end; True where there may be more of them."""
        if not everything and not await self._missing({call.call for call in self._shown()}):
            self.waiting = 0
            return False
        first = await self._look()
        await self._caught_up()
        suspects = await self._missing(first.living, first)
        self.waiting = len(suspects)
        if not suspects:
            return False
        log.warning("reconcile.calls_without_end", calls=len(suspects), node=self._node, grace_s=self._grace_s)
        await asyncio.sleep(self._grace_s)
        second = await self._look()
        if second.login != first.login:
            raise Unseen("the PBX was logged in to anew between two looks at it")
        await self._caught_up()
        gone = {one.call for one in suspects} - second.living
        ends = [
            self._ended(one, first.asked) for one in await self._missing(second.living, first) if one.call in gone
        ]
        await self._store.cut(ends)
        for end in ends:
            log.error("call.cut", call=str(end.call), stage=end.stage, ended_by=end.cause, ended_us=end.at)
        self.cut += len(ends)
        self.waiting = 0
        return len(suspects) >= AT_ONCE and bool(ends)

    async def _missing(self, living: Collection[UUID], look: Look | None = None) -> list[OpenCall]:
        # The board may be about to be told of a young call; the PBX itself shows each that it had when it was asked.
        before = look.asked if look else self._clock.now_us() - int(self._grace_s * 1e6)
        # More than are judged at once: those that live stand in the list too.
        found = await self._store.without_end(self._node, before, AT_ONCE + len(living))
        return [one for one in found if one.call not in living][:AT_ONCE]

    def _ended(self, one: OpenCall, missed_at: int) -> Ended:
        at, known_by = self._end_of(one, missed_at)
        stage = self._stages.get(one.call) or _stage(one)
        return Ended(
            call=one.call,
            at=max(at, one.opened, one.joined or 0),
            node=one.node,
            answered=None,
            chosen=None,
            human=one.joined,
            choice="",
            category="",
            language="",
            stage=str(stage),
            path="",
            version=None,
            route="",
            plan="",
            outcome=Outcome.CUT,
            recording="",
            cause=str(known_by),
            attempts=(),
        )

    def _end_of(self, one: OpenCall, missed_at: int) -> tuple[int, EndKnownBy]:
        started, lost = self._pbx_started, self._link_lost()
        seen = max(one.opened, one.joined or 0)
        if started is None or started < seen:
            return missed_at, EndKnownBy.NOT_SEEN
        if lost is not None and seen <= lost and 0 <= started - lost + 1_000_000 <= SAME_MOMENT_S * 1e6:
            return lost, EndKnownBy.LINK_LOST
        return started, EndKnownBy.PBX_STARTED


def _stage(one: OpenCall) -> Stage:
    """Where the call was, by what is stored of it."""
    if one.joined is not None:
        return Stage.TALKING
    return Stage.PLAN if one.routed else Stage.OPENED
