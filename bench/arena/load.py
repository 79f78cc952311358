"""The calls: SIPp as the citizens and as the agency, on a core of its own, with delays that a seed tells."""

from __future__ import annotations

import random
import re
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import stream
from bench.arena import sounds
from bench.arena.calls import Call, Seen
from bench.arena.pinned import pin
from bench.opponents.model import Hall
from bench.stream import DIGIT_FROM_MS, DIGIT_TO_MS, Address

TALKS: Final = "0813"
"""Callers whose numbers begin so are answered by the agency; for the others it rings."""
RINGS: Final = "0812"
RINGS_MS, TALKS_MS = stream.TALK_MS, 2_000
"""From the digit's 200 to the caller's BYE, where the agency rings, and where it answers."""
ANSWER_MS: Final = 200
GREETING_MS: Final = 200
"""Asterisk's Answer() waits up to 500 ms for the caller's first RTP: everybody speaks as long, where he does not
speak all the time."""
AFTER_S: Final = 6.0
"""Calls that have not ended so long after the last began are ended."""
MOST_AT_ONCE: Final = 5_000
_SETTING: Final = re.compile(r"@([a-z_]+)@")
_FIRST_RTP, _LAST_RTP = 20_000, 60_000
_HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Wave:
    """Calls that are made at a steady rate. prefix: of the callers' numbers, 7 digits, another for each wave.

    talks: each speaks all the time and is answered; otherwise the agency only rings
    """

    prefix: str
    rate: float
    calls: int
    seed: int
    talks: bool = False

    @property
    def name(self) -> str:
        """Return what its files are called."""
        return f"wave-{self.prefix}"

    @property
    def lasts_s(self) -> float:
        """From the first INVITE to the last."""
        return self.calls / self.rate


def callers(wave: Wave) -> str:
    """Return SIPp's -inf file: each call's number, and when it presses the digit (ms after the 200)."""
    chance = random.Random(wave.seed)  # noqa: S311 - spread, not a secret
    lines = [f"{wave.prefix}{n:05d};{chance.randint(DIGIT_FROM_MS, DIGIT_TO_MS)}" for n in range(wave.calls)]
    return "\n".join(["SEQUENTIAL", *lines, ""])


def scenario(name: str, settings: Mapping[str, object]) -> str:
    """Return a scenario of this folder with its settings. KeyError for one that is not given."""
    text = (_HERE / f"{name}.xml").read_text(encoding="utf-8")
    head, start, body = text.partition("<scenario")
    return head + start + _SETTING.sub(lambda match: str(settings[match[1]]), body)


@dataclass(frozen=True)
class Load:
    """SIPp, the folder of its files, and whom it plays. logs: it writes its messages (where nobody sees packets)."""

    sipp: tuple[str, ...]
    folder: Path
    hall: Hall
    logs: bool = False

    @asynccontextmanager
    async def agency(self) -> AsyncIterator[None]:
        """Run the agency, for all rounds: a PBX that asks it meanwhile finds it there."""
        settings = {"talks": TALKS, "answer_ms": ANSWER_MS, "sound": self._sound("agency", sounds.agency())}
        process = await self.start("agency", scenario("agency", settings), self.hall.agency, [])
        try:
            yield
        finally:
            await stream.stop(process)

    @asynccontextmanager
    async def wave(self, wave: Wave, pbx: str) -> AsyncIterator[stream.Stream]:
        """Begin these calls to `pbx` ("host:port"); the block waits for their end as long as it likes."""
        lines = self.folder / f"{wave.name}.csv"
        lines.write_text(callers(wave))
        begin = sounds.caller() if wave.talks else sounds.caller()[: sounds.RATE * GREETING_MS // 1000]
        settings = {
            "digit": self.hall.digit,
            "talk_ms": TALKS_MS if wave.talks else RINGS_MS,
            "sound": self._sound("talks" if wave.talks else "greets", begin),
            "times": -1 if wave.talks else 1,
        }
        process = await self.start(
            wave.name, scenario("caller", settings), (self.hall.carrier_host, 0), arguments(wave, lines, pbx)
        )
        try:
            yield stream.Stream(process)
        finally:
            await stream.stop(process)

    def log(self, name: str) -> Path:
        """Return where a SIPp of that name writes its messages."""
        return self.folder / f"{name}.log"

    def _sound(self, name: str, alaw: bytes) -> Path:
        file = self.folder / f"{name}.alaw"
        if not file.exists():
            file.write_bytes(alaw)
        return file

    async def start(self, name: str, text: str, address: Address, more: Sequence[str]) -> Process:
        """Start a SIPp on its core; port 0 takes a free one."""
        ports = ["-min_rtp_port", str(_FIRST_RTP), "-max_rtp_port", str(_LAST_RTP)]
        process = await stream.start(self.sipp, self.folder, name, text, address, [*ports, *more], log=self.logs)
        pin(process.pid)
        return process


def arguments(wave: Wave, lines: Path, target: str) -> list[str]:
    """Return SIPp's arguments for a wave: its rate, its number, and where to."""
    at_once = min(wave.calls, MOST_AT_ONCE)
    return [
        *("-s", "112", "-inf", str(lines), "-r", f"{wave.rate:g}"),
        *("-l", str(at_once), "-m", str(wave.calls), target),
    ]


def seen_in_logs(caller: str, agency: str, prefix: str) -> Seen:
    """Return what SIPp's own logs tell of the calls of one wave: less than packets do, and by SIPp's clock."""
    seen = Seen()
    invited, more = stream.first(caller, "sent", "INVITE")
    pressed, again = stream.first(caller, "sent", "INFO")
    reached, _ = stream.first(agency, "received", "INVITE")
    seen.again = more + again
    for number, at in invited.items():
        if number.startswith(prefix):
            seen.calls[number] = Call(at, pressed=pressed.get(number), reached=reached.get(number))
    return seen
