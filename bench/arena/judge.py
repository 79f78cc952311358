"""What is demanded of callrouter beside the others, and whether it is so. It computes, and measures nothing."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from bench.section import Row, Target

MEDIAN, P99 = 1.25, 1.5
"""Digit to INVITE, of that of the bare dialplan."""
OWN_CPU: Final = 1.0
"""Service and database, of the CPU of the PBX beside them."""
SHARE: Final = 0.999
"""Of all calls, whose INVITE comes within 1 s of the digit."""


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

    @property
    def share(self) -> float:
        """Of calls that were in time."""
        return self.in_time / self.calls if self.calls else 0.0


@dataclass
class Verdict:
    """targets, rows: what was compared, and the limit; wrong: what is not held, with both numbers.

    figures: the ratios, None for one that is beyond all numbers
    """

    targets: list[Target] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    figures: dict[str, dict[str, float | None]] = field(default_factory=dict)


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


def judge(results: Mapping[str, Result], ours: Sequence[str], bare: str, rivals: Sequence[str]) -> Verdict:
    """Return how `ours` stand against the `bare` dialplan, and against their `rivals`.

    Who was not measured in this run is not looked at.
    """
    verdict = Verdict()
    for key in ours:
        if (mine := results.get(key)) is None:
            continue
        if (limit := results.get(bare)) is not None:
            _against_bare(verdict, mine, limit)
        _alone(verdict, mine)
        for rival in rivals:
            if (theirs := results.get(rival)) is not None:
                _against_rival(verdict, mine, theirs)
    return verdict


def _against_bare(verdict: Verdict, mine: Result, bare: Result) -> None:
    for name, of, limit in (("median", median, MEDIAN), ("p99", p99, P99)):
        what = f"digit to INVITE, {name}: {mine.title} / {bare.title}"
        found = ratio(mine.invite, bare.invite, of)
        if found is None:
            _nothing(verdict, what, f"{limit:g}")
            continue
        both = " / ".join(_shown(of(pool(one.invite))) for one in (mine, bare)) + " ms"
        _limited(verdict, f"digit_to_invite_{name}:{mine.key}/{bare.key}", what, found, limit, both)


def _alone(verdict: Verdict, mine: Result) -> None:
    what = f"CPU of service and database / its PBX: {mine.title}"
    found = cpu_ratio(mine)
    if found is None:
        _nothing(verdict, what, f"{OWN_CPU:g}")
    else:
        beside, pbx = (per_call_ms(mine.cpu, of) or 0.0 for of in (lambda c: c.beside, lambda c: c.pbx))
        _limited(verdict, f"cpu:{mine.key}", what, found, OWN_CPU, f"{beside:.2f} / {pbx:.2f} ms for each call")
    what = f"within 1 s: {mine.title}"
    held = mine.share >= SHARE
    verdict.targets.append(Target(what, f"{mine.in_time} of {mine.calls} calls", f"{SHARE:.1%}", held))
    if not held:
        verdict.wrong.append(f"{what}: {mine.in_time} of {mine.calls} calls, {SHARE:.1%} are promised")
    if mine.incidents is not None:
        calls, well = mine.incidents
        verdict.rows.append((f"exactly one incident: {mine.title}", f"{well} of {calls} calls", "all"))
        if well != calls:
            verdict.wrong.append(f"{mine.title}: {well} of {calls} calls have exactly one incident")


def _limited(verdict: Verdict, key: str, what: str, found: Ratio, limit: float, both: str) -> None:
    ratios = {"pooled": found.pooled, "low": found.low, "median": found.middle, "high": found.high}
    verdict.figures[key] = {name: round(one, 3) if math.isfinite(one) else None for name, one in ratios.items()}
    held = found.pooled <= limit
    verdict.targets.append(Target(what, f"{found}; {both}", f"{limit:g}", held))
    if not held:
        verdict.wrong.append(f"{what} is {found.pooled:.2f} ({both}), {limit:g} is allowed")


def _shown(seconds: float) -> str:
    return "never" if seconds == NEVER else f"{1000 * seconds:.2f}"


def _nothing(verdict: Verdict, what: str, limit: str) -> None:
    verdict.targets.append(Target(what, "no calls to compare", limit, held=False))
    verdict.wrong.append(f"{what}: no calls to compare")


@dataclass(frozen=True)
class _Measure:
    name: str
    unit: str
    mine: float | None
    theirs: float | None
    more: bool = False
    """Whether more is better."""

    @property
    def beaten(self) -> bool:
        if self.mine is None or self.theirs is None:
            return self.mine is not None
        return self.mine > self.theirs if self.more else self.mine < self.theirs


def _against_rival(verdict: Verdict, mine: Result, theirs: Result) -> None:
    won, lost = 0, []
    for one in _measures(mine, theirs):
        if one.beaten:
            won += 1
        else:
            lost.append(f"{one.name} {_number(one.mine)} against {_number(one.theirs)} {one.unit}")
    what = f"beats: {mine.title} / {theirs.title}"
    verdict.targets.append(Target(what, f"on {won} of {won + len(lost)} measures", "on all", not lost))
    verdict.wrong += [f"{mine.title} does not beat {theirs.title}: {line}" for line in lost]


def _measures(mine: Result, theirs: Result) -> Iterator[_Measure]:
    """Yield what both were measured in."""

    def times(
        name: str, of: Callable[[Result], Times], rule: Callable[[Sequence[float]], float]
    ) -> Iterator[_Measure]:
        if pool(of(mine)) or pool(of(theirs)):
            yield _Measure(name, "ms", _of(of(mine), rule), _of(of(theirs), rule))

    yield from times("digit to INVITE, median", lambda one: one.invite, median)
    yield from times("digit to INVITE, p99", lambda one: one.invite, p99)
    yield from times("INVITE to the menu, median", lambda one: one.greeting, median)
    yield from times("answer to both voices, median", lambda one: one.human, median)
    if mine.cpu and theirs.cpu:
        total = [per_call_ms(one.cpu, lambda cpu: cpu.total) for one in (mine, theirs)]
        yield _Measure("CPU for each call", "ms", total[0], total[1])
    if mine.sustained is not None and theirs.sustained is not None:
        yield _Measure("sustained", "calls/s", mine.sustained, theirs.sustained, more=True)


def _of(rounds: Times, rule: Callable[[Sequence[float]], float]) -> float | None:
    values = pool(rounds)
    return 1000 * rule(values) if values else None


def _number(value: float | None) -> str:
    if value is None:
        return "nothing"
    return "never" if value == NEVER else f"{value:.4g}"
