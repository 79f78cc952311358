"""Calls without an end, and the end that a cut gives them."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.ports import CallOpened
from callrouter.calls.reconcile import OpenCall
from callrouter.calls.records import Ended, Glimpsed, Rejected
from callrouter.calls.setaside import MAX_NEWEST
from callrouter.incidents.model import Outcome, incident_id
from callrouter.storage.database import Database
from callrouter.storage.incidents import Incidents
from callrouter.storage.journal import Journal
from callrouter.storage.opencalls import CallsWithoutEnd
from callrouter.storage.setaside import SetAsideLines
from tests.storage.given import (
    AT,
    SECOND,
    batch,
    given_ended,
    given_joined,
    given_opened,
    given_routed,
    incident_of,
    picture,
    store,
    store_together,
    whole_call,
)


def a_cut(call: object, **changes: object) -> Ended:
    empty = {
        "answered": None, "chosen": None, "human": None, "choice": "", "category": "", "language": "", "path": "",
        "version": None, "route": "", "plan": "", "attempts": (), "stage": "agency", "cause": "link_lost",
    }  # fmt: skip
    return replace(given_ended(call, outcome=Outcome.CUT), **(empty | changes))  # type: ignore[arg-type]


async def test_calls_without_an_end_are_found_oldest_first(database: Database) -> None:
    new, old, routed, joined = uuid4(), uuid4(), uuid4(), uuid4()
    await store(database, *whole_call(uuid4()))
    await store(database, CallOpened(given_opened(new, at=AT + 9 * SECOND)), given_opened(old))
    await store(database, given_opened(routed, at=AT + SECOND), given_routed(routed))
    await store(database, given_opened(joined, at=AT + 2 * SECOND), given_joined(joined))
    await store(database, given_opened(node="pbx2"))
    calls = CallsWithoutEnd(database)
    everything = [
        OpenCall(old, "pbx1", AT),
        OpenCall(routed, "pbx1", AT + SECOND, routed=True),
        OpenCall(joined, "pbx1", AT + 2 * SECOND, joined=AT + 10 * SECOND),
        OpenCall(new, "pbx1", AT + 9 * SECOND),
    ]
    assert await calls.without_end("pbx1", AT + 10 * SECOND, 10) == everything
    assert await calls.without_end("pbx1", AT + 9 * SECOND, 10) == everything[:3]
    assert await calls.without_end("pbx1", AT + 10 * SECOND, 2) == everything[:2]


async def test_cut_ends_the_call_and_keeps_what_was_known_of_it(database: Database) -> None:
    call = uuid4()
    await store(database, given_opened(call), given_routed(call))
    calls = CallsWithoutEnd(database)
    await calls.cut([a_cut(call)])
    assert await calls.without_end("pbx1", AT + 10**12, 10) == []
    incident = await incident_of(database, call)
    assert (incident["callback"], incident["callback_reason"], incident["category"]) == (True, "cut", "fire")
    detail = await Incidents(database).detail(incident_id(call))
    assert detail is not None
    (shown,) = detail.calls
    assert (shown.outcome, shown.cause, shown.stage, shown.route) == ("cut", "link_lost", "agency", "fire-day")
    assert detail.timeline[-1].data["end_known_by"] == "link_lost"


async def test_real_end_goes_before_a_cut_whichever_came_first(database: Database) -> None:
    first, last, never = uuid4(), uuid4(), uuid4()
    calls = CallsWithoutEnd(database)
    await store(database, *whole_call(never))
    await store(database, *whole_call(first))
    await calls.cut([a_cut(first)])
    await store(database, *whole_call(last)[:-1])
    await calls.cut([a_cut(last, at=AT + 10**9)])
    await store(database, whole_call(last)[-1])
    wanted = await picture(database, never)
    assert await picture(database, first) == wanted
    assert await picture(database, last) == wanted


async def test_nothing_to_cut_asks_no_database(database: Database) -> None:
    await CallsWithoutEnd(database).cut([])


async def test_call_that_only_a_torn_line_tells_of_has_one_incident_and_can_be_cut(database: Database) -> None:
    call = uuid4()
    await Journal(database).apply(batch(Glimpsed(call, AT, "pbx1")))
    assert (await incident_of(database, call))["opened_at"] == AT
    calls = CallsWithoutEnd(database)
    assert await calls.without_end("pbx1", AT + 1, 10) == [OpenCall(call, "pbx1", AT)]
    await calls.cut([a_cut(call)])
    assert (await incident_of(database, call))["callback_reason"] == "cut"


@pytest.mark.parametrize("first", [True, False])
async def test_glimpse_of_a_call_that_is_known_changes_nothing(database: Database, first: bool) -> None:
    call, quiet = uuid4(), uuid4()
    glimpse = Glimpsed(call, AT + 7 * SECOND, "pbx1")
    items = [glimpse, *whole_call(call)] if first else [*whole_call(call), glimpse]
    await store(database, *items)
    await store_together(database, whole_call(quiet))
    assert await picture(database, call) == await picture(database, quiet)


async def test_calls_without_end_are_found_by_their_index(database: Database) -> None:
    await store_together(database, [item for _ in range(200) for item in whole_call(uuid4())])

    async def ask(connection: AsyncConnection) -> str:
        wanted = "SELECT id FROM call WHERE ended_at IS NULL AND node = 'pbx1' AND opened_at < 1 ORDER BY opened_at"
        if connection.dialect.name == "sqlite":
            return "\n".join(map(str, await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {wanted}")))
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        return "\n".join(map(str, await connection.exec_driver_sql(f"EXPLAIN {wanted}")))

    assert "ix_call_without_end" in await database.read(ask)


# ---------------------------------------------------------------- lines that were set aside
async def test_lines_that_were_set_aside_are_shown_with_file_and_place(database: Database) -> None:
    now = 0
    journal = Journal(database, now_us=lambda: now)
    for n in (1, 2, 3):
        now = 10 * n
        lines = (Rejected(b"line \xff %d" % n, "torn", 100 * n),)
        await journal.apply(replace(batch(offset=500, file=f"pbx1-{n}.log"), rejected=lines))
    reader = SetAsideLines(database)
    everything = await reader.since(None)
    assert everything.total == 3
    assert [(one.at, one.file, one.position, one.line) for one in everything.newest] == [
        (30, "pbx1-3.log", 300, b"line \xff 3"),
        (20, "pbx1-2.log", 200, b"line \xff 2"),
        (10, "pbx1-1.log", 100, b"line \xff 1"),
    ]
    late = await reader.since(20)
    assert (late.total, [one.at for one in late.newest]) == (2, [30, 20])


async def test_all_lines_count_and_the_newest_are_shown(database: Database) -> None:
    lines = tuple(Rejected(b"%d" % n, "poison", n) for n in range(MAX_NEWEST + 5))
    await Journal(database).apply(replace(batch(), rejected=lines))
    found = await SetAsideLines(database).since(None)
    assert (found.total, len(found.newest)) == (MAX_NEWEST + 5, MAX_NEWEST)


async def test_offsets_of_files_are_told_however_old(database: Database) -> None:
    journal = Journal(database)
    for n in range(60):
        await journal.apply(batch(offset=n, file=f"pbx1-{n:04}.log"))
    names = [f"pbx1-{n:04}.log" for n in range(70)]
    assert await journal.offsets_of("pbx1", names) == {f"pbx1-{n:04}.log": n for n in range(60)}
    assert await journal.offsets_of("pbx2", names) == {}
    assert await journal.offsets_of("pbx1", []) == {}
