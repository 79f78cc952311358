"""Sends what is in the outbox: a few at once, one to each target, each within its time, until it is delivered."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from callrouter.agencies.notices import Channel, Job, hopeless, retry_after_s
from callrouter.agencies.sending import Figures, NotSent, Outbox, Sender, Settled
from callrouter.clock import now_us
from callrouter.incidents.views import StorageUnavailable

log = structlog.get_logger(__name__)

_US: Final = 1_000_000
MAX_REASON: Final = 200
FORGET_S: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How the outbox goes about it, in seconds.

    workers:  tries at once of one channel; doubtful: how many of them may be for targets whose last try failed
    doubt_s:  the longest time in which nothing is sent to such a target
    try_s:    deadline of a try; lost_s: after this one that was being sent is taken up again, by whoever runs then
    look_s:   how often it is looked what is due
    figures_s: how often it is counted
    """

    workers: int = 8
    doubtful: int = 4
    doubt_s: float = 30.0
    try_s: float = 10.0
    lost_s: float = 20.0
    look_s: float = 1.0
    figures_s: float = 10.0


@dataclass(slots=True)
class _Doubt:
    """A target whose last try failed: nothing is sent to it before `until` (s of the loop's clock)."""

    failures: int
    until: float


@dataclass(slots=True)
class Dispatcher:
    """Runs the outbox. A receiver that hangs or refuses delays nobody but itself.

    paces: of channels that have one of their own
    ready: whether something of a channel may be taken now
    """

    outbox: Outbox
    senders: Mapping[Channel, Sender]
    pace: Pace = field(default_factory=Pace)
    paces: Mapping[Channel, Pace] = field(default_factory=dict)
    ready: Callable[[Channel], bool] = lambda _channel: True
    now_us: Callable[[], int] = now_us
    chance: Callable[[], float] = random.random
    figures: Figures = field(default_factory=Figures)
    delivered: int = 0
    failures: int = 0
    died: int = 0
    escalated: int = 0
    failing: bool = False
    """True: the database cannot be asked."""
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _busy: dict[tuple[Channel, str], asyncio.Task[None]] = field(default_factory=dict)
    _doubts: dict[str, _Doubt] = field(default_factory=dict)

    @property
    def sending(self) -> int:
        """Tries that are under way."""
        return len(self._busy)

    def sending_by(self, channel: Channel) -> int:
        """Tries that are under way of one channel."""
        return sum(at is channel for at, _ in self._busy)

    @property
    def doubted(self) -> int:
        """Targets whose last try failed."""
        return len(self._doubts)

    def pace_of(self, channel: Channel) -> Pace:
        """Return how it goes about a channel."""
        return self.paces.get(channel, self.pace)

    def wake(self) -> None:
        """Something was put into the outbox."""
        self._wake.set()

    async def run(self) -> None:
        """Send and escalate until cancelled."""
        counted = -self.pace.figures_s
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._wake.clear()
                try:
                    self.escalated += await self.outbox.escalate(self.now_us())
                    await self._take()
                    if loop.time() - counted >= self.pace.figures_s:
                        self.figures, counted = await self.outbox.figures(), loop.time()
                    self.failing = False
                except StorageUnavailable as error:
                    if not self.failing:
                        log.warning("notices.storage_away", error=str(error))
                    self.failing = True
                except Exception:  # calls are served by the same process: no defect here may end it
                    log.exception("notices.defect")
                await self._pause()
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def close(self) -> None:
        """Close the senders."""
        for sender in self.senders.values():
            await sender.close()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self.pace.look_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _take(self) -> None:
        # Each channel has workers of its own: a mail server that hangs delays no webhook.
        for channel in filter(self.ready, Channel):
            busy, pace = [target for at, target in self._busy if at is channel], self.pace_of(channel)
            room = pace.workers - len(busy)
            if room > 0:
                now = self.now_us()
                lost_at = now + round(pace.lost_s * _US)
                for job in await self.outbox.claim(channel, now, lost_at, room, self._without(busy)):
                    task = asyncio.create_task(self._try(job), name=f"notice-{job.notice.id}")
                    self._busy[channel, job.notice.target] = task

    def _without(self, busy: Collection[str]) -> set[str]:
        """Targets that nothing is sent to now: the busy ones, and all but a few of those in doubt."""
        room = max(0, self.pace.doubtful - sum(target in self._doubts for target in busy))
        now = asyncio.get_running_loop().time()
        may = [target for target, doubt in self._doubts.items() if target not in busy and doubt.until <= now]
        # Who waits longest comes first.
        may.sort(key=lambda target: self._doubts[target].until)
        return set(busy) | (self._doubts.keys() - may[:room])

    async def _try(self, job: Job) -> None:
        try:
            await self._send(job)
        except StorageUnavailable as error:
            # It is due again once its time is over; its receiver knows it by its id.
            log.warning("notices.not_noted", notice=str(job.notice.id), error=str(error))
        except Exception:  # as above
            log.exception("notices.defect", notice=str(job.notice.id))
        finally:
            del self._busy[job.notice.channel, job.notice.target]
            self._wake.set()

    async def _send(self, job: Job) -> None:
        notice, try_s = job.notice, self.pace_of(job.notice.channel).try_s
        try:
            async with asyncio.timeout(try_s):
                await self._sender(notice.channel).send(job)
        except NotSent as error:
            await self._failed(job, error)
        except Settled as result:
            self.delivered += result.delivered
            self.failures += not result.delivered
            log.info("notices.settled", notice=str(notice.id), agency=notice.agency, result=str(result))
        except StorageUnavailable:
            raise
        except TimeoutError:
            await self._failed(job, NotSent(f"no answer within {try_s:g} s"))
        except Exception as error:  # one notice that cannot be sent keeps no other from being sent
            log.exception("notices.defect", notice=str(notice.id))
            await self._failed(job, NotSent(f"defect: {type(error).__name__}"))
        else:
            self._doubts.pop(notice.target, None)
            self.delivered += 1
            await self.outbox.delivered(notice.id, self.now_us())

    def _sender(self, channel: Channel) -> Sender:
        if channel not in self.senders:
            raise NotSent(f"the centre has not set up {channel}", certain=True)
        return self.senders[channel]

    async def _failed(self, job: Job, error: NotSent) -> None:
        notice, now = job.notice, self.now_us()
        self.failures += 1
        wait_s = retry_after_s(notice.tries, self.chance())
        self._doubt(notice.target)
        dead = error.final or now + round(wait_s * _US) >= notice.give_up_at
        self.died += dead
        log.warning("notices.failed", notice=str(notice.id), agency=notice.agency, why=str(error), dead=dead)
        await self.outbox.failed(
            notice.id,
            notice.tries,
            str(error)[:MAX_REASON],
            None if dead else now + round(wait_s * _US),
            hopeless=dead or hopeless(notice.tries, certain=error.certain),
        )

    def _doubt(self, target: str) -> None:
        now = asyncio.get_running_loop().time()
        for old in [name for name, doubt in self._doubts.items() if doubt.until + FORGET_S < now]:
            del self._doubts[old]  # nothing was sent to it any more
        doubt = self._doubts.setdefault(target, _Doubt(0, 0.0))
        doubt.failures += 1
        doubt.until = now + min(self.pace.doubt_s, retry_after_s(doubt.failures, self.chance()))
