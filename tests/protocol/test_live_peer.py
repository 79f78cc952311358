"""The benchmark's scripted PBX and a service understand each other: what is measured with it is measured truly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from bench.live.centre import ScriptedCentre
from bench.live.listener import Heard, lateness, listening
from bench.live.table import AGENCIES, CATEGORY, TRUNK, table
from bench.live.words import Step
from callrouter.incidents.model import incident_id
from demo.clips import quick_clips
from demo.softphone import NET_S

CALLS = 5


async def test_a_scripted_pbx_and_a_service_understand_each_other(tmp_path: Path) -> None:
    """Five calls come, are shown where they are, outlive a lost link, and end; each has exactly one incident."""
    given = table()
    quick_clips(tmp_path / "state" / "recorded", given)
    async with ScriptedCentre(tmp_path, given) as centre, listening(centre) as heard:
        up = await centre.peer("up", calls=CALLS, rate=20)
        assert (up["up"], up["failed"], up["refused"], len(up["waits"])) == (CALLS, [], {}, CALLS)
        await _until(lambda: _shown(heard, Step.TALKING) == CALLS)
        board = await centre.live()
        assert {(one["stage"], one["trunk"], one["category"], *one["with_whom"]) for one in board} == {
            ("talking", TRUNK, CATEGORY, f"trunk-{AGENCIES[0]}")
        }
        await centre.peer("cut")
        async with asyncio.timeout(NET_S):
            while (await centre.peer("up", calls=0, rate=1))["logins"] != {"hands": 2, "keeper": 2}:
                await asyncio.sleep(0.05)
        assert len(await centre.live()) == CALLS
        ended = await centre.peer("end", rate=20)
        assert (ended["up"], ended["failed"], ended["refused"]) == (0, [], {})
        await _until(lambda: _shown(heard, Step.GONE) == CALLS)
        found = lateness((told := (await centre.peer("told"))["told"]), heard.steps)
        assert (len(told), found.lost, heard.why) == (len(Step) * CALLS, 0, "")
        incidents = [await centre.incident_of(number) for number in heard.numbers]
    assert {(one["category"], one["outcome"], one["calls"][0]["path"]) for one in incidents} == {
        (CATEGORY, "talked", "service")
    }
    assert {one["id"] for one in incidents} == {str(incident_id(call)) for call in map(UUID, heard.steps)}


def _shown(heard: Heard, step: Step) -> int:
    return sum(1 for steps in heard.steps.values() if steps[-1][0] == step)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(NET_S):
        while not holds():
            await asyncio.sleep(0.02)
