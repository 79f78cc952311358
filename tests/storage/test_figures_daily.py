"""What is kept of days that are over: figures made of it are always those that one counts by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Update, delete, func, insert, select, text, update

from callrouter.agencies.scoreboard import By, Period, Span
from callrouter.agencies.scoreboard_periods import shift_spans
from callrouter.incidents.clocks import Zone, zones
from callrouter.routing.table import RoutingTable
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.figures_cells import MOST_RANGES, Day, sources
from callrouter.storage.figures_daily import EVERY_S, MOST_FAILURES, FigureDays
from callrouter.storage.figures_lines import kept_days
from callrouter.storage.tables_daily import DAY_US, SLICE_US, day_begin, day_of, figure_cell, figure_day
from callrouter.storage.tables_figures import call_ring, clock_step
from tests.databases import PostgresServer
from tests.storage import figures_oracle as oracle
from tests.storage.desks import table
from tests.storage.figures_chance import (
    AREAS,
    CATEGORIES,
    DAY,
    MONTH,
    NOW,
    Chance,
    call_row,
    figures,
    incident_row,
    without_shifts,
)
from tests.storage.given import SECOND, execute

FIRST, LAST = day_of(MONTH.begin), day_of(MONTH.end) - 1
UNEVEN = Period(MONTH.begin + DAY // 3 + 7, MONTH.end - DAY // 5)


async def at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


def days(database: Database, now: int = NOW) -> FigureDays:
    return FigureDays(database, lambda: now, at_once)


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[Database]:
    opened = Database(postgres_url)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def centre_kept(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a database of a centre with two months of calls, whose days are kept; tests get copies."""
    name = "centre_kept"
    postgres_server.run(f"CREATE DATABASE {name} TEMPLATE migrated")

    async def fill() -> None:
        database = Database(postgres_server.url(name))
        chance = Chance(5)
        chance.month(120)
        chance.rows[clock_step].clear()
        await chance.store(database)
        made = days(database)
        await made.look()
        assert made.missing == 0
        await database.close()

    asyncio.run(fill())
    yield name
    postgres_server.run(f"DROP DATABASE {name}")


@pytest.fixture
async def centre(postgres_server: PostgresServer, centre_kept: str) -> AsyncIterator[Database]:
    """A centre with two months of calls, whose days are kept."""
    postgres_server.run(f"CREATE DATABASE centre_now TEMPLATE {centre_kept}")
    opened = Database(postgres_server.url("centre_now"))
    yield opened
    await opened.close()
    postgres_server.run("DROP DATABASE centre_now WITH (FORCE)")


async def held(database: Database, period: Period = MONTH) -> set[int]:
    return {one.day for one in await database.read(lambda connection: kept_days(connection, period, NOW))}


async def agree(database: Database, period: Period = MONTH, whole: RoutingTable | None = None) -> None:
    """All scoreboards of a period, and the monthly report, are those that one counts by hand."""
    found = await oracle.read(database)
    reader, given_table = figures(database, whole), whole or table()
    set_in = zones(await reader.steps(period))
    for by in (By.CATEGORY, By.AREA, By.SHIFT):
        board = await reader.scoreboard(period, by)
        assert board.lines == oracle.scoreboard(found, period, by, set_in, NOW, shift_spans(given_table, period))
    report = await reader.month("2026-11")
    reported = {str(one.disposition): (one.calls, one.undisposed) for one in report.disposed}
    assert reported == oracle.month(found, MONTH)


async def test_figures_of_kept_days_are_those_that_one_counts_by_hand(centre: Database) -> None:
    assert await held(centre) == set(range(FIRST, LAST + 1))
    for period in (MONTH, MONTH.before, UNEVEN):
        await agree(centre, period)
    await agree(centre, whole=without_shifts())
    # They are read from what is kept: a line that only that has is shown.
    await execute(centre, update(figure_cell).values(key="kept " + figure_cell.c.key))
    assert all(line.key.startswith("kept ") for line in (await figures(centre).scoreboard(MONTH, By.AREA)).lines)


