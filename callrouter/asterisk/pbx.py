"""Starting and stopping the Asterisk beside the service: an installed one, or one unpacked into a folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from callrouter.asterisk.render import AsteriskFiles
from callrouter.errors import OperatorError

OLDEST: Final = (22, 10)
START_S: Final = 30.0
STOP_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Asterisk:
    """An Asterisk that can be run: how it is called, what it brings, and its version."""

    command: tuple[str, ...]
    files: AsteriskFiles
    version: str


async def find(root: Path | None) -> Asterisk:
    """Return the Asterisk unpacked in `root`, or the system's own where `root` is None.

    Raises OperatorError where there is none, or where it is older than 22.10 (whose Dial has the no-progress
    time-out that a silent trunk needs).
    """
    command, files = _unpacked(root.resolve()) if root else _installed()
    version = await _version(command)
    found = re.search(r"(\d+)\.(\d+)", version)
    if not found or (int(found[1]), int(found[2])) < OLDEST:
        raise OperatorError(
            f"Asterisk is {version or 'of unknown version'}; callrouter needs 22.10 or newer.",
            "Install a newer one, or unset it and let `make demo` unpack one.",
        )
    return Asterisk(command, files, version)


def loader_command(root: Path, program: str) -> tuple[str, ...]:
    """Return the words that run `program` (a path inside `root`) with the libraries of `root` itself."""
    loaders = sorted(root.glob("usr/lib*/ld-linux*.so.*")) + sorted(root.glob("usr/lib/*/ld-linux*.so.*"))
    libraries = [p for p in sorted(root.glob("usr/lib/*-linux-gnu*")) if p.is_dir()]
    if not loaders or not libraries:
        raise OperatorError(f"{root} holds no unpacked Asterisk.", "Remove it and run `make demo` again.")
    return (str(loaders[0]), "--library-path", ":".join(map(str, libraries)), str(root / program))


def _unpacked(root: Path) -> tuple[tuple[str, ...], AsteriskFiles]:
    command = loader_command(root, "usr/sbin/asterisk")
    modules = sorted(root.glob("usr/lib/*/asterisk/modules"))
    if not modules or not Path(command[-1]).exists():
        raise OperatorError(f"{root} holds no whole Asterisk.", "Remove it and run `make demo` again.")
    return command, AsteriskFiles(modules[0], root / "usr/share/asterisk/documentation")


def _installed() -> tuple[tuple[str, ...], AsteriskFiles]:
    program = shutil.which("asterisk", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program is None:
        raise OperatorError(
            "There is no Asterisk on this machine.", "Set CALLROUTER_PBX_ROOT to an unpacked one, or install it."
        )
    for modules in (*sorted(Path("/usr/lib").glob("*/asterisk/modules")), Path("/usr/lib/asterisk/modules")):
        if modules.is_dir():
            return (program,), AsteriskFiles(modules, Path("/usr/share/asterisk/documentation"))
    raise OperatorError(
        f"The modules of {program} were not found.", "Reinstall Asterisk, or set CALLROUTER_PBX_ROOT."
    )


async def _version(command: tuple[str, ...]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, "-V", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(10):
        out, _ = await process.communicate()
    return out.decode(errors="replace").removeprefix("Asterisk ").strip()


class Pbx:
    """One running Asterisk with the configuration in `folder` (``callrouter.asterisk.render``)."""

    def __init__(self, asterisk: Asterisk, folder: Path, timezone: str | None = None) -> None:
        self._asterisk = asterisk
        self._folder = folder
        self._timezone = timezone
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start it and wait until it is fully booted.

        Raises OperatorError with the lines it complained in, if it does not come up within 30 s or complains of
        its configuration at all: a PBX that starts with a WARNING runs something else than was written.
        """
        (self._folder / "log" / "messages.log").unlink(missing_ok=True)
        environment = dict(os.environ) | ({"TZ": self._timezone} if self._timezone else {})
        with (self._folder / "log" / "console.log").open("wb") as console:
            self._process = await asyncio.create_subprocess_exec(
                *self._asterisk.command,
                *("-f", "-C", str(self._folder / "etc" / "asterisk.conf")),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(START_S):
                while "fully booted" not in await self.rx("core waitfullybooted"):
                    if self._process.returncode is not None:
                        raise TimeoutError
                    await asyncio.sleep(0.1)
        except TimeoutError:
            lines = self.complaints() or self._console()
            await self.stop()
            raise OperatorError(
                f"Asterisk did not start: {' | '.join(lines[-5:])}",
                f"See {self._folder / 'log'}; a port in use is the common cause.",
            ) from None
        if lines := self.complaints():
            await self.stop()
            raise OperatorError(f"Asterisk complained at start: {' | '.join(lines[:5])}", "Correct what it names.")

    async def rx(self, command: str) -> str:
        """Run one command of the PBX's own console and return what it printed (empty if it cannot be reached)."""
        process = await asyncio.create_subprocess_exec(
            *self._asterisk.command,
            *("-C", str(self._folder / "etc" / "asterisk.conf"), "-rx", command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(START_S):
                out, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return ""
        return out.decode(errors="replace")

    def complaints(self) -> list[str]:
        """Return the WARNING and ERROR lines of the PBX's log so far."""
        log = self._folder / "log" / "messages.log"
        if not log.exists():
            return []
        lines = log.read_text(errors="replace").splitlines()
        return [line for line in lines if re.search(r"\] (WARNING|ERROR)\[", line)]

    def _console(self) -> list[str]:
        return (self._folder / "log" / "console.log").read_text(errors="replace").splitlines()

    async def stop(self) -> None:
        """Stop it; after 10 s, kill it."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        await self.rx("core stop now")
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal (fault tests)."""
        if self.pid is not None:
            os.kill(self.pid, number)
