"""An operator passes a live call on: *2 and a digit of the menu. Whatever he presses, the caller is never lost."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from demo.softphone import PhoneCall, RingOnly, Softphone
from tests.pbx.rig import BPBD, CALLER, DAMKAR, OP1, OP2, Rig, talk, until
from tests.pbx.test_agency import call_of, longest_silence_s, results

pytestmark = pytest.mark.asyncio(loop_scope="session")

TONES = {"op1": OP1, "op2": OP2}


async def on_duty(rig: Rig, *operators: str) -> None:
    """Have these operators' telephones registered and rung."""
    await rig.on_duty(*(rig.op1 if key == "op1" else rig.op2 for key in operators))
    for key in operators:
        for queue in ("operators", "operators.last"):
            await rig.centre.pbx.rx(
                f"queue add member PJSIP/{key} to {queue} penalty 0 as {key} state_interface PJSIP/{key}"
            )


async def with_operator(rig: Rig, number: str, phone: Softphone | None = None) -> tuple[PhoneCall, PhoneCall]:
    """Return a call that talks with an operator, and the operator's side of it."""
    taker = phone or rig.op1
    call = await rig.press(number, "0")
    operator = await taker.until_incoming()
    await talk(call, operator, CALLER, TONES[taker.name])
    return call, operator


async def ended_lines(rig: Rig, incident: dict[str, Any]) -> list[str]:
    """Return what the journal says of the end of the incident's call."""
    marked = f"1|ended|{call_of(incident)['id']}|"
    files = sorted(rig.centre.settings.journal_dir.glob("*.log"))
    return [line for file in files for line in file.read_text().splitlines() if line.startswith(marked)]


async def test_operator_passes_his_caller_on_and_is_free(rig: Rig, number: str) -> None:
    await on_duty(rig, "op1")
    call, operator = await with_operator(rig, number)
    await operator.digits("*2")
    await operator.until_hears_speech()
    await operator.digits("1")
    agency = await rig.damkar.until_incoming()
    await operator.until_ended()
    told = await agency.until_hears_speech()
    joined = await call.until_hears(DAMKAR)
    await agency.until_hears(CALLER)
    assert told < joined
    assert longest_silence_s(call, joined) < 2.5
    next_call, next_operator = await with_operator(rig, f"{number}1")
    await asyncio.gather(call.hangup(), next_call.hangup())
    await next_operator.until_ended()

    incident = await rig.centre.incident_of(number)
    stored = call_of(incident)
    assert results(incident) == [("operators", "talked"), ("damkar/piket", "talked")]
    assert [attempt["by"] for attempt in stored["attempts"]] == ["op1", "trunk-damkar"]
    assert (incident["category"], stored["choice"], stored["route"]) == ("fire", "1", "fire")
    assert (incident["state"], stored["outcome"]) == ("with_agency", "talked")
    kinds = [event["kind"] for event in incident["timeline"]]
    assert kinds == ["opened", "routed", "joined", "routed", "joined", "ended"]
    (line,) = await ended_lines(rig, incident)
    assert "|passed=op1|cut=0|" in line


@pytest.mark.parametrize("pressed", ["*29", "*20", "*2", "*2*"], ids=["no plan", "operator", "nothing", "a star"])
async def test_digit_without_a_plan_joins_the_two_again(rig: Rig, number: str, pressed: str) -> None:
    await on_duty(rig, "op1")
    call, operator = await with_operator(rig, number)
    await operator.digits(pressed)
    await operator.until_hears_speech()
    await call.until_stops_hearing(OP1)
    again = time.monotonic()
    await call.until_hears(OP1, since=again)
    await operator.until_hears(CALLER, since=again)
    await call.hangup()
    await operator.until_ended()
    incident = await rig.centre.incident_of(number)
    assert results(incident) == [("operators", "talked")]
    (line,) = await ended_lines(rig, incident)
    assert "|passed=|" in line


async def test_operator_may_take_his_time_between_star_and_two(rig: Rig, number: str) -> None:
    await on_duty(rig, "op1")
    call, operator = await with_operator(rig, number)
    await operator.digits("*")
    await asyncio.sleep(2.0)  # the pause of the person who looks for the next key is what is tried here
    await operator.digits("22")
    agency = await rig.bpbd.until_incoming()
    await talk(call, agency, CALLER, BPBD)
    await call.hangup()
    assert results(await rig.centre.incident_of(number)) == [("operators", "talked"), ("bpbd/piket", "talked")]


