"""The units of systemd: what they name exists, and systemd itself finds nothing wrong with them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from callrouter import cli
from callrouter.probe_record import STALE_S
from callrouter.selfcheck import FRESH_S
from callrouter.wiring.calls import SESSION_GRACE_S
from callrouter.wiring.records import FLUSH_S

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
PROGRAM = "/opt/callrouter/bin/callrouter"
STATE = "/var/lib/callrouter"


def options(unit: Path) -> dict[str, list[str]]:
    """Return ``Section.Option`` with every value, in order. Raises ValueError for a line that is none of a unit."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in unit.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if heading := re.fullmatch(r"\[(Unit|Service|Timer|Install)\]", line):
            section = heading[1]
        elif section and (option := re.fullmatch(r"([A-Z]\w+)=(.*)", line)):
            found.setdefault(f"{section}.{option[1]}", []).append(option[2])
        else:
            raise ValueError(f"{unit.name}: {line!r}")
    return found


def seconds(text: str) -> float:
    (amount, of) = re.fullmatch(r"(\d+)(ms|s)", text).groups()  # type: ignore[union-attr]
    return int(amount) / (1000 if of == "ms" else 1)


def test_units_are_those_of_the_two_processes_and_of_the_probe() -> None:
    assert [unit.name for unit in UNITS] == [
        "callrouter-pbx.service",
        "callrouter-probe.service",
        "callrouter-probe.timer",
        "callrouter.service",
    ]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_what_a_unit_starts_is_a_command_of_callrouter(unit: Path) -> None:
    (line,) = options(unit)["Service.ExecStart"]
    program, *words = line.split()
    assert program == PROGRAM
    command = get_command(cli.app)
    for word in words:
        command = command.commands[word]  # type: ignore[attr-defined]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_every_unit_is_shut_in_alike_and_may_write_its_state_alone(unit: Path) -> None:
    given = options(unit)
    alike = {
        "User": "callrouter",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "PrivateDevices": "yes",
        "RestrictNamespaces": "yes",
        "RestrictSUIDSGID": "yes",
        "LockPersonality": "yes",
        "ReadWritePaths": STATE,
        "StateDirectory": Path(STATE).name,
        "UMask": "0027",
        "Environment": f"CALLROUTER_STATE={STATE}",
    }
    assert {name: given.get(f"Service.{name}") for name in alike} == {name: [value] for name, value in alike.items()}
    assert given["Service.SystemCallFilter"][0] == "@system-service"
    assert {"AF_INET", "AF_INET6", "AF_UNIX"} <= set(given["Service.RestrictAddressFamilies"][0].split())


def test_service_is_restarted_for_ever_and_never_with_the_pbx() -> None:
    for name in ("callrouter.service", "callrouter-pbx.service"):
        given = options(ROOT / "systemd" / name)
        assert given["Service.Restart"] == ["always"]
        assert given["Unit.StartLimitIntervalSec"] == ["0"]
        assert not {"Unit.Requires", "Unit.BindsTo", "Unit.PartOf", "Unit.Requisite"} & set(given)


def test_times_of_the_units_agree_with_those_of_the_service() -> None:
    given = options(ROOT / "systemd" / "callrouter.service")
    assert given["Service.Type"] == ["notify"]
    assert seconds(given["Service.WatchdogSec"][0]) >= 2 * FRESH_S, "one missed rehearsal must not end the service"
    assert seconds(given["Service.TimeoutStopSec"][0]) > SESSION_GRACE_S + FLUSH_S
    (every,) = options(ROOT / "systemd" / "callrouter-probe.timer")["Timer.OnCalendar"]
    minutes = re.fullmatch(r"\*:0/(\d+)", every)
    assert minutes is not None
    assert 3 * 60 * int(minutes[1]) == STALE_S


def test_every_unit_is_named_in_the_page_on_installing() -> None:
    page = (ROOT / "docs" / "install.md").read_text()
    assert [unit.name for unit in UNITS if unit.name not in page] == []


def analyse(folder: Path, *, spoil: str = "") -> subprocess.CompletedProcess[str]:
    """Let systemd verify the units, with a program that is there in place of theirs."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze on this machine")
    there = Path(sys.executable).parent / "callrouter"
    copies = []
    for unit in UNITS:
        copy = folder / unit.name
        copy.write_text(
            unit.read_text().replace(PROGRAM, str(there)).replace("NoNewPrivileges=", spoil or "NoNewPrivileges=")
        )
        copies.append(str(copy))
    return subprocess.run(
        (program, "verify", "--man=no", *copies), capture_output=True, text=True, timeout=60, check=False
    )


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    done = analyse(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_would_find_a_mistake(tmp_path: Path) -> None:
    assert "NoNewPrivilege" in analyse(tmp_path, spoil="NoNewPrivilege=").stderr
