"""Incidents that may be one event, over REST."""

from __future__ import annotations

import functools
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from callrouter.access.model import Right
from callrouter.api import examples, problems, translate
from callrouter.api.models import Answer, IncidentPath, Moment, Parameters
from callrouter.api.needed import needed
from callrouter.api.operation import Asked, Surface
from callrouter.api.parameters import WHOLE
from callrouter.api.problems import ApiProblem, Fault, pointer
from callrouter.bilingual import Bilingual
from callrouter.incidents.model import IncidentState
from callrouter.incidents.sameevent import LEAST, Suggestion, TermName
from callrouter.privacy.access_log import Seen

surface = Surface()

MAX_SUGGESTIONS: Final = 20


class RelatedQuery(Parameters):
    """How many suggestions."""

    limit: Annotated[int, Field(ge=1, le=MAX_SUGGESTIONS), WHOLE] = Field(
        default=5, description="Most suggestions in the answer (count).", examples=["5"]
    )


class RelatedWhy(Answer):
    """A reason, in both languages."""

    id: str = Field(description="In Indonesian.", examples=["kategori sama: kebakaran"])
    en: str = Field(description="In English.", examples=["same category: kebakaran"])


class RelatedTerm(Answer):
    """A part of the score."""

    term: TermName = Field(description="What is compared.", examples=["category"])
    points: int = Field(description="What it adds; below 0: it speaks against one event.", examples=[20])
    why: RelatedWhy = Field(description="Why.")


class RelatedIncident(Answer):
    """An incident that may be the same event."""

    id: UUID = Field(description="Id of the incident.")
    number: int = Field(description="Number of the incident, for people.", ge=1, examples=[1024])
    state: IncidentState = Field(description="Where it is in its life.", examples=["with_agency"])
    category: str | None = Field(description="Key of its category.", examples=["kebakaran"])
    area: str | None = Field(description="Code of its area (Kemendagri).", examples=["35.07.13"])
    place: str | None = Field(description="Where it is, in words; a long text is cut.", examples=["Jl. Merdeka 12"])
    opened_at: Moment = Field(description="When the centre came to know of it.")
    score: int = Field(description="Exactly the sum of its terms.", ge=LEAST, examples=[65])
    terms: list[RelatedTerm] = Field(description="What speaks for one event, and what against it.")


class RelatedList(Answer):
    """Incidents that may be the same event."""

    items: list[RelatedIncident] = Field(description="The suggestions, the likeliest first.")


@functools.cache
def _example() -> RelatedList:
    return RelatedList(
        items=[
            RelatedIncident(
                id=examples.row().id,
                number=examples.row().number,
                state=IncidentState.WITH_AGENCY,
                category="kebakaran",
                area="35.07.13",
                place="Jl. Merdeka 12",
                opened_at=examples.row().opened_at,
                score=65,
                terms=[
                    RelatedTerm(
                        term=TermName.CATEGORY,
                        points=20,
                        why=RelatedWhy(id="kategori sama: kebakaran", en="same category: kebakaran"),
                    ),
                    RelatedTerm(
                        term=TermName.AREA,
                        points=25,
                        why=RelatedWhy(id="wilayah sama: 35.07.13", en="same area: 35.07.13"),
                    ),
                    RelatedTerm(
                        term=TermName.TIME, points=20, why=RelatedWhy(id="selisih 4 menit", en="4 min apart")
                    ),
                ],
            )
        ]
    )


@surface.get(
    "/api/v1/incidents/{id}/related",
    tag="incidents",
    summary=Bilingual("Laporan yang mungkin kejadian yang sama", "Incidents that may be the same event"),
    path_model=IncidentPath,
    query=RelatedQuery,
    response=RelatedList,
    example=_example,
    right=Right.SEE_CALLS,
    shows=Seen.LIST,
    problems=(problems.INCIDENT_UNKNOWN, problems.STORAGE_UNAVAILABLE),
)
async def list_related(asked: Asked[IncidentPath, RelatedQuery]) -> RelatedList:
    """Returns incidents of two hours before and after that may be the same event, by category, area, time and words:
    the score is exactly the sum of the listed terms. Nothing is merged by it; a supervisor does that. Those that are
    closed or merged are left out, for nothing can be merged into them.
    """
    found = await needed(asked.services.related).related(asked.path.id, asked.query.limit)
    if found is None:
        raise ApiProblem(Fault(problems.INCIDENT_UNKNOWN, pointer("path", "id")))
    return RelatedList(items=[_shown(one) for one in found])


def _shown(one: Suggestion) -> RelatedIncident:
    other = one.other
    return RelatedIncident(
        id=other.id,
        number=other.number,
        state=IncidentState(other.state),
        category=translate.text(other.category),
        area=translate.text(other.area),
        place=translate.text(other.place),
        opened_at=translate.moment(other.opened_at),
        score=one.score,
        terms=[
            RelatedTerm(term=term.name, points=term.points, why=RelatedWhy(id=term.why.id, en=term.why.en))
            for term in one.terms
        ],
    )
