"""What a table costs by itself, by the number of its routes: a decision, compiling it, verifying it.

More routes than a table may have are measured too: they are put into a table that was found valid without them.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter, perf_counter_ns
from typing import Final

from pydantic import TypeAdapter

from bench import publish
from callrouter.routing.decide import CompiledTable, compile_table, decide
from callrouter.routing.directory import TrunkKind
from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.table import MAX_ROUTES, Route, RoutingTable
from callrouter.routing.verify import verify

CATEGORIES: Final = 5
CALLS, RUNS = 2_000, 3
NOW: Final = datetime(2026, 3, 3, 3, 0, tzinfo=UTC)
_ROUTES: Final = TypeAdapter(tuple[Route, ...])


@dataclass(frozen=True)
class Alone:
    """What a table of `routes` routes costs: medians.

    decide_…: of a call that the first route of its category takes, and of one that only the last takes
    verify_s: None where a table must not have so many routes
    """

    routes: int
    decide_first_us: float
    decide_last_us: float
    compile_ms: float
    verify_s: float | None


def table(routes: int) -> RoutingTable:
    """Return a table with so many routes, a multiple of CATEGORIES: one for each category and village."""
    document = publish.table(publish.AGENCIES[0], routes, CATEGORIES)
    all_routes = document["routing"]["routes"]
    found = RoutingTable.model_validate(
        document | {"routing": document["routing"] | {"routes": all_routes[-CATEGORIES:]}}
    )
    routing = found.routing.model_copy(update={"routes": _ROUTES.validate_python(all_routes)})
    return found.model_copy(update={"routing": routing})


def measure(routes: int) -> Alone:
    """Measure a table of so many routes; takes up to some seconds."""
    given = table(routes)
    compiled = compile_table(given, 1)
    area = given.routing.areas[0].code
    return Alone(
        routes,
        _deciding_us(compiled, area, "r0-0"),
        _deciding_us(compiled, None, "r0"),
        1000 * statistics.median(_timed(lambda: compile_table(given, 1)) for _ in range(RUNS)),
        statistics.median(_timed(lambda: _verified(given)) for _ in range(RUNS)) if routes <= MAX_ROUTES else None,
    )


def _verified(given: RoutingTable) -> None:
    if not (report := verify(given, NOW)).verified:
        raise AssertionError(f"a table that was to be verified is not: {report.findings[:3]}")


def _deciding_us(compiled: CompiledTable, area: str | None, wanted: str) -> float:
    facts = Facts(
        origin=Origin.CITIZEN,
        choice=Choice.NONE,
        category="c0",
        area=area,
        trunk=publish.TRUNK,
        trunk_kind=TrunkKind.CARRIER,
    )
    if (found := decide(compiled, facts, NOW).route) != wanted:
        raise AssertionError(f"the call was taken by {found}, not by {wanted}: that is not what was to be measured")
    times = []
    for _ in range(CALLS):
        begun = perf_counter_ns()
        decide(compiled, facts, NOW)
        times.append(perf_counter_ns() - begun)
    return statistics.median(times) / 1e3


def _timed(work: Callable[[], object]) -> float:
    gc.collect()
    begun = perf_counter()
    work()
    return perf_counter() - begun
