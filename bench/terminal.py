"""What was measured, on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as Shown

from bench.outcome import QUICK, Outcome, asked_by
from bench.parts import PARTS
from bench.result import sentence
from bench.section import show

BUSY = 0.5
"""Load for each core, before anything is started, from which on times say more of the machine than of us."""


def tell(console: Console, outcome: Outcome) -> None:
    """Print the figures by part, and how long each took."""
    for section in outcome.sections:
        show(console, section)
    took = Shown(title="how long each part took, s", title_justify="left")
    for name in ("part", "took", "planned"):
        took.add_column(name, justify="left" if name == "part" else "right")
    planned = {part.key: part.quick_s if outcome.mode == QUICK else part.whole_s for part in PARTS}
    for part, seconds in outcome.seconds.items():
        took.add_row(part, f"{seconds:.0f}", f"{planned[part]:.0f}" if part in planned else "")
    took.add_row("all", f"{sum(outcome.seconds.values()):.0f}", "")
    console.print(took)
    if float(outcome.machine["load before"]) > BUSY * float(outcome.machine["cores"]):
        console.print("The machine was busy with other work before this began: times are longer than they need be.")


def verdict(console: Console, outcome: Outcome) -> None:
    """Print what a call costs, the targets, and what else went wrong."""
    for line in (sentence(outcome), outcome.counted):
        if line:
            console.print(line, markup=False)
    for target in outcome.targets:
        said = "[green]held[/green]" if target.held else "[red]missed[/red]"
        console.print(f"{said}: {target.name}: {target.measured}; {target.limit} ({asked_by(target)})")
    for wrong in outcome.others_wrong:
        console.print("[red]went wrong:[/red]", end=" ")
        console.print(wrong, markup=False)
