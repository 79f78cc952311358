"""A session as the life of a call uses it, against a scripted PBX."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from callrouter.asterisk.agi import AgiServer, AgiSession
from callrouter.calls.ports import CallerGone, Line, LineFailed
from tests.protocol.peers import SECRET, FakeChannel, channel, until

REPLY_S = 1.0

Work = Callable[[AgiSession], Awaitable[object]]


class Outcome:
    """What a handler's work came to."""

    def __init__(self) -> None:
        self.value: object = None
        self.error: BaseException | None = None
        self.session: AgiSession | None = None
        self.done = asyncio.Event()

    async def wait(self) -> object:
        await asyncio.wait_for(self.done.wait(), 5)
        if self.error is not None:
            raise self.error
        return self.value


@contextlib.asynccontextmanager
async def session(
    work: Work, *, args: tuple[str, ...] = (SECRET, "call", "")
) -> AsyncIterator[tuple[FakeChannel, Outcome]]:
    outcome = Outcome()

    async def handler(line: AgiSession) -> None:
        outcome.session = line
        try:
            outcome.value = await work(line)
        except BaseException as error:
            outcome.error = error
            raise
        finally:
            outcome.done.set()

    server = AgiServer(
        "127.0.0.1",
        0,
        secret=SECRET,
        peers=frozenset({"127.0.0.1"}),
        max_sessions=5,
        handler=handler,
        reply_s=REPLY_S,
    )
    await server.start()
    try:
        async with channel(server.port) as pbx:
            await pbx.greet(args=args)
            yield pbx, outcome
    finally:
        await server.stop(0)


def as_line(line: Line) -> Line:
    """Hold the session to the port's types."""
    return line


async def test_session_is_a_line_and_knows_its_environment() -> None:
    async def work(line: AgiSession) -> object:
        as_line(line)
        return line.env["agi_channel"], line.args, line.gone

    async with session(work) as (pbx, outcome):
        assert await outcome.wait() == ("PJSIP/carrier-00000001", ("call", ""), False)
        assert await pbx.last_words() == b""


async def test_variables_are_set_in_order_one_confirmed_before_the_next() -> None:
    async def work(line: AgiSession) -> None:
        await line.set_variables({"CR_A": 'say "hi" \\', "CR_B": "", "CHANNEL(language)": "id"})

    async with session(work) as (pbx, outcome):
        assert await pbx.hear() == r'SET VARIABLE "CR_A" "say \"hi\" \\"'
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pbx.reader.readline(), 0.05)
        await pbx.say(b"200 result=1\n")
        await pbx.answer(b"200 result=1\n", b"200 result=1\n")
        await outcome.wait()
        assert pbx.lines[1:] == ['SET VARIABLE "CR_B" ""', 'SET VARIABLE "CHANNEL(language)" "id"']


@pytest.mark.parametrize(
    ("reply", "end"),
    [(b"510 Invalid or unknown command\n", LineFailed), (b"511 dead channel\n", CallerGone), (b"", LineFailed)],
)
async def test_no_variable_is_set_behind_one_that_failed(reply: bytes, end: type[Exception]) -> None:
    async def work(line: AgiSession) -> None:
        await line.set_variables({"CR_A": "1", "CR_B": "2", "CR_READY": "yes"})

    async with session(work) as (pbx, outcome):
        await pbx.answer(b"200 result=1\n")
        await pbx.hear()
        await pbx.say(reply)
        with pytest.raises(end):
            await outcome.wait()
        assert pbx.lines == ['SET VARIABLE "CR_A" "1"', 'SET VARIABLE "CR_B" "2"']


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        (b"200 result=1 (4)\n", "4"),
        (b"200 result=1 (hangup)\n", "hangup"),
        (b"200 result=1 (HANGUP)\n", "HANGUP"),
        (b"200 result=1 (a) (b))\n", "a) (b)"),
        (b"200 result=1 (-1)\n", "-1"),
        (b"200 result=1 ()\n", ""),
        (b"200 result=0\n", ""),
        (b"200 result=1 (a\nHANGUP\nb)\n", "a\nHANGUP\nb"),
        ("200 result=1 (Владимир)\n".encode()[:-3] + b")\n", "Владими\ufffd"),
    ],
)
async def test_value_of_a_variable_is_only_text(reply: bytes, value: str) -> None:
    async with session(lambda line: line.get_variable("CR_CHOICE")) as (pbx, outcome):
        await pbx.answer(reply)
        assert await outcome.wait() == value
        assert outcome.session is not None
        assert not outcome.session.failed


async def test_gosub_takes_as_long_as_it_may() -> None:
    async with session(lambda line: line.gosub("callrouter-menu", within_s=5)) as (pbx, outcome):
        assert await pbx.hear() == 'GOSUB "callrouter-menu" "s" "1"'
        await pbx.say(b"100 result=0 Trying...\n")
        await asyncio.sleep(REPLY_S + 0.2)
        await pbx.say(b"200 result=0 Gosub complete\n")
        assert await outcome.wait() is None


@pytest.mark.parametrize(
    "reply",
    [
        b"200 result=-1 Gosub label not found\n",
        b"100 result=0 Trying...\n200 result=0 Gosub complete (abnormal exit)\n",
    ],
)
async def test_gosub_that_ends_badly_fails_the_line(reply: bytes) -> None:
    async with session(lambda line: line.gosub("callrouter-menu", within_s=5)) as (pbx, outcome):
        await pbx.answer(reply)
        with pytest.raises(LineFailed):
            await outcome.wait()
        assert await pbx.last_words() == b"failure\n"


