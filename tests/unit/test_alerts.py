"""The alert rules, tried by Prometheus' own tool on figures that were written down while faults happened.

monitoring/recorded.json is made by `python -m chaos.record`; its phases are faults of a real service and PBX.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from callrouter.asterisk.pbx import loader_command
from callrouter.errors import OperatorError

ROOT: Final = Path(__file__).resolve().parents[2]
MONITORING: Final = ROOT / "monitoring"

FIRING: Final[dict[str, set[str]]] = {
    "well": set(),
    "pbx killed": {"CallrouterPbxLinkDown"},
    "pbx back": {"CallrouterCallsCut"},
    "service stopped": {"CallrouterAway", "CallrouterCallsCut"},
    "service goes on": {"CallrouterCallsCut"},
    "nobody on duty": {"CallrouterNobodyRings", "CallrouterCallsCut"},
    "database held": {
        "CallrouterNobodyRings",
        "CallrouterCallsCut",
        "CallrouterDatabaseAway",
        "CallrouterJournalWaits",
    },
    "all well again": {"CallrouterCallsCut"},
}
"""Which alerts fire at the end of a phase, and no other: that calls were cut is told for ten minutes."""


@cache
def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((MONITORING / "recorded.json").read_text())
    return found


def promtool() -> tuple[str, ...]:
    """Return how the tool is called: from the folder of the unpacked PBX."""
    root = os.environ.get("CALLROUTER_PBX_ROOT", "")
    if not root or not (Path(root) / "usr/bin/promtool").exists():
        pytest.skip("`make test` brings promtool, and says where it is in CALLROUTER_PBX_ROOT")
    try:
        return loader_command(Path(root).resolve(), "usr/bin/promtool")
    except OperatorError as error:
        pytest.fail(str(error))


def values_of(series: list[float | None]) -> str:
    return " ".join("_" if value is None else repr(value) for value in series)


def run_tests(tests: list[dict[str, Any]], folder: Path) -> subprocess.CompletedProcess[str]:
    document = {"rule_files": [str(MONITORING / "alerts.yaml")], "evaluation_interval": "5s", "tests": tests}
    file = folder / "alerts_test.yaml"
    with file.open("w") as out:
        YAML(typ="safe").dump(document, out)
    words = [*promtool(), "test", "rules", str(file)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def firing(names: set[str]) -> list[dict[str, Any]]:
    return [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)]


def of_phase(name: str) -> dict[str, Any]:
    """Return a test: everything that was recorded, and what fires when the phase ends."""
    phase = next(phase for phase in recorded()["phases"] if phase["name"] == name)
    every_s = recorded()["every_s"]
    return {
        "interval": f"{every_s}s",
        "input_series": [
            {"series": series, "values": values_of(values)} for series, values in recorded()["series"].items()
        ],
        "promql_expr_test": [
            {
                "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{phase['end'] * every_s}s",
                "exp_samples": firing(FIRING[name]),
            }
        ],
    }


def test_every_phase_that_was_recorded_is_looked_at() -> None:
    assert [phase["name"] for phase in recorded()["phases"]] == list(FIRING)
    assert recorded()["samples"] >= max(phase["end"] for phase in recorded()["phases"])


@pytest.mark.parametrize("name", FIRING)
def test_what_fires_at_the_end_of_a_fault_and_nothing_else(name: str, tmp_path: Path) -> None:
    done = run_tests([of_phase(name)], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_tool_notices_an_alert_that_does_not_fire(tmp_path: Path) -> None:
    wrong = of_phase("pbx killed")
    wrong["promql_expr_test"][0]["exp_samples"] = firing({"CallrouterAway"})
    assert run_tests([wrong], tmp_path).returncode != 0


# ---------------------------------------------------------------- what was not recorded: one number, over time
SINGLE: Final[list[tuple[str, str, str]]] = [
    ("CallrouterConsultationsFail", "callrouter_consultation_fresh", "1x5 0x10"),
    ("CallrouterCallsByFailsafe", "callrouter_failsafe_calls_total", "0x5 2x10"),
    ("CallrouterJournalWaits", "callrouter_journal_lag_seconds", "1x5 45x20"),
    ("CallrouterLinesSetAside", "callrouter_journal_set_aside_total", "0x5 1x10"),
    ("CallrouterDiskFills", 'callrouter_disk_level{folder="journal"}', "0x5 1x100"),
    ("CallrouterDiskFull", 'callrouter_disk_level{folder="journal"}', "0x5 2x10"),
    ("CallrouterBoundNear", 'callrouter_bound_used{bound="writer"}', "10x5 7100x10"),
    ("CallrouterLoopLags", "callrouter_loop_lag_seconds", "0.01x5 0.9x20"),
    ("CallrouterLoopHung", "callrouter_loop_stalls_total", "0x5 1x10"),
    ("CallrouterTableNotShown", "callrouter_table_shown", "1x5 0x60"),
    ("CallrouterDutyNotSet", "callrouter_duty_in_step", "1x5 0x40"),
    ("CallrouterFailsafeEnds", "callrouter_failsafe_reach_seconds", "2592000x5 500000x40"),
    ("CallrouterProbeFails", "callrouter_probe_ok", "1x5 0x40"),
    ("CallrouterTrunkFails", 'callrouter_attempts_total{kind="dial",result="mute"}', "0x5 9x10"),
    ("CallrouterAgencyNotTold", "callrouter_notices_untold", "0x5 1x40"),
    ("CallrouterGuessing", "callrouter_invites_refused_total", "0x5 4000x10"),
]


def spread(told: str) -> str:
    """Return "1x5 0x10" as promtool writes five times 1, then ten times 0."""
    parts = (part.split("x") for part in told.split())
    return " ".join(f"{value}x{int(times) - 1}" for value, times in parts)


@pytest.mark.parametrize(("name", "series", "told"), SINGLE)
def test_single_number_that_goes_wrong_fires_its_alert(name: str, series: str, told: str, tmp_path: Path) -> None:
    length = sum(int(part.split("x")[1]) for part in told.split())
    limit = {"series": 'callrouter_bound_limit{bound="writer"}', "values": f"10000x{length}"}
    expr = 'group by (alertname) (ALERTS{alertstate="firing"})'
    test = {
        "interval": "5s",
        "input_series": [{"series": series, "values": spread(told)}, limit],
        "promql_expr_test": [
            {"expr": expr, "eval_time": "20s", "exp_samples": []},
            {"expr": expr, "eval_time": f"{5 * (length - 1)}s", "exp_samples": firing({name})},
        ],
    }
    done = run_tests([test], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_is_tried_and_tells_what_to_do() -> None:
    rules = YAML(typ="safe").load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]
    names = [rule["alert"] for rule in rules]
    assert set(names) == set.union(*FIRING.values()) | {name for name, _, _ in SINGLE}
    assert len(names) == len(set(names))
    for rule in rules:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert {"summary", "remedy"} <= rule["annotations"].keys()


def test_rules_ask_for_numbers_that_a_service_shows() -> None:
    """A metric that was renamed would never fire again."""
    files = [*(ROOT / "callrouter" / "wiring").glob("*.py"), ROOT / "callrouter" / "metrics.py"]
    source = "".join(file.read_text() for file in files)
    text = (MONITORING / "alerts.yaml").read_text()
    for name in set(re.findall(r"\bcallrouter_([a-z_]+)", text)):
        plain = name.removesuffix("_total")
        assert f'"{plain}"' in source or f"{{PREFIX}}{plain}" in source, name
