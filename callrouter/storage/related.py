"""Incidents that may be one event with another: a few that are near it, found by indexes, then compared."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, func, literal_column, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.incidents.model import IncidentState
from callrouter.incidents.sameevent import TEXT, WINDOW_US, Event, Suggestion, suggestions
from callrouter.storage import tables as t
from callrouter.storage.database import Database

ALIKE: Final = 40
"""Of the same category, or area: so many before it and so many after it are looked at, whatever their state."""
IN_STATE: Final = 10
"""Of each state in which an incident goes on: so many before it and so many after it."""
_GOES_ON: Final = tuple(
    state
    for state in IncidentState
    if state not in {IncidentState.CLOSED, IncidentState.MERGED, IncidentState.ABANDONED}
)
_i = t.incident.c


class Related:
    """Finds them (callrouter.api.related_ports.RelatedReader). Raises StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def related(self, incident: UUID, most: int) -> list[Suggestion] | None:
        """Return at most `most` that may be the same event, the likeliest first; None: there is no such incident.

        Those that are closed or merged are no suggestion: nothing can be merged into them.
        """

        async def ask(connection: AsyncConnection) -> tuple[Event, list[Event]] | None:
            row = (await connection.execute(_events().where(_i.id == incident))).one_or_none()
            if row is None:
                return None
            one = _event(row)
            # In two steps, so that the second goes by the key whatever the planner thinks of the first.
            near = list(
                await connection.scalars(near_statement(bool(one.category), bool(one.area)), near_values(one))
            )
            others = _events().where(_i.number.in_(near), _i.closed_at.is_(None), _i.merged_into.is_(None))
            return one, [_event(other) for other in await connection.execute(others)]

        found = await self._database.read(ask)
        if found is None:
            return None
        # Some milliseconds of words, which calls need not wait for.
        return await asyncio.to_thread(suggestions, *found, most)


@functools.cache
def near_statement(has_category: bool, has_area: bool) -> Select[Any]:
    """Return the query of the numbers of those that an incident (`near_values`) is compared with.

    Each of its parts is a short range of an index: however many incidents there are in that time, no more are read.
    """
    # Made once: to put it together anew for each question would take milliseconds from the calls.
    numbers = union_all(*_nearest(has_category, has_area)).subquery().c
    return select(numbers.number).distinct()


def near_values(one: Event) -> dict[str, Any]:
    """Return what its parameters are for this incident."""
    times = {"at": one.opened_at, "since": one.opened_at - WINDOW_US, "until": one.opened_at + WINDOW_US}
    return times | {name: value for name, value in (("category", one.category), ("area", one.area)) if value}


def _nearest(has_category: bool, has_area: bool) -> Iterator[Select[Any]]:
    if has_category:
        yield from _around(_i.category == bindparam("category"), ALIKE)
    if has_area:
        yield from _around(_i.area == bindparam("area"), ALIKE)
    for state in _GOES_ON:
        yield from _around(_i.state == literal_column(f"'{state}'"), IN_STATE)


def _around(which: ColumnElement[bool], most: int) -> Iterator[Select[Any]]:
    at: BindParameter[int] = bindparam("at")
    few: ColumnElement[int] = literal_column(str(most))
    before = select(_i.number).where(which, _i.opened_at <= at, _i.opened_at >= bindparam("since"))
    after = select(_i.number).where(which, _i.opened_at > at, _i.opened_at <= bindparam("until"))
    # Each in a query of its own: SQLite takes neither order nor limit within a union.
    for part in (
        before.order_by(_i.opened_at.desc(), _i.number.desc()).limit(few),
        after.order_by(_i.opened_at, _i.number).limit(few),
    ):
        yield select(part.subquery().c.number)


def _events() -> Select[Any]:
    return select(
        _i.id,
        _i.number,
        _i.opened_at,
        _i.category,
        _i.area,
        _i.state,
        func.substr(_i.place, 1, TEXT).label("place"),
        func.substr(_i.description, 1, TEXT).label("description"),
    )


def _event(row: Any) -> Event:
    return Event(
        id=row.id,
        number=row.number,
        opened_at=row.opened_at,
        category=row.category,
        area=row.area,
        place=row.place,
        description=row.description,
        state=row.state,
    )
