"""Parameters of a request: their types, and how the text of a request becomes them.

Each value has exactly one spelling (no ``1.0``, ``yes`` or braces around a UUID), so that the description in OpenAPI
and what is accepted are the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError

from callrouter.api import cursor
from callrouter.bilingual import Bilingual

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,18})", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FLAGS = {"true": True, "false": False}


def _whole(value: object) -> object:
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise PydanticCustomError("whole", "must be a whole number")
    return value


def _flag(value: object) -> object:
    if isinstance(value, str):
        if value not in _FLAGS:
            raise PydanticCustomError("flag", "must be true or false")
        return _FLAGS[value]
    return value


def _identifier(value: object) -> object:
    if isinstance(value, str) and not _UUID.fullmatch(value):
        raise PydanticCustomError("identifier", "must be a UUID")
    return value


def _cursor(value: object) -> object:
    if isinstance(value, str):
        try:
            return cursor.decode(value)
        except cursor.BadCursor:
            raise PydanticCustomError("cursor", "must be a cursor") from None
    return value


def _place(value: object) -> object:
    if isinstance(value, str):
        try:
            return cursor.decode_place(value)
        except cursor.BadCursor:
            raise PydanticCustomError("cursor", "must be a cursor") from None
    return value


def _moment(value: object) -> object:
    if isinstance(value, str):
        try:
            if not _MOMENT.fullmatch(value):
                raise ValueError
            when = datetime.fromisoformat(value)
        except ValueError:  # the pattern lets 30 February through
            raise PydanticCustomError("moment", "must be a time in UTC") from None
        return (when - _EPOCH) // timedelta(microseconds=1)
    return value


WHOLE = BeforeValidator(_whole)
"""For an int: a whole number in decimal digits. Stands after the bounds, or they are lost to the description."""
Flag = Annotated[bool, BeforeValidator(_flag)]
"""``true`` or ``false``."""
Identifier = Annotated[UUID, BeforeValidator(_identifier)]
"""A UUID in its usual form (RFC 9562 section 4)."""
Cursor = Annotated[
    int,
    BeforeValidator(_cursor),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]{16}$"}),
]
"""The place in a list that a cursor stands for."""

PLACE_SCHEMA = WithJsonSchema({"type": "string", "pattern": f"^[A-Za-z0-9_-]{{8,{cursor.MAX_PLACE}}}$"})
Place = Annotated[tuple[str, int | str, str], BeforeValidator(_place), PLACE_SCHEMA]
"""The place in a sorted list that a cursor stands for: the sort, the rank in it, the key."""


def numbered_place(sort: str, made_of: Callable[..., object]) -> BeforeValidator:
    """Return what makes a place, by `made_of` its numbers, of a cursor of `cursor.encode_numbers` for that sort."""

    def place(value: object) -> object:
        if isinstance(value, str):
            try:
                return made_of(*cursor.decode_numbers(sort, value))
            except (cursor.BadCursor, TypeError):  # TypeError: as many numbers as another list has
                raise PydanticCustomError("cursor", "must be a cursor") from None
        return value

    return BeforeValidator(place)


When = Annotated[
    int,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": f"^{_MOMENT.pattern}$"}),
]
"""A time as the answers have it (RFC 3339 in UTC, its fraction of 6 digits may be left out), in µs since 1970."""

_M = TypeVar("_M", bound=BaseModel)

RULES: Mapping[str, Bilingual] = {
    "whole": Bilingual("bilangan bulat", "a whole number"),
    "flag": Bilingual("true atau false", "true or false"),
    "identifier": Bilingual("sebuah UUID", "a UUID"),
    "moment": Bilingual("waktu UTC seperti 2026-11-21T13:40:07Z", "a time in UTC such as 2026-11-21T13:40:07Z"),
    "enum": Bilingual("salah satu dari {expected}", "one of {expected}"),
    "string_pattern_mismatch": Bilingual("sesuai pola {pattern}", "of the pattern {pattern}"),
    "string_too_long": Bilingual("paling panjang {max_length} karakter", "at most {max_length} characters"),
    "string_too_short": Bilingual("paling pendek {min_length} karakter", "at least {min_length} characters"),
    "greater_than_equal": Bilingual("paling kecil {ge}", "at least {ge}"),
    "less_than_equal": Bilingual("paling besar {le}", "at most {le}"),
}
"""What a value must be, by the type of pydantic's error."""

ANY_RULE = Bilingual("nilai yang sah", "a valid value")
OUT_OF_RANGE = frozenset({"greater_than_equal", "less_than_equal"})


class BadParameters(ValueError):
    """Some parameters are wrong. `errors` are pydantic's, `repeated` the names that were given more than once."""

    def __init__(self, model: type[BaseModel], errors: list[ErrorDetails], repeated: tuple[str, ...]) -> None:
        super().__init__(f"{len(errors) + len(repeated)} bad parameters")
        self.model = model
        self.errors = errors
        self.repeated = repeated


def bind(model: type[_M], pairs: Iterable[tuple[str, str]]) -> _M:
    """Return `pairs` of names and texts as a `model`. Raises BadParameters with everything that is wrong."""
    given: dict[str, str] = {}
    repeated: dict[str, None] = {}
    for name, value in pairs:
        if name in given:
            repeated[name] = None
        given.setdefault(name, value)
    errors: list[ErrorDetails] = []
    bound: _M | None = None
    try:
        bound = model.model_validate(given)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
    if bound is None or repeated:
        raise BadParameters(model, errors, tuple(repeated))
    return bound


def rule(error: ErrorDetails) -> Bilingual:
    """Return what a value must be, in words, from pydantic's error about it."""
    words = RULES.get(error["type"], ANY_RULE)
    context = {name: str(value) for name, value in error.get("ctx", {}).items()}
    if "expected" in context:
        context["expected"] = context["expected"].replace("'", "").replace(" or ", ", ")
    return Bilingual(words.id.format(**context), words.en.format(**context))
