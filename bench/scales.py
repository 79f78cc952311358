"""Axes: where a value lies on one, and which values are written beside it. Decades where the values span them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

DECADES_FROM: Final = 30.0
"""From this quotient of the largest to the smallest value on, an axis is logarithmic."""
TICKS: Final = 6
_ROOM: Final = 0.03
"""Left free at both ends, share of the axis."""


@dataclass(frozen=True)
class Axis:
    """One axis. low, high: its ends; ticks: value and place. Places are values, or their logarithms where `log`.

    nought: where 0 lies on a logarithmic axis: one decade below the smallest value; None where there is no 0
    """

    log: bool
    low: float
    high: float
    ticks: tuple[tuple[float, float], ...]
    nought: float | None = None

    def place(self, value: float) -> float:
        """Return where a value lies. ValueError for one that a logarithmic axis cannot show."""
        if not self.log:
            return value
        if value == 0 and self.nought is not None:
            return self.nought
        if value <= 0:
            raise ValueError(f"{value:g} is not on a logarithmic axis")
        return math.log10(value)


def axis(values: Iterable[float], *, from_zero: bool = False) -> Axis:
    """Return an axis that shows all of `values`, of which there is at least one.

    from_zero: begin at 0, unless it is logarithmic
    """
    given = sorted(set(values))
    above = [value for value in given if value > 0]
    if above and given[0] >= 0 and above[-1] / above[0] >= DECADES_FROM:
        return _logarithmic(above, zero=given[0] == 0)
    return _linear([0.0, *given] if from_zero else given)


def _logarithmic(above: Sequence[float], *, zero: bool) -> Axis:
    first, last = math.floor(math.log10(above[0]) + 1e-9), math.ceil(math.log10(above[-1]) - 1e-9)
    ticks = [(10.0**n, float(n)) for n in range(first, last + 1)]
    low = math.log10(above[0]) if math.log10(above[0]) - first < 0.5 else float(first)
    low = min(low, ticks[0][1])
    nought = None
    if zero:
        nought = low - 1.0
        ticks, low = [(0.0, nought), *ticks], nought
    return _roomy(low, ticks[-1][1], ticks, log=True, nought=nought)


def _linear(given: Sequence[float]) -> Axis:
    low, high = min(given), max(given)
    if high == low:
        low, high = min(0.0, low), max(high, 1.0) if high <= 0 else high
    step = _step((high - low) / TICKS)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [(round(n * step, 12), round(n * step, 12)) for n in range(first, last + 1)]
    return _roomy(ticks[0][1], ticks[-1][1], ticks, log=False)


def _roomy(
    low: float, high: float, ticks: Sequence[tuple[float, float]], *, log: bool, nought: float | None = None
) -> Axis:
    room = _ROOM * (high - low or 1.0)
    return Axis(log, low - room, high + room, tuple(ticks), nought)


def _step(least: float) -> float:
    """Return the smallest of 1, 2, 5, 10, 20, … (and tenths of them) that is at least `least`."""
    decade: float = 10.0 ** math.floor(math.log10(least))
    return next(factor * decade for factor in (1, 2, 5, 10) if factor * decade >= least * (1 - 1e-9))


def written(value: float) -> str:
    """Return a tick's value as it is written: 1M, 10k, 250, 0.5."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if abs(value) >= size * (10 if unit == "k" else 1):
            return f"{value / size:g}{unit}"
    return f"{value:,g}" if abs(value) >= 1 or value == 0 else f"{value:.6g}"
