"""Centres side by side, each in its own folder and on its own addresses; cells go to whoever is made for them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from chaos.house import House, NotReady
from chaos.judge import Verdict
from chaos.matrix import Cell, Need
from chaos.monkey import KINDS as KINDS_OF_MONKEY
from chaos.monkey import Monkey
from chaos.play import play

_CLOCK: Final = frozenset({Need.CLOCK})
_POSTGRESQL: Final = frozenset({Need.ANY, Need.POSTGRESQL})
_SQLITE: Final = frozenset({Need.ANY, Need.SQLITE})
PLANS: Final = {
    1: ((_CLOCK, _POSTGRESQL, _SQLITE),),
    2: ((_POSTGRESQL,), (_CLOCK, _SQLITE)),
    3: ((_POSTGRESQL,), (_SQLITE,), (_CLOCK, _SQLITE)),
}
"""For so many centres side by side: of what kind each is, one after the other. A centre with a clock of its own
plays nothing else: libfaketime changes more than the clock (under it time.sleep() raises in a signal's handler).
"""
MOST_HOUSES: Final = 6
"""Of one kind: a centre that does not come back is replaced by a new one, so often at the most."""


class Team:
    """Plays cells. folder: for all that is written."""

    def __init__(self, folder: Path, centres: int, console: Console) -> None:
        self._folder = folder
        self._centres = centres
        self._console = console
        # Alembic, which makes the database, knows one migration at a time in a process.
        self._one_at_a_time = asyncio.Lock()
        self._houses = 0

    async def play(self, cells: Sequence[Cell]) -> list[Verdict]:
        """Return a verdict on each cell. Raises what keeps a centre from starting at all."""
        left, verdicts = list(cells), []
        try:
            async with asyncio.TaskGroup() as tasks:
                plans = enumerate(PLANS[self._centres], 1)
                workers = [tasks.create_task(self._work(n, kinds, left)) for n, kinds in plans]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        for worker in workers:
            verdicts += worker.result()
        return [*verdicts, *(Verdict(cell, error="no centre was left to play it on") for cell in left)]

    async def _work(self, n: int, plan: Sequence[frozenset[Need]], left: list[Cell]) -> list[Verdict]:
        done: list[Verdict] = []
        for kinds in plan:
            for _ in range(MOST_HOUSES):
                if not any(cell.fault.need in kinds for cell in left):
                    break
                async with AsyncExitStack() as stack:
                    async with self._one_at_a_time:
                        self._houses += 1
                        where = self._folder / str(self._houses)
                        house = await stack.enter_async_context(House(where, n, kinds, python=sys.executable))
                    self._console.print(f"centre {n} is up: {', '.join(sorted(kinds))}")
                    await self._in(house, left, done, n)
        return done

    async def _in(self, house: House, left: list[Cell], done: list[Verdict], n: int) -> None:
        """Play until nothing is left, or the centre is broken for good: then a new one is needed."""
        while (cell := _next(left, house.kinds)) is not None:
            try:
                verdict = await play(house, cell)
                if verdict.error:  # nothing can be said of it: once more
                    again = await play(house, cell)
                    verdict = again if not again.error else verdict
            except NotReady as error:
                done.append(Verdict(cell, error=f"before it, the centre was not ready: {error}"))
                self._tell(done[-1], n)
                return
            done.append(verdict)
            self._tell(verdict, n)

    def _tell(self, verdict: Verdict, n: int) -> None:
        told = "[green]ok[/green]" if verdict.ok else "[red]FAIL[/red]"
        more = verdict.error or "; ".join(verdict.wrong)
        served = "" if verdict.served_s is None else f"human within {verdict.served_s:.1f} s, "
        self._console.print(
            f"centre {n}  {told:<6} {verdict.cell.name:<36} {served}dead air {verdict.dead_air_s:.1f} s, "
            f"took {verdict.took_s:.0f} s  {more}",
            soft_wrap=True,
        )

    async def monkey(self, *, minutes: float, rate: float, seed: int) -> dict[str, Any]:
        """Return the figures of the monkey, in a centre of its own."""
        async with House(self._folder / "monkey", 9, KINDS_OF_MONKEY, python=sys.executable) as house:
            return await Monkey(house, minutes, rate, seed, self._console).run()


def _next(left: list[Cell], kinds: frozenset[Need]) -> Cell | None:
    """Take the next cell that can be played here: first those that few centres can."""
    mine = [cell for cell in left if cell.fault.need in kinds]
    if not mine:
        return None
    cell = next((cell for cell in mine if cell.fault.need is not Need.ANY), mine[0])
    left.remove(cell)
    return cell
