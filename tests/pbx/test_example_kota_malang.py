"""Kota Malang on a real PBX: emergencies beside an information line, and a power cut."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from demo.softphone import Reject
from demo.stage import Stage, WentWrong
from demo.stories import kota_malang
from tests.pbx.examples import by, playing, quiet_after

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def centre_up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The centre and the telephones of its story."""
    async with playing("kota-malang", tmp_path_factory.mktemp("kota-malang")) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def stage(centre_up: Stage) -> AsyncIterator[Stage]:
    """The same, for one test."""
    async with quiet_after(centre_up):
        yield centre_up


async def test_fire_goes_straight_to_the_fire_brigade_while_another_asks_the_information_desk(
    stage: Stage, number: str
) -> None:
    await kota_malang.fire_beside_information(stage, number)
    assert await by(stage, number) == [("damkar/posko", "talked", "trunk-damkar")]
    assert await by(stage, f"{number}9") == [("ncc/informasi", "talked", "trunk-balaikota")]


async def test_third_who_asks_is_the_service_desks_and_a_fire_meanwhile_the_fire_brigades(
    stage: Stage, number: str
) -> None:
    asking = []
    for n in range(2):
        call = await stage.ring_112(f"{number}{n}", "41")
        desk = await stage.rings(stage["balaikota"], 5, f"{number}{n}")
        await stage.talk(call, desk, stage["balaikota"])
        asking.append(call)
    third = await stage.ring_112(f"{number}2", "41")
    desk = await stage.rings(stage["op3"], 5, f"{number}2")
    await stage.talk(third, desk, stage["op3"])
    fire = await stage.ring_112(number, "1")
    agency = await stage.rings(stage["damkar"], 5, number)
    await stage.talk(fire, agency, stage["damkar"])
    await stage.hang_up([*asking, third, fire])
    assert await by(stage, f"{number}2") == [("ncc/informasi", "full", None), ("service-desk", "talked", "op3")]


async def test_power_cut_is_answered_by_the_electricity_company(stage: Stage, number: str) -> None:
    await kota_malang.power_cut(stage, number)
    assert await by(stage, number) == [("pln/gangguan", "talked", "trunk-pln")]


async def test_story_fails_where_the_electricity_company_refuses(stage: Stage, number: str) -> None:
    await stage["pln"].behave(Reject(486))
    with pytest.raises(WentWrong, match="no sound reaches the agency's phone"):
        await kota_malang.power_cut(stage, number)


async def test_complaint_is_the_service_desks(stage: Stage, number: str) -> None:
    await kota_malang.complaint(stage, number)
    assert await by(stage, number) == [("service-desk", "talked", "op3")]
