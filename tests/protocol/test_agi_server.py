"""The AGI port under strangers, floods and shutdown, while good sessions go on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from callrouter.asterisk import agi
from callrouter.asterisk.agi import AgiServer, AgiSession
from callrouter.calls.ports import CallerGone, LineFailed
from tests.protocol.peers import SECRET, FakeChannel, channel, environment, until

GOOD = "127.0.0.2"


async def talk(line: AgiSession) -> None:
    """Ask for variables until the PBX says stop."""
    while await line.get_variable("MORE") != "stop":
        pass


@contextlib.asynccontextmanager
async def serving(
    handler: agi.Handler = talk, *, max_sessions: int = 5, handshake_s: float = 5.0
) -> AsyncIterator[AgiServer]:
    server = AgiServer(
        "127.0.0.1",
        0,
        secret=SECRET,
        peers=frozenset({"127.0.0.1", GOOD}),
        max_sessions=max_sessions,
        handler=handler,
        handshake_s=handshake_s,
        reply_s=5.0,
    )
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)


async def exchange(pbx: FakeChannel, value: bytes = b"more") -> float:
    """Answer one question of `talk`; return how long the next one took to come, in seconds."""
    await pbx.say(b"200 result=1 (" + value + b")\n")
    begun = asyncio.get_running_loop().time()
    if value != b"stop":
        assert await pbx.hear() == 'GET VARIABLE "MORE"'
    return asyncio.get_running_loop().time() - begun


@contextlib.asynccontextmanager
async def talking(server: AgiServer) -> AsyncIterator[FakeChannel]:
    async with channel(server.port, local=GOOD) as pbx:
        await pbx.greet()
        assert await pbx.hear() == 'GET VARIABLE "MORE"'
        yield pbx
        await exchange(pbx)
        await exchange(pbx, b"stop")
        assert await pbx.last_words() == b""


async def test_wrong_secret_ends_as_a_failure() -> None:
    async with serving() as server:
        for args in (("wrong",), (), ("", SECRET), (SECRET + "x",), ("wröng",)):
            async with channel(server.port) as pbx:
                await pbx.greet(args=args)
                assert await pbx.last_words() == b"failure\n"
        assert server.counters.refused_secret == 5
        assert server.counters.accepted == 0


async def test_secret_is_never_logged_nor_handed_on() -> None:
    seen: list[AgiSession] = []

    async def handler(line: AgiSession) -> None:
        seen.append(line)
        raise RuntimeError("a defect")

    with capture_logs() as logs:
        async with serving(handler) as server, channel(server.port) as pbx:
            await pbx.greet(args=(SECRET, "call"))
            await pbx.last_words()
    assert SECRET not in str(logs)
    assert SECRET not in str(seen[0].env) + str(seen[0].args)


async def test_wrong_peer_is_closed_unheard() -> None:
    async with serving() as server:
        async with channel(server.port, local="127.0.0.3") as pbx:
            await pbx.greet()
            assert await pbx.last_words() == b""
        assert await until(lambda: server.counters.refused_peer == 1)
        assert server.counters.bad_handshake == server.counters.accepted == 0
        async with talking(server):
            pass


async def test_wrong_route_ends_as_a_failure() -> None:
    async with serving() as server, channel(server.port) as pbx:
        await pbx.greet({"agi_network_script": "other"})
        assert await pbx.last_words() == b"failure\n"
        assert server.counters.refused_route == 1


async def test_one_session_more_than_allowed_ends_as_a_failure_and_the_next_after_an_end_is_served() -> None:
    async with serving(max_sessions=2) as server:
        async with talking(server), talking(server):
            assert server.counters.open == 2
            async with channel(server.port) as pbx:
                await pbx.greet()
                assert await pbx.last_words() == b"failure\n"
        async with talking(server):
            pass
        assert (server.counters.accepted, server.counters.refused_full) == (3, 1)
        assert await until(lambda: server.counters.open == 0)


async def test_thousand_connect_and_close_do_not_harm_a_session() -> None:
    async with serving() as server, talking(server) as pbx:
        for _ in range(10):
            writers = [(await asyncio.open_connection("127.0.0.1", server.port))[1] for _ in range(100)]
            for writer in writers:
                writer.close()
            assert await exchange(pbx) < 5
        assert await until(lambda: server.counters.bad_handshake == 1000)
        async with talking(server):
            pass


async def test_silent_connections_do_not_harm_sessions_and_are_closed_in_time() -> None:
    async with serving(handshake_s=0.5) as server, talking(server) as pbx, contextlib.AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(channel(server.port)) for _ in range(200)]
        assert await exchange(pbx) < 5
        async with talking(server):
            pass
        assert {await one.last_words() for one in silent} == {b"failure\n"}
        assert server.counters.bad_handshake == 200


async def test_more_silent_connections_than_places_only_end_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agi, "MAX_HANDSHAKES", 10)
    async with serving(handshake_s=30) as server, contextlib.AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(channel(server.port)) for _ in range(30)]
        async with talking(server):
            assert len(server._greeting) <= 10
        assert await silent[0].last_words() == b""
        assert await silent[-1].last_words(0.05) is None


@pytest.mark.parametrize("garbage", [b"\x00\xff" * 512, b"agi_x: " + b"y" * 1017, b"agi_x: y\n" * 113 + b"agi_xx\n"])
async def test_megabyte_of_garbage_does_not_harm_a_session(garbage: bytes) -> None:
    async with serving() as server, talking(server) as pbx:
        async with channel(server.port) as other:
            for _ in range(1024):
                await other.say(garbage)
            assert await exchange(pbx) < 5
            assert await other.last_words() in {b"failure\n", b""}
        assert server.counters.bad_handshake == 1
        async with talking(server):
            pass


async def test_environment_that_drips_is_cut_at_the_deadline() -> None:
    async with serving(handshake_s=0.3) as server, channel(server.port) as pbx:
        begun = asyncio.get_running_loop().time()
        for byte in environment():
            await pbx.say(bytes([byte]))
            await asyncio.sleep(0.005)
            if asyncio.get_running_loop().time() - begun > 0.5:
                break
        assert await pbx.last_words() == b"failure\n"
        assert server.counters.accepted == 0


async def test_environment_in_pieces_is_taken() -> None:
    async with serving() as server, channel(server.port) as pbx:
        for byte in environment():
            await pbx.say(bytes([byte]))
        assert await pbx.hear() == 'GET VARIABLE "MORE"'


@pytest.mark.parametrize(
    ("error", "cause", "words"),
    [
        (None, "done", b""),
        (CallerGone(), "caller_gone", b""),
        (LineFailed("refused"), "line_failed", b"failure\n"),
        (RuntimeError("a defect"), "error", b"failure\n"),
        (asyncio.CancelledError(), "cancelled", b"failure\n"),
    ],
)
async def test_every_end_has_a_named_cause(error: BaseException | None, cause: str, words: bytes) -> None:
    async def handler(_line: AgiSession) -> None:
        if error is not None:
            raise error

    with capture_logs() as logs:
        async with serving(handler) as server:
            for _ in range(2):
                async with channel(server.port) as pbx:
                    await pbx.greet()
                    assert await pbx.last_words() == words
            assert await until(lambda: server.counters.open == 0)
    assert [entry["cause"] for entry in logs if entry["event"] == "agi.session_ended"] == [cause, cause]


async def test_stop_lets_sessions_finish_within_its_grace() -> None:
    async with serving() as server, channel(server.port) as pbx:
        await pbx.greet()
        await pbx.hear()
        stopping = asyncio.ensure_future(server.stop(60))
        await asyncio.sleep(0)
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection("127.0.0.1", server.port)
        await exchange(pbx, b"stop")
        assert await pbx.last_words() == b""
        await asyncio.wait_for(stopping, 30)


async def test_stop_cuts_what_outlives_its_grace_and_leaves_nothing() -> None:
    cancelled = asyncio.Event()

    async def handler(line: AgiSession) -> None:
        try:
            await talk(line)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    before = asyncio.all_tasks()
    async with serving(handler) as server, channel(server.port) as pbx, channel(server.port) as greeting:
        await pbx.greet()
        await pbx.hear()
        await greeting.say(b"agi_network: yes\n")
        await asyncio.wait_for(server.stop(0.1), 20)
        assert cancelled.is_set()
        assert await pbx.last_words() == b"failure\n"
        assert await greeting.last_words() == b"failure\n"
        assert server.counters.open == 0
    assert await until(lambda: asyncio.all_tasks() <= before)


async def test_handler_that_refuses_to_end_does_not_hold_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agi, "STOP_S", 0.2)
    release = asyncio.Event()

    async def handler(_line: AgiSession) -> None:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()

    async with serving(handler) as server, channel(server.port) as pbx:
        await pbx.greet()
        assert await until(lambda: server.counters.open == 1)
        await asyncio.wait_for(server.stop(0), 20)
        release.set()
        assert await until(lambda: server.counters.open == 0)


async def test_floods_are_logged_once_a_second() -> None:
    with capture_logs() as logs:
        async with serving() as server:
            for _ in range(50):
                async with channel(server.port, local="127.0.0.3"):
                    pass
            assert await until(lambda: server.counters.refused_peer == 50)
    assert 1 <= len([entry for entry in logs if entry["event"] == "agi.refused_peer"]) <= 3


def test_server_without_a_secret_is_not_made() -> None:
    with pytest.raises(ValueError, match="secret"):
        AgiServer("127.0.0.1", 0, secret="", peers=frozenset(), max_sessions=1, handler=talk)


async def test_port_in_use_is_an_error() -> None:
    async with serving() as server:
        other = AgiServer("127.0.0.1", server.port, secret=SECRET, peers=frozenset(), max_sessions=1, handler=talk)
        with pytest.raises(OSError, match="in use"):
            await other.start()
