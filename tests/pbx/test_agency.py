"""The main road: a digit, an agency, a human; and what happens when the agency cannot be had."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

import pytest

from demo.softphone import NET_S, Answer, DeadPeer, Reject, RingOnly
from tests.pbx.rig import BPBD, CALLER, DAMKAR, OP1, SELULER, SUNYI, TOLD_S, Rig, sipp_command, talk
from tests.pbx.sipp import sipp_server

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE_S = 4.0
"""Not when somebody's time to ring is over, which is 5 s or more; a busy machine may take a while."""
SEEN_S = 0.8
"""What is told and what a telephone saw may differ by less than it takes to tell an agency what a call is about."""
LATE_S = 2.0
"""A busy machine is late with a time-out; the next longer one there is more than this away."""


def call_of(incident: dict[str, Any]) -> dict[str, Any]:
    """Return the one call of an incident."""
    (call,) = incident["calls"]
    return dict(call)


def results(incident: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what was tried, and what came of it."""
    return [(attempt["label"], attempt["result"]) for attempt in call_of(incident)["attempts"]]


def longest_silence_s(call: Any, until_s: float) -> float:
    """Return the longest silence that a caller heard between his answer and `until_s`."""
    gaps = [min(s.to_s or until_s, until_s) - s.from_s for s in call.report().silences if s.from_s < until_s]
    return max(gaps, default=0.0)


async def test_digit_during_the_prompt_brings_caller_and_agency_together(rig: Rig, number: str) -> None:
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    told = await agency.until_hears_speech()
    await talk(call, agency, CALLER, DAMKAR)
    assert told < await agency.until_hears(CALLER)
    await call.hangup()
    await agency.until_ended()

    assert call.report().tones == {DAMKAR}
    assert agency.report().tones == {CALLER}
    incident = await rig.centre.incident_of(number)
    assert (incident["state"], incident["category"], incident["callback"]) == ("with_agency", "fire", False)
    assert results(incident) == [("damkar/piket", "talked")]
    assert [event["kind"] for event in incident["timeline"]] == ["opened", "routed", "joined", "ended"]


async def test_times_of_the_incident_are_those_that_the_telephones_saw(rig: Rig, number: str) -> None:
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    joined = await call.until_hears(DAMKAR)
    await asyncio.sleep(0.5)  # who leaves within 0.2 s counts as one who met nobody (calls.lines)
    await call.hangup()
    await agency.until_ended()
    stored = call_of(await rig.centre.incident_of(number))
    report = call.report()

    def seen(monotonic_s: float | None) -> float:
        assert monotonic_s is not None
        return monotonic_s + report.wall_offset_s

    for name, at in (
        ("opened_at", report.invited_s),
        ("answered_at", report.answered_s),
        ("human_at", joined),
        ("ended_at", report.ended_s),
    ):
        assert datetime.fromisoformat(stored[name]).timestamp() == pytest.approx(seen(at), abs=SEEN_S), name


async def test_agency_busy_falls_to_its_alternate(rig: Rig, number: str) -> None:
    await rig.damkar.behave(Reject(486))
    call = await rig.press(number, "1")
    agency = await rig.bpbd.until_incoming()
    await talk(call, agency, CALLER, BPBD)
    await call.hangup()
    incident = await rig.centre.incident_of(number)
    assert results(incident) == [("damkar/piket", "busy"), ("bpbd/piket", "talked")]
    assert call_of(incident)["attempts"][0]["cause"].startswith("SIP 486")


async def test_dead_agency_is_given_up_after_the_no_progress_time(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    async with DeadPeer(rig.centre.trunk_hosts["mati"], 5060) as dead:
        call = await rig.press(number, "6")
        operator = await rig.op1.until_incoming()
        await talk(call, operator, CALLER, OP1)
        await call.hangup()
        assert dead.received > 0
    incident = await rig.centre.incident_of(number)
    first, second = call_of(incident)["attempts"]
    assert (first["result"], second["result"]) == ("unavailable", "talked")
    spent = datetime.fromisoformat(first["ended_at"]) - datetime.fromisoformat(first["begun_at"])
    assert 0 <= spent.total_seconds() - rig.centre.settings.timers.no_progress_s < LATE_S


async def test_agency_that_answers_without_a_sound_is_followed_by_the_next_step(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    host = rig.centre.trunk_hosts["sipp"]
    async with sipp_server("uas_mute.xml", host, 5060, prefix=sipp_command(rig)):
        call = await rig.press(number, "8")
        operator = await rig.op1.until_incoming()
        await talk(call, operator, CALLER, OP1)
        await call.hangup()
    incident = await rig.centre.incident_of(number)
    first, second = call_of(incident)["attempts"]
    assert (first["result"], first["human_at"], second["result"]) == ("mute", None, "talked")
    spent = datetime.fromisoformat(first["ended_at"]) - datetime.fromisoformat(first["pickup_at"])
    assert 0 <= spent.total_seconds() - rig.centre.settings.timers.first_media_s < LATE_S


async def test_progress_without_an_answer_ends_at_an_operator_and_the_caller_is_never_in_silence(
    rig: Rig, number: str
) -> None:
    await rig.on_duty(rig.op1)
    phone = rig.sunyi
    await phone.behave(RingOnly())
    call = await rig.press(number, "7")
    agency = await phone.until_incoming()
    operator = await rig.op1.until_incoming()
    joined = await call.until_hears(OP1)
    await operator.until_hears(CALLER)
    assert longest_silence_s(call, joined) < 2.5
    assert SUNYI not in call.report().tones
    await agency.until_ended()
    await call.hangup()
    assert results(await rig.centre.incident_of(number)) == [("sunyi/piket", "noanswer"), ("operators", "talked")]


async def test_ringing_out_ends_at_an_operator_and_the_caller_is_never_in_silence(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    await rig.off(rig.damkar, rig.bpbd)
    call = await rig.press(number, "1")
    operator = await rig.op1.until_incoming()
    joined = await call.until_hears(OP1)
    await operator.until_hears(CALLER)
    assert longest_silence_s(call, joined) < 2.5
    await call.hangup()
    assert results(await rig.centre.incident_of(number)) == [
        ("damkar/piket", "noanswer"),
        ("bpbd/piket", "noanswer"),
        ("operators", "talked"),
    ]


async def test_caller_hanging_up_frees_the_ringing_agency_at_once(rig: Rig, number: str) -> None:
    await rig.off(rig.damkar)
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    await call.hangup()
    left = (await call.until_ended()).ended_s
    freed = (await agency.until_ended()).ended_s
    assert left is not None
    assert freed is not None
    assert freed - left < AT_ONCE_S
    incident = await rig.centre.incident_of(number)
    assert (incident["state"], incident["outcome"], incident["callback"]) == ("abandoned", "abandoned", True)
    assert results(incident) == [("damkar/piket", "left")]


async def test_caller_hanging_up_frees_the_agency_that_is_being_told_at_once(rig: Rig, number: str) -> None:
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    await agency.until_hears_speech()
    await call.hangup()
    left = (await call.until_ended()).ended_s
    freed = (await agency.until_ended()).ended_s
    assert left is not None
    assert freed is not None
    assert freed - left < AT_ONCE_S
    incident = await rig.centre.incident_of(number)
    assert incident["outcome"] == "abandoned"
    assert call_of(incident)["human_at"] is None


@pytest.mark.parametrize("after_s", [0.1, TOLD_S + 0.5], ids=["while told", "when joined"])
async def test_agency_that_hangs_up_at_once_is_followed_by_the_next_step(
    rig: Rig, number: str, after_s: float
) -> None:
    await rig.damkar.behave(Answer(0.1, hangup_after_s=after_s))
    call = await rig.press(number, "1")
    agency = await rig.bpbd.until_incoming()
    await talk(call, agency, CALLER, BPBD)
    await call.hangup()
    outcomes = results(await rig.centre.incident_of(number))
    assert outcomes[0][1] in {"dropped", "short"}
    assert outcomes[1] == ("bpbd/piket", "talked")


@pytest.mark.parametrize(
    ("answer", "result", "cause"),
    [
        ("uas_302.xml", "busy", ""),
        ("uas_503.xml", "congestion", "SIP 503"),
        ("uas_603.xml", "unavailable", "SIP 603"),
    ],
)
async def test_agency_that_redirects_or_refuses_leads_to_an_operator(
    rig: Rig, number: str, answer: str, result: str, cause: str
) -> None:
    await rig.on_duty(rig.op1)
    host = rig.centre.trunk_hosts["sipp"]
    async with sipp_server(answer, host, 5060, keys={"contact": f"sip:112@{host}"}, prefix=sipp_command(rig)):
        call = await rig.press(number, "8")
        operator = await rig.op1.until_incoming()
        await talk(call, operator, CALLER, OP1)
        await call.hangup()
    incident = await rig.centre.incident_of(number)
    first, second = call_of(incident)["attempts"]
    assert (first["result"], (first["cause"] or "")[:7], second["result"]) == (result, cause, "talked")
    assert len(await rig.centre.incidents(number)) == 1


async def test_human_who_presses_1_wins_against_a_voicemail(rig: Rig, number: str) -> None:
    await rig.damkar.behave(Answer(0.1))
    await rig.seluler.behave(Answer(0.5, digits=((TOLD_S, "1"),)))
    call = await rig.press(number, "4")
    machine = await rig.damkar.until_incoming()
    human = await rig.seluler.until_incoming()
    await talk(call, human, CALLER, SELULER)
    await machine.until_ended()
    await call.hangup()
    assert call.report().tones == {SELULER}
    assert machine.report().tones == frozenset()
    incident = await rig.centre.incident_of(number)
    assert results(incident) == [("desa/mesin+desa/hp", "talked")]
    assert call_of(incident)["attempts"][0]["by"] == "trunk-seluler"


async def test_nobody_pressing_1_goes_to_the_next_step(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    call = await rig.press(number, "4")
    operator = await rig.op1.until_incoming()
    await talk(call, operator, CALLER, OP1)
    await call.hangup()
    assert results(await rig.centre.incident_of(number))[0] == ("desa/mesin+desa/hp", "declined")


async def test_one_number_calling_twice_at_once_makes_two_incidents(rig: Rig, number: str) -> None:
    await rig.off(rig.bpbd)
    first, second = await asyncio.gather(rig.press(number, "1"), rig.press(number, "2"))
    one = await rig.damkar.until_incoming()
    await rig.bpbd.until_incoming()
    await one.until_hears(CALLER)
    await first.hangup()
    await second.hangup()
    await rig.settle()
    await rig.centre.incident_of(number)
    async with asyncio.timeout(NET_S):
        while True:
            mine = await rig.centre.incidents(number)
            if len(mine) == 2 and all(i["outcome"] for i in mine):
                break
            await asyncio.sleep(0.05)
    assert {i["category"] for i in mine} == {"fire", "flood"}


async def test_after_a_talk_the_caller_is_offered_an_operator(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await asyncio.sleep(1.2)  # longer than short_talk_s: this is a talk that has ended, not one that failed
    await agency.hangup()
    await call.until_hears_speech(since=time.monotonic())
    await call.digits("0")
    operator = await rig.op1.until_incoming()
    await talk(call, operator, CALLER, OP1)
    await call.hangup()
    assert results(await rig.centre.incident_of(number)) == [("damkar/piket", "talked"), ("operators", "talked")]
