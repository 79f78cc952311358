"""The shapes of what explain and replay ask and answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from callrouter.api.desk_models import VersionNumber
from callrouter.api.models import Answer, Moment, Sent
from callrouter.bilingual import Bilingual, RefusedValue
from callrouter.routing.explain import Standing
from callrouter.routing.facts import Facts
from callrouter.routing.replay import MAX_MOVED, MAX_WAYS


class ExplainOrder(Sent):
    """A call that might come. A counter-example of verify is one, as it is."""

    on: Literal["draft", "in_force"] | VersionNumber = Field(
        default="draft", description="Which table: draft, in_force or the number of a version.", examples=["draft"]
    )
    facts: Facts = Field(description="What would be known of the call.")
    at: AwareDatetime | None = Field(
        default=None,
        description="When it would come, with its offset; default: now.",
        examples=["2026-11-21T20:40:07+07:00"],
    )
    outcomes: tuple[Annotated[str, Field(max_length=40)], ...] = Field(
        default=(),
        max_length=20,
        description="What becomes of each step, in order; those left out fail at their slowest.",
        examples=[["busy", "nobody"]],
    )


class ReasonRow(Answer):
    """One condition of a route."""

    name: str = Field(description="category, area, schedule …, or state agency/bpbd.", examples=["category"])
    wanted: str = Field(description="What the route asks for.", examples=["fire"])
    actual: str = Field(description="What the call has.", examples=["fire"])
    held: bool = Field(description="Whether that will do.", examples=[True])
    sentence: str = Field(
        description="The same as a sentence.", examples=["category: wanted fire; this call: fire; holds"]
    )


class ConsideredRoute(Answer):
    """A route that was looked at."""

    key: str = Field(description="Its key.", examples=["fire"])
    priority: int = Field(description="Its priority.", examples=[500])
    applies: bool = Field(description="True: it is not locked, and every condition held.", examples=[True])
    standing: Standing = Field(description="What became of it.", examples=["won"])
    reasons: list[ReasonRow] = Field(description="Its conditions, in the order in which they are tested.")
    sentence: str = Field(description="Why it did or did not win.", examples=["fire wins"])


class PlannedStep(Answer):
    """A step of the plan, and what became of it."""

    kind: str = Field(description="dial, ringgroup, announce, challenge or record.", examples=["dial"])
    who: str = Field(description="Who is offered the call.", examples=["damkar/posko"])
    at_s: int = Field(description="When it begins at the latest (s after the plan began).", ge=0, examples=[0])
    worst_s: int = Field(description="How long it can take (s).", ge=0, examples=[30])
    outcome: str | None = Field(
        description="What became of it; null where the call had ended before.", examples=["talk"]
    )


class ExplainAnswer(Answer):
    """How a call goes, and why."""

    facts: Facts = Field(description="What is known of the call.")
    at: AwareDatetime = Field(description="When it comes.", examples=["2026-11-21T13:40:07Z"])
    version: int = Field(description="Version that was asked; 0: the draft.", ge=0, examples=[12])
    winner: str | None = Field(
        description="Key of the route that won; null: none did, and the call goes to the last resort.",
        examples=["fire"],
    )
    sentence: str = Field(description="What won, or that nothing did.", examples=["fire wins"])
    notes: list[str] = Field(description="What did not count: an unknown category, targets that are left out.")
    routes: list[ConsideredRoute] = Field(description="Every route of the table, the highest priority first.")
    plan: list[PlannedStep] = Field(description="The plan, step by step; its end is always the last resort.")
    ended_by: str | None = Field(description="The outcome that ended it; null: no step did.", examples=["talk"])
    ending: str = Field(description="How it ends.", examples=["the caller talks with damkar/posko"])


class ReplayOrder(Sent):
    """Which past calls to lead through which table."""

    begin: AwareDatetime = Field(
        alias="from", description="First instant of the period, with its offset.", examples=["2026-11-20T00:00:00Z"]
    )
    end: AwareDatetime | None = Field(
        default=None,
        alias="to",
        description="First instant after it; default: now.",
        examples=["2026-11-21T00:00:00Z"],
    )
    on: Literal["draft", "in_force"] | VersionNumber = Field(
        default="draft", description="Which table: draft, in_force or the number of a version.", examples=["draft"]
    )

    @model_validator(mode="after")
    def _some(self) -> ReplayOrder:
        if self.end is not None and self.begin >= self.end:
            raise RefusedValue(Bilingual("from harus sebelum to", "from must be before to"))
        return self


class WayRow(Answer):
    """How many calls would go from there to there."""

    before: str = Field(description="Who was offered the call, in order.", examples=["damkar/posko > operators"])
    after: str = Field(description="Who would be.", examples=["operators"])
    calls: int = Field(description="How many calls (count).", ge=1, examples=[3])


class MovedCall(Answer):
    """A call that would go elsewhere."""

    call: str = Field(description="Id of the call.", examples=["5d0c8f5e-30c8-4e62-9a86-1f5a2f0f6112"])
    at: Moment = Field(description="When it came.")
    category: str | None = Field(description="Key of what the caller chose; null: nothing.", examples=["fire"])
    before: str = Field(description="Who was offered the call, in order.", examples=["damkar/posko > operators"])
    after: str = Field(description="Who would be.", examples=["operators"])


class ReplayAnswer(Answer):
    """What a table would change of past calls. Every call is the same, moved or unreadable."""

    calls: int = Field(description="All that were looked at (count).", ge=0, examples=[120])
    same: int = Field(description="How many would go where they went.", ge=0, examples=[117])
    moved: int = Field(description="How many would go elsewhere.", ge=0, examples=[3])
    newly_unoffered: int = Field(
        description="Of these: how many were offered to somebody before the last resort, and would not be any more.",
        ge=0,
        examples=[0],
    )
    unknown_category: int = Field(
        description="Calls whose category the table does not have (count).", ge=0, examples=[0]
    )
    unreadable: int = Field(description="Calls whose old plan cannot be read (count).", ge=0, examples=[0])
    ways: list[WayRow] = Field(
        description=f"From where to where, the most frequent first; the first {MAX_WAYS}.", max_length=MAX_WAYS
    )
    examples: list[MovedCall] = Field(
        description=f"The calls that would go elsewhere, by time; the first {MAX_MOVED}.", max_length=MAX_MOVED
    )
