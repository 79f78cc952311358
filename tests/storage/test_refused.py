"""Refused calls are stored each once, and counted by reason and source."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from callrouter.calls.ports import CallOpened, CallRefused
from callrouter.calls.refused import MAX_COUNTS, MAX_NEWEST, RefusedCall, RefusedCalls, RefusedCount
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.refused import RefusedInvites
from callrouter.storage.writer import NoteWriter
from tests.storage.given import AT, SECOND, given_opened, given_routed, rows
from tests.storage.test_hostile import HOSTILE
from tests.storage.test_writer import running


def given_refused(id_: UUID | None = None, **changes: Any) -> CallRefused:
    refused = CallRefused(
        id=id_ or uuid4(),
        at=AT,
        node="pbx1",
        status=488,
        reason="Not Acceptable Here",
        trunk="carrier",
        source="192.0.2.10",
        number="+628123456789",
    )
    return replace(refused, **changes)


async def store(database: Database, *notes: CallRefused) -> NoteWriter:
    """Store the notes as the service does; return the writer."""
    writer = NoteWriter(database, 10_000)
    for note in notes:
        assert writer.put(note)
    async with running(writer):
        assert await writer.flush(30)
    return writer


async def test_nothing_refused_is_nothing(database: Database) -> None:
    assert await RefusedInvites(database).since(None) == RefusedCalls(0, (), ())


async def test_a_refusal_is_stored_once_however_often_it_is_noted(database: Database) -> None:
    note = given_refused()
    writer = await store(database, note, note)
    await store(database, note, replace(note, status=503))
    assert (writer.written, writer.refused) == (2, 0)
    found = await RefusedInvites(database).since(None)
    newest = RefusedCall(AT, "pbx1", 488, "Not Acceptable Here", "carrier", "192.0.2.10", "+628123456789")
    assert found.newest == (newest,)
    assert found.counts == (RefusedCount(488, "Not Acceptable Here", "carrier", "192.0.2.10", 1, AT),)


async def test_refusals_are_counted_by_status_reason_and_source(database: Database) -> None:
    notes = [given_refused(at=AT + n) for n in range(3)]
    notes += [given_refused(status=404, reason="Not Found", at=AT + n) for n in range(2)]
    notes += [given_refused(trunk="", source="192.0.2.11")]
    await store(database, *notes)
    found = await RefusedInvites(database).since(None)
    assert found.total == 6
    assert [(c.status, c.trunk, c.source, c.count, c.last) for c in found.counts] == [
        (488, "carrier", "192.0.2.10", 3, AT + 2),
        (404, "carrier", "192.0.2.10", 2, AT + 1),
        (488, "", "192.0.2.11", 1, AT),
    ]


async def test_since_is_a_bound_that_includes_its_moment(database: Database) -> None:
    await store(database, *(given_refused(at=AT + n * SECOND, number=str(n)) for n in range(4)))
    found = await RefusedInvites(database).since(AT + 2 * SECOND)
    assert (found.total, [c.count for c in found.counts]) == (2, [2])
    assert [call.number for call in found.newest] == ["3", "2"]
    assert (await RefusedInvites(database).since(10**30)).total == 0


async def test_lists_are_bounded_and_the_total_is_not(database: Database) -> None:
    many = MAX_COUNTS + 20
    await store(database, *(given_refused(at=AT + n, source=f"source {n}") for n in range(many)))
    found = await RefusedInvites(database).since(None)
    assert (found.total, len(found.counts), len(found.newest)) == (many, MAX_COUNTS, MAX_NEWEST)
    assert found.newest[0].at == AT + many - 1


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_text_in_every_field_is_stored(database: Database, text: str) -> None:
    writer = await store(
        database, given_refused(**dict.fromkeys(("node", "reason", "trunk", "source", "number"), text))
    )
    assert writer.refused == 0
    (call,) = (await RefusedInvites(database).since(None)).newest
    assert call.number == text[:64].replace("\x00", "\ufffd").replace("\udcff", "\ufffd")


async def test_refusals_make_no_incident_and_notes_of_calls_beside_them_land(database: Database) -> None:
    writer, call = NoteWriter(database, 100), uuid4()
    for note in (given_refused(), CallOpened(given_opened(call)), given_refused(), given_routed(call)):
        writer.put(note)
    async with running(writer):
        assert await writer.flush(30)
    assert [row["opening_call"] for row in await rows(database, t.incident)] == [call]
    assert len(await rows(database, t.refused_invite)) == 2


async def test_one_note_that_the_database_refuses_keeps_back_no_other(database: Database) -> None:
    # No number of SIP, and beyond a small integer of PostgreSQL; SQLite takes it.
    writer = await store(database, given_refused(), given_refused(status=10**9), given_refused())
    assert writer.written + writer.refused == 3
    assert len(await rows(database, t.refused_invite)) == writer.written >= 2
