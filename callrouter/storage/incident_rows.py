"""The rows of incidents: locked, and written, within the transaction that is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.incidents.model import IncidentOrigin, IncidentState
from callrouter.storage import tables as t
from callrouter.storage.columns import Whole
from callrouter.storage.known import KnownCall, Standing
from callrouter.storage.rows import among, execute_many, insert_new
from callrouter.storage.settled import SETTLED, settled

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
_EMPTY: Final[dict[str, Any]] = dict.fromkeys(t.incident.c.keys())
_MADE_WITH: Final = (
    "id",
    "opening_call",
    "opened_at",
    *NEW_INCIDENT,
    *(n for n in SETTLED if n not in {*NEW_INCIDENT, "opened_at"}),
)


@lru_cache
def _locking(dialect: str) -> Any:
    statement = select(t.incident).where(among(dialect, t.incident.c.id)).order_by(t.incident.c.id)
    return statement.with_for_update(key_share=True)


async def make_incidents(
    connection: AsyncConnection, opened: Iterable[tuple[KnownCall, Standing | None]], now: int
) -> bool:
    """Make the incidents of calls that opened one, as far as they are not there; True: none was.

    Each with what its call makes of it; None: that is settled later.
    """
    rows: list[dict[str, Any]] = []
    for call, stands in opened:
        row: dict[str, Any] = {
            "id": call.incident,
            "opening_call": call.id,
            "opened_at": call.opened_at,
            **NEW_INCIDENT,
        }
        if stands is not None:
            follows = settled(_EMPTY | row, stands, ())
            if any(row.get(name) != value for name, value in follows.items()):
                row |= follows | {"updated_at": max(now, 1)}
        rows.append({name: row.get(name) for name in _MADE_WITH})
    return await insert_new(connection, t.incident, ("id",), rows)


async def lock_incidents(connection: AsyncConnection, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Return the rows of these incidents, by id; nobody else changes them until the transaction ends.

    Whoever writes to the timeline of one (which only names it) does not wait for that.
    """
    rows = await connection.execute(_locking(connection.dialect.name), {"some": list(ids)})
    return [dict(row) for row in rows.mappings()]


def grown(now: int | ColumnElement[int]) -> ColumnElement[int]:
    """Return `updated_at` for a change at `now`: it grows also where the clock was set back."""
    updated_at = t.incident.c.updated_at
    return case((updated_at >= now, updated_at + 1), else_=now)


_SETTLING: Final = (
    update(t.incident)
    .where(t.incident.c.id == bindparam("new_id"))
    .values({name: bindparam(f"new_{name}") for name in SETTLED})
    .values(updated_at=grown(bindparam("now", type_=Whole)))
)


async def write_settled(
    connection: AsyncConnection, values: Iterable[tuple[UUID, Mapping[str, Any]]], now: int
) -> None:
    """Set the columns of SETTLED of these incidents. It is no act of a person: `version` stays."""
    rows = [{f"new_{name}": of[name] for name in SETTLED} | {"new_id": id_, "now": now} for id_, of in values]
    if rows:
        await execute_many(connection, _SETTLING, rows)
