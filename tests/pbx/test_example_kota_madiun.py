"""Kota Madiun on a real PBX: street lights in office hours, at night, on a holiday; a shift that rings together."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from demo.show import Scenario
from demo.stage import Stage
from demo.stories import kota_madiun
from tests.pbx.examples import by, playing, quiet_after
from tests.pbx.test_agency import call_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def centre_up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The centre and the telephones of its story."""
    async with playing("kota-madiun", tmp_path_factory.mktemp("kota-madiun")) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def stage(centre_up: Stage) -> AsyncIterator[Stage]:
    """The same, for one test."""
    async with quiet_after(centre_up):
        yield centre_up


async def test_street_light_is_public_works_matter_in_office_hours(stage: Stage, number: str) -> None:
    await kota_madiun.in_office_hours(stage, number)
    assert await by(stage, number) == [("dinas-pu/lampu", "talked", "trunk-dinas-pu")]


@pytest.mark.parametrize("story", [kota_madiun.at_night, kota_madiun.on_a_holiday], ids=["night", "holiday"])
async def test_street_light_rings_the_whole_shift_together_when_the_office_is_shut(
    stage: Stage, number: str, story: Scenario
) -> None:
    await story(stage, number)
    assert await by(stage, number) == [("operators", "talked", "op2")]


async def test_same_call_goes_elsewhere_as_soon_as_another_version_is_in_force(stage: Stage, number: str) -> None:
    await kota_madiun.at_night(stage, f"{number}1")
    await kota_madiun.in_office_hours(stage, f"{number}2")
    shut, opened = [call_of(await stage.centre.incident_of(f"{number}{n}")) for n in (1, 2)]
    assert opened["version"] == shut["version"] + 1
    assert (shut["route"], opened["route"]) == ("everything-else", "street-light-in-office-hours")
