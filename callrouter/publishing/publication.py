"""Publishing: verified, loaded into the PBX and read back, then committed, then live. The commit is the point of no
return: before it everything can be taken back; after it a crash is mended at start by showing the PBX what was
committed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from callrouter.access.model import LOCAL, AuditNote, Principal
from callrouter.bilingual import Bilingual
from callrouter.publishing.cards import halves
from callrouter.publishing.desk import RoutingDesk, actor, require_draft, summary, undoing
from callrouter.publishing.errors import GenerationMoved, Invalid, NeedsApproval, NoSuchEntry, NotVerified
from callrouter.publishing.held import (
    EMPTY,
    Held,
    InForce,
    by_name,
    changes_between,
    sheet_of_table,
    sheet_of_version,
)
from callrouter.publishing.importing import TableError, TableProblem
from callrouter.publishing.model import (
    Approve,
    Change,
    Diff,
    DraftInfo,
    DraftSettings,
    Hypothetical,
    Published,
    SetBase,
    Side,
    Version,
    VersionInfo,
)
from callrouter.publishing.ports import DeskStore, Plane
from callrouter.publishing.replaying import replay_pages
from callrouter.publishing.sheet import Sheet
from callrouter.publishing.worker import Jobs, Pieces
from callrouter.routing.consistency import Problem
from callrouter.routing.entries import MODELS, ROUTING, Kind
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Value

if TYPE_CHECKING:
    from callrouter.routing.explain import Explanation
    from callrouter.routing.replay import Replay
    from callrouter.routing.verify import Report

_DRAFT: Final = Bilingual("draf", "draft")
_NO_VERSION: Final = Bilingual("belum ada versi", "no version yet")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CHUNK: Final = 50
_ADDRESSED: Final = Path("table.yaml")


class PublishingOffice(RoutingDesk):
    """See callrouter.publishing.ports.Publishing.

    two_person: the draft must have been approved by someone else than who publishes it (settings.two_person)
    now:        the time, aware
    """

    def __init__(
        self,
        store: DeskStore,
        plane: Plane,
        networks: Sequence[str],
        *,
        worker: Jobs,
        two_person: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(store, plane, networks)
        self._worker = worker
        self._two_person = two_person
        self._clock = now

    async def close(self) -> None:
        """Wait for the edit that is under way, then end the worker."""
        await super().close()
        await self._worker.close()

    # ------------------------------------------------------------------------------------------ publishing
    async def approve(self, sha256: str, by: Principal) -> DraftInfo:
        """Approve the draft of that hash. Raises Moved."""

        async def work(held: Held) -> tuple[Held, DraftInfo]:
            require_draft(held, sha256)
            note = AuditNote(actor(by), "approve", "draft", {"sha256": sha256})
            generation = await self._written(held, [Approve(sha256, by.name)], note)
            now = replace(held, generation=generation, approved=(sha256, by.name))
            return now, now.draft()

        return await self._edit(work)

    async def publish(self, sha256: str, why: str, by: Principal) -> Published:
        """Make the draft of that hash the version in force.

        Looked at before the desk is taken, for that takes seconds; then taken only as it was looked at.
        Raises Moved, NotVerified, NeedsApproval, PbxRefused, OperatorError.
        """
        seen = self._held
        self._require_publishable(seen, sha256, by)
        await self._require_verified(seen.sheet)

        async def work(held: Held) -> tuple[Held, Published]:
            self._require_publishable(held, sha256, by)
            if held.sheet.text != seen.sheet.text:  # the directory moved meanwhile
                await self._require_verified(held.sheet)
            return await self._publish(held, held.sheet, held.sheet, [], _note(by, "publish", why))

        return await self._edit(work)

    async def import_and_publish(
        self, table: RoutingTable, if_match: str | None, why: str, by: Principal
    ) -> Published:
        """Replace directory and draft by those of a whole table, and publish: all of it or nothing.

        Raises as import_table (but InUse: what only the version in force uses may go with it) and publish.
        """
        seen = await self._imported(self._held, table, if_match)
        self._require_approval(self._held, seen.sha256, by)
        await self._require_verified(seen)

        async def work(held: Held) -> tuple[Held, Published]:
            after = await self._imported(held, table, if_match)
            self._require_approval(held, after.sha256, by)
            changes = changes_between(held.sheet, after)
            note = _note(by, "import", why, summary(held.sheet, after, changes))
            return await self._publish(held, after, after, changes, note)

        return await self._edit(work)

    async def rollback(self, number: int, why: str, by: Principal) -> Published:
        """Publish what version `number` had as a new version, with the directory of today.

        It was approved once, and a way back is asked for in haste: nobody need approve it again. The draft stays.
        Raises NoSuchEntry, Invalid, NotVerified, PbxRefused, OperatorError.
        """
        then = await self._at(number)
        seen = then.with_directory_of(self._held.sheet)
        await self._require_verified(seen)

        async def work(held: Held) -> tuple[Held, Published]:
            again = then.with_directory_of(held.sheet)
            if again.text != seen.text:
                await self._require_verified(again)
            note = _note(by, "rollback", why, {"to": number})
            return await self._publish(held, again, held.sheet, None, note)

        return await self._edit(work)

    async def _publish(
        self, held: Held, sheet: Sheet, draft: Sheet, changes: list[Change] | None, note: AuditNote
    ) -> tuple[Held, Published]:
        """Make `sheet` the version in force.

        draft:   what the draft is then
        changes: of the draft, to be written with the commit; None where the draft has no part in it
        """
        number, table = held.live_number + 1, sheet.table
        based_on, approved = held.based_on, held.approved
        if changes is not None:
            changes = [*changes, SetBase(number), Approve("", "")]
            based_on, approved = number, None
        async with undoing(self._plane, held):
            await self._plane.prepare(table, number)
            begun = time.perf_counter()
            generation, info = await self._committed(held, number, table, note, changes or [])
        self._plane.swap(table, info.number)
        live_ms = (time.perf_counter() - begun) * 1000
        now = Held(generation, draft, based_on, approved, InForce(info, sheet))
        return now, Published(info.number, info.sha256, live_ms)

    async def _committed(
        self, held: Held, number: int, table: RoutingTable, note: AuditNote, changes: Sequence[Change]
    ) -> tuple[int, VersionInfo]:
        who, why = note.actor, str(note.payload["why"])
        try:
            return await self._store.commit(held.generation, table, who, why, note, changes)
        except GenerationMoved:
            self._doubtful = True
            raise
        except Exception:
            # The answer was lost, but perhaps not the commit: only what is stored can tell.
            self._doubtful = True
            stored = await self._store.load()
            found = stored.in_force
            if found is not None and (found.number, found.who, found.why) == (number, who, why):
                return stored.generation, found
            raise

    def _require_publishable(self, held: Held, sha256: str, by: Principal) -> None:
        require_draft(held, sha256)
        self._require_approval(held, sha256, by)

    def _require_approval(self, held: Held, sha256: str, by: Principal) -> None:
        if not self._two_person:
            return
        # The command line of the machine is nobody in particular: it is no second person.
        if held.approved is None or held.approved[0] != sha256 or held.approved[1] in {by.name, LOCAL}:
            raise NeedsApproval(sha256)

    async def _require_verified(self, sheet: Sheet) -> None:
        report = await self._verified(sheet)
        if not report.verified:
            raise NotVerified([finding for finding in report.findings if finding.error])

    # ------------------------------------------------------------------------------------------ asking
    async def verify(self, side: Side) -> Report:
        """Return what verify finds from now on. Raises NoSuchEntry."""
        return await self._verified(await self._at(side))

    async def verify_table(self, table: RoutingTable) -> Report:
        """Return what verify finds in a table that is none of ours yet."""
        return await verify_table(self._worker, table, self._clock())

    async def _verified(self, sheet: Sheet) -> Report:
        return await _verify_text(self._worker, sheet.text, self._clock())

    async def version(self, number: int) -> Version:
        """Return a version. Raises NoSuchEntry."""
        found = await self._store.version(number)
        if found is None:
            raise NoSuchEntry(f"versions/{number}")
        return found

    async def versions(self, before: int | None, limit: int) -> list[VersionInfo]:
        """Return versions below `before`, newest first."""
        return await self._store.versions(before, limit)

    async def table(self, side: Side) -> RoutingTable:
        """Return a whole table. Raises NoSuchEntry."""
        return (await self._at(side)).table

    async def diff(self, a: Side, b: Side) -> Diff:
        """Return in what the routing of `b` differs from that of `a`; before the first version, from nothing.

        Raises NoSuchEntry.
        """
        sides = [(await self._at_or_empty(side)).text for side in (a, b)]
        called = (self._called(a), self._called(b))
        found: Diff = await self._worker.run("diff", *sides, called, ROUTING)
        return found

    async def diff_of(self, table: RoutingTable) -> Diff:
        """Return in what an import of `table` would change directory and draft."""
        after = await sheet_of_table(table, self._held.sheet)
        called = (_DRAFT, Bilingual("yang diimpor", "what is imported"))
        found: Diff = await self._worker.run("diff", self._held.sheet.text, after.text, called, tuple(Kind))
        return found

    async def explain(self, side: Side, call: Hypothetical) -> Explanation:
        """Return how that call would go, and why. Raises NoSuchEntry, and Invalid for outcomes that cannot be."""
        text = (await self._at(side)).text
        job = ("explain", text, self._number(side), call.facts, call.at, call.outcomes)
        found: Explanation | tuple[Problem, ...] = await self._worker.run(*job)
        if isinstance(found, tuple):
            raise Invalid(found)
        return found

    async def replay(self, side: Side, begin: datetime, end: datetime) -> Replay:
        """Return which calls with begin <= time < end (aware) would go elsewhere.

        Raises NoSuchEntry, and Invalid for more calls than can be looked through.
        """
        text = (await self._at(side)).text
        return await replay_pages(self._store, self._worker, text, _us(begin), _us(end))

    async def read_table(self, content: bytes, path: Path = _ADDRESSED) -> RoutingTable:
        """Return the table of a YAML or JSON text; errors name `path`. Raises TableError."""
        return await read_table(self._worker, content, path)

    async def _at(self, side: Side) -> Sheet:
        held = self._held
        if side == "draft":
            return held.sheet
        if side == "in_force":
            if held.in_force is None:
                raise NoSuchEntry("no version is in force")
            return held.live
        if held.in_force is not None and held.live_number == side:
            return held.in_force.sheet
        return await sheet_of_version(await self.version(side), by_name(held.sheet))

    async def _at_or_empty(self, side: Side) -> Sheet:
        return EMPTY if side == "in_force" and self._held.in_force is None else await self._at(side)

    def _called(self, side: Side) -> Bilingual:
        if side == "draft":
            return _DRAFT
        number = self._number(side)
        return Bilingual(f"versi {number}", f"version {number}") if number else _NO_VERSION

    def _number(self, side: Side) -> int:
        """The version's number; 0 for the draft, and where there is none."""
        return 0 if side == "draft" else self._held.live_number if side == "in_force" else side


