"""``python -m bench [--quick] [--only NAMES] [--compare FILE]``: measures, tells, writes build/bench.json.

The whole of it also writes docs/bench.md and docs/bench/*.svg.

Exit code 0: all figures within their limits; 1: one is not, or a part broke off; 2: the benchmark could not run.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from rich.console import Console

from bench import compare, machine, plots, terminal
from bench.outcome import FULL, QUICK, Outcome
from bench.parts import KEYS, SEEDS
from bench.report import MISSED, as_page, pictures_of
from bench.run import run
from bench.stream import sipp_command
from callrouter import settings
from callrouter.asterisk.pbx import find
from callrouter.errors import OperatorError
from demo.running import run as run_program

_ROOT: Final = Path(__file__).resolve().parents[1]


def _keys(names: str) -> tuple[str, ...]:
    asked = tuple(name.strip() for name in names.split(","))
    if unknown := [name for name in asked if name not in KEYS]:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; there are {', '.join(KEYS)}")
    return asked


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Figures of a centre on loopback.")
    parser.add_argument("--quick", action="store_true", help="each part at its smallest, under 5 minutes; no page")
    told = f"some of the parts; writes no page: {', '.join(KEYS)}"
    parser.add_argument("--only", type=_keys, default=KEYS, metavar="NAMES", help=told)
    parser.add_argument("--compare", type=Path, metavar="FILE", help="a bench.json of another run, to compare with")
    return parser.parse_args()


async def _measured(outcome: Outcome, asked: argparse.Namespace, console: Console) -> None:
    root = settings.load().pbx_root
    asterisk = await find(root)
    outcome.machine = machine.machine(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    outcome.versions = await machine.versions(asterisk.version, sipp_command(root))
    outcome.seeds = SEEDS
    with tempfile.TemporaryDirectory(prefix="callrouter-bench-") as name:
        await run(
            outcome,
            Path(name),
            asked.only,
            lambda part: console.print(f"[bold]{part}[/bold]"),
            lambda line: console.print(f"  {line}", markup=False),
        )


def _write(outcome: Outcome, *, page: bool) -> None:
    (_ROOT / "build").mkdir(exist_ok=True)
    (_ROOT / "build" / "bench.json").write_text(outcome.as_json(), encoding="utf-8")
    if page:
        plots.write(pictures_of(outcome), _ROOT / "docs" / "bench")
        explained = (_ROOT / "docs" / MISSED).exists()
        (_ROOT / "docs" / "bench.md").write_text(as_page(outcome, explained=explained), encoding="utf-8")


def main() -> int:
    """Measure, tell, compare and write."""
    asked = _arguments()
    console = Console(highlight=False, width=max(120, Console().width))
    # A library that one of the opponents is made with turns on everybody's logs when it is imported.
    logging.getLogger().setLevel(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    mode = QUICK if asked.quick else FULL
    outcome = Outcome("make bench" + (" QUICK=1" if asked.quick else ""), mode)
    try:
        older = None if asked.compare is None else compare.read(asked.compare)
        run_program(_measured(outcome, asked, console))
    except OperatorError as error:
        console.print(f"callrouter: {error.what}\n  -> {error.remedy}", markup=False)
        return 2
    terminal.tell(console, outcome)
    _write(outcome, page=mode == FULL and set(asked.only) == set(KEYS) and not outcome.broken)
    if older is not None:
        compare.tell(console, compare.compared(older, outcome.as_data()))
    terminal.verdict(console, outcome)
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
