"""How suspect callers were, as it is stored; and what is known of numbers (calls.suspicion.PastNumbers)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.ports import CallJudged
from callrouter.calls.suspicion import Place, Remembered
from callrouter.incidents.model import Outcome
from callrouter.incidents.suspicion import SHORT_US, TELLING, Earlier, Judgement, Term, short_call, silent_call
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.rows import execute_many, insert_into
from callrouter.storage.tables_judgement import judgement

PAGE: Final = 200
"""Calls read at once: calls are served on the same loop."""
_i, _c, _into = t.incident.c, t.call.c, t.incident.alias("into")


async def store_judgements(connection: AsyncConnection, notes: Sequence[CallJudged]) -> None:
    """Store `notes`; one that is there already stays as it is."""
    if notes:
        # In the order of their ids, so that two writers never wait for each other in a circle.
        rows = [_row(note) for note in sorted(notes, key=lambda note: note.call)]
        await execute_many(connection, insert_into(connection, judgement).on_conflict_do_nothing(), rows)


def _row(note: CallJudged) -> dict[str, Any]:
    terms = [{"key": term.key, "points": term.points, "count": term.count} for term in note.judgement.terms]
    return {"call": note.call, "at": note.at, "score": note.judgement.score, "terms": terms}


async def judgements_of(connection: AsyncConnection, calls: Collection[UUID]) -> dict[UUID, Judgement]:
    """Return how suspect the callers of these calls were when they were opened, as far as they were judged."""
    rows = await connection.execute(select(judgement).where(judgement.c.call.in_(sorted(calls))))
    return {row.call: Judgement(row.score, tuple(Term(**term) for term in row.terms)) for row in rows}


class PastNumbers:
    """Reads what is known of numbers. Raises StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def telling(self, recent: int, after: Place) -> tuple[list[Remembered], Place | None]:
        """Return a page of the calls behind `after` that say something, oldest first; and where the next begins."""
        quiet = and_(_c.choice == "silent", _c.outcome.in_((Outcome.ABANDONED, Outcome.NO_MESSAGE)))
        short = and_(_c.ended_at - _c.opened_at < SHORT_US, _c.outcome != Outcome.CUT)
        said = or_(_disposition().in_(sorted(TELLING)), quiet, short)
        # The first half alone bounds the range of the index.
        behind = and_(
            _i.opened_at >= after.opened, tuple_(_i.opened_at, _i.number) > tuple_(after.opened, after.number)
        )
        statement = _calls().where(behind, or_(_i.opened_at >= recent, said), _c.number != "")
        statement = statement.order_by(_i.opened_at, _i.number).limit(PAGE)

        async def ask(connection: AsyncConnection) -> list[Any]:
            return list(await connection.execute(statement))

        rows = await self._database.read(ask)
        follows = Place(rows[-1].opened_at, rows[-1].number) if len(rows) == PAGE else None
        return [_remembered(row) for row in rows], follows

    async def of_incidents(self, incidents: Sequence[UUID]) -> list[Remembered]:
        """Return the calls by which these incidents were opened."""
        statement = _calls().where(_i.id.in_(sorted(incidents)), _c.number != "")

        async def ask(connection: AsyncConnection) -> list[Any]:
            return list(await connection.execute(statement))

        return [_remembered(row) for row in await self._database.read(ask)]


def _disposition() -> Any:
    """What an incident turned out to be, or the one that it was merged into."""
    return func.coalesce(func.nullif(_i.disposition, ""), _into.c.disposition, "")


def _calls() -> Select[Any]:
    return (
        select(
            _i.opened_at,
            _i.number,
            _c.id,
            _c.number.label("caller"),
            _c.opened_at.label("came_at"),
            _c.ended_at,
            _c.outcome,
            _c.choice,
            _disposition().label("turned_out"),
        )
        .join_from(t.incident, t.call, _c.id == _i.opening_call)
        .join(_into, _into.c.id == _i.merged_into, isouter=True)
        .where(_c.origin == "citizen")
    )


def _remembered(row: Any) -> Remembered:
    earlier = Earlier(
        at=row.came_at,
        short=short_call(row.came_at, row.ended_at, row.outcome),
        silent=silent_call(row.outcome, row.choice),
        disposition=row.turned_out,
    )
    return Remembered(row.id, row.caller, earlier)
