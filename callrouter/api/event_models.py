"""The shapes of the event stream."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, RootModel

from callrouter.api.models import Parameters
from callrouter.api.parameters import WHOLE
from callrouter.stream.feed import Kind

_KINDS: Final = "|".join(Kind)
LONGEST_S: Final = 600


class EventQuery(Parameters):
    """Which events, and for how long."""

    kinds: str | None = Field(
        default=None,
        pattern=f"^({_KINDS})(,({_KINDS})){{0,{len(Kind) - 1}}}$",
        description="Only events of these kinds, separated by commas. Default: all that the role may see.",
        examples=["incident,call"],
    )
    seconds: Annotated[int, Field(ge=0, le=LONGEST_S), WHOLE] | None = Field(
        default=None,
        description="End the stream after this time (s). 0: send what is new now, and no more.",
        examples=["30"],
    )

    @property
    def chosen(self) -> frozenset[Kind]:
        """The kinds that are wanted."""
        return frozenset(Kind) if self.kinds is None else frozenset(map(Kind, self.kinds.split(",")))


class EventText(RootModel[str]):
    """Server-sent events (HTML, section 9.2)."""
