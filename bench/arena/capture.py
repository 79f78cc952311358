"""Packets on loopback, with the kernel's times: tcpdump writes them into a file while the calls are made."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import shutil
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from bench.arena.calls import Scene
from bench.arena.pinned import pin
from callrouter.asterisk.pbx import loader_command
from demo.addresses import SIP_PORT
from tests.pbx.sipp import raw_sockets_allowed

BUFFER_KIB: Final = 65_536
SNAPLEN: Final = 1_700
"""The longest SIP message of these calls is shorter; RTP takes 214 bytes."""
_START_S: Final = 15.0
_STOP_S: Final = 20.0
FLUSH_S: Final = 1.2
"""The kernel hands its packets over in blocks, within a second at the latest (tcpdump asks for that): what came later
than that before the end is not in the file."""


class CaptureError(RuntimeError):
    """tcpdump did not start, or it lost packets: what it wrote does not tell every call."""


def capture_command(root: Path | None) -> tuple[str, ...] | None:
    """Return how tcpdump is called: from the folder of the unpacked PBX, or the system's.

    None where there is none, or where this user may not look at packets (CAP_NET_RAW): SIPp's own logs must do.
    """
    if not raw_sockets_allowed():
        return None
    if root is not None and (root / "usr/bin/tcpdump").exists():
        return loader_command(root.resolve(), "usr/bin/tcpdump")
    program = shutil.which("tcpdump", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    return (program,) if program else None


@asynccontextmanager
async def captured(command: Sequence[str], file: Path, scene: Scene, *, sound: bool) -> AsyncIterator[None]:
    """Write what passes between the PBX, its callers and the agency into `file`: SIP, and where `sound`, RTP to both.

    The block ends no sooner than FLUSH_S after the last packet that matters.
    Raises CaptureError if it does not start, or if a packet was lost.
    """
    said = file.with_suffix(".said")
    with said.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            *("-i", "lo", "-n", "-p", "-Z", pwd.getpwuid(os.getuid()).pw_name),
            *("-B", str(BUFFER_KIB), "-s", str(SNAPLEN), "-w", str(file)),
            _filter(scene, sound=sound),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=errors,
        )
    pin(process.pid)
    try:
        await _until_listening(process, said)
        yield
    finally:
        await _stop(process)
    text = said.read_text(errors="replace")
    lost = re.search(r"(\d+) packets? dropped by kernel", text)
    if lost is None or int(lost[1]):
        raise CaptureError(f"tcpdump lost packets, or ended early: {text.strip()[-200:]}")


def _filter(scene: Scene, *, sound: bool) -> str:
    caller, agency = scene.caller_host, scene.agency[0]
    told = f"udp and host {scene.pbx} and (host {caller} or host {agency})"
    return f"{told} and (port {SIP_PORT}{f' or dst host {caller} or dst host {agency}' if sound else ''})"


async def _until_listening(process: Process, said: Path) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_START_S):
            while process.returncode is None:
                if "listening on" in said.read_text(errors="replace"):
                    return
                await asyncio.sleep(0.02)
    raise CaptureError(f"tcpdump does not listen: {said.read_text(errors='replace').strip()[-300:]}")


async def _stop(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        await asyncio.wait_for(process.wait(), _STOP_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
