"""The verdict on a cell: whom it calls lost, which incidents it misses, and that each fault of each kind fails it."""

from __future__ import annotations

from typing import Any

import pytest

from chaos.judge import Caller, Passed, Verdict, judge
from chaos.matrix import BY_KEY, Cell, Stage
from tests.unit.chaos.given import caller, incident

BUSY = Cell(BY_KEY["busy"], Stage.MENU)
HANG = Cell(BY_KEY["hang"], Stage.MENU)
PBX = Cell(BY_KEY["pbx-kill"], Stage.MENU)


def verdict(cell: Cell, *callers: Caller, incidents: list[dict[str, Any]] | None = None, **more: Any) -> Verdict:
    found = [incident(one.number) for one in callers] if incidents is None else incidents
    return judge(cell, Passed(0.0, callers, **more), found, took_s=1.0)


def test_callers_who_met_somebody_soon_and_have_one_incident_each_are_as_promised() -> None:
    found = verdict(BUSY, caller("1"), caller("2"), caller("3", role="fresh", after_s=9.0))
    assert (found.ok, found.lost, found.missing, found.double, found.served_s) == (True, 0, 0, 0, 9.0)


def test_who_met_nobody_is_lost() -> None:
    found = verdict(BUSY, caller("1"), caller("2", human="", after_s=None))
    assert (found.ok, found.lost, found.served_s) == (False, 1, None)


def test_who_was_leaving_cannot_be_lost_but_his_incident_can() -> None:
    leaving = caller("1", must=False, human="", after_s=None)
    assert verdict(BUSY, leaving).ok
    found = verdict(BUSY, leaving, incidents=[])
    assert (found.ok, found.lost, found.missing) == (False, 0, 1)


@pytest.mark.parametrize(("dead_air_s", "busy", "hang"), [(2.4, True, True), (2.6, True, False), (8.1, False, False)])
def test_dead_air_is_shorter_where_the_service_is_down(dead_air_s: float, busy: bool, hang: bool) -> None:
    assert verdict(BUSY, caller(dead_air_s=dead_air_s)).ok is busy
    assert verdict(HANG, caller(dead_air_s=dead_air_s)).ok is hang


def test_an_incident_too_few_is_missing_and_one_too_many_is_double() -> None:
    found = verdict(
        BUSY, caller("1"), caller("2"), caller("3"), incidents=[incident("1"), incident("1"), incident("2")]
    )
    assert (found.ok, found.missing, found.double) == (False, 1, 1)


@pytest.mark.parametrize("outcome", [None, "abandoned", "cut"])
def test_an_incident_that_says_something_else_than_the_telephones_is_wrong(outcome: str | None) -> None:
    found = verdict(BUSY, caller("1"), incidents=[incident("1", outcome)])
    assert (found.ok, found.missing, found.double) == (False, 0, 0)


def test_who_hears_a_stranger_fails_the_cell() -> None:
    assert not verdict(BUSY, caller(wrong="hears [1000]")).ok


@pytest.mark.parametrize(
    ("first_call_s", "call_back_s", "ok"), [(9.9, 29.0, True), (10.1, 1.0, False), (1.0, 30.1, False)]
)
def test_a_pbx_is_back_in_time_or_fails(first_call_s: float, call_back_s: float, ok: bool) -> None:
    found = verdict(PBX, caller(), first_call_s=first_call_s, call_back_s=call_back_s)
    assert found.ok is ok


def test_a_cell_of_which_nothing_can_be_said_fails() -> None:
    assert not Verdict(BUSY, error="the stage was not reached").ok
