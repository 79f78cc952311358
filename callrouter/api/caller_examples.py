"""An example of a caller's card."""

from __future__ import annotations

import functools

from callrouter.api import examples
from callrouter.api.caller_models import CallerCard, CallerNumber
from callrouter.api.translate import suspicion
from callrouter.incidents.suspicion import Judgement, Term


@functools.cache
def card() -> CallerCard:
    return CallerCard(
        call=examples.board().items[0],
        number=CallerNumber(
            raw="081234567890", e164="+6281234567890", shown="0812-3456-7890", sent_from="081234567890"
        ),
        area=None,
        complete=True,
        earlier_calls=0,
        last_calls=[],
        own_incidents=[],
        nearby_incidents=[],
        suspicion=suspicion(Judgement(12, (Term("repeats", 12, 2),))),
    )
