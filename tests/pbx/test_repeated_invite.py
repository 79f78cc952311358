"""An INVITE that the network brings a second time, behind the answer to the first, is no second call."""

from __future__ import annotations

import pytest

from demo.addresses import SIP_PORT
from tests.pbx.rig import Rig
from tests.pbx.wirephone import WirePhone

pytestmark = pytest.mark.asyncio(loop_scope="session")


def opened(rig: Rig) -> list[str]:
    """Return the journal's lines of calls that were opened."""
    files = sorted(rig.centre.settings.journal_dir.glob("*.log"))
    return [line for file in files for line in file.read_text().splitlines() if line.startswith("1|opened|")]


def beside(rig: Rig, number: str) -> WirePhone:
    """Return a caller at the carrier's address, beside its own telephone."""
    return WirePhone(
        rig.centre.trunk_hosts["telco"], rig.centre.settings.sip_host, number, tone_hz=600, port=SIP_PORT + 2
    )


async def test_invite_that_comes_twice_is_one_call_and_one_incident(rig: Rig, number: str) -> None:
    async with beside(rig, number).plugged() as caller:
        before = len(opened(rig))
        said, call = await caller.call()
        assert said == 200
        assert await caller.repeat(call) >= 400
        await rig.until_live(number)
        assert [one["number"] for one in await rig.centre.live()].count(number) == 1
        assert len(opened(rig)) == before + 1
        await call.hangup()
    await rig.centre.incident_of(number)
    assert len(await rig.centre.incidents(number)) == 1


@pytest.mark.parametrize("sort", ["plain", "with a port", "made to be cut"])
async def test_other_calls_of_the_same_caller_are_calls(rig: Rig, number: str, sort: str) -> None:
    ids = {
        "plain": (f"one-{number}", f"two-{number}"),
        "with a port": (f"one-{number}@10.0.0.1:5060", f"two-{number}@10.0.0.1:5060"),
        "made to be cut": (f"one-{number}):0:0", f"two-{number}):0:0"),
    }[sort]
    async with beside(rig, number).plugged() as caller:
        before = len(opened(rig))
        calls = []
        for one in ids:
            said, call = await caller.call(call_id=one)
            assert said == 200
            calls.append(call)
        assert len(opened(rig)) == before + 2
        for call in calls:
            await call.hangup()
