"""A program that is ended ends what it has started."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from demo.running import ENDED, run
from demo.softphone import NET_S

PROGRAM = """
import asyncio, pathlib, sys
from demo.running import run

async def main():
    try:
        print("begun", flush=True)
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.2)  # its end takes a while, in which the second signal comes
        pathlib.Path(sys.argv[1]).write_text("ended")

run(main())
"""


def test_sigterm_ends_it_by_way_of_what_it_does_at_its_end(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(mark)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)  # by make, and with the whole group
        assert process.wait(NET_S) == ENDED
    assert mark.read_text() == "ended"


def test_what_it_returns_and_raises_is_as_it_was() -> None:
    async def returns() -> int:
        return 7

    async def raises() -> None:
        raise OSError("no such file")

    assert run(returns()) == 7
    with pytest.raises(OSError, match="no such file"):
        run(raises())