def late_changes(dice: Random, found: oracle.Rows) -> list[Any]:
    """A change of each kind that may come after a day was made."""
    part = dice.choice([one for parts in found.parts.values() for one in parts])
    attempt = dice.choice([one for attempts in found.attempts.values() for one in attempts])
    ring = dice.choice(list(found.rings))

    def incident() -> UUID:
        return UUID(str(dice.choice(list(found.incidents))))

    def of_incident(**values: Any) -> Update:
        return update(t.incident).where(t.incident.c.id == incident()).values(**values)

    def of_call(**values: Any) -> Update:
        return update(t.call).where(t.call.c.id == dice.choice(found.calls)["id"]).values(**values)

    def of_part(**values: Any) -> Update:
        return update(t.incident_agency).where(t.incident_agency.c.id == part["id"]).values(**values)

    new, at = uuid4(), dice.randrange(MONTH.begin, MONTH.end)
    return [
        of_incident(category=dice.choice(CATEGORIES), area=dice.choice(AREAS)),
        of_incident(disposition=dice.choice(("test", "prank", "emergency"))),
        of_incident(merged_into=incident(), on_scene_at=at),
        of_call(human_at=at, ended_at=at + SECOND, stage="talking"),
        of_call(number="", origin="operator"),
        of_call(opened_at=at),
        of_part(acknowledged_at=part["passed_at"] + 500 * SECOND, state="acknowledged"),
        of_part(state="withdrawn"),
        delete(t.incident_agency).where(t.incident_agency.c.id == part["id"]),
        delete(t.attempt).where(t.attempt.c.call == attempt["call"], t.attempt.c.n == attempt["n"]),
        update(t.attempt).where(t.attempt.c.call == attempt["call"]).values(kind="dial", result="congestion"),
        update(call_ring).where(call_ring.c.call == ring).values(at=at),
        delete(call_ring).where(call_ring.c.call == ring),
        (
            insert(t.incident).values(incident_row(new, at, category="fire")),
            insert(t.call).values(call_row(new, at, ended_at=at + 30 * SECOND)),
        ),
        insert(t.attempt).values(
            call=new, n=1, kind="dial", label="pmi/markas", begun_at=at, result="full", by="", cause=""
        ),
        insert(call_ring).values(call=new, at=at + SECOND),
        insert(t.incident).values(incident_row(None, at, area="35.07")),
    ]


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_changes_later_is_in_the_figures_at_once_and_after_the_day_was_made_anew(
    centre: Database, seed: int
) -> None:
    dice = Chance(100 + seed).dice
    before = await held(centre)
    for n, change in enumerate(late_changes(dice, await oracle.read(centre))):
        await execute(centre, *(change if isinstance(change, tuple) else (change,)))
        if n % 3 == seed:
            await agree(centre)
    assert await held(centre) < before
    await agree(centre)
    again = days(centre)
    await again.look()
    assert again.made > 0
    assert await held(centre) == before
    await agree(centre)
    await agree(centre, MONTH.before)


async def test_a_clock_that_was_set_spoils_what_it_touches_on_kept_days_too(centre: Database) -> None:
    at = MONTH.begin + 9 * DAY + DAY // 2
    step = {"node": "pbx1", "before_at": at, "after_at": at + 7_200 * SECOND, "by_us": 7_200 * SECOND}
    await execute(centre, insert(clock_step).values(step))
    await agree(centre)


async def test_change_that_is_not_committed_while_the_day_is_made_is_in_the_figures_afterwards(
    centre: Database,
) -> None:
    found = await oracle.read(centre)
    one = next(row for row in found.incidents.values() if MONTH.begin <= row["opened_at"] < MONTH.end)
    day = day_of(one["opened_at"])
    change = update(t.incident).where(t.incident.c.id == one["id"]).values(category="other", area="99")

    async def work(connection: Any) -> None:
        await connection.execute(change)
        assert await days(centre).make(day)

    await centre.write(work)
    assert day not in await held(centre)
    await agree(centre)


async def test_day_is_not_made_before_all_have_ended_who_began_to_write_before_it_was_marked(
    postgres: Database,
) -> None:
    call, at = uuid4(), MONTH.begin + DAY // 2

    async def work(connection: Any) -> None:
        await connection.execute(insert(t.incident).values(incident_row(call, at)))
        await connection.execute(insert(t.call).values(call_row(call, at, ended_at=at + SECOND)))
        made = days(postgres)
        await made.look()
        assert made.made == 0
        assert made.missing > 0

    await execute(postgres, insert(t.incident).values(incident_row(None, at - 2 * DAY)))
    await postgres.write(work)
    await agree(postgres)
    await days(postgres).look()
    assert day_of(at) in await held(postgres)
    await agree(postgres)


async def test_of_two_services_one_makes_a_day(centre: Database) -> None:
    async def work(connection: Any) -> bool:
        await connection.execute(text("SELECT pg_advisory_xact_lock(4386)"))
        return await days(centre).make(FIRST)

    assert not await centre.write(work)
    assert await days(centre).make(FIRST)


async def test_day_with_an_acknowledgement_that_is_still_due_is_read_from_its_rows(postgres: Database) -> None:
    at, incident = MONTH.begin + DAY, incident_row(None, MONTH.begin + DAY)
    chance = Chance(1)
    chance.part(incident["id"], "damkar", at)
    chance.rows[t.incident].append(incident)
    chance.rows[t.incident_agency][0] |= {"state": "passed", "acknowledged_at": None, "due_at": NOW + SECOND}
    await chance.store(postgres)
    made = days(postgres)
    await made.look()
    assert day_of(at) not in await held(postgres)
    assert made.missing == 1
    await agree(postgres)


async def test_service_that_is_killed_while_it_makes_days_goes_on_where_it_was(centre: Database) -> None:
    await execute(centre, update(figure_day).values(made_at=None))

    class Killed(Exception):
        pass

    async def killed(_seconds: float) -> None:
        raise Killed

    with pytest.raises(Killed):
        await FigureDays(centre, lambda: NOW, killed).look()
    assert len(await held(centre)) <= 1
    await agree(centre)
    last = days(centre)
    await last.look()
    assert await held(centre) == set(range(FIRST, LAST + 1))


