"""The service not there, gone in the middle, or hanging: the PBX goes on alone, and no incident is lost."""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from demo.softphone import Reject, RingOnly
from tests.pbx.rig import CALLER, DAMKAR, OP1, SELULER, Rig, talk
from tests.pbx.test_agency import call_of, results

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def restored(rig: Rig) -> AsyncIterator[None]:
    """Whatever a test does to the service, the next one finds it up."""
    yield
    rig.centre.resume_service()
    if rig.centre.service_pid is None:
        await rig.centre.start_service()


DEAD_AIR_S = 2.5
"""The longest that a caller may hear nothing at all while the service is away."""


async def test_service_not_running_and_the_menu_brings_the_agency_and_the_incident_comes_later(
    rig: Rig, number: str
) -> None:
    assert await rig.centre.stop_service() == 0
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    assert call.report().longest_silence_s < DEAD_AIR_S
    await call.hangup()
    await rig.settle()
    await rig.centre.start_service()
    incident = await rig.centre.incident_of(number)
    stored = call_of(incident)
    assert (incident["state"], incident["category"], incident["outcome"]) == ("with_agency", "fire", "talked")
    assert (stored["path"], stored["choice"], stored["route"], stored["version"]) == ("failsafe", "1", "fire", 1)
    assert results(incident) == [("damkar/piket", "talked")]
    facts = stored["facts"]
    assert (facts["origin"], facts["trunk"], facts["trunk_kind"]) == ("citizen", "telco", "carrier")
    assert (facts["category"], facts["choice"], facts["language"], facts["unavailable"]) == ("fire", "none", "id", [])


async def test_service_not_running_and_0_brings_an_operator(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    await rig.centre.kill_service()
    call = await rig.press(number, "0")
    operator = await rig.op1.until_incoming()
    await talk(call, operator, CALLER, OP1)
    assert call.report().longest_silence_s < DEAD_AIR_S
    await call.hangup()
    await rig.settle()
    await rig.centre.start_service()
    stored = call_of(await rig.centre.incident_of(number))
    assert (stored["path"], stored["choice"], stored["route"]) == ("failsafe", "operator", "others")


async def test_service_not_running_nor_its_data_there_and_no_operator_rings_the_static_numbers(
    rig: Rig, number: str
) -> None:
    await rig.centre.kill_service()
    (rig.centre.settings.failsafe_dir / "current").unlink()
    call = await rig.caller.dial(rig.centre.number, user=number)
    duty = await rig.seluler.until_incoming()
    assert duty.remote.number == number
    await talk(call, duty, CALLER, SELULER)
    assert call.report().longest_silence_s < DEAD_AIR_S
    await call.hangup()
    await rig.settle()
    await rig.centre.start_service()
    incident = await rig.centre.incident_of(number)
    assert results(incident) == [("operators", "nobody"), ("static/n0", "talked")]
    assert (call_of(incident)["path"], call_of(incident)["route"]) == ("failsafe", "failsafe")
    assert call_of(incident)["facts"] is None


async def test_kill_9_while_two_talk_leaves_them_talking(rig: Rig, number: str) -> None:
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await rig.centre.kill_service()
    killed = time.monotonic()
    await call.until_hears(DAMKAR, since=killed + 1)
    await agency.until_hears(CALLER, since=killed + 1)
    await call.hangup()
    await rig.settle()
    await rig.centre.start_service()
    incident = await rig.centre.incident_of(number)
    assert (incident["state"], incident["category"], incident["outcome"]) == ("with_agency", "fire", "talked")
    assert len(await rig.centre.incidents(number)) == 1


async def test_kill_9_in_the_menu_does_not_lose_the_choice(rig: Rig, number: str) -> None:
    call = await rig.call(number)
    await rig.centre.kill_service()
    await call.digits("1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    await rig.settle()
    await rig.centre.start_service()
    incident = await rig.centre.incident_of(number)
    stored = call_of(incident)
    assert (incident["state"], incident["category"], incident["outcome"]) == ("with_agency", "fire", "talked")
    assert (stored["choice"], stored["path"], stored["route"]) == ("1", "service", "fire")


async def test_service_stopped_before_the_digit_brings_the_agency_all_the_same(rig: Rig, number: str) -> None:
    call = await rig.call(number)
    rig.centre.pause_service()
    await call.digits("1")
    pressed = time.monotonic()
    agency = await rig.damkar.until_incoming()
    assert agency.report().invited_s - pressed < 2.5
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    rig.centre.resume_service()
    incident = await rig.centre.incident_of(number)
    assert (incident["category"], call_of(incident)["path"]) == ("fire", "service")


async def test_service_stopped_and_no_agency_to_be_had_brings_an_operator(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    await rig.damkar.behave(Reject(486))
    await rig.bpbd.behave(Reject(486))
    call = await rig.call(number)
    rig.centre.pause_service()
    await call.digits("1")
    pressed = time.monotonic()
    operator = await rig.op1.until_incoming()
    assert operator.report().invited_s - pressed < 2.5
    await talk(call, operator, CALLER, OP1)
    await call.hangup()
    rig.centre.resume_service()
    await rig.centre.incident_of(number)


async def test_service_hanging_before_the_menu_costs_the_lease_and_then_the_menu_is_heard(
    rig: Rig, number: str
) -> None:
    rig.centre.pause_service()
    call = await rig.caller.dial(rig.centre.number, user=number)
    await call.until_hears_speech()
    await call.digits("1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    assert call.report().longest_silence_s < DEAD_AIR_S
    await call.hangup()
    rig.centre.resume_service()
    incident = await rig.centre.incident_of(number)
    stored = call_of(incident)
    assert (incident["category"], stored["path"], stored["route"]) == ("fire", "failsafe", "fire")
    assert stored["facts"]["category"] == "fire"


async def test_sigterm_ends_no_call(rig: Rig, number: str) -> None:
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    assert await rig.centre.signal_service(signal.SIGTERM) == 0
    ended = time.monotonic()
    await call.until_hears(DAMKAR, since=ended + 1)
    await call.hangup()
    await rig.settle()
    await rig.centre.start_service()
    assert (await rig.centre.incident_of(number))["outcome"] == "talked"


async def test_board_shows_the_calls_that_are_up_again_after_a_restart(rig: Rig, number: str) -> None:
    await rig.bpbd.behave(RingOnly())
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await rig.centre.kill_service()
    await rig.centre.start_service()
    await rig.until_live(number)
    (shown,) = await rig.centre.live()
    assert (shown["number"], shown["stage"], shown["with_whom"]) == (number, "talking", ["trunk-damkar"])
    assert shown["category"] == "fire"
    await call.hangup()
    await rig.settle()
    await rig.until_live()
