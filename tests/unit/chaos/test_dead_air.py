"""The measure of dead air, on signals that were made for it."""

from __future__ import annotations

import pytest

from chaos.judge import dead_air_s
from tests.unit.chaos.given import ANSWERED_S, heard, quiet, report, sine, voice

AGENCY = 1300
NEAR = 0.1
"""An edge is known to a few frames."""


def test_silence_before_the_human_is_dead_air_and_silence_after_him_is_not() -> None:
    call = heard(quiet(3.0), voice(AGENCY, 1.0), quiet(6.0), voice(AGENCY, 1.0))
    assert dead_air_s(call, ANSWERED_S, 0.0) == pytest.approx(3.0, abs=NEAR)


def test_ringing_music_and_clips_are_sound() -> None:
    cadence = (sine(425, 6000, 1.0) + quiet(2.0)) * 3
    assert dead_air_s(heard(cadence, voice(AGENCY, 1.0)), ANSWERED_S, 0.0) == pytest.approx(2.0, abs=NEAR)


def test_no_packet_at_all_is_dead_air_as_silent_packets_are() -> None:
    call = heard(quiet(1.0), 3.0, quiet(0.5), voice(AGENCY, 1.0))
    assert dead_air_s(call, ANSWERED_S, 0.0) == pytest.approx(4.5, abs=NEAR)


def test_a_hiss_below_the_limit_is_dead_air_and_a_murmur_above_it_is_not() -> None:
    full = 32767 * 10 ** (-3.14 / 20)
    below, above = (sine(330, full * 10 ** (level / 20), 2.0) for level in (-48, -42))
    assert dead_air_s(heard(below, voice(AGENCY, 1.0)), ANSWERED_S, 0.0) == pytest.approx(2.0, abs=NEAR)
    assert dead_air_s(heard(above, voice(AGENCY, 1.0)), ANSWERED_S, 0.0) < NEAR


def test_a_lost_packet_is_not_dead_air() -> None:
    call = heard(sine(330, 6000, 1.0), 0.02, sine(330, 6000, 1.0), voice(AGENCY, 1.0))
    assert dead_air_s(call, ANSWERED_S, 0.0) < NEAR


def test_the_human_whom_the_fault_took_away_does_not_end_the_measure() -> None:
    call = heard(quiet(0.5), voice(AGENCY, 2.0), quiet(5.0), voice(1550, 1.0))
    assert dead_air_s(call, ANSWERED_S + 3.0, 0.0) == pytest.approx(5.0, abs=NEAR)


def test_the_human_who_goes_on_through_the_fault_ends_it() -> None:
    call = heard(quiet(0.5), voice(AGENCY, 4.0), quiet(5.0))
    assert dead_air_s(call, ANSWERED_S + 2.0, 0.0) == pytest.approx(0.5, abs=NEAR)


def test_without_a_human_it_lasts_until_the_end_of_the_call() -> None:
    assert dead_air_s(heard(sine(330, 6000, 1.0), quiet(4.0)), ANSWERED_S, 0.0) == pytest.approx(4.0, abs=NEAR)


def test_a_silence_that_goes_on_counts_until_now() -> None:
    going_on = report({}, [], ended_s=None)
    assert dead_air_s(going_on, ANSWERED_S, ANSWERED_S + 7) == 0.0
    silent = heard(quiet(2.0), ended=False)
    assert silent.silences == ()  # the ear tells it at the next sound; PhoneCall adds the one that goes on


def test_a_call_that_was_never_answered_has_none() -> None:
    assert dead_air_s(report({}, [], ended_s=130.0, answered_s=None), 100.0, 200.0) == 0.0
