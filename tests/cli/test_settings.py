"""A setting that is wrong stops every command before it does anything, and is told by its name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from callrouter.environment import OF_SCRIPTS
from callrouter.settings import Settings, Timers, load
from tests.cli.site import Site

ROOT = Path(__file__).parents[2]


def test_every_bad_setting_is_told_at_once_by_its_name(empty: Site) -> None:
    done = empty.run(
        "serve",
        SIP_PORT="sip",
        RTP_TO="70000",
        NODE="Node 1",
        LOG_LEVEL="LOUD",
        AGI_PEERS="pbx.example",
        AMI_PEERS="10.1.2.3/8",
        TIMER_LEASE_S="0",
        TIMER_MENU_TRIES="many",
    )
    remedy = done.refused(
        "CALLROUTER_SIP_PORT must be a whole number",
        "CALLROUTER_RTP_TO must be at most 65535",
        "CALLROUTER_NODE must be of a to z",
        "CALLROUTER_LOG_LEVEL must be one of: DEBUG, INFO, WARNING, ERROR",
        "CALLROUTER_AGI_PEERS must be a numeric IP address",
        "CALLROUTER_AMI_PEERS must be networks such as",
        "CALLROUTER_TIMER_LEASE_S must be more than 0",
        "CALLROUTER_TIMER_MENU_TRIES must be a whole number",
    )
    assert "environment" in remedy
    assert not empty.folder.exists()


def test_messages_are_indonesian_unless_english_is_asked_for(empty: Site) -> None:
    told = empty.run("migrate", SIP_PORT="sip", LANGUAGE=None)
    told.refused("Setelan salah: CALLROUTER_SIP_PORT harus berupa bilangan bulat.")
    empty.run("migrate", SIP_PORT="sip", LANGUAGE="en").refused("Bad setting: CALLROUTER_SIP_PORT must be")


def test_a_bad_language_is_told_in_indonesian(empty: Site) -> None:
    empty.run("migrate", LANGUAGE="fr").refused("Setelan salah: CALLROUTER_LANGUAGE harus salah satu dari: id, en.")


def test_a_misspelt_setting_is_refused_and_the_right_one_offered(empty: Site) -> None:
    done = empty.run("migrate", DATABSE_URL="postgresql://robot:hunter2@db/x")
    done.refused("CALLROUTER_DATABSE_URL is not a setting (did you mean CALLROUTER_DATABASE_URL?)")
    assert "hunter2" not in done.out + done.err
    assert not empty.folder.exists()


def test_an_empty_setting_is_not_taken_for_the_default(empty: Site) -> None:
    empty.run("migrate", DATABASE_URL="").refused("CALLROUTER_DATABASE_URL is empty")
    assert not empty.folder.exists()


def test_listening_beyond_loopback_needs_permission(empty: Site) -> None:
    done = empty.run("serve", AGI_HOST="0.0.0.0", AMI_HOST="10.0.0.1", API_HOST="::")  # noqa: S104
    told = [f"CALLROUTER_{part}_HOST is not a loopback address" for part in ("AGI", "AMI", "API")]
    done.refused(*told, "CALLROUTER_ALLOW_PUBLIC_BIND=true")


def test_ports_that_contradict_each_other_are_told(empty: Site) -> None:
    wrong: dict[str, Any] = {"AGI_PORT": 8112, "API_PORT": 8112, "SIP_PORT": 9060, "HEP_PORT": 9060, "AMI_PORT": 9060}
    done = empty.run("serve", **wrong, RTP_FROM=30000, RTP_TO=30000)
    done.refused(
        "CALLROUTER_RTP_FROM is not below CALLROUTER_RTP_TO",
        "CALLROUTER_AGI_PORT and CALLROUTER_API_PORT name the same port",
        "CALLROUTER_HEP_PORT and CALLROUTER_SIP_PORT name the same port",
    )
    assert "CALLROUTER_AMI_PORT" not in done.err  # TCP, the others are UDP


def test_file_of_the_database_url_is_read(empty: Site, tmp_path: Path) -> None:
    file = tmp_path / "database-url"
    file.write_text(f"sqlite:///{tmp_path / 'other.db'}\n")
    assert empty.run("migrate", DATABASE_URL_FILE=file).code == 0
    assert (tmp_path / "other.db").is_file()
    assert not empty.database.exists()


def test_file_of_the_database_url_that_is_not_there_is_told(empty: Site, tmp_path: Path) -> None:
    done = empty.run("migrate", DATABASE_URL_FILE=tmp_path / "gone")
    done.refused("CALLROUTER_DATABASE_URL_FILE", str(tmp_path / "gone"), "No such file")
    assert not empty.folder.exists()


def test_names_of_scripts_and_of_kubernetes_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    others = ["SERVICE_HOST", "SERVICE_PORT_HTTP", "PORT", "PORT_8112_TCP_ADDR", "API_PORT_8112_TCP"]
    for name in (*OF_SCRIPTS, *others):
        monkeypatch.setenv(f"CALLROUTER_{name}", "tcp://10.0.0.1:8112")
    load()


def test_every_name_in_scripts_and_containers_is_known() -> None:
    """Else a name that a script sets would stop the service that it starts."""
    known = {name.upper() for name in Settings.model_fields} | OF_SCRIPTS
    known |= {f"TIMER_{name.upper()}" for name in Timers.model_fields}
    files = [path for path in (ROOT / "scripts").iterdir() if path.is_file()]
    files += [ROOT / name for name in ("Dockerfile", "compose.yaml", "Makefile")]
    used = {name for file in files for name in re.findall(r"CALLROUTER_([A-Z_]+)", file.read_text(encoding="utf-8"))}
    assert used
    assert used <= known
