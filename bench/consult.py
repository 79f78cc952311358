"""Asks the service as the PBX does for each call, at a steady rate, and tells how long each answer took.

A process of its own, so that its clock is not held by whoever gives the service work meanwhile:
``python -m bench.consult`` takes one JSON line (host, port, secret, rate, trunk, node), prints a JSON line for each
question, and ends when its input does.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from callrouter.asterisk import variables as v
from demo.centre import Centre
from demo.softphone import NET_S

NUMBER: Final = "0811"
WITHIN_S: Final = 5.0
_STOP_S: Final = WITHIN_S + 1


@dataclass
class Answers:
    """Every question so far: when it began (s since 1970 UTC), and how long (s) until all plans were there."""

    times: list[tuple[float, float]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def between(self, begin: float, end: float) -> list[float]:
        """Return how long those took that began within that time."""
        return [took for at, took in self.times if begin <= at <= end]


@asynccontextmanager
async def consulting(centre: Centre, rate: float, trunk: str) -> AsyncIterator[Answers]:
    """Ask `rate` times a second until the context is left. RuntimeError where nothing is answered at first."""
    settings = centre.settings
    order = {
        "host": settings.agi_host,
        "port": settings.agi_port,
        "secret": centre.keys.agi,
        "rate": rate,
        "trunk": trunk,
        "node": settings.node,
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.consult", stdin=PIPE, stdout=PIPE)
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the pipes are not there")
    answers = Answers()
    reading = asyncio.create_task(_read(process.stdout, answers))
    try:
        process.stdin.write(json.dumps(order).encode() + b"\n")
        await process.stdin.drain()
        await _first(answers)
        yield answers
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_S):
                await reading
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _first(answers: Answers) -> None:
    """Wait for the first answer: a busy machine may take its time to start a process."""
    try:
        async with asyncio.timeout(NET_S):
            while not answers.times and not answers.failed:
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise RuntimeError("whoever asks as the PBX does has not begun") from None


async def _read(said_by: asyncio.StreamReader, answers: Answers) -> None:
    async for line in said_by:
        said: dict[str, Any] = json.loads(line)
        if said["why"]:
            answers.failed.append(said["why"])
        else:
            answers.times.append((said["at"], said["took"]))


async def ask(order: dict[str, Any], n: int) -> None:
    """Ask once, as the PBX does, and print how long it took until the service said its last word."""
    at, begun, why = time.time(), time.perf_counter(), ""
    try:
        async with asyncio.timeout(WITHIN_S):
            await _session(order, n)
    except (OSError, EOFError, TimeoutError) as error:
        why = str(error) or type(error).__name__
    print(json.dumps({"at": at, "took": time.perf_counter() - begun, "why": why}), flush=True)


async def _session(order: dict[str, Any], n: int) -> None:
    reader, writer = await asyncio.open_connection(order["host"], order["port"])
    try:
        writer.write(_environment(order, n).encode())
        while line := await reader.readline():
            writer.write(b"200 result=1\n")
            if v.READY.encode() in line:
                return
        raise EOFError("the service closed the session before its last word")
    finally:
        writer.close()


def _environment(order: dict[str, Any], n: int) -> str:
    now = time.time()
    opened = f"{int(now)}_{int(now) % 60:02d}.{int(now % 1 * 1e6):06d}"
    name = f"PJSIP/trunk-{order['trunk']}-{n:08x}"
    arguments = [order["secret"], str(uuid4()), opened, order["node"], "citizen", order["trunk"]]
    arguments += [_encoded(f"{NUMBER}{n:06d}"), _encoded("")]
    pairs = [("network", "yes"), ("network_script", "incoming"), ("channel", name), ("uniqueid", f"{int(now)}.{n}")]
    pairs += [(f"arg_{i}", text) for i, text in enumerate(arguments, 1)]
    return "".join(f"agi_{key}: {text}\n" for key, text in pairs) + "\n"


def _encoded(text: str) -> str:
    return base64.b64encode(f".{text}".encode()).decode()


async def _main() -> None:
    loop = asyncio.get_running_loop()
    order = json.loads(sys.stdin.readline())
    over = loop.run_in_executor(None, sys.stdin.read)
    asked: set[asyncio.Task[None]] = set()
    due, n = loop.time(), 0
    while not over.done():
        task = asyncio.create_task(ask(order, n))
        asked.add(task)
        task.add_done_callback(asked.discard)
        n += 1
        due += 1 / order["rate"]
        await asyncio.sleep(max(0.0, due - loop.time()))
    if asked:
        await asyncio.wait(asked)


if __name__ == "__main__":
    asyncio.run(_main())
