"""Incidents that close themselves are looked for in bounded pieces, and a database that is away is tried again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from callrouter.incidents.views import StorageUnavailable
from callrouter.quiet import AT_ONCE, EVERY_S, PAUSE_S, QuietCloser

HOUR_US = 3_600_000_000


@dataclass
class Waiting:
    """So many incidents that wait to be closed. `away`: looks that the database does not answer."""

    left: int
    away: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)

    async def close_quiet(self, before: int, limit: int) -> int:
        self.asked.append((before, limit))
        if self.away:
            self.away -= 1
            raise StorageUnavailable("away")
        closed = min(limit, self.left)
        self.left -= closed
        return closed


async def run(closer: QuietCloser, slept: list[float], looks: int) -> None:
    """Run it until it has ended so many looks."""
    with pytest.raises(asyncio.CancelledError):
        await closer.run()
    assert slept.count(EVERY_S) == looks


def closer_of(waiting: Waiting, slept: list[float], looks: int, after_h: int = 24) -> QuietCloser:
    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if slept.count(EVERY_S) == looks:
            raise asyncio.CancelledError

    return QuietCloser(waiting, after_h, lambda: 100 * HOUR_US, sleep)


async def test_a_backlog_is_closed_in_pieces_with_room_between_them() -> None:
    waiting, slept = Waiting(2 * AT_ONCE + 1), list[float]()
    closer = closer_of(waiting, slept, looks=1)
    await run(closer, slept, looks=1)
    assert (waiting.left, closer.closed) == (0, 2 * AT_ONCE + 1)
    assert set(waiting.asked) == {(76 * HOUR_US, AT_ONCE)}
    assert slept == [PAUSE_S] * 3 + [EVERY_S]


async def test_a_database_that_is_away_is_asked_again_at_the_next_look() -> None:
    waiting, slept = Waiting(1, away=2), list[float]()
    await run(closer_of(waiting, slept, looks=3), slept, looks=3)
    assert waiting.left == 0


async def test_zero_hours_is_never() -> None:
    waiting, slept = Waiting(1), list[float]()
    await run(closer_of(waiting, slept, looks=2, after_h=0), slept, looks=2)
    assert waiting.asked == []
