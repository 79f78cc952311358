"""A machine's clock that is set back holds callers up; here they are set going again.

Asterisk reckons each wait by the time of day (`ast_remaining_ms`): one that was begun before a step back of an hour
lasts an hour longer. What begins after the step is sound, so each that was waiting then needs one push:

- who waits in a queue for his turn, or in a menu for his digit: AMI `ControlPlayback` with ``stop``. That queues a
  control frame, which ends a wait for a digit as a digit would that means nothing, and does nothing to who talks;
- a leg that rings: it is hung up when it has rung for as long as it may, and the plan goes on behind it;
- a queue whose time is over: `QueueWithdrawCaller`, which has it go back to the plan before it rings anew.

All of it comes when the wait would have been over at the latest, so a step that never was does no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from time import monotonic, time
from typing import Final, Protocol

import structlog

from callrouter.asterisk import variables as v
from callrouter.asterisk.ami import AmiAnswer, AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.living import variables_in
from callrouter.calls.live import Stage

log = structlog.get_logger(__name__)

BACK_S: Final = 2.0
"""A smaller step back holds nobody up for longer than this."""
SOON_S: Final = 0.5
"""After the step: when who waits is looked for, and who waits in a queue is pushed."""
AGAIN_S: Final = 2.5
"""After that: once more, for who was just being rung for, and for a PBX that was busy."""
MORE_S: Final = 1.0
"""A wait may last so much longer before it is ended from here."""
LISTENS_S: Final = 10.0
"""A leg that must press 1 listens for so long at the most before its time to press begins."""
MOST_S: Final = 3600.0
ASK_S: Final = 20.0
WITHIN_S: Final = 5.0
TRIES: Final = 30
AT_ONCE: Final = 8
"""Steps that are helped over at the same time; more wait, and are the same callers mostly."""
_UP: Final = "6"
_ROUND: Final = ("CR_N", "CR_TRY", "CR_IN", "CR_LANG", "CR_ROUNDS", "CR_SWITCHED")
"""A caller of whom one of these changed waits for something else now."""
_STEP: Final = "CR_STEP"
_OPENED: Final = "CR_OPENED"
_ASKED: Final = ",".join((v.CALL, v.STAGE, _STEP, *_ROUND))


@dataclass(frozen=True, slots=True)
class Waits:
    """How long each wait of the dialplan may last, seconds; of a plan's step its own time counts."""

    digit_s: float
    after_s: float
    member_ring_s: float
    ring_s: float
    confirm_s: float


@dataclass(frozen=True, slots=True)
class _Channel:
    """call: empty where it is not a caller's; stage, step: of a caller's, as the dialplan has them."""

    name: str
    call: str
    stage: str
    step: tuple[str, ...]
    round: tuple[str, ...]
    linkedid: str
    up: bool

    @property
    def queue(self) -> str:
        """The queue of his step; empty where it is none."""
        if self.stage == Stage.OPERATOR and len(self.step) > 2 and self.step[0] in ("ring", "last"):
            return self.step[1] + (".last" if self.step[0] == "last" else "")
        return ""

    @property
    def time_s(self) -> float | None:
        """The time of his step."""
        return float(self.step[2]) if len(self.step) > 2 and self.step[2].isdecimal() else None

    def waits_still(self, now: _Channel) -> bool:
        """Whether he is where he was; a leg: whether it has not answered."""
        if self.call:
            return (self.call, self.stage, self.step, self.round) == (now.call, now.stage, now.step, now.round)
        return not now.up and not now.call


class Hands(Protocol):
    """What is needed of AmiLink."""

    async def action(
        self, name: str, *, within_s: float = 5.0, listing: str | None = None, **fields: object
    ) -> AmiAnswer:
        """Run an action. Raises AmiUnavailable, AmiRefused."""


