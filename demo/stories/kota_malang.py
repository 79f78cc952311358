"""Kota Malang: an information line beside emergencies, and a power cut that goes to PLN."""

from __future__ import annotations

from typing import Final

from demo.show import Phase, Show, Times
from demo.stage import ANSWERS, Cast, Stage, WentWrong


async def fire_beside_information(stage: Stage, number: str) -> Times:
    """A citizen asks the information desk; while they talk, another's fire goes straight to the fire brigade."""
    balaikota, damkar = stage["balaikota"], stage["damkar"]
    asker = f"{number}9"
    asking = await stage.ring_112(asker, "41")
    desk = await stage.rings(balaikota, 5, asker)
    await stage.talk(asking, desk, balaikota)
    call = await stage.ring_112(number, "1")
    agency = await stage.rings(damkar, 5, number)
    await stage.told(agency, damkar)
    human = await stage.talk(call, agency, damkar)
    if balaikota.tone_hz not in asking.hearing:
        raise WentWrong("the information desk's caller has lost it while the fire was reported")
    await call.hangup()
    await asking.hangup()
    await stage.incident(asker, category="information", choice="41", trying=("ncc/informasi talked",))
    await stage.incident(number, category="fire", state="with_agency", trying=("damkar/posko talked",))
    return Times.of(call, human, "Damkar, while another asks")


async def power_cut(stage: Stage, number: str) -> Times:
    """4, then 2: the electricity company."""
    call = await stage.ring_112(number, "42")
    pln = await stage.rings(stage["pln"], 5, number)
    await stage.told(pln, stage["pln"])
    human = await stage.talk(call, pln, stage["pln"])
    await call.hangup()
    await stage.incident(number, category="electricity", choice="42", trying=("pln/gangguan talked",))
    return Times.of(call, human, "PLN")


async def complaint(stage: Stage, number: str) -> Times:
    """4, then 3: the operator of the service desk, whose queue is not that of emergencies."""
    call = await stage.ring_112(number, "43")
    desk = await stage.rings(stage["op3"], 8, number)
    human = await stage.talk(call, desk, stage["op3"])
    await call.hangup()
    await stage.incident(number, category="complaint", trying=("service-desk talked",))
    stage.never_rang(number, stage["op1"])
    return Times.of(call, human, "the service desk")


async def operator_by_zero(stage: Stage, number: str) -> Times:
    """4, then 0: an operator also behind the second menu."""
    call = await stage.ring_112(number, "40")
    operator = await stage.rings(stage["op1"], 8, number)
    human = await stage.talk(call, operator, stage["op1"])
    await call.hangup()
    await stage.incident(number, state="with_operator", choice="operator", trying=("operators talked",))
    return Times.of(call, human, "operator")


SHOW: Final = Show(
    Cast(
        caller="telco",
        agencies={"damkar": ANSWERS, "balaikota": ANSWERS, "pln": ANSWERS},
        operators={"op1": ANSWERS, "op3": ANSWERS},
    ),
    (
        Phase(
            "emergencies beside information",
            ((("fire beside the information line", fire_beside_information),), (("power cut: PLN", power_cut),)),
        ),
        Phase("an operator for emergencies", ((("0 for an operator", operator_by_zero),),), on_duty=("op1",)),
        Phase("and one for complaints", ((("a complaint", complaint),),), on_duty=("op3",)),
    ),
)
