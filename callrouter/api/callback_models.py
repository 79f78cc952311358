"""The shapes of the list of callers who are to be called back, and of lines of the journal that were set aside."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, field_validator

from callrouter.api import cursor
from callrouter.api.models import Answer, Moment, Parameters, Sent
from callrouter.api.parameters import PLACE_SCHEMA, WHOLE, Identifier, When, numbered_place
from callrouter.calls.setaside import MAX_NEWEST
from callrouter.incidents.callbacks import RECOVERED_MIN, Place, TryOutcome
from callrouter.incidents.model import Outcome
from callrouter.incidents.views import MAX_PAGE
from callrouter.routing.values import Key, one_line

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
    callable: bool = Field(description="Whether he can be called back: false without a number.", examples=[True])
    tries: int = Field(
        description="How often he was called back since the oldest of these (count).", ge=0, examples=[1]
    )
    tried_at: Moment | None = Field(description="When he was last called back.")
    tried: TryOutcome | None = Field(
        description="How that ended; null: it has not, or there was none.", examples=["busy"]
    )
    held_by: str | None = Field(description="Key of the operator who is calling him back now.", examples=["op1"])
    held_until: Moment | None = Field(description="Until when at the latest nobody else does.")


class CallbackPage(Answer):
    """Callers who are to be called back, the most urgent first."""

    items: list[CallbackRow] = Field(description="One entry for each number: by urgency, then the oldest first.")
    next: str | None = Field(
        description="Cursor for `after`; null on the last page. The page it leads to may be empty.",
        examples=[encode_place(Place(10, 1, 1))],
    )


class CallbackPath(Parameters):
    """Whose caller."""

    incident: Identifier = Field(
        description="Id of an incident of the caller, as the list has it.",
        examples=["8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112"],
    )


class CallOrder(Sent):
    """Who calls back."""

    operator: Key | None = Field(
        default=None,
        description="Key of the operator whose telephone rings first; null: he to whom the token belongs.",
        examples=["op1"],
    )


class DoneOrder(Sent):
    """Why a caller is taken off the list."""

    reason: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="Why; one line.", examples=["Sudah ditangani lewat radio"]
    )

    _lines = field_validator("reason")(one_line)


class CallbackTry(Answer):
    """A try to call a caller back."""

    id: UUID = Field(description="Id of the try.")
    incident: UUID = Field(description="Id of the incident for which he was called back.")
    number: str | None = Field(description="What was dialled.", examples=["+622000000113"])
    operator: str = Field(description="Key of the operator whose telephone rang first.", examples=["op1"])
    by: str | None = Field(
        description="Who asked for it; null: known from the PBX alone.", examples=["op1 (operator)"]
    )
    asked_at: Moment = Field(description="When it was asked for.")
    operator_at: Moment | None = Field(description="When the operator picked up.")
    answered_at: Moment | None = Field(description="When the caller answered.")
    ended_at: Moment | None = Field(description="When it ended; null: it goes on.")
    trunk: str | None = Field(description="Key of the line by which he was dialled.", examples=["telkom"])
    outcome: TryOutcome | None = Field(
        description="How it ended: talked, short (he or the operator was gone at once), noanswer, busy, unavailable "
        "(no line took it), left (the operator hung up first), operator_away, not_begun (the PBX did not take it), "
        "unknown; null: it goes on.",
        examples=["talked"],
    )
    cause: str | None = Field(description="Answer of the other side.", examples=["SIP 486 Busy Here"])


class CallbackTries(Answer):
    """Tries of one number, the newest first."""

    items: list[CallbackTry] = Field(description="The tries.")


class CallbackDone(Answer):
    """A caller was taken off the list."""

    incidents: int = Field(description="How many incidents of his were on it (count).", ge=1, examples=[2])


class RecoveredQuery(Parameters):
    """Which period."""

    begin: When = Field(alias="from", description="First instant of the period.", examples=["2026-10-31T17:00:00Z"])
    end: When = Field(
        alias="to",
        description="End of the period, which is not in it; at most 366 days after `from`.",
        examples=["2026-11-30T17:00:00Z"],
    )


class RecoveredWithin(Answer):
    """Who was reached within so many minutes of the end of the lost call."""

    minutes: int = Field(description="Minutes.", examples=[RECOVERED_MIN[0]])
    by_callback: int = Field(description="Because an operator called back (count).", ge=0, examples=[3])
    by_calling: int = Field(description="Because he called again (count).", ge=0, examples=[4])


class RecoveredFigures(Answer):
    """What became of the lost calls of a period: those that no human heard, or that were cut."""

    lost: int = Field(description="Lost calls (count): the sum of the five that follow.", ge=0, examples=[12])
    without_number: int = Field(description="Nobody can call these back (count).", ge=0, examples=[1])
    by_callback: int = Field(
        description="Reached because an operator called back, and they talked (count).", ge=0, examples=[4]
    )
    by_calling: int = Field(description="Reached a human by calling again before that (count).", ge=0, examples=[5])
    taken_off: int = Field(description="Not reached; a person took them off the list (count).", ge=0, examples=[1])
    not_reached: int = Field(description="Not reached until now (count).", ge=0, examples=[1])
    share: float | None = Field(
        description="Reached of all lost calls (%), those without a number too; null: none was lost.",
        ge=0,
        le=100,
        examples=[75.0],
    )
    within: list[RecoveredWithin] = Field(description="How soon.")


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
