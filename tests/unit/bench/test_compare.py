"""Two runs of the benchmark beside each other."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.compare import compared, read, tell
from bench.outcome import SCHEMA
from callrouter.errors import OperatorError

_MACHINE = {"date": "2026-01-01 00:00 UTC", "processor": "one", "cores": "2", "memory": "8 GB"}


def _run(**sections: Any) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "mode": "full",
        "machine": dict(_MACHINE),
        "versions": {"Asterisk": "22.1"},
        "sections": [{"name": name, "figures": figures} for name, figures in sections.items()],
    }


def _said(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    return {f"{line.part}: {line.name}": line.said for line in compared(old, new).lines}


def test_what_takes_a_tenth_longer_is_worse_and_what_takes_less_is_better() -> None:
    old = _run(lag={"a_ms": 10.0, "b_ms": 10.0, "c_ms": 10.0, "kept_per_s": 50})
    new = _run(lag={"a_ms": 11.5, "b_ms": 10.5, "c_ms": 5.0, "kept_per_s": 30})
    assert _said(old, new) == {
        "lag: a_ms": "worse",
        "lag: b_ms": "",
        "lag: c_ms": "better",
        "lag: kept_per_s": "worse",
    }


def test_cpu_for_each_second_is_a_cost_and_calls_for_each_second_are_not() -> None:
    old = _run(arena={"idle_cpu_ms_per_s": {"pbx": 10.0}, "sustained_per_s": 100, "cpu_ms_per_call": {"pbx": 9.0}})
    new = _run(arena={"idle_cpu_ms_per_s": {"pbx": 20.0}, "sustained_per_s": 200, "cpu_ms_per_call": {"pbx": 6.0}})
    assert _said(old, new) == {
        "arena: idle_cpu_ms_per_s, pbx": "worse",
        "arena: sustained_per_s": "better",
        "arena: cpu_ms_per_call, pbx": "better",
    }


def test_what_came_out_of_nothing_is_worse() -> None:
    assert _said(_run(arena={"missing": 0}), _run(arena={"missing": 3})) == {"arena: missing": "worse"}


def test_what_the_rounds_themselves_spread_over_is_not_worse() -> None:
    old, new = {"took_ms": [8.0, 10.0, 14.0]}, {"took_ms": [9.0, 12.0, 15.0]}
    assert _said(_run(publish=old), _run(publish=new)) == {"publish: took_ms": ""}
    apart = {"took_ms": [19.0, 20.0, 21.0]}
    assert _said(_run(publish=old), _run(publish=apart)) == {"publish: took_ms": "worse"}


def test_rounds_that_stand_beside_the_figure_are_its_spread() -> None:
    def figures(median: float, rounds: list[float]) -> dict[str, Any]:
        return {"wait_ms": {"calls": 9, "median": median, "rounds": [{"calls": 3, "median": one} for one in rounds]}}

    old, near, far = figures(5.0, [4.5, 5.0, 6.5]), figures(6.4, [6.0, 6.4, 7.0]), figures(8.0, [7.9, 8.0, 8.1])
    assert _said(_run(live=old), _run(live=near)) == {"live: wait_ms, median": ""}
    assert _said(_run(live=old), _run(live=far)) == {"live: wait_ms, median": "worse"}


def _arena(bare: float, ours: float) -> dict[str, Any]:
    return _run(arena={"bare": {"invite_ms": {"median": bare}}, "sqlite": {"invite_ms": {"median": ours}}})


def test_what_was_measured_beside_a_bare_dialplan_is_compared_as_a_ratio_to_it() -> None:
    lines = {line.name: line for line in compared(_arena(2.0, 3.0), _arena(4.0, 6.0)).lines}
    ratio = lines["sqlite, invite_ms, median, / bare"]
    assert (ratio.old.value, ratio.new.value, ratio.said) == (1.5, 1.5, "")


def test_who_is_not_callrouter_is_shown_and_not_judged() -> None:
    old, new = _arena(2.0, 3.0), _arena(2.0, 9.0)
    for run in (old, new):
        run["sections"][0]["figures"]["sqlite"]["lacks"] = "any incident"
    assert _said(old, new)["arena: sqlite, invite_ms, median, / bare"] == ""


def test_what_a_part_says_again_is_compared_once() -> None:
    figures = {"invite_ms": {"median": 2.0}, "judged": {"missing": 1, "invite_ms": {"median": 2.0}}}
    assert set(_said(_run(arena=figures), _run(arena=figures))) == {
        "arena: invite_ms, median",
        "arena: judged, missing",
    }


def test_on_another_machine_only_ratios_are_judged() -> None:
    old, new = _arena(2.0, 3.0), _arena(4.0, 10.0)
    new["machine"]["processor"] = "another"
    found = compared(old, new)
    assert {line.name: line.said for line in found.lines} == {
        "bare, invite_ms, median": "",
        "sqlite, invite_ms, median, / bare": "worse",
    }
    assert "processor: one → another" in found.notes


def test_another_mode_and_other_versions_are_told() -> None:
    new = _run(lag={"a_ms": 20.0})
    new["mode"] = "quick"
    new["versions"] = {"Asterisk": "22.2", "SIPp": "3.7"}
    found = compared(_run(lag={"a_ms": 10.0}), new)
    assert {"mode: full → quick", "Asterisk: 22.1 → 22.2", "SIPp: none → 3.7"} <= set(found.notes)
    assert not found.worse


def test_what_only_one_run_has_is_named() -> None:
    old = _run(lag={"a_ms": 1.0, "b_ms": 2.0}, pickup={"x_ms": 1.0, "y_ms": 2.0})
    new = _run(lag={"a_ms": 1.0, "c_ms": 2.0}, verify={"z_s": 1.0})
    found = compared(old, new)
    assert found.gone == ["lag: b_ms", "all of pickup"]
    assert found.new == ["lag: c_ms", "all of verify"]


def test_things_in_a_list_are_told_apart_by_their_names() -> None:
    old = _run(lag=[{"during": "verify", "worst_ms": 8.0}, {"during": "import", "worst_ms": 30.0}])
    new = _run(lag=[{"during": "import", "worst_ms": 60.0}, {"during": "verify", "worst_ms": 8.0}])
    assert _said(old, new) == {"lag: verify, worst_ms": "", "lag: import, worst_ms": "worse"}


def test_all_is_printed_with_what_is_worse_at_the_end() -> None:
    written = io.StringIO()
    console = Console(file=written, width=120)
    tell(console, compared(_run(lag={"a_ms": 10.0, "b_ms": 1.0}), _run(lag={"a_ms": 20.0, "c_ms": 1.0})))
    text = written.getvalue()
    assert "only in the older run: lag: b_ms" in text
    assert "only in this run: lag: c_ms" in text
    assert text.rstrip().endswith("lag: a_ms: 10 → 20")


def test_a_file_that_was_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    run = _run(lag={"a_ms": 1.0})
    file.write_text(json.dumps(run))
    assert read(file) == run


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\xff\xfe", "byte 0"),
        (b'{"schema": 2,\n "sections": [}', "line 2"),
        (b"[1, 2]", "holds no figures"),
        (b'{"openapi": "3.1.0"}', "holds no figures"),
        (b'{"schema": 2, "machine": {}, "sections": [{"name": "lag"}]}', "/sections/0"),
    ],
)
def test_a_foreign_or_broken_file_is_refused_with_the_place(tmp_path: Path, content: bytes, what: str) -> None:
    file = tmp_path / "bench.json"
    file.write_bytes(content)
    with pytest.raises(OperatorError, match=what) as refused:
        read(file)
    assert str(file) in refused.value.what
    assert refused.value.remedy


def test_a_file_of_another_schema_is_refused(tmp_path: Path) -> None:
    older = copy.deepcopy(_run())
    del older["schema"]
    file = tmp_path / "bench.json"
    file.write_text(json.dumps(older))
    with pytest.raises(OperatorError, match="schema 1"):
        read(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"nothing\.json cannot be read"):
        read(tmp_path / "nothing.json")
