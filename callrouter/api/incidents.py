"""Incidents over REST."""

from __future__ import annotations

from callrouter.access.model import Right
from callrouter.api import examples, problems, translate
from callrouter.api.case_answers import shown
from callrouter.api.incident_models import Incident, IncidentPage
from callrouter.api.incident_query import IncidentQuery, incident_filter
from callrouter.api.models import IncidentPath, NoParameters
from callrouter.api.operation import Answered, Asked, Surface
from callrouter.bilingual import Bilingual
from callrouter.privacy.access_log import Seen
from callrouter.privacy.masking import sight_of

surface = Surface()


@surface.get(
    "/api/v1/incidents",
    tag="incidents",
    summary=Bilingual("Daftar laporan", "Incidents, newest first"),
    path_model=NoParameters,
    right=Right.SEE_CALLS,
    query=IncidentQuery,
    response=IncidentPage,
    example=examples.page,
    shows=Seen.LIST,
    problems=(problems.STORAGE_UNAVAILABLE,),
)
async def list_incidents(asked: Asked[NoParameters, IncidentQuery]) -> IncidentPage:
    """Returns incidents from the newest on, page by page. Filters hold together (and). An incident that is opened
    while you read the pages does not move the others: no incident is shown twice or left out.
    """
    summaries = await asked.services.incidents.page(incident_filter(asked.query))
    return translate.incident_page(summaries, asked.query.limit, sight_of(asked.by))


@surface.get(
    "/api/v1/incidents/{id}",
    tag="incidents",
    summary=Bilingual("Satu laporan lengkap", "One incident whole"),
    path_model=IncidentPath,
    right=Right.SEE_CALLS,
    query=NoParameters,
    response=Incident,
    example=examples.incident,
    shows=Seen.INCIDENT,
    tagged=True,
    problems=(problems.INCIDENT_UNKNOWN, problems.STORAGE_UNAVAILABLE),
)
async def read_incident(asked: Asked[IncidentPath, NoParameters]) -> Answered[Incident]:
    """Returns an incident with its calls, what was tried for each of them, its agencies and its timeline. One that
    was merged says into which. Its ETag is what a change must name in If-Match.
    """
    return await shown(asked, asked.path.id)
