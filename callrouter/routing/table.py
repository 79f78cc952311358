"""The routing table: what a city decides about its calls.

Two halves. The *directory* says who and what there is (trunks, agencies, operators); the *routing* half says
where calls go (menu, categories, ring groups, routes). Routing names directory entries by key.
Everything here is a frozen value; a table that exists is internally consistent (`RoutingTable` refuses else).
"""

from __future__ import annotations

import ipaddress
import unicodedata
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from callrouter.bilingual import Bilingual, RefusedValue
from callrouter.routing.consistency import problems

# Every key becomes a part of a dialplan argument, a SIP endpoint's name or a file's name, so its alphabet is closed.
KEY_PATTERN = r"^[a-z][a-z0-9-]{0,30}$"
TARGET_PATTERN = r"^[a-z][a-z0-9-]{0,30}/[a-z][a-z0-9-]{0,30}$"
NUMBER_PATTERN = r"^\+?[0-9]{1,20}$"
DIGIT_PATTERN = r"^[1-9]$"
URN_PATTERN = r"^urn:service:[a-z0-9.-]{1,80}$"
Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN)]
Number = Annotated[str, StringConstraints(pattern=NUMBER_PATTERN)]
Digit = Annotated[str, StringConstraints(pattern=DIGIT_PATTERN)]
Urn = Annotated[str, StringConstraints(pattern=URN_PATTERN)]

MAX_TARGETS = 8
MAX_STEPS = 8
MAX_ROUTES = 2_000
MAX_PRIORITY = 10


class Value(BaseModel):
    """A frozen part of a table; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# Control characters, line and paragraph separators, lone surrogates; and what turns the direction of writing,
# so that a log or a screen would show another name than the one that is stored.
_NOT_IN_NAMES = frozenset({"Cc", "Zl", "Zp", "Cs"})
_TURNS_WRITING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _one_line(text: str) -> str:
    if any(c in _TURNS_WRITING or unicodedata.category(c) in _NOT_IN_NAMES for c in text):
        raise RefusedValue(
            Bilingual(
                "karakter kontrol dan ganti baris tidak diizinkan dalam nama",
                "control characters and line breaks are not allowed in a name",
            )
        )
    if not text.strip():
        raise RefusedValue(Bilingual("nama tidak boleh kosong", "a name must not be blank"))
    return text


class Text(Value):
    """A text for people, in Indonesian and English. Up to 120 characters, one line."""

    id: str = Field(min_length=1, max_length=120)
    en: str = Field(min_length=1, max_length=120)

    _line = field_validator("id", "en")(_one_line)


class Language(StrEnum):
    """A language the centre speaks."""

    ID = "id"
    EN = "en"


class TrunkKind(StrEnum):
    """Who is at the other end of a trunk."""

    CARRIER = "carrier"
    AGENCY = "agency"
    NEIGHBOUR = "neighbour"


class Trunk(Value):
    """A SIP line, known by its address alone (RFC 3261; never by a name that anyone may claim)."""

    key: Key
    kind: TrunkKind
    host: str
    port: int = Field(default=5060, ge=1, le=65535)
    codecs: tuple[Literal["alaw", "ulaw", "gsm"], ...] = Field(default=("alaw", "ulaw"), min_length=1)
    early_media: bool = False
    """True: the menu plays before the call is answered (183), for a carrier that charges or counts by 200."""

    @field_validator("host")
    @classmethod
    def _address(cls, host: str) -> str:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            raise RefusedValue(
                Bilingual(
                    "host sebuah trunk harus alamat IP (sebuah nama bisa menunjuk ke pihak asing)",
                    "a trunk's host is an IP address (a name could resolve to a stranger)",
                )
            ) from None
        # A scope ("%…") may hold any character, line breaks too, and would reach the PBX's configuration.
        if "%" in host or address.is_unspecified or address.is_multicast:
            raise RefusedValue(
                Bilingual(
                    "host sebuah trunk harus alamat satu mesin, tanpa scope",
                    "a trunk's host is the address of one machine, without a scope",
                )
            )
        return str(address)


class Contact(Value):
    """One way to reach an agency: a number dialled on a trunk."""

    key: Key
    trunk: Key
    number: Number
    confirm: bool = False
    """True: whoever answers must press 1 before the caller is joined (mobile phones, voicemail)."""


class Agency(Value):
    """An agency (instansi) and its contact points in order."""

    key: Key
    name: Text
    contacts: tuple[Contact, ...] = Field(min_length=1, max_length=MAX_TARGETS)


class Operator(Value):
    """A call taker with a SIP phone."""

    key: Key
    name: str = Field(min_length=1, max_length=80)

    _line = field_validator("name")(_one_line)


class Directory(Value):
    """Who and what there is. Takes effect at once, is not versioned."""

    trunks: tuple[Trunk, ...]
    agencies: tuple[Agency, ...]
    operators: tuple[Operator, ...]


class Category(Value):
    """What a caller can choose. Its stable name is a service URN (RFC 5031)."""

    key: Key
    digit: Digit
    urn: Urn
    name: Text
    priority: int = Field(ge=0, le=MAX_PRIORITY)
    """Urgency: higher waits less. From `urgent_from` of a ring group on, a full queue still takes the call."""


class Menu(Value):
    """The menu a citizen hears. 0 is always an operator."""

    languages: tuple[Language, ...] = Field(default=(Language.ID, Language.EN), min_length=1)
    switch_digit: Digit | None = "9"
    """Replays the menu in the next language."""


class RingGroup(Value):
    """Operators rung together."""

    key: Key
    members: tuple[Key, ...] = Field(min_length=1, max_length=200)
    max_waiting: int = Field(default=10, ge=1, le=500)
    urgent_from: int = Field(default=8, ge=0, le=MAX_PRIORITY)
    urgent_reserve: int = Field(default=10, ge=0, le=500)


class DialStep(Value):
    """Ring agencies' contacts, all at once."""

    kind: Literal["dial"] = "dial"
    targets: tuple[Annotated[str, StringConstraints(pattern=TARGET_PATTERN)], ...] = Field(
        min_length=1, max_length=MAX_TARGETS
    )
    """Each ``agency/contact``."""
    ring_s: int = Field(default=20, ge=1, le=60)
    announce: bool = True


