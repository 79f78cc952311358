"""What is counted, as rows: callrouter.incidents.clocks and callrouter.agencies.scoreboard in SQL.

On both databases the same. What is summed of them: figures_sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)

from callrouter.agencies.scoreboard import By, Period, Span
from callrouter.agencies.scoreboard_rules import TRUNK_FAULTS
from callrouter.incidents.clocks import OF_INCIDENT, Clock, Zone
from callrouter.storage import tables as t
from callrouter.storage.figures_spans import Num, Times, times_of
from callrouter.storage.tables_daily import DAY_US, SLICE_US
from callrouter.storage.tables_figures import call_ring

LATEST_US: Final = 31 * DAY_US
"""An agency that got an incident later than this after its opening has no part in its figures."""
UNHEARD_STAGES: Final = ("", "opened", "menu", "plan")
"""Stages of a call in which nobody had been rung yet."""

Ranges = Sequence[Period]
"""Times apart from each other, of which something is counted. At least one."""


def within(at: Num, ranges: Ranges, before: int = 0, after: int = 0) -> ColumnElement[bool]:
    """Return whether a moment is in one of these ranges, which begin so much earlier and end so much later."""
    return or_(*(and_(at >= one.begin - before, at < one.end + after) for one in ranges))


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
def _due(now: int) -> tuple[Num, Num]:
    part = t.incident_agency.c
    waited = and_(part.due_at.is_not(None), part.state != "withdrawn")
    answered = func.coalesce(part.acknowledged_at, case((part.state == "declined", part.updated_at)))
    over = or_(answered.is_not(None), part.due_at < now)
    late = or_(answered > part.due_at, and_(answered.is_(None), part.due_at < now))
    return case((and_(waited, over), 1), else_=0), case((and_(waited, late), 1), else_=0)


def _faulted(ranges: Ranges) -> Subquery:
    """Calls for which a line failed, and nobody was rung on another; with when it first did."""
    at_fault, other = t.attempt.alias("at_fault"), t.attempt.alias("other")
    dialled = at_fault.c.kind.in_([literal_column("'dial'"), literal_column("'static'")])
    faults: list[Any] = [literal_column(f"'{result}'") for result in sorted(TRUNK_FAULTS)]
    well = or_(
        other.c.kind == "ringgroup",
        and_(other.c.kind.in_(("dial", "static")), other.c.result.not_in(sorted(TRUNK_FAULTS))),
    )
    rung = select(literal(1)).where(other.c.call == at_fault.c.call, well).exists()
    return (
        select(at_fault.c.call, func.min(at_fault.c.begun_at).label("at"))
        .where(dialled, at_fault.c.result.in_(faults), within(at_fault.c.begun_at, ranges, DAY_US, DAY_US), ~rung)
        .group_by(at_fault.c.call)
        .subquery("faulted")
    )


def near(moment: Num, at: Num) -> ColumnElement[bool]:
    """Whether what belongs to a call or incident came so near to it that it counts; of each row by itself, so that
    what is counted of two times is the sum of what is counted of each.
    """
    return and_(moment >= at - DAY_US, moment <= at + DAY_US)


def _times(by: By | None, spans: Sequence[Span], *, on_postgresql: bool) -> Times | None:
    return times_of(spans, on_postgresql=on_postgresql) if by is By.SHIFT else None


def _keyed(by: By | None, at: Num, ranges: Ranges, times: Times | None) -> tuple[Any, list[Any]]:
    """The key of a line, and what narrows the rows to the ranges."""
    of_ranges = [within(at, ranges)]
    if times is not None:
        return times.rows.c.key, [*of_ranges, times.holds(at)]
    if by is None:
        return cast(at // SLICE_US, Text), of_ranges
    return (t.incident.c.category if by is By.CATEGORY else t.incident.c.area), of_ranges


def calls(
    by: By | None, ranges: Ranges, set_in: Sequence[Zone], spans: Sequence[Span], *, on_postgresql: bool
) -> Select[Any]:
    """Return what is counted of calls by category, area or shift (None: by quarter of an hour): a row of each call
    of these ranges.
    """
    call, incident = t.call.c, t.incident.c
    times = _times(by, spans, on_postgresql=on_postgresql)
    key, narrowed = _keyed(by, call.opened_at, ranges, times)
    if by is By.CATEGORY:
        key = func.coalesce(key, call.category)
    faulted = _faulted(ranges)
    ring = call_ring.c
    rings = select(call_ring).where(within(ring.at, ranges, DAY_US, DAY_US)).subquery("rings")
    # Every call opens its incident: its row is among those of the same time, which spares a look-up for each.
    of_its_time = within(incident.opened_at, ranges, DAY_US, DAY_US)
    own = and_(incident.id == call.incident, of_its_time, near(incident.opened_at, call.opened_at))
    source: Any = (
        t.call.outerjoin(t.incident, own)
        .outerjoin(rings, and_(rings.c.call == call.id, near(rings.c.at, call.opened_at)))
        .outerjoin(faulted, and_(faulted.c.call == call.id, near(faulted.c.at, call.opened_at)))
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
        .where(call.direction == "in", *narrowed)
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
    by: By | None, ranges: Ranges, set_in: Sequence[Zone], now: int, spans: Sequence[Span], *, on_postgresql: bool
) -> Select[Any]:
    """Return what is counted of incidents: a row of each incident of these ranges that an agency got, and of each
    that was opened without a call (`incidents` is 1 for those alone: the others are counted with their calls).
    """
    call, incident = t.call.c, t.incident.c
    times = _times(by, spans, on_postgresql=on_postgresql)
    parts = _parts(ranges, now)
    got = parts.c
    by_hand = got.opening_call.is_(None)
    heard = case((call.ended_at.is_(None), call.joined_at), else_=call.human_at)
    invite = case((by_hand, got.opened_at), (call.opened_source > 0, call.opened_at))
    spent: dict[Clock, tuple[Any, Any]] = {
        Clock.HAND_OVER: (heard, case((got.handed > heard, got.handed))),
        Clock.ACKNOWLEDGEMENT: (got.handed, got.acknowledged_at),
        Clock.ON_SCENE: (invite, got.on_scene_at),
        Clock.RESOLUTION: (invite, got.resolved_at),
    }
    counted = func.coalesce(call.origin, "") != "operator"
    key, narrowed = _keyed(by, got.opened_at, ranges, times)
    if times is None and by is not None:
        key = got.category if by is By.CATEGORY else got.area
    with_calls = parts.outerjoin(t.call, and_(call.id == got.opening_call, call.incident == got.id))
    of_parts = (
        select(
            key.label("key"),
            literal(0).label("incidents"),
            got.due.label("due"),
            got.late.label("late"),
            *_clock_columns(spent, set_in, counted),
        )
        .select_from(*([with_calls] if times is None else [times.rows, with_calls]))
        .where(*narrowed, counted)
    )
    never: Any = literal_column("CAST(NULL AS BIGINT)")
    none = [
        column for clock in OF_INCIDENT for column in (never.label(str(clock)), literal(0).label(f"{clock}_unusable"))
    ]
    key, narrowed = _keyed(by, incident.opened_at, ranges, times)
    opened = (
        select(
            key.label("key"), literal(1).label("incidents"), literal(0).label("due"), literal(0).label("late"), *none
        )
        .select_from(*([t.incident] if times is None else [times.rows, t.incident]))
        .where(incident.opening_call.is_(None), *narrowed, incident.disposition != "test")
    )
    return select(union_all(of_parts, opened).subquery("facts"))


def _parts(ranges: Ranges, now: int) -> Subquery:
    """Incidents of these ranges that an agency got, but tests: when the first one got it, how many acknowledgements
    were due, and late.
    """
    part, incident = t.incident_agency.c, t.incident.c
    due, late = _due(now)
    its_time = and_(part.passed_at >= incident.opened_at - DAY_US, part.passed_at < incident.opened_at + LATEST_US)
    return (
        select(
            incident.id,
            incident.opening_call,
            incident.opened_at,
            incident.category,
            incident.area,
            incident.acknowledged_at,
            incident.on_scene_at,
            incident.resolved_at,
            func.min(case((part.state.not_in(("declined", "withdrawn")), part.passed_at))).label("handed"),
            func.sum(due).label("due"),
            func.sum(late).label("late"),
        )
        .join_from(t.incident_agency, t.incident, incident.id == part.incident)
        .where(
            within(part.passed_at, ranges, DAY_US, DAY_US + LATEST_US),
            within(incident.opened_at, ranges),
            its_time,
            incident.disposition != "test",
        )
        # By the primary key, on which all other columns depend.
        .group_by(incident.number)
        .subquery("parts")
    )


def agencies(ranges: Ranges, set_in: Sequence[Zone], now: int) -> Select[Any]:
    """Return what is counted by agency: a row of each part of an incident that it got in these ranges."""
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
        .where(within(part.passed_at, ranges), incident.disposition != "test")
    )
