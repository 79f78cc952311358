"""In which measures callrouter is compared with its rivals, and how one of them went."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.arena.results import NEVER, Result, Times, median, p99, per_call_ms, pool


@dataclass(frozen=True)
class Measure:
    """mine, theirs: None where it was not measured; more: more is better; best: nothing is better than that."""

    name: str
    unit: str
    mine: float | None
    theirs: float | None
    more: bool = False
    best: float | None = None

    @property
    def beaten(self) -> bool:
        """Ours is the better one; not where one of them was not measured."""
        if self.mine is None or self.theirs is None:
            return False
        return self.mine > self.theirs if self.more else self.mine < self.theirs

    @property
    def level(self) -> bool:
        """Neither can be beaten in it."""
        return self.best is not None and self.mine == self.theirs == self.best


def measures(mine: Result, theirs: Result) -> Iterator[Measure]:
    """Yield what at least one of them was measured in."""

    def times(
        name: str, of: Callable[[Result], Times], rule: Callable[[Sequence[float]], float]
    ) -> Iterator[Measure]:
        if pool(of(mine)) or pool(of(theirs)):
            yield Measure(name, "ms", _of(of(mine), rule), _of(of(theirs), rule))

    yield from times("digit to INVITE, median", lambda one: one.invite, median)
    yield from times("digit to INVITE, p99", lambda one: one.invite, p99)
    yield from times("INVITE to the menu, median", lambda one: one.greeting, median)
    yield from times("INVITE to the menu, p99", lambda one: one.greeting, p99)
    yield from times("answer to both voices, median", lambda one: one.human, median)
    shares = [100 * one.share if one.calls else None for one in (mine, theirs)]
    yield Measure("within 1 s", "%", shares[0], shares[1], more=True, best=100)
    again = [one.again if one.calls else None for one in (mine, theirs)]
    yield Measure("SIP messages sent again", "messages", again[0], again[1], best=0)
    if mine.cpu or theirs.cpu:
        yield Measure("CPU for each call", "ms", _total(mine), _total(theirs))
    if mine.sustained is not None or theirs.sustained is not None:
        yield Measure("sustained", "calls/s", mine.sustained, theirs.sustained, more=True)


def _total(one: Result) -> float | None:
    """Return all CPU for each call; who put none through took it for nothing."""
    if not one.cpu:
        return None
    found = per_call_ms(one.cpu, lambda cpu: cpu.total)
    return NEVER if found is None else found


def _of(rounds: Times, rule: Callable[[Sequence[float]], float]) -> float | None:
    values = pool(rounds)
    return 1000 * rule(values) if values else None


def told(one: Measure) -> str:
    """Return both numbers, as the page shows them."""
    if one.mine is None or one.theirs is None:
        return f"{one.name}: not measured of {'ours' if one.mine is None else 'theirs'}"
    return f"{one.name} {_number(one.mine)} against {_number(one.theirs)} {one.unit}"


def _number(value: float) -> str:
    return "never" if value == NEVER else f"{value:.4g}"
