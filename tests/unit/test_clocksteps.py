"""A clock that is set is seen once, with its size, and nothing else is taken for it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from callrouter import clocksteps
from callrouter.clocksteps import ClockSteps, Step

HOUR_S = 3600.0


class _Clock:
    """A time of day and a steady clock, both in the test's hand; each read of the steady one may take its time."""

    def __init__(self) -> None:
        self.wall_s, self.steady_s, self.reads_take_s = 1_800_000_000.0, 500.0, 0.0

    def wall(self) -> float:
        return self.wall_s

    def steady(self) -> float:
        self.pass_(self.reads_take_s)
        return self.steady_s

    def pass_(self, seconds: float) -> None:
        self.wall_s += seconds
        self.steady_s += seconds


def _watch(clock: _Clock) -> tuple[ClockSteps, list[Step]]:
    watch = ClockSteps(wall=clock.wall, steady=clock.steady)
    told: list[Step] = []
    watch.follow(told.append)
    watch.look()
    return watch, told


@pytest.mark.parametrize("by_s", [HOUR_S, -HOUR_S, 2.0, -2.0, 0.251, -0.251])
def test_a_step_is_told_once_to_everybody_with_what_the_clock_showed_before_and_after(by_s: float) -> None:
    clock = _Clock()
    watch, told = _watch(clock)
    other: list[Step] = []
    watch.follow(other.append)
    clock.pass_(1)
    assert watch.look() == 0
    before_s = clock.wall_s
    clock.pass_(1)
    clock.wall_s += by_s
    assert watch.look() == pytest.approx(by_s * 1e6)
    after_s = clock.wall_s
    clock.pass_(1)
    assert (watch.look(), watch.steps) == (0, 1)
    assert told == other == [Step(round(before_s * 1e6), round(after_s * 1e6), watch.last_us)]
    assert watch.last_us == pytest.approx(by_s * 1e6, abs=1)


@pytest.mark.parametrize("by_s", [0.0, 0.249, -0.249])
def test_a_small_correction_is_no_step(by_s: float) -> None:
    clock = _Clock()
    watch, told = _watch(clock)
    clock.pass_(1)
    clock.wall_s += by_s
    assert (watch.look(), told) == (0, [])


@pytest.mark.parametrize("slept_s", [1.0, 30.0])
def test_a_clock_that_is_slewed_as_fast_as_it_can_be_is_no_step(slept_s: float) -> None:
    clock = _Clock()
    watch, told = _watch(clock)
    for _ in range(100):
        clock.pass_(slept_s)
        clock.wall_s -= slept_s / 12
        assert watch.look() == 0
    assert told == []


def test_a_machine_that_slept_an_hour_has_no_step() -> None:
    clock = _Clock()
    watch, told = _watch(clock)
    clock.pass_(HOUR_S)  # CLOCK_BOOTTIME goes on, too
    assert (watch.look(), told) == (0, [])


def test_clocks_that_could_not_be_read_together_tell_nothing_and_are_compared_the_next_time() -> None:
    clock = _Clock()
    watch, told = _watch(clock)
    clock.reads_take_s, clock.wall_s = 1.0, clock.wall_s - HOUR_S
    assert (watch.look(), told) == (0, [])
    clock.reads_take_s = 0.0
    assert watch.look() == pytest.approx(-HOUR_S * 1e6)


async def test_it_watches_until_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocksteps, "LOOK_S", 0.0)
    clock = _Clock()
    watch, told = _watch(clock)
    running = asyncio.create_task(watch.run())
    async with asyncio.timeout(30):
        await asyncio.sleep(0)
        clock.wall_s -= HOUR_S
        while not told:
            await asyncio.sleep(0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert watch.steps == 1


def test_the_clocks_of_this_machine_are_not_taken_for_set() -> None:
    watch = ClockSteps()
    assert [watch.look() for _ in range(100)] == [0] * 100
