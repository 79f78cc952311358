"""When a schedule is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from callrouter.routing.conditions import Calendar
from callrouter.routing.schedule import HORIZON_DAYS, open_times
from callrouter.routing.table import RoutingTable
from callrouter.routing.times import Schedule
from tests.unit.routing import oracle
from tests.unit.routing.tables import instants, tables

WIB, WITA, WIT = "Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"
WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WORKDAYS = WEEK[:5]
NAME = {"id": "libur", "en": "holiday"}
MONDAY, TUESDAY, FRIDAY, SUNDAY = (f"2026-03-{day:02}" for day in (2, 3, 6, 8))


def window(opens: str, closes: str, days: list[str] = WEEK) -> dict[str, Any]:
    return {"opens": opens, "closes": closes, "days": days}


def hours(opens: str, closes: str) -> dict[str, str]:
    return {"opens": opens, "closes": closes}


def schedule(*windows: dict[str, Any], **given: Any) -> Schedule:
    return Schedule.model_validate({"key": "s", "name": "s", "windows": windows, **given})


def holiday(date: str) -> dict[str, Any]:
    return {"date": date, "name": NAME}


def exception(date: str, *its: dict[str, str]) -> dict[str, Any]:
    return {"date": date, "name": NAME, "hours": its}


def is_open(asked: Schedule, local: str, zone: str = WIB) -> bool:
    """Ask as of a local time, in every way there is; they agree."""
    at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(asked.timezone or zone))
    calendar = Calendar((asked,), zone)
    near = open_times(asked, zone, at - timedelta(hours=1), days=1)
    found = calendar.open_at("s", at.timestamp())
    assert calendar.block("s", at.timestamp()).open_at(at.timestamp()) is found
    assert near.open_at(at.timestamp()) is found
    return found


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [
        (WIB, "2026-03-03T00:30:00+00:00", "2026-03-03T08:59:59+00:00"),
        (WITA, "2026-03-02T23:30:00+00:00", "2026-03-03T07:59:59+00:00"),
        (WIT, "2026-03-02T22:30:00+00:00", "2026-03-03T06:59:59+00:00"),
    ],
)
@pytest.mark.parametrize("own", [True, False])
def test_office_hours_are_those_of_its_zone_or_else_of_the_centres(
    zone: str, first: str, last: str, own: bool
) -> None:
    office = schedule(window("07:30", "16:00"), timezone=zone if own else None)
    calendar = Calendar((office,), "Europe/Berlin" if own else zone)
    second = timedelta(seconds=1)
    begins, ends = datetime.fromisoformat(first), datetime.fromisoformat(last)
    opened = [calendar.open_at("s", t.timestamp()) for t in (begins - second, begins, ends, ends + second)]
    assert opened == [False, True, True, False]


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        (f"{FRIDAY}T07:29:59.999999", False),
        (f"{FRIDAY}T07:30", True),
        (f"{FRIDAY}T15:59:59.999999", True),
        (f"{FRIDAY}T16:00", False),
        (f"{SUNDAY}T12:00", False),
    ],
)
def test_window_is_open_from_its_beginning_to_before_its_end_on_its_days(local: str, expected: bool) -> None:
    assert is_open(schedule(window("07:30", "16:00", WORKDAYS)), local) is expected


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        (f"{FRIDAY}T21:59", False),
        (f"{FRIDAY}T22:00", True),
        ("2026-03-07T05:59", True),
        ("2026-03-07T06:00", False),
        ("2026-03-07T22:30", False),
        (f"{FRIDAY}T02:00", False),
    ],
)
def test_window_past_midnight_belongs_to_the_day_on_which_it_opens(local: str, expected: bool) -> None:
    assert is_open(schedule(window("22:00", "06:00", ["fri"])), local) is expected


@pytest.mark.parametrize(
    ("local", "expected"),
    [(f"{TUESDAY}T23:59:59", True), ("2026-03-04T00:00", False), (f"{TUESDAY}T00:00", True), (MONDAY, False)],
)
def test_whole_day_is_from_midnight_to_midnight(local: str, expected: bool) -> None:
    assert is_open(schedule(window("00:00", "24:00", ["tue"])), local) is expected


def test_windows_that_touch_or_overlap_are_one() -> None:
    asked = schedule(window("08:00", "12:00"), window("12:00", "14:00"), window("13:00", "20:00"))
    found = open_times(asked, WIB, datetime(2026, 3, 2, 17, tzinfo=UTC), days=1)
    assert [datetime.fromtimestamp(edge, ZoneInfo(WIB)).hour for edge in found.edges] == [8, 20]


def test_window_within_another_does_not_end_it() -> None:
    asked = schedule(window("08:00", "20:00"), window("09:00", "10:00"))
    assert [is_open(asked, f"{TUESDAY}T{clock}") for clock in ("09:30", "10:00", "19:59", "20:00")] == [
        True,
        True,
        True,
        False,
    ]


def test_all_day_every_day_never_closes() -> None:
    begins = datetime(2026, 3, 2, 4, 5, tzinfo=UTC)
    found = open_times(schedule(window("00:00", "24:00")), WIB, begins)
    assert found.edges == (found.begins, found.ends)
    assert found.ends - found.begins == HORIZON_DAYS * 86_400


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        (f"{MONDAY}T23:00", True),
        (f"{TUESDAY}T03:00", True),
        (f"{TUESDAY}T09:00", False),
        (f"{TUESDAY}T23:00", False),
        ("2026-03-04T03:00", False),
        ("2026-03-04T09:00", True),
    ],
)
def test_on_a_holiday_no_window_opens_and_that_of_the_night_before_goes_on(local: str, expected: bool) -> None:
    asked = schedule(window("08:00", "16:00"), window("22:00", "06:00"), holidays=[holiday(TUESDAY)])
    assert is_open(asked, local) is expected


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        (f"{TUESDAY}T09:00", False),
        (f"{TUESDAY}T10:00", True),
        (f"{TUESDAY}T11:59", True),
        (f"{TUESDAY}T12:30", False),
        (f"{TUESDAY}T23:00", True),
        ("2026-03-04T00:59", True),
        ("2026-03-04T01:00", False),
    ],
)
def test_exception_has_hours_of_its_own_also_on_a_holiday(local: str, expected: bool) -> None:
    asked = schedule(
        window("08:00", "16:00"),
        holidays=[holiday(TUESDAY)],
        exceptions=[exception(TUESDAY, hours("10:00", "12:00"), hours("23:00", "01:00"))],
    )
    assert is_open(asked, local) is expected


def test_exception_without_hours_is_closed() -> None:
    asked = schedule(window("08:00", "16:00"), exceptions=[exception(TUESDAY)])
    assert [is_open(asked, f"{day}T09:00") for day in (MONDAY, TUESDAY)] == [True, False]


# ---------------------------------------------------------------------------------------------- clocks that change
# In Berlin 02:00 to 03:00 is skipped on 2026-03-29, and comes twice on 2026-10-25.
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("utc", "expected"),
    [
        ("2026-03-28T08:00+00:00", True),
        ("2026-03-28T07:59+00:00", False),
        ("2026-03-29T07:00+00:00", True),
        ("2026-03-29T06:59+00:00", False),
        ("2026-03-30T07:00+00:00", True),
    ],
)
def test_window_follows_the_clocks_when_they_change(utc: str, expected: bool) -> None:
    calendar = Calendar((schedule(window("09:00", "17:00")),), BERLIN)
    assert calendar.open_at("s", datetime.fromisoformat(utc).timestamp()) is expected


def spans(asked: Schedule, date: str) -> list[tuple[str, str]]:
    """Return when it is open from that day on, for two days, in UTC."""
    begins = datetime.fromisoformat(date).replace(tzinfo=ZoneInfo(BERLIN))
    edges = [f"{datetime.fromtimestamp(e, UTC):%d %H:%M}" for e in open_times(asked, BERLIN, begins, 2).edges]
    return list(zip(edges[::2], edges[1::2], strict=True))


def test_night_of_a_clock_that_is_put_forward_is_an_hour_shorter() -> None:
    assert spans(schedule(window("22:00", "06:00", ["sat"])), "2026-03-28") == [("28 21:00", "29 04:00")]


def test_night_of_a_clock_that_is_put_back_is_an_hour_longer() -> None:
    assert spans(schedule(window("22:00", "06:00", ["sat"])), "2026-10-24") == [("24 20:00", "25 05:00")]


def test_hours_that_end_before_they_begin_as_the_clock_is_put_forward_are_none() -> None:
    """02:30 is 03:30 by the new clock, when 03:15 is over."""
    asked = schedule(window("02:30", "03:15"), window("12:00", "13:00"))
    assert spans(asked, "2026-03-29") == [
        ("29 10:00", "29 11:00"),
        ("30 00:30", "30 01:15"),
        ("30 10:00", "30 11:00"),
    ]


def test_time_that_comes_twice_is_the_first_of_them() -> None:
    assert spans(schedule(window("02:15", "02:45", ["sun"])), "2026-10-25") == [("25 00:15", "25 00:45")]


# ---------------------------------------------------------------------------------------------- the calendar
@settings(max_examples=150, deadline=None)
@given(table=tables(), at=instants())
def test_schedules_are_open_when_a_second_telling_says_so(table: RoutingTable, at: datetime) -> None:
    calendar = Calendar(table.routing.schedules, table.centre.timezone)
    told = table.model_dump(mode="json")
    for asked in table.routing.schedules:
        expected = oracle.is_open(told, asked.key, at)
        assert calendar.open_at(asked.key, at.timestamp()) is expected
        assert calendar.block(asked.key, at.timestamp()).open_at(at.timestamp()) is expected


def test_calendar_says_the_same_in_whatever_order_it_is_asked() -> None:
    """What it keeps of one instant is not taken for another: a fortnight to and fro, in steps of 7 minutes."""
    asked = schedule(window("07:30", "16:00", WORKDAYS), window("22:00", "02:00"), holidays=[holiday(TUESDAY)])
    begins = datetime(2026, 2, 27, tzinfo=UTC)
    steps = [begins.timestamp() + 420 * n for n in range(14 * 1440 // 7)]
    whole = open_times(asked, WIB, begins, 14)
    calendar = Calendar((asked,), WIB)
    for order in (steps, steps[::-1], [at for pair in zip(steps, steps[::-1], strict=True) for at in pair]):
        assert [calendar.open_at("s", at) for at in order] == [whole.open_at(at) for at in order]


BLOCK_ENDS = 52 * HORIZON_DAYS * 86_400.0  # 2026-12-13 07:00 in Jakarta, a Sunday


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (window("08:00", "16:00", ["mon"]), "2026-12-14T08:00"),
        (window("06:00", "09:00", ["sun"]), "2026-12-13T09:00"),
        (window("07:00", "09:00", ["sun"]), "2026-12-13T07:00"),
        (window("05:00", "07:00", ["sun"]), "2026-12-13T07:00"),
        (window("06:30", "06:45", ["sun"]), "2026-12-13T06:45"),
    ],
)
def test_next_edge_is_found_across_the_blocks_in_which_edges_are_computed(
    asked: dict[str, Any], expected: str
) -> None:
    at = BLOCK_ENDS - 20 * 60
    found = Calendar((schedule(asked),), WIB).next_edge("s", at)
    assert found is not None
    assert f"{datetime.fromtimestamp(found, ZoneInfo(WIB)):%Y-%m-%dT%H:%M}" == expected


def test_schedule_that_never_shuts_has_no_next_edge() -> None:
    calendar = Calendar((schedule(window("00:00", "24:00")),), WIB)
    assert calendar.next_edge("s", BLOCK_ENDS - 1) is None


@settings(max_examples=60, deadline=None)
@given(table=tables(), at=instants())
def test_nothing_changes_until_the_next_edge(table: RoutingTable, at: datetime) -> None:
    calendar, seconds = Calendar(table.routing.schedules, table.centre.timezone), at.timestamp()
    for asked in table.routing.schedules:
        edge = calendar.next_edge(asked.key, seconds)
        until = seconds + 30 * 86_400 if edge is None else edge
        is_open_now = calendar.open_at(asked.key, seconds)
        assert until > seconds
        # An edge may be less than a step of the clock away: what is rounded up to it is no longer before it.
        between = (t for n in range(50) if (t := seconds + (until - seconds) * n / 50) < until)
        assert all(calendar.open_at(asked.key, t) is is_open_now for t in between)
        assert edge is None or calendar.open_at(asked.key, edge) is not is_open_now


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_nothing_is_open_where_the_calendar_ends(at: datetime) -> None:
    calendar = Calendar((schedule(window("00:00", "24:00")),), WIB)
    assert calendar.open_at("s", at.timestamp()) is False
