"""A desk over a database, and looks into what it wrote, for the tests of what operators and agencies do."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from callrouter.access.model import Principal, Role
from callrouter.incidents.desk import (
    Actor,
    NewIncident,
)
from callrouter.incidents.model import incident_id
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from tests.storage.given import (
    AT,
    SECOND,
    given_opened,
    given_routed,
    one,
    rows,
    store,
)

OPERATOR = Actor("siti (operator)")
SUPERVISOR = Actor("budi (supervisor)", supervises=True)
DAMKAR = Actor("damkar-1 (agency)", agency="damkar")
KEY = b"k" * 32
ADMIN = Principal("diskominfo-1", Role.ADMIN)


class Clock:
    """Goes on by a second at each look."""

    def __init__(self) -> None:
        self.now = AT + 1_000 * SECOND

    def __call__(self) -> int:
        self.now += SECOND
        return self.now


def desk_of(database: Database, told: list[UUID] | None = None) -> IncidentTables:
    changed = None if told is None else told.extend
    return IncidentTables(database, acknowledge_s=300, now_us=Clock(), **({"changed": changed} if changed else {}))


async def given_incident(database: Database, *items: Any) -> UUID:
    call = uuid4()
    await store(database, given_opened(call), given_routed(call), *items)
    return incident_id(call)


async def by_hand(desk: IncidentTables, **fields: Any) -> UUID:
    return (await desk.open_by_hand(NewIncident(uuid4(), fields), OPERATOR)).incident


async def row_of(database: Database, incident: UUID) -> dict[str, Any]:
    return await one(database, t.incident, id=incident)


async def parts_of(database: Database, incident: UUID) -> dict[str, dict[str, Any]]:
    return {row["agency"]: row for row in await rows(database, t.incident_agency, incident=incident)}


async def kinds_of(database: Database, incident: UUID) -> list[str]:
    return [row["kind"] for row in await rows(database, t.incident_event, incident=incident)]
