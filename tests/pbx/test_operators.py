"""Operators: the queue, its end, and calls that do not come from citizens."""

from __future__ import annotations

import asyncio

import pytest

from demo.softphone import NET_S, RingOnly
from tests.pbx.rig import BPBD, CALLER, DAMKAR, OP1, OP2, Rig, talk, until
from tests.pbx.test_agency import call_of, results

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_operators_ring_together_and_the_first_to_answer_has_the_call(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1, rig.op2)
    await rig.off(rig.op1)
    call = await rig.press(number, "0")
    ringing = await rig.op1.until_incoming()
    operator = await rig.op2.until_incoming()
    await talk(call, operator, CALLER, OP2)
    await ringing.until_ended()
    await call.hangup()
    assert call_of(await rig.centre.incident_of(number))["attempts"][0]["by"] == "op2"


async def test_operator_dialling_112_is_a_real_call_and_is_not_rung_for_it(rig: Rig) -> None:
    await rig.on_duty(rig.op1, rig.op2)
    call = await rig.op1.dial(rig.centre.number)
    await call.until_answered()
    await call.until_hears_speech()
    await call.digits("0")
    operator = await rig.op2.until_incoming()
    await talk(call, operator, OP1, OP2)
    assert rig.op1.calls[-1] is call
    await call.hangup()
    stored = call_of(await rig.centre.incident_of("op1"))
    assert (stored["origin"], stored["trunk"]) == ("operator", "op1")


async def test_call_from_an_agency_gets_operators_at_once_and_never_its_own_trunk(rig: Rig) -> None:
    await rig.on_duty(rig.op1)
    rung_before = len(rig.damkar.calls)
    call = await rig.damkar.dial(rig.centre.number, user="0341777")
    operator = await rig.op1.until_incoming()
    await talk(call, operator, DAMKAR, OP1)
    assert len(rig.damkar.calls) == rung_before + 1
    await call.hangup()
    incident = await rig.centre.incident_of("0341777")
    stored = call_of(incident)
    assert (stored["origin"], stored["trunk"], stored["chosen_at"]) == ("agency", "damkar", None)
    assert results(incident) == [("operators", "talked")]


@pytest.mark.parametrize("user", ["112", "0341112", "+62341112", "sos", "s"])
async def test_whatever_number_a_trunk_gives_leads_to_the_emergency_number(rig: Rig, number: str, user: str) -> None:
    where = rig.centre.number.replace("sip:112@", f"sip:{user}@")
    for phone in (rig.caller, rig.damkar):
        call = await phone.dial(where, user=number)
        await call.until_answered()
        await call.hangup()
        await call.until_ended()
    async with asyncio.timeout(NET_S):
        while len([i for i in await rig.centre.incidents(number) if i["outcome"]]) < 2:
            await asyncio.sleep(0.05)


async def test_full_queue_goes_to_its_next_step_and_an_ambulance_overtakes_a_street_light(
    rig: Rig, number: str
) -> None:
    await rig.on_duty(rig.op1)
    talking = await rig.press(number, "5")
    first = await rig.op1.until_incoming()
    await talk(talking, first, CALLER, OP1)

    light = await rig.press(f"{number}1", "5")
    await _waiting(rig, 1)
    third = await rig.press(f"{number}2", "5")
    agency = await rig.bpbd.until_incoming()
    await talk(third, agency, CALLER, BPBD)
    ambulance = await rig.press(f"{number}3", "3")
    await _waiting(rig, 2)

    await rig.op1.behave(RingOnly())
    await talking.hangup()
    next_one = await rig.op1.until_incoming()
    assert next_one.remote.number == f"{number}3"
    await next_one.answer()
    await talk(ambulance, next_one, CALLER, OP1)
    assert not light.ended
    await asyncio.gather(third.hangup(), light.hangup(), ambulance.hangup())
    assert results(await rig.centre.incident_of(f"{number}2")) == [("small", "full"), ("bpbd/piket", "talked")]


async def _waiting(rig: Rig, callers: int) -> None:
    async with asyncio.timeout(NET_S):
        while f"has {callers} calls" not in await rig.centre.pbx.rx("queue show small"):
            await asyncio.sleep(0.05)


async def test_waiting_caller_may_leave_a_message_at_any_time(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    await rig.off(rig.op1)
    call = await rig.press(number, "0")
    await rig.op1.until_incoming()
    spool = rig.centre.settings.recordings_dir
    before = set(spool.iterdir())
    async with asyncio.timeout(NET_S):
        while "has 1 calls" not in await rig.centre.pbx.rx("queue show operators.last"):
            await asyncio.sleep(0.05)
    await call.digits("1")
    await until(lambda: any(p.stat().st_size > 40_000 for p in set(spool.iterdir()) - before))
    await call.hangup()
    incident = await rig.centre.incident_of(number)
    assert results(incident)[1:] == [("operators", "left"), ("message", "left")]
    assert incident["outcome"] == "recorded"


async def test_early_media_trunk_hears_the_menu_before_the_answer(rig: Rig, number: str) -> None:
    phone = rig.early
    call = await phone.dial(rig.centre.number, user=number)
    await call.until_hears_speech()
    assert call.report().answered_s is None
    await call.digits("1")
    agency = await rig.damkar.until_incoming()
    await call.until_answered()
    await talk(call, agency, 1000, DAMKAR)
    await call.hangup()
    stored = call_of(await rig.centre.incident_of(number))
    assert stored["category"] == "fire"


async def test_withheld_number_is_an_incident_without_a_number(rig: Rig) -> None:
    call = await rig.caller.dial(rig.centre.number, withheld=True)
    await call.until_hears_speech()
    await call.digits("1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    stored = call_of(await rig.centre.incident_of(None))
    assert (stored["trunk"], stored["number"], stored["outcome"]) == ("telco", None, "talked")


async def test_operator_who_unregisters_is_not_rung_any_more(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1, rig.op2)
    await rig.op1.unregister()
    await rig.centre.until_reachable("op1", reachable=False)
    before = len(rig.op1.calls)
    call = await rig.press(number, "0")
    operator = await rig.op2.until_incoming()
    await talk(call, operator, CALLER, OP2)
    await call.hangup()
    await rig.centre.incident_of(number)
    assert len(rig.op1.calls) == before
