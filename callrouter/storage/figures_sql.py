"""What is counted, as rows: callrouter.incidents.clocks and callrouter.agencies.scoreboard in SQL.

On both databases the same. What is summed of them: figures_sums.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    Text,
    and_,
    case,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    union_all,
)

from callrouter.agencies.scoreboard import TRUNK_FAULTS, By, Period, Span
from callrouter.incidents.clocks import OF_INCIDENT, Clock, Zone
from callrouter.storage import tables as t
from callrouter.storage.tables_figures import call_ring

S: Final = 1_000_000
DAY_US: Final = 86_400 * S
LATEST_US: Final = 31 * DAY_US
"""What comes to an incident later than this after its period has no part in its figures."""
CLOCKS_OF_AGENCY: Final = (Clock.ACKNOWLEDGEMENT, Clock.ON_SCENE, Clock.RESOLUTION)
UNHEARD_STAGES: Final = ("", "opened", "menu", "plan")
"""Stages of a call in which nobody had been rung yet."""

Num = ColumnElement[int]


# ------------------------------------------------------------------------------------------------ clocks
def _usable(begin: Num, end: Num, set_in: Sequence[Zone]) -> Num:
    """The length of an interval; NULL where it is not known or unusable (clocks.interval)."""
    apart = [or_(end < zone.begin, begin > zone.end) for zone in set_in]
    return case((and_(end >= begin, *apart), end - begin))


def _unusable(begin: Num, end: Num, set_in: Sequence[Zone]) -> Num:
    touched = [and_(begin <= zone.end, end >= zone.begin) for zone in set_in]
    return case((or_(end < begin, *touched), 1), else_=0)


def _clock_columns(spans: Mapping[Clock, tuple[Num, Num]], set_in: Sequence[Zone], only: Any) -> list[Any]:
    columns: list[Any] = []
    for clock, (begin, end) in spans.items():
        columns.append(case((only, _usable(begin, end, set_in))).label(str(clock)))
        columns.append(case((only, _unusable(begin, end, set_in)), else_=0).label(f"{clock}_unusable"))
    return columns


# ------------------------------------------------------------------------------------------------ calls
@dataclass(frozen=True, slots=True)
class _Times:
    """The spans as rows with a `key`; `holds` says whether a row's time holds a moment."""

    rows: Subquery
    holds: Callable[[Num], ColumnElement[bool]]


def _times(by: By, spans: Sequence[Span], *, on_postgresql: bool) -> _Times | None:
    if by is not By.SHIFT:
        return None
    if not on_postgresql:
        words = "SELECT value ->> 'k' AS key, value ->> 'b' AS begins, value ->> 'e' AS ends FROM json_each(:given)"
        given = [{"k": one.key, "b": one.begin, "e": one.end} for one in spans]
        rows = text(words).bindparams(given=_json(given)).columns(key=Text, begins=BigInteger, ends=BigInteger)
        of = rows.subquery("spans")
        return _Times(of, lambda at: and_(at >= of.c.begins, at < of.c.ends))
    # By the number of the piece between two edges, found by halving: a join on equality instead of on order, which
    # would compare every call with every span.
    edges = sorted({at for one in spans for at in (one.begin, one.end)})
    pieces = [
        {"k": one.key, "n": n}
        for one in spans
        for n in range(bisect_left(edges, one.begin) + 1, bisect_left(edges, one.end) + 1)
    ]
    words = "SELECT k AS key, n AS piece FROM jsonb_to_recordset(CAST(:given AS jsonb)) AS s(k text, n int)"
    found = text(words).bindparams(given=_json(pieces)).columns(key=Text, piece=Integer).subquery("spans")
    array: ColumnElement[Any] = literal_column(f"CAST('{{{','.join(map(str, edges))}}}' AS bigint[])")
    return _Times(found, lambda at: func.width_bucket(at, array) == found.c.piece)


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, separators=(",", ":"))


def _first_parts(period: Period, now: int) -> Subquery:
    """Of each incident of the period: when the first agency got it, how many acknowledgements were due, and late."""
    part = t.incident_agency.c
    due, late = _due(now)
    return (
        select(
            part.incident,
            func.min(case((part.state.not_in(("declined", "withdrawn")), part.passed_at))).label("handed"),
            func.sum(due).label("due"),
            func.sum(late).label("late"),
        )
        .where(part.passed_at >= period.begin, part.passed_at < period.end + LATEST_US)
        .group_by(part.incident)
        .subquery("parts")
    )


