"""The routing table: what a city decides about its calls.

Two halves. The *directory* says who and what there is (callrouter.routing.directory); the *routing* half says where
calls go (menus, categories, ring groups, routes). Routing names directory entries by key.
Everything here is a frozen value; a table that exists is internally consistent (`RoutingTable` refuses else).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from callrouter.bilingual import Bilingual, RefusedValue
from callrouter.routing.consistency import problems
from callrouter.routing.directory import Directory, Trunk, TrunkKind
from callrouter.routing.times import Schedule, known_zone
from callrouter.routing.values import (
    MAX_PRIORITY,
    AreaCode,
    Availability,
    Digit,
    Key,
    Language,
    Number,
    Posture,
    TargetName,
    Text,
    Urn,
    Value,
    one_line,
)

LINK_PATTERN: Final = r"^https?://[!-~]{1,300}$"
MAX_TARGETS: Final = 8
MAX_STEPS: Final = 8
MAX_ROUTES: Final = 2_000
MAX_CATEGORIES: Final = 100
MAX_AREAS: Final = 2_000
UNKNOWN_AREA: Final = "unknown"
"""Stands among the areas of a condition for a call whose area is not known."""


class Category(Value):
    """What a caller can choose. Its stable name is a service URN (RFC 5031)."""

    key: Key
    urn: Urn
    name: Text
    priority: int = Field(ge=0, le=MAX_PRIORITY)
    """Urgency: higher waits less. From `urgent_from` of a ring group on, a full queue still takes the call."""
    sop: Annotated[str, StringConstraints(pattern=LINK_PATTERN)] | None = None
    """Link to the procedure (SOP) that whoever takes the call follows."""


class MenuMode(StrEnum):
    """How calls begin."""

    MENU = "menu"
    OPERATOR_FIRST = "operator_first"
    """Nobody is asked: an operator takes every call, and passes it on with the menu's digits."""


class Option(Value):
    """What a digit means: a category (and, where it says so, an area), or another menu."""

    digit: Digit
    category: Key | None = None
    area: AreaCode | None = None
    menu: Key | None = None

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if (self.category is None) == (self.menu is None) or (self.menu is not None and self.area is not None):
            raise RefusedValue(
                Bilingual(
                    "sebuah angka berarti satu kategori (boleh dengan wilayah) atau satu menu lain",
                    "a digit means one category (with or without an area) or one other menu",
                )
            )
        return self


class Menu(Value):
    """What a citizen hears. 0 is always an operator.

    languages, switch_digit, mode: of the main menu; a menu behind an option is heard as the main one is
    """

    key: Key
    name: Text
    """What the option that leads to it is called ("perangkat desa")."""
    mode: MenuMode = MenuMode.MENU
    languages: tuple[Language, ...] = Field(default=(Language.ID, Language.EN), min_length=1)
    switch_digit: Digit | None = "9"
    """Replays the menu in the next language."""
    options: tuple[Option, ...] = Field(min_length=1, max_length=9)


class Area(Value):
    """A place that the table names; its parents are the beginnings of its code."""

    code: AreaCode
    name: str = Field(min_length=1, max_length=80)

    _line = field_validator("name")(one_line)


class Shift(Value):
    """Operators who are on duty together while a schedule is open."""

    key: Key
    name: str = Field(min_length=1, max_length=80)
    schedule: Key
    operators: tuple[Key, ...] = Field(min_length=1, max_length=200)

    _line = field_validator("name")(one_line)


class RingGroup(Value):
    """Operators rung together: its members always, those of its shifts while the shift is on."""

    key: Key
    members: tuple[Key, ...] = Field(default=(), max_length=200)
    shifts: tuple[Key, ...] = Field(default=(), max_length=50)
    may_be_unstaffed: bool = False
    """True: hours without anybody are meant (verify then warns, else it refuses)."""
    max_waiting: int = Field(default=10, ge=1, le=500)
    urgent_from: int = Field(default=8, ge=0, le=MAX_PRIORITY)
    urgent_reserve: int = Field(default=10, ge=0, le=500)

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.members and not self.shifts:
            raise RefusedValue(
                Bilingual(
                    "sebuah kelompok dering memerlukan anggota atau regu (shifts)",
                    "a ring group needs members or shifts",
                )
            )
        return self


class DialStep(Value):
    """Ring agencies' contacts, all at once."""

    kind: Literal["dial"] = "dial"
    targets: tuple[TargetName, ...] = Field(min_length=1, max_length=MAX_TARGETS)
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


class ChallengeStep(Value):
    """Ask the caller to press 1 to be connected. Whatever he does, the next step follows: nobody is kept out."""

    kind: Literal["challenge"] = "challenge"
    wait_s: int = Field(default=5, ge=3, le=10)
    urgency: int = Field(default=0, ge=0, le=MAX_PRIORITY)
    """His place in the queues where he does not press 1; never a better one than he has."""


class RecordStep(Value):
    """Take a message; the call ends as recorded and stands on the call-back list."""

    kind: Literal["record"] = "record"
    max_s: int = Field(default=60, ge=5, le=180)


