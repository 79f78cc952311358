"""The load generator has a core of its own choice: it is the same for every opponent, whatever else runs."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def core() -> int:
    """Return the last core that this process may use."""
    return max(os.sched_getaffinity(0))


def pin(pid: int) -> None:
    """Hold a process, and every thread that it has or will begin, on that core; nothing if it has ended."""
    with suppress(ProcessLookupError, FileNotFoundError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), {core()})
