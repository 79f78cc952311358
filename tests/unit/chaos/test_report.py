"""The page and the table: what failed is shown as failing, and what cannot exist says why."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from chaos.judge import Verdict
from chaos.matrix import BY_KEY, Cell, Stage
from chaos.report import MONKEY, Run, page, rows, section, tables, with_monkey
from tests.unit.chaos.given import caller

GOOD = Verdict(Cell(BY_KEY["kill"], Stage.MENU), (caller("1"), caller("2", after_s=7.0, dead_air_s=2.2)))
BAD = Verdict(
    Cell(BY_KEY["no-media"], Stage.AGENCY_RINGS),
    (caller("3", human="", after_s=None, dead_air_s=58.0),),
    missing=1,
    wrong=("3 (first): no human within the time",),
)
NONE = Cell(BY_KEY["busy"], Stage.HANGING_UP)


@pytest.fixture
def run() -> Run:
    """A run with one cell of each kind."""
    return Run(" ARGS=x", 112, {"date": "2026-01-02 03:04 UTC"}, [GOOD, BAD], [NONE], took_s=90.0)


def test_a_row_has_the_worst_of_its_cells(run: Run) -> None:
    (row,) = rows(run.verdicts, GOOD.cell.fault.side)
    assert (row.played, row.callers, row.lost, row.served_s, row.dead_air_s, row.bad) == (1, 2, 0, 7.0, 2.2, 0)
    (row,) = rows(run.verdicts, BAD.cell.fault.side)
    assert (row.lost, row.missing, row.bad) == (1, 1, 1)


def test_the_page_shows_what_fails_and_what_cannot_exist(run: Run) -> None:
    text = page(run)
    assert "- `no-media`, agency ringing: 3 (first): no human within the time" in text
    assert "**FAIL**" in text
    assert f"- `busy`, hanging up: {NONE.impossible}" in text
    assert "- seed: 112" in text
    assert "total time: 1.5 minutes" in text
    assert "cells: 2 played, 1 failed, 1 cannot exist" in text
    assert "callers: 3, lost: 1; incidents missing: 1, double: 0" in text


def test_the_terminal_gets_a_table_for_each_side_that_was_played(run: Run) -> None:
    console = Console(width=160, record=True, file=None, quiet=False)
    with console.capture() as shown:
        for table in tables(run):
            console.print(table)
    assert "1 fail" in shown.get()
    assert "2.2 of 2.5" in shown.get()
    assert "58.0 of 8" in shown.get()


def test_the_json_says_all_of_it(run: Run) -> None:
    told = json.loads(run.as_json())
    assert (told["ok"], len(told["cells"]), told["impossible"][0]["stage"]) == (False, 2, "hanging up")
    assert told["cells"][1]["wrong"] == ["3 (first): no human within the time"]


def test_a_run_is_right_only_if_every_cell_and_the_monkey_are() -> None:
    good = Run("", 1, {}, [GOOD])
    assert good.ok
    assert not Run("", 1, {}, [GOOD], monkey={"wrong": ["1 incidents missing"], "faults": []}).ok
    assert not Run("", 1, {}, [GOOD, BAD]).ok


def test_the_monkey_writes_its_own_section_and_a_run_of_everything_keeps_it(run: Run) -> None:
    told = {"minutes": 10.0, "calls": 6000, "wrong": ["1 incidents missing"], "faults": ["kill", "busy"]}
    monkey = Run(" ARGS='--monkey 10'", 7, {"date": "2026-02-03 04:05 UTC"}, monkey=told)
    once = with_monkey(page(run), monkey)
    assert once.count("## The monkey") == 1
    assert "Not run yet" not in once
    assert "Faults, in their order: kill, busy." in once
    assert "| calls | 6000 |" in once
    assert "- **1 incidents missing**" in once
    assert page(run, section(once, MONKEY)) == once
    assert with_monkey(once, monkey) == once
