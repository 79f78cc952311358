"""What publishing gives to the API and the command line, and what it needs from storage and the PBX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import Field

from callrouter.access.model import AuditNote, Principal
from callrouter.bilingual import Bilingual
from callrouter.routing.consistency import Problem
from callrouter.routing.directory import Directory
from callrouter.routing.entries import Kind
from callrouter.routing.facts import Facts
from callrouter.routing.table import MAX_TARGETS, Centre, LastResort, Routing, RoutingTable, StaticNumber
from callrouter.routing.values import Key, Value

if TYPE_CHECKING:
    from callrouter.routing.explain import Explanation
    from callrouter.routing.replay import Replay
    from callrouter.routing.verify import Report


# ---------------------------------------------------------------------------------------------- values
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


# ---------------------------------------------------------------------------------------------- errors
class DeskError(Exception):
    """What the desk refuses. Nothing was changed."""


class NoSuchEntry(DeskError):
    """There is no such thing (404)."""


class AlreadyThere(DeskError):
    """The key is taken (409)."""


class Moved(DeskError):
    """It has changed since it was read (412). `current` is its ETag now: a revision or a sha256."""

    def __init__(self, current: str) -> None:
        super().__init__(current)
        self.current = current


class Invalid(DeskError):
    """It does not fit the rest of the table (422); pointers lie within the entry that was sent."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(p.sentence) for p in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Use:
    """Who uses a name. `where`: "draft" or "version 12"; `user`: "routes/fire"; `pointer` into that table."""

    where: str
    user: str
    pointer: str


class InUse(DeskError):
    """It would leave names dangling (409)."""

    def __init__(self, uses: Sequence[Use]) -> None:
        super().__init__(", ".join(use.user for use in uses))
        self.uses = tuple(uses)


class NotVerified(DeskError):
    """verify found errors (422). `findings` as callrouter.routing.verify has them."""

    def __init__(self, findings: Sequence[object]) -> None:
        super().__init__(f"{len(findings)} findings")
        self.findings = tuple(findings)


class NeedsApproval(DeskError):
    """The two-person rule: someone else must approve this draft first (409)."""


class PbxRefused(DeskError):
    """The PBX did not take it; everything is as before (502). `why` says which part and what it said."""

    def __init__(self, why: Bilingual) -> None:
        super().__init__(why.en)
        self.why = why


class GenerationMoved(Exception):
    """Raised by the store: someone else wrote meanwhile. The desk loads anew and tries again."""


# ---------------------------------------------------------------------------------------------- ports
class DeskStore(Protocol):
    """Keeps directory, draft and versions. Every method raises StorageUnavailable (callrouter.incidents.views)."""

    async def load(self) -> Stored:
        """Return everything, in one consistent read."""

    async def write(self, generation: int, changes: Sequence[Change], note: AuditNote) -> int:
        """Carry out all changes and append the note to the audit, in one transaction; return the new generation.

        Raises GenerationMoved, with nothing changed, where `generation` is not the newest.
        """

    async def commit(
        self,
        generation: int,
        table: RoutingTable,
        who: str,
        why: str,
        note: AuditNote,
        changes: Sequence[Change] = (),
    ) -> tuple[int, VersionInfo]:
        """The commit point: make `table` the next version and the one in force; return the new generation and it.

        `changes` are carried out in the same transaction (the draft's new base; an import that is published at once).
        The note's subject gets the number. Raises GenerationMoved.
        """

    async def version(self, number: int) -> Version | None:
        """Return a version, or None."""

    async def versions(self, before: int | None, limit: int) -> list[VersionInfo]:
        """Return versions below `before`, newest first."""

    async def past_calls(self, begin: int, end: int, after: str | None, limit: int) -> list[PastCall]:
        """Return decided calls with begin <= at < end (µs UTC), by (at, call), after the call `after`."""


class Plane(Protocol):
    """What makes a table live: the PBX, the prompts, the service's snapshot."""

    async def prepare(self, table: RoutingTable, version: int) -> None:
        """Make what `table` needs and load it into the PBX, read back and compared; calls still get the old plans.

        Raises PbxRefused or OperatorError, with everything as before. May take seconds (prompts). A PBX that is away
        is no reason to refuse: what it reads at its start is written.
        """

    def swap(self, table: RoutingTable, version: int) -> None:
        """From now on each new call gets its plan from `table`. Does not fail."""

    async def undo(self, table: RoutingTable, version: int) -> None:
        """Make the PBX show `table` (the one in force) again, after a publication that was not committed."""


