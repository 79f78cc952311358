"""What is edited, published and asked: entries and their draft, versions, changes to be stored, differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from callrouter.bilingual import Bilingual
from callrouter.routing.directory import Directory
from callrouter.routing.entries import Kind
from callrouter.routing.facts import Facts
from callrouter.routing.table import MAX_TARGETS, Centre, LastResort, Routing, StaticNumber
from callrouter.routing.values import Key, Value


class DraftSettings(Value):
    """What the routing half has only once."""

    centre: Centre
    main_menu: Key | None = None
    last_resort: LastResort = LastResort()
    static_numbers: tuple[StaticNumber, ...] = Field(default=(), max_length=MAX_TARGETS)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing of a table. `revision` grows with each change of it (its ETag); from 1."""

    kind: Kind
    value: Value
    revision: int


@dataclass(frozen=True, slots=True)
class DraftInfo:
    """The draft as a whole. `sha256` of its canonical JSON is its ETag.

    based_on: the version it began from (the last published or imported one); None before the first
    changed:  True where it differs from the version in force
    """

    sha256: str
    settings: DraftSettings
    settings_revision: int
    routing: Routing
    based_on: int | None
    changed: bool
    approved_by: str | None


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """A published version, without its content. `at` in µs UTC."""

    number: int
    sha256: str
    at: int
    who: str
    why: str
    in_force: bool


@dataclass(frozen=True, slots=True)
class Version:
    """A published version: routing as published, and the directory as it was then (for explaining)."""

    info: VersionInfo
    centre: Centre
    routing: Routing
    directory: Directory


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything the desk keeps in memory.

    generation: grows by one with each write by whoever; a write names the one that it saw
    """

    generation: int
    entries: tuple[Entry, ...]
    settings: DraftSettings | None
    settings_revision: int
    based_on: int | None
    approved: tuple[str, str] | None
    """sha256 of the draft that was approved, and the actor who did."""
    in_force: VersionInfo | None


@dataclass(frozen=True, slots=True)
class Put:
    """To be stored: an entry as it is now."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Remove:
    """To be removed: an entry."""

    kind: Kind
    key: str


@dataclass(frozen=True, slots=True)
class PutSettings:
    """To be stored: the draft's settings."""

    settings: DraftSettings
    revision: int


@dataclass(frozen=True, slots=True)
class Approve:
    """To be stored: `actor` approves the draft of that hash. An empty hash takes an approval away."""

    sha256: str
    actor: str


@dataclass(frozen=True, slots=True)
class SetBase:
    """To be stored: the version that the draft is based on."""

    number: int | None


Change = Put | Remove | PutSettings | Approve | SetBase


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call as it was decided: `at` in µs UTC; `plan_text` as the PBX had it."""

    call: str
    at: int
    facts: Facts
    version: int
    route: str
    plan_text: str


@dataclass(frozen=True, slots=True)
class Published:
    """A publication that went through. `live_ms`: from the commit until service and PBX had it."""

    number: int
    sha256: str
    live_ms: float


@dataclass(frozen=True, slots=True)
class Hypothetical:
    """A call that might come: for explain. `at` aware."""

    facts: Facts
    at: datetime
    outcomes: tuple[str, ...] = field(default=())


Side = int | Literal["draft", "in_force"]
"""What is asked about: a version by its number, the draft, or the version in force."""


class Changed(StrEnum):
    """How two tables differ in one thing."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two tables differ.

    kind:    a Kind's value, or "settings" (which there is once; its key is "")
    before, after: it, JSON-serialisable; None where it was added or removed
    """

    kind: str
    key: str
    changed: Changed
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Diff:
    """In what `b` differs from `a`; `text` for people, unified, a heading above each thing."""

    a: Bilingual
    b: Bilingual
    differences: tuple[Difference, ...]
    text: Bilingual
