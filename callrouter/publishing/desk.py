"""The desk: directory and draft, edited by one person at a time, in memory and in the database.

An edit is looked at first (does it fit the rest, is nothing left dangling), then shown to the PBX where it is one of
the directory, then written, then seen by everyone: each step can still refuse, and takes back what was before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

import structlog

from callrouter.access.model import AuditNote, Principal
from callrouter.incidents.views import StorageUnavailable
from callrouter.publishing.cards import Card, Name, card_of
from callrouter.publishing.errors import AlreadyThere, GenerationMoved, InUse, Invalid, Moved, NoSuchEntry
from callrouter.publishing.fitting import (
    names_given,
    outside,
    problems_of,
    problems_of_settings,
    too_many,
    users_in_draft,
    users_in_force,
)
from callrouter.publishing.held import Held, changes_between, load, sheet_of_table, successor
from callrouter.publishing.model import Change, DraftInfo, DraftSettings, Entry, Put, PutSettings, Remove
from callrouter.publishing.ports import DeskStore, Plane
from callrouter.publishing.sheet import Sheet
from callrouter.routing.directory import Trunk
from callrouter.routing.entries import DIRECTORY, ROUTING, Kind, key_of
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Value

log = structlog.get_logger(__name__)

T = TypeVar("T")
Work = Callable[[Held], Awaitable[tuple[Held, T]]]
"""An edit: looks at what is held, does it, returns what is held then, and an answer."""

_TRIES: Final = 2


class RoutingDesk:
    """See callrouter.publishing.ports.Desk. `open` must have returned before anything else is asked.

    networks: those in which a trunk's host may lie (settings.trunk_networks)
    """

    def __init__(self, store: DeskStore, plane: Plane, networks: Sequence[str]) -> None:
        self._store = store
        self._plane = plane
        self._networks = tuple(networks)
        self._lock = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()
        self._now: Held | None = None
        self._doubtful = False
        """True after a write of which nobody knows whether it was carried out: the store is read again first."""

    async def open(self) -> None:
        """Read everything from the store. The PBX is left alone: at start it is shown `live` by who starts it."""
        self._now = await load(self._store, None)

    async def close(self) -> None:
        """Wait for the edit that is under way."""
        if self._running:
            await asyncio.wait(self._running)

    @property
    def live(self) -> tuple[int, RoutingTable]:
        """What calls are routed by, and its number: the version in force (0: none yet) with the directory of now."""
        return self._held.live_number, self._held.live.table

    @property
    def _held(self) -> Held:
        if self._now is None:
            raise RuntimeError("the desk is not open")
        return self._now

    # ------------------------------------------------------------------------------------------ reading
    def entries(self, kind: Kind) -> Sequence[Entry]:
        """Return the entries of a kind, by key; routes by priority, highest first."""
        return tuple(card.entry for card in self._held.sheet.of_kind(kind))

    def entry(self, kind: Kind, key: str) -> Entry:
        """Return one. Raises NoSuchEntry."""
        return self._held.sheet.card(kind, key).entry

    def draft(self) -> DraftInfo:
        """Return the draft."""
        return self._held.draft()

    # ------------------------------------------------------------------------------------------ editing
    async def create(self, kind: Kind, value: Value, by: Principal) -> Entry:
        """Add one. Raises AlreadyThere, Invalid."""

        async def work(held: Held) -> tuple[Held, Entry]:
            if held.sheet.find(kind, key_of(value)) is not None:
                raise AlreadyThere(f"{kind}/{key_of(value)}")
            # Higher than that of any entry of this key before it: who has seen that one has not seen this.
            card = card_of(kind, value, held.generation + 1)
            after = held.sheet.having(card)
            self._require_fit(after, card)
            _require(too_many(after, kind))
            note = _note(by, "create", card, None, card)
            return await self._carry_out(held, after, [Put(card.entry)], note), card.entry

        return await self._edit(work)

    async def replace(self, kind: Kind, value: Value, if_match: int, by: Principal) -> Entry:
        """Replace the one of `value`'s key. What is the same already is left as it is, with its revision.

        Raises NoSuchEntry, Moved, Invalid, InUse.
        """

        async def work(held: Held) -> tuple[Held, Entry]:
            old = _matching(held.sheet, kind, key_of(value), if_match)
            card = card_of(kind, value, old.entry.revision + 1)
            if card.text == old.text:
                return held, old.entry
            after = held.sheet.having(card)
            self._require_fit(after, card)
            _require_unused(held, names_given(old) - names_given(card), but=f"{kind.value}/{card.key}")
            note = _note(by, "replace", card, old, card)
            return await self._carry_out(held, after, [Put(card.entry)], note), card.entry

        return await self._edit(work)

    async def delete(self, kind: Kind, key: str, if_match: int, by: Principal) -> None:
        """Remove one. Raises NoSuchEntry, Moved, InUse."""

        async def work(held: Held) -> tuple[Held, None]:
            old = _matching(held.sheet, kind, key, if_match)
            _require_unused(held, names_given(old), but=f"{kind.value}/{key}")
            note = _note(by, "delete", old, old, None)
            after = held.sheet.without(kind, key)
            return await self._carry_out(held, after, [Remove(kind, key)], note), None

        await self._edit(work)

    async def set_settings(self, settings: DraftSettings, if_match: int, by: Principal) -> DraftInfo:
        """Replace the draft's settings. Raises Moved, Invalid."""

        async def work(held: Held) -> tuple[Held, DraftInfo]:
            before = held.sheet
            if if_match != before.settings_revision:
                raise Moved(str(before.settings_revision))
            if settings == before.settings and if_match:
                return held, held.draft()
            after = before.set(settings, if_match + 1)
            _require(problems_of_settings(after))
            payload: dict[str, object] = {
                "before": _data(before.settings) if if_match else None,
                "after": _data(settings),
            }
            note = AuditNote(actor(by), "replace", "settings", payload)
            now = await self._carry_out(held, after, [PutSettings(settings, if_match + 1)], note)
            return now, now.draft()

        return await self._edit(work)

    async def import_table(self, table: RoutingTable, if_match: str | None, by: Principal) -> DraftInfo:
        """Replace directory and draft by those of a whole table, all or nothing.

        Raises Moved, Invalid, InUse, PbxRefused.
        """

        async def work(held: Held) -> tuple[Held, DraftInfo]:
            after = await self._imported(held, table, if_match)
            if held.in_force is not None:
                gone = _directory_names(held.sheet) - _directory_names(after)
                _refuse(users_in_force(held.in_force.sheet, held.in_force.info.number, gone))
            changes = changes_between(held.sheet, after)
            if not changes:
                return held, held.draft()
            note = AuditNote(actor(by), "import", "draft", summary(held.sheet, after, changes))
            now = await self._carry_out(held, after, changes, note)
            return now, now.draft()

        return await self._edit(work)

    async def discard(self, if_match: str, by: Principal) -> DraftInfo:
        """Make the draft the version in force again. Raises Moved, and NoSuchEntry where there is none."""

        async def work(held: Held) -> tuple[Held, DraftInfo]:
            require_draft(held, if_match)
            if held.in_force is None:
                raise NoSuchEntry("no version is in force")
            after = successor(held.sheet, held.in_force.sheet, ROUTING)
            changes = changes_between(held.sheet, after)
            if not changes:
                return held, held.draft()
            note = AuditNote(actor(by), "discard", "draft", summary(held.sheet, after, changes))
            now = await self._carry_out(held, after, changes, note)
            return now, now.draft()

        return await self._edit(work)

    # ------------------------------------------------------------------------------------------ how an edit is done
    async def show(self) -> None:
        """Make the PBX show what is in force, between two edits: at its login, and when credentials have changed.

        A store that is away does not keep it from the PBX: calls are decided by what is held, and that is shown.
        Raises PbxRefused, OperatorError.
        """

        async def work(held: Held) -> tuple[Held, None]:
            await self._plane.undo(held.live.table, held.live_number)
            return held, None

        await self._edit(work, as_held=True)

    async def settle(self) -> None:
        """Where nobody knows whether the last write was carried out, find out: what is stored is made live.

        Raises StorageUnavailable, PbxRefused, OperatorError, with the doubt as before.
        """
        if not self._doubtful:
            return

        async def work(held: Held) -> tuple[Held, None]:
            return held, None

        await self._edit(work)

    async def _edit(self, work: Work[T], *, as_held: bool = False) -> T:
        """Do `work` alone. Once begun it goes on to its end, also where nobody waits for it any more.

        as_held: also where the store would have to be read again first and is away
        """
        await self._lock.acquire()
        task = asyncio.create_task(self._alone(work, as_held), name="desk-edit")
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._lock.release()
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # who asked may be gone: nobody is then told, and that is no defect

    async def _alone(self, work: Work[T], as_held: bool) -> T:
        for left in reversed(range(_TRIES)):
            if self._doubtful:
                await self._reload_or(as_held)
            try:
                self._now, answer = await work(self._held)
            except GenerationMoved:
                self._doubtful = True
                if not left:
                    raise Moved(self._held.sheet.sha256) from None
            else:
                return answer
        raise AssertionError  # pragma: no cover - the last try returns or raises

    async def _reload_or(self, as_held: bool) -> None:
        try:
            await self._reload()
        except StorageUnavailable as error:
            if not as_held:
                raise
            log.warning("desk.store_away", why=str(error), note="the PBX is shown what is held in memory")

    async def _reload(self) -> None:
        """Take what the store has; where that routes calls otherwise, make it live."""
        before = self._held
        now = await load(self._store, before)
        live = now.live  # a new sheet each time it is asked for, and with it a new table
        if (now.live_number, live.text) != (before.live_number, before.live.text):
            await self._plane.prepare(live.table, now.live_number)
            self._plane.swap(live.table, now.live_number)
        self._now = now
        self._doubtful = False

    async def _carry_out(self, held: Held, after: Sheet, changes: list[Change], note: AuditNote) -> Held:
        """Make `after` what is held: shown to the PBX where the directory changed, then written, then live."""
        now = replace(held, sheet=after)
        if _same_directory(held.sheet, after):
            return replace(now, generation=await self._written(held, changes, note))
        table, number = now.live.table, now.live_number
        async with _Undoing(self._plane, held):
            await self._plane.prepare(table, number)
            generation = await self._written(held, changes, note)
        self._plane.swap(table, number)
        return replace(now, generation=generation)

    async def _written(self, held: Held, changes: list[Change], note: AuditNote) -> int:
        try:
            return await self._store.write(held.generation, changes, note)
        except BaseException:
            self._doubtful = True
            raise

    async def _imported(self, held: Held, table: RoutingTable, if_match: str | None) -> Sheet:
        require_draft(held, if_match)
        trunks = [(f"/directory/trunks/{n}", trunk) for n, trunk in enumerate(table.directory.trunks)]
        _require(list(outside(trunks, self._networks)))
        return await sheet_of_table(table, held.sheet)

    def _require_fit(self, after: Sheet, card: Card) -> None:
        wrong = problems_of(after, card)
        if isinstance(card.value, Trunk):
            wrong += outside([("", card.value)], self._networks)
        _require(wrong)


