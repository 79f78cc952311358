"""The PBX's copies of SIP messages: HEP version 3 over UDP, as Asterisk's res_hep sends it.

A datagram is ``HEP3``, its length (2 bytes), and chunks of vendor, type and length (2 bytes each, the length counts
these six) and a value; all in network byte order. Types: "HEP/EEP Network Protocol Specification", revision 36.

Nobody waits for these datagrams. What is sent while the service is down, or faster than it reads, is lost, and
nothing but the count of refused calls depends on them.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

log = structlog.get_logger(__name__)

MAX_CHUNKS: Final = 40
"""Chunks read of one datagram; Asterisk sends 14."""
BUFFER_BYTES: Final = 1_000_000
"""What the kernel may keep for us while the loop is busy (it allows less where net.core.rmem_max says so)."""
LOG_EVERY: Final = 1_000
GATHER_S: Final = 0.03
"""From the first datagram until it is read, with those that came behind it.

A call has some sixteen: to wake up for each cost the service more than to read it, and took the CPU from the PBX in
the moment in which that sent them. Whoever looks up where a caller is waits longer than this (locations.WAIT_S).
"""
AT_ONCE: Final = 50
"""Datagrams read before the loop has another turn: all of INVITEs would else hold the calls up for 5 ms."""
LONGEST: Final = 65_535

_HEADER: Final = struct.Struct("!4sH")
_CHUNK: Final = struct.Struct("!HHH")
_V4, _V6, _SIP = 2, 10, 1
_FAMILY, _SOURCE_4, _TARGET_4, _SOURCE_6, _TARGET_6, _SOURCE_PORT, _TARGET_PORT = 1, 3, 4, 5, 6, 7, 8
_SECONDS, _MICROSECONDS, _PROTOCOL, _KEY, _PAYLOAD = 9, 10, 11, 14, 15


class BadDatagram(ValueError):
    """What came is no HEP that our PBX sends."""


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address in its canonical spelling, and a UDP port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Captured:
    """A SIP message that the PBX sent or received; `at` in µs since 1970 UTC by the PBX's clock."""

    at: int
    source: Address
    target: Address
    message: bytes


def everything(_message: bytes) -> bool:
    """Every message is wanted."""
    return True


def parse(datagram: bytes, secret: bytes, wanted: Callable[[bytes], bool] = everything) -> Captured | None:
    """Return the SIP message in a datagram; None for one that is not `wanted`.

    Raises BadDatagram for anything else, or where `secret` is not in it.
    """
    chunks = _chunks(datagram)
    try:
        if not hmac.compare_digest(chunks[_KEY], secret):
            raise BadDatagram("the secret is wrong")
        if not wanted(chunks[_PAYLOAD]):
            return None
        if _number(chunks[_PROTOCOL], 1) != _SIP:
            raise BadDatagram("the protocol is not SIP")
        family = _number(chunks[_FAMILY], 1)
        if family == _V4:
            hosts = _host(socket.AF_INET, chunks[_SOURCE_4]), _host(socket.AF_INET, chunks[_TARGET_4])
        elif family == _V6:
            hosts = _host(socket.AF_INET6, chunks[_SOURCE_6]), _host(socket.AF_INET6, chunks[_TARGET_6])
        else:
            raise BadDatagram("the family of addresses is unknown")
        ports = _number(chunks[_SOURCE_PORT], 2), _number(chunks[_TARGET_PORT], 2)
        microseconds = _number(chunks[_MICROSECONDS], 4)
        if microseconds >= 1_000_000:
            raise BadDatagram("the time is none")
        at = _number(chunks[_SECONDS], 4) * 1_000_000 + microseconds
        return Captured(at, Address(hosts[0], ports[0]), Address(hosts[1], ports[1]), chunks[_PAYLOAD])
    except KeyError as missing:
        raise BadDatagram(f"there is no chunk {missing}") from None


