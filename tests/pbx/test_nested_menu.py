"""A menu behind a digit, and the centre whose operators take every call first; each with real telephones."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from demo.centre import Centre
from tests.pbx.rig import (
    BPBD,
    CALLER,
    DAMKAR,
    OP1,
    SHORT_TIMERS,
    Rig,
    fresh,
    short_clips,
    talk,
    telephones,
)
from tests.pbx.tables import VILLAGES, nested
from tests.pbx.test_agency import call_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phones(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """A centre with a menu behind a digit, and its telephones."""
    async with telephones(tmp_path_factory.mktemp("nested"), nested()) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def rig(phones: Rig) -> AsyncIterator[Rig]:
    """The telephones as they are at the beginning of a test; afterwards nothing may be left over in the PBX."""
    async with fresh(phones):
        yield phones


async def test_digit_of_the_second_menu_reaches_the_agency_of_that_village(rig: Rig, number: str) -> None:
    call = await rig.press(number, "3")
    await call.until_hears_speech(since=time.monotonic() + 0.5)
    await call.digits("1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    incident = await rig.centre.incident_of(number)
    stored = call_of(incident)
    assert (incident["category"], stored["choice"], stored["route"]) == ("village", "31", "first-village")
    assert (stored["facts"]["area"], stored["facts"]["area_source"]) == (VILLAGES["1"], "menu")


@pytest.mark.parametrize("fast", [False, True], ids=["120 ms apart", "20 ms apart"])
@pytest.mark.parametrize("round_", range(5))
async def test_both_digits_at_once_reach_the_village_and_none_is_lost(
    rig: Rig, number: str, fast: bool, round_: int
) -> None:
    call = await rig.call(number)
    await call.digits("32", fast=fast)
    agency = await rig.bpbd.until_incoming()
    await talk(call, agency, CALLER, BPBD)
    await call.hangup()
    stored = call_of(await rig.centre.incident_of(number))
    assert (stored["choice"], stored["facts"]["area"]) == ("32", VILLAGES["2"]), round_


async def test_wrong_digits_in_the_second_menu_end_at_an_operator(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    call = await rig.press(number, "3")
    for _ in range(rig.centre.settings.timers.menu_tries):
        await call.until_hears_speech(since=time.monotonic() + 0.5)
        await call.digits("7")
    operator = await rig.op1.until_incoming()
    await talk(call, operator, CALLER, OP1)
    await call.hangup()
    incident = await rig.centre.incident_of(number)
    assert (call_of(incident)["choice"], incident["category"]) == ("wrong", None)


async def test_silence_in_the_second_menu_ends_at_an_operator(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    call = await rig.press(number, "3")
    operator = await rig.op1.until_incoming()
    await talk(call, operator, CALLER, OP1)
    await call.hangup()
    assert call_of(await rig.centre.incident_of(number))["choice"] == "silent"


async def test_0_in_the_second_menu_is_an_operator(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    call = await rig.call(number)
    await call.digits("30")
    operator = await rig.op1.until_incoming()
    await talk(call, operator, CALLER, OP1)
    await call.hangup()
    assert call_of(await rig.centre.incident_of(number))["choice"] == "operator"


@pytest.mark.parametrize("keys", ["931", "391"], ids=["in the first menu", "in the second menu"])
async def test_language_is_switched_in_either_menu_and_stays(rig: Rig, number: str, keys: str) -> None:
    call = await rig.call(number)
    await call.digits(keys)
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    stored = call_of(await rig.centre.incident_of(number))
    assert (stored["choice"], stored["language"], stored["facts"]["language"]) == ("31", "en", "en")


async def test_digit_of_the_first_menu_still_means_what_it_says(rig: Rig, number: str) -> None:
    call = await rig.press(number, "2")
    agency = await rig.bpbd.until_incoming()
    await talk(call, agency, CALLER, BPBD)
    await call.hangup()
    stored = call_of(await rig.centre.incident_of(number))
    assert (stored["choice"], stored["facts"]["area"]) == ("2", None)


async def test_where_operators_come_first_nobody_is_asked_and_every_plan_is_at_hand(
    tmp_path_factory: pytest.TempPathFactory, number: str
) -> None:
    folder, first = tmp_path_factory.mktemp("first"), nested(mode="operator_first")
    short_clips(folder / "state" / "recorded", first)
    async with Centre(folder, first, timers=SHORT_TIMERS) as centre:
        rig = await Rig.make(centre)
        await rig.reset()
        await rig.on_duty(rig.op1)
        call = await rig.caller.dial(centre.number, user=number)
        operator = await rig.op1.until_incoming()
        await talk(call, operator, CALLER, OP1)
        shown = await centre.pbx.rx(f"core show channel {await _channel(centre)}")
        await call.hangup()
        stored = call_of(await centre.incident_of(number))
    assert (stored["choice"], stored["facts"]["choice"], stored["facts"]["category"]) == ("none", "none", None)
    for digits, route in (("1", "fire"), ("2", "flood"), ("31", "first-village"), ("32", "its-neighbours")):
        assert f"CR_PLAN_{digits}=plan,1,{route}," in shown
    assert "CR_MENU_" not in shown


async def _channel(centre: Centre) -> str:
    channels = await centre.pbx.rx("core show channels concise")
    (name,) = [line.split("!")[0] for line in channels.splitlines() if line.startswith("PJSIP/trunk-telco-")]
    return name