async def test_two_digits_reach_the_plan_behind_a_second_menu(rig: Rig, number: str) -> None:
    await on_duty(rig, "op1")
    call, operator = await with_operator(rig, number)
    channels = (await rig.centre.pbx.rx("core show channels concise")).splitlines()
    (callers,) = [line.split("!")[0] for line in channels if line.startswith("PJSIP/trunk-telco-")]
    plan = "plan,1,inner,5,flood,told-unknown!dial,PJSIP/117@trunk-bpbd,3,n,bpbd/piket!record,5"
    await rig.centre.pbx.rx(f'dialplan set chanvar {callers} CR_PLAN_93 "{plan}"')
    await operator.digits("*293")
    agency = await rig.bpbd.until_incoming()
    await talk(call, agency, CALLER, BPBD)
    await call.hangup()
    stored = call_of(await rig.centre.incident_of(number))
    assert (stored["choice"], stored["route"], stored["plan"]) == ("93", "inner", plan)


async def test_agency_that_does_not_answer_gives_the_caller_back_to_the_operators(rig: Rig, number: str) -> None:
    await on_duty(rig, "op1")
    call, operator = await with_operator(rig, number)
    await rig.off(rig.bpbd)
    await operator.digits("*22")
    rung = await rig.bpbd.until_incoming()
    again = await rig.op1.until_incoming()
    await talk(call, again, CALLER, OP1)
    await rung.until_ended()
    await again.digits("*21")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    incident = await rig.centre.incident_of(number)
    assert results(incident) == [
        ("operators", "talked"), ("bpbd/piket", "noanswer"), ("operators", "talked"), ("damkar/piket", "talked"),
    ]  # fmt: skip
    assert len(await ended_lines(rig, incident)) == 1


async def test_calls_are_passed_on_while_the_service_is_away(rig: Rig, number: str) -> None:
    await on_duty(rig, "op1")
    call, operator = await with_operator(rig, number)
    await rig.centre.kill_service()
    try:
        await operator.digits("*21")
        agency = await rig.damkar.until_incoming()
        await talk(call, agency, CALLER, DAMKAR)
        await call.hangup()
        await agency.until_ended()
    finally:
        await rig.centre.start_service()
    incident = await rig.centre.incident_of(number)
    assert results(incident) == [("operators", "talked"), ("damkar/piket", "talked")]
    assert (incident["category"], call_of(incident)["path"]) == ("fire", "service")


async def test_agency_that_leaves_first_gives_the_caller_his_way_back(rig: Rig, number: str) -> None:
    await on_duty(rig, "op1")
    call, operator = await with_operator(rig, number)
    await operator.digits("*21")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await asyncio.sleep(rig.centre.settings.timers.short_talk_s)  # a talk, not a line that fell at once
    await agency.hangup()
    await call.until_hears_speech(since=time.monotonic() + 0.2)
    await call.digits("0")
    again = await rig.op1.until_incoming()
    await talk(call, again, CALLER, OP1)
    await call.hangup()
    incident = await rig.centre.incident_of(number)
    assert results(incident)[:2] == [("operators", "talked"), ("damkar/piket", "talked")]
    assert (incident["category"], call_of(incident)["attempts"][-1]["by"]) == ("fire", "op1")


async def test_caller_who_hangs_up_while_the_operator_chooses_is_one_ended_call(rig: Rig, number: str) -> None:
    await on_duty(rig, "op1")
    call, operator = await with_operator(rig, number)
    await operator.digits("*2")
    await operator.until_hears_speech()
    await call.hangup()
    incident = await rig.centre.incident_of(number)
    assert results(incident) == [("operators", "talked")]
    assert len(await ended_lines(rig, incident)) == 1
    await operator.until_ended()


async def test_operator_who_hangs_up_while_he_chooses_leaves_no_caller_behind(rig: Rig, number: str) -> None:
    await on_duty(rig, "op1")
    call, operator = await with_operator(rig, number)
    await asyncio.sleep(rig.centre.settings.timers.short_talk_s)  # a talk, not a line that fell at once
    await operator.digits("*2")
    await operator.until_hears_speech()
    heard = time.monotonic()
    await operator.hangup()
    await call.until_hears_speech(since=heard + 0.2)
    assert not call.ended
    await call.hangup()
    assert results(await rig.centre.incident_of(number)) == [("operators", "talked")]


async def test_caller_cannot_pass_himself_on(rig: Rig, number: str) -> None:
    await on_duty(rig, "op1")
    call, operator = await with_operator(rig, number)
    await call.digits("*21")
    await operator.until_digits("*21")
    since = time.monotonic()
    await call.until_hears(OP1, since=since)
    assert not operator.ended
    assert rig.damkar.calls == [] or all(one.ended for one in rig.damkar.calls)
    await call.hangup()
    assert results(await rig.centre.incident_of(number)) == [("operators", "talked")]


async def test_first_to_answer_passes_on_and_his_colleague_is_left_alone(rig: Rig, number: str) -> None:
    await on_duty(rig, "op1", "op2")
    await rig.op1.behave(RingOnly())
    call, operator = await with_operator(rig, number, rig.op2)
    await operator.digits("*21")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await until(lambda: all(one.ended for one in rig.op1.calls))
    await call.hangup()
    (line,) = await ended_lines(rig, await rig.centre.incident_of(number))
    assert "|passed=op2|" in line
