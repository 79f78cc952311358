"""What is wrong with the PBX, or with the ports that it and the service need."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callrouter.asterisk.pbx import Asterisk, Pbx, find
from callrouter.errors import OperatorError
from demo.addresses import Addresses
from tests.cli.conftest import EXAMPLE
from tests.cli.site import Site

SYSTEM_HAS_ASTERISK = shutil.which("asterisk", path="/usr/sbin:/usr/local/sbin")
needs_no_asterisk = pytest.mark.skipif(bool(SYSTEM_HAS_ASTERISK), reason="this machine has an Asterisk of its own")


@contextlib.contextmanager
def in_use(host: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> Iterator[None]:
    """Hold a port, as another program would."""
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((host, port))
        if kind is socket.SOCK_STREAM:
            taken.listen(5)
        yield


# ---------------------------------------------------------------- which Asterisk


def program(folder: Path, text: str) -> Path:
    """Return a folder for PATH with nothing but an `asterisk` of that text."""
    folder.mkdir()
    file = folder / "asterisk"
    file.write_text(text)
    file.chmod(0o755)
    return folder


def test_old_asterisk_stops_up_before_anything_is_made(empty: Site, tmp_path: Path) -> None:
    path = program(tmp_path / "bin", "#!/bin/sh\necho Asterisk 20.9.3\n")
    empty.run("up", path=path, PBX_ROOT=None).refused("20.9.3; callrouter needs 22.10")
    assert not empty.folder.exists()


@needs_no_asterisk
def test_no_asterisk_is_told_before_anything_is_made(empty: Site, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    remedy = empty.run("up", path=tmp_path / "bin", PBX_ROOT=None).refused("no Asterisk on this machine")
    assert "CALLROUTER_PBX_ROOT" in remedy
    assert not empty.folder.exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("#!/bin/sh\necho Asterisk 20.9.3\n", "20.9.3; callrouter needs 22.10 or newer"),
        ("#!/bin/sh\necho Asterisk 22.9.0~dfsg\n", "22.9.0~dfsg; callrouter needs 22.10"),
        ("#!/bin/sh\nexit 1\n", "of unknown version; callrouter needs 22.10"),
        ("no program at all\n", "cannot be run: Exec format error"),
    ],
)
def test_asterisk_that_will_not_do_is_told_with_its_version(
    ready: Site, tmp_path: Path, text: str, says: str
) -> None:
    path = program(tmp_path / "bin", text)
    before = ready.everything()
    ready.run("pbx", "render", path=path, PBX_ROOT=None).refused(str(path / "asterisk"), says)
    assert ready.everything() == before


def test_folder_without_an_asterisk_in_it_is_told(ready: Site, tmp_path: Path) -> None:
    before = ready.everything()
    ready.run("pbx", "render", PBX_ROOT=tmp_path).refused(str(tmp_path), "CALLROUTER_PBX_ROOT")
    assert ready.everything() == before


# ---------------------------------------------------------------- its configuration


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_configuration_that_was_not_rendered_names_the_command(ready: Site, command: str) -> None:
    shutil.rmtree(ready.state / "asterisk")
    shutil.rmtree(ready.state / "secrets")
    before = ready.everything()
    remedy = ready.run(command).refused(str(ready.state / "asterisk"))
    assert "callrouter pbx render" in remedy
    assert ready.everything() == before


def test_secrets_that_the_pbx_cannot_know_are_not_made_by_the_way(ready: Site) -> None:
    (ready.state / "secrets" / "agi").unlink()
    before = ready.everything()
    assert "callrouter pbx render" in ready.run("serve").refused(str(ready.state / "secrets" / "agi"))
    assert ready.everything() == before


def test_doctor_tells_of_a_pbx_that_is_not_there(ready: Site) -> None:
    port = ready.settings["AMI_PORT"]
    assert "CALLROUTER_AMI_PORT" in ready.run("doctor").refused(f"127.0.0.1:{port}", "Connection refused")


def test_doctor_tells_of_a_pbx_that_says_nothing(ready: Site) -> None:
    with in_use("127.0.0.1", ready.settings["AMI_PORT"]):
        ready.run("doctor").refused("does not answer", "within 5 s")


# ---------------------------------------------------------------- ports in use


@pytest.mark.parametrize("part", ["AGI", "API", "HEP"])
def test_port_of_the_service_in_use_is_told(ready: Site, part: str) -> None:
    before = ready.everything()
    port = ready.settings[f"{part}_PORT"]
    with in_use("127.0.0.1", port, socket.SOCK_DGRAM if part == "HEP" else socket.SOCK_STREAM):
        remedy = ready.run("serve").refused(f"127.0.0.1 port {port}", f"CALLROUTER_{part}_PORT", "in use")
    assert "another port" in remedy
    assert ready.everything() == before


@pytest.mark.parametrize("part", ["SIP", "AMI", "AGI"])
def test_port_in_use_stops_up_before_anything_is_done(empty: Site, part: str) -> None:
    addresses = Addresses()
    try:
        host = addresses.host(1) if part == "SIP" else "127.0.0.1"
        port = 5060 if part == "SIP" else empty.settings[f"{part}_PORT"]
        with in_use(host, port, socket.SOCK_DGRAM if part == "SIP" else socket.SOCK_STREAM):
            done = empty.run("up", SIP_HOST=addresses.host(1))
        done.refused(f"{host} port {port}", f"CALLROUTER_{part}_PORT", "in use")
    finally:
        addresses.close()
    assert not empty.folder.exists()
    assert empty.processes() == []


def test_port_in_use_is_told_in_indonesian_too(ready: Site) -> None:
    port = ready.settings["AGI_PORT"]
    with in_use("127.0.0.1", port):
        ready.run("serve", LANGUAGE="id").refused(f"port {port} (CALLROUTER_AGI_PORT): port itu sedang dipakai")


@pytest.mark.parametrize(("part", "command"), [("SIP", "up"), ("AGI", "serve")])
def test_address_of_another_machine_is_told(ready: Site, part: str, command: str) -> None:
    settings: dict[str, Any] = {f"{part}_HOST": "192.0.2.1", "ALLOW_PUBLIC_BIND": "true"}
    ready.run(command, **settings).refused("192.0.2.1", f"CALLROUTER_{part}_HOST", "no such address")


async def test_pbx_that_finds_its_port_taken_tells_so_and_is_gone(ready: Site) -> None:
    """The port is taken between the look at it and the PBX's start."""
    addresses = Addresses()
    try:
        ready.settings["SIP_HOST"] = addresses.host(1)
        assert ready.run("pbx", "render").code == 0
        root = ready.settings.get("PBX_ROOT")
        pbx = Pbx(await find(Path(root) if root else None), ready.state / "asterisk")
        with in_use(addresses.host(1), 5060, socket.SOCK_DGRAM), pytest.raises(OperatorError) as refused:
            await pbx.start()
    finally:
        addresses.close()
    assert "Address already in use" in refused.value.what
    assert pbx.pid is None