Step = Annotated[DialStep | RingGroupStep | AnnounceStep | ChallengeStep | RecordStep, Field(discriminator="kind")]


class SuspicionRange(Value):
    """A range of the caller's suspicion score, 0 to 100; a call that has none counts as 0."""

    at_least: int = Field(default=0, ge=0, le=100)
    below: int = Field(default=101, ge=1, le=101)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.at_least >= self.below:
            raise RefusedValue(
                Bilingual("at_least harus kurang dari below", "at_least must be less than below"),
            )
        return self


class StateCondition(Value):
    """The state that an agency or a ring group must be in."""

    agency: Key | None = None
    group: Key | None = None
    state: Availability

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.agency is None) == (self.group is None):
            raise RefusedValue(Bilingual("sebut agency atau group, salah satu", "name an agency or a group, one"))
        return self

    @property
    def name(self) -> str:
        """The name that facts have for it: ``agency/bpbd`` or ``group/operators``."""
        return f"agency/{self.agency}" if self.agency is not None else f"group/{self.group}"


AreaChoice = Annotated[AreaCode | Literal["unknown"], Field(union_mode="left_to_right")]


class When(Value):
    """The conditions of a route: all must hold; of a list, any. An empty one holds for every call."""

    category: tuple[Key, ...] = ()
    area: tuple[AreaChoice, ...] = ()
    """The area itself or any within it; ``unknown`` where the call's is not known."""
    schedule: tuple[Key, ...] = ()
    """Open at that time."""
    trunk: tuple[Key, ...] = ()
    trunk_kind: tuple[TrunkKind, ...] = ()
    language: tuple[Language, ...] = ()
    suspicion: SuspicionRange | None = None
    posture: tuple[Posture, ...] = ()
    state: tuple[StateCondition, ...] = ()
    """All of these."""


class Route(Value):
    """A rule: conditions, then steps. The matching route of the highest priority number wins (NENA-STA-010.3:
    every rule of a policy has a priority of its own).
    """

    key: Key
    priority: int = Field(ge=0, le=100_000)
    when: When = When()
    steps: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS)
    locked: bool = False
    """True: skipped, as if it were not there."""
    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None
    """First instant at which it does not apply any more."""
    information: bool = False
    """True: it only tells something, so that nobody need be rung before the last resort."""
    urgency: int | None = Field(default=None, ge=0, le=MAX_PRIORITY)
    """Place in the queues in place of the category's; none: the category's."""

    @model_validator(mode="after")
    def _valid_for_a_while(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_from >= self.valid_until:
            raise RefusedValue(
                Bilingual("valid_from harus sebelum valid_until", "valid_from must be before valid_until")
            )
        return self

    def valid_at(self, at: datetime) -> bool:
        """Return whether `at` (aware) lies within the time it is valid."""
        return (self.valid_from is None or at >= self.valid_from) and (
            self.valid_until is None or at < self.valid_until
        )


class LastResort(Value):
    """What every plan ends in: these operators, then a message. Without a group: the message alone."""

    group: Key | None = None
    seconds: int = Field(default=90, ge=1, le=300)


class StaticNumber(Value):
    """A number the PBX dials alone when the service is away and no operator answers."""

    trunk: Key
    number: Number


class Routing(Value):
    """Where calls go. Versioned; immutable once published. Empty at first."""

    main_menu: Key | None = None
    """The menu that citizens hear first."""
    menus: tuple[Menu, ...] = Field(default=(), max_length=20)
    categories: tuple[Category, ...] = Field(default=(), max_length=MAX_CATEGORIES)
    areas: tuple[Area, ...] = Field(default=(), max_length=MAX_AREAS)
    schedules: tuple[Schedule, ...] = Field(default=(), max_length=100)
    shifts: tuple[Shift, ...] = Field(default=(), max_length=100)
    ring_groups: tuple[RingGroup, ...] = Field(default=(), max_length=100)
    routes: tuple[Route, ...] = Field(default=(), max_length=MAX_ROUTES)
    last_resort: LastResort = LastResort()
    static_numbers: tuple[StaticNumber, ...] = Field(default=(), max_length=MAX_TARGETS)

    @property
    def main(self) -> Menu | None:
        """The main menu, or None where there is none yet."""
        return self.menu_of(self.main_menu)

    @property
    def languages(self) -> tuple[Language, ...]:
        """The languages that the centre speaks to citizens, the first one first; without a main menu: all."""
        return self.main.languages if self.main is not None else tuple(Language)

    def menu_of(self, key: str | None) -> Menu | None:
        """Return the menu of that key, or None."""
        return next((m for m in self.menus if m.key == key), None)


class Centre(Value):
    """The call centre (PSAP) the table belongs to."""

    name: str = Field(min_length=1, max_length=120)
    timezone: str

    _line = field_validator("name")(one_line)
    _zone = field_validator("timezone")(known_zone)


class RoutingTable(Value):
    """A whole table. Raises pydantic.ValidationError with every dangling or doubled key it finds."""

    schema_version: Literal[1] = 1
    centre: Centre
    directory: Directory = Directory()
    routing: Routing = Routing()

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
