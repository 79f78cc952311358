"""How suspect a caller is: a sum of reasons that falls by itself, and never a block."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.incidents.model import Disposition, Outcome
from callrouter.incidents.suspicion import (
    KEPT_US,
    RECENT_US,
    SHORT_US,
    Earlier,
    Term,
    judged,
    short_call,
    silent_call,
)

NOW = 1_795_267_207_000_000
HOUR, DAY = 3_600_000_000, 86_400_000_000
AGES = st.one_of(st.integers(0, 3 * HOUR), st.integers(0, KEPT_US + DAY), st.sampled_from([0, RECENT_US, KEPT_US]))
CALLS = st.lists(
    st.builds(
        Earlier,
        at=AGES.map(lambda age: NOW - age),
        short=st.booleans(),
        silent=st.booleans(),
        disposition=st.sampled_from(["", "", *map(str, Disposition)]),
    ),
    max_size=40,
)


@given(CALLS)
def test_the_score_is_exactly_the_sum_of_its_terms_and_lies_between_0_and_100(calls: list[Earlier]) -> None:
    found = judged(calls, NOW)
    assert found.score == sum(term.points for term in found.terms)
    assert 0 <= found.score <= 100
    assert len({term.key for term in found.terms}) == len(found.terms)
    for term in found.terms:
        assert term.reason.id != term.key
        assert term.reason.en != term.key


@given(CALLS, st.integers(0, 70 * DAY), st.integers(0, 70 * DAY))
def test_without_new_calls_it_never_rises(calls: list[Earlier], one: int, other: int) -> None:
    sooner, later = sorted((one, other))
    assert judged(calls, NOW + sooner).score >= judged(calls, NOW + later).score


@given(CALLS)
def test_it_comes_to_nothing_in_the_end(calls: list[Earlier]) -> None:
    assert judged(calls, NOW + KEPT_US + DAY).score == 0


@given(CALLS, st.randoms(use_true_random=False))
def test_the_order_of_the_calls_makes_no_difference(calls: list[Earlier], chance: random.Random) -> None:
    shuffled = chance.sample(calls, len(calls))
    assert judged(shuffled, NOW) == judged(calls, NOW)


@given(CALLS, st.integers(0, 40))
def test_a_real_emergency_never_makes_a_caller_more_suspect(calls: list[Earlier], which: int) -> None:
    if not calls:
        return
    n = which % len(calls)
    plain = [*calls[:n], replace(calls[n], disposition=""), *calls[n + 1 :]]
    real = [*calls[:n], replace(calls[n], disposition="emergency"), *calls[n + 1 :]]
    assert judged(real, NOW).score <= judged(plain, NOW).score


@given(CALLS, st.integers(0, 40))
def test_correcting_a_prank_lowers_the_score_or_leaves_it(calls: list[Earlier], which: int) -> None:
    if not calls:
        return
    n = which % len(calls)
    prank = [*calls[:n], replace(calls[n], disposition="prank"), *calls[n + 1 :]]
    corrected = [*calls[:n], replace(calls[n], disposition="information"), *calls[n + 1 :]]
    assert judged(corrected, NOW).score <= judged(prank, NOW).score


def test_terms_are_told_with_their_reasons_in_both_languages() -> None:
    calls = [Earlier(NOW), Earlier(NOW, short=True), Earlier(NOW - 14 * DAY, disposition="prank")]
    found = judged(calls, NOW)
    assert found.terms == (Term("repeats", 12, 2), Term("short", 4, 1), Term("prank", 15, 1))
    assert found.score == 31
    assert found.terms[0].reason.en == "2 calls in the last 6 hours"
    assert found.terms[0].reason.id == "2 panggilan dalam 6 jam terakhir"


def test_who_had_a_real_emergency_is_hardly_suspect_for_what_came_before() -> None:
    calls = [Earlier(NOW - HOUR, disposition="prank"), Earlier(NOW - HOUR // 2, disposition="emergency")]
    before = judged(calls[:1], NOW).score
    found = judged(calls, NOW)
    assert found.score < before / 2
    assert found.terms[-1].key == "emergency"
    assert found.terms[-1].points < 0
    later = judged([*calls, Earlier(NOW, disposition="prank")], NOW)
    assert later.score >= found.score + 30, "what comes after it counts whole"


def test_a_score_over_100_is_cut_by_a_term_that_says_so() -> None:
    found = judged([Earlier(NOW, short=True, silent=True)] * 30, NOW)
    assert (found.score, found.terms[-1].key) == (100, "at_most_100")
    assert sum(term.points for term in found.terms[:-1]) > 100


def test_a_call_from_the_future_counts_as_one_of_now() -> None:
    assert judged([Earlier(NOW + DAY)], NOW) == judged([Earlier(NOW)], NOW)


@pytest.mark.parametrize(
    ("outcome", "choice", "silent"),
    [
        (Outcome.ABANDONED, "silent", True),
        (Outcome.NO_MESSAGE, "silent", True),
        (Outcome.TALKED, "silent", False),
        (Outcome.ABANDONED, "cannot_speak", False),
        (Outcome.NO_MESSAGE, "1", False),
        (None, "silent", False),
    ],
)
def test_only_who_pressed_nothing_and_met_nobody_was_silent(
    outcome: Outcome | None, choice: str, *, silent: bool
) -> None:
    assert silent_call(outcome, choice) is silent


@pytest.mark.parametrize(
    ("after", "outcome", "short"),
    [
        (SHORT_US - 1, Outcome.ABANDONED, True),
        (SHORT_US, Outcome.ABANDONED, False),
        (1, Outcome.CUT, False),
        (-1, Outcome.ABANDONED, False),
        (None, None, False),
    ],
)
def test_only_a_call_that_its_caller_ended_at_once_was_very_short(
    after: int | None, outcome: Outcome | None, *, short: bool
) -> None:
    assert short_call(NOW, None if after is None else NOW + after, outcome) is short
