"""Calls that callrouter's PBX served alone: the agency was reached, but callrouter's service had no part in it."""

from __future__ import annotations

import asyncio
from typing import Final

from bench.live.asks import asking
from bench.opponents.model import Running

COUNTER: Final = "failsafe_calls_total"
"""It counts when the PBX takes a call from the service; incidents tell the same, but only once they have ended."""
_TRIES, _PAUSE_S = 5, 1.0


async def served_alone(running: Running) -> int | None:
    """Return how many calls the PBX served alone since its service began; None where it is not callrouter.

    RuntimeError where the service does not tell.
    """
    if running.centre is None:
        return None
    said = ""
    for _ in range(_TRIES):
        try:
            async with asking(running.centre) as asker:
                return int((await asker.metrics())[COUNTER])
        except (RuntimeError, TimeoutError, KeyError) as error:  # a busy service may be late
            said = f"{type(error).__name__}: {error}"
        await asyncio.sleep(_PAUSE_S)
    raise RuntimeError(f"the service does not tell its metrics: {said}")


def between(before: int | None, after: int | None) -> int | None:
    """Return how many there were between two looks. RuntimeError where the service began anew meanwhile."""
    if before is None or after is None:
        return None
    if after < before:
        raise RuntimeError("the service began anew in the middle of a round")
    return after - before
