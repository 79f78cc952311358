"""Callers who are to be called back: one entry for each number, the most urgent first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.clock import now_us
from callrouter.incidents.callbacks import Callback, CallbackFilter, TryOutcome, Urgency
from callrouter.incidents.model import Outcome
from callrouter.incidents.views import MAX_PAGE
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.rows import AT_ONCE
from callrouter.storage.tables_supervision import callback_claim, callback_try


class Callbacks:
    """Reads the list (callrouter.incidents.callbacks.CallbackReader). Raises StorageUnavailable.

    urgency: that of the table in force
    """

    def __init__(
        self, database: Database, urgency: Callable[[], Urgency], now_us: Callable[[], int] = now_us
    ) -> None:
        self._database = database
        self._urgency = urgency
        self._now_us = now_us

    async def page(self, wanted: CallbackFilter) -> list[Callback]:
        """Return at most `wanted.limit` (and never more than MAX_PAGE) entries."""
        statement = page_statement(wanted, self._urgency())

        async def ask(connection: AsyncConnection) -> list[Callback]:
            found = [_entry(row) for row in await connection.execute(statement)]
            return await _with_tries(connection, found, self._now_us())

        return await self._database.read(ask)


def page_statement(wanted: CallbackFilter, urgency: Urgency) -> Select[Any]:
    """Return the query of a page: all calls that are on the list, one of each number, in order."""
    ranked = _ranked(wanted, urgency).subquery()
    place = ranked.c
    statement = select(ranked).where(place.turn == 1)
    if wanted.after is not None:
        after = wanted.after
        statement = statement.where(
            or_(
                place.urgency < after.urgency,
                and_(place.urgency == after.urgency, place.first > after.first),
                and_(
                    place.urgency == after.urgency,
                    place.first == after.first,
                    place.number_for_people > after.number_for_people,
                ),
            )
        )
    order = (place.urgency.desc(), place.first, place.number_for_people)
    return statement.order_by(*order).limit(max(1, min(wanted.limit, MAX_PAGE)))


def _ranked(wanted: CallbackFilter, urgency: Urgency) -> Select[Any]:
    incident, call = t.incident.c, t.call.c
    rank = _rank(incident.category, urgency)
    # A withheld number tells two callers not apart: each such call is an entry of its own.
    caller = (call.number, case((call.number == "", incident.number), else_=literal(0)))
    statement = (
        select(
            incident.id.label("incident"),
            incident.number.label("number_for_people"),
            call.number.label("caller"),
            incident.category,
            rank.label("urgency"),
            incident.callback_reason.label("reason"),
            call.stage,
            call.origin,
            call.trunk,
            call.language,
            call.recording,
            call.facts,
            call.opened_at,
            func.coalesce(call.human_at, call.joined_at).label("human"),
            call.ended_at,
            func.row_number()
            .over(partition_by=caller, order_by=(rank.desc(), call.opened_at, incident.number))
            .label("turn"),
            func.count().over(partition_by=caller).label("calls"),
            func.min(call.opened_at).over(partition_by=caller).label("first"),
            func.max(call.opened_at).over(partition_by=caller).label("last"),
        )
        .join_from(t.incident, t.call, call.id == incident.opening_call)
        .where(*on_list())
    )
    if wanted.category is not None:
        statement = statement.where(incident.category == wanted.category)
    if wanted.reason is not None:
        statement = statement.where(incident.callback_reason == wanted.reason)
    if wanted.since is not None:
        statement = statement.where(call.opened_at >= wanted.since)
    return statement


def on_list() -> tuple[ColumnElement[bool], ...]:
    """Return what holds of an incident and its opening call (the tables themselves) that are on the list."""
    incident = t.incident.c
    return incident.callback.is_(True), incident.merged_into.is_(None), or_(t.call.c.number == "", ~_reached())


def _rank(category: ColumnElement[str], urgency: Urgency) -> ColumnElement[int]:
    known = {key: value for key, value in urgency.items() if key is not None}
    # A category that the table has no more is as urgent as none.
    return case(known, value=category, else_=literal(urgency[None])) if known else literal(urgency[None])


def _reached() -> ColumnElement[bool]:
    """Whether the number reached a human when the call was over, or talks with one now; whoever called whom."""
    call, later, now = t.call.c, t.call.alias("later"), t.call.alias("now")
    over = func.coalesce(call.ended_at, call.opened_at)
    talked = (
        select(literal(1))
        .where(
            later.c.number == call.number,
            later.c.human_at >= over,
            later.c.outcome == str(Outcome.TALKED),
        )
        .correlate(t.call)
        .exists()
    )
    talking = select(now.c.number).where(now.c.ended_at.is_(None), now.c.joined_at.is_not(None))
    back = callback_try.alias("back")
    called_back = (
        select(literal(1))
        .where(
            back.c.number == call.number,
            back.c.human_at >= over,
            or_(back.c.outcome == str(TryOutcome.TALKED), back.c.ended_at.is_(None)),
        )
        .correlate(t.call)
        .exists()
    )
    return or_(talked, call.number.in_(talking), called_back)


async def _with_tries(connection: AsyncConnection, found: Sequence[Callback], now: int) -> list[Callback]:
    """Return the entries with how often each was tried, and who is at it."""
    answers: list[Callback] = []
    for start in range(0, len(found), AT_ONCE):
        answers += await _tried(connection, found[start : start + AT_ONCE], now)
    return answers


async def _tried(connection: AsyncConnection, found: Sequence[Callback], now: int) -> list[Callback]:
    numbers = {one.number: one.first for one in found if one.number}
    one, claim = callback_try.c, callback_claim.c
    if not numbers:
        return list(found)
    # The newest try of each number, and how many there were; those before its oldest call were of another matter.
    since = case(numbers, value=one.number, else_=literal(now))
    ranked = (
        select(
            one.number,
            one.asked_at,
            one.outcome,
            func.row_number().over(partition_by=one.number, order_by=(one.asked_at.desc(), one.id)).label("turn"),
            func.count().over(partition_by=one.number).label("tries"),
        )
        .where(one.number.in_(numbers), one.asked_at >= since)
        .subquery()
    )
    tried = {row.number: row for row in await connection.execute(select(ranked).where(ranked.c.turn == 1))}
    claims = select(callback_claim).where(claim.number.in_(numbers), claim.until > now)
    held = {row.number: row for row in await connection.execute(claims)}
    return [_told(entry, tried.get(entry.number), held.get(entry.number)) for entry in found]


def _told(entry: Callback, tried: Any, held: Any) -> Callback:
    if tried is not None:
        outcome = TryOutcome(tried.outcome) if tried.outcome else None
        entry = replace(entry, tries=tried.tries, tried_at=tried.asked_at, tried=outcome)
    return entry if held is None else replace(entry, held_by=held.operator, held_until=held.until)


def _entry(row: Any) -> Callback:
    return Callback(
        incident=row.incident,
        number_for_people=row.number_for_people,
        number=row.caller,
        category=row.category,
        urgency=row.urgency,
        reason=row.reason,
        stage=row.stage,
        origin=row.origin,
        trunk=row.trunk,
        language=row.language or (row.facts or {}).get("language", ""),
        recording=row.recording,
        opened=row.opened_at,
        human=row.human,
        ended=row.ended_at,
        calls=row.calls,
        first=row.first,
        last=row.last,
    )
