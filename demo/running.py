"""How a program that starts others is run: whoever ends it, what it has started ends with it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
ENDED = 128 + signal.SIGTERM
"""The exit code of a program that was ended by SIGTERM, as shells have it."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` as asyncio.run does, and return what it returns; SIGTERM cancels it, as ^C does.

    Raises SystemExit with ENDED when it was cancelled so, after what it does at its end.
    """
    told = False

    async def told_of_the_end() -> T:
        nonlocal told
        task = asyncio.current_task()
        assert task is not None

        def end() -> None:
            nonlocal told
            if not told:  # who is told twice, by make and with his whole group, ends once
                task.cancel()
            told = True

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
        return await main

    try:
        return asyncio.run(told_of_the_end())
    except asyncio.CancelledError:
        if not told:
            raise
        raise SystemExit(ENDED) from None
