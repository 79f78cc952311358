"""How threatened the centre is, over REST."""

from __future__ import annotations

import functools
from typing import Any, Final

from callrouter.access.model import Right
from callrouter.api import problems
from callrouter.api.banners import require_soon
from callrouter.api.models import NoParameters
from callrouter.api.needed import needed
from callrouter.api.operation import Asked, Body, Sent, Surface
from callrouter.api.supervision_models import PostureByHand, PostureNow, PostureOrder
from callrouter.api.translate import moment
from callrouter.bilingual import Bilingual
from callrouter.clock import now_us
from callrouter.incidents.posture import ByHand, Standing
from callrouter.routing.values import Posture

surface = Surface()

_PATH: Final = "/api/v1/posture"
_BEGIN: Final = 1_795_267_207_125_000


@functools.cache
def _example() -> PostureNow:
    return PostureNow(
        posture=Posture.RED,
        since=moment(_BEGIN),
        by_rate=Posture.YELLOW,
        by_hand=PostureByHand(
            posture=Posture.RED,
            reason="Gempa besar",
            by="supervisor-1 (supervisor)",
            at=moment(_BEGIN),
            until=moment(_BEGIN + 3_600_000_000),
        ),
        calls=21,
        usual=6.5,
    )


_ORDER: Final = {"posture": "red", "reason": "Gempa besar", "until": "2026-11-21T18:00:00Z"}
_ANSWER: Final[dict[str, Any]] = {
    "tag": "supervision",
    "path_model": NoParameters,
    "query": NoParameters,
    "response": PostureNow,
    "example": _example,
    "problems": (problems.STORAGE_UNAVAILABLE, problems.OUT_OF_ORDER),
}


def posture_now(standing: Standing) -> PostureNow:
    """Return the posture as it is shown."""
    return PostureNow(
        posture=standing.posture,
        since=moment(standing.since),
        by_rate=standing.by_rate,
        by_hand=None if standing.by_hand is None else _by_hand(standing.by_hand),
        calls=standing.calls,
        usual=round(standing.usual, 2),
    )


def _by_hand(hand: ByHand) -> PostureByHand:
    return PostureByHand(
        posture=hand.posture, reason=hand.reason, by=hand.by, at=moment(hand.at), until=moment(hand.until)
    )


@surface.get(
    _PATH,
    summary=Bilingual("Tingkat ancaman", "How threatened the centre is"),
    right=Right.SEE_CALLS,
    **_ANSWER,
)
async def read_posture(asked: Asked[NoParameters, NoParameters]) -> PostureNow:
    """Returns the posture, which routes can ask for. It is raised at once when many more calls come than usual, and
    lowered step by step once it has been calm for ten minutes; what a person says wins until its end.
    """
    return posture_now(needed(asked.services.posture).standing())


@surface.send(
    "PUT",
    _PATH,
    summary=Bilingual("Tetapkan tingkat ancaman", "Set how threatened the centre is"),
    body=Body(PostureOrder, examples={"red": _ORDER}),
    right=Right.SUPERVISE,
    **_ANSWER,
)
async def set_posture(sent: Sent[NoParameters, NoParameters, PostureOrder]) -> PostureNow:
    """Lets it be that until its end, whatever the rate of calls says: calls that come from the answer on are decided
    by it. It outlives a restart, and is in the audit. While the service is away, calls are decided as in green.
    """
    require_soon(sent.body.until, now_us())
    desk = needed(sent.services.posture)
    await desk.set(sent.body.posture, sent.body.until, sent.body.reason, sent.by)
    return posture_now(desk.standing())


@surface.do(
    "DELETE",
    _PATH,
    summary=Bilingual("Cabut penetapan tingkat ancaman", "Withdraw what was set by hand"),
    right=Right.SUPERVISE,
    **_ANSWER,
)
async def withdraw_posture(asked: Asked[NoParameters, NoParameters]) -> PostureNow:
    """Lets the rate of calls say it again, at once."""
    desk = needed(asked.services.posture)
    await desk.withdraw(asked.by)
    return posture_now(desk.standing())
