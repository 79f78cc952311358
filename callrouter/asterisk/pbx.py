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

from callrouter.asterisk.astdb import set_aside_if_broken
from callrouter.asterisk.render import AsteriskFiles
from callrouter.bilingual import Bilingual, reason
from callrouter.environment import PREFIX
from callrouter.errors import OperatorError

OLDEST: Final = (22, 10)
VERSION_S: Final = 10.0
START_S: Final = 30.0
STOP_S: Final = 10.0
_MEANT_FOR_NOBODY: Final = "registered during operation"
"""pjproject says so of its own modules where a trunk is asked or registered at while the PBX still starts."""


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
    command = loader_command(root.resolve(), "usr/sbin/asterisk") if root else (_installed(),)
    version = await _version(command)
    found = re.search(r"(\d+)\.(\d+)", version)
    if not found or (int(found[1]), int(found[2])) < OLDEST:
        said = Bilingual(version or "versi tak dikenal", version or "of unknown version")
        raise OperatorError(
            Bilingual(
                f"Asterisk {command[-1]}: {said.id}; callrouter memerlukan 22.10 atau lebih baru.",
                f"Asterisk {command[-1]} is {said.en}; callrouter needs 22.10 or newer.",
            ),
            _ANOTHER,
        )
    return Asterisk(command, _unpacked_files(root.resolve()) if root else _installed_files(command[0]), version)


_ANOTHER: Final = Bilingual(
    "Pasang Asterisk 22.10 atau lebih baru, atau atur CALLROUTER_PBX_ROOT ke folder hasil `make demo` (.pbx).",
    "Install Asterisk 22.10 or newer, or set CALLROUTER_PBX_ROOT to the folder that `make demo` unpacks (.pbx).",
)


def loader_command(root: Path, program: str) -> tuple[str, ...]:
    """Return the words that run `program` (a path inside `root`) with the libraries of `root` itself."""
    loaders = sorted(root.glob("usr/lib*/ld-linux*.so.*")) + sorted(root.glob("usr/lib/*/ld-linux*.so.*"))
    libraries = [p for p in sorted(root.glob("usr/lib/*-linux-gnu*")) if p.is_dir()]
    if not loaders or not libraries or not (root / program).exists():
        raise _not_whole(root)
    return (str(loaders[0]), "--library-path", ":".join(map(str, libraries)), str(root / program))


def _unpacked_files(root: Path) -> AsteriskFiles:
    modules = sorted(root.glob("usr/lib/*/asterisk/modules"))
    if not modules:
        raise _not_whole(root)
    return AsteriskFiles(modules[0], root / "usr/share/asterisk/documentation")


def _not_whole(root: Path) -> OperatorError:
    return OperatorError(
        Bilingual(
            f"Tidak ada Asterisk yang utuh di {root} (CALLROUTER_PBX_ROOT).",
            f"There is no whole Asterisk in {root} (CALLROUTER_PBX_ROOT).",
        ),
        Bilingual(
            "Perbaiki setelan itu; atau, jika folder itu dibuat oleh `make demo`, hapus folder itu dan jalankan "
            "`make demo` lagi.",
            "Correct the setting; or, where `make demo` made the folder, remove it and run `make demo` again.",
        ),
    )


