"""What needs neither PBX nor database, as parts of the benchmark: a decision, and verifying a table."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench import decide, verify
from bench.section import Section

Say = Callable[[str], None]


async def deciding(folder: Path, say: Say, *, quick: bool) -> Section:
    """Measure decisions."""
    del folder, quick
    section = Section("decide", "decide()", how=_DECIDE)
    found = decide.measure()
    section.figures = [asdict(one) for one in found]
    for one in found:
        name = f"decide(), {one.routes:,} routes, {one.candidates} candidates, {one.name}: median / p99"
        limit = "" if one.limit_us is None else f"{one.limit_us:g} µs"
        section.rows.append((name, f"{one.median_us:.1f} / {one.p99_us:.1f} µs", limit))
        say(" | ".join(section.rows[-1]))
        if not one.held:
            section.wrong.append(f"decide(), {one.name}: the median is {one.median_us:.0f} µs, {limit} are allowed")
    return section


async def verifying(folder: Path, say: Say, *, quick: bool) -> Section:
    """Measure verifying."""
    del folder, quick
    section = Section("verify", "verify", figures={}, how=_VERIFY)
    for name, table, limit_s in (("a city", verify.city(), VERIFY_S), ("the most vectors", verify.crowded(), None)):
        found, took = verify.measure(table)
        middle = statistics.median(took)
        section.figures[name] = {"rounds_s": took, "vectors": found.vectors, "cells": found.cells}
        measured = f"{middle:.2f} s, the middle of {len(took)}; {found.vectors:,} kinds of call"
        section.rows.append((f"verify, {name}", measured, "" if limit_s is None else f"{limit_s:g} s"))
        say(" | ".join(section.rows[-1]))
        if limit_s is not None and middle > limit_s:
            section.wrong.append(f"verify of {name} took {middle:.2f} s, {limit_s:g} s are allowed")
    return section


VERIFY_S: Final = 2.0
"""For a city's table."""
_DECIDE: Final = (
    "one decision, in tables in which every route but the last fails at the last of its conditions, so that all of "
    "them are looked at; the last two are the worst that can be: every route is for every category."
)
_VERIFY: Final = (
    f"a city's table: {verify.CATEGORIES} categories, {verify.AGENCIES} agencies, {verify.ROUTES} routes with every "
    "kind of condition. The other one has nearly as many kinds of call as verify looks through at most."
)
