"""Addresses and ports on loopback for one centre, such that several run side by side on one machine."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import tempfile
from itertools import islice
from pathlib import Path
from typing import IO, Final

SIP_PORT: Final = 5060
HEP_PORT: Final = 9060
RTP_PORTS: Final = 600
_FIRST_RTP: Final = 16_000
OURS: Final = range(10_000, _FIRST_RTP)
"""Below those of RTP, and below those that Linux gives out (ip_local_port_range, 32,768 and up)."""
_NETS: Final = 60


class Addresses:
    """A /24 of 127.0.0.0/8 that nobody else of ours holds, and a range of RTP ports; given back by `close`.

    The hold is a lock on a file, so it ends with the process at the latest.
    """

    def __init__(self) -> None:
        folder = Path(tempfile.gettempdir()) / f"callrouter-nets-{os.getuid()}"
        folder.mkdir(exist_ok=True, mode=0o700)
        for n in range(_NETS):
            lock = (folder / f"{n}").open("w")
            # Whoever was ended without notice may have left a service behind: its ports are not free.
            if _locked(lock) and all(_free(f"127.112.{n + 1}.1", port) for port in (SIP_PORT, HEP_PORT)):
                self._lock = lock
                self._net = n + 1
                break
            lock.close()
        else:
            raise OSError(f"all {_NETS} loopback networks of the demo are taken: end what still runs")
        self.rtp_from = _FIRST_RTP + (self._net - 1) * RTP_PORTS
        self.rtp_to = self.rtp_from + RTP_PORTS - 1

    def host(self, last: int) -> str:
        """Return the address with that last part, 1 to 254."""
        return f"127.112.{self._net}.{last}"

    def close(self) -> None:
        """Give the network back."""
        self._lock.close()


def free_ports(number: int, host: str = "127.0.0.1") -> list[int]:
    """Return ports that are free at this moment for TCP and UDP, each another.

    They are none of those that the system gives out by itself: others would be given them before they are used.
    Raises OSError where there are not as many.
    """
    asked = secrets.SystemRandom().sample(OURS, len(OURS))
    kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
    found = list(islice((port for port in asked if all(_free(host, port, kind) for kind in kinds)), number))
    if len(found) < number:
        raise OSError(f"of the ports {OURS.start} to {OURS.stop - 1} of {host} not {number} are free")
    return found


def free_port(host: str = "127.0.0.1") -> int:
    """Return one port that is free at this moment."""
    (port,) = free_ports(1, host)
    return port


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _free(host: str, port: int, kind: socket.SocketKind = socket.SOCK_DGRAM) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
