"""What the parts of a table are made of: keys, numbers, texts. Every alphabet that reaches the PBX is closed here."""

from __future__ import annotations

import unicodedata
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from callrouter.bilingual import Bilingual, RefusedValue

# Every key becomes a part of a dialplan argument, a SIP endpoint's name or a file's name, so its alphabet is closed.
KEY_PATTERN = r"^[a-z][a-z0-9-]{0,30}$"
TARGET_PATTERN = r"^[a-z][a-z0-9-]{0,30}/[a-z][a-z0-9-]{0,30}$"
NUMBER_PATTERN = r"^\+?[0-9]{1,20}$"
DIGIT_PATTERN = r"^[1-9]$"
URN_PATTERN = r"^urn:service:[a-z0-9.-]{1,80}$"
AREA_PATTERN = r"^[0-9]{2}(\.[0-9]{2}(\.[0-9]{2}(\.[0-9]{4})?)?)?$"
Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN)]
TargetName = Annotated[str, StringConstraints(pattern=TARGET_PATTERN)]
Number = Annotated[str, StringConstraints(pattern=NUMBER_PATTERN)]
Digit = Annotated[str, StringConstraints(pattern=DIGIT_PATTERN)]
Urn = Annotated[str, StringConstraints(pattern=URN_PATTERN)]
AreaCode = Annotated[str, StringConstraints(pattern=AREA_PATTERN)]
"""Code of the Ministry of Home Affairs (Kemendagri): province, regency or city, district, village: 35.07.13.2001."""

MAX_PRIORITY = 10


class Value(BaseModel):
    """A frozen part of a table; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# Control characters, line and paragraph separators, lone surrogates; and what turns the direction of writing,
# so that a log or a screen would show another name than the one that is stored.
_NOT_IN_NAMES = frozenset({"Cc", "Zl", "Zp", "Cs"})
_SEEN = frozenset("LNPS")
"""Letters, digits, punctuation, symbols: a name of blanks, joiners and marks alone looks like none."""
_TURNS_WRITING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


VISIBLE_LINE: Final = (
    r"^[^\u0000-\u001f\u007f-\u009f\u200e\u200f\u061c\u2028-\u202e\u2066-\u2069]*"
    r"[^\u0000-\u0020\u007f-\u00a0\u00ad\u0300-\u036f\u061c\u1680\u2000-\u202f\u205f-\u2069\u3000]"
    r"[^\u0000-\u001f\u007f-\u009f\u200e\u200f\u061c\u2028-\u202e\u2066-\u2069]*$"
)
"""What `one_line` takes, as nearly as a pattern can say it (ECMA-262): for the description of a parameter."""


def one_line(text: str) -> str:
    """Return `text` if it is one visible line. Raises RefusedValue (a ValueError) else."""
    if any(c in _TURNS_WRITING or unicodedata.category(c) in _NOT_IN_NAMES for c in text):
        raise RefusedValue(
            Bilingual(
                "karakter kontrol dan ganti baris tidak diizinkan dalam nama",
                "control characters and line breaks are not allowed in a name",
            )
        )
    if not any(unicodedata.category(c)[0] in _SEEN for c in text):
        raise RefusedValue(Bilingual("nama tidak boleh kosong", "a name must not be blank"))
    return text


class Text(Value):
    """A text for people, in Indonesian and English. Up to 120 characters, one line."""

    id: str = Field(min_length=1, max_length=120)
    en: str = Field(min_length=1, max_length=120)

    _line = field_validator("id", "en")(one_line)


class Language(StrEnum):
    """A language the centre speaks."""

    ID = "id"
    EN = "en"


class Posture(StrEnum):
    """How threatened the centre is (NENA-STA-010.3, SecurityPosture); green is normal."""

    GREEN = "green"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"


class Availability(StrEnum):
    """Whether an agency or a ring group can be offered a call."""

    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
