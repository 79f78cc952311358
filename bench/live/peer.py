"""Plays Asterisk for a service: its manager interface, its questions by FastAGI, its journal, and calls that stay.

A process of its own, so that its clock is not held by whoever gives the service work meanwhile: ``python -m
bench.live.peer`` takes one JSON line that says whom it plays (Order), then one for each command, answers each with a
JSON line, and ends when its input does. Commands: ``up`` (calls that come and stay), ``pass`` (calls that come and
go), ``end`` (all that are up hang up), ``cut`` (every link of the service's is cut), ``told`` (what was told so far).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from bench.live.manager import Manager
from bench.live.shown import Shown
from bench.live.words import Call, Step, encoded, stamp, variables_of
from callrouter.asterisk import variables as v

SEED: Final = 112
"""Of when callers press, and agencies answer."""
ANSWER_S: Final = 0.1
"""From the INVITE to the question."""
DIGIT_S: Final = (0.5, 0.9)
"""From the menu to the digit; spread, so that calls do not go in step."""
HUMAN_S: Final = (0.3, 0.5)
"""From the digit to the agency's human."""
PASSING_S: Final = 0.4
"""How long one talks who does not stay."""
AGI_S: Final = 5.0
LINE: Final = 1 << 26
"""Bytes of a line between this process and who started it."""


@dataclass(frozen=True)
class Order:
    """Whom to play. secrets: by AMI user; agi_secret: for FastAGI; journal: the folder."""

    ami: tuple[str, int]
    agi: tuple[str, int]
    secrets: dict[str, str]
    agi_secret: str
    node: str
    trunk: str
    digit: str
    journal: Path
    shown: Shown

    def as_json(self) -> str:
        """Return it on one line."""
        return json.dumps({**self.__dict__, "journal": str(self.journal)})

    @classmethod
    def read(cls, line: str) -> Order:
        """Return what `as_json` wrote."""
        told = json.loads(line)
        return cls(**{**told, "journal": Path(told["journal"]), "ami": tuple(told["ami"]), "agi": tuple(told["agi"])})


