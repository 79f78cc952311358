"""How late the loop was while something else ran on it: a call would have waited so long."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from callrouter.app import SWITCH_S

BEAT_S: Final = 0.005
LAG_MS: Final = 50.0


@asynccontextmanager
async def beating() -> AsyncIterator[list[float]]:
    """Beat on this loop while the block runs; yield the list that gets how late each beat was, ms."""
    lags: list[float] = []
    beat = asyncio.create_task(_beat(lags))
    try:
        yield lags
    finally:
        beat.cancel()


async def _beat(lags: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(BEAT_S)
        lags.append(1000 * (time.perf_counter() - before - BEAT_S))


@contextmanager
def as_the_service() -> Iterator[None]:
    """Give way as soon as the service does; and as there, what was built before is never walked through."""
    before = sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
        gc.unfreeze()
