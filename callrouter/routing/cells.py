"""Time cut where a table's answers can change: at the edges of schedules and of routes' validity.

A cell is a span in which nothing changes: every schedule stays open or shut (holidays and exceptions begin and end at
edges of their schedule, or make no difference), every route stays valid or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from callrouter.routing.schedule import HORIZON_DAYS, open_times
from callrouter.routing.table import Route
from callrouter.routing.times import Schedule

_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Cell:
    """A span of time, or several of the same truth: the first instant and how long in all (s; s since 1970 UTC).

    flags: bits of `Flags`: what is open and what is valid
    """

    at: float
    seconds: float
    flags: int


@dataclass(frozen=True, slots=True)
class Flags:
    """Which bit says that a schedule is open, and which that a route is valid; by their keys."""

    schedules: dict[str, int]
    routes: dict[str, int]


def flags_of(schedules: Iterable[Schedule], routes: Iterable[Route]) -> Flags:
    """Return a bit for each schedule, and for each of `routes` that is valid only for a time."""
    keys = [s.key for s in schedules]
    limited = [r.key for r in routes if r.valid_from is not None or r.valid_until is not None]
    return Flags(
        {key: 1 << n for n, key in enumerate(keys)},
        {key: 1 << n for n, key in enumerate(limited, len(keys))},
    )


def cells(
    flags: Flags,
    schedules: Sequence[Schedule],
    routes: Iterable[Route],
    zone: str,
    begins: datetime,
    days: int = HORIZON_DAYS,
) -> Iterator[Cell]:
    """Yield the cells from `begins` (aware) on, for `days`, in order and without a gap.

    zone: the centre's, for schedules without one; schedules and routes that have no flag do not count
    """
    start, end = begins.timestamp(), (begins + timedelta(days=days)).timestamp()
    turned: dict[float, int] = {start: 0}
    for schedule in schedules:
        if bit := flags.schedules.get(schedule.key):
            _turn(turned, bit, open_times(schedule, zone, begins, days).edges)
    for route in routes:
        if bit := flags.routes.get(route.key):
            opens = start if route.valid_from is None else max(route.valid_from.timestamp(), start)
            closes = end if route.valid_until is None else route.valid_until.timestamp()
            if opens < closes:
                _turn(turned, bit, (opens, closes))
    edges = sorted(at for at in turned if at < end)
    now = 0
    for at, until in zip(edges, [*edges[1:], end], strict=True):
        now ^= turned[at]
        yield Cell(at, until - at, now)


def distinct(found: Iterable[Cell]) -> list[Cell]:
    """Return one cell for each truth, with its first instant and the time it lasts in all; by that instant."""
    first: dict[int, Cell] = {}
    for cell in found:
        known = first.get(cell.flags)
        first[cell.flags] = cell if known is None else Cell(known.at, known.seconds + cell.seconds, cell.flags)
    return list(first.values())


def horizon(begins: datetime, days: int = HORIZON_DAYS) -> datetime:
    """Return the first instant (UTC) after the cells from `begins` on."""
    return begins.astimezone(UTC) + timedelta(days=days)


def _turn(turned: dict[float, int], bit: int, edges: Iterable[float]) -> None:
    for at in edges:
        turned[at] = turned.get(at, 0) ^ bit
