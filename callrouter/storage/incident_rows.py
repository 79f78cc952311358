"""The rows of incidents: locked, and written, within the transaction that is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.incidents.model import IncidentOrigin, IncidentState
from callrouter.storage import tables as t
from callrouter.storage.rows import execute_many
from callrouter.storage.settled import SETTLED

Row = Mapping[str, Any]

NEW_INCIDENT: Final[Mapping[str, Any]] = {
    "origin": str(IncidentOrigin.CALL),
    "state": str(IncidentState.OPEN),
    "category": "",
    "callback": False,
    "callback_reason": "",
    "state_by_person": False,
    "category_by_person": False,
    "callback_by_person": False,
    "reporter_number": "",
    "reporter_name": "",
    "area": "",
    "area_source": "",
    "area_by_person": False,
    "place": "",
    "description": "",
    "disposition": "",
    "sub_code": "",
    "disposition_by_person": False,
    "taken_by": "",
    "closed_reason": "",
    "updated_at": 0,
    "version": 1,
}
"""What a new incident begins with."""


async def lock_incidents(connection: AsyncConnection, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Return the rows of these incidents, by id; nobody else changes them until the transaction ends.

    Whoever writes to the timeline of one (which only names it) does not wait for that.
    """
    rows = await connection.execute(
        select(t.incident).where(t.incident.c.id.in_(ids)).order_by(t.incident.c.id).with_for_update(key_share=True)
    )
    return [dict(row) for row in rows.mappings()]


def grown(now: int) -> ColumnElement[int]:
    """Return `updated_at` for a change at `now`: it grows also where the clock was set back."""
    updated_at = t.incident.c.updated_at
    return case((updated_at >= now, updated_at + 1), else_=now)


async def write_settled(
    connection: AsyncConnection, values: Iterable[tuple[UUID, Mapping[str, Any]]], now: int
) -> None:
    """Set the columns of SETTLED of these incidents. It is no act of a person: `version` stays."""
    rows = [{f"new_{name}": of[name] for name in SETTLED} | {"new_id": id_} for id_, of in values]
    if rows:
        statement = (
            update(t.incident)
            .where(t.incident.c.id == bindparam("new_id"))
            .values({name: bindparam(f"new_{name}") for name in SETTLED})
            .values(updated_at=grown(now))
        )
        await execute_many(connection, statement, rows)
