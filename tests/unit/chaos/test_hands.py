"""The hands of the harness: a link that hangs or is cut, an observer, callers and agencies without ears."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio

from chaos.light import Crowd, LightCall
from chaos.link import Flow, Link
from chaos.observer import Observer
from chaos.peer import Mode, Peer
from demo.addresses import free_port

HOST, CALLERS = "127.0.0.1", "127.0.0.2"


@pytest_asyncio.fixture
async def echo() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, Link]]:
    """Both ends of a connection through a link to a server that sends back what it gets."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                while data := await reader.read(1000):
                    writer.write(data)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, HOST, 0)
    link = Link((HOST, server.sockets[0].getsockname()[1]))
    reader, writer = await asyncio.open_connection(HOST, await link.start())
    yield reader, writer, link
    writer.transport.abort()
    await link.close()
    server.close()
    await server.wait_closed()


Echo = tuple[asyncio.StreamReader, asyncio.StreamWriter, Link]


async def test_a_link_that_hangs_passes_all_that_waited_when_it_flows_again(echo: Echo) -> None:
    reader, writer, link = echo
    writer.write(b"one")
    assert await asyncio.wait_for(reader.readexactly(3), 30) == b"one"
    link.flow = Flow.STALLED
    writer.write(b"two")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(3), 0.3)
    link.flow = Flow.FREE
    assert await asyncio.wait_for(reader.readexactly(3), 30) == b"two"


async def test_a_link_that_is_cut_ends_what_is_open_and_refuses_what_comes(echo: Echo) -> None:
    reader, writer, link = echo
    writer.write(b"one")
    await asyncio.wait_for(reader.readexactly(3), 30)
    link.flow = Flow.CUT
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), 30)


async def test_a_slow_link_loses_nothing(echo: Echo) -> None:
    reader, writer, link = echo
    link.flow = Flow.SLOW
    writer.write(bytes(range(250)))
    assert await asyncio.wait_for(reader.readexactly(250), 30) == bytes(range(250))


def event(name: str, **fields: str) -> bytes:
    lines = [f"Event: {name}", *(f"{key}: {value}" for key, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode()


async def test_the_observer_tells_the_stages_of_each_number_and_connects_again() -> None:
    number = base64.b64encode(b".0811").decode()
    opened = {"Linkedid": "1.0", "Uniqueid": "1.0", "UserEvent": "CRStage", "Call": "c1", "Number": number}
    told = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"Asterisk Call Manager/11.0.0\r\nResponse: Success\r\n\r\n")
        if not told.is_set():
            writer.write(event("UserEvent", **opened, Stage="opened"))
            told.set()
            writer.close()
            await writer.wait_closed()
            return
        writer.write(event("DialBegin", Linkedid="1.0", DestChannel="PJSIP/trunk-damkar-1"))
        writer.write(event("HangupRequest", Linkedid="1.0", Uniqueid="1.7"))
        writer.write(event("UserEvent", Linkedid="1.0", UserEvent="CRHuman", Call="c1", By="trunk-damkar"))
        try:
            with suppress(OSError):
                await reader.read()
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, HOST, 0)
    observer = Observer(HOST, server.sockets[0].getsockname()[1], "hands", "x")
    await observer.start()
    try:
        human = await observer.until("0811", lambda seen: seen.what == "human", 5)
        assert (human.detail, human.call) == ("trunk-damkar", "c1")
        assert [seen.what for seen in observer.of("0811")] == ["opened", "dials", "human"]
        with pytest.raises(TimeoutError, match="opened, dials"):
            await observer.until("0811", lambda seen: seen.what == "leaves", 0.05)
    finally:
        await observer.close()
        server.close()


async def rung(mode: Mode, stay_s: float = 0.2) -> LightCall:
    port = free_port()
    async with Peer(HOST, port) as peer, Crowd(CALLERS, port, (HOST, port), seed=1) as crowd:
        peer.mode = mode
        call = crowd.ring("0811", "1", 0.05, stay_s)
        await crowd.until_all_ended(20)
        return call


async def test_a_light_caller_rings_presses_stays_and_hangs_up() -> None:
    call = await rung(Mode.ANSWER)
    assert (call.status, call.ended, call.bye_answered.is_set(), call.over.is_set()) == (200, True, True, False)
    assert call.media is not None


async def test_an_agency_that_drops_ends_the_call_itself() -> None:
    call = await rung(Mode.DROPS, stay_s=5)
    assert (call.status, call.over.is_set(), call.bye_answered.is_set()) == (200, True, False)


@pytest.mark.parametrize(("mode", "status"), [(Mode.BUSY, 486), (Mode.UNAVAILABLE, 503)])
async def test_an_agency_refuses(mode: Mode, status: int) -> None:
    call = await rung(mode)
    assert (call.status, call.ended) == (status, True)


async def test_an_agency_keeps_silent() -> None:
    port = free_port()
    async with Peer(HOST, port) as peer, Crowd(CALLERS, port, (HOST, port), seed=1) as crowd:
        peer.mode = Mode.SILENT
        call = crowd.ring("0811", "1", 0.05, 0.1)
        await crowd.until_all_ended(0.8)  # its INVITE was sent again by then
        assert (call.status, call.ended) == (0, False)


async def test_what_an_agency_does_now_it_does_with_the_calls_that_ring_already() -> None:
    port = free_port()
    async with Peer(HOST, port) as peer, Crowd(CALLERS, port, (HOST, port), seed=1) as crowd:
        call = crowd.ring("0811", "1", 0.05, 0.1)
        async with asyncio.timeout(30):
            while not peer.rings_for("0811"):
                await asyncio.sleep(0.01)
        assert not peer.rings_for("0812")
        peer.mode = Mode.BUSY
        await crowd.until_all_ended(5)
        assert call.status == 486
