"""Whether the other side of each trunk answers, over REST."""

from __future__ import annotations

import functools

from pydantic import Field

from callrouter.access.model import Right
from callrouter.api.models import Answer, Moment, NoParameters
from callrouter.api.operation import Asked, Surface
from callrouter.api.translate import moment
from callrouter.bilingual import Bilingual
from callrouter.calls.trunks import TrunkState

surface = Surface()


class TrunkStateRow(Answer):
    """How one trunk is."""

    trunk: str = Field(description="Key of the trunk.", examples=["telkom"])
    reachable: bool | None = Field(
        description="True: the other side answers OPTIONS; null: it is not asked (`qualify_s`).", examples=[True]
    )
    since: Moment = Field(description="When this was first seen.")


class TrunkStateList(Answer):
    """How the trunks are."""

    items: list[TrunkStateRow] = Field(description="The trunks of which something is known, by key.")


@functools.cache
def _example() -> TrunkStateList:
    return TrunkStateList(items=[TrunkStateRow(trunk="telkom", reachable=True, since="2026-11-21T13:40:07.125000Z")])


@surface.get(
    "/api/v1/trunk-states",
    tag="calls",
    summary=Bilingual("Keadaan trunk", "How the trunks are"),
    path_model=NoParameters,
    right=Right.SEE_CALLS,
    query=NoParameters,
    response=TrunkStateList,
    example=_example,
)
async def list_trunk_states(asked: Asked[NoParameters, NoParameters]) -> TrunkStateList:
    """Returns whether the other side of each trunk answers, as far as the PBX asks it (`qualify_s` of the trunk). A
    hint for people: calls are offered on a trunk whatever stands here. Needs no database.
    """
    return TrunkStateList(items=[trunk_row(state) for state in asked.services.trunks.states()])


def trunk_row(state: TrunkState) -> TrunkStateRow:
    """Return a trunk's state as it is shown."""
    return TrunkStateRow(trunk=state.trunk, reachable=state.reachable, since=moment(state.since))
