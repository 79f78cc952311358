"""A program beside a PBX that answers for it: started, waited for, ended."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from bench.stream import stop

READY: Final = "ready"
"""What it says on its standard output once it takes calls."""
_READY_S: Final = 30.0
_TAIL: Final = 2_000


@asynccontextmanager
async def program(script: Path, given: Mapping[str, Any], folder: Path) -> AsyncIterator[int]:
    """Run a script of Python's that reads `given` from the file that it is told of; yield its process id once it is
    ready. RuntimeError, with its last lines, where it does not become so.
    """
    file, log = folder / f"{script.stem}.json", folder / f"{script.stem}.log"
    file.write_text(json.dumps(given))
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(script), str(file), stdin=DEVNULL, stdout=PIPE, stderr=said
        )
    try:
        if not await _becomes_ready(process):
            raise RuntimeError(f"{script.name} did not begin:\n{log.read_text(errors='replace')[-_TAIL:]}")
        yield process.pid
    finally:
        await stop(process)


async def _becomes_ready(process: Process) -> bool:
    if process.stdout is None:
        return False
    with suppress(TimeoutError):
        return (await asyncio.wait_for(process.stdout.readline(), _READY_S)).decode().strip() == READY
    return False
