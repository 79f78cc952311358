"""How much later than by a bare dialplan a call may come in calm hours."""

from __future__ import annotations

from typing import Any

import pytest

from bench.calm import LIMIT_MS, judge
from bench.section import Section


def _section(**medians_ms: float | None) -> Section:
    def of(key: str, median: float | None) -> dict[str, Any]:
        return {"title": f"the {key}", "calm": {"rate": 20, "digit_to_invite_ms": {"calls": 120, "median": median}}}

    figures: dict[str, Any] = {key: of(key, median) for key, median in medians_ms.items()}
    return Section("arena", "The same calls", figures={**figures, "ratios": {}})


@pytest.mark.parametrize(("mine", "held"), [(5.0, True), (2.5 + LIMIT_MS, True), (2.6 + LIMIT_MS, False)])
def test_the_difference_of_the_medians_is_judged(mine: float, held: bool) -> None:
    section = _section(bare=2.5, sqlite=mine)
    judge(section)
    (target,) = section.targets
    assert (target.held, target.measured) == (held, f"{mine - 2.5:.2f} ms")
    assert bool(section.wrong) == (not held)
    assert (target.limit, target.origin) == (f"{LIMIT_MS:g} ms", "issue 2")


def test_both_databases_are_judged() -> None:
    section = _section(bare=2.5, sqlite=3.0, postgresql=9.0, agi=80.0)
    judge(section)
    assert [target.held for target in section.targets] == [True, False]


@pytest.mark.parametrize("missing", ["bare", "sqlite"])
def test_a_median_that_there_is_none_of_is_not_held(missing: str) -> None:
    section = _section(**{"bare": 2.5, "sqlite": 3.0, missing: None})
    judge(section)
    (target,) = section.targets
    assert not target.held
    assert section.wrong == [f"{target.name}: too few calls came, {LIMIT_MS:g} ms are allowed"]


def test_nothing_is_judged_without_calm_rounds() -> None:
    section = Section("arena", "The same calls", figures={"bare": {"title": "bare"}, "sqlite": {"title": "ours"}})
    judge(section)
    assert not section.targets
