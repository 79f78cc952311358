"""What publishing gives to the API and the command line, and what it needs from storage and the PBX."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from callrouter.access.model import AuditNote, Principal
from callrouter.publishing.model import (
    Change,
    Diff,
    DraftInfo,
    DraftSettings,
    Entry,
    Hypothetical,
    PastCall,
    Published,
    Side,
    Stored,
    Version,
    VersionInfo,
)
from callrouter.routing.entries import Kind
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Value

if TYPE_CHECKING:
    from callrouter.routing.explain import Explanation
    from callrouter.routing.replay import Replay
    from callrouter.routing.verify import Report


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
