"""The shapes of the list of callers who are to be called back, and of lines of the journal that were set aside."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from callrouter.api import cursor
from callrouter.api.models import Answer, Moment, Parameters
from callrouter.api.parameters import PLACE_SCHEMA, WHOLE, When, numbered_place
from callrouter.calls.setaside import MAX_NEWEST
from callrouter.incidents.callbacks import Place
from callrouter.incidents.model import Outcome
from callrouter.incidents.views import MAX_PAGE
from callrouter.routing.values import Key

SORT = "urgency"


def encode_place(place: Place) -> str:
    """Return the cursor that goes on after `place`."""
    return cursor.encode_numbers(SORT, place.urgency, place.first, place.number_for_people)


After = Annotated[Place, numbered_place(SORT, Place), PLACE_SCHEMA]


class CallbackQuery(Parameters):
    """Which callers, and how many."""

    category: Key | None = Field(
        default=None, description="Only calls of this category (its key).", examples=["kebakaran"]
    )
    reason: Outcome | None = Field(
        default=None, description="Only calls that ended in this way.", examples=["abandoned"]
    )
    since: When | None = Field(
        default=None,
        description="Only calls that reached the PBX at this time or later.",
        examples=["2026-11-21T00:00:00Z"],
    )
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE), WHOLE] = Field(
        default=50, description="Most entries in one answer (count).", examples=["50"]
    )
    after: After | None = Field(
        default=None,
        description="Go on after this place: the `next` of the page before, with the same filters.",
        examples=[encode_place(Place(10, 1, 1))],
    )


class CallbackRow(Answer):
    """A number that is to be called back."""

    number: str | None = Field(
        description="The number, as the caller's side gave it. Null: it was withheld, and the entry is of one call.",
        examples=["+622000000112"],
    )
    incident: UUID = Field(description="Id of the incident of its most urgent call, of these the oldest.")
    incident_number: int = Field(description="Number of that incident, for people.", ge=1, examples=[1025])
    category: str | None = Field(
        description="Key of the category; null where the caller chose none.", examples=["medis"]
    )
    urgency: int = Field(
        description="The category's priority in the table in force; higher comes first.", ge=0, examples=[10]
    )
    reason: str = Field(
        description="How the call ended: abandoned (he left before a human was there), recorded (he left a message), "
        "no_message (nobody could be had), cut (the PBX ended under the call); or what a person wrote.",
        examples=["cut"],
    )
    stage: str | None = Field(
        description="Where the call was when it ended: opened, menu, plan, agency, operator, talking, message or "
        "after.",
        examples=["agency"],
    )
    origin: str | None = Field(description="citizen, agency, neighbour or operator.", examples=["citizen"])
    trunk: str | None = Field(description="Key of the trunk that it came in by.", examples=["telkom"])
    language: str | None = Field(description="Language spoken to the caller (ISO 639-1).", examples=["id"])
    recording: str | None = Field(
        description="Name of the recorded message.", examples=["5d0c8f5e-30c8-4e62-9a86-1f5a2f0f6112.wav"]
    )
    opened_at: Moment = Field(description="When that call reached the PBX.")
    human_at: Moment | None = Field(
        description="When a human was joined to the caller; null: never. A cut call may have had one."
    )
    ended_at: Moment | None = Field(
        description="When the call ended; of a cut call the latest that it can have been (the call's `cause` "
        "says how that is known)."
    )
    calls: int = Field(description="How many calls of this number are on the list (count).", ge=1, examples=[2])
    first_at: Moment = Field(description="When the oldest of these reached the PBX.")
    last_at: Moment = Field(description="When the newest of these reached the PBX.")


class CallbackPage(Answer):
    """Callers who are to be called back, the most urgent first."""

    items: list[CallbackRow] = Field(description="One entry for each number: by urgency, then the oldest first.")
    next: str | None = Field(
        description="Cursor for `after`; null on the last page. The page it leads to may be empty.",
        examples=[encode_place(Place(10, 1, 1))],
    )


class SetAsideQuery(Parameters):
    """Which lines."""

    since: When | None = Field(
        default=None,
        description="Only lines set aside at this time or later.",
        examples=["2026-11-21T00:00:00Z"],
    )


class SetAsideLine(Answer):
    """A line of the journal that could not be taken."""

    at: Moment = Field(description="When it was set aside.")
    node: str = Field(description="Name of the PBX whose journal it is.", examples=["pbx1"])
    file: str = Field(description="File of the journal; an old one is in the folder `done`.")
    position: int = Field(description="The byte of the file at which the line begins.", ge=0, examples=[4096])
    reason: str = Field(description="Why it could not be taken.", examples=["torn: another record begins behind it"])
    line: str | None = Field(
        description="The line, at most 1,000 characters; bytes that are not UTF-8 stand as \\x and two digits.",
        examples=["1|opened|5d0c8f5e-30c8"],
    )


class SetAsideLines(Answer):
    """Lines of the journal that could not be taken."""

    total: int = Field(description="How many lines (count).", ge=0, examples=[1])
    newest: list[SetAsideLine] = Field(description=f"The newest {MAX_NEWEST}, newest first.", max_length=MAX_NEWEST)
