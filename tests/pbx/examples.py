"""The example centres on a real PBX, with the telephones of their stories."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from callrouter.resources import resource
from demo.__main__ import TIMERS, shortened
from demo.centre import Centre
from demo.softphone import NET_S
from demo.stage import Cast, Stage
from demo.stories import SHOWS
from tests.pbx.rig import unexpected
from tests.pbx.test_agency import call_of

EXAMPLES = {path.stem: path for path in sorted(resource("examples").glob("*.yaml"))}


@asynccontextmanager
async def playing(name: str, folder: Path, cast: Cast | None = None) -> AsyncIterator[Stage]:
    """Bring up an example centre as its demo does; the operators of its story are registered."""
    async with Centre(folder, shortened(EXAMPLES[name]), timers=TIMERS) as centre:
        stage = await Stage.make(centre, cast or SHOWS[name].cast, "", Console())
        for operator in stage.operators:
            await operator.register()
            await centre.until_reachable(operator.name)
        yield stage


@asynccontextmanager
async def quiet_after(stage: Stage) -> AsyncIterator[Stage]:
    """Give the stage to one test; afterwards no call is left over, and the PBX has complained of nothing."""
    before = len(stage.centre.pbx.complaints())
    yield stage
    for calls in stage.rung.values():
        await stage.hang_up(calls)
    await stage.as_cast()
    async with asyncio.timeout(NET_S):
        while "0 active channels" not in await stage.centre.pbx.rx("core show channels count"):
            await asyncio.sleep(0.05)
    assert unexpected(stage.centre.pbx.complaints()[before:]) == []


async def by(stage: Stage, number: str) -> list[tuple[str, str, str | None]]:
    """Return what was tried for a caller, what came of it, and who answered."""
    call: dict[str, Any] = call_of(await stage.centre.incident_of(number))
    return [(attempt["label"], attempt["result"], attempt["by"]) for attempt in call["attempts"]]
