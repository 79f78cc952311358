"""``python -m chaos``: faults by stages on a real PBX. Prints tables, writes build/chaos.json, docs/resilience.md.

Exit code 0: all as promised; 1: a caller was lost, had long dead air, or has no or two incidents; 2: it could not
run. The page is written by a run of everything; the monkey writes its own section of it.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from callrouter import settings
from callrouter.asterisk.pbx import find
from callrouter.errors import OperatorError
from callrouter.logs import configure
from chaos import matrix, report
from chaos.clock import NoFaketime
from chaos.team import Team
from demo.running import run as run_program

LIMIT_S: Final = 3600.0
_ROOT: Final = Path(__file__).resolve().parents[1]


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three stages of each fault")
    parser.add_argument("--only", default="", metavar="FAULT[,FAULT]", help=", ".join(matrix.BY_KEY))
    parser.add_argument("--stage", default="", metavar="STAGE[,STAGE]", help=", ".join(s.name for s in matrix.Stage))
    parser.add_argument("--seed", type=int, default=112, help="of the order of the cells, and of the monkey")
    parser.add_argument("--centres", type=int, default=3, choices=(1, 2, 3), help="PBXs side by side")
    parser.add_argument("--monkey", type=float, default=0.0, metavar="MINUTES", help="only the monkey, so long")
    parser.add_argument("--rate", type=float, default=10.0, help="calls a second of the monkey")
    return parser.parse_args(words)


def _cells(given: argparse.Namespace, console: Console) -> list[matrix.Cell] | None:
    faults = frozenset(filter(None, given.only.split(",")))
    stages = frozenset(filter(None, given.stage.upper().split(",")))
    unknown = (faults - matrix.BY_KEY.keys()) | (stages - {stage.name for stage in matrix.Stage})
    if unknown:
        console.print(f"not known: {', '.join(sorted(unknown))}")
        return None
    chosen = frozenset(stage for stage in matrix.Stage if stage.name in stages)
    return matrix.cells(faults=faults, stages=chosen, quick=given.quick)


async def _run(given: argparse.Namespace, cells: list[matrix.Cell], console: Console) -> report.Run:
    began = time.monotonic()
    asterisk = await find(settings.load().pbx_root)
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    words = " ".join(sys.argv[1:])
    run = report.Run(f" ARGS='{words}'" if words else "", given.seed, report.machine(asterisk.version, when))
    run.impossible = [cell for cell in cells if cell.impossible]
    order = [cell for cell in cells if not cell.impossible]
    random.Random(given.seed).shuffle(order)  # noqa: S311 - an order that can be had again
    with tempfile.TemporaryDirectory(prefix="callrouter-chaos-", ignore_cleanup_errors=True) as folder:
        async with asyncio.timeout(LIMIT_S):
            team = Team(Path(folder), given.centres, console)
            if given.monkey:
                run.monkey = await team.monkey(minutes=given.monkey, rate=given.rate, seed=given.seed)
            else:
                place = {cell: n for n, cell in enumerate(cells)}
                run.verdicts = sorted(await team.play(order), key=lambda verdict: place[verdict.cell])
    run.took_s = time.monotonic() - began
    return run


def _write_page(run: report.Run, given: argparse.Namespace) -> None:
    """A run of everything writes the page; the monkey writes its own section."""
    file = _ROOT / "docs" / "resilience.md"
    before = file.read_text() if file.exists() else ""
    if run.monkey is not None:
        file.write_text(report.with_monkey(before, run))
    elif not (given.quick or given.only or given.stage):
        file.write_text(report.page(run, report.section(before, report.MONKEY)))


def main() -> int:
    """Play what was asked for."""
    configure("text", "WARNING")
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # connections are cut on purpose
    console = Console(highlight=False, width=max(140, Console().width))
    given = _arguments(sys.argv[1:])
    cells = _cells(given, console)
    if cells is None:
        return 2
    try:
        run = run_program(_run(given, cells, console))
    except OperatorError as error:
        console.print(error.message("en"), soft_wrap=True)
        return 2
    except (NoFaketime, OSError, RuntimeError, TimeoutError) as error:
        console.print(f"[red]could not run:[/red] {type(error).__name__}: {error}", soft_wrap=True)
        return 2
    (_ROOT / "build").mkdir(exist_ok=True)
    (_ROOT / "build" / "chaos.json").write_text(run.as_json())
    _write_page(run, given)
    for table in report.tables(run):
        console.print(table)
    for verdict in run.bad:
        told = verdict.error or "; ".join(verdict.wrong)
        console.print(f"[red]failed:[/red] {verdict.cell.name}: {told}", soft_wrap=True)
    if run.monkey is not None:
        for name, value in run.monkey.items():
            console.print(f"{name}: {value}", soft_wrap=True)
    console.print(f"{run.took_s / 60:.1f} minutes; {len(run.impossible)} cells cannot exist; see build/chaos.json")
    return 0 if run.ok else 1


if __name__ == "__main__":
    sys.exit(main())
