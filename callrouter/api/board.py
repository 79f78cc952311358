"""The live board over REST."""

from __future__ import annotations

from callrouter.access.model import Right
from callrouter.api import examples, translate
from callrouter.api.live_models import LiveBoard
from callrouter.api.models import NoParameters
from callrouter.api.operation import Asked, Surface
from callrouter.bilingual import Bilingual
from callrouter.clock import now_us
from callrouter.privacy.access_log import Seen
from callrouter.privacy.masking import sight_of

surface = Surface()


@surface.get(
    "/api/v1/calls/live",
    tag="calls",
    summary=Bilingual("Panggilan yang sedang berlangsung", "The calls that are up"),
    path_model=NoParameters,
    right=Right.SEE_CALLS,
    query=NoParameters,
    response=LiveBoard,
    example=examples.board,
    shows=Seen.BOARD,
)
async def list_live_calls(asked: Asked[NoParameters, NoParameters]) -> LiveBoard:
    """Returns who calls at this moment, where each call is, and who rings or talks. Needs no database."""
    return translate.live_board(asked.services.live.live(), now_us(), sight_of(asked.by))
