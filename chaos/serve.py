"""Runs the service as it is, with one thing more: SIGUSR1 blocks its event loop for 10 s.

What it writes goes through a pipe, so that a limit on the size of its files (a full disk) does not stop its log.
"""

from __future__ import annotations

import os
import runpy
import select
import signal
import subprocess
import sys
from typing import Final

BLOCKED_S: Final = 10.0


def _block(_number: int, _frame: object) -> None:
    # time.sleep() raises under libfaketime, which does not know its kind of deadline.
    select.select([], [], [], BLOCKED_S)


def main() -> None:
    """Become ``callrouter serve``."""
    reading, writing = os.pipe()
    # It ends at the end of the pipe, which is that of this process, however that ends.
    subprocess.Popen(["cat"], stdin=reading, start_new_session=True)
    for standard in (1, 2):
        os.dup2(writing, standard)
    os.close(reading)
    os.close(writing)
    signal.signal(signal.SIGUSR1, _block)
    sys.argv = ["callrouter", "serve"]
    runpy.run_module("callrouter", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
