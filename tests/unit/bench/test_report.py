"""The page that the benchmark writes."""

from __future__ import annotations

from typing import Any

from bench.curves import curve
from bench.outcome import FULL, QUICK, SCHEMA, Outcome
from bench.report import as_page, pictures_of
from bench.result import sentence
from bench.section import Section, Table, Target


def _outcome(*sections: Section, **changes: Any) -> Outcome:
    machine = {"date": "2026-01-01 00:00 UTC", "cores": "2", "load before": "0.1"}
    return Outcome(
        "make bench", FULL, machine, {"Asterisk": "22.1"}, {"a year": 112}, list(sections), {"lag": 3.2}, **changes
    )


def test_the_verdict_comes_first_with_every_target() -> None:
    own = Target("p99", "1.90", "1.5", held=False)
    issues = [Target("median", "1.20", "1.25", True, "issue"), Target("CPU", "1.1", "1", False, "issue")]
    wrong = ["p99 is 1.90, 1.5 is allowed", "CPU: 1.1", "a call has no incident"]
    section = Section("arena", "The same calls", wrong=wrong, targets=[own, *issues])
    page = as_page(_outcome(section))
    head, _, rest = page.partition("## Verdict")
    assert "| " not in head
    verdict = rest.partition("\n## ")[0]
    assert "**1 of 2 of the issues' targets and 0 of 1 of our own are held.**" in verdict
    rows = [line for line in verdict.splitlines() if line.startswith("| ")]
    assert rows[1:] == [
        "| median | 1.20 | 1.25 | issue 6 | held |",
        "| CPU | 1.1 | 1 | issue 6 | **missed** |",
        "| p99 | 1.90 | 1.5 | ours | **missed** |",
    ]
    assert [line for line in verdict.splitlines() if line.startswith("- ")] == ["- a call has no incident"]
    assert "bench-missed.md" not in verdict


def test_what_is_missed_is_explained_where_there_is_such_a_page() -> None:
    missed = _outcome(Section("arena", "Calls", targets=[Target("p99", "1.90", "1.5", held=False)]))
    held = _outcome(Section("arena", "Calls", targets=[Target("p99", "1.40", "1.5", held=True)]))
    assert "(bench-missed.md)" in as_page(missed, explained=True)
    assert "(bench-missed.md)" not in as_page(held, explained=True)


def test_what_callrouter_adds_to_a_call_stands_first() -> None:
    def of(median: float | None, cpu: float) -> dict[str, Any]:
        return {
            "judged": {"rate": 50},
            "digit_to_invite_ms": {"median": median},
            "cpu_ms_per_call": {"total": cpu, "PBX": 1.0},
        }

    figures = {"bare": of(2.5, 5.0), "sqlite": of(3.75, 9.0), "postgresql": of(4.0, 11.5)}
    told = sentence(_outcome(Section("arena", "Calls", figures=figures)))
    assert told.startswith("At 50 calls/s callrouter adds")
    assert "1.25 ms and 4.00 ms of CPU with SQLite; 1.50 ms and 6.50 ms of CPU with PostgreSQL" in told
    assert told.split()[0] in as_page(_outcome(Section("arena", "Calls", figures=figures)))
    assert sentence(_outcome(Section("arena", "Calls", figures={**figures, "bare": of(None, 5.0)}))) == ""
    assert sentence(_outcome()) == ""


def test_a_quick_run_that_took_too_long_says_so() -> None:
    slow = _outcome()
    slow.seconds = {"arena": 200.0, "lag": 101.0}
    assert slow.wrong == []
    slow.mode = QUICK
    assert slow.wrong == ["the quick parts took 301 s in all, 300 s are allowed"]


def test_a_run_in_which_all_is_held_says_so() -> None:
    section = Section("lag", "A wait", rows=[("a wait", "3 ms", "50 ms"), ("another", "5 ms", "")])
    assert "All 1 figures with a limit are within it." in as_page(_outcome(section))


def test_a_part_that_broke_off_is_named() -> None:
    outcome = _outcome(broken={"publish": "not done in time"})
    assert outcome.wrong == ["publish was not measured: not done in time"]
    assert "- publish was not measured: not done in time" in as_page(outcome)


def test_rows_tables_pictures_and_how_stand_under_their_group() -> None:
    section = Section(
        "incidents",
        "Incidents stored",
        rows=[("a | b", "1 ms", "2 ms")],
        figures={"curves": [curve("page", "incidents", "time, ms", [(0, 1), (10, 2)])]},
        tables=[Table("Sizes", ("Incidents", "Page"), [("0", "1 ms")], "Medians.")],
        how="it was filled.",
    )
    page = as_page(_outcome(section))
    part = page.partition("## What grows with what")[2].partition("\n## ")[0]
    assert "| Incidents | Page |\n|---|---:|\n| 0 | 1 ms |" in part
    assert "Medians." in part
    assert "| a \\| b | 1 ms | 2 ms |" in part
    assert "![time, ms, by incidents](bench/incidents-time-ms-by-incidents.svg)" in part
    assert "--only incidents" in part
    assert [one.name for one in pictures_of(_outcome(section))] == ["incidents-time-ms-by-incidents"]


def test_what_all_names_end_with_stands_once() -> None:
    section = Section("pages", "Pages", rows=[("by day: median", "1 ms", ""), ("by state: median", "2 ms", "")])
    assert "| Figure | Measured: median |\n|---|---|\n| by day | 1 ms |\n| by state | 2 ms |" in as_page(
        _outcome(section)
    )


def test_what_the_opponents_lack_is_told() -> None:
    figures = {"bare": {"title": "bare dialplan", "lacks": "everything but the menu"}, "ratios": {}}
    page = as_page(_outcome(Section("arena", "The same calls", figures=figures)))
    assert "- **bare dialplan**: everything but the menu." in page


def test_machine_versions_seeds_and_times_are_told() -> None:
    run = as_page(_outcome()).partition("## The run")[2]
    for line in ("| cores | 2 |", "| Asterisk | 22.1 |", "| seeds | a year 112 |", "lag 3 s"):
        assert line in run


def test_json_has_its_schema_and_what_is_wrong() -> None:
    data = _outcome(Section("lag", "A wait", wrong=["too late"])).as_data()
    assert data["schema"] == SCHEMA
    assert data["wrong"] == ["too late"]
    assert data["sections"][0]["name"] == "lag"
