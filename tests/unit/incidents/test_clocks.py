"""Intervals, presets and percentiles: the worked examples of docs/clocks.md, and what must hold for any."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from callrouter.agencies.scoreboard_rules import shown_as
from callrouter.incidents.clocks import (
    PRESETS,
    Clock,
    ClockStep,
    Moments,
    Wait,
    Zone,
    interval,
    measured,
    nearest_rank,
    within,
    zones,
)

PAGE = Path(__file__).parents[3] / "docs" / "clocks.md"
BEGIN = 1_790_000_000_000_000


def examples(about: str) -> list[Any]:
    blocks = re.findall(r"^```yaml example\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [one for one in (YAML(typ="safe").load(block) for block in blocks) if about in one]


def us(seconds: float) -> int:
    return BEGIN + round(seconds * 1_000_000)


def test_page_has_examples_of_everything() -> None:
    assert [len(examples(about)) for about in ("moments", "waits", "values", "undisposed")] == [6, 2, 1, 1]


@pytest.mark.parametrize("example", examples("moments"), ids=str)
def test_intervals_are_those_of_the_page(example: dict[str, Any]) -> None:
    moments = Moments(**{name: us(at) for name, at in example["moments"].items()})
    steps = [ClockStep("pbx1", us(s["before"]), us(s["after"]), 0) for s in example.get("steps", ())]
    found = {
        str(clock): "unusable" if one.us is None else one.us / 1_000_000
        for clock, one in measured(moments, zones(steps)).items()
    }
    assert found == example["gives"]


@pytest.mark.parametrize("example", examples("waits"), ids=str)
def test_presets_are_those_of_the_page(example: dict[str, Any]) -> None:
    waits = [Wait(**{name: seconds * 1_000_000 for name, seconds in wait.items()}) for wait in example["waits"]]
    found = within(waits)
    assert [one.seconds for one in found] == list(PRESETS)
    assert {one.seconds: f"{one.answered} of {one.of}" for one in found} == example["within"]
    assert {one.seconds: one.percent for one in found} == example["percent"]


@pytest.mark.parametrize("example", examples("values"), ids=str)
def test_median_and_p90_are_those_of_the_page(example: dict[str, Any]) -> None:
    assert nearest_rank(example["values"], 50) == example["median"]
    assert nearest_rank(example["values"], 90) == example["p90"]


@pytest.mark.parametrize("row", examples("undisposed")[0]["undisposed"], ids=str)
def test_calls_that_nobody_judged_are_shown_as_the_page_says(row: dict[str, Any]) -> None:
    assert shown_as("", row.get("origin", "citizen"), row["outcome"], heard=row["heard"]) == row["shown_as"]
    assert shown_as("prank", row.get("origin", "citizen"), row["outcome"], heard=row["heard"]) == "prank"


def test_hand_over_needs_somebody_who_hands_over() -> None:
    assert Clock.HAND_OVER not in measured(Moments(human=us(5), handed=us(5)))
    assert measured(Moments(human=us(5), handed=us(6)))[Clock.HAND_OVER].us == 1_000_000


def test_interval_beside_a_step_is_usable_and_one_that_touches_it_is_not() -> None:
    step = (Zone(us(10), us(20)),)
    assert interval(us(1), us(9), step) is not None
    assert interval(us(1), us(9), step).us == 8_000_000  # type: ignore[union-attr]
    assert interval(us(21), us(22), step).us == 1_000_000  # type: ignore[union-attr]
    for begin, end in ((1, 10), (20, 30), (12, 13), (1, 30)):
        assert interval(us(begin), us(end), step).unusable  # type: ignore[union-attr]


TIMES = st.integers(0, 200)
STEPS = st.lists(st.builds(ClockStep, st.just("pbx1"), TIMES, TIMES, st.just(0)), max_size=12)


@given(STEPS, st.integers(1, 5))
def test_zones_are_apart_in_order_and_few_and_leave_no_step_out(steps: list[ClockStep], most: int) -> None:
    found = zones(steps, most)
    assert len(found) <= most
    assert all(one.end < other.begin for one, other in pairwise(found))
    for step in steps:
        assert any(zone.begin <= step.zone.begin and step.zone.end <= zone.end for zone in found)


@given(st.lists(TIMES, min_size=1), st.integers(1, 100))
def test_nearest_rank_is_one_of_the_values_and_so_many_do_not_exceed_it(values: list[int], percent: int) -> None:
    found = nearest_rank(values, percent)
    assert found in values
    assert 100 * sum(value <= found for value in values) >= percent * len(values)
    assert 100 * sum(value < found for value in values) < percent * len(values)
