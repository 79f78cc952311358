"""Three minutes of `make chaos`: the cells that tell most, on a real PBX with the service as a process of its own."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chaos.house import House
from chaos.matrix import BY_KEY, Cell, Need, Stage
from chaos.play import play

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

TELLING = (
    ("kill", Stage.MENU),
    ("kill", Stage.OPERATOR_RINGS),
    ("hang", Stage.ANSWERED),
    ("blocked", Stage.DIGIT),
    ("restart", Stage.AGENCY_TALKS),
    ("ami-cut", Stage.OPERATOR_TALKS),
    ("db-full", Stage.HANGING_UP),
    ("silent", Stage.DIGIT),
    ("unavailable", Stage.AGENCY_RINGS),
)
"""Others are played by ``make chaos`` alone."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A centre that is broken on purpose."""
    folder = tmp_path_factory.mktemp("chaos")
    async with House(folder, 8, frozenset({Need.ANY, Need.SQLITE}), python=sys.executable) as made:
        yield made


@pytest.mark.parametrize(("fault", "stage"), TELLING, ids=[f"{key}, {stage}" for key, stage in TELLING])
async def test_no_caller_is_lost_nor_any_incident(house: House, fault: str, stage: Stage) -> None:
    verdict = await play(house, Cell(BY_KEY[fault], stage))
    assert not verdict.error
    assert not verdict.wrong, verdict.evidence
    assert len(verdict.callers) == 3
