"""The worker: one process beside the service for what takes long (verify, explain, replay, big files).

It is started at the first job, ends after a time without one so that its memory does not stay, and is started anew
where it was killed. A process of our own on two pipes, and no pool: it ends when the service ends however that ends
(its input closes), and a job that nobody waits for any more, or that exceeds its deadline, is ended by killing it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import struct
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

import callrouter
from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError
from callrouter.routing.entries import Kind

log = structlog.get_logger(__name__)

IDLE_S: Final = 60.0
DEADLINE_S: Final = 120.0
"""Of one job. verify of the largest table that it does not call too complex takes some seconds."""
END_S: Final = 2.0
HEADER: Final = struct.Struct(">Q")
"""Before each message on both pipes: its length."""
PART: Final = 25
"""Values unpacked at once: an explanation of 1,000 routes as one would stop every call for 20 ms."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """A table as it comes from the worker, as canonical texts: the entries with their kinds, and the settings."""

    entries: tuple[tuple[Kind, str], ...]
    settings: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer of a job that raised."""

    error: Exception


class Jobs(Protocol):
    """Runs functions (those of callrouter.publishing.jobs, for one) somewhere else than on the loop."""

    async def run(self, job: str, *args: Any) -> Any:
        """Return what the function of that name returns; it raises what the function raises."""

    async def close(self) -> None:
        """End what was started for them."""


class WorkerDied(Exception):
    """The process ended in the middle of a job."""


class Worker:
    """Runs the functions of a module, one at a time, in another process.

    jobs:       the module; run as a program it gives its functions to `callrouter.publishing.jobs.serve`
    idle_s:     how long it stays without a job (s)
    deadline_s: how long a job may take (s)
    """

    def __init__(
        self, *, jobs: str = "callrouter.publishing.jobs", idle_s: float = IDLE_S, deadline_s: float = DEADLINE_S
    ) -> None:
        self._jobs = jobs
        self._idle_s = idle_s
        self._deadline_s = deadline_s
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._idle: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return None if self._process is None else self._process.pid

    async def run(self, job: str, *args: Any) -> Any:
        """Return what the function of that name returns; it raises what the function raises.

        Arguments and result go through pickle. Raises OperatorError where it takes too long, or dies twice.
        """
        async with self._turn:
            self._keep()
            try:
                return await self._twice(job, args)
            finally:
                if self._process is not None:
                    self._idle = asyncio.create_task(self._end_when_idle(), name="worker-idle")

    async def close(self) -> None:
        """End the process."""
        async with self._turn:
            self._keep()
            await self._end()

    async def _twice(self, job: str, args: tuple[Any, ...]) -> Any:
        message = pickle.dumps((job, args))
        for left in (1, 0):
            try:
                async with asyncio.timeout(self._deadline_s):
                    return await self._exchange(message)
            except WorkerDied:
                await self._end()
                log.warning("worker.died", job=job, again=bool(left))
            except TimeoutError:
                await self._end()
                raise _too_slow(job, self._deadline_s) from None
            except asyncio.CancelledError:
                await self._end()
                raise
        raise _killed(job)

    async def _exchange(self, message: bytes) -> Any:
        process = self._process or await self._start()
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(HEADER.pack(len(message)) + message)
            await process.stdin.drain()
            return await unpacked(process.stdout)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise WorkerDied(process.pid) from error

    async def _start(self) -> Process:
        # Secrets of the service are none of the worker's: it gets tables, and gives answers.
        environment = {
            name: value for name, value in os.environ.items() if not name.upper().startswith("CALLROUTER_")
        }
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, (str(Path(callrouter.__file__).parents[1]), environment.get("PYTHONPATH")))
        )
        words = (sys.executable, "-m", self._jobs)
        self._process = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=PIPE, env=environment)
        log.debug("worker.started", pid=self._process.pid)
        return self._process

    def _keep(self) -> None:
        """It is wanted: let it not end for idleness."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    async def _end_when_idle(self) -> None:
        await asyncio.sleep(self._idle_s)
        async with self._turn:
            self._idle = None
            await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None  # noqa: S101
        process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # A killed process ends at once; one that the system cannot end must not hold the service.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await process.wait()
        log.debug("worker.ended", pid=process.pid)


def packed(result: object) -> list[bytes]:
    """Return a result as the messages that carry it: the long tuples of a dataclass in parts of their own."""
    long: dict[str, tuple[Any, ...]] = {}
    if is_dataclass(result) and not isinstance(result, type):
        values = ((field.name, getattr(result, field.name)) for field in fields(result))
        long = {name: value for name, value in values if isinstance(value, tuple) and len(value) > PART}
        result = replace(result, **dict.fromkeys(long, ()))
    parts = [(name, value[n : n + PART]) for name, value in long.items() for n in range(0, len(value), PART)]
    return [pickle.dumps((result, len(parts))), *(pickle.dumps(part) for part in parts)]


async def unpacked(source: asyncio.StreamReader) -> Any:
    """Return what `packed` made, or raise it where it is an error; other tasks run between the parts.

    Raises asyncio.IncompleteReadError.
    """
    result, count = await _one(source)
    long: dict[str, list[Any]] = {}
    for _ in range(count):
        await asyncio.sleep(0)
        name, some = await _one(source)
        long.setdefault(name, []).extend(some)
    if isinstance(result, Failed):
        raise result.error
    return replace(result, **{name: tuple(values) for name, values in long.items()}) if long else result


async def _one(source: asyncio.StreamReader) -> Any:
    (size,) = HEADER.unpack(await source.readexactly(HEADER.size))
    return pickle.loads(await source.readexactly(size))  # noqa: S301 - from our own process, on its pipe


def _too_slow(job: str, seconds: float) -> OperatorError:
    return OperatorError(
        Bilingual(
            f"Pekerjaan {job!r} belum selesai setelah {seconds:g} detik dan dihentikan.",
            f"The job {job!r} was not done after {seconds:g} s, and was ended.",
        ),
        Bilingual(
            "Coba lagi saat mesin tidak sibuk; tabel yang sangat besar perlu dipecah.",
            "Try again when the machine is not busy; a very large table may have to be made smaller.",
        ),
    )


def _killed(job: str) -> OperatorError:
    return OperatorError(
        Bilingual(
            f"Proses untuk pekerjaan {job!r} dua kali dimatikan dari luar.",
            f"The process for the job {job!r} was killed twice from outside.",
        ),
        Bilingual(
            "Periksa memori mesin ini (log kernel menyebut proses yang dimatikannya), lalu coba lagi.",
            "Look at the memory of this machine (the kernel's log names what it killed), then try again.",
        ),
    )
