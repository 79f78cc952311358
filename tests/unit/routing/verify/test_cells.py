"""Cells of time, against the oracle asked minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings

from callrouter.routing.cells import cells, distinct, flags_of, horizon
from callrouter.routing.table import RoutingTable
from tests.unit.routing.oracle import is_open
from tests.unit.routing.verify.given import AT, Document, add_route, good
from tests.unit.routing.verify.naive import AT as MONDAY
from tests.unit.routing.verify.small import tables

STEP = timedelta(minutes=30)
DAYS = 12


def state(table: Document, at: datetime) -> tuple[list[bool], list[bool]]:
    """What is open and what is valid, by the oracle."""
    valid = [
        (r["valid_from"] is None or at >= datetime.fromisoformat(r["valid_from"]))
        and (r["valid_until"] is None or at < datetime.fromisoformat(r["valid_until"]))
        for r in table["routing"]["routes"]
    ]
    return [is_open(table, s["key"], at) for s in table["routing"]["schedules"]], valid


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(table=tables())
def test_flags_say_what_is_open_and_valid_at_every_half_hour(table: RoutingTable) -> None:
    document = table.model_dump(mode="json")
    schedules, routes = table.routing.schedules, table.routing.routes
    flags = flags_of(schedules, routes)
    found = list(cells(flags, schedules, routes, table.centre.timezone, MONDAY, DAYS))
    assert [c.at + c.seconds for c in found[:-1]] == [c.at for c in found[1:]], "without a gap"
    for n in range(DAYS * 48):
        at = MONDAY + n * STEP
        (cell,) = [c for c in found if c.at <= at.timestamp() < c.at + c.seconds]
        opened = [bool(cell.flags & flags.schedules[s.key]) for s in schedules]
        valid = [bool(cell.flags & flags.routes[r.key]) if r.key in flags.routes else True for r in routes]
        assert (opened, valid) == state(document, at)


def test_cells_begin_at_once_and_end_at_the_horizon() -> None:
    table = good()
    flags = flags_of(table.routing.schedules, table.routing.routes)
    found = list(cells(flags, table.routing.schedules, (), "Asia/Jakarta", AT))
    assert found[0].at == AT.timestamp()
    assert found[-1].at + found[-1].seconds == horizon(AT).timestamp() == (AT + timedelta(days=400)).timestamp()


def test_cells_of_the_same_truth_are_one_with_the_first_instant_and_all_their_time() -> None:
    table = good()
    office = [s for s in table.routing.schedules if s.key == "office"]
    found = distinct(cells(flags_of(office, ()), office, (), "Asia/Jakarta", AT, days=7))
    assert [(datetime.fromtimestamp(c.at, UTC), c.seconds / 3600) for c in found] == [
        (AT, 5 * 8.5),
        (datetime(2026, 3, 2, 8, 30, tzinfo=UTC), 7 * 24 - 5 * 8.5),
    ]


def test_route_that_is_over_or_not_yet_valid_has_its_flag_unset() -> None:
    def limited(t: Document) -> None:
        add_route(t, key="over", priority=9001, valid_until=AT)
        add_route(t, key="soon", priority=9002, valid_from=AT + timedelta(hours=1))
        add_route(t, key="now", priority=9003, valid_until=AT + timedelta(hours=1))

    routes = good(limited).routing.routes
    flags = flags_of((), routes)
    found = list(cells(flags, (), routes, "Asia/Jakarta", AT))
    names = [{key for key, bit in flags.routes.items() if cell.flags & bit} for cell in found]
    assert names == [{"now"}, {"soon"}]


def test_schedule_that_nobody_asks_about_cuts_nothing() -> None:
    table = good()
    assert len(list(cells(flags_of((), ()), table.routing.schedules, (), "Asia/Jakarta", AT))) == 1