class _Undoing:
    """Around what was shown to the PBX and is not yet sure: where it fails, the PBX is shown what is live again."""

    def __init__(self, plane: Plane, held: Held) -> None:
        self._plane = plane
        self._held = held

    async def __aenter__(self) -> None:
        """Nothing was shown yet."""

    async def __aexit__(self, kind: type[BaseException] | None, _error: object, _traceback: object) -> None:
        """Undo where it failed. What went wrong first is what is told."""
        if kind is None:
            return
        try:
            await self._plane.undo(self._held.live.table, self._held.live_number)
        except Exception:
            log.exception("desk.not_undone", version=self._held.live_number)


def undoing(plane: Plane, held: Held) -> _Undoing:
    """Return a context: where its body fails, the PBX is made to show what is live in `held` again."""
    return _Undoing(plane, held)


def actor(by: Principal) -> str:
    """Return who did it, as the audit shows it."""
    return f"{by.name} ({by.role.value})"


def summary(before: Sheet, after: Sheet, changes: list[Change]) -> dict[str, object]:
    """Return what the audit keeps of a change of many things: their names and the hashes; versions hold the rest."""
    return {
        "before": {"draft": before.sha256},
        "after": {"draft": after.sha256},
        "put": [f"{c.entry.kind.value}/{key_of(c.entry.value)}" for c in changes if isinstance(c, Put)],
        "removed": [f"{c.kind.value}/{c.key}" for c in changes if isinstance(c, Remove)],
    }