class ClockHelp:
    """Helps callers over a step back. `on_step` is told by ClockSteps, `run` does what is to be done.

    endpoints:  tells which endpoints the PBX asks whether they are there
    now, sleep: by a clock that is never set; seconds; wall: the time of day, which the PBX goes by
    """

    def __init__(
        self,
        hands: Hands,
        endpoints: Callable[[], Iterable[str]],
        waits: Waits,
        *,
        now: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        wall: Callable[[], float] = time,
    ) -> None:
        self._hands = hands
        self._endpoints = endpoints
        self._waits = waits
        self._now = now
        self._sleep = sleep
        self._wall = wall
        self._steps: asyncio.Queue[None] = asyncio.Queue(AT_ONCE)
        self._behind_us = 0
        self._asks = asyncio.Event()
        self.ended = 0
        """How many waits were ended from here."""

    @property
    def behind_s(self) -> float:
        """For how long the PBX would not ask telephones by itself, seconds."""
        return self._behind_us / 1_000_000

    def on_step(self, at_us: int, by_us: int, /) -> None:
        """The clock was set forward by so much (less than 0: back), and shows `at_us` now; µs."""
        self._behind_us = max(0, self._behind_us - by_us)
        if by_us > -BACK_S * 1_000_000:
            return
        log.warning("clock.helps", at_us=at_us, behind_s=round(self.behind_s))
        self._asks.set()
        if not self._steps.full():
            self._steps.put_nowait(None)

    async def at_login(self) -> None:
        """Look whether the clock was set back while nobody watched: then a call that is up was opened later than now.

        To be awaited at each login to the PBX. What it does not answer is not known.
        """
        answer = await self._try("Status", listing="StatusComplete", Variables=_OPENED)
        ahead_s = max(map(_opened_s, answer.events if answer else ()), default=0.0) - self._wall()
        if ahead_s > BACK_S and not self._behind_us:
            self.on_step(round(self._wall() * 1_000_000), -round(ahead_s * 1_000_000))

    async def run(self) -> None:
        """Help until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask(), name="clock-ask")
            for _ in range(AT_ONCE):
                tasks.create_task(self._helper(), name="clock-help")

    async def _helper(self) -> None:
        while True:
            await self._steps.get()
            await self.help()

    async def help(self) -> None:
        """Set going who waits: in a queue soon, and each other one when his time is over."""
        due = _Due(self._now)
        for wait_s in (SOON_S, AGAIN_S):
            await self._sleep(wait_s)
            if (found := await self._until_seen()) is None:
                log.error("clock.not_helped", why="the PBX cannot be asked who waits")
                return
            for one in found.values():
                if one.queue:
                    await self._push(one.name)
                due.add(one, self._may_wait_s(one, found))
        for at, waiting in due.in_order():
            await self._sleep(at - self._now())
            await self._end_all(waiting)

    def _may_wait_s(self, one: _Channel, all_: Mapping[str, _Channel]) -> float | None:
        """Return for how long this may go on; None where it waits for nothing that is ended from here."""
        waits = self._waits
        if one.call:
            if one.queue:
                return one.time_s
            time_s: dict[str, float] = {Stage.MENU: waits.digit_s, Stage.AFTER: waits.after_s}
            return time_s.get(one.stage)
        if one.up:
            return None
        caller = next((c for c in all_.values() if c.call and c.linkedid == one.linkedid), None)
        ring_s = waits.ring_s
        if caller is not None:
            ring_s = waits.member_ring_s if caller.queue else caller.time_s or ring_s
        return ring_s + (waits.confirm_s + LISTENS_S if one.name.startswith("Local/") else 0)

    async def _end_all(self, waiting: Sequence[_Channel]) -> None:
        """End the waits of those who wait still; once more where that did not reach the PBX."""
        for _ in range(TRIES):
            if (now := await self._until_seen()) is None:
                break
            still = [one for one in waiting if one.name in now and one.waits_still(now[one.name])]
            waiting = [one for one in still if not await self._end(one)]
            if not waiting:
                return
            await self._sleep(MORE_S)
        log.error("clock.not_ended", channels=[one.name for one in waiting], why="the PBX could not be told")

    async def _end(self, one: _Channel) -> bool:
        """Return whether the PBX was told."""
        if not one.call:
            told = await self._told("Hangup", Channel=one.name, Cause="19")
        else:
            told = not one.queue or await self._told("QueueWithdrawCaller", Queue=one.queue, Caller=one.name)
            told = told and await self._push(one.name)
        if told:
            self.ended += 1
            log.warning("clock.helped", channel=one.name, stage=one.stage or "leg")
        return told

    async def _push(self, channel: str) -> bool:
        return await self._told("ControlPlayback", Channel=channel, Control="stop")

    # ------------------------------------------------------------------ whether telephones are there
    async def _ask(self) -> None:
        """Have the PBX ask them for as long as it would not by itself."""
        while True:
            await self._asks.wait()
            begun = self._now()
            for endpoint in tuple(self._endpoints()):
                await self._try("PJSIPQualify", Endpoint=endpoint)
            await self._sleep(ASK_S)
            self._behind_us -= round((self._now() - begun) * 1_000_000)
            if self._behind_us <= 0:
                self._behind_us = 0
                self._asks.clear()

    # ------------------------------------------------------------------ what the PBX is asked
    async def _until_seen(self) -> dict[str, _Channel] | None:
        for _ in range(TRIES):
            if (found := await self._channels()) is not None:
                return found
            await self._sleep(MORE_S)
        return None

    async def _channels(self) -> dict[str, _Channel] | None:
        """Return what channels there are, by their names; None where the PBX does not tell."""
        answer = await self._try("Status", listing="StatusComplete", Variables=_ASKED)
        if answer is None:
            return None
        return {one.name: one for event in answer.events if (one := _channel(event)).name}

    async def _told(self, name: str, **fields: str) -> bool:
        """Return whether the PBX was reached. That it refuses is an answer: a channel may be gone by now."""
        try:
            await self._hands.action(name, within_s=WITHIN_S, **fields)
        except AmiRefused as error:
            log.info("clock.not_done", action=name, why=str(error))
        except AmiUnavailable as error:
            log.info("clock.not_done", action=name, why=str(error))
            return False
        return True

    async def _try(self, name: str, *, listing: str | None = None, **fields: str) -> AmiAnswer | None:
        """Return None where the PBX did not do it: a channel may be gone by now, and so may the PBX."""
        try:
            return await self._hands.action(name, within_s=WITHIN_S, listing=listing, **fields)
        except (AmiUnavailable, AmiRefused) as error:
            log.info("clock.not_done", action=name, why=str(error))
            return None


def _channel(event: AmiEvent) -> _Channel:
    value = dict.fromkeys(_ASKED.split(","), "") | variables_in(event)
    fields = event.fields
    return _Channel(
        fields.get("Channel", ""),
        value[v.CALL],
        value[v.STAGE],
        tuple(value[_STEP].split(",")),
        tuple(value[name] for name in _ROUND),
        fields.get("Linkedid", ""),
        fields.get("ChannelState", "") == _UP,
    )


def _opened_s(event: AmiEvent) -> float:
    """Return when a channel's call was opened; 0 where it is none. The dialplan says ``<seconds>_<more>``."""
    said = next((text.partition("=")[2] for text in event.all("Variable") if text.startswith(f"{_OPENED}=")), "")
    seconds = said.partition("_")[0]
    return float(seconds) if seconds.isdecimal() else 0.0


class _Due:
    """Who waits, and when his time is over, by this clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: dict[str, _Channel] = {}
        self._waiting: dict[float, list[_Channel]] = {}

    def add(self, one: _Channel, for_s: float | None) -> None:
        """He was seen now and may wait so long. Who was seen so before is known."""
        before = self._known.get(one.name)
        self._known[one.name] = one
        if for_s is None or (before is not None and before.waits_still(one)):
            return
        # In whole seconds, so that those whose time ends together are looked at together.
        at = ceil(self._now() + min(for_s, MOST_S) + MORE_S)
        self._waiting.setdefault(at, []).append(one)

    def in_order(self) -> Iterable[tuple[float, list[_Channel]]]:
        """Return whose time is over first, first."""
        return sorted(self._waiting.items(), key=lambda item: item[0])