def _chunks(datagram: bytes) -> dict[int, bytes]:
    if len(datagram) < _HEADER.size or _HEADER.unpack_from(datagram) != (b"HEP3", len(datagram)):
        raise BadDatagram("it does not begin as HEP3 of this length")
    chunks: dict[int, bytes] = {}
    begin = _HEADER.size
    for _ in range(MAX_CHUNKS):
        if begin == len(datagram):
            return chunks
        if begin + _CHUNK.size > len(datagram):
            break
        vendor, kind, length = _CHUNK.unpack_from(datagram, begin)
        if length < _CHUNK.size or begin + length > len(datagram):
            break
        if vendor == 0:
            if kind in chunks:
                break
            chunks[kind] = datagram[begin + _CHUNK.size : begin + length]
        begin += length
    if begin == len(datagram):
        return chunks
    raise BadDatagram("a chunk is not whole, or twice there, or there are too many")


def _number(value: bytes, size: int) -> int:
    if len(value) != size:
        raise BadDatagram("a number has a wrong length")
    return int.from_bytes(value, "big")


def _host(family: socket.AddressFamily, value: bytes) -> str:
    try:
        return socket.inet_ntop(family, value)
    except ValueError:
        raise BadDatagram("an address has a wrong length") from None


class HepReceiver:
    """Hands the SIP messages that come to `host`:`port` to `see`; whatever is not one of our PBX's is counted only.

    peers:  addresses it takes datagrams from
    secret: what each datagram must carry (capture_password in hep.conf)
    wanted: whether a message is to be handed on; most that the PBX copies are of no use
    For the gauges: `taken`, `foreign` (from another address) and `malformed` are over since the start.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        peers: frozenset[str],
        secret: str,
        see: Callable[[Captured], None],
        wanted: Callable[[bytes], bool] = everything,
    ) -> None:
        self.taken = 0
        self.foreign = 0
        self.malformed = 0
        self._where = (host, port)
        self._peers = peers
        self._secret = secret.encode("ascii")
        self._see = see
        self._wanted = wanted
        self._socket: socket.socket | None = None
        self._due: asyncio.Handle | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._where[1]

    async def start(self) -> None:
        """Listen. Raises OSError where the address cannot be had."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(*self._where, type=socket.SOCK_DGRAM)
        own = socket.socket(found[0][0], socket.SOCK_DGRAM)
        try:
            own.setblocking(False)
            own.bind(found[0][4])
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        except OSError:
            own.close()
            raise
        self._socket = own
        self._where = own.getsockname()[:2]
        loop.add_reader(own, self._something_came, own)

    def stop(self) -> None:
        """Stop listening. May be called at any time."""
        own, self._socket = self._socket, None
        if own is not None:
            if self._due is not None:
                self._due.cancel()
            asyncio.get_running_loop().remove_reader(own)
            own.close()

    def _something_came(self, own: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(own)
        self._due = loop.call_later(GATHER_S, self._read, own)

    def _read(self, own: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            for _ in range(AT_ONCE):
                self.take(*own.recvfrom(LONGEST))
        except BlockingIOError:
            loop.add_reader(own, self._something_came, own)
            return
        except OSError as error:  # the next datagram is read all the same
            log.warning("hep.error", error=str(error))
            self._due = loop.call_later(GATHER_S, self._read, own)
        else:
            self._due = loop.call_soon(self._read, own)

    def take(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Take one datagram. Raises nothing for anything in it."""
        if addr[0] not in self._peers:
            self.foreign += 1
            if self.foreign % LOG_EVERY == 1:
                log.warning("hep.foreign", peer=addr[0], since_start=self.foreign)
            return
        try:
            captured = parse(data, self._secret, self._wanted)
        except BadDatagram as error:
            self.malformed += 1
            if self.malformed % LOG_EVERY == 1:
                log.warning("hep.malformed", peer=addr[0], reason=str(error), since_start=self.malformed)
            return
        self.taken += 1
        if captured is not None:
            try:
                self._see(captured)
            except Exception:  # whatever one message does, the next is read
                log.exception("hep.unseen")
