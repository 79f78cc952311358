"""The opponents (bench.arena), and what is promised of calm hours beside them.

At 20 calls/s, last digit to the agency's INVITE: by how much the median is above that of a bare dialplan, whatever
the ratio is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from bench.arena import whole
from bench.opponents import bare, ours
from bench.section import Section, Target

LIMIT_MS: Final = 3.0
Say = Callable[[str], None]


async def measure(folder: Path, say: Say, *, quick: bool) -> Section:
    """Measure all opponents; ten minutes, quick one and a half, in which no calm hour is measured."""
    section = await whole.measure(folder, say, quick=quick)
    judge(section)
    return section


def judge(section: Section) -> None:
    """Add to the arena's section how much later callrouter is in calm rounds, where there were some.

    Where half of the calls never came there is no median: that is not held either.
    """
    yard = _calm(section.figures, bare.KEY)
    for key in (ours.SQLITE, ours.POSTGRESQL):
        mine = _calm(section.figures, key)
        if yard is None or mine is None:
            continue
        title = section.figures[key]["title"]
        name = f"digit to INVITE at {mine['rate']:g} calls/s, difference of the medians: {title} - bare dialplan"
        medians = (_median_ms(mine), _median_ms(yard))
        if None in medians:
            measured, held = "too few calls came", False
        else:
            later = section.figures[key]["later_ms"] = medians[0] - medians[1]
            measured, held = f"{later:.2f} ms", later <= LIMIT_MS
        section.targets.append(Target(name, measured, f"{LIMIT_MS:g} ms", held, "issue 2"))
        if not held:
            section.wrong.append(f"{name}: {measured}, {LIMIT_MS:g} ms are allowed")


def _calm(figures: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = figures.get(key, {}).get("calm")
    return found


def _median_ms(calm: Mapping[str, Any]) -> Any:
    return (calm.get("digit_to_invite_ms") or {}).get("median")
