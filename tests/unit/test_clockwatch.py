"""The wall clock is set: it is seen, told, and stored once the database can be had."""

from __future__ import annotations

import pytest

from callrouter.clockwatch import WAITING, ClockWatch
from callrouter.incidents.clocks import ClockStep
from callrouter.incidents.views import StorageUnavailable

S = 1_000_000


class Machine:
    """A machine's two clocks, and a database that may be away."""

    def __init__(self) -> None:
        self.wall, self.monotonic, self.away = 1_790_000_000 * S, 5 * S, False
        self.stored: list[ClockStep] = []
        self.watch = ClockWatch("pbx1", self.store, lambda: self.wall, lambda: self.monotonic)

    async def store(self, step: ClockStep) -> None:
        if self.away:
            raise StorageUnavailable("away")
        self.stored.append(step)

    def pass_by(self, us: int, set_by: int = 0) -> ClockStep | None:
        self.monotonic += us
        self.wall += us + set_by
        return self.watch.look()


@pytest.mark.parametrize("by", [250_001, -250_001, 3_600 * S, -3_600 * S])
def test_clock_that_is_set_is_seen_with_what_it_showed_before_and_after(by: int) -> None:
    machine = Machine()
    before = machine.wall
    assert machine.pass_by(S, by) == ClockStep("pbx1", before, before + S + by, by)
    assert machine.watch.steps == 1
    assert machine.pass_by(S) is None


@pytest.mark.parametrize("by", [0, 250_000, -250_000])
def test_small_corrections_are_no_step(by: int) -> None:
    machine = Machine()
    assert machine.pass_by(S, by) is None
    assert machine.watch.waiting == 0


def test_late_look_is_no_step() -> None:
    assert Machine().pass_by(90 * S) is None


async def test_steps_wait_for_the_database_in_their_order() -> None:
    machine = Machine()
    machine.away = True
    steps = [machine.pass_by(S, n * S) for n in (5, -7)]
    await machine.watch.save()
    assert (machine.stored, machine.watch.waiting) == ([], 2)
    machine.away = False
    await machine.watch.save()
    assert (machine.stored, machine.watch.waiting) == (steps, 0)


def test_only_so_many_steps_wait() -> None:
    machine = Machine()
    for _ in range(WAITING + 5):
        machine.pass_by(S, S)
    assert machine.watch.waiting == WAITING
