"""One wave of calls to one opponent: what happened to the calls, and what CPU it took until all was at rest again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.arena.alone import between, served_alone
from bench.arena.calls import Scene, Seen
from bench.arena.calls import seen as seen_in_packets
from bench.arena.capture import FLUSH_S, captured
from bench.arena.load import AFTER_S, Load, Wave, seen_in_logs
from bench.arena.packets import read
from bench.opponents.model import Running

WITHIN_S: Final = 1.0
"""An INVITE that reaches the agency so soon after the digit is in time."""
_REST_S, _REST_MOST_S = 0.5, 20.0
"""The longest is for who got more calls than he can take: what he still does then is not to be met by the next."""
_LOOKS, _LOOK_S = 20, 0.1
_AT_REST: Final = 0.08
"""Of one core: what parts that have nothing to do take at most."""


@dataclass(frozen=True)
class Round:
    """One wave, as it went.

    calls:  asked for
    cpu_s:  by part, from before the first call until all was at rest
    rtp:    RTP was looked at too
    alone:  calls that callrouter's PBX served without its service; None: it is another opponent
    rested: rest was reached after it
    fresh:  the round before, of whichever opponent, was at rest when it began
    """

    opponent: str
    rate: float
    calls: int
    seed: int
    seen: Seen
    cpu_s: Mapping[str, float]
    rtp: bool = False
    alone: int | None = None
    rested: bool = True
    fresh: bool = True

    @property
    def digit_to_invite_s(self) -> list[float]:
        """Of the calls whose INVITE came."""
        return self.seen.digit_to_invite_s

    @property
    def in_time(self) -> int:
        """Calls whose INVITE reached the agency within WITHIN_S of the digit.

        Which of them the PBX served alone is not known: each counts as one that would have been in time.
        """
        return max(0, sum(delay <= WITHIN_S for delay in self.digit_to_invite_s) - (self.alone or 0))

    @property
    def missing(self) -> int:
        """Calls whose INVITE never came."""
        return self.calls - len(self.digit_to_invite_s)


@dataclass(frozen=True)
class Eyes:
    """How calls are looked at: with tcpdump, or where it is None, by SIPp's logs."""

    tcpdump: tuple[str, ...] | None
    folder: Path


async def one_round(load: Load, eyes: Eyes, opponent: str, running: Running, wave: Wave, *, sound: bool) -> Round:
    """Make the wave's calls, wait for their end, and for rest. sound: RTP is looked at too."""
    packets = eyes.folder / f"{wave.name}.pcap"
    scene = Scene(load.hall.carrier_host, load.hall.agency, running.address.partition(":")[0], wave.prefix)
    agency_log = load.log("agency")
    logged = agency_log.stat().st_size if agency_log.exists() else 0
    alone, before = await served_alone(running), await cpu_of(running)
    async with AsyncExitStack() as stack:
        if eyes.tcpdump is not None:
            await stack.enter_async_context(captured(eyes.tcpdump, packets, scene, sound=sound))
        stream = await stack.enter_async_context(load.wave(wave, running.address))
        await stream.until_done(wave.lasts_s + AFTER_S)
        rested = await at_rest(running, ended=stream.process.returncode == 0)
        after = await cpu_of(running)
    alone = between(alone, await served_alone(running))
    seen = await asyncio.to_thread(_look, load, eyes, packets, wave, scene, logged)
    cpu = {part: after[part] - before[part] for part in after}
    rtp = sound and eyes.tcpdump is not None
    return Round(opponent, wave.rate, wave.calls, wave.seed, seen, cpu, rtp, alone, rested)


def _look(load: Load, eyes: Eyes, packets: Path, wave: Wave, scene: Scene, logged: int) -> Seen:
    """Return what happened. logged: how long the agency's log was before, which is that of all rounds."""
    if eyes.tcpdump is None:
        return seen_in_logs(_text(load.log(wave.name), 0), _text(load.log("agency"), logged), wave.prefix)
    try:
        return seen_in_packets(read(packets), scene)
    finally:
        packets.unlink(missing_ok=True)


def _text(file: Path, offset: int) -> str:
    if not file.exists():
        return ""
    with file.open("rb") as stream:
        stream.seek(offset)
        return stream.read().decode(errors="replace")


async def at_rest(running: Running, *, ended: bool = True) -> bool:
    """Wait until its parts have nothing to do: at least FLUSH_S, at most _REST_MOST_S; return whether they have.

    ended: all calls were; if not, they are hung up
    """
    if not ended and running.pbx is not None:
        await running.pbx("channel request hangup all")
    deadline = time.monotonic() + _REST_MOST_S
    await asyncio.sleep(FLUSH_S - _REST_S)
    last, began = sum((await cpu_of(running)).values()), time.monotonic()
    while time.monotonic() < deadline:
        await asyncio.sleep(_REST_S)
        now, at = sum((await cpu_of(running)).values()), time.monotonic()
        if now - last <= _AT_REST * (at - began):
            return True
        last, began = now, at
    return False


async def cpu_of(running: Running) -> Mapping[str, float]:
    """Return the CPU that its parts took so far. RuntimeError where one of them has ended.

    A part whose children end all the time may not be counted at the first look.
    """
    for _ in range(_LOOKS):
        with suppress(RuntimeError):
            return running.cpu()
        await asyncio.sleep(_LOOK_S)
    return running.cpu()
