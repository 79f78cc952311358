"""Kutai Timur: an operator takes every call, and passes it on while it lasts."""

from __future__ import annotations

import time
from typing import Final

from demo.show import Phase, Show, Times
from demo.softphone import PhoneCall, Reject
from demo.stage import ANSWERS, Cast, Stage, WentWrong


async def passed_on(stage: Stage, number: str) -> Times:
    """No menu: op1 answers, dials *2 and 3; the hospital talks with the caller, and op1 takes the next call."""
    rsud, op1 = stage["rsud"], stage["op1"]
    call, operator, human = await _operator_first(stage, number)
    hospital = await _pass_on(stage, operator, "3", number)
    since = time.monotonic()
    await operator.until_ended()
    stage.tell("op1", "is free")
    await stage.told(hospital, rsud)
    await stage.talk(call, hospital, rsud, since=since)
    following = f"{number}9"
    other, second, _ = await _operator_first(stage, following)
    if rsud.tone_hz not in call.hearing:
        raise WentWrong("the first caller has lost the hospital while the operator took the next call")
    await call.hangup()
    await other.hangup()
    await second.until_ended()
    await stage.incident(
        number,
        category="health",
        choice="3",
        route="health",
        state="with_agency",
        trying=("kominfo talked", "rsud/igd talked"),
    )
    await stage.incident(following, category=None, route="everything", trying=("kominfo talked",))
    stage.tell(op1.name, "took both calls")
    return Times.of(call, human, "op1, who passes on to RSUD with *2 and 3")


async def agency_busy(stage: Stage, number: str) -> Times:
    """The agency that he is passed on to is busy: the operators have him again."""
    await stage["damkar"].behave(Reject(486))
    call, operator, human = await _operator_first(stage, number)
    await _pass_on(stage, operator, "1", number, agency="damkar")
    again = await stage.rings(stage["op1"], 10, number)
    await stage.talk(call, again, stage["op1"], since=time.monotonic())
    await call.hangup()
    await stage["damkar"].behave(ANSWERS)
    await stage.incident(
        number, category="fire", trying=("kominfo talked", "damkar/posko busy", "kominfo talked"), outcome="talked"
    )
    return Times.of(call, human, "passed on, 486: op1 again")


async def _operator_first(stage: Stage, number: str) -> tuple[PhoneCall, PhoneCall, float]:
    """The caller's side, the operator's, and when the caller heard him."""
    call = await stage.dial(number, "dials 112")
    operator = await stage.rings(stage["op1"], 6, number)
    return call, operator, await stage.talk(call, operator, stage["op1"])


async def _pass_on(stage: Stage, operator: PhoneCall, digit: str, number: str, *, agency: str = "rsud") -> PhoneCall:
    """The operator dials *2, hears what is asked of him, and presses the digit of the category."""
    await operator.digits("*2")
    stage.tell("op1", "dials *2")
    await operator.until_hears_speech()
    await operator.digits(digit)
    stage.tell("op1", f"is asked where to, and presses {digit}")
    return await stage.rings(stage[agency], 6, number)


SHOW: Final = Show(
    Cast(caller="telco", agencies={"rsud": ANSWERS, "damkar": ANSWERS}, operators={"op1": ANSWERS}),
    (
        Phase(
            "an operator takes every call",
            ((("passed on with *2", passed_on), ("the agency is busy", agency_busy)),),
            on_duty=("op1",),
        ),
    ),
)
