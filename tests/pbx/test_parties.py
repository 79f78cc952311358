"""Agencies are added to a talk over REST: three who hear each other, whoever of them leaves first, and no service."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from demo.softphone import NET_S, PhoneCall, Reject, RingOnly
from tests.pbx.rig import BPBD, CALLER, DAMKAR, OP1, OP2, Rig, talk
from tests.pbx.test_agency import call_of, results

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNHEARD_S = 2.5
"""The longest silence that a caller may hear."""


async def with_operator(rig: Rig, number: str) -> tuple[PhoneCall, PhoneCall, str]:
    """Return a caller, the operator he talks with, and the path of his call."""
    await rig.on_duty(rig.op1)
    call = await rig.press(number, "0")
    operator = await rig.op1.until_incoming()
    await talk(call, operator, CALLER, OP1)
    async with asyncio.timeout(NET_S):
        while not (found := [live for live in await rig.centre.live() if live["stage"] == "talking"]):
            await asyncio.sleep(0.05)
    return call, operator, f"/api/v1/calls/{found[0]['call']}"


async def added(rig: Rig, path: str, agency: str) -> str:
    """Add an agency to the talk; return the path of the party."""
    status, _, made = await rig.centre.ask("POST", f"{path}/parties", {"agency": agency})
    assert (status, made.get("agency"), made.get("state")) == (201, agency, "ringing"), made
    return f"{path}/parties/{made['id']}"


async def hear_each_other(*heard: tuple[PhoneCall, int]) -> None:
    """All of these hear all of the others, from now on."""
    now = time.monotonic() + 0.3
    await asyncio.gather(
        *(one.until_hears(tone, since=now) for one, _ in heard for other, tone in heard if one is not other)
    )


async def three(rig: Rig, number: str) -> tuple[PhoneCall, PhoneCall, PhoneCall, str]:
    """Return caller, operator and agency, who talk together, and the path of the call."""
    call, operator, path = await with_operator(rig, number)
    await added(rig, path, "damkar")
    agency = await rig.damkar.until_incoming()
    await hear_each_other((call, CALLER), (operator, OP1), (agency, DAMKAR))
    return call, operator, agency, path


async def parties(rig: Rig, path: str) -> list[tuple[str, str]]:
    """Return who was added and is there."""
    _, shown = await rig.centre.get(f"{path}/parties")
    return [(one["agency"], one["state"]) for one in shown["items"]]


async def with_whom(rig: Rig) -> list[str]:
    """Return who talks, as the board has it."""
    (live,) = await rig.centre.live()
    assert live["stage"] == "talking"
    return list(live["with_whom"])


async def until_with(rig: Rig, *endpoints: str) -> None:
    """Wait until the board shows that these talk."""
    shown: list[str] = []
    try:
        async with asyncio.timeout(NET_S):
            while (shown := await with_whom(rig)) != list(endpoints):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"the board shows {shown}") from None


def quiet(call: PhoneCall, since: float) -> float:
    """Return the longest silence of a call that began behind `since`."""
    now = time.monotonic()
    return max(
        [(s.to_s or now) - max(s.from_s, since) for s in call.report().silences if (s.to_s or now) > since] or [0.0]
    )


async def attempts(rig: Rig, number: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the one incident of a number that has ended, and what was tried for its call."""
    incident = await rig.centre.incident_of(number)
    assert len(await rig.centre.incidents(number)) == 1
    return incident, results(incident)


async def test_operator_introduces_the_agency_and_leaves(rig: Rig, number: str) -> None:
    call, operator, path = await with_operator(rig, number)
    begun = time.monotonic()
    await rig.damkar.behave(RingOnly())
    await added(rig, path, "damkar")
    await hear_each_other((call, CALLER), (operator, OP1))  # while it rings
    assert await parties(rig, path) == [("damkar", "ringing")]
    agency = await rig.damkar.until_incoming()
    await agency.answer()
    await hear_each_other((call, CALLER), (operator, OP1), (agency, DAMKAR))
    await until_with(rig, "op1", "trunk-damkar")
    await operator.hangup()
    await hear_each_other((call, CALLER), (agency, DAMKAR))
    await until_with(rig, "trunk-damkar")
    assert quiet(call, begun) < UNHEARD_S
    await call.hangup()
    await agency.until_ended()
    incident, tried = await attempts(rig, number)
    assert tried == [("operators", "talked"), ("damkar/piket", "talked")]
    first, second = call_of(incident)["attempts"]
    assert (first["by"], second["by"]) == ("op1", "trunk-damkar")
    assert first["human_at"] < second["begun_at"] < second["human_at"] < first["ended_at"] < second["ended_at"]
    assert call_of(incident)["human_at"] == first["human_at"]
    assert incident["state"] == "with_agency"
    assert [one["agency"] for one in incident["agencies"]] == ["damkar"]


