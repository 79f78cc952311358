"""The sums of what is counted, percentiles among them, and the counts of a month; and all statements as text.

PostgreSQL has percentiles of its own (percentile_disc); on SQLite they are found by a window. Statements are made and
compiled off the loop, as text: they hold no values but numbers and keys of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, and_, case, func, literal, literal_column, select, text, union_all
from sqlalchemy.dialects import postgresql, sqlite

from callrouter.agencies.scoreboard import Period
from callrouter.incidents.clocks import PRESETS, Clock, S
from callrouter.storage import tables as t
from callrouter.storage.figures_sql import apart

PERCENTS: Final = (50, 90)


def compiled(statement: Select[Any], *, on_postgresql: bool) -> str:
    """Return a statement as text with its values in it."""
    dialect = postgresql.dialect() if on_postgresql else sqlite.dialect()  # type: ignore[no-untyped-call]
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


# ------------------------------------------------------------------------------------------------ sums
def sums(rows: Select[Any], clocks: Sequence[Clock], *, presets: bool, on_postgresql: bool) -> Select[Any]:
    """Return the sums of `rows` by key: of every column that counts, and of the clocks."""
    facts = apart(rows, "counted", on_postgresql=on_postgresql)
    of = facts.c
    counted = [
        func.sum(of[name]).label(name)
        for name in of.keys()  # noqa: SIM118 (a collection of columns)
        if name not in {"key", "gone_after", *map(str, clocks)}
    ]
    columns: list[Any] = [of.key, *counted, *(func.count(of[str(clock)]).label(str(clock)) for clock in clocks)]
    if presets:
        known = func.count(func.coalesce(of[str(Clock.ANSWER)], of.gone_after))
        columns.append(known.label("known"))
        for seconds in PRESETS:
            for name, column in (("in", of[str(Clock.ANSWER)]), ("gone", of.gone_after)):
                columns.append(func.count(case((column <= seconds * S, 1))).label(f"{name}_{seconds}"))
    if on_postgresql:
        shares = text("ARRAY[" + ", ".join(f"{percent / 100}" for percent in PERCENTS) + "]")
        for clock in clocks:
            ranks = func.percentile_disc(shares).within_group(of[str(clock)])
            columns.append(ranks.label(f"{clock}_ranks"))
    return select(*columns).group_by(of.key)


def ranks(rows: Select[Any], clocks: Sequence[Clock]) -> Select[Any]:
    """Return the percentiles of `rows` by key and clock, where the database has none of its own."""
    facts = rows.cte("counted")
    each = union_all(
        *(
            select(facts.c.key, literal(str(clock)).label("clock"), facts.c[str(clock)].label("us")).where(
                facts.c[str(clock)].is_not(None)
            )
            for clock in clocks
        )
    ).subquery("each_clock")
    one = each.c
    alike = (one.key, one.clock)
    place = func.row_number().over(partition_by=alike, order_by=one.us).label("place")
    count = func.count().over(partition_by=alike).label("of")
    ordered = select(*alike, one.us, place, count).subquery("ordered")
    row = ordered.c
    found = [
        # The nearest rank in whole numbers: place >= count * percent / 100, the first of them.
        func.min(case((row.place * 100 >= row.of * percent, row.us))).label(f"p{percent}")
        for percent in PERCENTS
    ]
    return select(row.key, row.clock, *found).group_by(row.key, row.clock)


# ------------------------------------------------------------------------------------------------ others
def rung(period: Period) -> Select[Any]:
    """Return the attempts that dialled agencies in the period, alike ones as one row."""
    attempt = t.attempt.c
    answered = case((attempt.result == "talked", attempt.by), else_="").label("answered_by")
    return (
        select(attempt.label, attempt.result, answered, func.count().label("count"))
        .where(
            literal_column("attempt.kind IN ('dial', 'static')"),
            attempt.kind == "dial",
            attempt.begun_at >= period.begin,
            attempt.begun_at < period.end,
        )
        .group_by(attempt.label, attempt.result, answered)
    )


def month(period: Period) -> Select[Any]:
    """Return the calls of a month, alike ones as one row."""
    call, incident = t.call.c, t.incident.c
    heard = case(
        (case((call.ended_at.is_(None), call.joined_at), else_=call.human_at).is_not(None), 1), else_=0
    ).label("heard")
    disposition = func.coalesce(incident.disposition, "").label("disposition")
    judged = case((incident.disposition_by_person.is_(True), 1), else_=0).label("judged")
    alike = (disposition, judged, call.origin, call.outcome, heard)
    same_time = and_(
        incident.id == call.incident, incident.opened_at >= period.begin, incident.opened_at < period.end
    )
    return (
        select(*alike, func.count().label("count"))
        .select_from(t.call.outerjoin(t.incident, same_time))
        .where(call.direction == "in", call.opened_at >= period.begin, call.opened_at < period.end)
        .group_by(*alike)
    )


def refused(period: Period) -> Select[Any]:
    """Return the calls refused before the dialplan, alike ones as one row."""
    of = t.refused_invite.c
    return (
        select(of.status, of.reason, func.count().label("count"))
        .where(of.at >= period.begin, of.at < period.end)
        .group_by(of.status, of.reason)
        .order_by(of.status, of.reason)
    )
