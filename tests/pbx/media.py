"""Sound of many calls at once: RTP (RFC 3550) in which each packet tells whose it is and which one it is.

A-law goes through a bridge byte for byte, so who gets a packet knows who sent it and what was lost before it. Each
end begins to send when it first gets something: the PBX speaks first to both sides of a call. Arrivals are told by
the kernel (SO_TIMESTAMPNS), so that a delay of this process is not taken for one of the PBX's.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import Final, NamedTuple, Self

FRAME_S: Final = 0.020
_FRAME: Final = 160
_HEADER: Final = struct.Struct("!BBHII")
_OURS: Final = struct.Struct("!4sHI")
_MARK: Final = b"\x2a\xd5cr"
_QUIET: Final = b"\xd5"
"""A-law silence."""
_ALAW: Final = 8
_TIMESTAMPNS: Final = getattr(socket, "SO_TIMESTAMPNS", 35)  # linux/socket.h
_SPEC: Final = struct.Struct("@qq")
_BUFFER: Final = 262_144


class Packet(NamedTuple):
    """One that came: when (s, as time.time()), whose, its number."""

    at: float
    sender: int
    number: int


@dataclass
class End:
    """One end of a call."""

    name: int
    sock: socket.socket
    peer: tuple[str, int] | None = None
    sent: int = 0
    came: list[Packet] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where its RTP goes to."""
        return int(self.sock.getsockname()[1])


@dataclass(frozen=True)
class Heard:
    """What one end heard between two moments: from whom, the longest time without a packet (s), packets lost."""

    senders: frozenset[int]
    gap_s: float
    packets: int
    lost: int


class Bank:
    """`ends` for each host, in a thread of its own, from entering the context until leaving it."""

    def __init__(self, hosts: Sequence[str], ends: int) -> None:
        self.ends = [[End(n * ends + m, _socket(host)) for m in range(ends)] for n, host in enumerate(hosts)]
        self._all = [end for some in self.ends for end in some]
        self._over = threading.Event()
        self._late: list[tuple[float, float]] = []
        self._thread = threading.Thread(target=self._run, name="rtp", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._over.set()
        self._thread.join()
        for end in self._all:
            end.sock.close()

    def heard(self, since: float, until: float) -> list[list[Heard]]:
        """Return what each end heard from `since` to `until` (s, as time.time())."""
        return [[_heard(end.came.copy(), since, until) for end in some] for some in self.ends]

    def stalled_s(self, since: float, until: float) -> float:
        """Return the longest time that this side itself, whom a busy machine makes wait, let pass between packets."""
        return max((late for at, late in self._late.copy() if since <= at <= until), default=0.0)

    def _run(self) -> None:
        with selectors.DefaultSelector() as ready:
            for end in self._all:
                ready.register(end.sock, selectors.EVENT_READ, end)
            due = time.monotonic()
            while not self._over.is_set():
                for key, _ in ready.select(max(0.0, due - time.monotonic())):
                    _take(key.data)
                late = time.monotonic() - due
                if late >= 0:
                    self._late.append((time.time(), late))
                    due += FRAME_S
                    for end in self._all:
                        _send(end)


def _socket(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    sock.bind((host, 0))
    return sock


def _take(end: End) -> None:
    with suppress(BlockingIOError, ConnectionError):
        while True:
            data, extra, _, peer = end.sock.recvmsg(2048, 256)
            end.peer = peer
            ours = data[_HEADER.size : _HEADER.size + _OURS.size]
            if len(ours) < _OURS.size or not ours.startswith(_MARK):
                continue
            _, sender, number = _OURS.unpack(ours)
            seconds, nanoseconds = _SPEC.unpack(extra[0][2])
            end.came.append(Packet(seconds + nanoseconds / 1e9, sender, number))


def _send(end: End) -> None:
    if end.peer is None:
        return
    payload = _OURS.pack(_MARK, end.name, end.sent)
    header = _HEADER.pack(0x80, _ALAW, end.sent & 0xFFFF, end.sent * _FRAME, end.name)
    with suppress(OSError):
        end.sock.sendto(header + payload + _QUIET * (_FRAME - len(payload)), end.peer)
    end.sent += 1


def _heard(came: list[Packet], since: float, until: float) -> Heard:
    within = [packet for packet in came if since <= packet.at <= until]
    moments = [since, *(packet.at for packet in within), until]
    numbers = {packet.number for packet in within}
    lost = max(numbers) - min(numbers) + 1 - len(numbers) if numbers else 0
    gap = max(later - earlier for earlier, later in pairwise(moments))
    return Heard(frozenset(packet.sender for packet in within), gap, len(within), lost)
