"""What stands beside the figures: how fast SIPp itself is, and how far its own clock is from that of the packets."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from bench import stream
from bench.arena.fight import GENERATOR, Say
from bench.arena.load import RINGS, RINGS_MS, Load, Wave, arguments, callers, scenario, seen_in_logs
from bench.arena.results import median, p99
from bench.arena.rounds import Eyes, Round, one_round
from bench.opponents.model import Running
from demo.addresses import free_port

RATES: Final = (100, 200, 300, 400)
_SECONDS: Final = 2.0
_CLOCK_RATE, _CLOCK_CALLS = 20, 60
_SEED: Final = 7
# Waves of the rounds count from 001.
_PREFIXES: Final = iter(f"{RINGS}9{n:02d}" for n in range(100))


@dataclass(frozen=True)
class Clocks:
    """Digit to INVITE by SIPp's logs, less the same by packets: of each call, ms."""

    calls: int
    median_ms: float
    p99_ms: float


async def sipp_limit(load: Load, eyes: Eyes, say: Say) -> tuple[int, int | None]:
    """Return the highest rate of RATES that SIPp makes by itself, and the first that it does not (None: all held).

    One SIPp calls another that stands for the PBX, and at the same rate one stands for the PBX that dials the agency:
    the scenarios of the callers and of the agency are those of the rounds.
    """
    held = 0
    for rate in RATES:
        done = await against_itself(load, eyes, rate, _SECONDS)
        pressed = sum(call.pressed is not None for call in done.seen.calls.values())
        say(f"SIPp against SIPp, {rate} calls/s: {done.seen.rate:.0f} made, {done.seen.again} messages again")
        if pressed < done.calls or done.seen.again or done.seen.rate < GENERATOR * rate:
            return held, rate
        held = rate
    return held, None


async def against_itself(load: Load, eyes: Eyes, rate: int, seconds: float) -> Round:
    """Return how one wave went in which SIPp stands for the PBX. The agency of `load` must run."""
    wave = Wave(next(_PREFIXES), rate, round(rate * seconds), _SEED)
    host = load.hall.carrier_host
    port = free_port(host)
    lines = load.folder / f"dialled-{wave.prefix}.csv"
    lines.write_text(callers(wave))
    agency = "{}:{}".format(*load.hall.agency)
    async with AsyncExitStack() as stack:
        standing = await load.start(f"pbx-{wave.prefix}", scenario("pbx", {}), (host, port), [])
        stack.push_async_callback(stream.stop, standing)
        dialler = scenario("dialler", {"talk_ms": RINGS_MS})
        dialling = await load.start(
            f"dialler-{wave.prefix}", dialler, (host, free_port(host)), arguments(wave, lines, agency)
        )
        stack.push_async_callback(stream.stop, dialling)
        return await one_round(load, eyes, "sipp", Running(f"{host}:{port}", dict), wave, sound=False)


async def clocks(load: Load, eyes: Eyes, running: Running) -> Clocks | None:
    """Return how far SIPp's logs are from the packets, of some calls to one opponent; None where nothing came.

    The agency must be one that logs. Without tcpdump there is nothing to compare.
    """
    if eyes.tcpdump is None:
        return None
    logging = dataclasses.replace(load, logs=True)
    wave = Wave(next(_PREFIXES), _CLOCK_RATE, _CLOCK_CALLS, _SEED)
    done = await one_round(logging, eyes, "clocks", running, wave, sound=False)
    caller, agency = (load.log(name).read_text(errors="replace") for name in (wave.name, "agency"))
    logged = seen_in_logs(caller, agency, wave.prefix)
    differences = []
    for number, call in done.seen.calls.items():
        other = logged.calls.get(number)
        if other is None or None in (call.pressed, call.reached, other.pressed, other.reached):
            continue
        differences.append(_delay(other.pressed, other.reached) - _delay(call.pressed, call.reached))
    return _clocks(differences)


def _delay(pressed: float | None, reached: float | None) -> float:
    return (reached or 0.0) - (pressed or 0.0)


def _clocks(differences: Sequence[float]) -> Clocks | None:
    if not differences:
        return None
    return Clocks(len(differences), 1000 * median(differences), 1000 * p99(differences))
