"""Which incidents a list shows: the parameters, the cursor, and the filter that they make."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from callrouter.api import cursor
from callrouter.api.models import Parameters
from callrouter.api.parameters import PLACE_SCHEMA, WHOLE, Flag, When, numbered_place
from callrouter.incidents.model import Disposition, IncidentState, Outcome
from callrouter.incidents.views import MAX_PAGE, IncidentFilter, OpenedPlace
from callrouter.privacy.numbers import NoNumber, spellings
from callrouter.routing.values import AreaCode, Key

SORT: Final = "opened"
MAX_WORDS: Final = 200


def encode_place(place: OpenedPlace) -> str:
    """Return the cursor that goes on after `place`."""
    return cursor.encode_numbers(SORT, place.opened, place.number)


After = Annotated[OpenedPlace, numbered_place(SORT, OpenedPlace), PLACE_SCHEMA]


class IncidentQuery(Parameters):
    """Which incidents, and how many."""

    state: IncidentState | None = Field(
        default=None, description="Only incidents in this state.", examples=["with_agency"]
    )
    category: Key | None = Field(
        default=None, description="Only incidents of this category (its key).", examples=["kebakaran"]
    )
    callback: Flag | None = Field(
        default=None,
        description="true: only incidents whose caller is to be called back; false: only the others.",
        examples=["true"],
    )
    area: AreaCode | None = Field(
        default=None, description="Only incidents in this area (Kemendagri code).", examples=["35.07.13"]
    )
    agency: Key | None = Field(
        default=None, description="Only incidents with which this agency (its key) has to do.", examples=["damkar"]
    )
    disposition: Disposition | None = Field(
        default=None, description="Only incidents that turned out to be this.", examples=["emergency"]
    )
    outcome: Outcome | None = Field(
        default=None, description="Only incidents whose call ended so for its caller.", examples=["talked"]
    )
    operator: Key | None = Field(
        default=None, description="Only incidents with a call that this operator (his key) took.", examples=["op1"]
    )
    number: str | None = Field(
        default=None,
        pattern=r"^\+?[0-9][0-9 ().-]{2,39}$",
        description="Only incidents of this number, of a caller or reporter, in whatever way it is written.",
        examples=["081234567890"],
    )
    merged: Flag | None = Field(
        default=None,
        description="true: only incidents that were merged into others; false: only the others.",
        examples=["false"],
    )
    cannot_speak: Flag | None = Field(
        default=None,
        description="true: only incidents whose caller pressed 1 because he cannot speak; false: only the others.",
        examples=["true"],
    )
    q: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_WORDS,
        description="Only incidents with all of these words, or words that begin so, in their description, place, "
        "notes or the name of a caller.",
        examples=["pasar besar"],
    )
    since: When | None = Field(
        default=None, description="Only incidents opened at this time or later.", examples=["2026-11-01T00:00:00Z"]
    )
    until: When | None = Field(
        default=None, description="Only incidents opened before this time.", examples=["2026-12-01T00:00:00Z"]
    )
    changed_since: When | None = Field(
        default=None,
        description="Only incidents of which anything changed at this time or later.",
        examples=["2026-11-21T13:40:07Z"],
    )
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE), WHOLE] = Field(
        default=50, description="Most incidents in one answer (count).", examples=["50"]
    )
    after: After | None = Field(
        default=None,
        description="Go on after this place: the `next` of the page before, with the same filters.",
        examples=[encode_place(OpenedPlace(1_795_267_207_125_000, 1024))],
    )


def incident_filter(query: IncidentQuery) -> IncidentFilter:
    """Return what to look for."""
    return IncidentFilter(
        state=query.state and query.state.value,
        category=query.category,
        callback=query.callback,
        area=query.area,
        disposition=query.disposition and query.disposition.value,
        agency=query.agency,
        operator=query.operator,
        outcome=query.outcome and query.outcome.value,
        merged=query.merged,
        cannot_speak=query.cannot_speak,
        numbers=None if query.number is None else _spelled(query.number),
        words=query.q,
        since=query.since,
        until=query.until,
        changed_since=query.changed_since,
        after=query.after,
        limit=query.limit,
    )


def _spelled(number: str) -> tuple[str, ...]:
    try:
        return spellings(number)
    except NoNumber:
        return (number,)
