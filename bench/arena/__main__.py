"""``python -m bench.arena [--quick] [--only a,b] [--rate N] [--rounds N]``: these rounds alone; writes no page.

Exit code 0: all that was measured is within its limits; 1: something is not.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table as Shown

from bench.arena.plan import QUICK, WHOLE, Plan
from bench.arena.whole import measure
from bench.opponents.everyone import KEYS
from bench.section import Section
from demo.running import run as run_program


def _keys(names: str) -> tuple[str, ...]:
    asked = tuple(name.strip() for name in names.split(","))
    if unknown := [name for name in asked if name not in KEYS]:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; there are {', '.join(KEYS)}")
    return asked


def _plan(asked: argparse.Namespace) -> Plan:
    plan = QUICK if asked.quick else WHOLE
    changes = {name: getattr(asked, name) for name in ("rate", "rounds", "seconds", "most_steps", "seed")}
    return dataclasses.replace(plan, **{name: value for name, value in changes.items() if value is not None})


def _tell(console: Console, section: Section) -> None:
    for table in section.tables:
        grid = Shown(title=table.title)
        for n, name in enumerate(table.head):
            grid.add_column(name, justify="right" if n else "left", overflow="fold")
        for row in table.rows:
            grid.add_row(*row)
        console.print(grid)
    for target in section.targets:
        said = "[green]held[/green]" if target.held else "[red]missed[/red]"
        console.print(f"{said}: {target.name}: {target.measured}; limit {target.limit}")
    for row in section.rows:
        console.print(" | ".join(row))
    for wrong in section.wrong:
        console.print(f"[red]went wrong:[/red] {wrong}")


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(prog="python -m bench.arena", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, no search for the sustained rate")
    parser.add_argument("--only", type=_keys, default=KEYS, metavar="KEYS", help=", ".join(KEYS))
    parser.add_argument("--rate", type=int, help=f"calls/s of the judged rounds ({WHOLE.rate})")
    parser.add_argument("--rounds", type=int, help=f"how many of them ({WHOLE.rounds})")
    parser.add_argument("--seconds", type=float, help=f"how long each is ({WHOLE.seconds:g})")
    parser.add_argument("--most-steps", type=int, help="waves of the search for the sustained rate; 0: none")
    parser.add_argument("--seed", type=int, help="of the callers' delays")
    parser.add_argument("--json", type=Path, help="where the figures are written")
    asked = parser.parse_args()
    console = Console(highlight=False, width=max(150, Console().width))

    logging.getLogger().setLevel(logging.WARNING)  # migrations and PostgreSQL's wheel tell each of their steps

    async def run() -> Section:
        with tempfile.TemporaryDirectory(prefix="callrouter-arena-") as name:
            return await measure(
                Path(name),
                lambda line: console.print(f"  {line}"),
                quick=asked.quick,
                only=asked.only,
                plan=_plan(asked),
            )

    section = run_program(run())
    _tell(console, section)
    if asked.json is not None:
        asked.json.write_text(json.dumps(section.figures, indent=1))
    return 1 if section.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
