"""One part of the benchmark: what it measured, what was not as promised, and how it was done."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

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


@dataclass
class Section:
    """A part. `figures` goes into the JSON as it is; `wrong` is empty where all is as promised.

    name: of its module; title: on the page
    """

    name: str
    title: str
    rows: list[Row] = field(default_factory=list)
    figures: Any = None
    wrong: list[str] = field(default_factory=list)
    how: str = ""


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

    section = asyncio.run(run())
    for row in section.rows:
        console.print(" | ".join(row))
    for wrong in section.wrong:
        console.print(f"[red]went wrong:[/red] {wrong}")
    return 1 if section.wrong else 0