class Desk(Protocol):
    """Directory and draft, edited by one person at a time. Raises DeskError and StorageUnavailable.

    `if_match` is the revision (or, of the draft, the sha256) that the editor saw; None skips the check (imports).
    Edits of the directory also raise PbxRefused: they take effect at once, or not at all.
    """

    def entries(self, kind: Kind) -> Sequence[Entry]:
        """Return the entries of a kind, by key; routes by priority, highest first."""

    def entry(self, kind: Kind, key: str) -> Entry:
        """Return one. Raises NoSuchEntry."""

    async def create(self, kind: Kind, value: Value, by: Principal) -> Entry:
        """Add one. Raises AlreadyThere, Invalid."""

    async def replace(self, kind: Kind, value: Value, if_match: int, by: Principal) -> Entry:
        """Replace the one of `value`'s key.

        Raises NoSuchEntry, Moved, Invalid; InUse where it takes away what others name (a contact of an agency).
        """

    async def delete(self, kind: Kind, key: str, if_match: int, by: Principal) -> None:
        """Remove one. Raises NoSuchEntry, Moved, InUse."""

    def draft(self) -> DraftInfo:
        """Return the draft."""

    async def set_settings(self, settings: DraftSettings, if_match: int, by: Principal) -> DraftInfo:
        """Replace the draft's settings."""

    async def import_table(self, table: RoutingTable, if_match: str | None, by: Principal) -> DraftInfo:
        """Replace directory and draft by those of a whole table. All or nothing.

        Raises Moved, Invalid, PbxRefused; InUse where the version in force names what the new directory has not.
        """

    async def discard(self, if_match: str, by: Principal) -> DraftInfo:
        """Make the draft the version in force again."""


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


class Publishing(Desk, Protocol):
    """Directory, draft and versions: all that the API and the command line ask for.

    Besides the errors named, every method that is awaited raises StorageUnavailable, and OperatorError for what a
    person must put right outside (a version that was changed in the database, a disk that is full).
    """

    async def read_table(self, content: bytes, path: Path = ...) -> RoutingTable:
        """Return the table that a YAML or JSON text of at most 1 MB holds, read off the loop; errors name `path`.

        Raises TableError (callrouter.publishing.importing), whose problems have pointer, line, sentence and remedy.
        """

    async def import_and_publish(
        self, table: RoutingTable, if_match: str | None, why: str, by: Principal
    ) -> Published:
        """Replace directory and draft by those of a whole table, and publish: all of it or nothing.

        It may take names away that only the version in force uses. Raises as import_table and publish.
        """

    async def approve(self, sha256: str, by: Principal) -> DraftInfo:
        """Approve the draft of that hash (the two-person rule). Any edit voids it. Raises Moved."""

    async def verify(self, side: Side) -> Report:
        """Return what verify finds. Raises NoSuchEntry."""

    async def publish(self, sha256: str, why: str, by: Principal) -> Published:
        """Make the draft of that hash the version in force.

        Raises Moved, NotVerified, NeedsApproval, PbxRefused.
        """

    async def rollback(self, number: int, why: str, by: Principal) -> Published:
        """Publish what version `number` had as a new version, with the directory of today; the draft is left alone.

        Raises NoSuchEntry, Invalid where it names what the directory has no more, NotVerified, PbxRefused.
        """

    async def version(self, number: int) -> Version:
        """Return a version. Raises NoSuchEntry."""

    async def versions(self, before: int | None, limit: int) -> list[VersionInfo]:
        """Return versions below `before`, newest first."""

    async def diff(self, a: Side, b: Side) -> Diff:
        """Return in what the routing of `b` differs from that of `a`. Raises NoSuchEntry."""

    async def diff_of(self, table: RoutingTable) -> Diff:
        """Return in what an import of `table` would change directory and draft."""

    async def table(self, side: Side) -> RoutingTable:
        """Return a whole table: of a version with the directory of then; of the draft with that of now.

        Raises NoSuchEntry.
        """

    async def explain(self, side: Side, call: Hypothetical) -> Explanation:
        """Return how that call would go, and why. Raises NoSuchEntry, and Invalid for outcomes that cannot be."""

    async def replay(self, side: Side, begin: datetime, end: datetime) -> Replay:
        """Return which calls with begin <= time < end (aware) would go elsewhere.

        Raises NoSuchEntry, and Invalid for more calls than can be looked through.
        """
