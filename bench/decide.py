"""How long one decision takes: `decide()` alone, on tables that are as large as they may be.

In every table each candidate but the last fails at the last of its conditions, so that all of them are looked at to
the end: no call of such a table takes longer.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter_ns
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from callrouter.routing.decide import compile_table, decide
from callrouter.routing.directory import TrunkKind
from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.table import RoutingTable

ROUTES: Final = 1_000
CATEGORIES: Final = 16
"""So that none has more than 64 candidates."""
LIMIT_US: Final = 50.0
"""For the median, where no category has more than 64 candidates."""
CALLS: Final = 2_000
NOW: Final = datetime(2026, 3, 3, 3, 0, tzinfo=UTC)

Document = dict[str, Any]
Condition = Callable[[int], Document]
"""The conditions of the n-th route, besides the category."""


@dataclass(frozen=True, slots=True)
class Figure:
    """How long `decide` took. Times in µs; `limit_us` is for the median."""

    name: str
    routes: int
    candidates: int
    median_us: float
    p99_us: float
    limit_us: float | None

    @property
    def held(self) -> bool:
        """True where the median is within its limit."""
        return self.limit_us is None or self.median_us <= self.limit_us


def _mixed(n: int) -> Document:
    return _KINDS[n % len(_KINDS)](n)


def _area(n: int) -> Document:
    return {"area": [f"35.{n % 90 + 10}", f"64.{n % 90 + 10}", "unknown"]}


def _shut(n: int) -> Document:
    return {"area": ["35"], "posture": ["green"], "schedule": [f"s{n % 20}", f"s{(n + 1) % 20}"]}


_KINDS: Final[tuple[Condition, ...]] = (
    _area,
    _shut,
    lambda _: {"trunk": ["other"]},
    lambda _: {"language": ["id"], "suspicion": {"at_least": 60}},
    lambda _: {"trunk_kind": ["carrier"], "state": [{"agency": "damkar", "state": "unavailable"}]},
)


def _everywhere(_: int) -> Document:
    return {"language": ["en"]}


def measure() -> list[Figure]:
    """Measure each kind of table. Takes a few seconds."""
    return [
        _figure("conditions of every kind", _mixed, CATEGORIES, limit=True),
        _figure("each asks for an area", _area, CATEGORIES, limit=True),
        _figure("each asks for two schedules", _shut, CATEGORIES, limit=True),
        _figure("all for every category, of every kind", _mixed, 0, limit=False),
        _figure("all for every category, one condition", _everywhere, 0, limit=False),
    ]


def _figure(name: str, conditions: Condition, categories: int, *, limit: bool) -> Figure:
    compiled = compile_table(RoutingTable.model_validate(_table(conditions, categories)), 1)
    facts = Facts(
        origin=Origin.CITIZEN,
        choice=Choice.NONE,
        category="c0",
        area="35.07.13.2001",
        trunk="telco",
        trunk_kind=TrunkKind.CARRIER,
    )
    if decide(compiled, facts, NOW).route != "last":
        raise AssertionError("a route before the last one won: not all were looked at")
    times = sorted(_times(lambda: decide(compiled, facts, NOW)))
    return Figure(
        name,
        len(compiled.table.routing.routes),
        len(compiled.by_category["c0"]),
        statistics.median(times) / 1e3,
        times[int(0.99 * len(times))] / 1e3,
        LIMIT_US if limit else None,
    )


def _times(work: Callable[[], object]) -> Iterator[int]:
    for _ in range(CALLS):
        begins = perf_counter_ns()
        work()
        yield perf_counter_ns() - begins


def _table(conditions: Condition, categories: int, routes: int = ROUTES) -> Document:
    """Routes of which only the last applies to a call from 35.07; `categories`: 0 where each is for all."""
    step = {"kind": "dial", "targets": ["damkar/posko"]}
    others = [
        {
            "key": f"r{n}",
            "priority": n + 1,
            "when": {**conditions(n), **({"category": [f"c{n % categories}"]} if categories else {})},
            "steps": [step],
        }
        for n in range(routes - 1)
    ]
    hours = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "22:00", "closes": "05:00"}
    return {
        "centre": {"name": "Pusat Panggilan 112", "timezone": "Asia/Jakarta"},
        "directory": {
            "trunks": [
                {"key": "telco", "kind": "carrier", "host": "127.0.112.1"},
                {"key": "other", "kind": "agency", "host": "127.0.112.2"},
            ],
            "agencies": [
                {
                    "key": "damkar",
                    "name": {"id": "Damkar", "en": "Fire brigade"},
                    "contacts": [{"key": "posko", "trunk": "other", "number": "101"}],
                }
            ],
            "operators": [{"key": "op1", "name": "Operator 1"}],
        },
        "routing": {
            "categories": [
                {"key": f"c{n}", "urn": "urn:service:sos", "name": {"id": f"k{n}", "en": f"c{n}"}, "priority": 5}
                for n in range(CATEGORIES)
            ],
            "areas": [
                {"code": code, "name": code}
                for code in ("35", *(f"{province}.{n}" for province in (35, 64) for n in range(10, 100)))
            ],
            "schedules": [{"key": f"s{n}", "name": f"s{n}", "windows": [hours]} for n in range(20)],
            "ring_groups": [{"key": "operators", "members": ["op1"]}],
            "routes": [*others, {"key": "last", "priority": 0, "steps": [step]}],
            "last_resort": {"group": "operators"},
        },
    }


def as_table(figures: list[Figure]) -> Table:
    """Return the figures for a terminal."""
    table = Table(title=f"decide(), {CALLS:,} calls each")
    for name in ("table", "routes", "candidates", "median µs", "p99 µs", "limit µs"):
        table.add_column(name, justify="left" if name == "table" else "right")
    for f in figures:
        limit = "" if f.limit_us is None else f"{f.limit_us:g}"
        table.add_row(f.name, f"{f.routes:,}", f"{f.candidates:,}", f"{f.median_us:.1f}", f"{f.p99_us:.1f}", limit)
    return table


def main() -> int:
    """Measure and tell; 1 where a median is above its limit."""
    figures = measure()
    Console(highlight=False).print(as_table(figures))
    return 0 if all(f.held for f in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
