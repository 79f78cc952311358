"""The menu: what a caller may press, and what happens when he does not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from demo.softphone import RingOnly
from tests.pbx.rig import CALLER, DAMKAR, OP1, Rig, talk, until
from tests.pbx.test_agency import call_of, results

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_no_input_ends_at_an_operator(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    call = await rig.call(number)
    operator = await rig.op1.until_incoming()
    await talk(call, operator, CALLER, OP1)
    await call.hangup()
    incident = await rig.centre.incident_of(number)
    assert call_of(incident)["choice"] == "silent"
    assert incident["state"] == "with_operator"


async def test_wrong_digits_end_at_an_operator(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    call = await rig.press(number, "*")
    pressed = time.monotonic()
    await call.until_hears_speech(since=pressed + 0.5)
    await call.digits("*")
    operator = await rig.op1.until_incoming()
    await talk(call, operator, CALLER, OP1)
    await call.hangup()
    assert call_of(await rig.centre.incident_of(number))["choice"] == "wrong"


async def test_0_is_an_operator(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    call = await rig.press(number, "0")
    operator = await rig.op1.until_incoming()
    await talk(call, operator, CALLER, OP1)
    await call.hangup()
    assert call.report().tones == {OP1}
    assert operator.report().tones == {CALLER}
    assert call_of(await rig.centre.incident_of(number))["choice"] == "operator"


async def test_of_two_digits_pressed_fast_the_first_counts(rig: Rig, number: str) -> None:
    call = await rig.call(number)
    await call.digits("12", fast=True)
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    assert (await rig.centre.incident_of(number))["category"] == "fire"


async def test_switch_digit_replays_the_menu_in_english_and_the_choice_counts(rig: Rig, number: str) -> None:
    call = await rig.press(number, "9")
    await call.digits("1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    stored = call_of(await rig.centre.incident_of(number))
    assert (stored["language"], stored["facts"]["language"], stored["category"]) == ("en", "en", "fire")


async def test_hanging_up_in_the_menu_is_an_abandoned_call_with_number_and_time(rig: Rig, number: str) -> None:
    call = await rig.call(number)
    await call.hangup()
    incident = await rig.centre.incident_of(number)
    stored = call_of(incident)
    assert (incident["state"], incident["outcome"], incident["callback"]) == ("abandoned", "abandoned", True)
    assert (stored["stage"], stored["number"], stored["human_at"]) == ("menu", number, None)
    assert stored["ended_at"] > stored["opened_at"]


async def test_no_operator_on_duty_takes_a_message_for_a_call_back(rig: Rig, number: str) -> None:
    await rig.seluler.behave(RingOnly())
    spool: Path = rig.centre.settings.recordings_dir
    before = set(spool.iterdir())
    call = await rig.press(number, "0")
    await call.until_hears_speech()
    await until(lambda: any(p.stat().st_size > 40_000 for p in set(spool.iterdir()) - before))
    await call.digits("#")
    await call.until_ended()
    incident = await rig.centre.incident_of(number)
    stored = call_of(incident)
    assert (incident["outcome"], incident["callback"]) == ("recorded", True)
    assert results(incident) == [("operators", "nobody"), ("operators", "nobody"), ("message", "recorded")]
    assert (spool / stored["recording"]).stat().st_size > 40_000


async def test_hanging_up_while_leaving_a_message_keeps_the_message(rig: Rig, number: str) -> None:
    spool: Path = rig.centre.settings.recordings_dir
    before = set(spool.iterdir())
    call = await rig.press(number, "0")
    await until(lambda: any(p.stat().st_size > 40_000 for p in set(spool.iterdir()) - before))
    await call.hangup()
    incident = await rig.centre.incident_of(number)
    assert (incident["outcome"], incident["callback"]) == ("recorded", True)
    assert (spool / call_of(incident)["recording"]).exists()
