"""Runs SIPp with one of our scenarios: what no decent telephone does, refusals, and many calls at once.

Every scenario tells its settings (numbers put into it as `@name@`) and keys (texts put into messages byte for byte)
in its first comment. SIPp plays RTP through a raw socket: `uac_digit.xml` needs CAP_NET_RAW, see
raw_sockets_allowed(); `uac_info_digit.xml` does not.
"""

import asyncio
import csv
import os
import re
import socket
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SCENARIOS: Final = Path(__file__).with_name("sipp")
_SETTING: Final = re.compile(r"@([a-z_]+)@")
_DEFAULTS: Final[Mapping[str, object]] = {
    "digit_after_ms": 300,
    "digit": "1",
    "talk_ms": 2000,
    "cancel_after_ms": 200,
    "answer_after_ms": 0,
    "silent_ms": 30_000,
}
_KEYS: Final[Mapping[str, str | bytes]] = {
    "from_name": '"Budi" ',
    "from_user": "081234567890",
    "contact": "sip:302@127.0.0.1",
}
_STOP_S: Final = 15.0


@dataclass(frozen=True)
class SippResult:
    """How it went: numbers of calls, times from INVITE to the scenario's answer (s, one per call), SIPp's errors."""

    exit_code: int
    successful: int
    failed: int
    response_s: tuple[float, ...]
    errors: str

    @property
    def ok(self) -> bool:
        """Every call went as the scenario says."""
        return self.exit_code == 0 and self.failed == 0


class SippError(Exception):
    """SIPp did not start, or did not end in time."""


def raw_sockets_allowed() -> bool:
    """True if this user may play RTP from a capture with SIPp."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP).close()
    except OSError:
        return False
    return True


def render(scenario: str, settings: Mapping[str, object]) -> str:
    """The scenario's text with its settings. KeyError for a setting that is not given and has no default."""
    known = {**_DEFAULTS, **settings}
    return _SETTING.sub(lambda match: str(known[match[1]]), (SCENARIOS / scenario).read_text(encoding="utf-8"))


async def sipp(
    scenario: str,
    target: str,
    local_ip: str,
    *,
    keys: Mapping[str, str | bytes] | None = None,
    settings: Mapping[str, object] | None = None,
    number: str = "112",
    calls: int = 1,
    rate: float = 10,
    prefix: Sequence[str] = ("sipp",),
    within: float = 60,
) -> SippResult:
    """Makes `calls` calls at `rate` per second to target ("127.0.0.1:5060") and waits for the last to end.

    prefix is the command that starts sipp, with a loader before it where one is needed. SippError after `within` s.
    """
    arguments = ["-s", number, "-r", f"{rate:g}", "-l", str(max(calls, 1)), target]
    with tempfile.TemporaryDirectory(prefix="sipp-") as folder:
        process = await _start(
            Path(folder), scenario, local_ip, 0, calls, arguments, keys or {}, settings or {}, prefix
        )
        try:
            return await _finish(process, Path(folder), within)
        finally:
            await _stop(process)


@dataclass
class SippServer:
    """A SIPp that answers. result is there after the context manager has ended."""

    host: str
    port: int
    process: Process
    result: SippResult | None = None

    @property
    def uri_host(self) -> str:
        """host:port, as a PBX's contact or a dial string wants it."""
        return f"{self.host}:{self.port}"


@asynccontextmanager
async def sipp_server(
    scenario: str,
    local_ip: str,
    port: int,
    *,
    keys: Mapping[str, str | bytes] | None = None,
    settings: Mapping[str, object] | None = None,
    prefix: Sequence[str] = ("sipp",),
    within: float = 30,
) -> AsyncIterator[SippServer]:
    """An agency that refuses, rings for ever or keeps silent, at local_ip:port, until the block is left."""
    with tempfile.TemporaryDirectory(prefix="sipp-") as folder:
        process = await _start(Path(folder), scenario, local_ip, port, 0, [], keys or {}, settings or {}, prefix)
        server = SippServer(local_ip, port, process)
        try:
            await until_bound(process, local_ip, port, within)
            yield server
        finally:
            await _stop(process)
            server.result = _result(Path(folder), process.returncode or 0)


async def _start(
    folder: Path,
    scenario: str,
    local_ip: str,
    port: int,
    calls: int,
    arguments: Sequence[str],
    keys: Mapping[str, str | bytes],
    settings: Mapping[str, object],
    prefix: Sequence[str],
) -> Process:
    script = folder / "scenario.xml"
    script.write_text(render(scenario, settings), encoding="utf-8")
    command: list[str | bytes] = [*prefix, "-sf", str(script), "-i", local_ip, "-mi", local_ip, "-nostdin"]
    command += ["-p", str(port or _free_port(local_ip)), "-ci", local_ip, "-cp", str(_free_port(local_ip))]
    command += ["-trace_err", "-error_file", str(folder / "errors")]
    command += ["-trace_stat", "-stf", str(folder / "stat.csv"), "-fd", "1"]
    command += ["-trace_rtt", "-rtt_freq", "1"]
    if calls:
        command += ["-m", str(calls)]
    for name, value in {**_KEYS, **keys}.items():
        command += ["-key", name, value]
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            *arguments,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            cwd=folder,
            env={**os.environ, "TERM": "dumb"},
        )
    except OSError as error:
        raise SippError(f"cannot start {prefix[-1]}: {error}") from error


async def _finish(process: Process, folder: Path, within: float) -> SippResult:
    try:
        _, stderr = await asyncio.wait_for(process.communicate(), within)
    except TimeoutError:
        raise SippError(f"SIPp did not end within {within:g} s: {_result(folder, -1)}") from None
    result = _result(folder, process.returncode or 0)
    if result.exit_code not in (0, 1):
        raise SippError(
            f"SIPp ended with {result.exit_code}: {stderr.decode(errors='replace').strip()} {result.errors}"
        )
    return result


async def _stop(process: Process) -> None:
    """SIGTERM lets it write its figures; if that does not help it is killed."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.communicate(), _STOP_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


async def until_bound(process: Process, host: str, port: int, within: float = 30) -> None:
    """Wait until the address is taken: by SIPp, for nobody else was there. SippError after `within` s."""
    deadline = asyncio.get_running_loop().time() + within
    while asyncio.get_running_loop().time() < deadline and process.returncode is None:
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind((host, port))
        except OSError:
            return
        await asyncio.sleep(0.02)
    raise SippError(f"SIPp does not listen at {host}:{port}")


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _result(folder: Path, exit_code: int) -> SippResult:
    successful = failed = 0
    stat = folder / "stat.csv"
    if stat.is_file():
        rows = list(csv.DictReader(stat.read_text(encoding="utf-8").splitlines(), delimiter=";"))
        if rows:
            successful, failed = int(rows[-1]["SuccessfulCall(C)"]), int(rows[-1]["FailedCall(C)"])
    times: list[float] = []
    for path in folder.glob("*rtt*.csv"):
        rows_of_times = csv.reader(path.read_text(encoding="utf-8").splitlines()[1:], delimiter=";")
        times += [float(row[1]) / 1000 for row in rows_of_times if len(row) >= 2]
    errors = folder / "errors"
    text = errors.read_text(encoding="utf-8", errors="replace") if errors.is_file() else ""
    return SippResult(exit_code, successful, failed, tuple(times), text)
