"""The list of incidents: by which index each filter finds its page (callrouter.storage.tables_search).

The list is in the order of `opened_at`, then `number`, newest first. What no column of an incident says (who talked,
how its call ended, which agency has it, what is written of it) stands in other tables, which know when the incident
was opened, too. Where one of these is asked for, the page is read in that table's order: whatever is rare or common,
and at whatever place of whatever period, no more is read than the page.
"""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    union_all,
)

from callrouter.incidents.views import MAX_PAGE, IncidentFilter, OpenedPlace
from callrouter.storage import tables as t
from callrouter.storage.tables_search import LEXEMES, WORDS_TABLE, incident_text
from callrouter.storage.words import asked_words

_i, _c, _a, _w = t.incident.c, t.call.c, t.incident_agency.c, incident_text.c
_Found = tuple[Select[Any], ColumnElement[int]]


def ordered_page(statement: Select[Any], wanted: IncidentFilter, *, postgresql: bool) -> Select[Any]:
    """Return the page of a statement over `incident` and the call that opened it (outer join)."""
    statement, opened = _led(statement, wanted, postgresql=postgresql)
    if wanted.numbers is not None and wanted.words is not None:
        matching = select(_w.incident).where(_has(asked_words(wanted.words), postgresql=postgresql))
        statement = statement.where(_i.id.in_(matching))
    for condition in (*_conditions(wanted), *_in_time(wanted, opened)):
        statement = statement.where(condition)
    if wanted.changed_since is not None:
        # What changed lately is little and new. By the order of the list the planner would go through all of it.
        opened = opened + literal_column("0")
    return statement.order_by(opened.desc(), _i.number.desc()).limit(_rows(wanted))


def _led(statement: Select[Any], wanted: IncidentFilter, *, postgresql: bool) -> _Found:
    """Join the table that leads, and return by which of its columns the page is ordered."""
    if wanted.numbers is not None:
        return _by_number(statement, wanted.numbers, wanted)
    if wanted.words is not None:
        return _by_words(statement, asked_words(wanted.words), postgresql=postgresql)
    if wanted.agency is not None:
        joined = statement.join(t.incident_agency, _a.incident == _i.id)
        return joined.where(_a.agency == wanted.agency), _a.opened_at
    if wanted.operator is not None or wanted.outcome is not None or wanted.cannot_speak:
        # A call that comes in opens its own incident. Joined by both keys, the planner would count on one row.
        led = select(*statement.selected_columns).join_from(t.call, t.incident, _i.id == _c.incident)
        return led.where(_c.direction == "in"), _c.opened_at
    return statement, _i.opened_at


def _rows(wanted: IncidentFilter) -> int:
    return max(1, min(wanted.limit, MAX_PAGE))


def _by_number(statement: Select[Any], numbers: tuple[str, ...], wanted: IncidentFilter) -> _Found:
    called = [_calls_of(one, wanted) for one in numbers]
    # What stood in From, of a call of which a trunk asserts another number. "Where it is not empty": as below.
    called.append(
        select(_c.incident, _c.opened_at).where(
            _c.sent_from.in_(numbers), _c.sent_from != "", _c.number.not_in(numbers), _c.direction == "in"
        )
    )
    other, its_call = t.incident.alias(), t.call.alias()
    told = (
        select(other.c.id.label("incident"), other.c.opened_at)
        .join_from(other, its_call, its_call.c.id == other.c.opening_call, isouter=True)
        # "Where it is not empty" is said, too: by it the index is known to have them all.
        .where(other.c.reporter_number.in_(numbers), other.c.reporter_number != "")
        .where(
            or_(
                its_call.c.id.is_(None),
                and_(its_call.c.number.not_in(numbers), its_call.c.sent_from.not_in(numbers)),
            )
        )
    )
    found = union_all(*called, told).subquery("of_number").c
    return statement.where(found.incident == _i.id), found.opened_at


def _calls_of(number: str, wanted: IncidentFilter) -> Select[Any]:
    """Return the calls from a number that a page can show: of the thousands of a prank caller the newest alone.

    All of them where something else is asked of their incidents, which is only known when those are looked up.
    """

    def calls(table: FromClause) -> Select[Any]:
        c = table.c
        return select(c.incident, c.opened_at).where(c.number == number, c.direction == "in")

    found = calls(t.call)
    if wanted.words is not None or wanted.changed_since is not None or _conditions(wanted):
        return found
    # Of the moment of the page's last row all are left: it is their incidents that are in order.
    counted = t.call.alias()
    newest = calls(counted).with_only_columns(counted.c.opened_at).order_by(counted.c.opened_at.desc())
    for before in (wanted.until, wanted.after and wanted.after.opened):
        if before is not None:
            newest = newest.where(counted.c.opened_at < before)
    last = newest.offset(_rows(wanted) - 1).limit(1).scalar_subquery()
    return found.where(_c.opened_at >= func.coalesce(last, 0))


def _by_words(statement: Select[Any], asked: list[str], *, postgresql: bool) -> _Found:
    statement = statement.join(incident_text, _w.incident == _i.id)
    return statement.where(_has(asked, postgresql=postgresql)), _w.opened_at


def _has(asked: list[str], *, postgresql: bool) -> ColumnElement[bool]:
    if not asked:
        return literal(value=False)
    if postgresql:
        query = func.to_tsquery(literal_column("'simple'"), " & ".join(f"{word}:*" for word in asked))
        return cast("ColumnElement[bool]", literal_column(f"incident_text.{LEXEMES}").op("@@")(query))
    rows = text(f"SELECT rowid FROM {WORDS_TABLE} WHERE {WORDS_TABLE} MATCH :asked")  # noqa: S608 (a name of ours)
    rows = rows.bindparams(bindparam("asked", " ".join(f'"{word}"*' for word in asked)))
    return literal_column("incident_text.rowid").in_(rows)


def _conditions(wanted: IncidentFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        column == value
        for column, value in (
            (_i.state, wanted.state),
            (_i.category, wanted.category),
            (_i.callback, wanted.callback),
            (_i.area, wanted.area),
            (_i.disposition, wanted.disposition),
            (_c.outcome, wanted.outcome),
            (_c.joined_by, wanted.operator),
        )
        if value is not None
    ]
    if wanted.operator is not None:
        found.append(_c.joined_by != "")  # as above
    if wanted.cannot_speak:
        found.append(_c.cannot_speak)  # plainly, as the index has it
    elif wanted.cannot_speak is not None:
        found.append(or_(_c.cannot_speak.is_(None), ~_c.cannot_speak))
    if wanted.merged is not None:
        found.append(_i.merged_into.is_not(None) if wanted.merged else _i.merged_into.is_(None))
    if wanted.agency is not None and (wanted.numbers is not None or wanted.words is not None):
        found.append(_i.id.in_(select(_a.incident).where(_a.agency == wanted.agency)))
    return found


def _in_time(wanted: IncidentFilter, opened: ColumnElement[int]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(opened >= wanted.since)
    if wanted.until is not None:
        found.append(opened < wanted.until)
    if wanted.changed_since is not None:
        found.append(_i.updated_at >= wanted.changed_since)
    if wanted.after is not None:
        found.append(_behind(wanted.after, opened))
    return found


def _behind(place: OpenedPlace, opened: ColumnElement[int]) -> ColumnElement[bool]:
    # The first half alone bounds the range of the index.
    return and_(opened <= place.opened, or_(opened < place.opened, _i.number < place.number))
