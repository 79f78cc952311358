"""An agent leaves nothing behind, however it or its parent ends."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo.softphone import Account, Answer, Softphone, SoftphoneError

_ROOT = Path(__file__).resolve().parents[2]
_ORPHAN = """
import asyncio, sys
from demo.softphone import Softphone

async def main():
    async with Softphone("yatim", tone_hz=600) as phone:
        print(phone.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def _open_files() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return False


async def _until_gone(pid: int, within: float) -> None:
    async with asyncio.timeout(within):
        while _alive(pid):
            await asyncio.sleep(0.02)


async def test_agents_give_back_processes_files_and_ports() -> None:
    async def talk() -> list[int]:
        async with (
            Softphone("a", tone_hz=600, host="127.0.72.1", port=5070) as a,
            Softphone("b", tone_hz=1000, host="127.0.72.2", port=5070) as b,
        ):
            await b.behave(Answer(after_s=0.0))
            call = await a.dial(b.uri)
            await call.until_hears(1000)
            return [a.pid, b.pid]

    await talk()
    before = _open_files()
    pids = await talk()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert len(_open_files()) == len(before)


async def test_an_agent_ends_with_its_parent_though_that_was_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _ORPHAN),
        cwd=_ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert parent.stdout is not None
    pid = int(await asyncio.wait_for(parent.stdout.readline(), 30))
    assert _alive(pid)
    parent.kill()
    await parent.communicate()
    await _until_gone(pid, within=30)
    assert list(tmp_path.iterdir()) == []


async def test_an_agent_that_is_killed_is_noticed_at_once() -> None:
    async with Softphone("a", tone_hz=600) as phone:
        os.kill(phone.pid, signal.SIGKILL)
        with pytest.raises(SoftphoneError, match="a is gone"):
            await phone.dial("sip:112@127.0.0.1:1")
        with pytest.raises(SoftphoneError, match="a is gone"):
            await phone.behave(Answer())


async def test_an_address_in_use_is_an_error_at_start() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.72.3", 0))
        with pytest.raises(SoftphoneError, match="in use"):
            async with Softphone("a", tone_hz=600, host="127.0.72.3", port=taken.getsockname()[1]):
                pass
        taken.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(SoftphoneError, match="in use"):
            async with Softphone("a", tone_hz=600, port=taken.getsockname()[1]):
                pass


async def test_a_registrar_that_is_not_there_is_an_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        account = Account("op1", "secret", f"127.0.0.1:{silent.getsockname()[1]}")
        async with Softphone("op1", tone_hz=600, account=account) as phone:
            begun = time.monotonic()
            with pytest.raises(SoftphoneError, match="register"):
                await phone.register(within=0.5)
            assert time.monotonic() - begun < 15


def test_the_worker_alone_ends_at_the_end_of_its_input() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo.softphone.worker"],
        cwd=_ROOT,
        input=b"",
        capture_output=True,
        timeout=10,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"")
