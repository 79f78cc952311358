"""What the desk holds in memory: directory, draft, and the version in force. Immutable; an edit makes another one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from callrouter.publishing.cards import Card, Name, cards_of
from callrouter.publishing.model import (
    Change,
    DraftInfo,
    DraftSettings,
    Put,
    PutSettings,
    Remove,
    Version,
    VersionInfo,
)
from callrouter.publishing.ports import DeskStore
from callrouter.publishing.sheet import Sheet, Shelf
from callrouter.routing.directory import Directory
from callrouter.routing.entries import DIRECTORY, Kind, entries, key_of
from callrouter.routing.table import Centre, Routing, RoutingTable
from callrouter.routing.values import Value

EMPTY: Final = Sheet({})


@dataclass(frozen=True, slots=True)
class InForce:
    """The version in force, with the directory as it was when it was published."""

    info: VersionInfo
    sheet: Sheet


@dataclass(frozen=True, slots=True)
class Held:
    """Everything, at one moment. See callrouter.publishing.model.Stored for the fields that are named as there."""

    generation: int
    sheet: Sheet
    based_on: int | None
    approved: tuple[str, str] | None
    in_force: InForce | None

    @property
    def live(self) -> Sheet:
        """What calls are routed by: the routing in force (none before the first version), the directory of now."""
        routing = EMPTY if self.in_force is None else self.in_force.sheet
        return routing.with_directory_of(self.sheet)

    @property
    def live_number(self) -> int:
        """The number of the version in force; 0 before the first."""
        return 0 if self.in_force is None else self.in_force.info.number

    def draft(self) -> DraftInfo:
        """Return the draft as the API shows it."""
        sheet = self.sheet
        return DraftInfo(
            sha256=sheet.sha256,
            settings=sheet.settings,
            settings_revision=sheet.settings_revision,
            routing=sheet.routing,
            based_on=self.based_on,
            changed=self.in_force is None or self.in_force.sheet.sha256 != sheet.sha256,
            approved_by=self.approver(),
        )

    def approver(self) -> str | None:
        """Return who approved the draft as it is; None where nobody did."""
        if self.approved is None or self.approved[0] != self.sheet.sha256:
            return None
        return self.approved[1]


async def load(store: DeskStore, before: Held | None) -> Held:
    """Return what is stored. What is the same as `before` is taken from there."""
    stored = await store.load()
    known = {} if before is None else by_name(before.sheet)
    cards = await cards_of(((e.kind, e.value, e.revision) for e in stored.entries), known)
    in_force = None if before is None else before.in_force
    if stored.in_force is None:
        in_force = None
    elif in_force is None or in_force.info != stored.in_force:
        found = await store.version(stored.in_force.number)
        if found is None:
            raise RuntimeError(f"version {stored.in_force.number} is in force, but is not stored")
        in_force = InForce(stored.in_force, await sheet_of_version(found, known))
    return Held(
        generation=stored.generation,
        sheet=Sheet.of(cards, stored.settings, stored.settings_revision),
        based_on=stored.based_on,
        approved=stored.approved,
        in_force=in_force,
    )


def by_name(sheet: Sheet) -> dict[Name, Card]:
    """Return the cards of `sheet` by (kind, key)."""
    return {(kind.value, card.key): card for kind in Kind for card in sheet.of_kind(kind)}


async def sheet_of_version(version: Version, known: Mapping[Name, Card]) -> Sheet:
    """Return a version as cards; revisions mean nothing there."""
    return await sheet_of(version.centre, version.directory, version.routing, known)


async def sheet_of_table(table: RoutingTable, before: Sheet) -> Sheet:
    """Return a whole table as the successor of `before`: what is the same keeps its revision, else it grows."""
    new = await sheet_of(table.centre, table.directory, table.routing, by_name(before))
    await asyncio.sleep(0)
    after = successor(before, new, tuple(Kind))
    await asyncio.sleep(0)
    return after


async def sheet_of(centre: Centre, directory: Directory, routing: Routing, known: Mapping[Name, Card]) -> Sheet:
    """Return a table as cards, with revision 1 but for those that are known."""

    def listed() -> Iterable[tuple[Kind, Value, int]]:
        for kind in Kind:
            for value in entries(directory if kind in DIRECTORY else routing, kind):
                old = known.get((kind.value, key_of(value)))
                yield kind, value, 1 if old is None else old.entry.revision

    settings = DraftSettings.model_construct(
        centre=centre,
        main_menu=routing.main_menu,
        last_resort=routing.last_resort,
        static_numbers=routing.static_numbers,
    )
    return Sheet.of(await cards_of(listed(), known), settings, 1)


def successor(before: Sheet, after: Sheet, kinds: Iterable[Kind]) -> Sheet:
    """Return `before` with the entries of these kinds, and the settings, of `after`.

    What is the same keeps its revision; what was changed gets the next one.
    """
    taken = dict(before.cards)
    for kind in kinds:
        cards = Shelf((card.key, _next(before.find(kind, card.key), card)) for card in after.of_kind(kind))
        if cards != taken.get(kind):
            taken[kind] = cards
    same = before.settings_revision > 0 and before.settings == after.settings
    revision = before.settings_revision + (0 if same else 1)
    return Sheet(taken, after.settings, revision)


def changes_between(before: Sheet, after: Sheet) -> list[Change]:
    """Return what makes `after` of `before`: first what goes, then what comes."""
    removed: list[Change] = []
    put: list[Change] = []
    for kind in Kind:
        there = {card.key for card in after.of_kind(kind)}
        removed += (Remove(kind, card.key) for card in before.of_kind(kind) if card.key not in there)
        put += (Put(card.entry) for card in after.of_kind(kind) if before.find(kind, card.key) is not card)
    if after.settings_revision != before.settings_revision:
        put.append(PutSettings(after.settings, after.settings_revision))
    return [*removed, *put]


def _next(old: Card | None, new: Card) -> Card:
    if old is not None and old.text == new.text:
        return old
    revision = 1 if old is None else old.entry.revision + 1
    return replace(new, entry=replace(new.entry, revision=revision))
