"""The database away for a long time, in every way: bounded memory, and everything is there when it is back."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url

from callrouter.calls import journal as journal_module
from callrouter.calls.journal import JournalReader
from callrouter.calls.ports import CallOpened
from callrouter.storage import engine
from callrouter.storage import tables as t
from callrouter.storage import writer as writer_module
from callrouter.storage.database import Database
from callrouter.storage.journal import Journal
from callrouter.storage.writer import NoteWriter
from tests.databases import PostgresServer
from tests.storage.given import given_joined, given_opened, given_routed, rows, until
from tests.unit.calls.given import ended_line, opened_line

CALLS = 200
CAPACITY = 30
FILE = "pbx1-1763760.log"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_MS", 50)
    monkeypatch.setattr(journal_module, "RETRY_S", 0.05)
    monkeypatch.setattr(writer_module, "LONGEST_PAUSE_S", 0.2)


class Service:
    """The two parts that fill a database."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.writer = NoteWriter(database, CAPACITY)
        self.journal = JournalReader(folder, "pbx1", Journal(database))
        self.calls: list[UUID] = []
        self._file = folder / FILE

    def call(self) -> None:
        """One call: its notes, and what the PBX writes of it."""
        call = uuid4()
        self.calls.append(call)
        with self._file.open("ab") as file:
            file.write(opened_line(call) + b"\n")
            for note in (CallOpened(given_opened(call)), given_routed(call), given_joined(call)):
                self.writer.put(note)
            file.write(ended_line(call) + b"\n")
        self.journal.ring()


@asynccontextmanager
async def serving(url: str, folder: Path) -> AsyncIterator[Service]:
    folder.mkdir()
    database = Database(url, read_s=1.0, write_s=1.0)
    service = Service(database, folder)
    running = [asyncio.create_task(part) for part in (service.writer.run(), service.journal.run())]
    try:
        yield service
        assert not any(task.done() for task in running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await database.close()


async def through_a_fault(service: Service, fault: AbstractContextManager[None]) -> None:
    """Calls before, during and after; the queue stays within its bound, and the parts say that they wait."""
    service.call()
    await until(lambda: service.journal.caught_up.is_set() and service.writer.backlog == 0)
    with fault:
        for _ in range(CALLS):
            service.call()
            assert service.writer.backlog <= CAPACITY
        await until(lambda: service.journal.failing and service.writer.retries > 0, 20)
        assert service.writer.backlog == CAPACITY
        assert service.writer.turned_away > 0
    service.call()


async def complete(service: Service, url: str) -> None:
    """Every call is there once, whole, whether there was room for its notes or not."""
    await until(lambda: not service.journal.failing and service.writer.backlog == 0, 60)
    await asyncio.wait_for(service.journal.taken(), 60)
    database = Database(url)
    try:
        stored = await rows(database, t.call)
        assert {row["id"] for row in stored} == set(service.calls)
        assert {(row["outcome"] is None, row["plan"] == "", row["facts"] is None) for row in stored} == {
            (False, False, False)
        }
        assert len(await rows(database, t.incident)) == len(service.calls)
        events = await rows(database, t.incident_event)
        assert sum(event["kind"] == "ended" for event in events) == len(service.calls)
    finally:
        await database.close()


@contextmanager
def locked(url: str) -> Iterator[None]:
    with closing(sqlite3.connect(make_url(url).database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full(database: Database) -> Iterator[None]:
    """No page more than there are: what a full disk is to SQLite."""
    pages = [1]

    def no_room(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages[0]}")

    event.listen(database._writing.sync_engine, "begin", no_room)
    yield
    pages[0] = 1_000_000


@contextmanager
def read_only(server: PostgresServer, url: str) -> Iterator[None]:
    """As a server that has become a standby, or whose administrator has closed it."""
    name = make_url(url).database
    server.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    _end_sessions(server, url)
    yield
    server.run(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
    _end_sessions(server, url)


def _end_sessions(server: PostgresServer, url: str) -> None:
    name = make_url(url).database
    server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608


@contextmanager
def stopped_in_the_middle(server: PostgresServer, url: str) -> Iterator[None]:
    """Every process that serves this database hangs (SIGSTOP): it has accepted, and never answers."""
    with psycopg.connect(host=server.folder, user="postgres", dbname="postgres", autocommit=True) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = %s", (make_url(url).database,)
        ).fetchall()
        (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        postmaster = int((Path(folder) / "postmaster.pid").read_text().splitlines()[0])
    stopped = [postmaster, *(pid for (pid,) in found)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


async def test_sqlite_that_another_holds(sqlite_url: str, tmp_path: Path) -> None:
    async with serving(sqlite_url, tmp_path / "journal") as service:
        await through_a_fault(service, locked(sqlite_url))
        await complete(service, sqlite_url)


async def test_sqlite_on_a_full_disk(sqlite_url: str, tmp_path: Path) -> None:
    async with serving(sqlite_url, tmp_path / "journal") as service:
        await through_a_fault(service, full(service.database))
        await complete(service, sqlite_url)


async def test_postgresql_that_can_only_be_read(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    async with serving(postgres_url, tmp_path / "journal") as service:
        await through_a_fault(service, read_only(postgres_server, postgres_url))
        await complete(service, postgres_url)


async def test_postgresql_that_has_stopped_in_the_middle_and_never_answers(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    async with serving(postgres_url, tmp_path / "journal") as service:
        await through_a_fault(service, stopped_in_the_middle(postgres_server, postgres_url))
        await complete(service, postgres_url)
