"""A stream of calls: one SIPp calls at a steady rate and presses a digit, others are the agencies, which ring.

When which message was sent or received is in SIPp's own logs, in µs of one clock. The digit goes by SIP INFO: that
needs no right to raw sockets, and the moment it is sent is logged. (An RTP digit is played by a thread of SIPp's that
logs nothing.)
"""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from callrouter.asterisk.pbx import loader_command
from callrouter.errors import OperatorError
from tests.pbx.sipp import render, until_bound

DIGIT_FROM_MS, DIGIT_TO_MS = 1000, 1400
"""When the digit is pressed, after the 200: spread, so that it does not always meet another call's INVITE, and not
before the menu speaks: Asterisk's Answer() waits up to 500 ms for the caller's first RTP, and SIPp sends none."""
TALK_MS: Final = 300
MOST: Final = 100_000
_STOP_S: Final = 15.0
_BLOCK: Final = re.compile(
    r"^-{20,} (?P<at>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{6})Z?\n"
    r"UDP message (?P<way>sent|received)[^\n]*\n\s*(?P<method>[A-Z]+) sip:"
    r"(?:(?!^-{20,}).)*?^From:[^\n]*?sip:(?P<user>\d+)@",
    re.MULTILINE | re.DOTALL,
)
Address = tuple[str, int]
Times = dict[str, float]
"""Wall clock (s since 1970 UTC), by the caller's number."""


@dataclass
class Stream:
    """One stream. What it saw is there once its context was left.

    invited, pressed: when each call began, and when its digit was sent
    reached:  when each call's first INVITE came, by agency
    again:    messages that had to be sent again
    """

    process: Process
    invited: Times = field(default_factory=dict)
    pressed: Times = field(default_factory=dict)
    reached: dict[str, Times] = field(default_factory=dict)
    again: int = 0

    async def until_done(self, within: float) -> None:
        """Wait until every call has ended; what has not by then is missing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self.process.wait()

    async def enough(self, within: float) -> None:
        """Begin no further call, and wait until those that were begun have ended."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGUSR1)
        await self.until_done(within)

    @property
    def delays_s(self) -> dict[str, float]:
        """Seconds from the digit to the first INVITE at an agency, by number, of those that reached one."""
        arrivals = {n: [times[n] for times in self.reached.values() if n in times] for n in self.pressed}
        return {n: min(arrivals[n]) - at for n, at in self.pressed.items() if arrivals[n]}


def sipp_command(root: Path | None) -> tuple[str, ...]:
    """Return how SIPp is called: from the folder of the unpacked PBX, or the system's. OperatorError without one."""
    if root is not None and (root / "usr/bin/sipp").exists():
        return loader_command(root.resolve(), "usr/bin/sipp")
    program = shutil.which("sipp")
    if program is None:
        raise OperatorError("There is no SIPp to make calls with.", "Run `make bench`, which brings it.")
    return (program,)


@asynccontextmanager
async def calls(
    sipp: Sequence[str],
    pbx: str,
    caller_host: str,
    agencies: Mapping[str, Address],
    *,
    prefix: str,
    digit: str,
    rate: float,
    most: int = MOST,
) -> AsyncIterator[Stream]:
    """Call `pbx` ("host:port") `rate` times a second, until `most` were made or it is `enough`.

    prefix: begin of the callers' numbers, of which every stream must have its own
    """
    with tempfile.TemporaryDirectory(prefix="calls-") as name:
        folder = Path(name)
        running: list[Process] = []
        try:
            for agency, address in agencies.items():
                running.append(await start(sipp, folder, agency, render("uas_ring_forever.xml", {}), address, []))
            arguments = ["-s", "112", "-r", f"{rate:g}", "-l", str(min(most, 5_000)), "-m", str(most), pbx]
            caller = await start(sipp, folder, ".caller", caller_scenario(prefix, digit), (caller_host, 0), arguments)
            running.append(caller)
            stream = Stream(caller)
            yield stream
        finally:
            for process in reversed(running):
                await stop(process)
        said = (folder / ".caller.log").read_text(errors="replace")
        stream.invited, again = first(said, "sent", "INVITE")
        stream.pressed, more = first(said, "sent", "INFO")
        stream.again = again + more
        for agency in agencies:
            log = folder / f"{agency}.log"
            text = log.read_text(errors="replace") if log.exists() else ""
            stream.reached[agency], again = first(text, "received", "INVITE")
            stream.again += again


def first(log: str, way: str, method: str) -> tuple[Times, int]:
    """Return the time of each number's first such message in a log of SIPp's, and how many were repetitions."""
    times: Times = {}
    repeated = 0
    for block in _BLOCK.finditer(log):
        if (block["way"], block["method"]) != (way, method):
            continue
        if block["user"] in times:
            repeated += 1
        else:
            times[block["user"]] = datetime.fromisoformat(block["at"]).timestamp()
    return times, repeated


def caller_scenario(prefix: str, digit: str) -> str:
    """Return the tests' scenario, with a number for each call and a digit that does not come at a fixed beat."""
    text = render("uac_info_digit.xml", {"digit": digit, "digit_after_ms": 0, "talk_ms": TALK_MS})
    fixed = '<pause milliseconds="0"/>'
    if text.count(fixed) != 1 or "[from_user]" not in text:
        raise ValueError("the scenario uac_info_digit.xml is not the one that this benchmark knows")
    spread = f'<pause distribution="uniform" min="{DIGIT_FROM_MS}" max="{DIGIT_TO_MS}"/>'
    return text.replace(fixed, spread).replace("[from_user]", f"{prefix}[call_number]").replace("[from_name]", "")


async def start(
    sipp: Sequence[str],
    folder: Path,
    name: str,
    scenario: str,
    address: Address,
    arguments: Sequence[str],
    *,
    log: bool = True,
) -> Process:
    """Start a SIPp that listens, and where `log`, logs its messages into ``<name>.log``; port 0 takes a free one."""
    script = folder / f"{name}.xml"
    script.write_text(scenario, encoding="utf-8")
    host, port = address
    command = [*sipp, "-sf", str(script), "-i", host, "-mi", host, "-nostdin"]
    command += ["-p", str(port)] if port else []
    command += ["-trace_msg", "-message_file", str(folder / f"{name}.log")] if log else []
    with (folder / f"{name}.err").open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *command, *arguments, stdin=DEVNULL, stdout=DEVNULL, stderr=said, cwd=folder
        )
    try:
        if port:
            await until_bound(process, host, port)
    except BaseException:
        await stop(process)
        raise
    return process


async def stop(process: Process) -> None:
    """End it; SIGTERM lets it write its log."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
