"""The routing table: what a city decides about its calls.

Two halves. The *directory* says who and what there is (trunks, agencies, operators); the *routing* half says
where calls go (menu, categories, ring groups, routes). Routing names directory entries by key.
Everything here is a frozen value; a table that exists is internally consistent (`RoutingTable` refuses else).
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

# Every key becomes a part of a dialplan argument, a SIP endpoint's name or a file's name, so its alphabet is closed.
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Number = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{1,20}$")]
Digit = Annotated[str, StringConstraints(pattern=r"^[1-9]$")]
Urn = Annotated[str, StringConstraints(pattern=r"^urn:service:[a-z0-9.-]{1,80}$")]

MAX_TARGETS = 8
MAX_STEPS = 8
MAX_ROUTES = 2_000
MAX_PRIORITY = 10


class Value(BaseModel):
    """A frozen part of a table; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _one_line(text: str) -> str:
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in text):
        raise ValueError("control characters and line breaks are not allowed in a name")
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
    channels: int = Field(default=30, ge=1, le=2000)
    codecs: tuple[Literal["alaw", "ulaw", "gsm"], ...] = Field(default=("alaw", "ulaw"), min_length=1)
    early_media: bool = False
    """True: the menu plays before the call is answered (183), for a carrier that charges or counts by 200."""

    @field_validator("host")
    @classmethod
    def _address(cls, host: str) -> str:
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            raise ValueError("a trunk's host is an IP address (a name could resolve to a stranger)") from None


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
    targets: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}/[a-z][a-z0-9-]{0,30}$")], ...] = (
        Field(min_length=1, max_length=MAX_TARGETS)
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
            raise ValueError(
                f"{name!r} is not a time zone; Indonesia has Asia/Jakarta, Asia/Makassar, Asia/Jayapura"
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
        problems = list(_problems(self))
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def trunk(self, key: str) -> Trunk | None:
        """Return the trunk of that key, or None."""
        return next((t for t in self.directory.trunks if t.key == key), None)

    def category(self, key: str) -> Category | None:
        """Return the category of that key, or None."""
        return next((c for c in self.routing.categories if c.key == key), None)


def _problems(table: RoutingTable) -> list[str]:
    directory, routing = table.directory, table.routing
    trunks = {t.key for t in directory.trunks}
    contacts = {f"{a.key}/{c.key}" for a in directory.agencies for c in a.contacts}
    operators = {o.key for o in directory.operators}
    groups = {g.key for g in routing.ring_groups}
    categories = {c.key for c in routing.categories}
    found: list[str] = []

    def doubled(what: str, names: list[str]) -> None:
        found.extend(f"{what} {name!r} is given {n} times" for name, n in Counter(names).items() if n > 1)

    def known(where: str, what: str, names: tuple[str, ...], among: set[str]) -> None:
        found.extend(f"{where} names {what} {name!r}, which does not exist" for name in names if name not in among)

    doubled("trunk", [t.key for t in directory.trunks])
    doubled("trunk address", [f"{t.host}:{t.port}" for t in directory.trunks])
    doubled("agency", [a.key for a in directory.agencies])
    doubled("operator", [o.key for o in directory.operators])
    doubled("category", [c.key for c in routing.categories])
    doubled("menu digit", [c.digit for c in routing.categories])
    doubled("ring group", [g.key for g in routing.ring_groups])
    doubled("route", [r.key for r in routing.routes])
    doubled("route priority", [str(r.priority) for r in routing.routes])
    if routing.menu.switch_digit in {c.digit for c in routing.categories}:
        found.append(f"menu digit {routing.menu.switch_digit!r} both chooses a category and switches the language")
    for agency in directory.agencies:
        doubled(f"agency {agency.key!r}: contact", [c.key for c in agency.contacts])
        known(f"agency {agency.key!r}", "trunk", tuple(c.trunk for c in agency.contacts), trunks)
    for group in routing.ring_groups:
        doubled(f"ring group {group.key!r}: member", list(group.members))
        known(f"ring group {group.key!r}", "operator", group.members, operators)
    for route in routing.routes:
        where = f"route {route.key!r}"
        known(where, "category", route.when.category, categories)
        known(where, "trunk", route.when.trunk, trunks)
        for step in route.steps:
            if isinstance(step, DialStep):
                doubled(f"{where}: target", list(step.targets))
                known(where, "contact", step.targets, contacts)
            elif isinstance(step, RingGroupStep):
                known(where, "ring group", (step.group,), groups)
    known("the last resort", "ring group", (routing.last_resort.group,), groups)
    known("the static numbers", "trunk", tuple(n.trunk for n in routing.static_numbers), trunks)
    return found
