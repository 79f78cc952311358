"""Last digit to the agency's INVITE, from the messages of two SIPp on loopback: one calls, one is the agency.

The digit goes by SIP INFO, on both sides alike; what SIPp itself takes to write its logs is in both figures alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.stream import Address, calls, sipp_command

__all__ = ["RATE", "Round", "measure", "sipp_command"]

RATE: Final = 20
_AFTER_S: Final = 15.0


@dataclass(frozen=True)
class Round:
    """One round: calls made, times of those whose INVITE came (s), INVITEs that never came, messages sent again."""

    calls: int
    delays_s: tuple[float, ...]
    missing: int
    repeated: int


async def measure(
    sipp: Sequence[str], pbx: str, caller_host: str, agency: Address, *, prefix: str, digit: str, seconds: int
) -> Round:
    """Call `pbx` ("host:port") RATE times a second for `seconds`, press `digit`, and time the agency's INVITE.

    prefix: begin of the callers' numbers, of which every round must have its own
    """
    most = RATE * seconds
    async with calls(
        sipp, pbx, caller_host, {"agency": agency}, prefix=prefix, digit=digit, rate=RATE, most=most
    ) as stream:
        await stream.until_done(seconds + _AFTER_S)  # what is missing then is counted
    delays = tuple(stream.delays_s.values())
    return Round(most, delays, most - len(delays), stream.again)
