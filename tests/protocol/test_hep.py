"""The receiver of the PBX's copies: takes what Asterisk sends, and survives whatever else comes."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.asterisk.hep import MAX_CHUNKS, Address, BadDatagram, Captured, HepReceiver, parse
from callrouter.errors import OperatorError
from callrouter.listening import require_free
from callrouter.settings import Settings

SECRET = b"0123456789abcdef"
AT = 1_795_297_355_095_834


def chunk(kind: int, value: bytes, vendor: int = 0) -> bytes:
    return struct.pack("!HHH", vendor, kind, 6 + len(value)) + value


def given_chunks(message: bytes = b"OPTIONS sip:x SIP/2.0\r\n\r\n", secret: bytes = SECRET) -> dict[int, bytes]:
    """Return the chunks of a datagram in the order in which Asterisk 22 has them, by type."""
    return {
        1: b"\x02",
        2: b"\x11",
        7: struct.pack("!H", 5060),
        8: struct.pack("!H", 50816),
        9: struct.pack("!I", AT // 1_000_000),
        10: struct.pack("!I", AT % 1_000_000),
        11: b"\x01",
        12: b"\0\0\0\0",
        3: socket.inet_aton("127.0.0.1"),
        4: socket.inet_aton("192.0.2.10"),
        14: secret,
        17: b"1-32370@192.0.2.10",
        15: message,
    }


def joined(chunks: dict[int, bytes], *more: bytes) -> bytes:
    body = b"".join(chunk(kind, value) for kind, value in chunks.items()) + b"".join(more)
    return b"HEP3" + struct.pack("!H", 6 + len(body)) + body


def test_what_asterisk_sends_is_read() -> None:
    captured = parse(joined(given_chunks(b"SIP/2.0 488 No\r\n\r\n")), SECRET)
    assert captured == Captured(
        AT, Address("127.0.0.1", 5060), Address("192.0.2.10", 50816), b"SIP/2.0 488 No\r\n\r\n"
    )


def test_ipv6_is_read() -> None:
    chunks = given_chunks() | {
        1: b"\x0a",
        5: socket.inet_pton(socket.AF_INET6, "2001:db8::1"),
        6: socket.inet_pton(socket.AF_INET6, "2001:db8::2"),
    }
    captured = parse(joined(chunks), SECRET)
    assert (captured.source.host, captured.target.host) == ("2001:db8::1", "2001:db8::2")


def test_chunks_of_other_vendors_are_passed_over() -> None:
    assert parse(joined(given_chunks(), chunk(15, b"other", vendor=4)), SECRET).message.startswith(b"OPTIONS")


@pytest.mark.parametrize("kind", [1, 3, 4, 7, 8, 9, 10, 11, 14, 15])
def test_a_datagram_that_lacks_a_chunk_is_refused(kind: int) -> None:
    chunks = given_chunks()
    del chunks[kind]
    with pytest.raises(BadDatagram):
        parse(joined(chunks), SECRET)


@pytest.mark.parametrize(
    "changed",
    [
        {14: b"another secret"},
        {14: b""},
        {1: b"\x03"},
        {1: b""},
        {3: b"\x7f\0\0"},
        {4: b"\x7f\0\0\x01\x01"},
        {7: b"\x13"},
        {9: b"\0" * 8},
        {10: struct.pack("!I", 1_000_000)},
        {11: b"\x05"},
    ],
    ids=str,
)
def test_a_chunk_with_a_wrong_value_is_refused(changed: dict[int, bytes]) -> None:
    with pytest.raises(BadDatagram):
        parse(joined(given_chunks() | changed), SECRET)


def test_a_chunk_that_comes_twice_is_refused() -> None:
    with pytest.raises(BadDatagram):
        parse(joined(given_chunks(), chunk(15, b"INVITE")), SECRET)


def test_more_chunks_than_anybody_sends_are_refused() -> None:
    more = [chunk(100 + n, b"") for n in range(MAX_CHUNKS)]
    with pytest.raises(BadDatagram):
        parse(joined(given_chunks(), *more), SECRET)


@given(st.binary(max_size=400))
def test_garbage_is_refused(datagram: bytes) -> None:
    with pytest.raises(BadDatagram):
        parse(datagram, SECRET)


@given(st.binary(max_size=300))
def test_garbage_after_a_right_beginning_is_refused(body: bytes) -> None:
    with pytest.raises(BadDatagram):
        parse(b"HEP3" + struct.pack("!H", 6 + len(body)) + body, SECRET)


@given(st.data())
def test_a_datagram_that_was_cut_or_changed_is_refused_or_read_but_nothing_else(data: st.DataObject) -> None:
    whole = bytearray(joined(given_chunks()))
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        captured = parse(cut, SECRET)
    except BadDatagram:
        return
    assert len(cut) == len(whole)
    assert 0 <= captured.at < 2**32 * 1_000_000
    assert 0 <= captured.source.port < 65536


@pytest.fixture
def seen() -> list[Captured]:
    return []


@pytest.fixture
async def receiver(seen: list[Captured]) -> AsyncIterator[HepReceiver]:
    made = HepReceiver("127.0.0.1", 0, peers=frozenset({"127.0.0.1"}), secret=SECRET.decode(), see=seen.append)
    await made.start()
    yield made
    made.stop()


def send(receiver: HepReceiver, *datagrams: bytes, source: str = "127.0.0.1") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pbx:
        pbx.bind((source, 0))
        for datagram in datagrams:
            pbx.sendto(datagram, ("127.0.0.1", receiver.port))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def test_the_receiver_counts_garbage_and_goes_on(receiver: HepReceiver, seen: list[Captured]) -> None:
    good = joined(given_chunks())
    send(receiver, b"", b"HEP3", b"\xff" * 1_400, good[:-1], joined(given_chunks(secret=b"guess")), good)
    await until(lambda: bool(seen))
    assert (len(seen), receiver.taken, receiver.malformed, receiver.foreign) == (1, 1, 5, 0)


async def test_the_receiver_takes_nothing_from_another_address(receiver: HepReceiver, seen: list[Captured]) -> None:
    good = joined(given_chunks())
    send(receiver, good, good, source="127.0.0.9")
    send(receiver, good)
    await until(lambda: receiver.taken == 1)
    assert (receiver.foreign, len(seen)) == (2, 1)


async def test_a_port_in_use_is_an_error_of_the_system(receiver: HepReceiver, seen: list[Captured]) -> None:
    other = HepReceiver("127.0.0.1", receiver.port, peers=frozenset(), secret="x", see=seen.append)
    with pytest.raises(OSError, match="in use"):
        await other.start()
    other.stop()


async def test_a_port_in_use_is_named_with_its_setting_before_the_start(receiver: HepReceiver) -> None:
    settings = Settings(hep_port=receiver.port)
    with pytest.raises(OperatorError) as caught:
        require_free(settings, ("hep",))
    assert "CALLROUTER_HEP_PORT" in caught.value.what
    assert "ss -lunp" in caught.value.remedy
    receiver.stop()
    await asyncio.sleep(0)
    require_free(settings, ("hep",))


async def test_a_stopped_receiver_frees_its_port(receiver: HepReceiver, seen: list[Captured]) -> None:
    port = receiver.port
    receiver.stop()
    await asyncio.sleep(0)
    again = HepReceiver("127.0.0.1", port, peers=frozenset({"127.0.0.1"}), secret=SECRET.decode(), see=seen.append)
    await again.start()
    send(again, joined(given_chunks()))
    await until(lambda: bool(seen))
    again.stop()
