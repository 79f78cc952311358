"""What the PBX tells of calls, read by an AMI client of the tests' own: stages are entered by these events."""

from __future__ import annotations

import asyncio
import base64
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

AGAIN_S: Final = 0.2
_MOST_PER_NUMBER: Final = 400
_LINE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Seen:
    """One event of a caller's call. at: monotonic s; what: opened, menu, agency, operator, message, after (stages),
    choice, human, doorbell, dials, called, leaves; detail: whom it is about.
    """

    at: float
    what: str
    detail: str
    call: str


class Observer:
    """A connection that is made anew when the PBX goes away. `of` gives what was seen of a caller's number."""

    def __init__(self, host: str, port: int, user: str, secret: str) -> None:
        self._where = (host, port)
        self._login = f"Action: Login\r\nUsername: {user}\r\nSecret: {secret}\r\n\r\n".encode()
        self._of: dict[str, list[Seen]] = defaultdict(list)
        self._number: dict[str, str] = {}
        self._pulse = asyncio.Event()
        self._up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self, within: float = 10.0) -> None:
        """Connect, and go on in the background. Raises TimeoutError."""
        self._task = asyncio.create_task(self._run(), name="observer")
        await self.until_up(within)

    async def until_up(self, within: float) -> None:
        """Wait until it is logged in. Raises TimeoutError."""
        async with asyncio.timeout(within):
            await self._up.wait()

    async def close(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def of(self, number: str) -> Sequence[Seen]:
        """Return what was seen of the calls from this number, in order."""
        return tuple(self._of.get(number, ()))

    def times(self, number: str, what: str) -> int:
        """Return how often that was seen."""
        return sum(seen.what == what for seen in self._of.get(number, ()))

    async def until(self, number: str, test: Callable[[Seen], bool], within: float) -> Seen:
        """Return the first event of this number that is so. Raises TimeoutError that says what was seen instead."""
        deadline = time.monotonic() + within
        while True:
            for seen in self._of.get(number, ()):
                if test(seen):
                    return seen
            pulse = self._pulse
            try:
                await asyncio.wait_for(pulse.wait(), max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                told = ", ".join(f"{seen.what} {seen.detail}".strip() for seen in self._of.get(number, ()))
                raise TimeoutError(f"not within {within:g} s; of {number} was seen: {told or 'nothing'}") from None

    async def _run(self) -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._read()
            self._up.clear()
            await asyncio.sleep(AGAIN_S)

    async def _read(self) -> None:
        reader, writer = await asyncio.open_connection(*self._where, limit=_LINE)
        try:
            writer.write(self._login)
            await reader.readline()  # the banner
            while True:
                block = await reader.readuntil(b"\r\n\r\n")
                fields: dict[str, str] = {}
                for line in block.decode(errors="replace").splitlines():
                    name, _, value = line.partition(": ")
                    fields.setdefault(name, value)
                self._take(fields)
        finally:
            writer.transport.abort()

    def _take(self, fields: dict[str, str]) -> None:
        if fields.get("Response") == "Success":
            self._up.set()
            return
        found = _read_event(fields)
        link = fields.get("Linkedid", "")
        if fields.get("UserEvent") == "CRStage" and fields.get("Stage") == "opened":
            self._number[link] = _decoded(fields.get("Number", ""))
        number = self._number.get(link)
        if found is None or number is None or len(self._of[number]) >= _MOST_PER_NUMBER:
            return
        what, detail = found
        self._of[number].append(Seen(time.monotonic(), what, detail, fields.get("Call", "")))
        pulse, self._pulse = self._pulse, asyncio.Event()
        pulse.set()


def _read_event(fields: dict[str, str]) -> tuple[str, str] | None:
    event = fields.get("UserEvent") or fields.get("Event", "")
    if event == "HangupRequest" and fields.get("Uniqueid") != fields.get("Linkedid"):
        return None  # another's, not the caller's
    what, field = _EVENTS.get(event, ("", ""))
    if event == "CRStage":
        what = fields.get("Stage", "")
    return (what, fields.get(field, "")) if what else None


_EVENTS: Final = {
    "CRStage": ("stage", ""),
    "CRChoice": ("choice", "Choice"),
    "CRHuman": ("human", "By"),
    "CRDoorbell": ("doorbell", ""),
    "CRFailsafe": ("failsafe", ""),
    "DialBegin": ("dials", "DestChannel"),
    "AgentCalled": ("called", "Interface"),
    "HangupRequest": ("leaves", ""),
}


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode(errors="replace").removeprefix(".")
    except ValueError:
        return ""
