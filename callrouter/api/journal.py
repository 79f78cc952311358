"""Lines of the journal that were set aside, over REST."""

from __future__ import annotations

from callrouter.access.model import Right
from callrouter.api import callback_examples as examples
from callrouter.api import problems
from callrouter.api.callback_models import SetAsideLine, SetAsideLines, SetAsideQuery
from callrouter.api.models import NoParameters
from callrouter.api.operation import Asked, Surface
from callrouter.api.translate import moment, text
from callrouter.bilingual import Bilingual
from callrouter.privacy.access_log import Seen
from callrouter.privacy.masking import sight_of

surface = Surface()
SHOWN = 1_000
"""Characters of a line that are shown; the file has all of it."""


@surface.get(
    "/api/v1/journal/set-aside",
    tag="calls",
    summary=Bilingual("Baris jurnal yang disisihkan", "Lines of the journal that were set aside"),
    path_model=NoParameters,
    right=Right.SEE_CALLS,
    query=SetAsideQuery,
    response=SetAsideLines,
    example=examples.set_aside,
    shows=Seen.LIST,
    problems=(problems.STORAGE_UNAVAILABLE,),
)
async def list_set_aside(asked: Asked[NoParameters, SetAsideQuery]) -> SetAsideLines:
    """Returns how many lines of the PBX's journal could not be taken, and the newest of them: torn by a full disk or
    by the end of the PBX, or not of the PBX at all. They are kept, here and in the file; the lines around them count.
    """
    found, sight = await asked.services.set_aside.since(asked.query.since), sight_of(asked.by)
    return SetAsideLines(
        total=found.total,
        newest=[
            SetAsideLine(
                at=moment(one.at),
                node=one.node,
                file=one.file,
                position=one.position,
                reason=one.reason,
                line=text(sight.line(one.line.decode("utf-8", "backslashreplace")[:SHOWN])),
            )
            for one in found.newest
        ],
    )