def _note(by: Principal, action: str, subject: Card, before: Card | None, after: Card | None) -> AuditNote:
    payload: dict[str, object] = {
        "before": None if before is None else _data(before.value),
        "after": None if after is None else _data(after.value),
    }
    return AuditNote(actor(by), action, f"{subject.entry.kind.value}/{subject.key}", payload)


def _data(value: Value) -> dict[str, object]:
    return value.model_dump(mode="json")


def _matching(sheet: Sheet, kind: Kind, key: str, if_match: int) -> Card:
    card = sheet.card(kind, key)
    if card.entry.revision != if_match:
        raise Moved(str(card.entry.revision))
    return card


def require_draft(held: Held, sha256: str | None) -> None:
    """Raise Moved where the draft is another than that one; None: whichever it is."""
    if sha256 is not None and sha256 != held.sheet.sha256:
        raise Moved(held.sheet.sha256)


def _require(wrong: list[Any]) -> None:
    if wrong:
        raise Invalid(wrong)


def _require_unused(held: Held, gone: frozenset[Name], but: str) -> None:
    if not gone:
        return
    uses = users_in_draft(held.sheet, gone, but)
    directory = Kind(but.partition("/")[0]) in DIRECTORY
    if directory and held.in_force is not None:
        uses += users_in_force(held.in_force.sheet, held.in_force.info.number, gone)
    _refuse(uses)


def _refuse(uses: Sequence[Any]) -> None:
    if uses:
        raise InUse(uses)


def _directory_names(sheet: Sheet) -> frozenset[Name]:
    return frozenset(name for kind in DIRECTORY for card in sheet.of_kind(kind) for name in names_given(card))


def _same_directory(before: Sheet, after: Sheet) -> bool:
    return all(before.of_kind(kind) == after.of_kind(kind) for kind in DIRECTORY)
