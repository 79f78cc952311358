"""The posture by the rate of calls: raised at once, lowered step by step, and never up and down about a bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.incidents.posture import (
    CALM_US,
    HOURS_OF_WEEK,
    LEAST,
    LEVELS,
    RELEASE,
    TIMES,
    WINDOW_MIN,
    ByRate,
    Usual,
    Window,
    bound,
    hour_of_week,
    step,
    usual_of,
)
from callrouter.routing.values import Posture

NOW = 1_790_000_000_000_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
rates = st.floats(min_value=0, max_value=1_000, allow_nan=False)
counts = st.integers(min_value=0, max_value=5_000)
states = st.builds(
    ByRate, st.sampled_from(LEVELS), st.none() | st.integers(min_value=NOW - 3 * CALM_US, max_value=NOW + CALM_US)
)


def rank(posture: Posture) -> int:
    return LEVELS.index(posture)


@pytest.mark.parametrize(
    ("calls", "usual", "expected"),
    [
        (0, 0.0, "green"),
        (14, 0.0, "green"),  # three calls a night are usual: ten are no threat
        (15, 0.0, "yellow"),
        (30, 0.0, "orange"),
        (60, 0.0, "red"),
        (59, 20.0, "green"),
        (60, 20.0, "yellow"),
        (120, 20.0, "orange"),
        (200, 20.0, "red"),
    ],
)
def test_posture_is_raised_by_so_many_times_the_usual_rate(calls: int, usual: float, expected: str) -> None:
    assert step(ByRate(), calls, usual, NOW) == ByRate(Posture(expected))


@given(was=states, calls=counts, usual=rates)
def test_it_is_raised_at_once_to_what_the_rate_says_and_lowered_one_step_at_most(
    was: ByRate, calls: int, usual: float
) -> None:
    after = step(was, calls, usual, NOW)
    told = max(rank(level) for level in LEVELS if calls >= bound(level, usual))
    if told > rank(was.posture):
        assert rank(after.posture) == told
    else:
        assert rank(was.posture) - 1 <= rank(after.posture) <= rank(was.posture)
        assert rank(after.posture) >= told


@given(was=states, usual=rates, data=st.data())
def test_it_stays_while_the_rate_is_near_what_raised_it(was: ByRate, usual: float, data: st.DataObject) -> None:
    limit = bound(was.posture, usual)
    calls = data.draw(st.integers(min_value=int(RELEASE * limit) + 1, max_value=int(limit) + 2))
    after = step(was, calls, usual, NOW)
    assert rank(after.posture) >= rank(was.posture)


@given(
    first=st.sampled_from(LEVELS), pauses=st.lists(st.integers(min_value=1, max_value=120), min_size=1, max_size=300)
)
def test_it_takes_ten_quiet_minutes_for_each_step_down(first: Posture, pauses: list[int]) -> None:
    state, now, begun = ByRate(first), NOW, NOW
    for pause in pauses:
        state = step(state, 0, 0.0, now)
        assert rank(first) - rank(state.posture) <= (now - begun) // CALM_US
        now += pause * SECOND
    quiet = ByRate(first)
    for n in range(1 + rank(first)):
        quiet = step(quiet, 0, 0.0, NOW + n * CALM_US)
    assert quiet.posture is Posture.GREEN


def test_a_clock_that_is_set_back_keeps_it_no_longer_than_once_more() -> None:
    state = ByRate(Posture.RED, NOW + 100 * CALM_US)
    state = step(state, 0, 0.0, NOW)
    assert state == ByRate(Posture.RED, NOW)
    assert step(state, 0, 0.0, NOW + CALM_US).posture is Posture.ORANGE


@given(came=st.lists(st.integers(min_value=-600, max_value=600), max_size=200), now=st.integers(-600, 1200))
def test_window_counts_no_call_twice_and_none_that_is_long_past(came: list[int], now: int) -> None:
    window = Window()
    for second in came:
        window.count(NOW + second * SECOND)
    seen = window.calls(NOW + now * SECOND)
    assert 0 <= seen <= len(came)
    assert window.calls(NOW + 3_600 * SECOND) == 0


@given(came=st.lists(st.integers(min_value=0, max_value=1_200), max_size=200))
def test_window_counts_those_of_the_last_minutes_in_order(came: list[int]) -> None:
    window, begin = Window(), NOW // MINUTE * MINUTE
    for second in sorted(came):
        window.count(begin + second * SECOND)
    now = max(came, default=0)
    last = [second for second in came if now // 60 - WINDOW_MIN < second // 60]
    assert window.calls(begin + now * SECOND) == len(last)


def test_window_keeps_a_few_numbers_however_many_calls_there_are() -> None:
    window = Window()
    for n in range(100_000):
        window.count(NOW + n * SECOND)
    assert len(window._minutes) <= WINDOW_MIN


@given(
    st.dictionaries(st.integers(min_value=0, max_value=10**6), st.integers(0, 10**4), max_size=50), st.integers(1, 8)
)
def test_usual_is_the_mean_of_each_hour_of_the_week(calls: dict[int, int], weeks: int) -> None:
    usual = usual_of(calls, weeks)
    assert len(usual.of_hour) == HOURS_OF_WEEK
    assert sum(usual.of_hour) == pytest.approx(sum(calls.values()) / weeks)
    for hour in calls:
        at = hour * 3_600 * SECOND
        assert hour_of_week(at) == hour % HOURS_OF_WEEK
        assert usual.in_window(at) == pytest.approx(usual.of_hour[hour % HOURS_OF_WEEK] * WINDOW_MIN / 60)
    assert Usual().in_window(NOW) == 0.0


def test_bounds_grow_with_the_level() -> None:
    for usual in (0.0, 3.0, 100.0):
        assert [bound(level, usual) for level in LEVELS] == sorted({bound(level, usual) for level in LEVELS})
    assert TIMES.keys() == LEAST.keys() == set(LEVELS[1:])
