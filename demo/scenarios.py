"""What the demo shows: each a call as its caller meets it, with what must be true in the end."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Final

from demo.softphone import Answer, Reject, RingOnly
from demo.stage import DAMKAR_HZ, Scenario, Stage, Times, WentWrong, said

MESSAGE_BYTES: Final = 40_000


async def agency_answers(stage: Stage, number: str) -> Times:
    """Fire: the fire service is told, and both talk."""
    await stage.damkar.behave(Answer(0.4))
    call = await stage.ring_112(number, "1")
    agency = await stage.rings(stage.damkar, 5, number)
    await said(agency.until_hears_speech(within=5), "no sound reaches the agency's phone: it is not told, nor joined")
    stage.tell("damkar", "is told what it is about")
    human = await stage.talk(call, agency, stage.damkar)
    await call.hangup()
    await stage.incident(number, state="with_agency", category="fire", outcome="talked")
    return Times.of(call, human, "Damkar")


async def agency_busy(stage: Stage, number: str) -> Times:
    """The fire service is busy: its alternate answers."""
    await stage.damkar.behave(Reject(486))
    call = await stage.ring_112(number, "1")
    agency = await stage.rings(stage.bpbd, 8, number)
    human = await stage.talk(call, agency, stage.bpbd)
    await call.hangup()
    await stage.damkar.behave(Answer(0.4))
    await stage.incident(number, state="with_agency", category="fire", outcome="talked")
    return Times.of(call, human, "486, then the alternate")


async def agency_silent(stage: Stage, number: str) -> Times:
    """Nobody at the agency picks up: operators; the caller is never in silence."""
    await stage.bpbd.behave(RingOnly())
    await stage.damkar.behave(RingOnly())
    call = await stage.ring_112(number, "1")
    await stage.rings(stage.damkar, 5, number)
    operator = await stage.rings(stage.op1, 20, number)
    human = await stage.talk(call, operator, stage.op1)
    gaps = [min(s.to_s or human, human) - s.from_s for s in call.report().silences if s.from_s < human]
    if max(gaps, default=0) > 2.5:
        raise WentWrong(f"the caller was in silence for {max(gaps):.1f} s")
    await call.hangup()
    await stage.bpbd.behave(Answer(0.4))
    await stage.damkar.behave(Answer(0.4))
    await stage.incident(number, state="with_operator", category="fire", outcome="talked")
    return Times.of(call, human, f"rang out; longest silence {max(gaps, default=0):.1f} s")


async def operator_by_zero(stage: Stage, number: str) -> Times:
    """0: an operator."""
    call = await stage.ring_112(number, "0")
    operator = await stage.rings(stage.op1, 6, number)
    human = await stage.talk(call, operator, stage.op1)
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
    await call.until_ended(within=15)
    incident = await stage.incident(number, outcome="recorded", callback=True)
    recording = spool / incident["calls"][0]["recording"]
    seconds = (recording.stat().st_size - 44) / 16_000
    stage.tell("recording", f"{seconds:.1f} s in {recording.name}")
    return Times.of(call, None, f"message of {seconds:.1f} s; to be called back")


async def service_killed_while_they_talk(stage: Stage, number: str) -> Times:
    """A kill -9 of the service while two talk: they go on, and the incident is whole after the restart."""
    call = await stage.ring_112(number, "1")
    agency = await stage.rings(stage.damkar, 5, number)
    human = await stage.talk(call, agency, stage.damkar)
    await stage.centre.signal_service(signal.SIGKILL)
    killed = time.monotonic()
    stage.tell("service", "is killed with -9")
    await call.until_hears(DAMKAR_HZ, within=3, since=killed + 1)
    stage.tell("damkar", "still talks with the caller one second later")
    await call.hangup()
    await call.until_ended(within=5)
    return Times.of(call, human, "talk went on")


async def service_away(stage: Stage, number: str) -> Times:
    """The service is away: operators ring all the same, and the incident is there afterwards."""
    await stage.centre.kill_service()
    call = await stage.dial(number, "dials 112 while the service is away")
    operator = await stage.rings(stage.op1, 6, number)
    human = await stage.talk(call, operator, stage.op1)
    await call.hangup()
    return Times.of(call, human, "failsafe: operator")


Lane = tuple[tuple[str, Scenario], ...]

PHASES: Final[tuple[tuple[str, tuple[Lane, ...]], ...]] = (
    (
        "nobody on duty",
        (
            (("fire, the agency answers", agency_answers), ("agency busy", agency_busy)),
            (("no operator: a message", message),),
            (("caller gives up in the menu", caller_gives_up),),
        ),
    ),
    (
        "operators on duty",
        ((("0 for an operator", operator_by_zero),), (("agency rings out", agency_silent),)),
    ),
    ("the service is killed", ((("service killed in a talk", service_killed_while_they_talk),),)),
    ("the service is away", ((("service away", service_away),),)),
)
"""The lanes of a phase run side by side, the scenarios of a lane one after the other. The operators come on duty
before the second phase; the service is not started again before the end."""
