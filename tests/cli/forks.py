"""`python -m callrouter …` in a process of its own that need not load callrouter: it is forked from one that has.

Loading it is a second of CPU, and most that a command does besides is a tenth of that. What is loaded before knows
nothing of the settings: whoever reads them while it is loaded (the command line has its language so) is not among it.
As a program this is the process that is forked from.
"""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import runpy
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

LOADED: Final = ("callrouter.app", "callrouter.doctor", "callrouter.management", "callrouter.up")
NOT_LOADED: Final = "callrouter.cli_common"
_LENGTH: Final = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Asked:
    """A command, its environment, and the files that take what it writes."""

    words: tuple[str, ...]
    environment: Mapping[str, str]
    out: str
    err: str


class Forks:
    """Runs commands, one at a time, until it is left."""

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            (sys.executable, "-m", "tests.cli.forks"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            env={name: value for name, value in os.environ.items() if not name.upper().startswith("CALLROUTER_")},
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def run(self, words: Sequence[str], environment: Mapping[str, str], folder: Path, within_s: float) -> int:
        """Return its exit code; what it wrote is in the files `out` and `err` of `folder`.

        Raises TimeoutError where it had to be ended after so many seconds.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = Asked(tuple(words), environment, str(folder / "out"), str(folder / "err"))
        with self._lock:
            _write(self._process.stdin, asked)
            pid: int = _read(self._process.stdout)
            late = threading.Event()
            end = threading.Timer(within_s, _end, (pid, late))
            end.start()
            try:
                code: int = _read(self._process.stdout)
            finally:
                end.cancel()
        if late.is_set():
            raise TimeoutError(f"{' '.join(words)}: not done after {within_s:g} s")
        return code


def _end(pid: int, late: threading.Event) -> None:
    late.set()
    os.kill(pid, signal.SIGKILL)


def _write(pipe: IO[bytes], value: object) -> None:
    packed = pickle.dumps(value)
    pipe.write(_LENGTH.pack(len(packed)) + packed)
    pipe.flush()


def _read(pipe: IO[bytes]) -> Any:
    (length,) = _LENGTH.unpack(pipe.read(_LENGTH.size))
    return pickle.loads(pipe.read(length))  # noqa: S301 - what this file wrote


def _serve() -> None:
    """Fork for each command that is asked for. A child leaves by running its command."""
    for module in LOADED:
        importlib.import_module(module)
    assert NOT_LOADED not in sys.modules
    gc.freeze()  # what is there is not looked through in each child, and so not copied
    asked_by, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    while asked_by.peek(1):
        asked = _read(asked_by)
        pid = os.fork()
        if pid == 0:
            asked_by.close()
            answers.close()
            _become(asked)
            runpy.run_module("callrouter", run_name="__main__", alter_sys=True)
            return
        _write(answers, pid)
        _write(answers, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _become(asked: Asked) -> None:
    for number, (name, flags) in enumerate(
        (
            (os.devnull, os.O_RDONLY),
            (asked.out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            (asked.err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        )
    ):
        opened = os.open(name, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(asked.environment)
    time.tzset()
    sys.argv = ["callrouter", *asked.words]


if __name__ == "__main__":
    _serve()
