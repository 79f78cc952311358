"""Callers to call back: one entry for each number, the most urgent first, off once a human was reached."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.ports import CallOpened
from callrouter.incidents.callbacks import Callback, CallbackFilter, Place
from callrouter.incidents.model import Outcome, incident_id
from callrouter.storage import tables as t
from callrouter.storage.callbacks import Callbacks, page_statement
from callrouter.storage.database import Database
from tests.storage.given import (
    AT,
    SECOND,
    execute,
    given_ended,
    given_failed,
    given_joined,
    given_opened,
    given_routed,
    store,
    store_together,
)

URGENCY = {None: 5, "ambulance": 10, "fire": 9, "light": 0}


def reader(database: Database) -> Callbacks:
    return Callbacks(database, lambda: URGENCY)


async def listed(database: Database, **wanted: Any) -> list[Callback]:
    return await reader(database).page(CallbackFilter(**wanted))


async def failed(
    database: Database,
    number: str,
    second: int = 0,
    outcome: Outcome = Outcome.ABANDONED,
    category: str = "",
    **ended: Any,
) -> UUID:
    """Store a call that came at that second, and ended ten seconds later without a human."""
    call, at = uuid4(), AT + second * SECOND
    end = replace(given_failed(call, outcome), at=at + 10 * SECOND, category=category, **ended)
    await store(database, given_opened(call, number=number, at=at), end)
    return call


async def talked(database: Database, number: str, second: int, **ended: Any) -> UUID:
    """Store a call that came at that second, and talked from five to sixty seconds later."""
    call, at = uuid4(), AT + second * SECOND
    end = given_ended(call, at=at + 60 * SECOND, human=at + 5 * SECOND, **ended)
    await store(database, given_opened(call, number=number, at=at), end)
    return call


async def test_who_was_heard_by_no_human_or_was_cut_is_listed_and_says_why(database: Database) -> None:
    for n, outcome in enumerate((Outcome.ABANDONED, Outcome.RECORDED, Outcome.NO_MESSAGE, Outcome.CUT)):
        await failed(database, f"{n}", n, outcome)
    await talked(database, "9", 0)
    await store(database, given_opened(number="8"))
    assert [(one.number, one.reason) for one in await listed(database)] == [
        ("0", "abandoned"),
        ("1", "recorded"),
        ("2", "no_message"),
        ("3", "cut"),
    ]


async def test_order_is_by_urgency_then_by_who_has_waited_longest(database: Database) -> None:
    await failed(database, "light", 0, category="light")
    await failed(database, "none", 1)
    await failed(database, "fire-late", 9, category="fire")
    await failed(database, "fire-early", 2, category="fire")
    await failed(database, "ambulance", 10, category="ambulance")
    await failed(database, "gone", 0, category="a-category-of-before")
    found = await listed(database)
    assert [one.number for one in found] == ["ambulance", "fire-early", "fire-late", "gone", "none", "light"]
    assert [one.urgency for one in found] == [10, 9, 9, 5, 5, 0]


async def test_number_that_called_often_is_one_entry_of_its_most_urgent_and_oldest_call(database: Database) -> None:
    await failed(database, "1", 0)
    urgent = await failed(database, "1", 20, Outcome.CUT, "fire", stage="agency")
    await failed(database, "1", 40, category="fire")
    (one,) = await listed(database)
    assert (one.incident, one.number_for_people) == (incident_id(urgent), 2)
    assert (one.reason, one.stage, one.category, one.urgency) == ("cut", "agency", "fire", 9)
    assert (one.calls, one.first, one.last) == (3, AT, AT + 40 * SECOND)
    assert (one.opened, one.ended) == (AT + 20 * SECOND, AT + 30 * SECOND)


async def test_withheld_numbers_are_not_one_caller(database: Database) -> None:
    await failed(database, "", 0)
    await failed(database, "", 1)
    await talked(database, "", 2)
    assert [(one.number, one.calls) for one in await listed(database)] == [("", 1), ("", 1)]


async def test_number_that_reaches_a_human_later_is_off(database: Database) -> None:
    await failed(database, "1", 0)
    await failed(database, "2", 0)
    await talked(database, "1", 30)
    assert [one.number for one in await listed(database)] == ["2"]


async def test_talk_before_the_call_takes_nothing_off(database: Database) -> None:
    await talked(database, "1", 0)
    await failed(database, "1", 300)
    assert [one.number for one in await listed(database)] == ["1"]


async def test_another_line_of_the_number_that_got_a_human_after_this_one_gave_up_takes_it_off(
    database: Database,
) -> None:
    await talked(database, "1", 6)  # waits from second 6, talks from 11
    await failed(database, "1", 0)  # gives up in second 10
    assert await listed(database) == []


async def test_later_call_without_a_human_takes_nothing_off_and_one_that_was_cut_neither(database: Database) -> None:
    await failed(database, "1", 0)
    await failed(database, "1", 60, Outcome.RECORDED)
    cut = await failed(database, "2", 0)
    assert cut
    call = uuid4()
    end = given_failed(call, Outcome.CUT, at=AT + 90 * SECOND, category="")
    await store(database, given_opened(call, number="2", at=AT + 60 * SECOND), given_joined(call), end)
    assert [(one.number, one.calls) for one in await listed(database)] == [("1", 2), ("2", 2)]


async def test_number_that_talks_with_a_human_now_is_off_and_on_again_if_that_is_cut(database: Database) -> None:
    await failed(database, "1", 0)
    call = uuid4()
    await store(database, CallOpened(given_opened(call, number="1", at=AT + 60 * SECOND)), given_routed(call))
    assert len(await listed(database)) == 1
    await store(database, given_joined(call, at=AT + 65 * SECOND))
    assert await listed(database) == []
    cut = replace(given_failed(call, Outcome.CUT), at=AT + 90 * SECOND, stage="talking")
    await store(database, cut)
    (one,) = await listed(database)
    assert one.calls == 2


async def test_call_cut_in_its_talk_shows_that_it_had_a_human(database: Database) -> None:
    call = uuid4()
    await store(database, given_opened(call), given_routed(call), given_joined(call))
    await store(database, given_ended(call, outcome=Outcome.CUT, human=AT + 10 * SECOND, attempts=(), category=""))
    (one,) = await listed(database)
    assert (one.reason, one.human, one.category, one.language) == ("cut", AT + 10 * SECOND, "fire", "id")


async def test_what_a_person_has_decided_counts(database: Database) -> None:
    done, wanted = await failed(database, "1", 0), await talked(database, "2", 0)
    by_person = {"callback_by_person": True}
    await execute(
        database,
        update(t.incident).where(t.incident.c.id == incident_id(done)).values(callback=False, **by_person),
        update(t.incident)
        .where(t.incident.c.id == incident_id(wanted))
        .values(callback=True, callback_reason="asked for it", **by_person),
    )
    assert [(one.number, one.reason) for one in await listed(database)] == [("2", "asked for it")]


async def test_filters_choose_among_the_calls(database: Database) -> None:
    await failed(database, "1", 0, Outcome.RECORDED, "fire")
    await failed(database, "1", 100, Outcome.ABANDONED, "ambulance")
    await failed(database, "2", 50, Outcome.ABANDONED, "fire")
    assert [one.number for one in await listed(database)] == ["1", "2"]
    assert [(one.number, one.calls) for one in await listed(database, category="fire")] == [("1", 1), ("2", 1)]
    assert [one.number for one in await listed(database, reason="recorded")] == ["1"]
    assert [one.number for one in await listed(database, since=AT + 60 * SECOND)] == ["1"]
    assert await listed(database, category="fire", since=AT + 60 * SECOND) == []
    assert await listed(database, category="a\x00b") == []


async def test_pages_go_on_after_the_last_entry(database: Database) -> None:
    for n in range(7):
        await failed(database, f"{n}", n // 2, category=("fire", "")[n % 2])
    whole = [one.number for one in await listed(database)]
    assert whole == ["0", "2", "4", "6", "1", "3", "5"]
    found: list[str] = []
    after: Place | None = None
    while page := await listed(database, limit=3, after=after):
        found += [one.number for one in page]
        after = Place(page[-1].urgency, page[-1].first, page[-1].number_for_people)
    assert found == whole


@pytest.mark.parametrize(("limit", "shown"), [(-5, 1), (0, 1), (200, 200), (100_000, 200)])
async def test_a_page_is_never_longer_than_its_limit(database: Database, limit: int, shown: int) -> None:
    calls = [uuid4() for _ in range(205)]
    items = [item for n, call in enumerate(calls) for item in (given_opened(call, number=f"{n}"),)]
    await store_together(database, [*items, *(given_failed(call, Outcome.ABANDONED) for call in calls)])
    assert len(await listed(database, limit=limit)) == shown


async def test_list_is_found_by_indexes(database: Database) -> None:
    await store_together(database, [given_opened(number=f"{n}") for n in range(2_000)])
    rare = update(t.incident).where(t.incident.c.number % 200 == 0).values(callback=True)
    most = update(t.call).values(outcome=str(Outcome.TALKED), human_at=t.call.c.opened_at)
    await execute(database, rare, most, text("ANALYZE"))
    plan = await _plan(database)
    assert re.search("ix_incident_callback_opened_at_number", plan), plan
    assert re.search("ix_call_number_(human|opened)_at", plan), plan
    assert not re.search(r"SCAN (incident|call|later)\b(?! USING)|Seq Scan on (incident|call later)", plan), plan


async def _plan(database: Database) -> str:
    async def ask(connection: AsyncConnection) -> str:
        statement = page_statement(CallbackFilter(), URGENCY).compile(
            connection.engine.sync_engine, compile_kwargs={"literal_binds": True}
        )
        if connection.dialect.name == "sqlite":
            return "\n".join(map(str, await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")))
        await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return "\n".join(map(str, await connection.exec_driver_sql(f"EXPLAIN {statement}")))

    return await database.read(ask)