async def test_what_is_kept_in_another_form_is_not_used_and_made_anew(centre: Database) -> None:
    await execute(centre, update(figure_day).values(form=0))
    assert await held(centre) == set()
    await agree(centre)
    await days(centre).look()
    assert await held(centre) == set(range(FIRST, LAST + 1))


async def test_day_that_is_not_over_is_not_marked_by_its_calls(centre: Database) -> None:
    at = day_begin(day_of(NOW)) + SECOND
    await execute(centre, insert(t.incident).values(incident_row(None, at)))
    marks = await centre.read(lambda connection: connection.scalar(select(func.count()).select_from(figure_day)))
    assert marks is not None
    assert day_of(at) not in await held(centre, Period(MONTH.begin, NOW))
    assert await centre.read(lambda connection: connection.scalar(text("SELECT count(*) FROM figure_mark"))) == 0


async def test_day_that_cannot_be_made_keeps_no_other_from_being_made(centre: Database) -> None:
    await execute(
        centre,
        text("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'full'; END $$"),
        text(
            f"CREATE TRIGGER no BEFORE INSERT ON figure_cell FOR EACH ROW "
            f"WHEN (NEW.day > {LAST - MOST_FAILURES}) EXECUTE FUNCTION no()"
        ),
        update(figure_day).values(made_at=None),
    )
    made = days(centre)
    # The newest ones fail, so many that the first look ends with them; they come last at the next one.
    await made.look()
    assert (made.failed, await held(centre)) == (MOST_FAILURES, set())
    await made.look()
    assert await held(centre) == set(range(FIRST, LAST - MOST_FAILURES + 1))
    assert (made.failed, made.missing) == (2 * MOST_FAILURES, MOST_FAILURES)
    await agree(centre)
    await execute(centre, text("DROP TRIGGER no ON figure_cell"))
    await made.look()
    assert (await held(centre), made.missing) == (set(range(FIRST, LAST + 1)), 0)


async def test_rows_that_are_restored_with_an_empty_search_path_mark_their_day(centre: Database) -> None:
    """As pg_dump's own scripts restore them."""
    await execute(
        centre,
        text("SET LOCAL search_path = ''"),
        text(
            "UPDATE public.call SET opened_at = (SELECT max(day) FROM public.figure_day) * 86400000000 - 25200000000 "
            "WHERE id = (SELECT min(id::text)::uuid FROM public.call)"
        ),
        text("INSERT INTO public.figure_day (day) SELECT max(day) + 1 FROM public.figure_day"),
        text("UPDATE public.incident SET updated_at = updated_at + 1"),
        text("UPDATE public.incident_agency SET version = version + 1"),
        text("UPDATE public.attempt SET label = label"),
        text("DELETE FROM public.call_ring"),
    )
    assert LAST not in await held(centre)


# ------------------------------------------------------------------------------------------------ sources
@given(
    begin=st.integers(0, 3 * DAY_US),
    length=st.integers(1, 40 * DAY_US),
    kept=st.sets(st.integers(-1, 45)),
    set_at=st.lists(st.integers(0, 40 * DAY_US), max_size=3),
)
def test_sources_hold_every_moment_once(begin: int, length: int, kept: set[int], set_at: list[int]) -> None:
    period = Period(begin, begin + length)
    held_days = [Day(day, day_begin(day), day_begin(day + 1)) for day in sorted(kept)]
    found = sources(period, held_days, [Zone(at, at) for at in set_at], ())
    assert len(found.ranges) <= MOST_RANGES
    pieces = [*found.ranges, *(Period(day_begin(day), day_begin(day + 1)) for day in found.days)]
    ordered = sorted(pieces, key=lambda one: one.begin)
    assert [one.begin for one in ordered] == [period.begin, *(one.end for one in ordered[:-1])]
    assert ordered[-1].end == period.end
    assert set(found.days) <= kept
    assert not any(day_begin(day) <= at <= day_begin(day + 1) for day in found.days for at in set_at)


def test_shift_that_begins_within_a_quarter_of_an_hour_is_read_from_the_rows() -> None:
    held_days = [Day(day, None, None) for day in range(FIRST, LAST + 1)]
    edge = MONTH.begin + DAY + SLICE_US
    even = [Span("day", MONTH.begin, edge), Span("night", edge, MONTH.end)]
    uneven = [Span("day", MONTH.begin, edge + SECOND), Span("night", edge + SECOND, MONTH.end)]
    assert sources(MONTH, held_days, (), even).ranges == ()
    assert sources(MONTH, held_days, (), uneven).ranges == (MONTH,)


async def test_database_that_is_away_is_looked_at_again(tmp_path: Path) -> None:
    away = Database(f"postgresql://nobody@/none?host={tmp_path}")
    slept: list[float] = []

    async def twice(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await FigureDays(away, sleep=twice).run()
    assert slept == [EVERY_S, EVERY_S]
    await away.close()