class Peer:
    """What runs in that process."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._numbers = count(1)
        self._chance = random.Random(SEED)  # noqa: S311 (when a caller presses is no secret)
        self._calls: dict[UUID, Call] = {}
        self._told: list[tuple[str, int, float]] = []
        self._events = 0
        self._unheard = 0
        self._failed: list[str] = []
        self._waits: list[float] = []
        self.manager = Manager(order.secrets, order.shown, self._calls.values)

    async def listen(self) -> None:
        """Take the service's logins. Raises OSError."""
        await self.manager.listen(*self._order.ami)

    async def do(self, command: dict[str, Any]) -> dict[str, Any]:
        """Run one command; return its answer."""
        match command["do"]:
            case "up":
                await self._paced(command, self._up)
            case "pass":
                await self._paced(command, self._pass)
            case "end":
                calls = iter(list(self._calls.values()))
                await self._paced({"calls": len(self._calls), **command}, partial(self._end_next, calls))
            case "cut":
                self.manager.cut()
            case "told":
                told, self._told = self._told, []
                return {"told": told}
            case other:
                raise ValueError(f"no such command: {other}")
        return self._account()

    def _account(self) -> dict[str, Any]:
        """Return how it stands: calls that are up; since the last time: waits for plans (s), and what went wrong."""
        said = {"up": len(self._calls), "events": self._events, "unheard": self._unheard, "waits": self._waits}
        said |= {"failed": self._failed, "refused": dict(self.manager.refused), "logins": dict(self.manager.logins)}
        self._waits, self._failed = [], []
        return said

    async def _paced(self, command: dict[str, Any], one: Callable[[], Awaitable[object]]) -> None:
        """Begin `calls` of these, `rate` a second, and wait until all have come to their end."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with asyncio.TaskGroup() as tasks:
            for n in range(command["calls"]):
                await asyncio.sleep(max(0.0, begun + n / command["rate"] - loop.time()))
                tasks.create_task(self._noted(one))

    async def _noted(self, one: Callable[[], Awaitable[object]]) -> None:
        try:
            await one()
        except (OSError, EOFError, TimeoutError, ValueError, KeyError) as error:
            self._failed.append(f"{type(error).__name__}: {error}")

    # ------------------------------------------------------------------ one call
    async def _up(self) -> Call:
        """Have one call come, choose, and talk; return it."""
        order = self._order
        call = Call(next(self._numbers), uuid4(), order.trunk, order.node, time.time())
        self._write(call.opened_line())
        self._calls[call.call] = call
        self._tell(call, Step.OPENED, partial(call.staged, "opened"))
        await asyncio.sleep(ANSWER_S)
        call.answered = time.time()
        try:
            await self._ask(call)
        except BaseException:
            del self._calls[call.call]  # it has no plan; that it never ends is found by the service
            raise
        self._tell(call, Step.MENU, partial(call.staged, "menu"))
        await asyncio.sleep(self._chance.uniform(*DIGIT_S))
        call.chosen = time.time()
        call.took(order.digit)
        self._tell(call, Step.RINGS, call.dials)
        await asyncio.sleep(self._chance.uniform(*HUMAN_S))
        self._tell(call, Step.TALKING, call.talks)
        return call

    async def _pass(self) -> None:
        call = await self._up()
        await asyncio.sleep(PASSING_S)
        self._end(call)

    async def _end_next(self, calls: Iterator[Call]) -> None:
        self._end(next(calls))

    def _end(self, call: Call) -> None:
        """Have its caller hang up."""
        self._send(call.hangs_up(time.time()), 2)
        self._write(call.ended_line(time.time()))
        self._tell(call, Step.GONE, call.doorbell)
        del self._calls[call.call]
        self._send(call.gone(time.time()), 2)

    def _tell(self, call: Call, step: Step, event: Callable[[float], bytes]) -> None:
        at = time.time()
        self._send(event(at), 1)
        self._told.append((str(call.call), step, at))

    def _send(self, events: bytes, number: int) -> None:
        self._events += number
        if not self.manager.tell(events):
            self._unheard += number

    def _write(self, line: bytes) -> None:
        file = self._order.journal / f"{self._order.node}-{str(int(time.time()))[:7]}.log"
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    async def _ask(self, call: Call) -> None:
        """Ask the service as AGI() does, until it says its last word. Raises OSError, EOFError, ValueError."""
        begun = time.perf_counter()
        async with asyncio.timeout(AGI_S):
            reader, writer = await asyncio.open_connection(*self._order.agi)
            try:
                writer.write(environment(call, self._order))
                while command := await reader.readline():
                    call.variables |= variables_of(command)
                    writer.write(b"200 result=1\n")
                    if v.READY in call.variables:
                        self._waits.append(time.perf_counter() - begun)
                        await reader.read()
                        return
            finally:
                writer.close()
        raise EOFError("the service closed the session before its last word")


def environment(call: Call, order: Order) -> bytes:
    """Return what Asterisk says at the begin of a session, with the arguments of AGI() in callrouter-112."""
    host, port = order.agi
    arguments = [order.agi_secret, str(call.call), stamp(call.opened), call.node, "citizen", call.trunk]
    arguments += [encoded(call.number), encoded(""), ""]
    said = {
        "network": "yes",
        "network_script": "incoming",
        "request": f"agi://{host}:{port}/incoming",
        "channel": call.channel,
        "language": "id",
        "type": "PJSIP",
        "uniqueid": call.uniqueid,
        "version": "22.10.1",
        "callerid": call.number,
        "calleridname": "unknown",
        "callingpres": "0",
        "callingani2": "0",
        "callington": "0",
        "callingtns": "0",
        "dnid": "112",
        "rdnis": "unknown",
        "context": "callrouter-112",
        "extension": "s",
        "priority": "49",
        "enhanced": "0.0",
        "accountcode": "",
        "threadid": "140000000000000",
        **{f"arg_{n}": text for n, text in enumerate(arguments, 1)},
    }
    return "".join(f"agi_{key}: {text}\n" for key, text in said.items()).encode() + b"\n"


async def _main() -> None:
    lines = asyncio.StreamReader(limit=LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    peer = Peer(Order.read((await lines.readline()).decode()))
    await peer.listen()
    _say({"ready": True})
    try:
        while command := await lines.readline():
            _say(await peer.do(json.loads(command)))
    finally:
        peer.manager.close()


def _say(said: object) -> None:
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
