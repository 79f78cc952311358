"""Kabupaten Malang: a fire, officials of a village, the police's own centre; and what happens when anything fails."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Final

from demo.show import Phase, Show, Times
from demo.softphone import Reject, RingOnly
from demo.stage import ANSWERS, Cast, Stage, WentWrong

MESSAGE_BYTES: Final = 40_000
KEPANJEN: Final = "35.07.13"


async def agency_answers(stage: Stage, number: str) -> Times:
    """Fire: the fire service is told, and both talk."""
    damkar = stage["damkar"]
    call = await stage.ring_112(number, "1")
    agency = await stage.rings(damkar, 5, number)
    await stage.told(agency, damkar)
    human = await stage.talk(call, agency, damkar)
    await call.hangup()
    await stage.incident(number, state="with_agency", category="fire", outcome="talked")
    return Times.of(call, human, "Damkar")


async def agency_busy(stage: Stage, number: str) -> Times:
    """The fire service is busy: its alternate answers."""
    await stage["damkar"].behave(Reject(486))
    call = await stage.ring_112(number, "1")
    agency = await stage.rings(stage["bpbd"], 8, number)
    human = await stage.talk(call, agency, stage["bpbd"])
    await call.hangup()
    await stage["damkar"].behave(ANSWERS)
    await stage.incident(number, state="with_agency", category="fire", outcome="talked")
    return Times.of(call, human, "486, then the alternate")


async def agency_silent(stage: Stage, number: str) -> Times:
    """Nobody at the agency picks up: operators; the caller is never in silence."""
    await stage["bpbd"].behave(RingOnly())
    await stage["damkar"].behave(RingOnly())
    call = await stage.ring_112(number, "1")
    await stage.rings(stage["damkar"], 5, number)
    operator = await stage.rings(stage["op1"], 20, number)
    human = await stage.talk(call, operator, stage["op1"])
    gaps = [min(s.to_s or human, human) - s.from_s for s in call.report().silences if s.from_s < human]
    if max(gaps, default=0) > 2.5:
        raise WentWrong(f"the caller was in silence for {max(gaps):.1f} s")
    await call.hangup()
    await stage["bpbd"].behave(ANSWERS)
    await stage["damkar"].behave(ANSWERS)
    await stage.incident(number, state="with_operator", category="fire", outcome="talked")
    return Times.of(call, human, f"rang out; longest silence {max(gaps, default=0):.1f} s")


async def village_official(stage: Stage, number: str) -> Times:
    """7, then 1: the official of Kepanjen, by the area that the digit names."""
    call = await stage.ring_112(number, "71")
    official = await stage.rings(stage["desa"], 5, number)
    human = await stage.talk(call, official, stage["desa"])
    await call.hangup()
    incident = await stage.incident(
        number, category="village", choice="71", route="village-kepanjen", trying=("perangkat-desa/kepanjen talked",)
    )
    facts = incident["calls"][0]["facts"]
    if (facts["area"], facts["area_source"]) != (KEPANJEN, "menu"):
        raise WentWrong(
            f"the call is from {facts['area']} by {facts['area_source']}, not from {KEPANJEN} by the menu"
        )
    return Times.of(call, human, "the official of Kepanjen")


async def handed_to_police(stage: Stage, number: str) -> Times:
    """6: handed over to the police's own centre, 110."""
    call = await stage.ring_112(number, "6")
    police = await stage.rings(stage["polri"], 5, number)
    human = await stage.talk(call, police, stage["polri"])
    await call.hangup()
    await stage.incident(number, state="with_agency", category="police", trying=("polri/spkt talked",))
    return Times.of(call, human, "the police's centre")


async def police_hand_over_to_us(stage: Stage, number: str) -> Times:
    """The police's centre calls us: an operator at once, without a menu."""
    call = await stage.dial(number, "calls from 110", phone=stage["polri"])
    operator = await stage.rings(stage["op1"], 15, number)
    human = await call.until_hears(stage["op1"].tone_hz)
    await operator.until_hears(stage["polri"].tone_hz)
    stage.tell("op1", "talks with the police; each hears the other")
    await call.hangup()
    await stage.incident(
        number, origin="neighbour", choice="none", route="from-agencies", trying=("operators talked",)
    )
    return Times.of(call, human, "from 110 to an operator")