class RingGroupStep(Value):
    """Ring a group of operators; the caller waits in its queue."""

    kind: Literal["ringgroup"] = "ringgroup"
    group: Key
    wait_s: int = Field(default=30, ge=1, le=120)


class AnnounceStep(Value):
    """Say a clip of the catalogue to the caller."""

    kind: Literal["announce"] = "announce"
    prompt: Key


class RecordStep(Value):
    """Take a message; the call ends as recorded and stands on the call-back list."""

    kind: Literal["record"] = "record"
    max_s: int = Field(default=60, ge=5, le=180)


Step = Annotated[DialStep | RingGroupStep | AnnounceStep | RecordStep, Field(discriminator="kind")]


class When(Value):
    """The conditions of a route; an empty one holds for every call."""

    category: tuple[Key, ...] = ()
    trunk: tuple[Key, ...] = ()
    trunk_kind: tuple[TrunkKind, ...] = ()
    language: tuple[Language, ...] = ()


class Route(Value):
    """A rule: conditions, then steps. The matching route of the highest priority number wins (NENA-STA-010.3:
    every rule of a policy has a priority of its own).
    """

    key: Key
    priority: int = Field(ge=0, le=100_000)
    when: When = When()
    steps: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS)
    locked: bool = False


class LastResort(Value):
    """What every plan ends in: these operators, then a message."""

    group: Key
    seconds: int = Field(default=90, ge=1, le=300)


class StaticNumber(Value):
    """A number the PBX dials alone when the service is away and no operator answers."""

    trunk: Key
    number: Number


class Routing(Value):
    """Where calls go. Versioned; immutable once published."""

    menu: Menu = Menu()
    categories: tuple[Category, ...] = Field(min_length=1, max_length=9)
    ring_groups: tuple[RingGroup, ...] = Field(min_length=1)
    routes: tuple[Route, ...] = Field(max_length=MAX_ROUTES)
    last_resort: LastResort
    static_numbers: tuple[StaticNumber, ...] = Field(default=(), max_length=MAX_TARGETS)


class Centre(Value):
    """The call centre (PSAP) the table belongs to."""

    name: str = Field(min_length=1, max_length=120)
    timezone: str

    _line = field_validator("name")(_one_line)

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            zones = "Asia/Jakarta, Asia/Makassar, Asia/Jayapura"
            raise RefusedValue(
                Bilingual(
                    f"{name!r} bukan zona waktu; di Indonesia ada {zones}",
                    f"{name!r} is not a time zone; Indonesia has {zones}",
                )
            ) from None
        return name


class RoutingTable(Value):
    """A whole table. Raises pydantic.ValidationError with every dangling or doubled key it finds."""

    schema_version: Literal[1] = 1
    centre: Centre
    directory: Directory
    routing: Routing

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        found = problems(self)
        if found:
            sentences = "; ".join(f"{p.pointer}: {p.sentence}" for p in found)
            # The context keeps each problem apart, for who shows them one by one.
            raise PydanticCustomError("inconsistent", "{sentences}", {"sentences": sentences, "problems": found})
        return self

    def trunk(self, key: str) -> Trunk | None:
        """Return the trunk of that key, or None."""
        return next((t for t in self.directory.trunks if t.key == key), None)

    def category(self, key: str) -> Category | None:
        """Return the category of that key, or None."""
        return next((c for c in self.routing.categories if c.key == key), None)
