"""Calls that the PBX's SIP stack refuses are counted by reason, and no other call is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from demo.softphone import NET_S, Reject
from tests.pbx.rig import BPBD, CALLER, Rig, sipp_command, talk
from tests.pbx.sipp import SippResult, sipp

pytestmark = pytest.mark.asyncio(loop_scope="session")

DISTURBED_S = 5.0
"""What a refusal takes on a machine that is busy is less."""


async def send(rig: Rig, scenario: str, host: str, caller: str, **options: Any) -> SippResult:
    """Run a SIPp scenario from `host` against the PBX."""
    where = f"{rig.centre.settings.sip_host}:{rig.centre.settings.sip_port}"
    keys = {"from_user": caller}
    return await sipp(scenario, where, host, prefix=sipp_command(rig), keys=keys, **options)


async def refused(rig: Rig) -> dict[str, Any]:
    """Return what the service says of refused calls."""
    status, answer = await rig.centre.get("/api/v1/calls/refused")
    assert status == 200, answer
    found: dict[str, Any] = answer
    return found


async def refusal_of(rig: Rig, number: str) -> dict[str, Any]:
    """Return the one refusal of a number, once it is there."""
    async with asyncio.timeout(NET_S):
        while not (mine := [call for call in (await refused(rig))["newest"] if call["number"] == number]):
            await asyncio.sleep(0.05)
    assert len(mine) == 1
    return mine[0]


async def added_meanwhile(rig: Rig, before: dict[str, Any], number: str) -> int:
    """Return how many refusals there are beyond `before` and one that is made now; all earlier ones have landed."""
    marker = f"9{number}"
    assert (await send(rig, "uac_bad_codec.xml", rig.centre.trunk_hosts["telco"], marker)).ok
    await refusal_of(rig, marker)
    total: int = (await refused(rig))["total"]
    return total - before["total"] - 1


async def test_no_codec_in_common_is_488_and_counted_with_its_number_and_no_incident(rig: Rig, number: str) -> None:
    before = await refused(rig)
    telco = rig.centre.trunk_hosts["telco"]
    assert (await send(rig, "uac_bad_codec.xml", telco, number)).ok
    call = await refusal_of(rig, number)
    alike = {"status": 488, "reason": "Not Acceptable Here", "trunk": "telco", "source": telco}
    assert {name: call[name] for name in alike} == alike
    assert call["node"] == rig.centre.settings.node
    after = await refused(rig)
    assert after["total"] == before["total"] + 1
    mine = [c for c in after["counts"] if {name: c[name] for name in alike} == alike]
    assert [c["last_at"] for c in mine] == [call["at"]]
    assert await rig.centre.incidents(number) == []


async def test_many_refusals_at_once_are_all_counted(rig: Rig, number: str) -> None:
    before = await refused(rig)
    telco = rig.centre.trunk_hosts["telco"]
    assert (await send(rig, "uac_bad_codec.xml", telco, number, calls=100, rate=100)).ok
    assert await added_meanwhile(rig, before, number) == 100


async def test_a_number_that_is_not_served_is_404_and_counted_for_its_trunk(rig: Rig, number: str) -> None:
    await send(rig, "uac_bad_codec.xml", rig.centre.trunk_hosts["damkar"], number, number="*99")
    call = await refusal_of(rig, number)
    assert (call["status"], call["reason"], call["trunk"]) == (404, "Not Found", "damkar")


async def test_calls_that_reach_the_dialplan_are_not_counted_whatever_ends_them(rig: Rig, number: str) -> None:
    before = await refused(rig)
    await rig.damkar.behave(Reject(486))
    call = await rig.press(number, "1")
    agency = await rig.bpbd.until_incoming()
    await talk(call, agency, CALLER, BPBD)
    await call.hangup()
    await rig.centre.incident_of(number)
    assert await added_meanwhile(rig, before, number) == 0


async def test_a_caller_who_gives_up_before_the_answer_is_not_counted(rig: Rig, number: str) -> None:
    before = await refused(rig)
    assert (await send(rig, "uac_cancel.xml", rig.centre.trunk_hosts["early"], number)).ok
    await rig.centre.incident_of(number)
    assert await added_meanwhile(rig, before, number) == 0


async def test_an_unanswered_call_that_the_pbx_ends_is_not_counted(rig: Rig, number: str) -> None:
    # Early media: hung up inside the dialplan, its INVITE is answered with 603, and its incident is there.
    before = await refused(rig)
    running = asyncio.create_task(send(rig, "uac_hostile_name.xml", rig.centre.trunk_hosts["early"], number))
    async with asyncio.timeout(NET_S):
        while not [c for c in await rig.centre.live() if c["number"] == number and c["stage"] == "menu"]:
            await asyncio.sleep(0.05)
    await rig.centre.pbx.rx("channel request hangup all")
    assert "603" in (await running).errors
    await rig.centre.incident_of(number)
    assert await added_meanwhile(rig, before, number) == 0


async def test_a_stranger_who_is_asked_for_a_password_and_gives_none_is_counted_with_his_address(
    rig: Rig, number: str
) -> None:
    stranger = rig.centre.addresses.host(77)
    assert "401" in (await send(rig, "uac_bad_codec.xml", stranger, number)).errors
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(NET_S):
        while not found:  # it is noticed when the PBX hears of anybody, some seconds later
            await send(rig, "uac_bad_codec.xml", rig.centre.trunk_hosts["telco"], f"9{number}")
            found = [call for call in (await refused(rig))["newest"] if call["number"] == number]
    assert [(call["status"], call["source"], call["trunk"]) for call in found] == [(401, stranger, None)]
    await added_meanwhile(rig, await refused(rig), f"5{number}")  # so that all of these have landed


async def test_an_operator_who_proves_who_he_is_is_not_counted(rig: Rig, number: str) -> None:
    before = await refused(rig)
    await rig.op1.register()
    call = await rig.op1.dial(rig.centre.number)
    await call.until_answered()
    await call.hangup()
    assert await added_meanwhile(rig, before, number) == 0


@pytest.mark.parametrize("how", ["away", "hanging"])
async def test_a_service_that_takes_no_copies_disturbs_no_call_and_what_it_missed_is_not_counted(
    rig: Rig, number: str, how: str
) -> None:
    telco = rig.centre.trunk_hosts["telco"]
    before = await refused(rig)
    if how == "away":
        assert await rig.centre.stop_service() == 0
    else:
        rig.centre.pause_service()
    try:
        # More than the kernel keeps for a reader that hangs (net.core.rmem_default is 200 kB or so).
        result = await send(rig, "uac_bad_codec.xml", telco, number, calls=300, rate=100)
        call = await rig.caller.dial(rig.centre.number, user=number)
        await call.until_answered()
        await call.hangup()
    finally:
        if how == "away":
            await rig.centre.start_service()
        else:
            rig.centre.resume_service()
    assert result.ok, result.errors
    assert max(result.response_s) < DISTURBED_S
    assert [line for line in rig.centre.pbx.complaints() if "HEP" in line or "hep" in line] == []
    assert await added_meanwhile(rig, before, number) in ({0} if how == "away" else range(1, 301))
