"""The shapes of standard operating procedures: lists, their versions, and what incidents are asked."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field, PlainValidator, WithJsonSchema, field_validator

from callrouter.api.models import Answer, IncidentPath, Moment, Parameters, Sent
from callrouter.api.parameters import WHOLE, Cursor
from callrouter.bilingual import Bilingual, RefusedValue
from callrouter.incidents.sop import MAX_CHOICES, MAX_ITEMS, MAX_NUMBER, MAX_TEXT, ItemKind, SubjectKind
from callrouter.routing.values import KEY_PATTERN, Key, one_line

MAX_LISTS = 100
"""Lists in one import."""
MAX_PAGE = 100

Line = Annotated[str, Field(min_length=1, max_length=200)]
Number = Annotated[int, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]
AnswerValue = bool | Number | Annotated[str, Field(max_length=MAX_TEXT)]
_KINDS: Final[list[dict[str, Any]]] = [
    {"type": "boolean"},
    {"type": "integer", "minimum": -MAX_NUMBER, "maximum": MAX_NUMBER},
    {"type": "string", "maxLength": MAX_TEXT},
    {"type": "null"},
]


def _answer(value: object) -> object:
    # Not a union, of which each half would complain by itself, and at a place of its own.
    whole = isinstance(value, int) and abs(value) <= MAX_NUMBER
    if value is None or whole or (isinstance(value, str) and len(value) <= MAX_TEXT):
        return value
    raise RefusedValue(
        Bilingual(
            "bukan true, false, bilangan bulat, atau teks", "neither true nor false, nor a whole number or words"
        )
    )


def _condition(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, str) and re.fullmatch(KEY_PATTERN, value)):
        return value
    raise RefusedValue(
        Bilingual("bukan true, false, atau kunci sebuah pilihan", "neither true nor false, nor the key of a choice")
    )


GivenAnswer = Annotated[Any, PlainValidator(_answer), WithJsonSchema({"anyOf": _KINDS})]
GivenCondition = Annotated[
    Any,
    PlainValidator(_condition),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": KEY_PATTERN}]}),
]


class SopText(Sent):
    """A text for people, in both languages; one line."""

    id: Line = Field(description="In Indonesian.", examples=["Apakah ada orang di dalam?"])
    en: Line = Field(description="In English.", examples=["Is anybody inside?"])

    _lines = field_validator("id", "en")(one_line)


class SopChoice(Sent):
    """One of the answers that can be chosen."""

    key: Key = Field(description="What names it.", examples=["rumah"])
    text: SopText = Field(description="What people read.")


class SopWhen(Sent):
    """An item is asked only where an earlier one was answered so."""

    item: Key = Field(description="Key of an item above it, of kind yes_no, choice or check.", examples=["trapped"])
    equals: GivenCondition = Field(description="The answer: true, false, or the key of a choice.", examples=[True])


class SopItem(Sent):
    """One question, or one step."""

    key: Key = Field(description="What names it within its list.", examples=["trapped"])
    kind: ItemKind = Field(
        description="What answers it: yes or no, one of its choices, a whole number, words, or a step's tick.",
        examples=["yes_no"],
    )
    text: SopText = Field(description="The question or step.")
    required: bool = Field(default=False, description="True: an incident lacks it while it is not there.")
    choices: Annotated[tuple[SopChoice, ...], Field(max_length=MAX_CHOICES)] = Field(
        default=(), description="Of kind choice, and of no other."
    )
    least: Number | None = Field(default=None, description="Of kind number: the least that is taken.", examples=[0])
    most: Number | None = Field(default=None, description="Of kind number: the most that is taken.", examples=[500])
    when: SopWhen | None = Field(default=None, description="When it is asked; null: always.")


class SopOrder(Sent):
    """A list as it is to be."""

    title: SopText = Field(description="What it is called.")
    items: Annotated[tuple[SopItem, ...], Field(min_length=1, max_length=MAX_ITEMS)] = Field(
        description="Its questions and steps, in the order in which they are asked."
    )


class NamedSopOrder(SopOrder):
    """A list, with what it is for."""

    kind: SubjectKind = Field(description="For a category or for an agency.", examples=["categories"])
    key: Key = Field(description="Key of that category or agency.", examples=["kebakaran"])


class SopFile(Sent):
    """Many lists at once."""

    sop: Annotated[tuple[NamedSopOrder, ...], Field(min_length=1, max_length=MAX_LISTS)] = Field(
        description="The lists; others that are in force stay."
    )


class SopPath(Parameters):
    """Which list."""

    kind: SubjectKind = Field(description="For a category or for an agency.", examples=["categories"])
    key: Key = Field(description="Key of that category or agency.", examples=["kebakaran"])


class SopVersionPath(SopPath):
    """Which version of which list."""

    version: Annotated[int, Field(ge=1, le=2**53), WHOLE] = Field(description="Its number.", examples=["3"])


class SopVersionsQuery(Parameters):
    """How many versions, and where to go on."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE), WHOLE] = Field(
        default=20, description="Most versions in one answer (count).", examples=["20"]
    )
    after: Cursor | None = Field(
        default=None,
        description="Go on after this place: the `next` of the page before.",
        examples=["AQAAAAAAAAQAHsXp"],
    )


