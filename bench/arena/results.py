"""What an opponent was measured in, and what is computed of it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final


@dataclass(frozen=True)
class Ratio:
    """Ours through theirs: of all rounds' values together, and over the interleaved rounds."""

    pooled: float
    low: float
    middle: float
    high: float

    def __str__(self) -> str:
        """Return it as the page shows it."""
        return f"{self.pooled:.2f} (rounds {self.middle:.2f}, {self.low:.2f} to {self.high:.2f})"


Times = Sequence[Sequence[float]]
"""Seconds: of each round, of each call. A call for which it never happened has NEVER: who loses the slow ones is not
the faster for it."""
NEVER: Final = math.inf


@dataclass(frozen=True)
class Cpu:
    """CPU of one round (s), and the calls that were put through in it."""

    pbx: float
    service: float
    database: float
    calls: int

    @property
    def beside(self) -> float:
        """What is not the PBX's."""
        return self.service + self.database

    @property
    def total(self) -> float:
        """All of it."""
        return self.pbx + self.beside


@dataclass(frozen=True)
class Result:
    """One opponent, at the rate at which it is judged.

    invite, greeting, human: digit to INVITE, INVITE to the menu, answer to both voices
    sustained: calls/s, None where it was not looked for
    incidents: where it makes some, callers, and those of them who have exactly one
    alone:     calls that callrouter's PBX served without its service, in all rounds but the search; None: another
               opponent
    slow:      rounds in which SIPp did not make the rate that was asked for
    early:     rounds that began before the one before was at rest
    broken:    why it was given up in the middle; empty: it was not
    """

    key: str
    title: str
    calls: int = 0
    in_time: int = 0
    again: int = 0
    invite: Times = ()
    greeting: Times = ()
    human: Times = ()
    cpu: Sequence[Cpu] = ()
    sustained: int | None = None
    incidents: tuple[int, int] | None = None
    alone: int | None = None
    slow: int = 0
    early: int = 0
    broken: str = ""

    @property
    def share(self) -> float:
        """Of calls that were in time."""
        return self.in_time / self.calls if self.calls else 0.0


def rank(values: Sequence[float], share: float) -> float:
    """Return a percentile (nearest rank) of at least one value."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    """Return the 50th percentile of at least one value."""
    return rank(values, 0.5)


def p99(values: Sequence[float]) -> float:
    """Return the 99th percentile of at least one value."""
    return rank(values, 0.99)


def pool(rounds: Times) -> list[float]:
    """Return the values of all rounds together."""
    return list(chain.from_iterable(rounds))


def ratio(ours: Times, theirs: Times, of: Callable[[Sequence[float]], float]) -> Ratio | None:
    """Return `of` ours through `of` theirs; None where one of them has no value, or it never happened to both.

    A round of which that holds is left out of the rounds' ratios.
    """
    pooled = _through(pool(ours), pool(theirs), of)
    if pooled is None:
        return None
    found = (_through(mine, other, of) for mine, other in zip(ours, theirs, strict=False))
    return _ratio(pooled, [one for one in found if one is not None])


def _through(ours: Sequence[float], theirs: Sequence[float], of: Callable[[Sequence[float]], float]) -> float | None:
    if not ours or not theirs or of(ours) == of(theirs) == NEVER:
        return None
    return of(ours) / of(theirs)


def cpu_ratio(result: Result) -> Ratio | None:
    """Return the CPU of service and database through that of the PBX beside them; None without a call."""
    each = [cpu.beside / cpu.pbx for cpu in result.cpu if cpu.pbx > 0]
    if not each:
        return None
    return _ratio(sum(cpu.beside for cpu in result.cpu) / sum(cpu.pbx for cpu in result.cpu), each)


def per_call_ms(cpus: Sequence[Cpu], of: Callable[[Cpu], float]) -> float | None:
    """Return the CPU for each call that was put through, ms; None where none was."""
    calls = sum(cpu.calls for cpu in cpus)
    return 1000 * sum(map(of, cpus)) / calls if calls else None


def _ratio(pooled: float, each: Sequence[float]) -> Ratio:
    shown = list(each) or [pooled]
    return Ratio(pooled, min(shown), statistics.median(shown), max(shown))
