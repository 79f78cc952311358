"""The database: URLs, revisions, deadlines, and errors a person can act on."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.errors import OperatorError
from callrouter.incidents.views import IncidentFilter, IncidentSummary, StorageUnavailable
from callrouter.storage import tables as t
from callrouter.storage.database import Database, migrate
from callrouter.storage.engine import migrating_engine, place
from callrouter.storage.incidents import Incidents
from callrouter.storage.revisions import wanted_revision
from tests.databases import PostgresServer, wire
from tests.storage.given import execute, given_opened, rows, store

SLOW = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 5000000) SELECT max(x) FROM n",
    "postgresql": "SELECT pg_sleep(30)",
}


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("", "cannot be read"),
        ("hunter2", "cannot be read"),
        ("postgresql://user:hunter2@host:port/name", "cannot be read"),
        ("mysql://user:hunter2@host/name", "is for 'mysql'"),
        ("postgresql+asyncpg://user:hunter2@host/name", r"is for 'postgresql\+asyncpg'"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://user:hunter2@host", "names no database"),
    ],
)
def test_a_bad_url_is_refused_without_its_password(url: str, what: str) -> None:
    with pytest.raises(OperatorError, match=what) as caught:
        Database(url)
    assert "hunter2" not in str(caught.value)
    assert "postgresql://user:password@host" in caught.value.remedy


def test_a_database_is_named_without_its_password() -> None:
    assert str(place("postgresql://user:hunter2@db.example:5433/calls")) == "postgresql://db.example:5433/calls"
    assert str(place("postgres://u@h/calls?password=hunter2")) == "postgresql://h/calls"
    assert str(place("postgresql://u@/calls?host=/run/pg")) == "postgresql:///run/pg/calls"


@pytest.mark.parametrize(
    "url", ["postgresql://user:hunter2@127.0.0.1:1/x", "postgres://u@127.0.0.1:1/x?password=hunter2"]
)
async def test_an_unreachable_database_is_named_without_its_password(url: str) -> None:
    database = Database(url)
    try:
        with pytest.raises(OperatorError, match=r"127\.0\.0\.1:1/x cannot be used: .*refused") as caught:
            await database.check_revision()
        with pytest.raises(OperatorError, match="cannot be used") as migrating:
            migrate(url)
        with pytest.raises(StorageUnavailable) as reading:
            await Incidents(database).page(IncidentFilter())
    finally:
        await database.close()
    for error in (caught, migrating, reading):
        assert "hunter2" not in str(error.value)
    assert caught.value.__suppress_context__


async def test_a_database_that_hangs_is_named_within_the_deadline(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    async with wire(postgres_server) as line:
        line.hang()
        database = Database(line.url(postgres_url), read_s=0.2)
        try:
            with pytest.raises(OperatorError, match=r"cannot be used: no answer in 0\.2 s"):
                await database.check_revision()
        finally:
            line.mend()
            await database.close()


async def test_a_missing_file_stays_missing(tmp_path: Path) -> None:
    file = tmp_path / "callrouter.db"
    database = Database(f"sqlite:///{file}")
    with pytest.raises(OperatorError, match=r"There is no database .*Run: callrouter migrate"):
        await database.check_revision()
    await database.close()
    assert not file.exists()


async def test_an_empty_database_names_the_command(postgres_server: PostgresServer) -> None:
    database = Database(postgres_server.url("postgres"))
    try:
        wanted = wanted_revision()
        with pytest.raises(
            OperatorError, match=rf"is empty \(revision: none; .* wants {wanted}\)\. Run: callrouter migrate"
        ):
            await database.check_revision()
    finally:
        await database.close()


async def test_a_migrated_database_is_accepted(database: Database) -> None:
    await database.check_revision()


async def test_a_database_that_is_ahead_names_the_newer_version(database: Database) -> None:
    await execute(database, text("UPDATE alembic_version SET version_num = '9999'"))
    known = wanted_revision()
    with pytest.raises(
        OperatorError, match=rf"has revision 9999, .* only up to {known}\. Install the newer callrouter"
    ):
        await database.check_revision()


async def test_a_database_that_is_behind_names_the_command(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    has = wanted_revision()
    monkeypatch.setattr("callrouter.storage.revisions.wanted_revision", lambda: "9998")
    with pytest.raises(
        OperatorError, match=rf"has revision {has}, this callrouter wants 9998\. Run: callrouter migrate"
    ):
        await database.check_revision()


async def test_someone_elses_database_is_told_from_an_empty_one(empty_url: str) -> None:
    engine = migrating_engine(place(empty_url))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE other (x INTEGER)"))
    engine.dispose()
    database = Database(empty_url)
    try:
        with pytest.raises(OperatorError, match="has tables, but none of callrouter's"):
            await database.check_revision()
    finally:
        await database.close()


async def test_a_slow_read_ends_at_its_deadline_and_the_next_is_served(database_url: str) -> None:
    database = Database(database_url, read_s=0.3)

    async def slow(connection: AsyncConnection) -> None:
        await connection.execute(text(SLOW[connection.dialect.name]))

    try:
        begun = time.monotonic()
        with pytest.raises(StorageUnavailable, match=r"did not answer within 0\.3 s"):
            await database.read(slow)
        assert time.monotonic() - begun < 10
        assert await once_it_answers(Incidents(database)) == []
    finally:
        await database.close()


async def test_reads_of_a_hanging_postgresql_end_at_the_deadline(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    async with wire(postgres_server) as line:
        database = Database(line.url(postgres_url), read_s=0.3)
        try:
            incidents = Incidents(database)
            assert await once_it_answers(incidents) == []
            line.hang()
            begun = time.monotonic()
            answers = await asyncio.gather(
                *(incidents.page(IncidentFilter()) for _ in range(12)), return_exceptions=True
            )
            assert all(isinstance(a, StorageUnavailable) for a in answers)
            assert time.monotonic() - begun < 10
            line.mend()
            assert await once_it_answers(incidents) == []
        finally:
            await database.close()


async def once_it_answers(incidents: Incidents) -> list[IncidentSummary]:
    """Return a page. A busy machine may miss the short deadline, too."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await incidents.page(IncidentFilter())
            except StorageUnavailable:
                await asyncio.sleep(0.01)


