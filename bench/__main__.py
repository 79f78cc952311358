"""``python -m bench [--quick] [--only NAMES]``: measures, prints a table, writes build/bench.json and docs/bench.md.

Exit code 0: all figures within their limits; 1: one is not; 2: the benchmark could not run.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from ruamel.yaml import YAML

from bench import (
    catchup,
    decide,
    digits,
    flood,
    lag,
    listeners,
    pages,
    pickup,
    publish,
    related,
    report,
    scoreboard,
    verify,
    year,
)
from bench.bare import bare_pbx, first_target
from bench.section import Section, spread
from callrouter import settings
from callrouter.asterisk.pbx import find
from callrouter.errors import OperatorError
from callrouter.resources import resource
from demo.addresses import SIP_PORT
from demo.centre import Centre

LIMIT_S: Final = 1_200
"""For everything, but the year: to make it takes as long as the machine's disk does."""
YEAR_S: Final = 900
CENTRE: Final = "centre"
"""Digit to INVITE, flood and memory, which share a centre."""
PARTS: Final = {"publish": publish, "lag": lag, "catchup": catchup, "listeners": listeners, "pickup": pickup}
"""Each with a centre or a database of its own."""
OF_YEAR: Final = {"pages": pages, "related": related, "scoreboard": scoreboard}
"""They share a year, which is made once. The scoreboard comes last: it keeps what it counted."""
ALONE: Final = ("decide", "verify")
SECTIONS: Final = (CENTRE, *PARTS, *OF_YEAR, *ALONE)
DIGIT: Final = "1"
TRUNK: Final = "telco"
CALLER_HZ, AGENCY_HZ = 600, 1150
WARM_UP_S: Final = 5
ROUNDS, ROUND_S = 3, 10
QUICK_ROUNDS, QUICK_ROUND_S = 1, 5
CALLS: Final = 20
VERIFY_S: Final = 2.0
"""For a city's table."""
BUSY: Final = 0.5
"""Load for each core, before anything is started, from which on times say more of the machine than of us."""
_ROOT: Final = Path(__file__).resolve().parents[1]


class Bench:
    """One run; `figures` fills up as it goes."""

    def __init__(self, centre: Centre, console: Console, figures: report.Figures, *, quick: bool) -> None:
        self._centre = centre
        self._console = console
        self.figures = figures
        self._rounds, self._seconds = (QUICK_ROUNDS, QUICK_ROUND_S) if quick else (ROUNDS, ROUND_S)
        self._agency = first_target(centre.table, DIGIT)
        self._begun = 0

    async def run(self, folder: Path) -> None:
        """Measure everything."""
        self._memory("after its start")
        async with bare_pbx(folder, self._centre, DIGIT) as bare:
            await self._digits(bare, f"{self._centre.settings.sip_host}:{self._centre.settings.sip_port}")
        await self._flood()
        self._memory("after the flood")
        report.judge_memory(self.figures)

    # ------------------------------------------------------------------ digit to INVITE
    async def _digits(self, bare: str, ours: str) -> None:
        self._console.print(f"warm-up: {digits.RATE * WARM_UP_S} calls each")
        await self._round(bare, WARM_UP_S)
        await self._round(ours, WARM_UP_S)
        await self._at_rest()
        self._memory(f"after {digits.RATE * WARM_UP_S} calls")
        of_bare: list[digits.Round] = []
        of_ours: list[digits.Round] = []
        for n in range(self._rounds):
            turns = [(bare, of_bare, "bare dialplan"), (ours, of_ours, "callrouter")]
            for pbx, rounds, name in turns if n % 2 == 0 else reversed(turns):
                rounds.append(await self._round(pbx, self._seconds))
                found = spread(rounds[-1].delays_s)
                self._console.print(f"round {n + 1}, {name}: {found or 'no call came'}")
        await self._at_rest()
        report.judge_digits(self.figures, of_bare, of_ours)

    async def _round(self, pbx: str, seconds: int) -> digits.Round:
        self._begun += 1
        return await digits.measure(
            digits.sipp_command(self._centre.settings.pbx_root),
            pbx,
            self._centre.trunk_hosts[TRUNK],
            (self._centre.trunk_hosts[self._agency.trunk], SIP_PORT),
            prefix=f"0812{self._begun:03d}",
            digit=DIGIT,
            seconds=seconds,
        )

    # ------------------------------------------------------------------ flood
    async def _flood(self) -> None:
        self._console.print(f"flood: {CALLS} calls in it, {CALLS} after it")
        centre = self._centre
        caller = await centre.phone(TRUNK, CALLER_HZ)
        agency = await centre.phone(self._agency.trunk, AGENCY_HZ)
        outcome = await flood.calls_in_a_flood(centre, caller, agency, DIGIT, CALLS)
        self.figures.wrong += outcome.wrong
        self.figures.flood = outcome.as_figures()

    # ------------------------------------------------------------------ memory
    def _memory(self, when: str) -> None:
        status = Path(f"/proc/{self._centre.service_pid}/status").read_text()
        kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
        self.figures.memory_mb[when] = kib * 1024 / 1e6

    async def _at_rest(self) -> None:
        """Until no call is left, and every one is told of."""
        async with asyncio.timeout(20):
            while await self._centre.live() or "0 active channels" not in await self._centre.pbx.rx(
                "core show channels count"
            ):
                await asyncio.sleep(0.1)


