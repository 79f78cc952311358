"""Notes are written behind the calls, and none is lost while the database is away."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from uuid import UUID, uuid4

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.ports import CallOpened, Note
from callrouter.calls.records import Record
from callrouter.storage import engine
from callrouter.storage import tables as t
from callrouter.storage import writer as writer_module
from callrouter.storage.database import Database
from callrouter.storage.fill import fill
from callrouter.storage.journal import Journal
from callrouter.storage.known import call_of
from callrouter.storage.writer import NoteWriter
from tests.databases import PostgresServer, wire
from tests.storage.given import (
    batch,
    given_ended,
    given_joined,
    given_opened,
    given_routed,
    incident_of,
    picture,
    rows,
    store,
    until,
    whole_call,
)


@asynccontextmanager
async def running(writer: NoteWriter) -> AsyncIterator[NoteWriter]:
    task = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()


def notes_of(call: UUID) -> list[Note]:
    return [CallOpened(given_opened(call)), given_routed(call), given_joined(call)]


async def test_notes_are_written_in_batches(database: Database) -> None:
    writer = NoteWriter(database, 1_000)
    calls = [uuid4() for _ in range(100)]
    assert all(writer.put(note) for call in calls for note in notes_of(call))
    assert writer.backlog == 300
    async with running(writer):
        assert await writer.flush(20)
    assert (writer.backlog, writer.written, writer.retries) == (0, 300, 0)
    assert len(await rows(database, t.incident, state="with_agency")) == 100


async def test_a_full_queue_turns_notes_away_and_counts_them(database: Database) -> None:
    writer = NoteWriter(database, 10)
    taken = [writer.put(CallOpened(given_opened())) for _ in range(13)]
    assert taken == [True] * 10 + [False] * 3
    assert (writer.turned_away, writer.backlog) == (3, 10)
    async with running(writer):
        assert await writer.flush(20)
    assert writer.put(CallOpened(given_opened()))


async def test_flush_of_nothing_is_done_at_once(database: Database) -> None:
    assert await NoteWriter(database, 10).flush(0.01)


async def test_flush_gives_up_at_its_deadline(database: Database) -> None:
    writer = NoteWriter(database, 10)  # nobody runs it
    writer.put(CallOpened(given_opened()))
    assert not await writer.flush(0.05)
    assert writer.backlog == 1


async def test_one_refused_note_keeps_back_no_other(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = [uuid4() for _ in range(5)], uuid4()

    async def refusing(connection: AsyncConnection, items: Sequence[Note | Record]) -> set[UUID]:
        touched = await fill(connection, items)
        if any(call_of(item) == bad for item in items):
            raise DataError("INSERT", None, ValueError("refused"))
        return touched

    monkeypatch.setattr(writer_module, "fill", refusing)
    writer = NoteWriter(database, 100)
    for call in [*good[:2], bad, *good[2:]]:
        writer.put(CallOpened(given_opened(call)))
    async with running(writer):
        assert await writer.flush(20)
    assert (writer.written, writer.refused) == (5, 1)
    assert {row["id"] for row in await rows(database, t.call)} == set(good)


async def test_notes_wait_while_another_process_holds_sqlite(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_MS", 50)
    database = Database(sqlite_url)
    call = uuid4()
    try:
        with closing(sqlite3.connect(make_url(sqlite_url).database or "", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            writer = NoteWriter(database, 100)
            async with running(writer):
                for note in notes_of(call):
                    writer.put(note)
                await until(lambda: writer.retries >= 2)
                assert (writer.backlog, writer.written) == (3, 0)
                other.execute("ROLLBACK")
                assert await writer.flush(10)
        assert (await incident_of(database, call))["state"] == "with_agency"
    finally:
        await database.close()


async def test_notes_outlive_a_postgresql_that_is_cut_off(postgres_server: PostgresServer, postgres_url: str) -> None:
    async with wire(postgres_server) as line:
        database = Database(line.url(postgres_url))
        try:
            before, meanwhile = uuid4(), uuid4()
            writer = NoteWriter(database, 100)
            async with running(writer):
                writer.put(CallOpened(given_opened(before)))
                assert await writer.flush(10)
                line.cut()
                for note in notes_of(meanwhile):
                    assert writer.put(note)
                await until(lambda: writer.retries >= 2)
                line.mend()
                assert await writer.flush(20)
            assert (await incident_of(database, meanwhile))["state"] == "with_agency"
            assert len(await rows(database, t.incident)) == 2
        finally:
            await database.close()


async def test_notes_outlive_a_postgresql_that_hangs(postgres_server: PostgresServer, postgres_url: str) -> None:
    async with wire(postgres_server) as line:
        database = Database(line.url(postgres_url), write_s=1.0)
        try:
            call = uuid4()
            writer = NoteWriter(database, 100)
            async with running(writer):
                line.hang()
                writer.put(CallOpened(given_opened(call)))
                await until(lambda: writer.retries >= 2)
                line.mend()
                assert await writer.flush(20)
            assert (await incident_of(database, call))["state"] == "open"
        finally:
            await database.close()


async def test_stopping_the_writer_in_the_middle_leaves_the_rest_to_the_journal(database: Database) -> None:
    calls = [uuid4() for _ in range(300)]
    writer = NoteWriter(database, 1_000)
    for call in calls:
        writer.put(CallOpened(given_opened(call)))
    task = asyncio.create_task(writer.run())
    await until(lambda: writer.written > 0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for some in range(0, 300, 100):
        await Journal(database).apply(batch(*[given_opened(call) for call in calls[some : some + 100]]))
    assert len(await rows(database, t.incident)) == 300


async def test_writer_and_journal_at_once_agree_with_a_quiet_day(database: Database) -> None:
    quiet, busy = uuid4(), [uuid4() for _ in range(60)]
    await store(database, *whole_call(quiet))
    writer = NoteWriter(database, 1_000)
    journal = Journal(database)
    async with running(writer):
        for call in busy:
            for note in notes_of(call):
                writer.put(note)
            await journal.apply(batch(given_opened(call), given_ended(call)))
        assert await writer.flush(30)
    wanted = await picture(database, quiet)
    for call in busy:
        assert await picture(database, call) == wanted