async def test_hangup_in_the_menu_is_the_caller_gone() -> None:
    async with session(lambda line: line.gosub("callrouter-menu", within_s=5)) as (pbx, outcome):
        await pbx.hear()
        await pbx.say(b"100 result=0 Trying...\n200 result=0 Gosub complete (abnormal exit)\n")
        await pbx.say(b"HANGUP\n")
        with pytest.raises(CallerGone):
            await outcome.wait()
        assert await pbx.last_words() == b""


async def test_stalled_gosub_fails_at_its_deadline_and_ends_as_a_failure() -> None:
    async with session(lambda line: line.gosub("callrouter-menu", within_s=0.1)) as (pbx, outcome):
        await pbx.answer(b"100 result=0 Trying...\n")
        with pytest.raises(LineFailed, match=r"within 0\.1 s"):
            await outcome.wait()
        assert await pbx.last_words() == b"failure\n"


async def test_stalled_command_fails_within_reply_s() -> None:
    async with session(lambda line: line.get_variable("X")) as (pbx, outcome):
        await pbx.hear()
        with pytest.raises(LineFailed, match="within 1 s"):
            await outcome.wait()


async def test_hangup_without_a_reply_does_not_wait_for_a_long_deadline() -> None:
    async with session(lambda line: line.gosub("callrouter-menu", within_s=60)) as (pbx, outcome):
        await pbx.hear()
        await pbx.say(b"HANGUP\n")
        with pytest.raises(CallerGone):
            await outcome.wait()


async def test_no_command_is_possible_after_a_timeout() -> None:
    async def work(line: AgiSession) -> None:
        with contextlib.suppress(LineFailed):
            await line.get_variable("SLOW")
        await line.get_variable("NEXT")

    async with session(work) as (pbx, outcome):
        await pbx.hear()
        with pytest.raises(LineFailed):
            await outcome.wait()
        assert await pbx.last_words() == b"failure\n"


async def test_session_goes_on_after_a_refusal_and_still_ends_as_a_failure() -> None:
    async def work(line: AgiSession) -> str:
        for name in ("BAD", "SHELL(x;y)"):
            with pytest.raises(LineFailed):
                await line.get_variable(name)
        with pytest.raises(LineFailed):
            await line.set_variables({"X": "a\r\nb"})
        return await line.get_variable("GOOD")

    async with session(work) as (pbx, outcome):
        await pbx.answer(b"510 Invalid or unknown command\n", b"200 result=1 (yes)\n")
        assert await outcome.wait() == "yes"
        assert len(pbx.lines) == 2
        assert await pbx.last_words() == b"failure\n"


async def test_idle_session_knows_at_once_that_the_caller_is_gone() -> None:
    async def work(line: AgiSession) -> bool:
        return await until(lambda: line.gone, 2)

    async with session(work) as (pbx, outcome):
        await pbx.say(b"HANGUP\n")
        assert await outcome.wait() is True


async def test_hangup_right_behind_the_environment_is_seen() -> None:
    async def work(line: AgiSession) -> None:
        await until(lambda: line.gone, 2)
        await line.get_variable("X")

    async with session(work) as (pbx, outcome):
        await pbx.say(b"HANGUP\nHANGUP\n")
        with pytest.raises(CallerGone):
            await outcome.wait()
        assert pbx.lines == []


@pytest.mark.parametrize("stray", [b"what is this\n", b"x" * 70_000])
async def test_garbage_instead_of_a_reply_fails_at_once(stray: bytes) -> None:
    async with session(lambda line: line.gosub("callrouter-menu", within_s=60)) as (pbx, outcome):
        await pbx.hear()
        await pbx.say(stray)
        with pytest.raises(LineFailed):
            await outcome.wait()


async def test_reply_that_nobody_asked_for_ends_the_trust() -> None:
    async def work(line: AgiSession) -> None:
        await line.get_variable("A")
        await until(lambda: bool(line._broken), 2)
        await line.get_variable("B")

    async with session(work) as (pbx, outcome):
        await pbx.answer(b"200 result=1 (a)\n200 result=1 (b)\n")
        with pytest.raises(LineFailed, match="nobody asked"):
            await outcome.wait()


async def test_two_tasks_at_once_take_turns() -> None:
    async def work(line: AgiSession) -> list[str]:
        return list(await asyncio.gather(*(line.get_variable(name) for name in "AB")))

    async with session(work) as (pbx, outcome):
        await pbx.answer(b"200 result=1 (a)\n", b"200 result=1 (b)\n")
        assert await outcome.wait() == ["a", "b"]


async def test_command_given_up_by_its_task_leaves_no_reply_for_the_next() -> None:
    async def work(line: AgiSession) -> str:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await line.get_variable("A")
        return await line.get_variable("B")

    async with session(work) as (pbx, outcome):
        await pbx.hear()
        with pytest.raises(LineFailed, match="given up"):
            await outcome.wait()


async def test_pbx_that_stops_reading_does_not_hold_the_session() -> None:
    async def work(line: AgiSession) -> None:
        while True:
            line._writer.write(b"x" * 65536)
            await line.command("NOOP")

    async with session(work) as (pbx, outcome):
        pbx.writer.transport.pause_reading()  # type: ignore[attr-defined]
        with pytest.raises(LineFailed):
            await outcome.wait()
