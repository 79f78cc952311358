"""What an agency has to do: its own incidents, as it sees them."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.incidents.model import AgencyState
from callrouter.incidents.views import MAX_PAGE, AgencyFilter, AgencyIncident
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.parts import part_of

DONE: Final = tuple(map(str, (AgencyState.RESOLVED, AgencyState.DECLINED, AgencyState.WITHDRAWN)))
"""States in which nothing is expected of the agency."""
_OF_INCIDENT: Final = ("number", "state", "category", "opened_at", "area", "place", "description", "people_hurt")


def _columns() -> Select[Any]:
    incident, call = t.incident.c, t.call.c
    return (
        select(
            t.incident_agency,
            *(incident[name].label(f"incident_{name}") for name in _OF_INCIDENT),
            func.coalesce(func.nullif(incident.reporter_number, ""), call.number, "").label("caller_number"),
            func.coalesce(func.nullif(incident.reporter_name, ""), call.name, "").label("caller_name"),
        )
        .join_from(t.incident_agency, t.incident, incident.id == t.incident_agency.c.incident)
        .join(t.call, call.id == incident.opening_call, isouter=True)
    )


class AgencyIncidents:
    """Reads agencies' incidents (callrouter.incidents.views.AgencyReader). Raises StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: AgencyFilter) -> list[AgencyIncident]:
        """Return at most `wanted.limit` (and never more than MAX_PAGE) of the agency's incidents, newest first."""
        statement = page_statement(wanted)

        async def ask(connection: AsyncConnection) -> list[AgencyIncident]:
            return [_shown(row) for row in await connection.execute(statement)]

        return await self._database.read(ask)

    async def one(self, agency: str, incident: UUID) -> AgencyIncident | None:
        """Return an incident of the agency; None where it has nothing to do with it."""
        part = t.incident_agency.c
        statement = _columns().where(part.incident == incident, part.agency == agency)

        async def ask(connection: AsyncConnection) -> AgencyIncident | None:
            row = (await connection.execute(statement)).one_or_none()
            return None if row is None else _shown(row)

        return await self._database.read(ask)


def page_statement(wanted: AgencyFilter) -> Select[Any]:
    """Return the query of a page; it walks an index."""
    part = t.incident_agency.c
    statement = (
        _columns()
        .where(part.agency == wanted.agency)
        .order_by(part.passed_at.desc(), part.id.desc())
        .limit(max(1, min(wanted.limit, MAX_PAGE)))
    )
    if wanted.open is not None:
        statement = statement.where(part.state.not_in(DONE) if wanted.open else part.state.in_(DONE))
    if wanted.after is not None:
        at, id_ = wanted.after.passed_at, wanted.after.id
        statement = statement.where(or_(part.passed_at < at, and_(part.passed_at == at, part.id < id_)))
    return statement


def _shown(row: Any) -> AgencyIncident:
    return AgencyIncident(
        part=part_of(row),
        number=row.incident_number,
        state=row.incident_state,
        category=row.incident_category,
        opened=row.incident_opened_at,
        area=row.incident_area,
        place=row.incident_place,
        description=row.incident_description,
        people_hurt=row.incident_people_hurt,
        caller_number=row.caller_number,
        caller_name=row.caller_name,
    )
