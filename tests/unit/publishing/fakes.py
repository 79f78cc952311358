"""A store in memory and a PBX of values, both of which can fail where a test says so; and tables to put on them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from callrouter.access.model import AuditNote, Principal, Role
from callrouter.incidents.views import StorageUnavailable
from callrouter.publishing.canonical import digest, routing_text
from callrouter.publishing.errors import GenerationMoved
from callrouter.publishing.model import (
    Approve,
    Change,
    DraftSettings,
    PastCall,
    Put,
    PutSettings,
    Remove,
    SetBase,
    Stored,
    Version,
    VersionInfo,
)
from callrouter.publishing.publication import PublishingOffice
from callrouter.routing.entries import DIRECTORY, Kind, canonical, entries, key_of, ordered
from callrouter.routing.table import RoutingTable
from callrouter.routing.verify import Report

Document = dict[str, Any]
NETWORKS = ("127.0.0.0/8", "10.0.0.0/8")
SITI = Principal("siti", Role.ADMIN)
BUDI = Principal("budi", Role.ADMIN)
NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


class Store:
    """Keeps everything in memory, as a database would: a failed write leaves nothing behind.

    before, after: called with the name of a method before and after it works; what they raise, it raises
    """

    def __init__(self) -> None:
        self.stored = Stored(0, (), None, 0, None, None, None)
        self.kept: dict[int, Version] = {}
        self.notes: list[AuditNote] = []
        self.calls: list[PastCall] = []
        self.before: Callable[[str], None] = lambda _: None
        self.after: Callable[[str], None] = lambda _: None

    async def load(self) -> Stored:
        self.before("load")
        return self.stored

    async def write(self, generation: int, changes: Sequence[Change], note: AuditNote) -> int:
        self.before("write")
        if generation != self.stored.generation:
            raise GenerationMoved(self.stored.generation)
        self.stored = self._changed(changes)
        self.notes.append(note)
        self.after("write")
        return self.stored.generation

    async def commit(
        self,
        generation: int,
        table: RoutingTable,
        who: str,
        why: str,
        note: AuditNote,
        changes: Sequence[Change] = (),
    ) -> tuple[int, VersionInfo]:
        self.before("commit")
        if generation != self.stored.generation:
            raise GenerationMoved(self.stored.generation)
        number = len(self.kept) + 1
        info = VersionInfo(number, digest(routing_text(table.centre, table.routing)), number, who, why, in_force=True)
        self.kept = {n: replace(v, info=replace(v.info, in_force=False)) for n, v in self.kept.items()}
        self.kept[number] = Version(info, table.centre, table.routing, table.directory)
        self.stored = replace(self._changed(changes), in_force=info)
        self.notes.append(replace(note, subject=f"versions/{number}"))
        self.after("commit")
        return self.stored.generation, info

    async def version(self, number: int) -> Version | None:
        self.before("version")
        return self.kept.get(number)

    async def versions(self, before: int | None, limit: int) -> list[VersionInfo]:
        found = [self.kept[n].info for n in sorted(self.kept, reverse=True) if before is None or n < before]
        return found[:limit]

    async def past_calls(self, begin: int, end: int, after: str | None, limit: int) -> list[PastCall]:
        found = sorted((c for c in self.calls if begin <= c.at < end), key=lambda c: (c.at, c.call))
        if after is not None:
            found = found[[c.call for c in found].index(after) + 1 :]
        return found[:limit]

    def by_somebody_else(self, *changes: Change) -> None:
        """Write as another process does."""
        self.stored = self._changed(changes)

    def _changed(self, changes: Sequence[Change]) -> Stored:
        held = {(e.kind, key_of(e.value)): e for e in self.stored.entries}
        now = replace(self.stored, generation=self.stored.generation + 1)
        for change in changes:
            match change:
                case Put(entry):
                    held[entry.kind, key_of(entry.value)] = entry
                case Remove(kind, key):
                    del held[kind, key]
                case PutSettings(settings, revision):
                    now = replace(now, settings=settings, settings_revision=revision)
                case Approve(sha256, who):
                    now = replace(now, approved=(sha256, who) if sha256 else None)
                case SetBase(number):
                    now = replace(now, based_on=number)
        return replace(now, entries=tuple(held.values()))


@dataclass
class Pbx:
    """What the PBX shows, and what calls are routed by: each a table with its number."""

    shows: tuple[int, RoutingTable] | None = None
    routes_by: tuple[int, RoutingTable] | None = None
    acts: list[str] = field(default_factory=list)
    refuses: Exception | None = None
    undo_fails: Exception | None = None

    async def prepare(self, table: RoutingTable, version: int) -> None:
        self.acts.append(f"prepare {version}")
        if self.refuses is not None:
            raise self.refuses
        self.shows = (version, table)

    def swap(self, table: RoutingTable, version: int) -> None:
        self.acts.append(f"swap {version}")
        self.routes_by = (version, table)

    async def undo(self, table: RoutingTable, version: int) -> None:
        self.acts.append(f"undo {version}")
        if self.undo_fails is not None:
            raise self.undo_fails
        self.shows = (version, table)


class HereAndNow:
    """Does the worker's jobs at once, but verify, whose answer a test gives."""

    def __init__(self) -> None:
        self.findings: tuple[Any, ...] = ()
        self.jobs: list[str] = []
        self.meanwhile: Callable[[], Any] | None = None
        self.verify_really = False

    async def run(self, job: str, *args: Any) -> Any:
        self.jobs.append(job)
        if self.meanwhile is not None:
            done, self.meanwhile = self.meanwhile, None
            await done()
        if job == "verify" and not self.verify_really:
            good = not any(f.error for f in self.findings)
            return Report(good, self.findings, 1, 1, NOW + timedelta(days=400))
        from callrouter.publishing import jobs  # noqa: PLC0415 - only where one is asked for

        return jobs.JOBS[job](*args)

    async def close(self) -> None:
        """Nothing was started."""