async def operator_by_zero(stage: Stage, number: str) -> Times:
    """0: an operator."""
    call = await stage.ring_112(number, "0")
    operator = await stage.rings(stage["op1"], 6, number)
    human = await stage.talk(call, operator, stage["op1"])
    await call.hangup()
    await stage.incident(number, state="with_operator", outcome="talked")
    return Times.of(call, human, "operator")


async def caller_gives_up(stage: Stage, number: str) -> Times:
    """The caller hangs up in the menu: an incident with his number, to be called back."""
    call = await stage.ring_112(number, "")
    await call.hangup()
    await stage.incident(number, state="abandoned", outcome="abandoned", callback=True)
    return Times.of(call, None, "abandoned; to be called back")


async def message(stage: Stage, number: str) -> Times:
    """No operator on duty: told so, and a message is taken."""
    call = await stage.ring_112(number, "0")
    spool = stage.centre.settings.recordings_dir
    async with asyncio.timeout(40):
        while not any(path.stat().st_size > MESSAGE_BYTES for path in spool.iterdir()):
            await asyncio.sleep(0.05)
    stage.tell(number, "leaves a message")
    await call.digits("#")
    await call.until_ended()
    incident = await stage.incident(number, outcome="recorded", callback=True)
    recording = spool / incident["calls"][0]["recording"]
    seconds = (recording.stat().st_size - 44) / 16_000
    stage.tell("recording", f"{seconds:.1f} s in {recording.name}")
    return Times.of(call, None, f"message of {seconds:.1f} s; to be called back")


async def service_killed_while_they_talk(stage: Stage, number: str) -> Times:
    """A kill -9 of the service while two talk: they go on, and the incident is whole after the restart."""
    call = await stage.ring_112(number, "1")
    agency = await stage.rings(stage["damkar"], 5, number)
    human = await stage.talk(call, agency, stage["damkar"])
    await stage.centre.signal_service(signal.SIGKILL)
    killed = time.monotonic()
    stage.tell("service", "is killed with -9")
    await call.until_hears(stage["damkar"].tone_hz, since=killed + 1)
    stage.tell("damkar", "still talks with the caller one second later")
    await call.hangup()
    await call.until_ended()
    return Times.of(call, human, "talk went on")


async def service_away(stage: Stage, number: str) -> Times:
    """The service is away: the menu is heard and the agency rings all the same; the incident is there afterwards."""
    await stage.centre.kill_service()
    stage.tell("service", "is away")
    call = await stage.ring_112(number, "1")
    agency = await stage.rings(stage["damkar"], 6, number)
    human = await stage.talk(call, agency, stage["damkar"])
    await call.hangup()
    return Times.of(call, human, "failsafe: the menu, the agency")


SHOW: Final = Show(
    Cast(
        caller="telco",
        agencies={"damkar": ANSWERS, "bpbd": ANSWERS, "polri": ANSWERS, "desa": ANSWERS},
        operators={"op1": ANSWERS, "op2": RingOnly()},
    ),
    (
        Phase(
            "nobody on duty",
            (
                (("fire, the agency answers", agency_answers), ("agency busy", agency_busy)),
                (("no operator: a message", message),),
                (("caller gives up in the menu", caller_gives_up), ("village official by area", village_official)),
            ),
        ),
        Phase(
            "operators on duty",
            (
                (("0 for an operator", operator_by_zero), ("the police hand over to us", police_hand_over_to_us)),
                (("agency rings out", agency_silent),),
                (("handed over to the police", handed_to_police),),
            ),
            on_duty=("op1", "op2"),
        ),
        Phase("the service is killed", ((("service killed in a talk", service_killed_while_they_talk),),)),
        Phase("the service is away", ((("service away", service_away),),)),
    ),
)
