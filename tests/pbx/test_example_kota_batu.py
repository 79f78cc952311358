"""Kota Batu on a real PBX: a forest fire that the neighbour answers; and a walk through its menu, digit by digit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from callrouter.routing.table import RoutingTable
from demo.__main__ import shortened
from demo.show import Lane
from demo.softphone import RingOnly
from demo.stage import Stage
from demo.stories import kota_batu
from demo.stories.any_table import walk
from tests.pbx.examples import EXAMPLES, by, playing, quiet_after

WALK = walk(RoutingTable.model_validate(shortened(EXAMPLES["kota-batu"])))
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def centre_up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The centre and the telephones of its story."""
    async with playing("kota-batu", tmp_path_factory.mktemp("kota-batu"), WALK.cast) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def stage(centre_up: Stage) -> AsyncIterator[Stage]:
    """The same, for one test."""
    async with quiet_after(centre_up):
        yield centre_up


async def test_forest_fire_is_answered_by_the_neighbour_where_our_own_bpbd_is_silent(
    stage: Stage, number: str
) -> None:
    await stage["bpbd"].behave(RingOnly())
    await kota_batu.forest_fire(stage, number)
    assert await by(stage, number) == [
        ("bpbd/pusdalops", "noanswer", None),
        ("tetangga/kab-malang", "talked", "trunk-kab-malang"),
    ]


async def test_call_that_a_neighbour_hands_over_is_an_operators_at_once(stage: Stage, number: str) -> None:
    await stage["op2"].behave(RingOnly())
    await kota_batu.neighbour_hands_over(stage, number)
    assert await by(stage, number) == [("operators", "talked", "op1")]


async def test_walk_calls_each_digit_once_and_who_is_offered_it_answers(stage: Stage, number: str) -> None:
    (phase,) = WALK.phases

    async def play(lane: Lane, which: int) -> dict[str, str]:
        return {title: (await one(stage, f"{number}{which}{n}")).note for n, (title, one) in enumerate(lane)}

    first, second = await asyncio.gather(*(play(lane, n) for n, lane in enumerate(phase.lanes)))
    notes = first | second
    assert notes.pop("0: an operator") in {"op1 answers", "op2 answers"}
    assert notes == {
        "1: fire": "damkar answers",
        "2: forest-fire": "bpbd answers",
        "3: disaster": "bpbd answers",
        "4: ambulance": "rsud answers",
    }
