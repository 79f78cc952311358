"""Kabupaten Malang on a real PBX: a fire, the official of a village, and calls handed over to and from the police."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from demo.stage import Stage
from demo.stories import kab_malang
from tests.pbx.examples import by, playing, quiet_after
from tests.pbx.test_agency import call_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def centre_up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The centre and the telephones of its story."""
    async with playing("kab-malang", tmp_path_factory.mktemp("kab-malang")) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def stage(centre_up: Stage) -> AsyncIterator[Stage]:
    """The same, for one test."""
    async with quiet_after(centre_up):
        yield centre_up


async def test_fire_is_answered_by_the_fire_brigade(stage: Stage, number: str) -> None:
    await kab_malang.agency_answers(stage, number)
    assert await by(stage, number) == [("damkar/posko", "talked", "trunk-damkar")]


async def test_village_official_is_rung_by_the_area_that_the_caller_chose(stage: Stage, number: str) -> None:
    await kab_malang.village_official(stage, number)
    assert await by(stage, number) == [("perangkat-desa/kepanjen", "talked", "trunk-desa")]


async def test_other_district_is_another_official_and_an_operator_where_he_does_not_answer(
    stage: Stage, number: str
) -> None:
    call = await stage.ring_112(number, "72")
    operator = await stage.rings(stage["op1"], 15, number)
    await stage.talk(call, operator, stage["op1"])
    await call.hangup()
    assert call_of(await stage.centre.incident_of(number))["facts"]["area"] == "35.07.24"
    assert await by(stage, number) == [
        ("perangkat-desa/singosari", "noanswer", None),
        ("operators", "talked", "op1"),
    ]
    stage.never_rang(number, stage["desa"])


async def test_call_for_the_police_is_handed_over_to_110(stage: Stage, number: str) -> None:
    await kab_malang.handed_to_police(stage, number)
    assert await by(stage, number) == [("polri/spkt", "talked", "trunk-polri")]


async def test_call_from_110_is_an_operators_at_once(stage: Stage, number: str) -> None:
    times = await kab_malang.police_hand_over_to_us(stage, number)
    assert await by(stage, number) == [("operators", "talked", "op1")]
    assert times.human_s is not None
    assert times.human_s < 15
