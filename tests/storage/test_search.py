"""What incidents are found by, on both databases: filters, words, and pages that go on over years."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.incidents.desk import Actor
from callrouter.incidents.model import Disposition, Outcome, incident_id
from callrouter.incidents.views import IncidentFilter, OpenedPlace
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.incidents import Incidents
from callrouter.storage.words import asked_words, keep_words, words
from tests.storage.given import execute, given_failed, given_opened, store, whole_call

BY = Actor("op1 (operator)")


def a_desk(database: Database, **more: Any) -> IncidentTables:
    return IncidentTables(database, acknowledge_s=120, **more)


async def found(database: Database, **wanted: Any) -> list[UUID]:
    return [summary.id for summary in await Incidents(database).page(IncidentFilter(**wanted))]


async def opened(database: Database, count: int) -> list[UUID]:
    """Open incidents a second apart; return their ids, oldest first."""
    calls = [uuid4() for _ in range(count)]
    for call in calls:
        await store(database, given_opened(call, name=""))
    ids = [incident_id(call) for call in calls]
    for n, id_ in enumerate(ids):
        await execute(database, update(t.incident).where(t.incident.c.id == id_).values(opened_at=1_000_000 * n))
    return ids


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("Jl. Merdeka No.12, RT03/RW05", "jl merdeka no 12 rt03 rw05"),
        ("api api API", "api"),
        ("kebakaran_besar\x00\n-- '; DROP", "kebakaran besar drop"),
        ("ÉTAGE straße 火事", "étage strasse 火事"),
        ("1.5e3 a@b.id http://x/y", "1 5e3 a b id http x y"),
    ],
)
def test_words_are_taken_apart_where_anything_but_letters_and_digits_stands(text: str, kept: str) -> None:
    assert words(text) == kept


def test_of_a_question_only_so_many_words_count() -> None:
    assert asked_words("a b c d e f g h i j") == list("abcdefgh")
    assert asked_words(" .-' ") == []


async def test_what_a_person_writes_is_found_by_the_beginnings_of_its_words(database: Database) -> None:
    first, second = await opened(database, 2)
    desk = a_desk(database)
    await desk.change(first, None, {"description": "Kebakaran di pasar besar", "place": "Jl. Merdeka 12"}, BY)
    await desk.note(second, "pelapor bilang asap dari Pasar Minggu", BY)
    await desk.change(second, None, {"reporter_name": "Siti Rahma"}, BY)
    assert await found(database, words="pasar") == [second, first]
    assert await found(database, words="PASAR bes") == [first]
    assert await found(database, words="merdeka 12") == [first]
    assert await found(database, words="rahma asap") == [second]
    assert await found(database, words="asar") == []
    assert await found(database, words="kebakaran siti") == []
    for nothing in ("'", '"', "* OR", "\x00", "NEAR(", "a:b"):
        assert first not in await found(database, words=nothing)
    await desk.change(first, None, {"description": None, "place": None}, BY)
    assert await found(database, words="merdeka") == []


async def test_a_callers_name_is_found_and_stays_with_what_is_written_later(database: Database) -> None:
    call = uuid4()
    await store(database, given_opened(call, name="Budi Santoso"))
    assert await found(database, words="santoso") == [incident_id(call)]
    await a_desk(database).note(incident_id(call), "minta ambulans", BY)
    await store(database, *whole_call(call)[1:])
    assert await found(database, words="budi ambulans") == [incident_id(call)]


async def test_each_filter_chooses_what_it_names_and_they_hold_together(database: Database) -> None:
    talked, left, plain = uuid4(), uuid4(), uuid4()
    await store(database, given_opened(plain, number="0341777"))
    await store(database, given_opened(talked, number="081234567890"), *whole_call(talked)[1:])
    await store(database, given_opened(left, number="+6281234567890"), given_failed(left, Outcome.ABANDONED))
    at = {call: incident_id(call) for call in (talked, left, plain)}
    desk = a_desk(database)
    await desk.change(at[plain], None, {"area": "35.07.13"}, BY)
    await desk.pass_to(at[plain], None, ["damkar"], "", BY)
    same = ("081234567890", "+6281234567890")
    assert set(await found(database, numbers=same)) == {at[talked], at[left]}
    assert await found(database, numbers=same, outcome="abandoned") == [at[left]]
    assert await found(database, area="35.07.13") == [at[plain]]
    assert at[plain] in await found(database, agency="damkar")
    assert await found(database, agency="damkar", area="35.07.14") == []
    assert await found(database, disposition=Disposition.ABANDONED.value) == [at[left]]
    assert await found(database, operator="nobody") == []
    assert await found(database, merged=True) == []
    assert len(await found(database, merged=False)) == 3


async def test_a_reporters_number_is_found_like_a_callers(database: Database) -> None:
    (first,) = await opened(database, 1)
    await a_desk(database).change(first, None, {"reporter_number": "0341551234"}, BY)
    assert await found(database, numbers=("0341551234", "+62341551234")) == [first]


async def test_what_stood_in_from_is_found_like_the_asserted_number_and_once(database: Database) -> None:
    one, both = uuid4(), uuid4()
    numbers = ("0341551234", "+62341551234")
    await store(database, given_opened(one, number="+6281234567890", sent_from="0341551234"))
    await store(database, given_opened(both, number="+62341551234", sent_from="0341551234"))
    await store(database, given_opened(uuid4(), number="0341777", sent_from="0341777"))
    await a_desk(database).change(incident_id(one), None, {"reporter_number": "0341551234"}, BY)
    assert sorted(await found(database, numbers=numbers)) == sorted([incident_id(one), incident_id(both)])
    assert await found(database, numbers=("+6281234567890",)) == [incident_id(one)]


async def test_who_talked_is_found_by_his_key(database: Database) -> None:
    first, second = await opened(database, 2)
    await execute(database, update(t.call).where(t.call.c.incident == first).values(joined_by="op1"))
    assert await found(database, operator="op1") == [first]
    assert second not in await found(database, operator="op1")


async def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(database: Database) -> None:
    ids = await opened(database, 5)
    assert await found(database, since=1_000_000, until=3_000_000) == [ids[2], ids[1]]
    assert await found(database, since=4_000_001) == []


async def test_what_changed_since_is_found(database: Database) -> None:
    first, _ = await opened(database, 2)
    await execute(database, update(t.incident).values(updated_at=5))
    desk = a_desk(database, now_us=lambda: 1_000)
    await desk.note(first, "x", BY)
    assert await found(database, changed_since=6) == [first]


async def test_pages_go_on_over_incidents_of_one_moment_and_of_others(database: Database) -> None:
    ids = await opened(database, 9)
    for n in (3, 4, 5):
        await execute(database, update(t.incident).where(t.incident.c.id == ids[n]).values(opened_at=4_000_000))
    seen: list[UUID] = []
    after: OpenedPlace | None = None
    for _ in range(10):
        page = await Incidents(database).page(IncidentFilter(limit=2, after=after))
        if not page:
            break
        seen += [summary.id for summary in page]
        after = OpenedPlace(page[-1].opened, page[-1].number)
        # What comes meanwhile stands before the place, or behind it: nothing that was there moves.
        await store(database, given_opened())
    assert [id_ for id_ in seen if id_ in ids] == [ids[n] for n in (8, 7, 6, 5, 4, 3, 2, 1, 0)]
    assert len(seen) == len(set(seen))


async def test_pages_of_a_number_go_on_over_calls_of_one_moment_and_leave_none_out(database: Database) -> None:
    moments = [0, 0, 0, 1, 1, 2, 3, 3, 3]
    for n, moment in enumerate(moments):
        call = uuid4()
        await store(database, given_opened(call, number=("081234567890", "+6281234567890")[n % 2]))
        of = (t.incident, t.incident.c.id == incident_id(call)), (t.call, t.call.c.id == call)
        for table, this in of:
            await execute(database, update(table).where(this).values(opened_at=1_000_000 * (1 + moment)))
    await store(database, given_opened(uuid4(), number="0341777"))
    reader = Incidents(database)
    wanted = IncidentFilter(numbers=("081234567890", "+6281234567890"))
    all_of_them = await reader.page(wanted)
    assert [one.opened for one in all_of_them] == [1_000_000 * (1 + moment) for moment in reversed(moments)]
    for limit in (1, 2, 4):
        seen: list[UUID] = []
        after = None
        while page := await reader.page(replace(wanted, limit=limit, after=after)):
            assert len(page) <= limit
            seen += [one.id for one in page]
            after = OpenedPlace(page[-1].opened, page[-1].number)
        assert seen == [one.id for one in all_of_them]
    until = await reader.page(replace(wanted, until=3_000_000, limit=2))
    assert until == [one for one in all_of_them if one.opened < 3_000_000][:2]


async def test_what_is_read_for_listeners_names_the_agencies(database: Database) -> None:
    first, second = await opened(database, 2)
    await a_desk(database).pass_to(first, None, ["damkar", "pmi"], "", BY)
    now = {one.summary.id: one for one in await Incidents(database).now([first, second, uuid4()])}
    assert now[first].agencies == {"damkar", "pmi"}
    assert now[second].agencies == frozenset()
    assert len(now) == 2
    assert await Incidents(database).now([]) == []


async def test_what_was_blanked_is_not_found_any_more(database: Database) -> None:
    call = uuid4()
    await store(database, given_opened(call, name="Budi Santoso"))
    await a_desk(database).note(incident_id(call), "rumah Pak Slamet", BY)
    assert await found(database, words="slamet") == [incident_id(call)]
    await execute(database, update(t.call).values(name=""), delete(t.incident_event))

    async def blank(connection: AsyncConnection) -> None:
        await keep_words(connection, [incident_id(call)])

    await database.write(blank)
    assert await found(database, words="slamet") == []
    assert await found(database, words="budi") == []
