"""How late a machine is: what a thread that only sleeps tells of it."""

from __future__ import annotations

import ctypes
import time

import pytest

from chaos.judge import Passed, dead_and_late_s, judge
from chaos.lag import SLACK_S, Lag, on_time
from chaos.matrix import BY_KEY, Cell, Stage
from tests.unit.chaos.given import ANSWERED_S, caller, heard, incident, quiet, voice

HANG = Cell(BY_KEY["hang"], Stage.MENU)
STALLED_S = 0.3
NEAR = 0.1


def test_machine_that_is_busy_with_something_else_is_late_by_as_long_and_only_then() -> None:
    hold = ctypes.PyDLL(None).usleep  # without giving other threads their turn
    with Lag() as lag:
        time.sleep(0.05)
        begun = time.monotonic()
        hold(int(STALLED_S * 1_000_000))
        over = time.monotonic()
        time.sleep(0.05)
        after = time.monotonic()
    assert STALLED_S - NEAR < lag.within(begun, over) <= over - begun
    assert lag.within(begun, after) >= lag.within(begun, over)
    assert lag.within(after, after + 10) == 0.0


def test_only_what_lies_between_the_two_moments_counts() -> None:
    lag = Lag()
    lag.woken(10.0, 11.0)
    lag.woken(12.0, 12.0 + SLACK_S / 2)
    lag.woken(20.0, 20.5)
    assert lag.within(0.0, 100.0) == pytest.approx(1.5)
    assert lag.within(10.25, 10.5) == pytest.approx(0.25)
    assert lag.within(10.5, 20.25) == pytest.approx(0.75)
    assert lag.within(11.5, 19.0) == 0.0


def test_dead_air_is_that_of_the_longest_silence_in_which_the_machine_ran() -> None:
    lag = Lag()
    lag.woken(ANSWERED_S, ANSWERED_S + 2.5)
    call = heard(quiet(3.0), voice(1300, 1.0)[:8000], quiet(1.0), voice(1550, 1.0))
    assert dead_and_late_s(call, ANSWERED_S, 0.0, on_time) == pytest.approx((3.0, 0.0), abs=NEAR)
    assert dead_and_late_s(call, ANSWERED_S, 0.0, lag.within) == pytest.approx((3.0, 2.5), abs=NEAR)
    struck = ANSWERED_S + 3.6
    assert dead_and_late_s(call, struck, 0.0, on_time) == pytest.approx((3.0, 0.0), abs=NEAR)
    assert dead_and_late_s(call, struck, 0.0, lag.within) == pytest.approx((1.0, 0.0), abs=NEAR)


def test_what_the_machine_was_late_is_allowed_and_no_more() -> None:
    allowed = HANG.dead_air_s
    for dead, late, ok in ((allowed + 1, 1.5, True), (allowed + 1, 0.5, False), (allowed + 1, 0.0, False)):
        verdict = judge(HANG, Passed(0.0, (caller(dead_air_s=dead, late_s=late),)), [incident()], took_s=1.0)
        assert (verdict.ok, verdict.only_dead_air) == (ok, not ok)
    assert "3.5 s of dead air, of which the machine did not run for 0.5 s, 2.5 allowed" in " ".join(
        judge(HANG, Passed(0.0, (caller(dead_air_s=3.5, late_s=0.5),)), [incident()], took_s=1.0).wrong
    )


def test_who_is_lost_is_lost_however_late_the_machine_was() -> None:
    gone = caller(human="", after_s=None, dead_air_s=60.0, late_s=60.0)
    verdict = judge(HANG, Passed(0.0, (gone,)), [incident(outcome="abandoned")], took_s=1.0)
    assert (verdict.ok, verdict.lost, verdict.only_dead_air) == (False, 1, False)
    both = judge(HANG, Passed(0.0, (caller(dead_air_s=9.0),)), [], took_s=1.0)
    assert (both.missing, both.only_dead_air) == (1, False)
