"""Journal records and the file's offset land together, each record once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.ports import Note
from callrouter.calls.records import JournalBatch, Record, Rejected
from callrouter.storage import journal as journal_module
from callrouter.storage import tables as t
from callrouter.storage.database import Database, StorageUnavailable
from callrouter.storage.fill import fill
from callrouter.storage.journal import Journal
from callrouter.storage.known import call_of
from tests.databases import patient
from tests.storage.given import (
    batch,
    given_ended,
    given_opened,
    given_routed,
    picture,
    rows,
    store_together,
    whole_call,
)


async def test_records_and_offset_are_stored(database: Database) -> None:
    journal = Journal(database)
    call = uuid4()
    await journal.apply(batch(given_opened(call), offset=120))
    await journal.apply(batch(given_ended(call), offset=400))
    await journal.apply(batch(offset=9, file="journal-2"))
    await journal.apply(batch(offset=5, node="pbx2"))
    assert await journal.offsets("pbx1") == {"journal-1": 400, "journal-2": 9}
    assert await journal.offsets("pbx2") == {"journal-1": 5}
    assert await journal.offsets("pbx3") == {}


async def test_applying_a_batch_twice_changes_nothing(database: Database) -> None:
    journal = Journal(database)
    call = uuid4()
    once = replace(batch(given_opened(call), given_ended(call)), rejected=(Rejected(b"garbage", "no fields"),))
    await journal.apply(once)
    before = [await rows(database, table) for table in t.metadata.sorted_tables]
    await journal.apply(once)
    assert [await rows(database, table) for table in t.metadata.sorted_tables] == before


async def test_a_journal_that_begins_anew_is_read_anew(database: Database) -> None:
    journal = Journal(database)
    await journal.apply(batch(offset=5_000))
    await journal.apply(batch(given_opened(), offset=100))
    assert await journal.offsets("pbx1") == {"journal-1": 100}


async def test_neither_records_nor_offset_are_kept_of_a_failed_batch(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(database)
    await journal.apply(batch(offset=10))

    async def then_gone(connection: AsyncConnection, items: Sequence[Note | Record]) -> None:
        await fill(connection, items)
        raise OSError("the wire was cut")

    with monkeypatch.context() as patch:
        patch.setattr(journal_module, "fill", then_gone)
        with pytest.raises(StorageUnavailable):
            await journal.apply(batch(given_opened(), offset=20))
    assert await journal.offsets("pbx1") == {"journal-1": 10}
    assert await rows(database, t.call) == []


async def test_a_record_that_the_database_refuses_is_set_aside_and_the_others_land(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad, late = uuid4(), uuid4(), uuid4()

    async def refusing(connection: AsyncConnection, items: Sequence[Note | Record]) -> set[UUID]:
        touched = await fill(connection, items)
        if any(call_of(item) == bad for item in items):
            raise IntegrityError("INSERT", None, ValueError("refused"))
        return touched

    monkeypatch.setattr(journal_module, "fill", refusing)
    journal = Journal(database)
    await journal.apply(batch(given_opened(good), given_opened(bad), given_ended(late), offset=77))
    assert {row["id"] for row in await rows(database, t.call)} == {good, late}
    (reject,) = await rows(database, t.journal_reject)
    assert str(bad).encode() in reject["line"]
    assert await journal.offsets("pbx1") == {"journal-1": 77}


async def test_a_big_batch_is_one_transaction(database: Database) -> None:
    calls = [uuid4() for _ in range(1_200)]
    records = [given_opened(call) for call in calls] + [given_ended(call) for call in calls]
    await Journal(database).apply(batch(*records))
    assert len(await rows(database, t.incident, state="with_agency")) == 1_200


@pytest.mark.parametrize("start", [0, 1])
async def test_two_services_apply_the_same_records_at_once(database: Database, database_url: str, start: int) -> None:
    other = patient(database_url)
    try:
        calls = [uuid4() for _ in range(40)]
        await store_together(database, [given_opened(call) for call in calls[: 20 * start]])

        async def first() -> None:
            journal = Journal(database)
            for some in _pieces(calls, 7):
                await _until_taken(journal, batch(*[r for c in some for r in (given_opened(c), given_ended(c))]))

        async def second() -> None:
            journal = Journal(other)
            for some in _pieces(calls[::-1], 5):
                await _until_taken(journal, batch(*[r for c in some for r in (given_opened(c), given_ended(c))]))

        async def notes() -> None:
            for call in calls:
                await store_together(other, whole_call(call))

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for work in (first(), second(), notes()):
                group.create_task(work)
        pictures = [await picture(database, call) for call in calls]
    finally:
        await other.close()
    assert all(p == pictures[0] for p in pictures)
    assert len(await rows(database, t.incident)) == 40
    assert [e["kind"] for e in pictures[0]["events"]] == ["opened", "routed", "joined", "ended"]


async def test_a_note_waits_for_a_record_of_the_same_call_and_keeps_it(database: Database, database_url: str) -> None:
    call = uuid4()
    await store_together(database, [given_opened(call)])
    other = patient(database_url)

    async def slowly(connection: AsyncConnection) -> asyncio.Task[None]:
        await fill(connection, [given_ended(call)])
        note = asyncio.create_task(store_together(other, [given_routed(call)]))
        done, _ = await asyncio.wait({note}, timeout=0.5)
        assert not done
        return note

    try:
        note = await database.write(slowly)
        await note
    finally:
        await other.close()
    row = (await rows(database, t.call, id=call))[0]
    assert (row["outcome"], row["decided_route"]) == ("talked", "fire-day")


async def _until_taken(journal: Journal, wanted: JournalBatch) -> None:
    """What the service does: try again."""
    while True:
        try:
            await journal.apply(wanted)
        except StorageUnavailable:
            continue
        return


def _pieces(calls: list[UUID], size: int) -> list[list[UUID]]:
    return [calls[i : i + size] for i in range(0, len(calls), size)]


async def test_a_batch_of_rejected_lines_only_moves_on(database: Database) -> None:
    journal = Journal(database, now_us=lambda: 42)
    lines = tuple(Rejected(b"line %d" % n, "too short") for n in (1, 2, 1))
    await journal.apply(JournalBatch("pbx1", "journal-1", 30, (), lines))
    assert [(r["line"], r["at"]) for r in await rows(database, t.journal_reject, node="pbx1")] in (
        [(b"line 1", 42), (b"line 2", 42)],
        [(b"line 2", 42), (b"line 1", 42)],
    )
    assert await journal.offsets("pbx1") == {"journal-1": 30}
