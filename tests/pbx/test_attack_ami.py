"""AMI: what each of its two users is refused, that neither has a shell, and what guessing brings."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from callrouter.asterisk.ami import AmiRefused
from callrouter.asterisk.variables import MODULES
from demo.softphone import NET_S
from tests.pbx.ground import Ground

pytestmark = pytest.mark.asyncio(loop_scope="module")

MARK = Path(tempfile.gettempdir()) / f"callrouter-shell-{os.getpid()}"


def named(value: object) -> str:
    """Return the name of a case: the same in every process."""
    return str(value).replace(str(MARK), "MARK")


CALL: dict[str, Any] = {"Channel": "Local/selftest@callrouter-doctor/n", "Async": "true"}
SHELLS = {
    "app_system",
    "app_originate",
    "app_externalivr",
    "app_db",
    "app_voicemail",
    "app_minivm",
    "func_shell",
    "func_curl",
    "func_db",
    "func_odbc",
    "func_realtime",
    "func_evalexten",
    "func_config",
    "pbx_lua",
    "pbx_ael",
    "pbx_spool",
    "pbx_realtime",
    "pbx_dundi",
    "res_ari",
    "res_http_websocket",
    "res_http_post",
    "res_clioriginate",
    "res_curl",
    "res_config_curl",
    "res_phoneprov",
    "res_pjsip_phoneprov_provider",
    "res_pjsip_messaging",
    "res_pjsip_notify",
    "res_pjsip_endpoint_identifier_anonymous",
    "res_snmp",
    "res_xmpp",
    "res_prometheus",
    "app_disa",
    "app_chanspy",
    "app_directed_pickup",
    "chan_iax2",
    "chan_websocket",
    "chan_unistim",
    "res_parking",
}
"""Modules that run programs, fetch, listen to calls of others, or open another door."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CALLROUTER_DATABASE_URL", "postgresql://callrouter:hidden@127.0.0.1/callrouter")
        async with Ground(tmp_path_factory.mktemp("ami")) as running:
            yield running


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("Reload", {"Module": "pbx_config"}),
        ("ModuleLoad", {"Module": "app_system.so", "LoadType": "load"}),
        ("Command", {"Command": "core show version"}),
        ("UpdateConfig", {"SrcFilename": "extensions.conf", "DstFilename": "extensions.conf"}),
        ("GetConfig", {"Filename": "manager.conf"}),
        ("CreateConfig", {"Filename": "x.conf"}),
        ("DBPut", {"Family": "x", "Key": "y", "Val": "z"}),
        ("DBDelTree", {"Family": "registrar"}),
        (
            "DialplanExtensionAdd",
            {"Context": "callrouter-112", "Extension": "x", "Priority": "1", "Application": "A"},
        ),
        ("AGI", {"Channel": "x", "Command": "EXEC System id"}),
        ("PJSIPShowEndpoints", {}),
        ("PJSIPShowAuths", {}),
    ],
)
async def test_hands_loads_reads_and_runs_nothing(ground: Ground, action: str, fields: dict[str, Any]) -> None:
    with pytest.raises(AmiRefused, match="Permission denied"):
        await ground.hands.action(action, **fields)


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("Originate", CALL | {"Application": "Wait", "Data": "1"}),
        ("Redirect", {"Channel": "x", "Context": "callrouter-112", "Exten": "s", "Priority": "1"}),
        ("Setvar", {"Variable": "CR_AGI", "Value": "agi://127.0.0.1/"}),
        ("Bridge", {"Channel1": "x", "Channel2": "y"}),
        ("BlindTransfer", {"Channel": "x", "Context": "callrouter-112", "Exten": "s"}),
        ("Atxfer", {"Channel": "x", "Exten": "s"}),
        ("QueueAdd", {"Queue": "operators", "Interface": "PJSIP/op3"}),
        ("UserEvent", {"UserEvent": "CRDoorbell"}),
        ("Command", {"Command": "core show version"}),
        ("UpdateConfig", {"SrcFilename": "extensions.conf", "DstFilename": "extensions.conf"}),
        ("CreateConfig", {"Filename": "x.conf"}),
        ("AGI", {"Channel": "x", "Command": "EXEC System id"}),
    ],
)
async def test_keeper_touches_no_call_and_no_file(ground: Ground, action: str, fields: dict[str, Any]) -> None:
    with pytest.raises(AmiRefused, match="Permission denied"):
        await ground.keeper.action(action, **fields)


@pytest.mark.parametrize(
    ("application", "data"),
    [
        ("System", f"touch {MARK}"),
        ("TrySystem", f"touch {MARK}"),
        ("Exec", f"System(touch {MARK})"),
        ("ExecIf", f"1?System(touch {MARK})"),
        ("TryExec", f"System(touch {MARK})"),
        ("AGI", "/bin/sh"),
        ("DeadAGI", "/bin/sh"),
        ("EAGI", "/bin/sh"),
        ("MixMonitor", f"x.wav,,touch {MARK}"),
        ("ExternalIVR", "/bin/sh"),
        ("Set", f"FILE({MARK},,,a)=x"),
        ("Set", f"X=${{SHELL(touch {MARK})}}"),
        ("NoOp", f"${{SHELL(touch {MARK})}}"),
    ],
    ids=named,
)
async def test_hands_originates_no_program(ground: Ground, application: str, data: str) -> None:
    with pytest.raises(AmiRefused):
        await ground.hands.action("Originate", **CALL, Application=application, Data=data)
    assert not MARK.exists()


