"""Calls as they were decided, page by page."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import update

from callrouter.publishing.errors import NoSuchEntry
from callrouter.publishing.model import PastCall
from callrouter.routing.facts import AreaSource
from callrouter.storage import past_calls as module
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.desk import DeskTables
from tests.storage.desks import KEY
from tests.storage.given import AT, FACTS, PLAN_TEXT, execute, given_opened, given_routed, store_together, whole_call


def _id(n: int) -> UUID:
    return UUID(int=n << 64)


async def _given(database: Database, *decided: tuple[int, int]) -> None:
    """Calls by number, each decided at AT and that many µs."""
    items = [item for n, at in decided for item in (given_opened(_id(n)), given_routed(_id(n), at=AT + at))]
    await store_together(database, items)


async def _numbers(desk: DeskTables, begin: int, end: int, after: int | None, limit: int) -> list[int]:
    found = await desk.past_calls(AT + begin, AT + end, None if after is None else str(_id(after)), limit)
    return [UUID(call.call).int >> 64 for call in found]


@pytest.fixture
def desk(database: Database) -> DeskTables:
    return DeskTables(database, KEY)


async def test_a_call_comes_with_its_facts_and_what_was_decided(desk: DeskTables, database: Database) -> None:
    facts = FACTS.model_copy(
        update={"area": "35.07.13", "area_source": AreaSource.TRUNK, "unavailable": ("agency/bpbd", "group/all")}
    )
    await store_together(database, [*whole_call(_id(1)), given_routed(_id(1), at=AT + 5_000_000, facts=facts)])
    shown = PastCall(str(_id(1)), AT + 5_000_000, facts, 1, "fire-day", PLAN_TEXT)
    assert await desk.past_calls(0, 2**62, None, 10) == [shown]


async def test_calls_come_in_the_order_of_their_decisions(desk: DeskTables, database: Database) -> None:
    await _given(database, (3, 10), (1, 20), (2, 20), (9, 5))
    assert await _numbers(desk, 0, 100, None, 10) == [9, 3, 1, 2]


async def test_the_period_holds_its_beginning_and_not_its_end(desk: DeskTables, database: Database) -> None:
    await _given(database, (1, 9), (2, 10), (3, 19), (4, 20))
    assert await _numbers(desk, 10, 20, None, 10) == [2, 3]
    assert await _numbers(desk, 30, 40, None, 10) == []


async def test_pages_follow_each_other_also_within_one_instant(desk: DeskTables, database: Database) -> None:
    await _given(database, *((n, 7 if n < 6 else 8) for n in range(1, 11)))
    seen: list[int] = []
    while page := await _numbers(desk, 0, 100, seen[-1] if seen else None, 3):
        seen += page
    assert seen == list(range(1, 11))


async def test_a_page_is_read_in_pieces(
    desk: DeskTables, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROWS", 2)
    await _given(database, *((n, n) for n in range(1, 8)))
    assert await _numbers(desk, 0, 100, None, 5) == [1, 2, 3, 4, 5]
    assert await _numbers(desk, 0, 100, 5, 5) == [6, 7]


async def test_a_call_that_nobody_decided_is_not_among_them(desk: DeskTables, database: Database) -> None:
    await _given(database, (1, 1))
    await store_together(database, [given_opened(_id(2))])
    assert await _numbers(desk, -(10**9), 10**9, None, 10) == [1]


async def test_facts_that_cannot_be_read_leave_out_one_call_and_no_page(desk: DeskTables, database: Database) -> None:
    await _given(database, (1, 1), (2, 2), (3, 3))
    await execute(database, update(t.call).where(t.call.c.id == _id(2)).values(facts={"origin": "nobody"}))
    assert await _numbers(desk, 0, 100, None, 2) == [1, 3]


@pytest.mark.parametrize("after", ["", "x", "' OR 1=1", str(UUID(int=5)), "\x00"])
async def test_an_unknown_call_to_go_on_behind_is_refused(desk: DeskTables, database: Database, after: str) -> None:
    await _given(database, (1, 1))
    with pytest.raises(NoSuchEntry):
        await desk.past_calls(0, 2**62, after, 10)
