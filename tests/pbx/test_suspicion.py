"""Who cannot speak is an emergency, and who is suspect is asked and reaches a human: on a real PBX."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from callrouter.incidents.suspicion import WEIGHTS
from demo.centre import Centre
from demo.softphone import NET_S, PhoneCall, RingOnly
from tests.pbx.rig import CALLER, OP1, SHORT_TIMERS, Rig, fresh, short_clips, talk
from tests.pbx.tables import table
from tests.pbx.test_agency import call_of, results

pytestmark = pytest.mark.asyncio(loop_scope="module")

DIGIT_S = 2
BEFORE = 4
"""Calls that make a caller suspect."""
DEAD_AIR_S = DIGIT_S + 1.5


def with_challenge() -> dict[str, Any]:
    """The table of the PBX tests, in which suspects who ask for an operator are asked to press 1."""
    document = table(last_resort_s=5)
    document["routing"]["routes"].append(
        {
            "key": "suspects",
            "priority": 90_000,
            "when": {"suspicion": {"at_least": 15}},
            "steps": [
                {"kind": "challenge", "wait_s": 3, "urgency": 1},
                {"kind": "ringgroup", "group": "operators", "wait_s": 10},
            ],
        }
    )
    return document


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phones(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """A centre with a challenge, and its telephones; callers have time to press."""
    folder = tmp_path_factory.mktemp("suspicion")
    short_clips(folder / "state" / "recorded", with_challenge())
    async with Centre(folder, with_challenge(), timers=SHORT_TIMERS | {"digit_s": DIGIT_S}) as centre:
        made = await Rig.make(centre)
        await made.warm_up()
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def rig(phones: Rig) -> AsyncIterator[Rig]:
    """The telephones as they are at the beginning of a test; afterwards nothing may be left over in the PBX."""
    async with fresh(phones):
        yield phones


async def until_asked(rig: Rig, clip: str) -> None:
    """Wait until the PBX asks a caller with that clip."""
    async with asyncio.timeout(NET_S):
        while clip not in await rig.centre.pbx.rx("core show channels concise"):
            await asyncio.sleep(0.05)


async def silent(rig: Rig, number: str) -> PhoneCall:
    """Ring 112, press nothing, and 1 when one is asked for it."""
    call = await rig.call(number)
    await until_asked(rig, "press-1-if-silent")
    await call.digits("1")
    return call


async def until_routed(rig: Rig, number: str) -> None:
    """Wait until the timeline has it that he cannot speak."""
    async with asyncio.timeout(NET_S):
        while True:
            timeline = (await rig.centre.incident_of(number, ended=False))["timeline"]
            if [e["data"].get("cannot_speak") for e in timeline if e["kind"] == "routed"] == [True]:
                return
            await asyncio.sleep(0.05)


async def test_who_says_nothing_and_presses_1_is_an_emergency_that_the_operator_sees(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    await rig.op1.behave(RingOnly())
    call = await silent(rig, number)
    await rig.op1.until_incoming()
    assert "prio: 10" in await rig.centre.pbx.rx("queue show operators")
    await rig.until_live(number)
    (live,) = await rig.centre.live()
    assert live["cannot_speak"] is True
    _, _, card = await rig.centre.ask("GET", f"/api/v1/calls/{live['call']}/caller")
    assert card["call"]["cannot_speak"] is True
    await until_routed(rig, number)
    await call.hangup()
    incident = await rig.centre.incident_of(number)
    stored = call_of(incident)
    assert (incident["cannot_speak"], stored["cannot_speak"], stored["choice"]) == (True, True, "cannot_speak")
    assert (stored["facts"]["choice"], stored["facts"]["category"]) == ("cannot_speak", None)
    assert stored["plan"].split(",")[3:6:2] == ["10", "told-cannot-speak!ring"]
    _, _, found = await rig.centre.ask("GET", "/api/v1/incidents?cannot_speak=true")
    assert incident["id"] in {row["id"] for row in found["items"]}
    _, _, told = await rig.centre.ask("POST", "/api/v1/explain", {"on": "in_force", "facts": stored["facts"]})
    assert told["winner"] == stored["route"]


async def test_who_presses_another_digit_when_asked_has_chosen_late(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    call = await rig.call(number)
    await until_asked(rig, "press-1-if-silent")
    await call.digits("0")
    await talk(call, await rig.op1.until_incoming(), CALLER, OP1)
    await call.hangup()
    incident = await rig.centre.incident_of(number)
    assert (incident["cannot_speak"], call_of(incident)["choice"]) == (False, "operator")


async def test_without_the_service_who_cannot_speak_is_the_same_emergency(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    assert await rig.centre.stop_service() == 0
    try:
        call = await silent(rig, number)
        operator = await rig.op1.until_incoming()
        await talk(call, operator, CALLER, OP1)
        assert call.report().longest_silence_s < DEAD_AIR_S
        await call.hangup()
        await rig.settle()
    finally:
        await rig.centre.start_service()
    incident = await rig.centre.incident_of(number)
    stored = call_of(incident)
    assert (incident["cannot_speak"], stored["choice"], stored["path"]) == (True, "cannot_speak", "failsafe")
    assert (stored["facts"]["choice"], stored["facts"]["suspicion"], stored["suspicion"]) == ("cannot_speak", 0, None)
    assert stored["plan"].split(",")[3] == "10"
    assert results(incident) == [("operators", "talked")]


async def test_a_suspicious_caller_is_asked_presses_nothing_and_reaches_a_human(rig: Rig, number: str) -> None:
    await rig.on_duty(rig.op1)
    for _ in range(BEFORE):
        call = await rig.call(number)
        await call.hangup()
        await rig.settle()
    call = await rig.press(number, "0")
    await until_asked(rig, "press-1-to-connect")
    operator = await rig.op1.until_incoming()
    await rig.until_live(number)  # those before are gone
    (live,) = await rig.centre.live()
    _, _, card = await rig.centre.ask("GET", f"/api/v1/calls/{live['call']}/caller")
    await talk(call, operator, CALLER, OP1)
    assert call.report().longest_silence_s < 3 + 1.5
    await call.hangup()
    incident = await rig.centre.incident_of(number)
    while not call_of(incident)["attempts"]:
        await asyncio.sleep(0.1)
        incident = await rig.centre.incident_of(number)
    stored = call_of(incident)
    assert UUID(stored["id"]) == UUID(live["call"])
    score = stored["suspicion"]["score"]
    assert score == sum(term["points"] for term in stored["suspicion"]["terms"])
    assert score == stored["facts"]["suspicion"]
    assert card["suspicion"] == stored["suspicion"], "what is shown at the ring is what was measured"
    repeats = next(term for term in stored["suspicion"]["terms"] if term["key"] == "repeats")
    assert 15 <= repeats["points"] <= BEFORE * WEIGHTS["repeats"].points
    assert repeats["reason"]["en"] == f"{BEFORE} calls in the last 6 hours"
    assert stored["route"] == "suspects"
    assert results(incident) == [("press-1-to-connect", "not-pressed"), ("operators", "talked")]
    _, _, told = await rig.centre.ask("POST", "/api/v1/explain", {"on": "in_force", "facts": stored["facts"]})
    assert told["winner"] == "suspects"
    await press_1(rig, number)


async def press_1(rig: Rig, number: str) -> None:
    """The same caller once more: he presses 1, and keeps his place in the queue."""
    await rig.op1.behave(RingOnly())
    call = await rig.press(number, "1")
    await until_asked(rig, "press-1-to-connect")
    await call.digits("1")
    await rig.op1.until_incoming()
    assert "prio: 9" in await rig.centre.pbx.rx("queue show operators")
    await call.hangup()
    await rig.settle()
