"""Kutai Timur on a real PBX: an operator takes every call, and passes it on while it lasts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from demo.stage import Stage
from demo.stories import kutai_timur
from tests.pbx.examples import by, playing, quiet_after

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def centre_up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The centre and the telephones of its story."""
    async with playing("kutai-timur", tmp_path_factory.mktemp("kutai-timur")) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def stage(centre_up: Stage) -> AsyncIterator[Stage]:
    """The same, for one test."""
    async with quiet_after(centre_up):
        yield centre_up


async def test_operator_passes_a_live_call_on_to_the_hospital_and_takes_the_next(stage: Stage, number: str) -> None:
    times = await kutai_timur.passed_on(stage, number)
    assert await by(stage, number) == [("kominfo", "talked", "op1"), ("rsud/igd", "talked", "trunk-rsud")]
    assert await by(stage, f"{number}9") == [("kominfo", "talked", "op1")]
    assert times.human_s is not None
    assert times.human_s < 15


async def test_caller_whose_agency_is_busy_is_the_operators_again(stage: Stage, number: str) -> None:
    await kutai_timur.agency_busy(stage, number)
    assert [result for _, result, _ in await by(stage, number)] == ["talked", "busy", "talked"]
