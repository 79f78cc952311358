"""What the command line and the service do not load: time of each command, and memory of a service."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
ENDS_WITHIN_S: Final = 60
NOT_IN_THE_SERVICE: Final = (
    "alembic",
    "aiosmtplib",
    "mako",
    "pygments",
    "rich",
    "holidays",
    "cryptography",
    "callrouter.doctor",
)
"""Some 20 MB: migrations, colours, holidays (a program of their own) and the encryption of trunks' passwords."""
NOT_FOR_HELP: Final = ("sqlalchemy", "aiohttp", "pydantic", "structlog", "callrouter.app", "callrouter.routing")
NOT_FOR_SETTINGS: Final = ("sqlalchemy", "aiohttp", "callrouter.app", "callrouter.routing")


def loaded(lines: str, **settings: str) -> set[str]:
    """Return the modules in a new process after `lines`."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("CALLROUTER_")}
    done = subprocess.run(
        (sys.executable, "-c", f"{dedent(lines)}\nimport sys\nprint('modules', *sys.modules)"),
        cwd=ROOT,
        env=kept | {f"CALLROUTER_{name}": value for name, value in settings.items()},
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split()) - {"modules"}


AS_THE_SERVICE_STARTS: Final = """
    import callrouter.cli
    from callrouter.cli_common import load
    load()
    import callrouter.app
"""
AS_MAIN_RUNS: Final = """
    import sys
    from callrouter.cli import main
    sys.argv[1:] = {words}
    try:
        main()
    except SystemExit:
        pass
"""


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_the_service_loads_nothing_that_it_only_rarely_needs(log_format: str) -> None:
    modules = loaded(AS_THE_SERVICE_STARTS, LOG_FORMAT=log_format)
    assert "callrouter.api.server" in modules
    assert modules.isdisjoint(NOT_IN_THE_SERVICE)


def test_help_loads_no_part_of_callrouter() -> None:
    modules = loaded(AS_MAIN_RUNS.format(words=["--help"]))
    assert "rich" in modules
    assert modules.isdisjoint(NOT_FOR_HELP)


def test_a_wrong_setting_is_told_before_the_service_is_loaded() -> None:
    modules = loaded(AS_MAIN_RUNS.format(words=["serve"]), SIP_PORT="sip")
    assert "callrouter.settings" in modules
    assert modules.isdisjoint(NOT_FOR_SETTINGS)


@pytest.mark.parametrize("group", ["routes", "operators", "tokens", "audit"])
def test_a_group_of_commands_is_loaded_for_its_own_help(group: str) -> None:
    module = {"routes": "callrouter.cli_routes"}.get(group, "callrouter.cli_access")
    assert module in loaded(AS_MAIN_RUNS.format(words=[group, "--help"]))
