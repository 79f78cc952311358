"""The loop's lateness is measured; a loop that hangs is seen by a thread, which says where."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from callrouter import loopwatch
from callrouter.loopwatch import LoopWatch, where


class Unbroken:
    """A clock that leaves out what the machine stood still: how much of a core a test gets is up to that."""

    def __init__(self) -> None:
        self._real = self._shown = time.monotonic()
        self._reading = threading.Lock()

    def __call__(self) -> float:
        with self._reading:
            now = time.monotonic()
            self._shown += min(now - self._real, 0.1)
            self._real = now
            return self._shown


@contextlib.asynccontextmanager
async def watching(**options: float) -> AsyncIterator[LoopWatch]:
    watch = LoopWatch(**options)
    running = asyncio.create_task(watch.run())
    await asyncio.sleep(0)
    try:
        yield watch
    finally:
        running.cancel()
        await asyncio.wait({running})


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def hang_until(condition: Callable[[], bool]) -> None:
    """Hold the loop, for ten seconds at the longest."""
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)


def of(logs: list[EventDict], event: str) -> list[EventDict]:
    return [line for line in logs if line["event"] == event]


async def test_lateness_of_the_loop_is_seen_for_ten_seconds_and_for_a_minute() -> None:
    async with watching(beat_s=0.01) as watch:
        await asyncio.sleep(0.05)
        time.sleep(0.3)  # noqa: ASYNC251 - the loop is to come late
        await until(lambda: watch.loop_lag_max_60_s > 0.25)
        assert watch.loop_lag_max_s > 0.25


async def test_lateness_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, now = LoopWatch(), [1000.0]
    monkeypatch.setattr(loopwatch, "monotonic", lambda: now[0])
    watch._beaten = now[0]
    watch._note(1000.2, 0.4)
    watch._note(1000.9, 0.1)
    assert (watch.loop_lag_max_s, watch.loop_lag_max_60_s) == (0.4, 0.4)
    now[0] = watch._beaten = 1011.0
    assert (watch.loop_lag_max_s, watch.loop_lag_max_60_s) == (0.0, 0.4)
    check = watch.check()
    assert check.ok, "who reads it finds the loop turning"
    assert "400 ms" in check.detail.id
    assert "400 ms" in check.detail.en
    now[0] = watch._beaten = 1061.0
    assert watch.loop_lag_max_60_s == 0.0


async def test_hanging_loop_is_told_once_with_the_place_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopwatch, "monotonic", Unbroken())
    with capture_logs() as logs:
        async with watching(beat_s=0.02, stuck_s=0.2) as watch:
            hang_until(lambda: watch.stalls > 0)
            again = threading.Event()
            threading.Timer(0.3, again.set).start()
            hang_until(again.is_set)
            assert watch.stalls == 1
            await asyncio.sleep(0.1)
            hang_until(lambda: watch.stalls > 1)
    told = of(logs, "loop.hangs")
    assert len(told) == watch.stalls == 2
    assert "tests/unit/test_loopwatch.py" in told[0]["where"].split(" < ")[0]
    assert "hang_until" in told[0]["where"]
    assert "\n" not in told[0]["where"]
    assert told[0]["for_s"] >= 0.2


class Waits(threading.Event):
    """What the thread waits on: its first wait takes half a second, which `busy` computes through; then it ends.

    Its clocks are told by itself: how much of a core a test gets is up to the machine.
    """

    def __init__(self, *, busy: bool) -> None:
        super().__init__()
        self._busy = busy
        self._waits = 0
        self.wall, self.computed = time.monotonic(), 0.0

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 - as its parent's
        self._waits += 1
        self.wall += 0.5
        self.computed += 0.5 if self._busy else 0.0
        return self._waits > 1


@pytest.mark.parametrize(("busy", "event"), [(False, "process.stood_still"), (True, "loop.hangs")])
def test_thread_that_came_late_itself_blames_the_machine_unless_something_computed(
    busy: bool, event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = LoopWatch(beat_s=0.02, stuck_s=0.2)
    waits = Waits(busy=busy)
    monkeypatch.setattr(watch, "_end", waits)
    monkeypatch.setattr(loopwatch, "monotonic", lambda: waits.wall)
    monkeypatch.setattr(loopwatch, "process_time", lambda: waits.computed)
    with capture_logs() as logs:
        watch._watch()
    assert [line["event"] for line in logs] == [event]
    assert (watch.stood_still, watch.stalls) == ((0, 1) if busy else (1, 0))


async def test_loop_that_turns_is_not_told_and_its_thread_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopwatch, "monotonic", Unbroken())
    with capture_logs() as logs:
        async with watching(beat_s=0.01, stuck_s=0.4) as watch:
            await asyncio.sleep(0.6)
            assert watch.hanging_s < 0.4
        await until(lambda: all(thread.name != "loop-watch" for thread in threading.enumerate()))
    assert (watch.stalls, watch.stood_still, logs) == (0, 0, [])


def test_place_names_the_innermost_call_first() -> None:
    def inner() -> str:
        import sys  # noqa: PLC0415

        return where(sys._getframe())

    assert inner().split(" < ")[0].endswith(" inner")
    assert inner().split(" < ")[1].endswith(" test_place_names_the_innermost_call_first")