def _due(now: int) -> tuple[Num, Num]:
    part = t.incident_agency.c
    waited = and_(part.due_at.is_not(None), part.state != "withdrawn")
    answered = func.coalesce(part.acknowledged_at, case((part.state == "declined", part.updated_at)))
    over = or_(answered.is_not(None), part.due_at < now)
    late = or_(answered > part.due_at, and_(answered.is_(None), part.due_at < now))
    return case((and_(waited, over), 1), else_=0), case((and_(waited, late), 1), else_=0)


def _faulted(period: Period) -> Subquery:
    """Calls of the period for which a line failed, and nobody was rung on another."""
    at_fault, other = t.attempt.alias("at_fault"), t.attempt.alias("other")
    dialled = at_fault.c.kind.in_([literal_column("'dial'"), literal_column("'static'")])
    faults: list[Any] = [literal_column(f"'{result}'") for result in sorted(TRUNK_FAULTS)]
    well = or_(
        other.c.kind == "ringgroup",
        and_(other.c.kind.in_(("dial", "static")), other.c.result.not_in(sorted(TRUNK_FAULTS))),
    )
    rung = select(literal(1)).where(other.c.call == at_fault.c.call, well).exists()
    return (
        select(at_fault.c.call)
        .where(
            dialled,
            at_fault.c.result.in_(faults),
            at_fault.c.begun_at >= period.begin,
            at_fault.c.begun_at < period.end + DAY_US,
            ~rung,
        )
        .distinct()
        .subquery("faulted")
    )


def _keyed(by: By, at: Num, period: Period, times: _Times | None) -> tuple[Any, list[Any]]:
    """The key of a line, and what narrows the rows to the period."""
    of_period = [at >= period.begin, at < period.end]
    if times is not None:
        return times.rows.c.key, [*of_period, times.holds(at)]
    return (t.incident.c.category if by is By.CATEGORY else t.incident.c.area), of_period


def calls(
    by: By, period: Period, set_in: Sequence[Zone], spans: Sequence[Span], *, on_postgresql: bool
) -> Select[Any]:
    """Return what is counted of calls by category, area or shift: a row of each call of the period."""
    call, incident = t.call.c, t.incident.c
    times = _times(by, spans, on_postgresql=on_postgresql)
    key, within = _keyed(by, call.opened_at, period, times)
    if by is By.CATEGORY:
        key = func.coalesce(key, call.category)
    faulted = _faulted(period)
    ring = call_ring.c
    rings = select(call_ring).where(ring.at >= period.begin, ring.at < period.end + DAY_US).subquery("rings")
    # Every call opens its incident: its row is among those of the same time, which spares a look-up for each.
    same_time = [incident.opened_at >= period.begin, incident.opened_at < period.end]
    source: Any = (
        t.call.outerjoin(t.incident, and_(incident.id == call.incident, *same_time))
        .outerjoin(rings, rings.c.call == call.id)
        .outerjoin(faulted, faulted.c.call == call.id)
    )
    known = (
        select(
            func.coalesce(key, "").label("key"),
            and_(call.origin != "operator", func.coalesce(incident.disposition, "") != "test").label("counted"),
            func.coalesce(incident.opening_call == call.id, false()).label("opened_it"),
            case((call.opened_source > 0, call.opened_at)).label("invite"),
            case((call.ended_at.is_(None), call.joined_at), else_=call.human_at).label("heard"),
            call.answered_at,
            call.chosen_at,
            call.ended_at,
            rings.c.at.label("rang"),
            faulted.c.call.is_not(None).label("at_fault"),
            call.stage.in_(UNHEARD_STAGES).label("not_rung"),
        )
        .select_from(*([source] if times is None else [times.rows, source]))
        .where(call.direction == "in", *within)
    )
    of = apart(known, "known", on_postgresql=on_postgresql).c
    spent: dict[Clock, tuple[Any, Any]] = {
        Clock.ANSWER: (of.invite, of.heard),
        Clock.MENU: (of.answered_at, of.chosen_at),
        Clock.CHOICE_TO_RING: (of.chosen_at, of.rang),
        Clock.RING: (of.rang, of.heard),
    }
    unanswered = and_(of.counted, of.heard.is_(None), of.ended_at.is_not(None))
    return select(
        of.key,
        _one(of.counted, "calls"),
        _one(~of.counted, "left_out"),
        _one(and_(of.counted, of.heard.is_not(None)), "answered"),
        _one(and_(of.counted, of.heard.is_(None), of.ended_at.is_(None)), "waiting"),
        _one(and_(unanswered, of.at_fault), "trunk"),
        _one(and_(unanswered, ~of.at_fault, ~of.not_rung), "nobody"),
        _one(and_(unanswered, ~of.at_fault, of.not_rung), "gone"),
        _one(and_(of.counted, of.opened_it), "incidents"),
        case((unanswered, _usable(of.invite, of.ended_at, set_in))).label("gone_after"),
        *_clock_columns(spent, set_in, of.counted),
    )


