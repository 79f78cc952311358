"""What systemd is told of the service: that it is ready, alive, ending, and in words how it fares (sd_notify(3)).

The protocol is one datagram to the address in NOTIFY_SOCKET. The packages for it are a wrapper of libsystemd, which
has to be compiled, and a module of this size without a release since 2017; so it is written here.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from callrouter.bilingual import Bilingual

log = structlog.get_logger(__name__)

STATUS_S: Final = 5.0
"""How often the words are looked at, where no watchdog asks for more."""
_BEATS: Final = 3
"""Beats within the time that the watchdog waits for one."""


class Supervisor:
    """Tells systemd; without NOTIFY_SOCKET in the environment it does nothing.

    alive:  whether calls get their answer: only then the watchdog is told so, for it is to restart a service whose
            loop turns and that serves nobody
    status: the service in a few words; language: ``id`` or ``en``
    """

    def __init__(
        self,
        alive: Callable[[], bool],
        status: Callable[[], Bilingual],
        language: str,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._alive = alive
        self._status = status
        self._language = language
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._said = ""
        self.watchdog_s = _watchdog_s(environment)
        """After how long without a beat systemd restarts the service; None: it does not."""

    def ready(self) -> None:
        """Calls are served from now on."""
        self._send("READY=1", self._words())

    def stopping(self) -> None:
        """The service ends because it was told to."""
        self._send("STOPPING=1", self._words())

    async def run(self) -> None:
        """Beat for the watchdog and keep the words true, until cancelled."""
        pause = min(STATUS_S, self.watchdog_s / _BEATS) if self.watchdog_s else STATUS_S
        while self._address:
            said, words = self._said, self._words()
            beat = ["WATCHDOG=1"] if self.watchdog_s and self._alive() else []
            self._send(*beat, *([words] if words != said else []))
            await asyncio.sleep(pause)

    def _words(self) -> str:
        self._said = "STATUS=" + self._status().said(self._language).replace("\n", " ")
        return self._said

    def _send(self, *lines: str) -> None:
        if not self._address or not lines:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as out:
                out.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.warning("systemd.not_told", lines=lines, why=str(error))


def _address(text: str) -> str:
    """Return the address of a UNIX socket: a path, or the abstract name that ``@`` stands before; else nothing."""
    return "\0" + text[1:] if text.startswith("@") else text if text.startswith("/") else ""


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    meant_for = environment.get("WATCHDOG_PID", "")
    try:
        if meant_for and int(meant_for) != os.getpid():
            return None
        return int(environment.get("WATCHDOG_USEC", "0")) / 1e6 or None
    except ValueError:
        return None
