"""The sums of what is counted, percentiles among them, and the counts of a month; and all statements as text.

On PostgreSQL the sums of a scoreboard are put together by figures_cells. Statements are made and compiled off the
loop, as text: they hold no values but numbers and keys of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import FromClause, Select, and_, case, func, literal, literal_column, select, union_all
from sqlalchemy.dialects import postgresql, sqlite

from callrouter.agencies.scoreboard import Period
from callrouter.incidents.clocks import PRESETS, Clock, S
from callrouter.storage import tables as t
from callrouter.storage.figures_sql import Ranges, near, within
from callrouter.storage.tables_daily import DAY_US

PERCENTS: Final = (50, 90)


def compiled(statement: Select[Any], *, on_postgresql: bool) -> str:
    """Return a statement as text with its values in it."""
    dialect = postgresql.dialect() if on_postgresql else sqlite.dialect()  # type: ignore[no-untyped-call]
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


# ------------------------------------------------------------------------------------------------ sums
def sums(rows: Select[Any], clocks: Sequence[Clock], *, presets: bool) -> Select[Any]:
    """Return the sums of `rows` by key: of every column that counts, and of the clocks."""
    facts = rows.subquery("counted")
    return select(facts.c.key, *summed(facts, clocks, presets=presets)).group_by(facts.c.key)


def summed(facts: FromClause, clocks: Sequence[Clock], *, presets: bool) -> list[Any]:
    """Return what is summed of facts, each by its name."""
    of = facts.c
    counted = [
        func.sum(of[name]).label(name)
        for name in of.keys()  # noqa: SIM118 (a collection of columns)
        if name not in {"key", "gone_after", *map(str, clocks)}
    ]
    columns: list[Any] = [*counted, *(func.count(of[str(clock)]).label(str(clock)) for clock in clocks)]
    if presets:
        known = func.count(func.coalesce(of[str(Clock.ANSWER)], of.gone_after))
        columns.append(known.label("known"))
        for seconds in PRESETS:
            for name, column in (("in", of[str(Clock.ANSWER)]), ("gone", of.gone_after)):
                columns.append(func.count(case((column <= seconds * S, 1))).label(f"{name}_{seconds}"))
    return columns


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


def disposed(ranges: Ranges) -> Select[Any]:
    """Return what the calls of these ranges are reported by: a row of each."""
    call, incident = t.call.c, t.incident.c
    own = and_(
        incident.id == call.incident,
        within(incident.opened_at, ranges, DAY_US, DAY_US),
        near(incident.opened_at, call.opened_at),
    )
    human = case((call.ended_at.is_(None), call.joined_at), else_=call.human_at)
    return (
        select(
            func.coalesce(incident.disposition, "").label("disposition"),
            case((incident.disposition_by_person.is_(True), 1), else_=0).label("judged"),
            call.origin,
            func.coalesce(call.outcome, "").label("outcome"),
            case((human.is_not(None), 1), else_=0).label("heard"),
        )
        .select_from(t.call.outerjoin(t.incident, own))
        .where(call.direction == "in", within(call.opened_at, ranges))
    )


def month(period: Period) -> Select[Any]:
    """Return the calls of a month, alike ones as one row."""
    rows = disposed((period,)).subquery("rows")
    return select(*rows.c, func.count().label("count")).group_by(*rows.c)


def refused(period: Period) -> Select[Any]:
    """Return the calls refused before the dialplan, alike ones as one row."""
    of = t.refused_invite.c
    return (
        select(of.status, of.reason, func.count().label("count"))
        .where(of.at >= period.begin, of.at < period.end)
        .group_by(of.status, of.reason)
        .order_by(of.status, of.reason)
    )