@dataclass
class Office:
    """An office with its store, PBX and worker at hand."""

    store: Store
    pbx: Pbx
    worker: HereAndNow
    desk: PublishingOffice


async def an_office(store: Store | None = None, *, two_person: bool = False) -> Office:
    """Return an open office."""
    kept, pbx, worker = store or Store(), Pbx(), HereAndNow()
    desk = PublishingOffice(kept, pbx, NETWORKS, worker=worker, two_person=two_person, now=lambda: NOW)
    await desk.open()
    return Office(kept, pbx, worker, desk)


async def a_published_office(document: Document | None = None, *, two_person: bool = False) -> Office:
    """Return an office with a table imported and published as version 1."""
    office = await an_office(two_person=False)
    await office.desk.import_and_publish(table(document), None, "first", SITI)
    office.desk._two_person = two_person
    office.pbx.acts.clear()
    office.store.notes.clear()
    return office


SMALL: Document = {
    "centre": {"name": "Pusat 112", "timezone": "Asia/Jakarta"},
    "directory": {
        "trunks": [
            {"key": "telco", "kind": "carrier", "host": "127.0.112.1"},
            {"key": "damkar", "kind": "agency", "host": "127.0.112.11"},
            {"key": "pmi", "kind": "agency", "host": "127.0.112.13"},
        ],
        "agencies": [
            {
                "key": "damkar",
                "name": {"id": "Damkar", "en": "Fire brigade"},
                "contacts": [
                    {"key": "posko", "trunk": "damkar", "number": "101"},
                    {"key": "piket", "trunk": "pmi", "number": "0812"},
                ],
            },
            {
                "key": "pmi",
                "name": {"id": "PMI", "en": "Red Cross"},
                "contacts": [{"key": "markas", "trunk": "pmi", "number": "301"}],
            },
        ],
        "operators": [{"key": "op1", "name": "Operator 1"}, {"key": "op2", "name": "Operator 2"}],
    },
    "routing": {
        "main_menu": "main",
        "menus": [
            {
                "key": "main",
                "name": {"id": "menu utama", "en": "main menu"},
                "options": [{"digit": "1", "category": "fire"}, {"digit": "2", "category": "health"}],
            }
        ],
        "categories": [
            {"key": "fire", "urn": "urn:service:sos.fire", "name": {"id": "api", "en": "fire"}, "priority": 10},
            {"key": "health", "urn": "urn:service:sos", "name": {"id": "sakit", "en": "ill"}, "priority": 9},
        ],
        "schedules": [
            {"key": "day", "name": "Siang", "windows": [{"days": ["mon"], "opens": "07:00", "closes": "15:00"}]}
        ],
        "ring_groups": [{"key": "operators", "members": ["op1", "op2"]}],
        "routes": [
            {
                "key": "fire",
                "priority": 500,
                "when": {"category": ["fire"]},
                "steps": [
                    {"kind": "dial", "targets": ["damkar/posko"]},
                    {"kind": "dial", "targets": ["damkar/piket"]},
                ],
            },
            {
                "key": "health",
                "priority": 400,
                "when": {"category": ["health"]},
                "steps": [{"kind": "dial", "targets": ["pmi/markas"]}],
            },
            {"key": "all", "priority": 100, "steps": [{"kind": "ringgroup", "group": "operators"}]},
        ],
        "last_resort": {"group": "operators", "seconds": 90},
        "static_numbers": [{"trunk": "pmi", "number": "118"}],
    },
}


def changed(change: Callable[[Document], object]) -> Document:
    """Return the small table's document after `change`."""
    document = copy.deepcopy(SMALL)
    change(document)
    return document


def table(document: Document | None = None) -> RoutingTable:
    """Return a table, the small one by default, in the canonical order."""
    found = RoutingTable.model_validate(SMALL if document is None else document)
    directory = found.directory
    sorted_so = {kind.value: ordered(kind, list(entries(directory, kind))) for kind in DIRECTORY}
    held = directory.model_copy(update=sorted_so)
    return found.model_copy(update={"directory": held, "routing": canonical(found.routing)})


def settings(**given: Any) -> DraftSettings:
    """Return the small table's settings, but for what is given."""
    routing = SMALL["routing"]
    document = {
        "centre": SMALL["centre"],
        "main_menu": routing["main_menu"],
        "last_resort": routing["last_resort"],
        "static_numbers": routing["static_numbers"],
    }
    return DraftSettings.model_validate(document | given)


def entry_of(found: RoutingTable, kind: Kind, key: str) -> Any:
    """Return an entry of a table."""
    half = found.directory if kind in DIRECTORY else found.routing
    return next(value for value in entries(half, kind) if key_of(value) == key)


def storage_is_away(wanted: str) -> Callable[[str], None]:
    """Return what makes that method of the store fail."""

    def fail(method: str) -> None:
        if method == wanted:
            raise StorageUnavailable("gone")

    return fail
