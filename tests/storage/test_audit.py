"""The audit trail: a row for each change, in one chain, and whatever is done to it by SQL is found."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.chain import FaultKind, Head
from callrouter.access.model import AuditNote
from callrouter.access.ports import Audit, AuditFilter
from callrouter.storage import tables as t
from callrouter.storage.audit import AuditTrail, append
from callrouter.storage.database import Database
from tests.databases import patient
from tests.storage.desks import KEY, OTHER_KEY, note
from tests.storage.given import execute, rows

AT = 1_790_000_000_000_000


@pytest.fixture
def trail(database: Database) -> AuditTrail:
    clock = iter(range(AT, AT + 1_000_000))
    return AuditTrail(database, KEY, now_us=lambda: next(clock))


async def _filled(trail: AuditTrail, count: int = 6) -> list[Head]:
    return [await trail.append(note(subject=f"routes/r{n}", before=n, after=n + 1)) for n in range(1, count + 1)]


async def _faults(trail: AuditTrail, heads: list[Head] | None = None) -> list[tuple[FaultKind, int]]:
    return [(fault.kind, fault.seq) for fault in await trail.verify(heads or [])]


async def test_an_empty_trail_has_no_head_and_no_faults(trail: AuditTrail) -> None:
    audit: Audit = trail
    assert await audit.head() is None
    assert await audit.verify([]) == []
    assert await audit.page(AuditFilter()) == []


async def test_rows_count_up_without_gaps_and_hold_what_was_noted(trail: AuditTrail) -> None:
    heads = await _filled(trail, 3)
    found = [row async for row in trail.rows()]
    assert [row.seq for row in found] == [1, 2, 3]
    assert [Head(row.seq, row.mac, row.at) for row in found] == heads
    assert await trail.head() == heads[-1]
    first = found[0]
    assert (first.at, first.actor, first.action, first.subject) == (AT, "siti (admin)", "replace", "routes/r1")
    assert json.loads(first.payload or "") == {"before": 1, "after": 2}
    assert await _faults(trail, heads) == []


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'budi (admin)'",
        "action = 'create'",
        "subject = 'routes/other'",
        "at = at + 1",
        "payload = '{}'",
        "payload_hash = 'abc'",
        "mac = 'abc'",
    ],
)
async def test_a_row_changed_by_sql_is_found(trail: AuditTrail, database: Database, change: str) -> None:
    await _filled(trail)
    await execute(database, text(f"UPDATE audit SET {change} WHERE seq = 4"))  # noqa: S608 - the test's own words
    assert (FaultKind.CHANGED, 4) in await _faults(trail)


async def test_a_row_taken_out_by_sql_is_found(trail: AuditTrail, database: Database) -> None:
    await _filled(trail)
    await execute(database, text("DELETE FROM audit WHERE seq IN (1, 4, 5)"))
    assert await _faults(trail) == [(FaultKind.MISSING, 1), (FaultKind.MISSING, 4)]


async def test_two_rows_that_changed_places_are_found(trail: AuditTrail, database: Database) -> None:
    await _filled(trail)
    moves = [text(f"UPDATE audit SET seq = {to} WHERE seq = {at}") for at, to in ((3, 99), (4, 3), (99, 4))]  # noqa: S608
    await execute(database, *moves)
    assert (FaultKind.CHANGED, 3) in await _faults(trail)


async def test_rows_cut_off_are_found_by_the_head_written_outside(trail: AuditTrail, database: Database) -> None:
    heads = await _filled(trail)
    await execute(database, text("DELETE FROM audit WHERE seq > 4"))
    assert await _faults(trail) == []
    assert await _faults(trail, heads[3:4]) == []
    assert await _faults(trail, heads) == [(FaultKind.CUT_OFF, 6)]


async def test_an_emptied_trail_is_found(trail: AuditTrail, database: Database) -> None:
    heads = await _filled(trail)
    await execute(database, text("DELETE FROM audit"))
    assert await _faults(trail, heads) == [(FaultKind.CUT_OFF, 6)]


async def test_what_follows_rows_that_were_cut_off_does_not_hide_it(trail: AuditTrail, database: Database) -> None:
    heads = await _filled(trail)
    await execute(database, text("DELETE FROM audit WHERE seq > 4"))
    for _ in range(4):
        await trail.append(note(subject="draft"))
    assert await _faults(trail, heads) == [(FaultKind.REPLACED, 5), (FaultKind.REPLACED, 6)]


async def test_a_payload_may_be_blanked(trail: AuditTrail, database: Database) -> None:
    heads = await _filled(trail)
    await execute(database, text("UPDATE audit SET payload = NULL WHERE seq = 2"))
    assert await _faults(trail, heads) == []
    assert (await trail.page(AuditFilter(before=3, limit=1)))[0].payload is None


async def test_a_row_of_another_key_is_found(trail: AuditTrail, database: Database) -> None:
    await _filled(trail, 2)
    await AuditTrail(database, OTHER_KEY).append(note())
    assert await _faults(trail) == [(FaultKind.CHANGED, 3)]
    assert await _faults(AuditTrail(database, OTHER_KEY)) == [(FaultKind.CHANGED, 1), (FaultKind.CHANGED, 2)]


async def test_a_long_trail_is_followed_across_its_pieces(trail: AuditTrail, database: Database) -> None:
    async def many(connection: AsyncConnection) -> None:
        for n in range(1, 1_002):
            await append(connection, KEY, note(subject=f"routes/r{n}"), AT + n)

    await database.write(many)
    assert [row.seq async for row in trail.rows()] == list(range(1, 1_002))
    assert await _faults(trail) == []
    await execute(
        database,
        text("UPDATE audit SET actor = 'x' WHERE seq = 400"),
        text("DELETE FROM audit WHERE seq BETWEEN 601 AND 850"),
    )
    assert await _faults(trail) == [(FaultKind.CHANGED, 400), (FaultKind.MISSING, 601)]


async def test_rows_added_while_it_is_read_are_left_for_the_next_time(trail: AuditTrail) -> None:
    await _filled(trail, 2)
    seen = []
    async for row in trail.rows():
        seen.append(row.seq)
        await trail.append(note())
    assert seen == [1, 2]
    assert await _faults(trail) == []


@pytest.fixture
async def other_process(database_url: str) -> AsyncIterator[Database]:
    opened = patient(database_url)
    yield opened
    await opened.close()


async def test_notes_at_once_make_one_chain(trail: AuditTrail, other_process: Database) -> None:
    other = AuditTrail(other_process, KEY)
    await asyncio.gather(*(where.append(note(subject=f"s{n}")) for n, where in enumerate([trail, other] * 10)))
    assert [row.seq async for row in trail.rows()] == list(range(1, 21))
    assert await _faults(trail) == []


async def test_a_transaction_that_is_given_up_leaves_no_row_and_no_gap(trail: AuditTrail, database: Database) -> None:
    async def killed(connection: AsyncConnection) -> None:
        await append(connection, KEY, note(), AT)
        raise ConnectionAbortedError("killed")

    await _filled(trail, 2)
    with pytest.raises(Exception, match="killed"):
        await database.write(killed)
    await _filled(trail, 1)
    assert [row["seq"] for row in await rows(database, t.audit)] == [1, 2, 3]
    assert await _faults(trail) == []


@pytest.mark.parametrize(
    ("wanted", "seqs"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"limit": 2}, [5, 4]),
        ({"before": 4, "limit": 2}, [3, 2]),
        ({"actor": "budi (admin)"}, [4, 2]),
        ({"action": "delete"}, [5, 4]),
        ({"subject": "trunks/"}, [4, 1]),
        ({"subject": "trunks/a"}, [1]),
        ({"subject": "TRUNKS/"}, []),
        ({"subject": "%"}, []),
        ({"subject": "routes/r_"}, [5]),
        ({"actor": "budi (admin)", "action": "delete"}, [4]),
        ({"begin": AT + 1, "end": AT + 3}, [3, 2]),
        ({"limit": 0}, [5]),
    ],
)
async def test_a_page_shows_what_was_asked_for_newest_first(
    trail: AuditTrail, wanted: dict[str, Any], seqs: list[int]
) -> None:
    for actor, action, subject in (
        ("siti (admin)", "create", "trunks/a"),
        ("budi (admin)", "create", "routes/r1"),
        ("siti (admin)", "replace", "routes/r1"),
        ("budi (admin)", "delete", "trunks/b"),
        ("siti (admin)", "delete", "routes/r_1"),
    ):
        await trail.append(note(action, subject, actor))
    assert [row.seq for row in await trail.page(AuditFilter(**wanted))] == seqs


async def test_names_of_any_letters_are_signed_as_they_are_kept(trail: AuditTrail) -> None:
    hostile = "s\x00\ud800iti\n" + "x" * 500
    await trail.append(AuditNote(hostile, hostile, hostile, {hostile: [hostile, None, 1.5, True]}))
    assert await _faults(trail) == []
    (row,) = await trail.page(AuditFilter())
    assert json.loads(row.payload or "") == {hostile: [hostile, None, 1.5, True]}
