"""All parts of the benchmark, in the order in which they are run and shown. New ones are added here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from bench import (
    calm,
    catchup,
    centre,
    flood,
    lag,
    listeners,
    pages,
    pickup,
    publish,
    pure,
    related,
    scoreboard,
    year,
)
from bench.arena import plan
from bench.growth import incidents, routes
from bench.live import load, memory, peer
from bench.section import Section

Say = Callable[[str], None]


class Measure(Protocol):
    """How a part that needs nothing from others is measured, in a folder of its own."""

    def __call__(self, folder: Path, say: Say, *, quick: bool) -> Awaitable[Section]:
        """Measure it."""


class MeasureYear(Protocol):
    """How a part is measured that looks at a year of incidents (bench.year), which several of them share."""

    def __call__(self, url: str, counts: Mapping[str, int], say: Say, *, quick: bool) -> Awaitable[Section]:
        """Measure it in the database at `url`; counts: rows by table."""


@dataclass(frozen=True)
class Part:
    """One part. group: its heading on the page; whole_s, quick_s: what it takes on a machine with nothing else to do.

    Exactly one of `measure` and `of_year` is given.
    """

    key: str
    group: str
    whole_s: float
    quick_s: float
    measure: Measure | None = None
    of_year: MeasureYear | None = None


YEAR_S, QUICK_YEAR_S = 200.0, 3.0
"""To make a year, on such a machine."""
PATIENCE, LEAST_S = 4.0, 180.0
"""A part that takes so many times as long is broken off, but none before LEAST_S have passed."""
OPPONENTS: Final = "Against what it could be replaced by"
LIVE: Final = "Live calls"
GROWTH: Final = "What grows with what"
BUSY: Final = "Calls while something else goes on"
YEAR: Final = "A year of incidents"


PARTS: Final = (
    Part("arena", OPPONENTS, 600, 65, calm.measure),
    Part("centre", BUSY, 50, 19, centre.measure),
    Part("publish", BUSY, 70, 17, publish.measure),
    Part("lag", BUSY, 70, 23, lag.measure),
    Part("catchup", BUSY, 10, 6, catchup.measure),
    Part("pickup", BUSY, 60, 20, pickup.measure),
    Part("memory", LIVE, 150, 17, memory.measure),
    Part("load", LIVE, 90, 14, load.measure),
    Part("routes", GROWTH, 70, 16, routes.measure),
    Part("listeners", GROWTH, 60, 10, listeners.measure),
    Part("incidents", GROWTH, 80, 7, of_year=incidents.measured),
    Part("decide", GROWTH, 5, 4, pure.deciding),
    Part("verify", GROWTH, 8, 5, pure.verifying),
    Part("pages", YEAR, 30, 3, of_year=pages.measured),
    Part("related", YEAR, 10, 2, of_year=related.measured),
    # Last of all: it keeps what it counted.
    Part("scoreboard", YEAR, 150, 9, of_year=scoreboard.measured),
)
SEEDS: Final = {
    "the opponents' calls": plan.SEED,
    "a year": year.SEED,
    "the flood": flood.SEED,
    "the scripted PBX": peer.SEED,
}
"""Of what is drawn by chance."""
KEYS: Final = tuple(part.key for part in PARTS)
GROUPS: Final = tuple(dict.fromkeys(part.group for part in PARTS))


def group_of(key: str) -> str:
    """Return the heading of a part."""
    return next(part.group for part in PARTS if part.key == key)