async def test_caller_and_operator_go_on_when_the_agency_hangs_up(rig: Rig, number: str) -> None:
    call, operator, agency, path = await three(rig, number)
    await asyncio.sleep(rig.centre.settings.timers.short_talk_s)  # a talk, not a line that fell at once
    begun = time.monotonic()
    await agency.hangup()
    await hear_each_other((call, CALLER), (operator, OP1))
    await until_with(rig, "op1")
    assert await parties(rig, path) == []
    assert quiet(call, begun) < UNHEARD_S
    await call.hangup()
    await operator.until_ended()
    incident, tried = await attempts(rig, number)
    assert tried == [("operators", "talked"), ("damkar/piket", "talked")]
    assert [one["agency"] for one in incident["agencies"]] == ["damkar"]


async def test_all_end_with_the_caller(rig: Rig, number: str) -> None:
    call, operator, agency, _ = await three(rig, number)
    await call.hangup()
    await asyncio.gather(operator.until_ended(), agency.until_ended())
    assert (await attempts(rig, number))[1] == [("operators", "talked"), ("damkar/piket", "talked")]
    await rig.until_live()


async def test_talk_goes_on_without_the_service_and_the_operator_may_leave(rig: Rig, number: str) -> None:
    call, operator, path = await with_operator(rig, number)
    begun = time.monotonic()
    await rig.damkar.behave(RingOnly())
    await added(rig, path, "damkar")
    agency = await rig.damkar.until_incoming()
    await rig.centre.kill_service()
    try:
        await agency.answer()
        await hear_each_other((call, CALLER), (operator, OP1), (agency, DAMKAR))
        await rig.centre.start_service()
        await until_with(rig, "op1", "trunk-damkar")
        assert await parties(rig, path) == [("damkar", "talking")]
        await rig.centre.kill_service()
        await operator.hangup()
        await hear_each_other((call, CALLER), (agency, DAMKAR))
        assert quiet(call, begun) < UNHEARD_S
        await call.hangup()
        await agency.until_ended()
    finally:
        await rig.centre.start_service()
    incident, tried = await attempts(rig, number)
    assert tried == [("operators", "talked"), ("damkar/piket", "talked")]
    assert [one["agency"] for one in incident["agencies"]] == ["damkar"]


async def test_second_agency_talks_on_with_the_caller_when_operator_and_first_agency_have_left(
    rig: Rig, number: str
) -> None:
    call, operator, agency, path = await three(rig, number)
    await added(rig, path, "bpbd")
    other = await rig.bpbd.until_incoming()
    await hear_each_other((call, CALLER), (operator, OP1), (agency, DAMKAR), (other, BPBD))
    status, _, problem = await rig.centre.ask("POST", f"{path}/parties", {"agency": "bpbd"})
    assert (status, problem["code"]) == (409, "party_there")
    await operator.hangup()
    await hear_each_other((call, CALLER), (agency, DAMKAR), (other, BPBD))
    first = (await with_whom(rig))[0]
    stays, tone, leaves = (agency, DAMKAR, other) if first == "trunk-bpbd" else (other, BPBD, agency)
    begun = time.monotonic()
    await leaves.hangup()
    await hear_each_other((call, CALLER), (stays, tone))
    assert quiet(call, begun) < UNHEARD_S
    await call.hangup()
    await stays.until_ended()
    incident, tried = await attempts(rig, number)
    assert tried[0] == ("operators", "talked")
    assert {label for label, _ in tried} == {"operators", "damkar/piket", "bpbd/piket"}
    assert {one["agency"] for one in incident["agencies"]} == {"damkar", "bpbd"}


async def test_operator_who_leaves_too_early_leaves_the_caller_with_a_way_on(rig: Rig, number: str) -> None:
    call, operator, path = await with_operator(rig, number)
    await rig.damkar.behave(RingOnly())
    await added(rig, path, "damkar")
    agency = await rig.damkar.until_incoming()
    assert agency.report().remote.number == number
    await asyncio.sleep(rig.centre.settings.timers.short_talk_s)  # else the call goes on as if nobody had answered
    begun = time.monotonic()
    await operator.hangup()
    await call.until_hears_speech(since=begun)  # 0 for an operator
    await agency.answer()
    await agency.until_ended()
    await call.hangup()
    assert quiet(call, begun) < UNHEARD_S
    tried = (await attempts(rig, number))[1]
    assert tried == [("operators", "talked"), ("damkar/piket", "short")]