def _installed() -> str:
    program = shutil.which("asterisk", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program is None:
        raise OperatorError(
            Bilingual("Tidak ada Asterisk di mesin ini.", "There is no Asterisk on this machine."), _ANOTHER
        )
    return program


def _installed_files(program: str) -> AsteriskFiles:
    for modules in (*sorted(Path("/usr/lib").glob("*/asterisk/modules")), Path("/usr/lib/asterisk/modules")):
        if modules.is_dir():
            return AsteriskFiles(modules, Path("/usr/share/asterisk/documentation"))
    raise OperatorError(
        Bilingual(
            f"Modul Asterisk {program} tidak ditemukan di /usr/lib.",
            f"The modules of Asterisk {program} were not found in /usr/lib.",
        ),
        Bilingual(
            "Pasang ulang Asterisk, atau atur CALLROUTER_PBX_ROOT.", "Reinstall Asterisk, or set CALLROUTER_PBX_ROOT."
        ),
    )


async def _version(command: tuple[str, ...]) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, "-V", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError as error:
        why = reason(error)
        raise OperatorError(
            Bilingual(
                f"Asterisk {command[-1]} tidak dapat dijalankan: {why.id}.",
                f"Asterisk {command[-1]} cannot be run: {why.en}.",
            ),
            _ANOTHER,
        ) from None
    try:
        async with asyncio.timeout(VERSION_S):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise OperatorError(
            Bilingual(
                f"Asterisk {command[-1]} tidak menyebut versinya dalam {VERSION_S:.0f} detik.",
                f"Asterisk {command[-1]} did not tell its version within {VERSION_S:.0f} s.",
            ),
            _ANOTHER,
        ) from None
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
        try:
            self._process = await self._launched()
        except OSError as error:
            what, why = error.filename or self._asterisk.command[-1], reason(error)
            raise OperatorError(
                Bilingual(
                    f"Asterisk tidak dapat dijalankan: {what}: {why.id}.",
                    f"Asterisk cannot be run: {what}: {why.en}.",
                ),
                _ANOTHER,
            ) from None
        try:
            async with asyncio.timeout(START_S):
                while "fully booted" not in await self.rx("core waitfullybooted"):
                    if self._process.returncode is not None:
                        raise TimeoutError
                    await asyncio.sleep(0.1)
        except TimeoutError:
            lines = " | ".join((self.complaints() or self._console())[-5:])
            await self.stop()
            raise OperatorError(
                Bilingual(f"Asterisk gagal mulai: {lines}", f"Asterisk did not start: {lines}"),
                Bilingual(
                    f"Lihat {self._folder / 'log'}; sebab yang umum ialah port yang sedang dipakai.",
                    f"See {self._folder / 'log'}; a port in use is the common cause.",
                ),
            ) from None
        except BaseException:
            await self.stop()
            raise
        if complaints := self.complaints():
            await self.stop()
            lines = " | ".join(complaints[:5])
            raise OperatorError(
                Bilingual(f"Asterisk mengeluh saat mulai: {lines}", f"Asterisk complained at start: {lines}"),
                Bilingual("Perbaiki hal yang disebutnya.", "Correct what it names."),
            )

    async def _launched(self) -> asyncio.subprocess.Process:
        await asyncio.to_thread(set_aside_if_broken, self._folder)
        (self._folder / "log" / "messages.log").unlink(missing_ok=True)
        with (self._folder / "log" / "console.log").open("wb") as console:
            return await asyncio.create_subprocess_exec(
                *self._asterisk.command,
                *("-f", "-C", str(self._folder / "etc" / "asterisk.conf")),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=asyncio.subprocess.STDOUT,
                env=_environment() | ({"TZ": self._timezone} if self._timezone else {}),
                start_new_session=True,
            )

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
        """Return the WARNING and ERROR lines of the PBX's log so far, but for those that mean nothing."""
        log = self._folder / "log" / "messages.log"
        if not log.exists():
            return []
        lines = log.read_text(errors="replace").splitlines()
        return [line for line in lines if re.search(r"\] (WARNING|ERROR)\[", line) and _MEANT_FOR_NOBODY not in line]

    def _console(self) -> list[str]:
        return (self._folder / "log" / "console.log").read_text(errors="replace").splitlines()

    async def stop(self) -> None:
        """Stop it; after 10 s, kill it."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        if (self._folder / "run" / "asterisk.ctl").exists():
            await self.rx("core stop now")
        else:  # it has not come so far that it takes commands
            process.terminate()
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


def _environment() -> dict[str, str]:
    """Return ours without our settings: one of them may hold a password, and AMI reads the PBX's environment."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
