"""The rendered dialplan before the eyes of asterisklint."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from callrouter.routing.table import RoutingTable
from tests.unit.asterisk.given import rendered
from tests.unit.routing.tables import Document, small

ALLOWED: dict[str, str] = {
    "I_NOTIMPL_SWITCH": "it does not know switch lines; tests/pbx/test_attack_transfer.py tries ours",
}
"""Classes of findings that are let pass, each with its reason."""


def findings(dialplan: Path) -> list[str]:
    """Return what asterisklint finds, as ``<line> <class>: <message>``."""
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "asterisklint"),
            "dialplan-check",
            "--asterisk-version",
            "22",
            str(dialplan),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=dialplan.parent,
    )
    lines = (done.stdout + done.stderr).splitlines()
    found = [line.removeprefix(f"{dialplan}:") for line in lines if line.startswith(str(dialplan))]
    if done.returncode not in {0, 1} or (done.returncode == 1) != bool(found) or len(found) != len(lines):
        raise RuntimeError(f"asterisklint ended with {done.returncode}: {lines}")
    return found


def no_static_numbers(document: Document) -> None:
    document["routing"]["static_numbers"] = []


@pytest.mark.parametrize("table", [small(), small(no_static_numbers)], ids=["static numbers", "none"])
def test_dialplan_has_no_findings(tmp_path: Path, table: RoutingTable) -> None:
    _, etc, _ = rendered(tmp_path, table)
    unexpected = [line for line in findings(etc / "extensions.conf") if line.split()[1].rstrip(":") not in ALLOWED]
    assert unexpected == []


@pytest.mark.parametrize(
    ("wrong", "with_what", "found"),
    [
        ("Gosub(callrouter-human,s,1)", "Gosub(callrouter-humans,s,1)", "E_DP_GOTO_NOCONTEXT"),
        (
            "GotoIf($[${CR_TRY}>=${CR_MENU_TRIES}]?out)",
            "GotoIf($[${CR_TRY}>=${CR_MENU_TRIES}]?nowhere)",
            "W_DP_GOTO_CONTEXT_NOEXTEN",
        ),
        ("Answer()", "Reply()", "E_APP_MISSING"),
        ("${TOLOWER(", "${LOWERCASE(", "E_FUNC_MISSING"),
        ("Playback(cr/goodbye,noanswer)", "Playback(cr/goodbye,noanswer", "W_APP_BALANCE"),
    ],
)
def test_lint_would_find_a_mistake(tmp_path: Path, wrong: str, with_what: str, found: str) -> None:
    _, etc, _ = rendered(tmp_path, small())
    text = (etc / "extensions.conf").read_text()
    assert wrong in text
    broken = tmp_path / "extensions.conf"
    broken.write_text(text.replace(wrong, with_what, 1))
    assert any(re.search(rf"\b{found}", line) for line in findings(broken)), findings(broken)