async def test_agency_is_taken_out_while_it_rings_and_while_it_talks(rig: Rig, number: str) -> None:
    call, operator, path = await with_operator(rig, number)
    await rig.damkar.behave(RingOnly())
    party = await added(rig, path, "damkar")
    agency = await rig.damkar.until_incoming()
    assert (await rig.centre.ask("DELETE", party))[0] == 204
    await agency.until_ended()
    await hear_each_other((call, CALLER), (operator, OP1))
    await until_nobody(rig, path)
    party = await added(rig, path, "bpbd")
    other = await rig.bpbd.until_incoming()
    await hear_each_other((call, CALLER), (operator, OP1), (other, BPBD))
    await asyncio.sleep(rig.centre.settings.timers.short_talk_s)
    assert (await rig.centre.ask("DELETE", party))[0] == 204
    await other.until_ended()
    await hear_each_other((call, CALLER), (operator, OP1))
    await until_nobody(rig, path)
    status, _, problem = await rig.centre.ask("DELETE", party)
    assert (status, problem["code"]) == (404, "party_unknown")
    await call.hangup()
    tried = (await attempts(rig, number))[1]
    assert tried == [("operators", "talked"), ("damkar/piket", "left"), ("bpbd/piket", "talked")]


async def test_operator_of_three_passes_his_caller_on_by_his_telephone_and_the_agency_goes(
    rig: Rig, number: str
) -> None:
    call, operator, agency, _ = await three(rig, number)
    await asyncio.sleep(rig.centre.settings.timers.short_talk_s)  # a talk, not a line that fell at once
    begun = time.monotonic()
    await operator.digits("*2")
    await operator.until_hears_speech(since=begun)
    await operator.digits("2")
    other = await rig.bpbd.until_incoming()
    await asyncio.gather(agency.until_ended(), operator.until_ended())
    await talk(call, other, CALLER, BPBD)
    assert quiet(call, begun) < UNHEARD_S
    await call.hangup()
    tried = (await attempts(rig, number))[1]
    assert sorted(tried) == [("bpbd/piket", "talked"), ("damkar/piket", "talked"), ("operators", "talked")]


async def test_agency_that_cannot_be_had_disturbs_nobody(rig: Rig, number: str) -> None:
    await rig.damkar.behave(Reject(486))
    call, operator, path = await with_operator(rig, number)
    begun = time.monotonic()
    await added(rig, path, "damkar")
    await until_nobody(rig, path)
    await added(rig, path, "mati")  # nobody is there
    await until_nobody(rig, path)
    await hear_each_other((call, CALLER), (operator, OP1))
    assert quiet(call, begun) < UNHEARD_S
    status, _, problem = await rig.centre.ask("POST", f"{path}/parties", {"agency": "nobody"})
    assert (status, problem["code"]) == (422, "body_invalid")
    await call.hangup()
    incident, tried = await attempts(rig, number)
    assert tried == [("operators", "talked"), ("damkar/piket", "busy"), ("mati/piket", "unavailable")]
    assert call_of(incident)["attempts"][1]["cause"].startswith("SIP 486")
    assert incident["state"] == "with_operator"
    assert incident["agencies"] == []


async def test_caller_is_passed_on_cold_to_a_colleague_and_to_an_agency(rig: Rig, number: str) -> None:
    call, operator, path = await with_operator(rig, number)
    await rig.on_duty(rig.op2)
    token = await operators_token(rig, "op2")
    status, _, problem = await rig.centre.ask("POST", f"{path}/pass", {"operator": "op2"}, token=token)
    assert (status, problem["code"]) == (403, "not_your_call")
    token = await operators_token(rig, "op1")
    begun = time.monotonic()
    assert (await rig.centre.ask("POST", f"{path}/pass", {"operator": "op2"}, token=token))[0] == 204
    await operator.until_ended()
    colleague = await rig.op2.until_incoming()
    await talk(call, colleague, CALLER, OP2)
    await until_with(rig, "op2")
    assert (await rig.centre.ask("POST", f"{path}/pass", {"agency": "damkar"}))[0] == 204
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    assert quiet(call, begun) < UNHEARD_S
    await call.hangup()
    incident, tried = await attempts(rig, number)
    assert tried == [("operators", "talked"), ("op2", "talked"), ("damkar/piket", "talked")]
    assert incident["state"] == "with_agency"
    status, _, problem = await rig.centre.ask("POST", f"{path}/pass", {"agency": "damkar"})
    assert (status, problem["code"]) == (404, "call_unknown")


async def until_nobody(rig: Rig, path: str) -> None:
    """Wait until nobody but caller and operator is there."""
    async with asyncio.timeout(NET_S):
        while await parties(rig, path):
            await asyncio.sleep(0.05)


async def operators_token(rig: Rig, operator: str) -> str:
    """Return a new token of an operator."""
    order = {"name": f"{operator}-parties", "role": "operator", "subject": operator, "days": 1}
    status, _, made = await rig.centre.ask("POST", "/api/v1/tokens", order)
    assert status == 201, made
    return str(made["token"])
