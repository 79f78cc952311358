"""Finding an Asterisk, starting it, and stopping it: with programs that only pretend to be one."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest

from callrouter.asterisk import pbx as pbx_module
from callrouter.asterisk.pbx import Asterisk, Pbx, find, loader_command
from callrouter.asterisk.render import AsteriskFiles
from callrouter.errors import OperatorError


def program(path: Path, script: str) -> Path:
    """Write a program of /bin/sh."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def unpacked(root: Path, says: str) -> Path:
    """An unpacked Asterisk; its loader ignores the libraries and runs a script."""
    program(root / "usr/lib64/ld-linux-x86-64.so.2", f'case "$4" in -V) {says} ;; esac')
    (root / "usr/lib/x86_64-linux-gnu/asterisk/modules").mkdir(parents=True)
    program(root / "usr/sbin/asterisk", "exit 1")
    return root


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Asterisk but what a test puts into a folder."""
    monkeypatch.setattr(shutil, "which", lambda *_given, **_named: None)
    return tmp_path


# ---------------------------------------------------------------- finding
@pytest.mark.parametrize("version", ["Asterisk 22.10.1", "Asterisk 22.10.1~dfsg+~cs6.15", "Asterisk 23.0.0"])
async def test_unpacked_asterisk_is_run_with_its_own_loader_and_libraries(tmp_path: Path, version: str) -> None:
    root = unpacked(tmp_path, f'echo "{version}"')
    found = await find(root)
    assert found.version == version.removeprefix("Asterisk ")
    assert found.command == (
        str(root / "usr/lib64/ld-linux-x86-64.so.2"), "--library-path", str(root / "usr/lib/x86_64-linux-gnu"),
        str(root / "usr/sbin/asterisk"),
    )  # fmt: skip
    assert found.files.modules == root / "usr/lib/x86_64-linux-gnu/asterisk/modules"


@pytest.mark.parametrize(
    "version", ["Asterisk 22.9.0", "Asterisk 20.6.0~dfsg", "Asterisk certified-18.9", "hello", ""]
)
async def test_asterisk_that_is_older_or_says_no_version_is_refused_with_what_it_said(
    tmp_path: Path, version: str
) -> None:
    with pytest.raises(OperatorError, match=r"needs 22\.10 or newer") as error:
        await find(unpacked(tmp_path, f'echo "{version}"'))
    assert version.removeprefix("Asterisk ") in str(error.value)


@pytest.mark.parametrize(
    "missing", ["usr/lib64/ld-linux-x86-64.so.2", "usr/sbin/asterisk", "usr/lib/x86_64-linux-gnu"]
)
async def test_folder_that_is_not_whole_is_named(tmp_path: Path, missing: str) -> None:
    root = unpacked(tmp_path, 'echo "Asterisk 22.10.1"')
    (root / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(OperatorError, match=str(root)):
        await find(root)


async def test_loader_that_cannot_be_run_is_told(tmp_path: Path) -> None:
    root = unpacked(tmp_path, "")
    (root / "usr/lib64/ld-linux-x86-64.so.2").chmod(0o644)
    with pytest.raises(OperatorError, match="cannot be run"):
        await find(root)


async def test_asterisk_that_never_tells_its_version_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pbx_module, "VERSION_S", 0.2)
    async with asyncio.timeout(30):
        with pytest.raises(OperatorError, match="did not tell its version"):
            await find(unpacked(tmp_path, "exec sleep 60"))


async def test_machine_without_asterisk_is_told_what_to_install(alone: Path) -> None:
    with pytest.raises(OperatorError, match="no Asterisk on this machine"):
        await find(None)


def test_loader_runs_other_programs_of_the_folder_too(tmp_path: Path) -> None:
    root = unpacked(tmp_path, "")
    program(root / "usr/bin/sipp", "")
    assert loader_command(root, "usr/bin/sipp")[-1] == str(root / "usr/bin/sipp")


# ---------------------------------------------------------------- starting and stopping
def given(folder: Path, runs: str, console: str = 'echo "Asterisk has fully booted."') -> Pbx:
    """Return a PBX whose program runs `runs`, and whose console commands run `console` (``$4`` is the command)."""
    for part in ("etc", "log", "run"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    script = f'cd {folder}\nif [ "$1" = -f ]; then {runs}; else {console}; fi'
    command = (str(program(folder / "asterisk", script)),)
    return Pbx(Asterisk(command, AsteriskFiles(folder, folder), "22.10.1"), folder)


STOPS = 'case "$4" in "core stop now") kill $(cat pid) ;; *) [ -e pid ] && echo "fully booted" ;; esac'
RUNS = "echo $$ > pid; exec sleep 60"


def log(folder: Path, *lines: str) -> str:
    return "; ".join(f"echo '{line}' >> {folder / 'log' / 'messages.log'}" for line in lines)


async def test_pbx_that_boots_without_a_complaint_runs_until_it_is_stopped(tmp_path: Path) -> None:
    quiet = "[2026-01-01 00:00:00.000] NOTICE[1] loader.c: 80 modules will be loaded. No WARNING, no ERROR."
    pbx = given(tmp_path, f"{log(tmp_path, quiet)}; {RUNS}", STOPS)
    await pbx.start()
    assert pbx.pid is not None
    assert pbx.complaints() == []
    await pbx.stop()
    assert pbx.pid is None
    await pbx.stop()


@pytest.mark.parametrize("level", ["WARNING", "ERROR"])
async def test_pbx_that_complains_at_its_start_is_stopped_and_its_words_are_told(tmp_path: Path, level: str) -> None:
    line = f"[2026-01-01 00:00:00.000] {level}[7] pbx_config.c: No closing parenthesis"
    pbx = given(tmp_path, f"{log(tmp_path, line)}; {RUNS}", STOPS)
    with pytest.raises(OperatorError, match="No closing parenthesis"):
        await pbx.start()
    assert pbx.pid is None


async def test_complaints_of_an_earlier_run_are_not_held_against_this_one(tmp_path: Path) -> None:
    pbx = given(tmp_path, RUNS, STOPS)
    (tmp_path / "log" / "messages.log").write_text("[x] ERROR[1] old\n")
    await pbx.start()
    await pbx.stop()


async def test_pbx_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    pbx = given(tmp_path, 'echo "Unable to bind to 127.0.0.1:5060"; exit 1', "exit 1")
    async with asyncio.timeout(30):
        with pytest.raises(OperatorError, match=r"Unable to bind to 127\.0\.0\.1:5060"):
            await pbx.start()
    assert pbx.pid is None


async def test_pbx_that_never_boots_is_given_up_and_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pbx_module, "START_S", 0.3)
    monkeypatch.setattr(pbx_module, "STOP_S", 0.3)
    pbx = given(tmp_path, RUNS, "echo 'Unable to connect'")
    async with asyncio.timeout(30):
        with pytest.raises(OperatorError, match="did not start"):
            await pbx.start()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_pbx_that_does_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pbx_module, "STOP_S", 0.2)
    pbx = given(tmp_path, RUNS, "echo 'fully booted'")
    await pbx.start()
    async with asyncio.timeout(30):
        await pbx.stop()
    assert pbx.pid is None


async def test_console_that_hangs_answers_nothing_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pbx_module, "START_S", 0.2)
    async with asyncio.timeout(30):
        assert await given(tmp_path, RUNS, "exec sleep 60").rx("core show channels") == ""


async def test_time_zone_is_that_of_the_process(tmp_path: Path) -> None:
    pbx = given(tmp_path, f'echo "$TZ" > zone; {RUNS}', STOPS)
    pbx = Pbx(pbx._asterisk, tmp_path, "Pacific/Honolulu")
    await pbx.start()
    assert (tmp_path / "zone").read_text() == "Pacific/Honolulu\n"
    pbx.signal(signal.SIGTERM)
    await pbx.stop()
    pbx.signal(signal.SIGTERM)  # of one that has ended: nothing to do
