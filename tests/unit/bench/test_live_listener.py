"""How late an event was heard, and which were not: the newest state counts, as it does for who looks at a board."""

from __future__ import annotations

import pytest

from bench.live.asks import samples
from bench.live.listener import OVERTAKEN_S, Heard, Lateness, Sent, lateness, step_of
from bench.live.words import Step


def row(stage: str, *with_whom: str, number: str = "0812") -> dict[str, object]:
    return {"stage": stage, "with_whom": list(with_whom), "number": number}


def test_a_row_shows_its_step() -> None:
    rows = [
        row("opened"),
        row("menu"),
        row("agency", "trunk-damkar"),
        row("talking", "x"),
    ]
    assert [step_of(one) for one in [*rows, None]] == list(Step)


def test_an_event_is_heard_as_it_is_or_overtaken_by_a_newer_one_or_lost() -> None:
    sent: list[Sent] = [("a", 0, 10.0), ("a", 1, 11.0), ("a", 5, 12.0), ("b", 0, 10.0)]
    heard = {"a": [(0, 10.25), (2, 11.5)]}
    assert lateness(sent, heard) == Lateness(seen=1, overtaken=1, lost=2, late_s=[0.25, 0.5])


def test_dropping_all_steps_between_the_first_and_the_last_is_losing_them() -> None:
    sent: list[Sent] = [("a", step, 10.0 + step) for step in Step if step is not Step.TALKING]
    heard = {"a": [(Step.OPENED, 10.1), (Step.GONE, 16.1)]}
    found = lateness(sent, heard)
    assert (found.seen, found.overtaken, found.lost) == (2, 0, len(sent) - 2)


@pytest.mark.parametrize(("after_s", "lost"), [(OVERTAKEN_S - 0.01, 0), (OVERTAKEN_S + 0.01, 1)])
def test_a_newer_step_takes_the_place_of_an_event_only_within_a_second(after_s: float, lost: int) -> None:
    found = lateness([("a", 1, 10.0)], {"a": [(2, 10.0 + after_s)]})
    assert (found.overtaken, found.lost, len(found.late_s)) == (1 - lost, lost, 1 - lost)


def test_an_event_that_is_heard_as_it_is_is_late_and_not_lost() -> None:
    assert lateness([("a", 1, 10.0)], {"a": [(1, 15.0)]}) == Lateness(1, 0, 0, [5.0])


def test_the_first_that_shows_it_counts_and_not_a_later_one() -> None:
    assert lateness([("a", 1, 1.0)], {"a": [(0, 0.5), (1, 1.5), (1, 9.0)]}).late_s == [0.5]


def test_what_is_heard_is_kept_by_call_and_its_number_is_known() -> None:
    heard = Heard()
    heard.take({"key": "a", "value": row("menu", number="0812")}, 1.0)
    heard.take({"key": "a", "value": None}, 2.0)
    assert (heard.steps, heard.numbers, heard.events) == ({"a": [(1, 1.0), (Step.GONE, 2.0)]}, {"0812": "a"}, 2)


def test_metrics_are_read_by_name_and_labels() -> None:
    text = '# HELP callrouter_x told\ncallrouter_x 1.5\ncallrouter_bound_used{bound="writer"} 3.0\nother 4.0\n'
    assert samples(text) == {"x": 1.5, 'bound_used{bound="writer"}': 3.0}
