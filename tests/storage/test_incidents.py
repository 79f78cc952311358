"""Incidents as they are read: lists by cursor, and one whole."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.ports import CallOpened
from callrouter.incidents.model import Attempt, Outcome, incident_id
from callrouter.incidents.views import EventView, IncidentFilter, IncidentSummary, OpenedPlace
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.incidents import Incidents, page_statement
from tests.storage.given import (
    AT,
    FACTS,
    PLAN_TEXT,
    SECOND,
    execute,
    given_ended,
    given_failed,
    given_joined,
    given_opened,
    given_routed,
    store,
    store_together,
    whole_call,
)

# On SQLite the table itself is the index by number.
LATER = OpenedPlace(2**61, 1_500)


async def test_one_incident_is_shown_whole(database: Database) -> None:
    call = uuid4()
    await store(database, *whole_call(call))
    detail = await Incidents(database).detail(incident_id(call))
    assert detail is not None
    summary = detail.summary
    assert (summary.id, summary.number, summary.state, summary.category) == (
        incident_id(call),
        1,
        "with_agency",
        "fire",
    )
    assert (summary.opened, summary.callback, summary.outcome) == (AT, False, "talked")
    assert summary.caller_number == "+628123456789"
    (shown,) = detail.calls
    assert (shown.id, shown.node, shown.origin, shown.trunk) == (call, "pbx1", "citizen", "carrier")
    assert (shown.opened, shown.answered, shown.chosen, shown.human, shown.ended) == (
        AT,
        AT + SECOND,
        AT + 4 * SECOND,
        AT + 10 * SECOND,
        AT + 61 * SECOND,
    )
    assert (shown.choice, shown.category, shown.language, shown.stage) == ("1", "fire", "id", "talking")
    assert (shown.path, shown.route, shown.version, shown.plan) == ("service", "fire-day", 1, PLAN_TEXT)
    assert shown.facts == FACTS.model_dump(mode="json")
    assert shown.attempts == (
        Attempt(
            n=1,
            kind="dial",
            label="damkar/pos-1",
            begun=AT + 5 * SECOND,
            pickup=None,
            human=None,
            ended=AT + 6 * SECOND,
            by="",
            result="busy",
            cause="SIP 486 Busy Here",
        ),
        Attempt(
            n=2,
            kind="dial",
            label="damkar/pos-2",
            begun=AT + 6 * SECOND,
            pickup=AT + 9 * SECOND,
            human=AT + 10 * SECOND,
            ended=AT + 60 * SECOND,
            by="PJSIP/damkar-0001",
            result="talked",
            cause="",
        ),
    )
    assert detail.timeline == (
        EventView(AT, "opened", "pbx1", {"origin": "citizen", "trunk": "carrier"}),
        EventView(AT + 4 * SECOND, "routed", "callrouter", {"route": "fire-day", "version": 1, "category": "fire"}),
        EventView(AT + 10 * SECOND, "joined", "PJSIP/damkar-0001", {"with": "agency"}),
        EventView(AT + 61 * SECOND, "ended", "pbx1", {"outcome": "talked", "stage": "talking", "path": "service"}),
    )


async def test_a_running_call_shows_what_was_decided(database: Database) -> None:
    call = uuid4()
    await store(database, CallOpened(given_opened(call)), given_routed(call))
    detail = await Incidents(database).detail(incident_id(call))
    assert detail is not None
    (shown,) = detail.calls
    assert (shown.route, shown.version, shown.plan, shown.language) == ("fire-day", 1, PLAN_TEXT, "id")
    assert (shown.outcome, shown.ended, shown.attempts) == (None, None, ())


async def test_entries_of_one_moment_stand_in_the_order_of_a_calls_life(database: Database) -> None:
    call = uuid4()
    ended = given_ended(call, at=AT)
    await store(database, ended, given_joined(call, at=AT), given_routed(call, at=AT), given_opened(call))
    detail = await Incidents(database).detail(incident_id(call))
    assert detail is not None
    assert [e.kind for e in detail.timeline] == ["opened", "routed", "joined", "ended"]


async def test_entries_of_persons_stand_beside_each_other(database: Database) -> None:
    call = uuid4()
    await store(database, given_opened(call))
    note = {
        "incident": incident_id(call),
        "call": None,
        "kind": "note",
        "occurrence": "",
        "at": AT + 1,
        "actor": "op-1",
        "data": {"text": "same words"},
    }
    await execute(database, insert(t.incident_event).values(note), insert(t.incident_event).values(note))
    detail = await Incidents(database).detail(incident_id(call))
    assert detail is not None
    assert [e.actor for e in detail.timeline] == ["pbx1", "op-1", "op-1"]


async def test_an_unknown_incident_is_none(database: Database) -> None:
    assert await Incidents(database).detail(uuid4()) is None


def _place(last: IncidentSummary) -> OpenedPlace:
    return OpenedPlace(last.opened, last.number)


async def test_pages_go_on_below_the_cursor(database: Database) -> None:
    for _ in range(7):
        await store(database, given_opened())
    incidents = Incidents(database)
    first = await incidents.page(IncidentFilter(limit=3))
    second = await incidents.page(IncidentFilter(limit=3, after=_place(first[-1])))
    third = await incidents.page(IncidentFilter(limit=3, after=_place(second[-1])))
    assert [s.number for s in (*first, *second, *third)] == [7, 6, 5, 4, 3, 2, 1]
    assert await incidents.page(IncidentFilter(after=_place(third[-1]))) == []


async def test_filters_choose_by_state_category_and_call_back(database: Database) -> None:
    open_, talked, left = uuid4(), uuid4(), uuid4()
    await store(database, given_opened(open_), *whole_call(talked))
    await store(database, given_opened(left), given_failed(left, Outcome.ABANDONED))
    incidents = Incidents(database)

    async def found(**wanted: object) -> list[int]:
        return [s.number for s in await incidents.page(IncidentFilter(**wanted))]  # type: ignore[arg-type]

    assert await found() == [3, 2, 1]
    assert await found(state="open") == [1]
    assert await found(category="fire") == [3, 2]
    assert await found(callback=True) == [3]
    assert await found(callback=False) == [2, 1]
    assert await found(state="abandoned", category="fire", callback=True) == [3]
    assert await found(state="a\x00b") == []


@pytest.mark.parametrize(("limit", "shown"), [(-5, 1), (0, 1), (200, 200), (100_000, 200)])
async def test_a_page_is_never_longer_than_its_limit(database: Database, limit: int, shown: int) -> None:
    await store_together(database, [given_opened() for _ in range(205)])
    assert len(await Incidents(database).page(IncidentFilter(limit=limit))) == shown


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (IncidentFilter(), "ix_incident_opened_at_number"),
        (IncidentFilter(after=LATER), "ix_incident_opened_at_number"),
        (IncidentFilter(state="abandoned", after=LATER), "ix_incident_state_opened_at_number"),
        (IncidentFilter(category="flood", after=LATER), "ix_incident_category_opened_at_number"),
        (IncidentFilter(callback=True, after=LATER), "ix_incident_callback_opened_at_number"),
    ],
)
async def test_a_list_is_read_in_the_order_of_an_index(
    database: Database, wanted: IncidentFilter, index: str
) -> None:
    await store_together(database, [given_opened() for _ in range(1_000)])
    rare = update(t.incident).where(t.incident.c.number % 100 == 0)
    await execute(database, rare.values(state="abandoned", category="flood", callback=True), text("ANALYZE"))
    plan = await _plan(database, wanted)
    assert re.search(index, plan), plan
    assert not re.search("TEMP B-TREE|Sort|Seq Scan", plan), plan


async def _plan(database: Database, wanted: IncidentFilter) -> str:
    async def ask(connection: AsyncConnection) -> str:
        statement = page_statement(wanted, postgresql=connection.dialect.name == "postgresql").compile(
            connection.engine.sync_engine, compile_kwargs={"literal_binds": True}
        )
        if connection.dialect.name == "sqlite":
            return "\n".join(map(str, await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")))
        # PostgreSQL sorts a thousand rows rather than walk an index; what is asked is whether it could walk one.
        for name in ("enable_seqscan", "enable_sort", "enable_bitmapscan"):
            await connection.exec_driver_sql(f"SET LOCAL {name} = off")
        return "\n".join(map(str, await connection.exec_driver_sql(f"EXPLAIN {statement}")))

    return await database.read(ask)
