"""Kota Batu: a fire in a forest that lies between regencies, and centres that help each other."""

from __future__ import annotations

from typing import Final

from demo.show import Phase, Show, Times
from demo.softphone import RingOnly
from demo.stage import ANSWERS, Cast, Stage, WentWrong

LONGEST_SILENCE_S: Final = 2.5


async def forest_fire(stage: Stage, number: str) -> Times:
    """2: our own BPBD lets it ring, the neighbouring centre answers; the caller is never in silence."""
    neighbour = stage["kab-malang"]
    call = await stage.ring_112(number, "2")
    own = await stage.rings(stage["bpbd"], 5, number)
    taken = await stage.rings(neighbour, 12, number)
    await own.until_ended()
    stage.tell("bpbd", "has not answered, and rings no more")
    await stage.told(taken, neighbour)
    human = await stage.talk(call, taken, neighbour)
    gaps = [min(s.to_s or human, human) - s.from_s for s in call.report().silences if s.from_s < human]
    if max(gaps, default=0) > LONGEST_SILENCE_S:
        raise WentWrong(f"the caller was in silence for {max(gaps):.1f} s")
    await call.hangup()
    await stage.incident(
        number,
        category="forest-fire",
        outcome="talked",
        route="forest-fire",
        trying=("bpbd/pusdalops noanswer", "tetangga/kab-malang talked"),
    )
    stage.never_rang(number, *stage.operators)
    return Times.of(call, human, "BPBD silent: the neighbour's centre")


async def neighbour_hands_over(stage: Stage, number: str) -> Times:
    """The neighbouring centre calls us: an operator at once, without a menu."""
    neighbour = stage["kab-malang"]
    call = await stage.dial(number, "calls from the neighbour's centre", phone=neighbour)
    operator = await stage.rings(stage["op1"], 6, number)
    human = await call.until_hears(stage["op1"].tone_hz)
    await operator.until_hears(neighbour.tone_hz)
    stage.tell("op1", "talks with the neighbour; each hears the other")
    await call.hangup()
    await stage.incident(
        number, origin="neighbour", choice="none", route="from-neighbours", trying=("operators talked",)
    )
    return Times.of(call, human, "from the neighbour to an operator")


SHOW: Final = Show(
    Cast(
        caller="telco",
        agencies={"kab-malang": ANSWERS, "bpbd": RingOnly()},
        operators={"op1": ANSWERS},
    ),
    (
        Phase(
            "a fire in the forest",
            (
                (("own BPBD silent", forest_fire),),
                (("a neighbour hands over", neighbour_hands_over),),
            ),
            on_duty=("op1",),
        ),
    ),
)
