"""Incidents that may be one event: found near the one that is asked about, by short ranges of indexes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.incidents.desk import Actor, Verdict
from callrouter.incidents.model import Disposition
from callrouter.incidents.sameevent import WINDOW_US, Event
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.incident_rows import NEW_INCIDENT
from callrouter.storage.related import ALIKE, IN_STATE, Related, near_statement, near_values
from tests.storage.given import AT, execute

MINUTE = 60_000_000
SUPERVISOR = Actor("budi (supervisor)", supervises=True)


def row(at: int = AT, **fields: Any) -> dict[str, Any]:
    of: dict[str, Any] = {"state": "with_operator", "category": "fire", "area": "35.07.13", "place": "Pasar Kepanjen"}
    of |= {"category_by_person": True, "area_by_person": True}
    return dict(NEW_INCIDENT) | of | {"id": uuid4(), "opened_at": at, "origin": "hand"} | fields


async def given_rows(database: Database, made: Sequence[dict[str, Any]]) -> list[UUID]:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(t.incident.insert(), list(made))

    await database.write(work)
    return [one["id"] for one in made]


async def found(database: Database, incident: UUID, most: int = 20) -> list[UUID]:
    suggested = await Related(database).related(incident, most)
    assert suggested is not None
    return [one.other.id for one in suggested]


async def test_the_same_fire_is_found_and_another_is_not(database: Database) -> None:
    one, same, late, elsewhere = await given_rows(
        database,
        [
            row(),
            row(AT + 5 * MINUTE, category="", state="routed"),
            row(AT + WINDOW_US + 1),
            row(AT + MINUTE, area="35.07.24", category="flood", place="Singosari"),
        ],
    )
    assert await found(database, one) == [same]
    assert await found(database, same) == [one]
    assert await found(database, late) == []
    assert await found(database, elsewhere) == []
    assert await Related(database).related(uuid4(), 5) is None


async def test_what_cannot_be_merged_into_is_no_suggestion(database: Database) -> None:
    one, closed, merged = await given_rows(database, [row(), row(AT + MINUTE), row(AT + 2 * MINUTE)])
    assert set(await found(database, one)) == {closed, merged}
    desk = IncidentTables(database, acknowledge_s=300)
    await desk.merge(merged, None, one, SUPERVISOR)
    await desk.close(closed, None, Verdict(Disposition.EMERGENCY), "", SUPERVISOR)
    assert await found(database, one) == []
    await desk.unmerge(merged, None, SUPERVISOR)
    assert await found(database, one) == [merged]


async def test_only_the_nearest_of_many_are_looked_at(database: Database) -> None:
    many = [row(AT + n * 1_000, state="closed") for n in range(1, ALIKE + 60)]
    one, *_ = await given_rows(database, [row(), *many])

    async def ask(connection: AsyncConnection) -> int:
        event = Event(one, 1, AT, "fire", "35.07.13")
        return len((await connection.execute(near_statement(True, True), near_values(event))).all())

    looked_at = await database.read(ask)
    assert IN_STATE < looked_at <= ALIKE + 1  # and the one itself


async def test_no_table_is_scanned(database: Database) -> None:
    states = ["closed"] * 9 + ["with_operator", "on_scene"]
    many = [
        row(AT + n * MINUTE, state=states[n % 11], category=f"c{n % 7}", area=f"35.{n % 13:02}") for n in range(1_500)
    ]
    await given_rows(database, many)
    await execute(database, text("ANALYZE"))
    event = Event(uuid4(), 1, AT + 750 * MINUTE, "c3", "35.05")

    async def ask(connection: AsyncConnection) -> str:
        bound = near_statement(True, True).params(near_values(event))
        statement = bound.compile(connection.engine.sync_engine, compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        return "\n".join(map(str, await connection.exec_driver_sql(f"{explain} {statement}")))

    plan = await database.read(ask)
    for column in ("category", "area", "state"):
        assert re.search(f"ix_incident_{column}_opened_at_number", plan), plan
    assert not re.search(r"SCAN incident\b|Seq Scan on incident", plan), plan
