"""Whether a routing table can strand a caller: the rules V1 to V8, for every call that can be.

Not claimed: that a phone is answered by a person, or that audio flows.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from callrouter.routing.cells import horizon
from callrouter.routing.decide import compile_table
from callrouter.routing.table import RoutingTable
from callrouter.routing.verify.cases import Cases
from callrouter.routing.verify.menus import menus
from callrouter.routing.verify.notices import notices
from callrouter.routing.verify.plans import of_plans, undecided
from callrouter.routing.verify.report import (
    BOUND_END_S,
    BOUND_HUMAN_S,
    HORIZON_DAYS,
    MAX_VECTORS,
    TOO_COMPLEX,
    CounterExample,
    Finding,
    Report,
)
from callrouter.routing.verify.size import too_complex
from callrouter.routing.verify.space import space_of
from callrouter.routing.verify.staffing import unstaffed
from callrouter.routing.verify.unreached import unreached
from callrouter.routing.verify.vectors import axes_of, walk

__all__ = [
    "BOUND_END_S",
    "BOUND_HUMAN_S",
    "HORIZON_DAYS",
    "MAX_VECTORS",
    "TOO_COMPLEX",
    "CounterExample",
    "Finding",
    "Report",
    "verify",
]


def verify(table: RoutingTable, at: datetime, spoken_s: Mapping[str, float] | None = None) -> Report:
    """Return whether `table` is verified for calls from `at` (aware) on, for 400 days, and what speaks against it.

    spoken_s: how long (s) each menu takes in its longest language, by the menu's key, measured from its clips; for
              a menu that is not in it the length is estimated from its text

    V2 counts with the defaults of the timers that make a step longer: 4 s to press 1 (CALLROUTER_TIMER_CONFIRM_S) and
    3 s for a talk that is none (CALLROUTER_TIMER_SHORT_TALK_S). Others are not counted: with a longer one, a step may
    last that much longer than is proven here.

    Pure, and bounded: a table with more than 200,000 vectors is refused as too complex. It takes up to seconds of
    CPU for a large table, so it does not belong on the call loop. The answer can be pickled.
    """
    space = space_of(compile_table(table, version=0), at)
    cases = Cases(space)
    every = [axes_of(space, category) for category in space.keys]
    count = sum(axes.vectors for axes in every)
    if count > MAX_VECTORS:
        findings = [too_complex(every, count), *unstaffed(space, {}, cases)]
    else:
        found = walk(space, every)
        findings = [
            *undecided(found, cases),
            *of_plans(space, found, cases),
            *unstaffed(space, found.hits, cases),
            *unreached(space, found, at, cases),
        ]
    findings += menus(table.routing, spoken_s)
    findings += notices(table.directory)
    findings.sort(key=lambda f: (not f.error, f.rule != TOO_COMPLEX, f.rule))
    return Report(
        verified=not any(f.error for f in findings),
        findings=tuple(findings),
        vectors=count,
        cells=len(space.cells),
        until=horizon(at),
    )
