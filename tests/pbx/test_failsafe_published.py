"""What the PBX goes on by alone is what is in force: after a publication, a rollback, an edit, and a refusal."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from callrouter.asterisk import failsafe_files
from tests.pbx.desk import FIRE_BY_DAMKAR, FLOOD_BY_BPBD, Desk, open_desk

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """A centre whose first version is FIRE_BY_DAMKAR."""
    async with open_desk(tmp_path_factory.mktemp("published")) as running:
        yield running


async def alone(desk: Desk) -> tuple[int, str, str, str]:
    """Kill the service and call; return version, category, agency and path of that call. The service is back then."""
    await desk.centre.kill_service()
    async with desk.calls(10, most=1) as calls:
        await calls.until_done(15)
    await desk.centre.start_service()
    (number,) = calls.invited
    incident = (await desk.incidents([number]))[number]
    (call,) = incident["calls"]
    (agency,) = [key for key in calls.reached if number in calls.reached[key]]
    assert call["facts"]["category"] == incident["category"]
    return call["version"], incident["category"], agency, call["path"]


def pointed_to(desk: Desk) -> int | None:
    return failsafe_files.version_of(failsafe_files.current(desk.centre.settings.failsafe_dir))


async def test_pbx_alone_goes_by_the_version_in_force_after_a_publication_and_after_a_rollback(desk: Desk) -> None:
    old = (await desk.published(FIRE_BY_DAMKAR)).number
    new = (await desk.published(FLOOD_BY_BPBD)).number
    assert pointed_to(desk) == new
    assert await alone(desk) == (new, "flood", "bpbd", "failsafe")
    back = (await desk.post(f"/api/v1/versions/{old}/rollback")).number
    assert pointed_to(desk) == back
    assert await alone(desk) == (back, "fire", "damkar", "failsafe")


async def test_agency_that_is_switched_off_is_not_rung_by_the_pbx_alone_either(desk: Desk) -> None:
    await desk.as_at_first()
    await desk.published(FLOOD_BY_BPBD)
    version = await desk.in_force()
    before = failsafe_files.current(desk.centre.settings.failsafe_dir)
    await desk.change("agencies/bpbd", {"enabled": False})
    after = failsafe_files.current(desk.centre.settings.failsafe_dir)
    assert (after != before, pointed_to(desk)) == (True, version)
    data = desk.centre.settings.failsafe_dir / after / "data"
    assert not [path for path in data.iterdir() if "PJSIP/100@trunk-bpbd" in path.read_text()]
    await desk.change("agencies/bpbd", {"enabled": True})
    assert failsafe_files.current(desk.centre.settings.failsafe_dir) == before


async def test_data_that_cannot_be_written_refuse_the_publication_and_what_counts_stays(desk: Desk) -> None:
    await desk.as_at_first()
    version = await desk.in_force()
    folder = desk.centre.settings.failsafe_dir
    aside = folder.with_name("failsafe-aside")
    folder.rename(aside)
    folder.write_text("a file where the folder was")
    try:
        refused = await desk.published(FLOOD_BY_BPBD)
    finally:
        folder.unlink()
        aside.rename(folder)
    assert refused.status >= 400
    assert "failsafe" in str(refused.answer)
    assert await desk.in_force() == version
    assert pointed_to(desk) == version