async def test_asterisk_that_cannot_be_started_is_told(tmp_path: Path, ready: Site) -> None:
    known = await find(Path(ready.settings["PBX_ROOT"]) if ready.settings.get("PBX_ROOT") else None)
    gone = Asterisk((str(tmp_path / "gone"),), known.files, known.version)
    with pytest.raises(OperatorError, match="gone"):
        await Pbx(gone, ready.state / "asterisk").start()


# ---------------------------------------------------------------- a PBX that runs


READY_S = 60.0


@pytest.fixture(scope="module")
def running(made: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with PBX and service up, by `callrouter up`; at the end SIGTERM leaves nothing of them."""
    addresses = Addresses()
    site = made.copy(tmp_path_factory.mktemp("running"))
    site.settings |= {"SIP_HOST": addresses.host(1), "HEP_HOST": addresses.host(1)}
    log = (site.folder / "up.log").open("wb")
    command = (sys.executable, "-m", "callrouter", "up", "--table", str(EXAMPLE))
    process = subprocess.Popen(command, env=site.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _until_ready(site, process)
        yield site
    finally:
        log.close()
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(30)
        finally:
            process.kill()
            process.wait()
            addresses.close()
    assert code == 0
    assert site.processes() == []
    assert site.listening() == []


def test_up_that_is_stopped_while_it_starts_leaves_no_pbx(ready: Site) -> None:
    addresses = Addresses()
    try:
        environment = ready.environment(SIP_HOST=addresses.host(1))
        command = (sys.executable, "-m", "callrouter", "up", "--table", str(EXAMPLE))
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            deadline = time.monotonic() + READY_S
            while not any("asterisk.conf" in line for line in ready.processes()):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
    finally:
        addresses.close()
    assert (process.returncode, "Stopped before it was ready." in out.decode()) == (0, True), err


def _until_ready(site: Site, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            url = f"http://127.0.0.1:{site.settings['API_PORT']}/readyz"
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        time.sleep(0.1)
    raise AssertionError((site.folder / "up.log").read_text(errors="replace")[-3000:])


@pytest.fixture
def beside(running: Site, tmp_path: Path) -> Iterator[Site]:
    """A second service's site, for the same PBX."""
    site = Site.of(tmp_path / "beside", AMI_PORT=running.settings["AMI_PORT"])
    shutil.copytree(
        running.state, site.state, symlinks=True, ignore=shutil.ignore_patterns("run", "log", "spool", "current.*")
    )
    yield site
    assert site.processes() == []
    assert site.listening() == ["AMI"]  # the first site's PBX


@pytest.mark.parametrize("user", ["hands", "keeper"])
def test_wrong_ami_password_is_told_with_its_user(beside: Site, user: str) -> None:
    (beside.state / "secrets" / f"ami-{user}").write_text("0123456789abcdef0123\n")
    done = beside.run("serve")
    remedy = done.refused(f"127.0.0.1:{beside.settings['AMI_PORT']}", f"AMI login of the user {user}", "password")
    assert "callrouter pbx render" in remedy
    assert "0123456789abcdef0123" not in done.out + done.err


def test_wrong_ami_password_is_told_by_doctor_in_indonesian(beside: Site) -> None:
    (beside.state / "secrets" / "ami-hands").write_text("0123456789abcdef0123\n")
    done = beside.run("doctor", LANGUAGE="id")
    assert "callrouter pbx render" in done.refused("menolak login AMI pengguna hands", "kata sandinya salah")


def test_doctor_finds_a_running_pbx_well(running: Site) -> None:
    done = running.run("doctor")
    assert (done.code, "the PBX ran the self-test" in done.out) == (0, True), done


async def test_pbx_without_a_part_of_the_dialplan_is_told(running: Site, beside: Site) -> None:
    root = running.settings.get("PBX_ROOT")
    console = Pbx(await find(Path(root) if root else None), running.state / "asterisk")
    try:
        await console.rx("dialplan remove context callrouter-menu")
        done = await asyncio.to_thread(beside.run, "serve")
        assert "callrouter pbx render" in done.refused("lacks", "context callrouter-menu")
    finally:
        await console.rx("dialplan reload")


def test_second_centre_on_the_same_state_folder_does_not_touch_the_first(running: Site) -> None:
    """The first one's PBX listens: the second is told so and ends."""
    running.run("up").refused("CALLROUTER_SIP_PORT", "in use")
    assert any("asterisk.conf" in line for line in running.processes())
    assert any((running.state / "asterisk" / "run").iterdir())
