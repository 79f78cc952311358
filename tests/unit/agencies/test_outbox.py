"""The outbox at work: at least once, and one receiver that hangs or refuses delays nobody else."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from callrouter.agencies.notices import Channel, Job, NoticeState
from callrouter.agencies.outbox import Dispatcher, Pace
from callrouter.agencies.sending import NotSent, Settled
from callrouter.agencies.webhook import WebhookSender
from callrouter.clock import now_us
from callrouter.incidents.views import StorageUnavailable
from tests.unit.agencies.given_notices import SECRET, MemoryOutbox, given_job, receiver

QUICK = Pace(look_s=0.01, try_s=5.0, lost_s=10.0, doubt_s=0.02)
DELIVERED, QUEUED, DEAD, SENDING = (
    NoticeState.DELIVERED,
    NoticeState.QUEUED,
    NoticeState.DEAD,
    NoticeState.SENDING,
)


@dataclass
class Script:
    """A sender that does what is said of a target: an error, or waiting for ever (None); else it delivers."""

    says: dict[str, NotSent | Settled | StorageUnavailable | None] = field(default_factory=dict)
    sent: list[Job] = field(default_factory=list)
    at_once: int = 0
    most: int = 0
    closed: bool = False

    async def send(self, job: Job) -> None:
        self.sent.append(job)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            if job.notice.target in self.says:
                error = self.says[job.notice.target]
                if error is None:
                    await asyncio.Event().wait()
                else:
                    raise error
            await asyncio.sleep(0)
        finally:
            self.at_once -= 1

    async def close(self) -> None:
        self.closed = True

    def tries(self, target: str) -> int:
        return sum(job.notice.target == target for job in self.sent)


def fresh(target: str, **changes: Any) -> Job:
    now = now_us()
    return given_job(target, **{"created_at": now, "next_at": now, "give_up_at": now + 3_600_000_000} | changes)


@asynccontextmanager
async def running(dispatcher: Dispatcher) -> AsyncIterator[Dispatcher]:
    task = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await dispatcher.close()


def dispatcher(outbox: MemoryOutbox, script: Script, pace: Pace = QUICK) -> Dispatcher:
    return Dispatcher(outbox, {Channel.WEBHOOK: script, Channel.EMAIL: script}, pace, chance=lambda: 0.0)


def state(outbox: MemoryOutbox, *jobs: Job) -> Sequence[NoticeState]:
    return [outbox.notice(job).state for job in jobs]


async def test_what_is_put_in_goes_out() -> None:
    outbox, script = MemoryOutbox(), Script()
    jobs = [fresh(f"t{n}") for n in range(30)]
    outbox.put(*jobs)
    async with running(dispatcher(outbox, script)) as works:
        await outbox.until(lambda: set(state(outbox, *jobs)) == {DELIVERED})
    assert (works.delivered, works.sending, script.closed) == (30, 0, True)
    assert script.most <= QUICK.workers


async def test_waking_it_sends_before_the_next_look() -> None:
    outbox, script = MemoryOutbox(), Script()
    async with running(dispatcher(outbox, script, Pace(look_s=3_600))) as works:
        job = fresh("t")
        await asyncio.sleep(0)
        outbox.put(job)
        works.wake()
        await outbox.until(lambda: state(outbox, job) == [DELIVERED])


async def test_a_receiver_that_hangs_delays_nobody_else() -> None:
    outbox = MemoryOutbox()
    script = Script({"hangs": None})
    stuck, others = [fresh("hangs") for _ in range(20)], [fresh(f"t{n}") for n in range(40)]
    outbox.put(*stuck, *others)
    async with running(dispatcher(outbox, script, Pace(look_s=0.01, try_s=3_600))):
        await outbox.until(lambda: set(state(outbox, *others)) == {DELIVERED})
        assert script.tries("hangs") == 1


async def test_many_receivers_that_hang_leave_workers_for_the_others() -> None:
    outbox = MemoryOutbox()
    script = Script({f"hangs{n}": None for n in range(30)})
    stuck = [fresh(f"hangs{n}") for n in range(30)]
    outbox.put(*stuck)
    pace = Pace(look_s=0.01, try_s=0.05, doubt_s=0.01)
    async with running(dispatcher(outbox, script, pace)) as works:
        await outbox.until(lambda: all(outbox.notice(job).tries >= 1 for job in stuck))
        await outbox.until(lambda: all(outbox.notice(job).last_error for job in stuck))
        object.__setattr__(pace, "try_s", 3_600)
        for job in stuck:
            outbox.put(Job(fresh(job.notice.target).notice, job.told))
        await outbox.until(lambda: works.sending >= pace.doubtful - 1)
        others = [fresh(f"t{n}") for n in range(20)]
        outbox.put(*others)
        await outbox.until(lambda: set(state(outbox, *others)) == {DELIVERED})
        assert works.doubted == 30


async def test_a_mail_server_that_hangs_delays_no_webhook() -> None:
    outbox = MemoryOutbox()
    script = Script({f"a{n}@x": None for n in range(20)})
    mails = [fresh(f"a{n}@x", channel=Channel.EMAIL) for n in range(20)]
    others = [fresh(f"t{n}") for n in range(20)]
    outbox.put(*mails, *others)
    async with running(dispatcher(outbox, script, Pace(look_s=0.01, try_s=3_600))):
        await outbox.until(lambda: set(state(outbox, *others)) == {DELIVERED})


async def test_a_try_ends_at_its_deadline_and_is_repeated() -> None:
    outbox, script = MemoryOutbox(), Script({"t": None})
    job = fresh("t")
    outbox.put(job)
    async with running(dispatcher(outbox, script, Pace(look_s=0.01, try_s=0.05))):
        await outbox.until(lambda: outbox.notice(job).last_error == "no answer within 0.05 s")
    assert outbox.notice(job).state is QUEUED
    assert outbox.notice(job).next_at > now_us()


async def test_what_fails_until_its_time_is_over_is_dead_and_the_next_contact_is_told() -> None:
    outbox, script = MemoryOutbox(), Script({"t": NotSent("it answered 500")})
    job = fresh("t", give_up_at=now_us() + 1_000_000)
    outbox.put(job)
    async with running(dispatcher(outbox, script)) as works:
        await outbox.until(lambda: state(outbox, job) == [DEAD])
    assert (works.died, outbox.notice(job).last_error, outbox.notice(job).due_at) == (1, "it answered 500", 0)


async def test_a_receiver_that_wants_no_more_is_dead_at_once() -> None:
    outbox, script = MemoryOutbox(), Script({"t": NotSent("410", final=True)})
    job = fresh("t")
    outbox.put(job)
    async with running(dispatcher(outbox, script)):
        await outbox.until(lambda: state(outbox, job) == [DEAD])
    assert outbox.notice(job).tries == 1


async def test_a_channel_that_the_centre_has_not_set_up_is_told_and_the_next_contact_too() -> None:
    outbox = MemoryOutbox()
    job = fresh("a@x", channel=Channel.EMAIL)
    outbox.put(job)
    async with running(Dispatcher(outbox, {}, QUICK)):
        await outbox.until(lambda: outbox.notice(job).last_error == "the centre has not set up email")
    assert outbox.notice(job).due_at == 0


async def test_a_defect_in_sending_one_keeps_no_other_from_being_sent() -> None:
    class Broken(Script):
        async def send(self, job: Job) -> None:
            if job.notice.target == "bad":
                raise KeyError(job.notice.target)
            await super().send(job)

    outbox = MemoryOutbox()
    bad, good = fresh("bad"), fresh("good")
    outbox.put(bad, good)
    async with running(dispatcher(outbox, Broken())):
        await outbox.until(lambda: state(outbox, bad, good) == [QUEUED, DELIVERED])
    assert outbox.notice(bad).last_error == "defect: KeyError"


async def test_it_goes_on_when_the_database_is_back() -> None:
    outbox, script = MemoryOutbox(away=StorageUnavailable("away")), Script()
    job = fresh("t")
    outbox.put(job)
    async with running(dispatcher(outbox, script)) as works:
        while not works.failing:
            await asyncio.sleep(0.005)
        assert script.sent == []
        outbox.away = None
        await outbox.until(lambda: state(outbox, job) == [DELIVERED])
    assert not works.failing


async def test_a_defect_of_the_outbox_ends_nothing() -> None:
    outbox, script = MemoryOutbox(away=KeyError("a defect")), Script()
    job = fresh("t")
    outbox.put(job)
    async with running(dispatcher(outbox, script)):
        for _ in range(20):
            await asyncio.sleep(0)
        outbox.away = None
        await outbox.until(lambda: state(outbox, job) == [DELIVERED])


async def test_what_was_sent_but_could_not_be_noted_is_sent_again_under_its_id() -> None:
    outbox = MemoryOutbox()

    class Falls(Script):
        async def send(self, job: Job) -> None:
            await super().send(job)
            outbox.away = StorageUnavailable("away") if len(self.sent) == 1 else None

    script = Falls()
    job = fresh("t")
    outbox.put(job)
    clock = itertools.count(now_us(), 1_000_000)  # a second at each look: lost ones are soon due again
    works = Dispatcher(outbox, {Channel.WEBHOOK: script}, QUICK, now_us=lambda: next(clock))
    async with running(works):
        while not works.failing:
            await asyncio.sleep(0.005)
        assert state(outbox, job) == [SENDING]
        outbox.away = None
        await outbox.until(lambda: state(outbox, job) == [DELIVERED])
    assert [one.notice.id for one in script.sent] == [job.notice.id] * 2


async def test_ending_it_ends_the_tries_under_way() -> None:
    outbox, script = MemoryOutbox(), Script({"t": None})
    outbox.put(fresh("t"))
    async with running(dispatcher(outbox, script, Pace(look_s=0.01, try_s=3_600))) as works:
        while not works.sending:
            await asyncio.sleep(0.005)
    assert (works.sending, script.at_once) == (0, 0)


async def test_real_receivers_one_of_which_hangs_one_answers_garbage_and_one_500() -> None:
    async def hangs(_writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def secret_of(_agency: str, _contact: str) -> str:
        return SECRET

    outbox = MemoryOutbox()
    sender = WebhookSender(("127.0.0.0/8",), secret_of)
    async with (
        receiver(hangs) as hanging,
        receiver(b"\0\1\2garbage\r\n\r\n") as garbage,
        receiver(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n") as refusing,
        receiver() as good,
    ):
        bad = [fresh(one.url) for one in (hanging, garbage, refusing) for _ in range(5)]
        right = [fresh(f"{good.url}/{n}") for n in range(20)]
        outbox.put(*bad, *right)
        async with running(Dispatcher(outbox, {Channel.WEBHOOK: sender}, Pace(look_s=0.01, try_s=30))):
            await outbox.until(lambda: set(state(outbox, *right)) == {DELIVERED})
            assert DELIVERED not in state(outbox, *bad)
    assert len(good.requests) == 20


# ------------------------------------------------------------------------------------------------ channels apart
async def test_a_channel_that_has_its_own_pace_goes_by_it_and_by_no_other() -> None:
    outbox, script = MemoryOutbox(), Script({f"t{n}": None for n in range(9)})
    own = Pace(workers=2, try_s=3_600, lost_s=7_200)
    works = Dispatcher(
        outbox,
        {Channel.WEBHOOK: script, Channel.PHONE: script},
        Pace(look_s=0.01, try_s=0.05, workers=4),
        paces={Channel.PHONE: own},
    )
    hooks, calls = [fresh(f"t{n}") for n in range(4)], [fresh(f"t{n}", channel=Channel.PHONE) for n in range(4, 9)]
    outbox.put(*hooks, *calls)
    begun = now_us()
    async with running(works):
        await outbox.until(lambda: works.failures == 4 and works.sending_by(Channel.PHONE) == 2)
        rung = [outbox.notice(job) for job in calls if outbox.notice(job).state is SENDING]
        assert len(rung) == 2
        assert all(one.next_at >= begun + 7_200_000_000 for one in rung)


async def test_nothing_of_a_channel_is_taken_before_it_is_ready() -> None:
    outbox, script, ready = MemoryOutbox(), Script(), asyncio.Event()
    works = Dispatcher(
        outbox,
        {Channel.WEBHOOK: script, Channel.PHONE: script},
        QUICK,
        ready=lambda channel: channel is not Channel.PHONE or ready.is_set(),
    )
    hook, call = fresh("a"), fresh("b", channel=Channel.PHONE)
    outbox.put(call, hook)
    async with running(works):
        await outbox.until(lambda: state(outbox, hook) == [DELIVERED])
        assert state(outbox, call) == [QUEUED]
        ready.set()
        works.wake()
        await outbox.until(lambda: state(outbox, call) == [DELIVERED])


async def test_what_a_sender_has_settled_is_settled_by_nobody_else() -> None:
    outbox = MemoryOutbox()
    script = Script({"a": Settled("accepted", delivered=True), "b": Settled("busy", delivered=False)})
    works = dispatcher(outbox, script)
    jobs = [fresh("a"), fresh("b")]
    outbox.put(*jobs)
    async with running(works):
        async with asyncio.timeout(30):
            while len(script.sent) < len(jobs) or works.sending:
                await asyncio.sleep(0.01)
    assert state(outbox, *jobs) == [SENDING, SENDING]
    assert (works.delivered, works.failures, works.doubted) == (1, 1, 0)


async def test_notice_that_could_not_be_noted_is_no_failure_of_its_receiver_and_is_due_again() -> None:
    outbox, job = MemoryOutbox(), fresh("a")
    script = Script({"a": StorageUnavailable("away")})
    outbox.put(job)
    pace = Pace(look_s=0.01, try_s=5.0, lost_s=0.05, doubt_s=0.02)
    async with running(dispatcher(outbox, script, pace)) as one:
        async with asyncio.timeout(20):
            while script.tries("a") < 2:
                await asyncio.sleep(0.01)
        assert (one.failures, one.doubted, outbox.notice(job).last_error) == (0, 0, "")
        script.says.clear()
        await outbox.until(lambda: outbox.notice(job).state is DELIVERED)
