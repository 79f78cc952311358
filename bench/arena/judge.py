"""What is demanded of callrouter beside the others, and whether it is so. It computes, and measures nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.arena.beats import measures, told
from bench.arena.results import NEVER, Ratio, Result, cpu_ratio, median, p99, per_call_ms, pool, ratio
from bench.section import Row, Target

MEDIAN, P99 = 1.25, 1.5
"""Digit to INVITE, of that of the bare dialplan."""
OWN_CPU: Final = 1.0
"""Service and database, of the CPU of the PBX beside them."""
SHARE: Final = 0.999
"""Of all calls, whose INVITE comes within 1 s of the digit."""
ISSUE, OURS = "issue", "ours"
"""Who set a limit."""


@dataclass
class Verdict:
    """targets, rows: what was compared, and the limit; wrong: what is not held, with both numbers.

    figures: the ratios, None for one that is beyond all numbers
    """

    targets: list[Target] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    figures: dict[str, dict[str, float | None]] = field(default_factory=dict)


def judge(
    results: Mapping[str, Result],
    ours: Sequence[str],
    bare: str,
    rivals: Sequence[str],
    ours_alone: Sequence[str] = (),
) -> Verdict:
    """Return how `ours` stand against the `bare` dialplan, and against their `rivals`.

    Who was not to be measured in this run is not looked at. ours_alone: those of `ours` whose CPU the issue does not
    limit
    """
    verdict = Verdict()
    _rounds(verdict, list(results.values()))
    for key in ours:
        if (mine := results.get(key)) is None:
            continue
        if (limit := results.get(bare)) is not None:
            _against_bare(verdict, mine, limit)
        _alone(verdict, mine, OURS if key in ours_alone else ISSUE)
        for rival in rivals:
            if (theirs := results.get(rival)) is not None:
                _against_rival(verdict, mine, theirs)
    return verdict


def _rounds(verdict: Verdict, results: Sequence[Result]) -> None:
    """Say of which opponents the rounds were no fair ones, whoever's fault that is."""
    slow, early = ([(one.title, getattr(one, name)) for one in results] for name in ("slow", "early"))
    for what, each in (
        ("SIPp made less than the rate that was asked for", slow),
        ("began before the one before was at rest", early),
    ):
        bad = [(title, count) for title, count in each if count]
        verdict.rows.append((f"judged rounds: {what}", str(sum(count for _, count in bad)), "0"))
        verdict.wrong += [f"{title}, judged rounds: {what}: {count}" for title, count in bad]


def _against_bare(verdict: Verdict, mine: Result, bare: Result) -> None:
    _beside_bare(verdict, mine, bare)
    why = _no_yardstick(bare)
    for name, of, limit in (("median", median, MEDIAN), ("p99", p99, P99)):
        what = f"digit to INVITE, {name}: {mine.title} / {bare.title}"
        found = ratio(mine.invite, bare.invite, of)
        if why or found is None:
            _not_held(verdict, what, f"{limit:g}", why or "no calls to compare", ISSUE)
            continue
        both = " / ".join(_shown(of(pool(one.invite))) for one in (mine, bare)) + " ms"
        _limited(verdict, f"digit_to_invite_{name}:{mine.key}/{bare.key}", what, found, limit, both, ISSUE)


def _no_yardstick(bare: Result) -> str:
    """Return why nobody is to be held against it: who is as slow as one that loses calls is not fast."""
    if bare.broken:
        return "the yardstick was not measured to its end"
    values = pool(bare.invite)
    return "the yardstick lost calls" if bare.share < SHARE or (values and p99(values) == NEVER) else ""


def _beside_bare(verdict: Verdict, mine: Result, bare: Result) -> None:
    ours, theirs = per_call_ms(mine.cpu, lambda cpu: cpu.beside), per_call_ms(bare.cpu, lambda cpu: cpu.pbx)
    if ours is not None and theirs:
        what = f"CPU of service and database for each call: {mine.title} / the PBX of the {bare.title}"
        verdict.rows.append((what, f"{ours / theirs:.2f} ({ours:.2f} / {theirs:.2f} ms)", ""))


def _alone(verdict: Verdict, mine: Result, cpu_limit: str) -> None:
    if mine.broken:
        _not_held(verdict, f"measured to the end: {mine.title}", "yes", f"not measured: {mine.broken}", OURS)
    what = f"CPU of service and database / its PBX: {mine.title}"
    found = cpu_ratio(mine)
    if found is None:
        _not_held(verdict, what, f"{OWN_CPU:g}", "no calls to compare", cpu_limit)
    else:
        beside, pbx = (per_call_ms(mine.cpu, of) or 0.0 for of in (lambda c: c.beside, lambda c: c.pbx))
        both = f"{beside:.2f} / {pbx:.2f} ms for each call"
        _limited(verdict, f"cpu:{mine.key}", what, found, OWN_CPU, both, cpu_limit)
    what = f"within 1 s: {mine.title}"
    held = mine.share >= SHARE
    verdict.targets.append(Target(what, f"{mine.in_time} of {mine.calls} calls", f"{SHARE:.1%}", held, ISSUE))
    if not held:
        verdict.wrong.append(f"{what}: {mine.in_time} of {mine.calls} calls, {SHARE:.1%} are promised")
    _none(verdict, f"served by the PBX alone: {mine.title}", mine.alone)
    _none(verdict, f"SIP messages sent again: {mine.title}", mine.again)
    if mine.incidents is not None:
        calls, well = mine.incidents
        verdict.rows.append((f"exactly one incident: {mine.title}", f"{well} of {calls} calls", "all"))
        if well != calls:
            verdict.wrong.append(f"{mine.title}: {well} of {calls} calls have exactly one incident")


def _none(verdict: Verdict, what: str, count: int | None) -> None:
    """Say what there may be none of; None: it is not known."""
    if count is None:
        return
    verdict.rows.append((what, str(count), "0"))
    if count:
        verdict.wrong.append(f"{what}: {count}")


def _limited(verdict: Verdict, key: str, what: str, found: Ratio, limit: float, both: str, origin: str) -> None:
    ratios = {"pooled": found.pooled, "low": found.low, "median": found.middle, "high": found.high}
    verdict.figures[key] = {name: round(one, 3) if math.isfinite(one) else None for name, one in ratios.items()}
    held = found.pooled <= limit
    verdict.targets.append(Target(what, f"{found}; {both}", f"{limit:g}", held, origin))
    if not held:
        verdict.wrong.append(f"{what} is {found.pooled:.2f} ({both}), {limit:g} is allowed")


def _shown(seconds: float) -> str:
    return "never" if seconds == NEVER else f"{1000 * seconds:.2f}"


def _not_held(verdict: Verdict, what: str, limit: str, why: str, origin: str) -> None:
    verdict.targets.append(Target(what, why, limit, held=False, origin=origin))
    verdict.wrong.append(f"{what}: {why}")


def _against_rival(verdict: Verdict, mine: Result, theirs: Result) -> None:
    what = f"beats: {mine.title} / {theirs.title}"
    if broken := mine.broken or theirs.broken:
        _not_held(verdict, what, "on all", f"not measured: {broken}", ISSUE)
        return
    compared = list(measures(mine, theirs))
    level = sum(one.level for one in compared)
    won = sum(one.beaten for one in compared)
    lost = [told(one) for one in compared if not one.beaten and not one.level]
    shown = f"on {won} of {len(compared)} measures" + (f", both at the best possible on {level}" if level else "")
    verdict.targets.append(Target(what, shown, "on all", not lost, ISSUE))
    verdict.wrong += [f"{what}: {line}" for line in lost]