class SopRow(Answer):
    """A list that is in force."""

    kind: SubjectKind = Field(description="For a category or for an agency.", examples=["categories"])
    key: str = Field(description="Key of that category or agency.", examples=["kebakaran"])
    version: int = Field(description="Its version, and its ETag.", ge=1, examples=[3])
    title: SopText = Field(description="What it is called.")
    items: int = Field(description="How many questions and steps it has (count).", ge=1, examples=[8])
    required: int = Field(description="How many of them are required (count).", ge=0, examples=[3])
    made_at: Moment = Field(description="When this version was made.")
    made_by: str = Field(description="Who made it.", examples=["diskominfo-1 (admin)"])


class SopRows(Answer):
    """The lists that are in force."""

    items: list[SopRow] = Field(description="The lists, by what they are for.")


class Sop(Answer):
    """One version of a list; it never changes."""

    kind: SubjectKind = Field(description="For a category or for an agency.", examples=["categories"])
    key: str = Field(description="Key of that category or agency.", examples=["kebakaran"])
    version: int = Field(description="Its version.", ge=1, examples=[3])
    title: SopText = Field(description="What it is called.")
    items: list[SopItem] = Field(description="Its questions and steps; none: by this version it was withdrawn.")
    made_at: Moment = Field(description="When this version was made.")
    made_by: str = Field(description="Who made it.", examples=["diskominfo-1 (admin)"])


class SopPage(Answer):
    """Versions of a list, newest first."""

    items: list[Sop] = Field(description="The versions of this page.")
    next: str | None = Field(
        description="Cursor for `after`; null on the last page. The page it leads to may be empty.",
        examples=["AQAAAAAAAAQAHsXp"],
    )


# ------------------------------------------------------------------------------------------------ of incidents
class IncidentSopPath(IncidentPath):
    """Which list of which incident."""

    kind: SubjectKind = Field(description="For a category or for an agency.", examples=["categories"])
    key: Key = Field(description="Key of that category or agency.", examples=["kebakaran"])


class AnswersOrder(Sent):
    """The answers to one list."""

    answers: Annotated[dict[Key, GivenAnswer], Field(max_length=MAX_ITEMS)] = Field(
        description="By the item's key; one that is left out, or null, is unanswered.",
        examples=[{"trapped": True, "floors": 2}],
    )


class AskedItem(Answer):
    """A question or step, with its answer."""

    item: SopItem = Field(description="The question or step.")
    asked: bool = Field(description="False: its condition does not hold, as far as the answers go.", examples=[True])
    missing: bool = Field(description="True: it is required, and has no answer.", examples=[False])
    answer: AnswerValue | None = Field(description="The answer; null: there is none.", examples=[True])
    answered_at: Moment | None = Field(description="When it was given.")
    answered_by: str | None = Field(description="Who gave it.", examples=["op1 (operator)"])


class AskedSop(Answer):
    """A list as it is asked of an incident."""

    kind: SubjectKind = Field(description="For a category or for an agency.", examples=["categories"])
    key: str = Field(description="Key of that category or agency.", examples=["kebakaran"])
    title: SopText = Field(description="What it is called.")
    sop: int = Field(
        description="The version that is asked: the one in force at the first look; it stays.", ge=1, examples=[3]
    )
    attached: bool = Field(
        description="False: nobody who works on the incident has looked yet; it is the one in force.", examples=[True]
    )
    current: bool = Field(
        description="False: the incident has another category now, or the agency has nothing to do with it any more.",
        examples=[True],
    )
    version: int = Field(description="Of its answers: what If-Match names.", ge=0, examples=[2])
    items: list[AskedItem] = Field(description="Its questions and steps, in their order.")


class IncidentSop(Answer):
    """What an incident is asked, what was answered, and what is missing."""

    incident: UUID = Field(description="Id of the incident.")
    missing: int = Field(description="How many required answers are missing (count).", ge=0, examples=[1])
    lists: list[AskedSop] = Field(description="The lists: its category's first, then its agencies'.")
