"""Runs the parts that were asked for, one after the other. One that breaks off holds up no other."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench import parts, year
from bench.outcome import QUICK, Outcome
from bench.parts import LEAST_S, PARTS, PATIENCE, QUICK_YEAR_S, YEAR_S, Part
from bench.section import Section
from callrouter.errors import OperatorError

Say = Callable[[str], None]
Head = Callable[[str], None]
MADE: Final = "a year"
"""Under this name stands how long it took to make one."""


async def run(outcome: Outcome, folder: Path, only: Collection[str], head: Head, say: Say) -> None:
    """Fill `outcome`. head: told of each part that begins; say: of what it does. OperatorError: nothing can run."""
    quick = outcome.mode == QUICK
    for part in PARTS:
        if part.key in only and part.measure is not None:
            head(part.key)
            work = part.measure(folder / part.key, say, quick=quick)
            await _measured(outcome, part, work, say)
    of_year = [part for part in PARTS if part.key in only and part.of_year is not None]
    if of_year:
        await _of_year(outcome, of_year, head, say, quick=quick)
    outcome.sections.sort(key=lambda section: parts.KEYS.index(section.name))


async def _of_year(outcome: Outcome, asked: list[Part], head: Head, say: Say, *, quick: bool) -> None:
    head(MADE)
    begun = time.monotonic()
    try:
        async with _year(QUICK_YEAR_S if quick else YEAR_S, say, quick=quick) as (url, made):
            outcome.seconds[MADE] = time.monotonic() - begun
            for part in asked:
                head(part.key)
                assert part.of_year is not None  # noqa: S101 (they were chosen by it)
                work = part.of_year(url, made.counts, say, quick=quick)
                await _measured(outcome, part, work, say)
    except TimeoutError:
        outcome.seconds[MADE] = time.monotonic() - begun
        outcome.broken |= {part.key: "the year was not made in time" for part in asked}


@asynccontextmanager
async def _year(budget_s: float, say: Say, *, quick: bool) -> AsyncIterator[tuple[str, year.Year]]:
    """Make a year that lasts as long as the block. TimeoutError where that takes too long."""
    async with asyncio.timeout(max(LEAST_S, PATIENCE * budget_s)) as limit:
        async with year.on_postgresql(year.QUICK_ROWS if quick else year.ROWS, say) as made:
            limit.reschedule(None)
            yield made


async def _measured(outcome: Outcome, part: Part, work: Awaitable[Section], say: Say) -> None:
    begun = time.monotonic()
    budget_s = part.quick_s if outcome.mode == QUICK else part.whole_s
    try:
        async with asyncio.timeout(max(LEAST_S, PATIENCE * budget_s)):
            section = await work
    except OperatorError:
        raise  # nothing of the kind will run
    except TimeoutError:
        outcome.broken[part.key] = "not done in time, or a part of it did not come to rest"
    except Exception as error:  # noqa: BLE001 (an hour's figures are not lost by one part)
        outcome.broken[part.key] = _short(error)
        say("".join(traceback.format_exception(error)))
    else:
        section.name = part.key
        outcome.sections.append(section)
    outcome.seconds[part.key] = time.monotonic() - begun


def _short(error: Exception) -> str:
    """Return its first line, and its last where it has more: that of what a process said before it ended."""
    first, *more = [line.strip() for line in f"{type(error).__name__}: {error}".splitlines() if line.strip()]
    return " ".join([first, *more[-1:]])