def _decide() -> Section:
    found = decide.measure()
    section = Section("decide", "decide()", figures=[asdict(one) for one in found], how=_DECIDE)
    for one in found:
        name = f"decide(), {one.routes:,} routes, {one.candidates} candidates, {one.name}: median / p99"
        limit = "" if one.limit_us is None else f"{one.limit_us:g} µs"
        section.rows.append((name, f"{one.median_us:.1f} / {one.p99_us:.1f} µs", limit))
        if not one.held:
            section.wrong.append(f"decide(), {one.name}: the median is {one.median_us:.0f} µs, {limit} are allowed")
    return section


def _verify() -> Section:
    section = Section("verify", "verify", figures={}, how=_VERIFY)
    for name, table, limit_s in (("a city", verify.city(), VERIFY_S), ("the most vectors", verify.crowded(), None)):
        found, took = verify.measure(table)
        middle = statistics.median(took)
        section.figures[name] = {"seconds": took, "vectors": found.vectors, "cells": found.cells}
        measured = f"{middle:.2f} s, the middle of {len(took)}; {found.vectors:,} kinds of call"
        section.rows.append((f"verify, {name}", measured, "" if limit_s is None else f"{limit_s:g} s"))
        if limit_s is not None and middle > limit_s:
            section.wrong.append(f"verify of {name} took {middle:.2f} s, {limit_s:g} s are allowed")
    return section


_DECIDE: Final = (
    "one decision, in tables in which every route but the last fails at the last of its conditions, so that all of "
    "them are looked at; the last two are the worst that can be: every route is for every category."
)
_VERIFY: Final = (
    f"a city's table: {verify.CATEGORIES} categories, {verify.AGENCIES} agencies, {verify.ROUTES} routes with every "
    "kind of condition. The other one has nearly as many kinds of call as verify looks through at most."
)


def _table() -> dict[str, Any]:
    table: dict[str, Any] = YAML(typ="safe").load(resource("examples") / "kab-malang.yaml")
    return table


async def _run(console: Console, figures: report.Figures, only: Sequence[str], *, quick: bool) -> None:
    def say(line: str) -> None:
        console.print(f"  {line}")

    asterisk = await find(settings.load().pbx_root)
    figures.machine = report.machine(asterisk.version, f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    with tempfile.TemporaryDirectory(prefix="callrouter-bench-") as name:
        folder = Path(name)
        async with asyncio.timeout(LIMIT_S):
            if CENTRE in only:
                async with Centre(folder / "ours", _table(), say=say) as centre:
                    await Bench(centre, console, figures, quick=quick).run(folder / "bare")
            for key, part in PARTS.items():
                if key in only:
                    console.print(f"{key}:")
                    report.add(figures, await part.measure(folder / part.__name__, say, quick=quick))
    if any(key in only for key in OF_YEAR):
        async with asyncio.timeout(YEAR_S):
            await _of_year(console, figures, only, say, quick=quick)
    for key, measure in zip(ALONE, (_decide, _verify), strict=True):
        if key in only:
            console.print(key)
            report.add(figures, measure())


async def _of_year(
    console: Console, figures: report.Figures, only: Sequence[str], say: year.Say, *, quick: bool
) -> None:
    console.print("a year:")
    async with year.on_postgresql(year.QUICK_ROWS if quick else year.ROWS, say) as (url, made):
        for key, part in OF_YEAR.items():
            if key in only:
                console.print(f"{key}:")
                report.add(figures, await part.measured(url, made.counts, say, quick=quick))


def _write(figures: report.Figures, *, whole: bool) -> None:
    (_ROOT / "build").mkdir(exist_ok=True)
    (_ROOT / "build" / "bench.json").write_text(figures.as_json())
    if whole:
        (_ROOT / "docs" / "bench.md").write_text(report.as_page(figures))


def _sections(names: str) -> tuple[str, ...]:
    asked = tuple(name.strip() for name in names.split(","))
    if unknown := [name for name in asked if name not in SECTIONS]:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    return asked


def main() -> int:
    """Measure, tell and write."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Figures of a centre on loopback.")
    parser.add_argument("--quick", action="store_true", help=f"one round of {QUICK_ROUND_S} s; writes no page")
    told = f"some of it; writes no page: {', '.join(SECTIONS)}"
    parser.add_argument("--only", type=_sections, default=SECTIONS, metavar="NAMES", help=told)
    asked = parser.parse_args()
    quick, only = asked.quick, asked.only
    console = Console(highlight=False, width=max(110, Console().width))
    figures = report.Figures("make bench" + (" ARGS=--quick" if quick else ""))
    try:
        asyncio.run(_run(console, figures, only, quick=quick))
    except OperatorError as error:
        console.print(f"callrouter: {error.what}\n  -> {error.remedy}")
        return 2
    except TimeoutError:
        console.print("[red]went wrong:[/red] not done in time, or a part of it did not come to rest")
        return 1
    except RuntimeError as error:
        console.print(f"[red]went wrong:[/red] {error}")
        return 1
    console.print(report.as_table(figures))
    if float(figures.machine["load before"]) > BUSY * float(figures.machine["cores"]):
        console.print("The machine was busy with other work before this began: times are longer than they need be.")
    _write(figures, whole=not quick and set(only) == set(SECTIONS))
    for wrong in figures.wrong:
        console.print(f"[red]went wrong:[/red] {wrong}")
    return 1 if figures.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
