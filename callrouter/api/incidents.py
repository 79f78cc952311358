"""Incidents over REST."""

from __future__ import annotations

from callrouter.access.model import Right
from callrouter.api import examples, problems, translate
from callrouter.api.models import Incident, IncidentPage, IncidentPath, IncidentQuery, NoParameters
from callrouter.api.operation import Asked, Surface
from callrouter.api.problems import ApiProblem, Fault
from callrouter.bilingual import Bilingual

surface = Surface()


@surface.get(
    "/api/v1/incidents",
    tag="incidents",
    summary=Bilingual("Daftar laporan", "Incidents, newest first"),
    path_model=NoParameters,
    right=Right.SEE_CALLS,
    query=IncidentQuery,
    response=IncidentPage,
    example=examples.PAGE,
    problems=(problems.STORAGE_UNAVAILABLE,),
)
async def list_incidents(asked: Asked[NoParameters, IncidentQuery]) -> IncidentPage:
    """Returns incidents from the newest on, page by page. Filters hold together (and). An incident that is opened
    while you read the pages does not move the others: no incident is shown twice or left out.
    """
    summaries = await asked.services.incidents.page(translate.incident_filter(asked.query))
    return translate.incident_page(summaries, asked.query.limit)


@surface.get(
    "/api/v1/incidents/{id}",
    tag="incidents",
    summary=Bilingual("Satu laporan lengkap", "One incident whole"),
    path_model=IncidentPath,
    right=Right.SEE_CALLS,
    query=NoParameters,
    response=Incident,
    example=examples.INCIDENT,
    problems=(problems.INCIDENT_UNKNOWN, problems.STORAGE_UNAVAILABLE),
)
async def read_incident(asked: Asked[IncidentPath, NoParameters]) -> Incident:
    """Returns an incident with its calls, what was tried for each of them, and its timeline."""
    detail = await asked.services.incidents.detail(asked.path.id)
    if detail is None:
        raise ApiProblem(Fault(problems.INCIDENT_UNKNOWN, problems.pointer("path", "id")))
    return translate.incident(detail)
