"""The defects of panoramisk 1.4's FastAGI server, F1 to F12: shown by it, absent in ours, with the same peer."""

# ruff: noqa: N802

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.protocol.peers import Heard, channel, until
from tests.protocol.subjects import BareAgi, OurAgi, agi_row

Subject = type[OurAgi | BareAgi]
ROOT = Path(__file__).resolve().parents[2]


class Asks:
    """A conversation that runs commands one after the other and keeps what it heard."""

    def __init__(self, *commands: tuple[str, ...]) -> None:
        self.heard: list[Heard] = []
        self.done = asyncio.Event()
        self._commands = commands

    async def __call__(self, ask) -> None:  # type: ignore[no-untyped-def]
        for command in self._commands:
            self.heard.append(await ask(*command))
        self.done.set()

    async def finish(self) -> list[str]:
        await asyncio.wait_for(self.done.wait(), 5)
        return [heard.kind for heard in self.heard]


NOOP = ("NOOP",)


@agi_row("reads for ever at the end of the stream without yielding")
def test_F1_connect_and_close_does_not_freeze_the_loop(subject: Subject) -> None:
    name = "callrouter" if subject is OurAgi else "panoramisk"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.protocol.frozen_loop", name],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        started = any(line == b"listening\n" for line in process.stdout)
        output, _ = process.communicate(timeout=20 if subject is OurAgi else 3)
    except subprocess.TimeoutExpired:
        output = b""
    finally:
        process.kill()
        process.communicate()
    if not started:
        pytest.fail("the program did not start")
    assert output.splitlines()[-1:] == [b"the loop turns"]


@agi_row("takes the hang-up line for the reply, and each reply for the next command's")
async def test_F2_hangup_line_is_not_taken_for_a_reply(subject: Subject) -> None:
    asks = Asks(("GET VARIABLE", "FIRST"), ("GET VARIABLE", "SECOND"))
    async with subject(asks) as server, channel(server.port) as pbx:
        await pbx.greet()
        await pbx.answer(b"HANGUP\n200 result=1 (first)\n", b"200 result=1 (second)\n")
        assert await asks.finish() == ["gone", "gone"]


@agi_row("decodes the environment strictly, outside its try")
async def test_F3_name_cut_in_the_middle_of_a_character_is_routed(subject: Subject) -> None:
    asks = Asks(NOOP)
    async with subject(asks) as server, channel(server.port) as pbx:
        await pbx.greet({"agi_calleridname": "Владимир".encode()[:-1]})
        assert (await pbx.hear()).startswith("NOOP")
        await pbx.say(b"200 result=0\n")
        assert await asks.finish() == ["reply"]


@agi_row("int('') at the end of the stream")
async def test_F4_end_of_stream_is_the_caller_gone(subject: Subject) -> None:
    asks = Asks(NOOP)
    async with subject(asks) as server, channel(server.port) as pbx:
        await pbx.greet()
        await pbx.hear()
        await pbx.close()
        assert await asks.finish() == ["gone"]


@agi_row("reads one line of the usage text, the rest become replies")
async def test_F5_usage_text_of_many_lines_is_one_refusal(subject: Subject) -> None:
    usage = (
        b"520-Invalid command syntax.  Proper usage follows:\n Usage: GET VARIABLE <variablename>\n\n"
        b"\tReturns 0 if <variablename> is not set.\n200 result=1 (usage)\n\n520 End of proper usage.\n"
    )
    asks = Asks(("GET VARIABLE",), ("GET VARIABLE", "SECOND"))
    async with subject(asks) as server, channel(server.port) as pbx:
        await pbx.greet()
        await pbx.answer(usage, b"200 result=1 (second)\n")
        assert await asks.finish() == ["failed", "reply"]
        assert asks.heard[1].data == "second"


@agi_row("any value that reads hangup is a hang-up")
async def test_F6_a_value_that_reads_hangup_is_only_a_value(subject: Subject) -> None:
    asks = Asks(("GET VARIABLE", "NAME"), NOOP)
    async with subject(asks) as server, channel(server.port) as pbx:
        await pbx.greet()
        await pbx.answer(b"200 result=1 (hangup)\n", b"200 result=0\n")
        assert await asks.finish() == ["reply", "reply"]
        assert asks.heard[0].data == "hangup"


@agi_row("loses the time-out of an empty result")
async def test_F7_timeout_without_digits_is_seen(subject: Subject) -> None:
    asks = Asks(("GET DATA", "menu", "1000", "1"))
    async with subject(asks) as server, channel(server.port) as pbx:
        await pbx.greet()
        await pbx.answer(b"200 result= (timeout)\n")
        assert await asks.finish() == ["reply"]
        assert (asks.heard[0].result, asks.heard[0].data) == ("", "timeout")


@agi_row("511 is an unknown error")
async def test_F8_command_on_a_dead_channel_is_the_caller_gone(subject: Subject) -> None:
    asks = Asks(("GOSUB", "menu", "s", "1"))
    async with subject(asks) as server, channel(server.port) as pbx:
        await pbx.greet()
        await pbx.answer(b"511 Command Not Permitted on a dead channel or intercept routine\n")
        assert await asks.finish() == ["gone"]


@agi_row("sends any text as it is")
async def test_F9_text_with_a_line_feed_is_no_second_command(subject: Subject) -> None:
    asks = Asks(("SET VARIABLE", "X", 'Budi\nEXEC System "reboot"\n'), NOOP)
    async with subject(asks) as server, channel(server.port) as pbx:
        await pbx.greet()
        while line := await pbx.hear():
            await pbx.say(b"200 result=1\n")
            if line == "NOOP":
                break
        await asks.finish()
        assert [line for line in pbx.lines if line.startswith("EXEC")] == []
        assert pbx.lines[-1] == "NOOP"


@agi_row("waits for the environment for ever")
async def test_F10_silent_connection_is_closed(subject: Subject) -> None:
    async with subject(Asks()) as server, channel(server.port) as pbx:
        await pbx.say(b"agi_network: yes\n")
        assert await pbx.last_words(1.5) == b"failure\n"


@agi_row("waits for a reply for ever")
async def test_F10_stalled_reply_fails_in_time(subject: Subject) -> None:
    asks = Asks(NOOP)
    async with subject(asks) as server, channel(server.port) as pbx:
        await pbx.greet()
        await pbx.hear()
        assert await until(asks.done.is_set, 1.5)
        assert [heard.kind for heard in asks.heard] == ["failed"]


@agi_row("swallows cancellation and merely closes, which Asterisk takes for success")
async def test_F11_cancelled_session_ends_as_a_failure(subject: Subject) -> None:
    asks = Asks(NOOP)
    async with subject(asks) as server, channel(server.port) as pbx:
        await pbx.greet()
        await pbx.hear()
        await server.stop()
        assert await pbx.last_words() == b"failure\n"


@agi_row("an error in the handler merely closes, which Asterisk takes for success")
async def test_F11_error_in_the_handler_ends_as_a_failure(subject: Subject) -> None:
    async def broken(_ask: object) -> None:
        raise RuntimeError("a defect")

    async with subject(broken) as server:
        async with channel(server.port) as pbx:
            await pbx.greet()
            assert await pbx.last_words() == b"failure\n"
        assert server.routed == 1


@agi_row("the route is the script with its query")
async def test_F12_query_does_not_change_the_route(subject: Subject) -> None:
    async with subject(Asks()) as server, channel(server.port) as pbx:
        await pbx.greet({"agi_network_script": "incoming?language=id"})
        assert await pbx.last_words() == b""
        assert server.routed == 1
