"""What systemd is told, on a real socket of its kind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from callrouter.bilingual import Bilingual
from callrouter.notify import Supervisor


class Systemd:
    """The other side."""

    def __init__(self, address: str) -> None:
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)

    def listen(self) -> list[str]:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.heard += self._socket.recv(4096).decode().split("\n")
        return self.heard

    async def until(self, line: str, times: int = 1) -> None:
        async with asyncio.timeout(30):
            while self.listen().count(line) < times:
                await asyncio.sleep(0.01)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def address(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def systemd(address: str) -> Iterator[Systemd]:
    other = Systemd(address)
    yield other
    other.close()


class Part:
    """The service that is told of."""

    alive = True
    words = Bilingual("Melayani", "Serving")


def supervisor(part: Part, environment: dict[str, str]) -> Supervisor:
    return Supervisor(lambda: part.alive, lambda: part.words, "id", environment)


@contextlib.asynccontextmanager
async def running(told: Supervisor) -> AsyncIterator[None]:
    task = asyncio.create_task(told.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_ready_and_stopping_are_told_with_words_in_the_centres_language(systemd: Systemd, address: str) -> None:
    told = supervisor(Part(), {"NOTIFY_SOCKET": address})
    told.ready()
    told.stopping()
    assert systemd.listen() == ["READY=1", "STATUS=Melayani", "STOPPING=1", "STATUS=Melayani"]


async def test_watchdog_hears_beats_only_while_callers_are_served(systemd: Systemd, address: str) -> None:
    part = Part()
    told = supervisor(part, {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000", "WATCHDOG_PID": str(os.getpid())})
    assert told.watchdog_s == pytest.approx(0.06)
    async with running(told):
        await systemd.until("WATCHDOG=1", 3)
        part.alive, part.words = False, Bilingual("Tidak menjawab", "No answer")
        await systemd.until("STATUS=Tidak menjawab")
        beats = systemd.listen().count("WATCHDOG=1")
        await asyncio.sleep(0.2)  # ten beats, if there were any
        assert systemd.listen().count("WATCHDOG=1") == beats
        part.alive = True
        await systemd.until("WATCHDOG=1", beats + 1)
    assert systemd.heard.count("STATUS=Tidak menjawab") == 1, "words are told when they change"


@pytest.mark.parametrize(
    "environment",
    [
        {"WATCHDOG_USEC": "60000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "60000", "WATCHDOG_PID": "me"},
        {"WATCHDOG_USEC": "0"},
        {},
    ],
)
def test_watchdog_that_is_not_meant_for_us_gets_no_beats(environment: dict[str, str]) -> None:
    assert supervisor(Part(), environment).watchdog_s is None


async def test_abstract_address_is_understood() -> None:
    name = f"callrouter-test-{os.getpid()}"
    systemd = Systemd("\0" + name)
    with contextlib.closing(systemd):
        supervisor(Part(), {"NOTIFY_SOCKET": "@" + name}).ready()
        assert systemd.listen()[0] == "READY=1"


async def test_without_systemd_nothing_is_told_and_run_returns() -> None:
    told = supervisor(Part(), {"WATCHDOG_USEC": "60000"})
    told.ready()
    await asyncio.wait_for(told.run(), 30)


async def test_systemd_that_does_not_listen_is_logged_and_harms_nothing(address: str) -> None:
    with capture_logs() as logs:
        supervisor(Part(), {"NOTIFY_SOCKET": address}).ready()
    assert [line["event"] for line in logs] == ["systemd.not_told"]
