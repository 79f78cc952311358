"""One part of the benchmark: what it measured, what was not as promised, and how it was done."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from demo.running import run as run_program

Row = tuple[str, str, str]
"""Figure, measured, limit."""


@dataclass(frozen=True)
class Spread:
    """Median and 99th percentile of `calls` times, ms."""

    calls: int
    median_ms: float
    p99_ms: float

    def __str__(self) -> str:
        """Return both, as the page shows them."""
        return f"{self.median_ms:.2f} / {self.p99_ms:.2f} ms"


@dataclass(frozen=True)
class Table:
    """Several things beside each other, on the page and on the console.

    title: a heading over it; head: the name of each column, the first of which is that of the rows;
    rows: each with as many cells as `head`, as text; note: what stands under it, may be empty
    """

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str = ""


@dataclass(frozen=True)
class Target:
    """What the whole benchmark is judged by, shown first on the page. Whoever adds one that is not held says so in
    `Section.wrong` as well, in lines that begin with its name.

    name, measured, limit: as the page shows them; origin: who set the limit, "ours" or "issue" (of another one than
    the benchmark's: "issue 2")
    """

    name: str
    measured: str
    limit: str
    held: bool
    origin: str = "ours"


@dataclass
class Section:
    """A part. `figures` goes into the JSON as it is; `wrong` is empty where all is as promised.

    name: of its module; title: on the page; tables: shown after the rows; targets: shown above all
    """

    name: str
    title: str
    rows: list[Row] = field(default_factory=list)
    figures: Any = None
    wrong: list[str] = field(default_factory=list)
    how: str = ""
    tables: list[Table] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)


def spread(delays_s: Sequence[float]) -> Spread | None:
    """Return median and p99 (nearest rank) of these times; None of none."""
    if not delays_s:
        return None
    ordered = sorted(delays_s)
    return Spread(len(ordered), 1000 * _rank(ordered, 0.5), 1000 * _rank(ordered, 0.99))


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile (nearest rank) of at least one value."""
    return _rank(sorted(values), 0.95)


def _rank(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def alone(measure: Callable[..., Awaitable[Section]]) -> int:
    """Measure one part and tell, as its module does when it is run by itself; 1 where a limit is not held.

    measure: takes a folder for what is written, what takes progress, and `quick`
    """
    console = Console(highlight=False, width=130)

    async def run() -> Section:
        with tempfile.TemporaryDirectory(prefix="callrouter-bench-") as name:
            return await measure(Path(name), lambda line: console.print(f"  {line}"), quick=False)

    section = run_program(run())
    show(console, section)
    for wrong in section.wrong:
        console.print("[red]went wrong:[/red]", end=" ")
        console.print(wrong, markup=False)
    return 1 if section.wrong else 0


def show(console: Console, section: Section) -> None:
    """Print its tables, then its rows."""
    tables = list(section.tables)
    if section.rows:
        tables.append(Table(section.title, ("figure", "measured", "limit"), [*section.rows]))
    for table in tables:
        grid = Grid(title=table.title, title_justify="left", caption=table.note or None)
        for n, name in enumerate(table.head):
            grid.add_column(name, justify="right" if n and table in section.tables else "left", overflow="fold")
        for row in table.rows:
            grid.add_row(*row)
        console.print(grid)