async def read_table(worker: Jobs, content: bytes, path: Path) -> RoutingTable:
    """Return the table of a YAML or JSON text; errors name `path`. Raises TableError."""
    found: Pieces | tuple[TableProblem, ...] = await worker.run("read", content)
    if isinstance(found, tuple):
        raise TableError(path, found)
    return await _table_of(found)


async def verify_table(worker: Jobs, table: RoutingTable, at: datetime) -> Report:
    """Return what verify finds in `table` from `at` on. Raises Invalid where its parts do not fit."""
    return await _verify_text(worker, (await sheet_of_table(table, EMPTY)).text, at)


async def _verify_text(worker: Jobs, text: str, at: datetime) -> Report:
    found: Report | tuple[Problem, ...] = await worker.run("verify", text, at)
    if isinstance(found, tuple):
        raise Invalid(found)
    return found


async def _table_of(pieces: Pieces) -> RoutingTable:
    """Return the table of these pieces, which are of a valid one; put together a few at a time."""
    values: dict[Kind, list[Value]] = {kind: [] for kind in Kind}
    for n, (kind, text) in enumerate(pieces.entries):
        if n % _CHUNK == _CHUNK - 1:
            await asyncio.sleep(0)
        values[kind].append(MODELS[kind].model_validate_json(text))
    settings = DraftSettings.model_validate_json(pieces.settings)
    directory, routing = halves({kind: tuple(listed) for kind, listed in values.items()}, settings)
    return RoutingTable.model_construct(
        schema_version=1, centre=settings.centre, directory=directory, routing=routing
    )


def _us(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _note(by: Principal, action: str, why: str, more: Mapping[str, object] | None = None) -> AuditNote:
    """The store adds the number to the subject."""
    return AuditNote(actor(by), action, "versions", {"why": why, **(more or {})})
