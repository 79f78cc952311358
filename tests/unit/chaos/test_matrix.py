"""The cells: how many there are, how many cannot exist, and that each of those says why."""

from __future__ import annotations

from collections import Counter

import pytest

from chaos.faults import strike
from chaos.house import House
from chaos.matrix import BY_KEY, DEAD_AIR_DOWN_S, DEAD_AIR_S, FAULTS, QUICK, SERVED_S, Cell, Side, Stage, cells
from chaos.monkey import KINDS, faults_for
from chaos.stages import _STEPS
from chaos.team import PLANS


def test_limits_are_those_that_were_promised() -> None:
    assert (SERVED_S, DEAD_AIR_S, DEAD_AIR_DOWN_S) == (60.0, 8.0, 2.5)


def test_some_cells_cannot_exist_and_each_says_why() -> None:
    every = cells()
    none = [cell for cell in every if cell.impossible]
    assert (len(every), len(none)) == (216, 42)
    assert Counter(cell.fault.side for cell in none) == {Side.AGENCY: 30, Side.SERVICE: 6, Side.PBX: 6}
    assert {cell.fault.key: sum(c.fault is cell.fault for c in none) for cell in none} == {
        "silent": 4,
        "busy": 4,
        "unavailable": 4,
        "progress": 4,
        "drops": 3,
        "no-media": 4,
        "phone-gone": 7,
        "clock-back-rings": 6,
        "pbx-lost": 6,
    }


def test_every_fault_is_played_somewhere_and_every_stage_has_its_way_there() -> None:
    possible = {cell.fault.key for cell in cells() if not cell.impossible}
    assert possible == set(BY_KEY)
    assert set(_STEPS) == set(Stage)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.key)
def test_every_fault_can_strike_in_a_centre_of_the_team(fault: object) -> None:
    given = next(one for one in FAULTS if one is fault)
    for plans in PLANS.values():
        assert any(given.need in kinds for plan in plans for kinds in plan)
    house = object.__new__(House)  # not started: only that there is a way to strike it
    assert strike(house, given, Stage.MENU, ())


def test_named_faults_and_stages_are_all_that_is_played() -> None:
    assert cells(faults=frozenset({"kill"}), stages=frozenset({Stage.MENU})) == [Cell(BY_KEY["kill"], Stage.MENU)]
    assert {cell.stage for cell in cells(quick=True)} == set(QUICK)


def test_the_monkey_never_ends_the_pbx() -> None:
    assert {fault.side for fault in faults_for(KINDS)} == {Side.SERVICE, Side.AGENCY}
    assert "db-full" not in {fault.key for fault in faults_for(KINDS)}
