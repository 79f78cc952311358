"""Strangers at the AGI port while citizens call: probes that connect and close, silent connections, garbage."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from callrouter.calls.menu import menu_data
from demo.centre import Centre
from demo.softphone import NET_S, Answer, NotInTime, PhoneCall, Softphone, SoftphoneError

PROBES: Final = 1000
SILENT: Final = 200
GARBAGE_BYTES: Final = 1_000_000
SEED: Final = 112
"""Of the garbage: the same in every run."""
LASTS_S: Final = 4.0
"""The probes are spread over this time, so that every call of the first twenty meets some."""
_BATCHES: Final = 40
_CHUNK: Final = 16_384
_APART_S: Final = 0.1
"""Ten calls a second."""
_TALK_S: Final = 0.5
"""After this each must still hear the other. Who leaves within 0.2 s counts as one who met nobody (calls.lines)."""


@dataclass(frozen=True)
class Flood:
    """What was really sent: connections that came up, bytes that were taken, when it began and ended (monotonic)."""

    probes: int
    silent: int
    garbage_bytes: int
    began_s: float
    ended_s: float


@dataclass(frozen=True)
class FloodCall:
    """One call of a citizen. `wrong` is empty where each heard the other, and only the other.

    invite_s, human_s: seconds from the digit to the agency's INVITE, and to the agency's voice at the caller
    """

    number: str
    invited_s: float
    pressed_s: float
    invite_s: float | None = None
    human_s: float | None = None
    wrong: str = ""


@dataclass(frozen=True)
class Outcome:
    """The flood, the calls in it and after it, and what went wrong with them or their incidents."""

    flood: Flood
    during: list[FloodCall]
    after: list[FloodCall]
    wrong: list[str]

    def as_figures(self) -> dict[str, Any]:
        """Return counts, and the worst times (ms)."""
        calls = [*self.during, *self.after]
        return {
            "probes": self.flood.probes,
            "silent": self.flood.silent,
            "garbage_bytes": self.flood.garbage_bytes,
            "lasted_s": round(self.flood.ended_s - self.flood.began_s, 2),
            "calls": len(calls),
            "calls_well": len(calls) - len({line.partition(":")[0] for line in self.wrong}),
            **{f"invite_worst_ms_{k}": _worst(c.invite_s for c in v) for k, v in self._parts()},
            **{f"human_worst_ms_{k}": _worst(c.human_s for c in v) for k, v in self._parts()},
        }

    def _parts(self) -> tuple[tuple[str, list[FloodCall]], ...]:
        return (("during", self.during), ("after", self.after))


def _worst(times_s: Iterable[float | None]) -> float | None:
    return max((round(1000 * t, 1) for t in times_s if t is not None), default=None)


async def calls_in_a_flood(
    centre: Centre, caller: Softphone, agency: Softphone, digit: str, calls: int, prefix: str = "0813"
) -> Outcome:
    """Let `calls` citizens call through a flood of the AGI port, and as many after it; judge all of them.

    The flood begins before the first and lasts until the last of them has pressed the digit. `wrong` holds lines
    that begin with a caller's number, or with "flood" where it missed a call.
    """
    await agency.behave(Answer(0.1))
    during, after = ([f"{prefix}{part}{n:03d}" for n in range(calls)] for part in (1, 2))
    host, port = centre.settings.agi_host, centre.settings.agi_port
    sent, of_during = await asyncio.gather(flood(host, port), calls_through(centre, caller, agency, during, digit))
    of_after = await calls_through(centre, caller, agency, after, digit)
    made = [*of_during, *of_after]
    wrong = [f"{call.number}: {call.wrong}" for call in made if call.wrong]
    wrong += [
        f"{call.number}: pressed {call.pressed_s - sent.ended_s:.1f} s after the flood's end"
        for call in of_during
        if call.pressed_s > sent.ended_s
    ]
    category = menu_data(centre.table).meaning[digit]
    well = [call.number for call in made if not call.wrong]
    wrong += await wrong_incidents(centre, well, category)
    return Outcome(sent, of_during, of_after, wrong)


async def flood(host: str, port: int) -> Flood:
    """Send PROBES, SILENT and GARBAGE_BYTES to host:port within about LASTS_S. TimeoutError if it cannot connect."""
    began = time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        opened = await asyncio.gather(*(_open(host, port) for _ in range(SILENT)))
        for _, writer in opened:
            stack.callback(writer.transport.abort)
        sent, probes = await asyncio.gather(_garbage(host, port), _probes(host, port))
        return Flood(probes, len(opened), sent, began, time.monotonic())


async def _open(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.wait_for(asyncio.open_connection(host, port), NET_S)


async def _probe(host: str, port: int) -> None:
    _, writer = await _open(host, port)
    writer.close()
    with contextlib.suppress(OSError):
        await asyncio.wait_for(writer.wait_closed(), NET_S)


async def _probes(host: str, port: int) -> int:
    size = PROBES // _BATCHES
    begun = time.monotonic()
    for n in range(_BATCHES):
        await asyncio.gather(*(_probe(host, port) for _ in range(size)))
        await asyncio.sleep(max(0.0, begun + (n + 1) * LASTS_S / _BATCHES - time.monotonic()))
    return size * _BATCHES


async def _garbage(host: str, port: int) -> int:
    """The service hangs up on garbage: connect again until the whole of it has been handed to the socket."""
    random_bytes = random.Random(SEED)  # noqa: S311
    sent = 0
    while sent < GARBAGE_BYTES:
        _, writer = await _open(host, port)
        try:
            while sent < GARBAGE_BYTES:
                piece = random_bytes.randbytes(min(_CHUNK, GARBAGE_BYTES - sent))
                writer.write(piece)
                await asyncio.wait_for(writer.drain(), NET_S)
                sent += len(piece)
        except OSError:
            continue
        finally:
            writer.transport.abort()
    return sent


async def calls_through(
    centre: Centre, caller: Softphone, agency: Softphone, numbers: Sequence[str], digit: str
) -> list[FloodCall]:
    """Ring 112 from each number, one each _APART_S; press `digit`; let caller and agency hear each other; hang up."""

    async def one(n: int, number: str) -> FloodCall:
        await asyncio.sleep(n * _APART_S)
        return await _call(centre, caller, agency, number, digit)

    return list(await asyncio.gather(*(one(n, number) for n, number in enumerate(numbers))))


async def _call(centre: Centre, caller: Softphone, agency: Softphone, number: str, digit: str) -> FloodCall:
    invited = pressed = time.monotonic()
    try:
        call = await caller.dial(centre.number, user=number)
        await call.until_answered()
        await call.until_hears_speech()
        await call.digits(digit)
        pressed = time.monotonic()
        other = await _incoming(agency, number, within=NET_S)
        human, _ = await asyncio.gather(call.until_hears(agency.tone_hz), other.until_hears(caller.tone_hz))
        still = time.monotonic() + _TALK_S
        await asyncio.gather(
            call.until_hears(agency.tone_hz, since=still),
            other.until_hears(caller.tone_hz, since=still),
        )
        heard, told = call.report().tones, other.report().tones
        await call.hangup()
        await other.until_ended()
    except (NotInTime, SoftphoneError, TimeoutError) as error:
        return FloodCall(number, invited, pressed, wrong=str(error).splitlines()[0][:200] or type(error).__name__)
    wrong = "" if heard == {agency.tone_hz} and told == {caller.tone_hz} else f"heard {heard}, told {told}"
    return FloodCall(number, invited, pressed, other.report().invited_s - pressed, human - pressed, wrong)


async def _incoming(agency: Softphone, number: str, *, within: float) -> PhoneCall:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while True:
                for call in agency.calls:
                    if call.remote.number == number:
                        return call
                await asyncio.sleep(0.02)
    raise NotInTime(f"{agency.name}: no call from {number} within {within:g} s")


async def wrong_incidents(centre: Centre, numbers: Sequence[str], category: str) -> list[str]:
    """Return what is wrong with the incidents of these callers, once their calls have ended or after NET_S.

    Each must have exactly one: of that category, with a talk, and served by the service, not by the failsafe.
    """
    found: list[dict[str, Any]] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(NET_S):
            while len(found) < len(numbers) or not all(_ended(incident) for incident in found):
                await asyncio.sleep(0.2)
                found = await _incidents_of(centre, set(numbers))
    count = Counter(incident["caller_number"] for incident in found)
    wrong = [f"{number}: {count[number]} incidents" for number in numbers if count[number] != 1]
    for incident in found:
        stands = (incident["category"], incident["outcome"], [call["path"] for call in incident["calls"]])
        if stands != (category, "talked", ["service"]):
            wrong.append(f"{incident['caller_number']}: {stands}")
    return wrong


async def _incidents_of(centre: Centre, numbers: set[str]) -> list[dict[str, Any]]:
    _, page = await centre.get("/api/v1/incidents", limit="200")
    theirs = [item["id"] for item in page["items"] if item["caller_number"] in numbers]
    return [(await centre.get(f"/api/v1/incidents/{id_}"))[1] for id_ in theirs]


def _ended(incident: dict[str, Any]) -> bool:
    return all(call["ended_at"] is not None for call in incident["calls"])
