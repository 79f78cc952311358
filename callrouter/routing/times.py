"""Schedules: when a route applies, and when a shift is on."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, field_validator, model_validator

from callrouter.bilingual import Bilingual, RefusedValue
from callrouter.routing.values import Key, Text, Value, one_line

MAX_WINDOWS: Final = 50
MAX_SPECIAL_DAYS: Final = 400
TIME_PATTERN: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
END_TIME_PATTERN: Final = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
Time = Annotated[str, StringConstraints(pattern=TIME_PATTERN)]
EndTime = Annotated[str, StringConstraints(pattern=END_TIME_PATTERN)]


def known_zone(name: str) -> str:
    """Return `name` if it is a time zone of the IANA database. Raises RefusedValue (a ValueError) else."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        zones = "Asia/Jakarta (WIB), Asia/Makassar (WITA), Asia/Jayapura (WIT)"
        raise RefusedValue(
            Bilingual(
                f"{name!r} bukan zona waktu; di Indonesia ada {zones}",
                f"{name!r} is not a time zone; Indonesia has {zones}",
            )
        ) from None
    return name


class Day(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"

    @property
    def number(self) -> int:
        """0 for Monday, as datetime.date.weekday."""
        return list(Day).index(self)


class Hours(Value):
    """From `opens` until `closes`, local time; `closes` at or before `opens` is on the next day."""

    opens: Time
    closes: EndTime

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.opens == self.closes:
            raise RefusedValue(
                Bilingual(
                    "opens dan closes sama; sehari penuh ditulis 00:00 sampai 24:00",
                    "opens and closes are the same; a whole day is 00:00 to 24:00",
                )
            )
        return self


class Window(Hours):
    """Hours on these days of the week. It belongs to the day on which it opens."""

    days: tuple[Day, ...] = Field(min_length=1, max_length=7)


class Holiday(Value):
    """A day on which no window opens."""

    date: date
    name: Text


class DayException(Value):
    """A date with hours of its own (none: closed); it counts before windows and holidays."""

    date: date
    name: Text
    hours: tuple[Hours, ...] = Field(default=(), max_length=8)


class Schedule(Value):
    """When something is open: weekly windows, without holidays, but for exceptions."""

    key: Key
    name: str = Field(min_length=1, max_length=80)
    timezone: str | None = None
    """None: the centre's."""
    windows: tuple[Window, ...] = Field(min_length=1, max_length=MAX_WINDOWS)
    holidays: tuple[Holiday, ...] = Field(default=(), max_length=MAX_SPECIAL_DAYS)
    exceptions: tuple[DayException, ...] = Field(default=(), max_length=MAX_SPECIAL_DAYS)

    _line = field_validator("name")(one_line)

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str | None) -> str | None:
        return None if name is None else known_zone(name)