async def test_readers_cannot_take_the_writers_connections(database: Database) -> None:
    release = asyncio.Event()

    async def hold(connection: AsyncConnection) -> None:
        await connection.execute(select(t.incident.c.id))
        await release.wait()

    readers = [asyncio.create_task(database.read(hold)) for _ in range(10)]
    try:
        async with asyncio.timeout(30):
            await store(database, given_opened())
    finally:
        release.set()
        await asyncio.gather(*readers, return_exceptions=True)
    assert len(await rows(database, t.incident)) == 1


async def test_a_read_can_change_nothing(database: Database) -> None:
    await store(database, given_opened())

    async def sneak(connection: AsyncConnection) -> None:
        await connection.execute(update(t.incident).values(state="closed"))

    with pytest.raises(StorageUnavailable, match=r"read-?only"):
        await database.read(sneak)


async def test_a_read_sees_one_state(database: Database) -> None:
    await store(database, given_opened())

    async def twice(connection: AsyncConnection) -> tuple[int, int]:
        first = len((await connection.execute(select(t.incident.c.id))).all())
        await store(database, given_opened())
        return first, len((await connection.execute(select(t.incident.c.id))).all())

    assert await database.read(twice) == (1, 1)


async def test_foreign_keys_are_kept(database: Database) -> None:
    event = {"incident": uuid4(), "kind": "x", "occurrence": "", "at": 1, "actor": "", "data": {}}
    with pytest.raises(IntegrityError):
        await execute(database, insert(t.incident_event).values(event))


async def test_a_failed_write_leaves_nothing(database: Database) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(t.journal_offset).values(node="pbx1", file="f", offset=1))
        await connection.execute(text("SELECT nothing_of_that_name"))

    with pytest.raises(StorageUnavailable) as caught:
        await database.write(work)
    assert isinstance(caught.value.__cause__, DBAPIError)
    assert await rows(database, t.journal_offset) == []


async def test_a_write_whose_asker_is_cancelled_does_not_hold_up_the_next(database: Database) -> None:
    for steps in range(0, 60, 2):
        asker = asyncio.create_task(store(database, given_opened()))
        for _ in range(steps):
            await asyncio.sleep(0.0005)
        asker.cancel()
        async with asyncio.timeout(30):
            await store(database, given_opened())
    assert len(await rows(database, t.incident)) >= 30


async def test_sqlite_commits_survive_a_power_cut_and_readers_do_not_wait(sqlite_url: str) -> None:
    database = Database(sqlite_url)

    async def pragmas(connection: AsyncConnection) -> dict[str, object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return {name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar() for name in names}

    try:
        shown = await database.write(pragmas)
    finally:
        await database.close()
    assert shown == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 4_000}
