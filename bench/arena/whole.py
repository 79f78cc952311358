"""The rounds from start to end: opponents up, calls, the verdict."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from bench.arena import judge, shown
from bench.arena.capture import capture_command
from bench.arena.checks import Clocks, clocks, sipp_limit
from bench.arena.fight import Fight, Fighter, Say
from bench.arena.load import Load
from bench.arena.plan import QUICK, WHOLE, Plan
from bench.arena.rounds import Eyes
from bench.opponents import agi, ari, bare
from bench.opponents.everyone import KEYS, everyone
from bench.opponents.model import Opponent
from bench.opponents.ours import POSTGRESQL, SQLITE
from bench.section import Section
from bench.stream import sipp_command
from callrouter import settings
from callrouter.resources import resource

LIMIT_S: Final = 1200.0
CHANNELS: Final = 600


async def measure(
    folder: Path, say: Say, *, quick: bool, only: Collection[str] = KEYS, plan: Plan | None = None
) -> Section:
    """Measure the opponents of `only`. TimeoutError after LIMIT_S."""
    planned = plan or (QUICK if quick else WHOLE)
    root = settings.load().pbx_root
    async with asyncio.timeout(LIMIT_S), everyone(folder, _table(), _silent, only=only) as (hall, opponents):
        files = folder / "load"
        files.mkdir(parents=True)
        eyes = Eyes(capture_command(root), files)
        load = Load(sipp_command(root), files, hall, logs=eyes.tcpdump is None)
        async with _running(folder, opponents, load, eyes, planned, say) as (fighters, difference):
            limit = await sipp_limit(load, eyes, say) if planned.compares else None
            await Fight(load, eyes, fighters, planned, say).run()
    results = {fighter.opponent.key: shown.result_of(fighter) for fighter in fighters}
    verdict = judge.judge(results, (SQLITE, POSTGRESQL), bare.KEY, (agi.KEY, ari.KEY), ours_alone=(SQLITE,))
    return shown.section(fighters, planned, verdict, shown.Beside(eyes.tcpdump is not None, limit, difference))


@asynccontextmanager
async def _running(
    folder: Path, opponents: Sequence[Opponent], load: Load, eyes: Eyes, plan: Plan, say: Say
) -> AsyncIterator[tuple[list[Fighter], Clocks | None]]:
    """Run the agency and all opponents; the first of them also for the comparison of the clocks."""
    async with AsyncExitStack() as stack:
        fighters = []
        difference = None
        # Before the PBXs: they ask the agency whether it is there as soon as they run.
        async with dataclasses.replace(load, logs=True).agency():
            for opponent in opponents:
                say(f"{opponent.title}: starting")
                running = await stack.enter_async_context(opponent.running(folder / opponent.key))
                fighters.append(Fighter(opponent, running))
            if plan.compares:
                difference = await clocks(load, eyes, fighters[0].running)
        await stack.enter_async_context(load.agency())
        yield fighters, difference


def _table() -> dict[str, Any]:
    """Return a regency's table whose agencies hear no announcement, for the others have none to play.

    Nor are its trunks ever full: the others count no channels, and a stall of half a second would fill the usual 30.
    """
    table: dict[str, Any] = YAML(typ="safe").load(resource("examples") / "kab-malang.yaml")
    for trunk in table["directory"]["trunks"]:
        trunk["channels"] = CHANNELS
    for route in table["routing"]["routes"]:
        for step in route["steps"]:
            if step["kind"] == "dial":
                step["announce"] = False
    return table


def _silent(_line: str) -> None:
    pass
