"""Last digit to the agency's INVITE, from the messages of two SIPp on loopback: one calls, one is the agency.

The digit goes by SIP INFO, on both sides alike: that needs no right to raw sockets, and the moment it is sent is in
SIPp's own log. (An RTP digit is played by a thread of SIPp's that logs nothing.) Both logs have microseconds of the
same clock; what SIPp itself takes to write them is in both figures alike.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from callrouter.asterisk.pbx import loader_command
from callrouter.errors import OperatorError
from tests.pbx.sipp import render

RATE: Final = 20
DIGIT_FROM_MS, DIGIT_TO_MS = 1000, 1400
"""When the digit is pressed, after the 200: spread, so that it does not always meet another call's INVITE, and not
before the menu speaks: Asterisk's Answer() waits up to 500 ms for the caller's first RTP, and SIPp sends none."""
TALK_MS: Final = 300
_AFTER_S: Final = 15.0
_STOP_S: Final = 3.0
_BLOCK: Final = re.compile(
    r"^-{20,} (?P<at>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{6})Z?\n"
    r"UDP message (?P<way>sent|received)[^\n]*\n\s*(?P<method>[A-Z]+) sip:"
    r"(?:(?!^-{20,}).)*?^From:[^\n]*?sip:(?P<user>\d+)@",
    re.MULTILINE | re.DOTALL,
)
Times = dict[str, float]


@dataclass(frozen=True)
class Round:
    """One round: calls made, times of those whose INVITE came (s), INVITEs that never came, messages sent again."""

    calls: int
    delays_s: tuple[float, ...]
    missing: int
    repeated: int


def sipp_command(root: Path | None) -> tuple[str, ...]:
    """Return how SIPp is called: from the folder of the unpacked PBX, or the system's. OperatorError without one."""
    if root is not None and (root / "usr/bin/sipp").exists():
        return loader_command(root.resolve(), "usr/bin/sipp")
    program = shutil.which("sipp")
    if program is None:
        raise OperatorError("There is no SIPp to make calls with.", "Run `make bench`, which brings it.")
    return (program,)


async def measure(
    sipp: Sequence[str], pbx: str, caller_host: str, agency: tuple[str, int], *, prefix: str, digit: str, seconds: int
) -> Round:
    """Call `pbx` ("host:port") RATE times a second for `seconds`, press `digit`, and time the agency's INVITE.

    prefix: begin of the callers' numbers, of which every round must have its own
    """
    calls = RATE * seconds
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        answering = await _start(sipp, folder, "agency", _agency_scenario(), agency, [])
        try:
            await asyncio.sleep(0.3)
            calling = await _start(
                sipp,
                folder,
                "caller",
                _caller_scenario(prefix, digit),
                (caller_host, 0),
                ["-s", "112", "-r", str(RATE), "-l", str(calls), "-m", str(calls), pbx],
            )
            try:
                async with asyncio.timeout(seconds + _AFTER_S):
                    await calling.communicate()
            except TimeoutError:
                pass  # what is missing then is counted below
            finally:
                await _stop(calling)
        finally:
            await _stop(answering)
        pressed, again = _first((folder / "caller.log").read_text(errors="replace"), "sent", "INFO")
        came, twice = _first((folder / "agency.log").read_text(errors="replace"), "received", "INVITE")
    delays = tuple(came[n] - pressed[n] for n in sorted(pressed) if n in came)
    return Round(calls, delays, calls - len(delays), again + twice)


def _first(log: str, way: str, method: str) -> tuple[Times, int]:
    """Return the time of each number's first such message, and how many were repetitions."""
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


def _agency_scenario() -> str:
    return render("uas_ring_forever.xml", {})


def _caller_scenario(prefix: str, digit: str) -> str:
    """The tests' scenario, with a number for each call and a digit that does not come at a fixed beat."""
    text = render("uac_info_digit.xml", {"digit": digit, "digit_after_ms": 0, "talk_ms": TALK_MS})
    fixed = '<pause milliseconds="0"/>'
    if text.count(fixed) != 1 or "[from_user]" not in text:
        raise ValueError("the scenario uac_info_digit.xml is not the one that this benchmark knows")
    spread = f'<pause distribution="uniform" min="{DIGIT_FROM_MS}" max="{DIGIT_TO_MS}"/>'
    return text.replace(fixed, spread).replace("[from_user]", f"{prefix}[call_number]").replace("[from_name]", "")


async def _start(
    sipp: Sequence[str], folder: Path, name: str, scenario: str, address: tuple[str, int], arguments: Sequence[str]
) -> Process:
    script = folder / f"{name}.xml"
    script.write_text(scenario, encoding="utf-8")
    host, port = address
    command = [*sipp, "-sf", str(script), "-i", host, "-mi", host, "-nostdin"]
    command += ["-p", str(port)] if port else []
    command += ["-trace_msg", "-message_file", str(folder / f"{name}.log")]
    return await asyncio.create_subprocess_exec(
        *command, *arguments, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, cwd=folder
    )


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.communicate(), _STOP_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
