"""Refused calls over REST."""

from __future__ import annotations

from callrouter.access.model import Right
from callrouter.api import examples, problems, translate
from callrouter.api.live_models import RefusedCalls, RefusedQuery
from callrouter.api.models import NoParameters
from callrouter.api.operation import Asked, Surface
from callrouter.bilingual import Bilingual
from callrouter.privacy.access_log import Seen
from callrouter.privacy.masking import sight_of

surface = Surface()


@surface.get(
    "/api/v1/calls/refused",
    tag="calls",
    summary=Bilingual("Panggilan yang ditolak PBX", "Calls that the PBX refused"),
    path_model=NoParameters,
    right=Right.SEE_CALLS,
    query=RefusedQuery,
    response=RefusedCalls,
    example=examples.refused,
    shows=Seen.LIST,
    problems=(problems.STORAGE_UNAVAILABLE,),
)
async def list_refused_calls(asked: Asked[NoParameters, RefusedQuery]) -> RefusedCalls:
    """Returns how many calls the PBX's SIP stack refused, by status, words and source, and the newest of them. They
    heard no menu and have no incident: no codec in common (488), a number that is not served (404), no room (503).
    Not counted: what was refused while this service was down or too busy to read, challenges for a password (401,
    407: so a carrier that calls from an address no trunk has is not seen here), and calls that their callers gave up
    (487).
    """
    found = await asked.services.refused_calls.since(asked.query.since)
    return translate.refused_calls(found, sight_of(asked.by))
