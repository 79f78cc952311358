"""Gives a SIP stack that can only send from 127.0.0.1 a loopback address of its own.

The PBX tells carriers and agencies apart by the address a request comes from, but baresip finds its own address by
asking the kernel for the route, which for every loopback target is 127.0.0.1. So the datagrams of a dialog's first
request go through here. Nothing of SIP is read or changed: bytes in, the same bytes out. Answers follow the `rport`
of the request (RFC 3581), later requests go straight to the other's Contact, and RTP never comes this way.
"""

import asyncio
import socket
from contextlib import suppress
from typing import Final

Address = tuple[str, int]

LOOPBACK: Final = "127.0.0.1"
_MAX_DOORS: Final = 64
_MAX_BURST: Final = 64


class AddressRelay:
    """One outer socket that the world sees, and for each peer a door that the stack sees as that peer."""

    def __init__(self, host: str, port: int) -> None:
        """Binds the outer socket; port 0 takes a free one. OSError if the address cannot be had."""
        self._loop = asyncio.get_running_loop()
        self._outer = _bound(host, port)
        self._doors: dict[Address, socket.socket] = {}
        self.inside: Address | None = None
        self._loop.add_reader(self._outer, self._from_outside)

    @property
    def address(self) -> Address:
        """Where peers send to."""
        return _name(self._outer)

    def door(self, peer: Address) -> Address:
        """Where the stack must send to in order to reach `peer`."""
        return _name(self._door(peer))

    def close(self) -> None:
        """Gives all sockets back."""
        for sock in [self._outer, *self._doors.values()]:
            self._loop.remove_reader(sock)
            sock.close()
        self._doors.clear()

    def _door(self, peer: Address) -> socket.socket:
        if peer not in self._doors:
            if len(self._doors) >= _MAX_DOORS:
                oldest = self._doors.pop(next(iter(self._doors)))
                self._loop.remove_reader(oldest)
                oldest.close()
            self._doors[peer] = _bound(LOOPBACK, 0)
            self._loop.add_reader(self._doors[peer], self._from_inside, self._doors[peer], peer)
        return self._doors[peer]

    def _from_outside(self) -> None:
        for _ in range(_MAX_BURST):
            try:
                data, peer = self._outer.recvfrom(65535)
            except OSError:
                return
            if self.inside is not None:
                with suppress(OSError):
                    self._door(peer).sendto(data, self.inside)

    def _from_inside(self, door: socket.socket, peer: Address) -> None:
        for _ in range(_MAX_BURST):
            try:
                data = door.recv(65535)
            except OSError:
                return
            with suppress(OSError):
                self._outer.sendto(data, peer)


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _name(sock: socket.socket) -> Address:
    host, port = sock.getsockname()
    return str(host), int(port)