def apart(rows: Select[Any], name: str, *, on_postgresql: bool) -> Subquery:
    """`rows` as a table whose columns are computed once: without OFFSET 0, PostgreSQL puts what a column is made of
    wherever its name stands, and computes it a dozen times a row.
    """
    return (rows.offset(0) if on_postgresql else rows).subquery(name)


def _one(when: Any, name: str) -> Any:
    return case((when, 1), else_=0).label(name)


def incidents(
    by: By, period: Period, set_in: Sequence[Zone], now: int, spans: Sequence[Span], *, on_postgresql: bool
) -> Select[Any]:
    """Return what is counted of incidents: a row of each incident of the period that an agency got, and of each that
    was opened without a call (`incidents` is 1 for those alone: the others are counted with their calls).
    """
    call, incident = t.call.c, t.incident.c
    times = _times(by, spans, on_postgresql=on_postgresql)
    key, within = _keyed(by, incident.opened_at, period, times)
    parts = _first_parts(period, now)
    by_hand = incident.opening_call.is_(None)
    heard = case((call.ended_at.is_(None), call.joined_at), else_=call.human_at)
    invite = case((by_hand, incident.opened_at), (call.opened_source > 0, call.opened_at))
    spent: dict[Clock, tuple[Any, Any]] = {
        Clock.HAND_OVER: (heard, case((parts.c.handed > heard, parts.c.handed))),
        Clock.ACKNOWLEDGEMENT: (parts.c.handed, incident.acknowledged_at),
        Clock.ON_SCENE: (invite, incident.on_scene_at),
        Clock.RESOLUTION: (invite, incident.resolved_at),
    }
    counted = and_(incident.disposition != "test", func.coalesce(call.origin, "") != "operator")
    got = parts.join(t.incident, incident.id == parts.c.incident).outerjoin(t.call, call.id == incident.opening_call)
    of_parts = (
        select(
            key.label("key"),
            literal(0).label("incidents"),
            parts.c.due.label("due"),
            parts.c.late.label("late"),
            *_clock_columns(spent, set_in, counted),
        )
        .select_from(*([got] if times is None else [times.rows, got]))
        .where(*within, counted)
    )
    never: Any = literal_column("CAST(NULL AS BIGINT)")
    none = [
        column for clock in OF_INCIDENT for column in (never.label(str(clock)), literal(0).label(f"{clock}_unusable"))
    ]
    opened = (
        select(
            key.label("key"), literal(1).label("incidents"), literal(0).label("due"), literal(0).label("late"), *none
        )
        .select_from(*([t.incident] if times is None else [times.rows, t.incident]))
        .where(by_hand, *within, incident.disposition != "test")
    )
    return select(union_all(of_parts, opened).subquery("facts"))


def agencies(period: Period, set_in: Sequence[Zone], now: int) -> Select[Any]:
    """Return what is counted by agency: a row of each part of an incident that it got in the period."""
    part, incident = t.incident_agency.c, t.incident.c
    due, late = _due(now)
    spent: dict[Clock, tuple[Any, Any]] = {
        Clock.ACKNOWLEDGEMENT: (part.passed_at, part.acknowledged_at),
        Clock.ON_SCENE: (part.passed_at, part.on_scene_at),
        Clock.RESOLUTION: (part.passed_at, part.resolved_at),
    }
    return (
        select(
            part.agency.label("key"),
            literal(1).label("incidents"),
            due.label("due"),
            late.label("late"),
            *_clock_columns(spent, set_in, part.agency.is_not(None)),
        )
        .join_from(t.incident_agency, t.incident, incident.id == part.incident)
        .where(part.passed_at >= period.begin, part.passed_at < period.end, incident.disposition != "test")
    )
