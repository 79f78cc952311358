"""Who calls, over REST."""

from __future__ import annotations

from callrouter.access.model import Right
from callrouter.api import caller_examples as examples
from callrouter.api import problems
from callrouter.api.caller_models import CallerCard, CallPath, caller_card
from callrouter.api.models import NoParameters
from callrouter.api.operation import Asked, Surface
from callrouter.api.problems import ApiProblem, Fault
from callrouter.bilingual import Bilingual
from callrouter.privacy.access_log import Seen
from callrouter.privacy.masking import sight_of

surface = Surface()


@surface.get(
    "/api/v1/calls/{id}/caller",
    tag="calls",
    summary=Bilingual("Siapa yang menelepon", "Who calls"),
    path_model=CallPath,
    right=Right.SEE_CALLS,
    query=NoParameters,
    response=CallerCard,
    example=examples.card,
    shows=Seen.CALLER,
    problems=(problems.CALL_UNKNOWN, problems.STORAGE_UNAVAILABLE),
)
async def read_caller(asked: Asked[CallPath, NoParameters]) -> CallerCard:
    """Returns the card of a call's caller: his number, his last calls, incidents that his call may be about, and how
    suspect he is and why. The same comes as the event `pickup` when an operator's telephone rings. Of a call that is
    up it needs no database.
    """
    card = await asked.services.callers.look_up(asked.path.id)
    if card is None:
        raise ApiProblem(Fault(problems.CALL_UNKNOWN, problems.pointer("path", "id")))
    return caller_card(card, sight_of(asked.by))