@pytest.mark.parametrize("how", ["of the PBX", "of the call"])
async def test_hands_has_no_program_run_by_a_variable_of_the_dialplan(
    ground: Ground, how: str, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {MARK}\n")
    program.chmod(0o700)
    names = ("CR_AGI", "CR_SECRET", "CR_NODE", "CR_CALL", "CR_INVITE")
    if how == "of the PBX":
        await ground.hands.action("Setvar", Variable="CR_AGI", Value=str(program))
    theirs = [f"__{name}={program}" for name in names] if how == "of the call" else []
    begun = len(ground.events)
    await ground.hands.action(
        "Originate",
        Channel="Local/s@callrouter-112/n",
        Application="Wait",
        Data="5",
        Async="true",
        Variable=["__CR_ORIGIN=citizen", "__CR_TRUNK=telco", *theirs],
    )
    async with asyncio.timeout(NET_S):  # the PBX asked for the service in vain, and goes on alone
        while not any(event.fields.get("UserEvent") == "CRFailsafe" for event in ground.events[begun:]):
            await asyncio.sleep(0.02)
    assert not MARK.exists()


@pytest.mark.parametrize(
    ("action", "fields", "why"),
    [
        ("GetConfig", {"Filename": "/etc/passwd"}, "escalated privileges"),
        ("GetConfig", {"Filename": "../../../../../../../../etc/passwd"}, "escalated privileges|not found"),
        ("GetConfigJSON", {"Filename": "/etc/hostname"}, "escalated privileges"),
        ("ModuleLoad", {"Module": "OUTSIDE", "LoadType": "load"}, "configured modules directory|not found"),
        ("ListCategories", {"Filename": "/etc/passwd"}, "Permission denied"),
    ],
    ids=named,
)
async def test_keeper_reads_and_loads_nothing_outside_the_folders_of_the_pbx(
    ground: Ground, action: str, fields: dict[str, Any], why: str, tmp_path: Path
) -> None:
    (tmp_path / "outside.so").write_bytes(b"\x7fELF")
    given: dict[str, Any] = {
        name: str(tmp_path / "outside.so") if value == "OUTSIDE" else value for name, value in fields.items()
    }
    with pytest.raises(AmiRefused, match=why):
        await ground.keeper.action(action, **given)


@pytest.mark.parametrize(
    "variable", ["SHELL(id)", "FILE(/etc/hostname,0,9)", "AST_CONFIG(manager.conf,hands,secret)"]
)
async def test_keeper_reads_no_file_by_a_variable(ground: Ground, variable: str) -> None:
    try:
        answer = await ground.keeper.action("Getvar", Variable=variable)
    except AmiRefused:
        return
    assert answer.fields.get("Value", "") in {"", "(null)"}


@pytest.mark.parametrize(
    "variable",
    [f"FILE({MARK},,,a)", f"SHELL(touch {MARK})", "DB(x/y)", "AST_CONFIG(manager.conf,hands,secret)"],
    ids=named,
)
async def test_hands_reads_and_writes_no_file_by_a_variable(ground: Ground, variable: str) -> None:
    for action in ("Getvar", "Setvar"):
        value: dict[str, Any] = {"Value": "x"} if action == "Setvar" else {}
        try:
            answer = await ground.hands.action(action, Variable=variable, **value)
        except AmiRefused:
            continue
        assert action == "Setvar" or answer.fields.get("Value", "") in {"", "(null)"}
    assert not MARK.exists()


async def test_our_settings_are_not_in_what_ami_can_read_of_the_pbx(ground: Ground) -> None:
    answer = await ground.hands.action("Getvar", Variable="ENV(CALLROUTER_DATABASE_URL)")
    assert answer.fields.get("Value", "") == ""
    assert (await ground.hands.action("Getvar", Variable="ENV(PATH)")).fields["Value"]  # so it can read that


async def test_mix_monitor_by_hands_runs_no_command(ground: Ground) -> None:
    with pytest.raises(AmiRefused):
        await ground.hands.action("MixMonitor", Channel="x", File="x.wav", Command=f"touch {MARK}")


async def test_what_runs_programs_or_opens_another_door_is_not_even_loaded(ground: Ground) -> None:
    assert not SHELLS & set(MODULES)
    shown = await ground.pbx.rx("module show")
    loaded = {line.split(".so")[0] for line in shown.splitlines() if ".so " in line}
    assert loaded == set(MODULES)
    applications = await ground.pbx.rx("core show applications")
    assert not [
        a for a in ("System", "TrySystem", "ExternalIVR", "Originate", "DISA", "ChanSpy") if f" {a}: " in applications
    ]


async def test_guessed_secret_is_answered_late_and_said_in_the_log(ground: Ground) -> None:
    log = ground.settings.pbx_dir / "log" / "security.log"
    before = log.stat().st_size if log.exists() else 0
    begun = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", ground.settings.ami_port)
    writer.write(b"Action: Login\r\nUsername: hands\r\nSecret: guess\r\n\r\n")
    async with asyncio.timeout(NET_S):
        said = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert b"Authentication failed" in said
    assert time.monotonic() - begun >= 0.9
    async with asyncio.timeout(NET_S):
        while b'Service="AMI"' not in log.read_bytes()[before:]:
            await asyncio.sleep(0.05)
    assert b"guess" not in log.read_bytes()[before:]


async def test_stranger_who_says_nothing_is_cut_and_more_than_a_few_of_them_are_not_heard(ground: Ground) -> None:
    held = [await asyncio.open_connection("127.0.0.1", ground.settings.ami_port) for _ in range(40)]
    assert ground.hands.connected
    await ground.hands.action("Ping")
    async with asyncio.timeout(30):  # Asterisk's own default is 30 s
        await asyncio.gather(*(reader.read() for reader, _ in held), return_exceptions=True)
    for _, writer in held:
        writer.close()
    await ground.hands.action("Ping")
