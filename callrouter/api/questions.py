"""What would become of a call, and of the calls that were: explain and replay. They change nothing."""

from __future__ import annotations

import asyncio
import functools
from datetime import UTC, datetime

from callrouter.access.model import Right
from callrouter.api import problems, refusals
from callrouter.api import question_models as models
from callrouter.api.desk_answers import refusing
from callrouter.api.language import say
from callrouter.api.models import NoParameters
from callrouter.api.operation import Body, Sent, Surface
from callrouter.api.translate import moment
from callrouter.bilingual import Bilingual
from callrouter.publishing.model import Hypothetical
from callrouter.routing.explain import Considered, Explanation, Standing
from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.replay import Replay
from callrouter.routing.values import Language

surface = Surface()

_PROBLEMS = (refusals.VERSION_UNKNOWN, problems.STORAGE_UNAVAILABLE, problems.OUT_OF_ORDER)
_AT = datetime(2026, 11, 21, 13, 40, 7, tzinfo=UTC)
_FACTS = Facts(origin=Origin.CITIZEN, choice=Choice.NONE, category="fire", trunk="telco")


@functools.cache
def _explained_example() -> models.ExplainAnswer:
    return models.ExplainAnswer(
        facts=_FACTS,
        at=_AT,
        version=12,
        winner="fire",
        sentence="fire wins: of the routes that apply, its priority (500) is the highest",
        notes=[],
        routes=[
            models.ConsideredRoute(
                key="fire",
                priority=500,
                applies=True,
                standing=Standing.WON,
                reasons=[
                    models.ReasonRow(
                        name="category",
                        wanted="fire",
                        actual="fire",
                        held=True,
                        sentence="category: wanted fire; this call: fire; holds",
                    )
                ],
                sentence="fire wins: of the routes that apply, its priority (500) is the highest",
            )
        ],
        plan=[
            models.PlannedStep(kind="dial", who="damkar/posko", at_s=0, worst_s=30, outcome="busy"),
            models.PlannedStep(kind="ringgroup", who="operators", at_s=30, worst_s=33, outcome="talk"),
            models.PlannedStep(kind="record", who="record_message", at_s=63, worst_s=73, outcome=None),
        ],
        ended_by="talk",
        ending="the caller talks with operators",
    )


@functools.cache
def _replayed_example() -> models.ReplayAnswer:
    return models.ReplayAnswer(
        calls=120,
        same=119,
        moved=1,
        newly_unoffered=0,
        unknown_category=0,
        unreadable=0,
        ways=[models.WayRow(before="damkar/posko > operators", after="operators", calls=1)],
        examples=[
            models.MovedCall(
                call="5d0c8f5e-30c8-4e62-9a86-1f5a2f0f6112",
                at=moment(1_795_267_207_125_000),
                category="fire",
                before="damkar/posko > operators",
                after="operators",
            )
        ],
    )


@surface.send(
    "POST",
    "/api/v1/explain",
    tag="questions",
    summary=Bilingual("Jelaskan ke mana sebuah panggilan pergi", "Explain where a call would go"),
    path_model=NoParameters,
    query=NoParameters,
    body=Body(
        models.ExplainOrder,
        examples={
            "fire": {
                "on": "draft",
                "facts": {"origin": "citizen", "choice": "none", "category": "fire", "trunk": "telco"},
                "at": "2026-11-21T20:40:07+07:00",
                "outcomes": ["busy"],
            }
        },
    ),
    response=models.ExplainAnswer,
    example=_explained_example,
    right=Right.SEE_ROUTING,
    slow=True,
    problems=_PROBLEMS,
)
async def explain_call(sent: Sent[NoParameters, NoParameters, models.ExplainOrder]) -> models.ExplainAnswer:
    """Returns how a call would go by the draft or a version: every route that was looked at, why each did or did not
    apply, the plan, and what becomes of each step. A counter-example of verify can be sent as it is.
    """
    order = sent.body
    call = Hypothetical(order.facts, order.at or datetime.now(UTC), order.outcomes)
    with refusing(sent, str(order.on), unknown=refusals.VERSION_UNKNOWN, at="/on", in_body=True):
        found = await sent.management.publishing.explain(order.on, call)
    return await asyncio.to_thread(_explanation, found, sent.language)


@surface.send(
    "POST",
    "/api/v1/replay",
    tag="questions",
    summary=Bilingual("Ulangi panggilan lalu pada draf", "Replay past calls on the draft"),
    path_model=NoParameters,
    query=NoParameters,
    body=Body(
        models.ReplayOrder,
        examples={"a day": {"on": "draft", "from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z"}},
    ),
    response=models.ReplayAnswer,
    example=_replayed_example,
    right=Right.SEE_ROUTING,
    slow=True,
    problems=_PROBLEMS,
)
async def replay_calls(sent: Sent[NoParameters, NoParameters, models.ReplayOrder]) -> models.ReplayAnswer:
    """Leads the calls of a period, with the facts that they had, through the draft or a version, and returns which of
    them would go elsewhere, from where to where.
    """
    order = sent.body
    end = order.end or datetime.now(UTC)
    with refusing(sent, str(order.on), unknown=refusals.VERSION_UNKNOWN, at="/on", in_body=True):
        found = await sent.management.publishing.replay(order.on, order.begin, max(order.begin, end))
    return await asyncio.to_thread(_replayed, found)


def _explanation(found: Explanation, language: Language) -> models.ExplainAnswer:
    return models.ExplainAnswer(
        facts=found.facts,
        at=found.at,
        version=found.version,
        winner=found.winner,
        sentence=say(found.sentence, language),
        notes=[say(note, language) for note in found.notes],
        routes=[_considered(route, language) for route in found.routes],
        plan=[
            models.PlannedStep(
                kind=step.kind, who=step.who, at_s=step.at_s, worst_s=step.worst_s, outcome=step.outcome
            )
            for step in found.steps
        ],
        ended_by=found.walk.ended_by,
        ending=say(found.ending, language),
    )


def _considered(route: Considered, language: Language) -> models.ConsideredRoute:
    return models.ConsideredRoute(
        key=route.key,
        priority=route.priority,
        applies=route.applies,
        standing=route.standing,
        reasons=[
            models.ReasonRow(
                name=reason.name,
                wanted=say(reason.wanted, language),
                actual=say(reason.actual, language),
                held=reason.held,
                sentence=say(reason.sentence, language),
            )
            for reason in route.reasons
        ],
        sentence=say(route.sentence, language),
    )


def _replayed(found: Replay) -> models.ReplayAnswer:
    return models.ReplayAnswer(
        calls=found.calls,
        same=found.same,
        moved=found.moved,
        newly_unoffered=found.newly_unoffered,
        unknown_category=found.unknown_category,
        unreadable=found.unreadable,
        ways=[models.WayRow(before=way.from_where, after=way.to_where, calls=way.calls) for way in found.ways],
        examples=[
            models.MovedCall(
                call=one.call, at=moment(one.at), category=one.category, before=one.from_where, after=one.to_where
            )
            for one in found.examples
        ],
    )
