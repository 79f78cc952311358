"""One who listens to the stream of events, and what of the calls reached him, how late."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from bench.live.words import Step
from demo.centre import Centre

LIMIT: Final = 1 << 20
OVERTAKEN_S: Final = 1.0
"""From the sending of an event: a later step that is heard within it takes its place; what comes after tells nothing
of this one."""
_STAGES: Final = {"opened": Step.OPENED, "menu": Step.MENU, "agency": Step.RINGS, "talking": Step.TALKING}
Sent = tuple[str, int, float]
"""A call, the step that it came to, and when that was told (s since 1970 UTC)."""


@dataclass
class Heard:
    """Everything so far. steps: by call, what was heard of it, and when; numbers: the call of each caller's number.

    events: how many came; why: why no more comes, empty while it goes on
    """

    steps: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    events: int = 0
    why: str = ""

    def take(self, said: Mapping[str, Any], at: float) -> None:
        """Take one event of a call."""
        self.events += 1
        row = said["value"]
        self.steps.setdefault(said["key"], []).append((step_of(row), at))
        if row is not None and row["number"]:
            self.numbers[row["number"]] = said["key"]


@dataclass(frozen=True)
class Lateness:
    """seen: such as were heard as they are; overtaken: of which only a later one was heard, within OVERTAKEN_S; lost.

    late_s: of those that were heard in one way or the other
    """

    seen: int
    overtaken: int
    lost: int
    late_s: list[float]


def step_of(row: Mapping[str, Any] | None) -> Step:
    """Return the step that a row of the board shows; None: the call is gone."""
    return Step.GONE if row is None else _STAGES[row["stage"]]


def lateness(sent: Iterable[Sent], heard: Mapping[str, Sequence[tuple[int, float]]]) -> Lateness:
    """Return how late each was heard: the first that shows it, or soon enough shows more."""
    seen = overtaken = lost = 0
    late: list[float] = []
    for call, step, at in sent:
        found = next(((what, when) for what, when in heard.get(call, ()) if what >= step), None)
        if found is None or (found[0] > step and found[1] - at > OVERTAKEN_S):
            lost += 1
            continue
        late.append(found[1] - at)
        seen, overtaken = seen + (found[0] == step), overtaken + (found[0] > step)
    return Lateness(seen, overtaken, lost, late)


@asynccontextmanager
async def listening(centre: Centre) -> AsyncIterator[Heard]:
    """Listen to the calls of a centre, as this machine's admin, until the context is left."""
    host, port = "127.0.0.1", centre.settings.api_port
    token = centre.settings.cli_token_file.read_text()
    reader, writer = await asyncio.open_connection(host, port, limit=LIMIT)
    heard, begun = Heard(), asyncio.Event()
    writer.write(
        f"GET /api/v1/events?kinds=call HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    task = asyncio.create_task(_hear(reader, heard, begun))
    try:
        await asyncio.wait_for(begun.wait(), 10)
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        writer.close()


async def _hear(reader: asyncio.StreamReader, heard: Heard, begun: asyncio.Event) -> None:
    try:
        while line := await reader.readline():
            if line.startswith(b"event: reset"):
                if begun.is_set():
                    heard.why = "the service told it to fetch everything anew"
                begun.set()
            elif line.startswith(b'data: {"kind":"call"'):
                heard.take(json.loads(line[6:]), time.time())
        heard.why = heard.why or "the stream has ended"
    except (OSError, ValueError) as error:
        heard.why = str(error) or type(error).__name__
