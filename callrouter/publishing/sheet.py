"""Directory and draft at one moment: immutable, cheap to change, and to hash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Self

from callrouter.publishing.canonical import digest, entry_text, json_text
from callrouter.publishing.cards import Card, Name, halves
from callrouter.publishing.errors import NoSuchEntry
from callrouter.publishing.model import DraftSettings
from callrouter.routing.consistency import Reference, routing_references
from callrouter.routing.directory import Directory
from callrouter.routing.entries import DIRECTORY, ROUTING, Kind
from callrouter.routing.table import Centre, Routing, RoutingTable
from callrouter.routing.values import Value

UNNAMED: Final = DraftSettings(centre=Centre(name="112", timezone="Asia/Jakarta"))
"""The settings of a draft before anyone has given them."""
SETTINGS: Final = "settings"


class Shelf(dict[str, Card]):
    """The cards of one kind by key: not changed any more once it stands in a sheet, and shared by those after it."""

    @cached_property
    def ordered(self) -> tuple[Card, ...]:
        """All of them, in the canonical order."""
        by_key = [card for _, card in sorted(self.items())]
        if by_key and by_key[0].entry.kind is Kind.ROUTES:
            by_key.sort(key=lambda card: -card.value.priority)  # type: ignore[attr-defined]
        return tuple(by_key)

    @cached_property
    def values_ordered(self) -> tuple[Value, ...]:
        """Their values, in the canonical order."""
        return tuple(card.value for card in self.ordered)

    @cached_property
    def text(self) -> str:
        """All of them as canonical JSON."""
        return f"[{','.join(card.text for card in self.ordered)}]"


_NONE: Final = Shelf()


@dataclass(frozen=True)
class Sheet:
    """A whole table as cards, by kind and key. Never changed: an edit makes another one."""

    cards: Mapping[Kind, Shelf]
    settings: DraftSettings = UNNAMED
    settings_revision: int = 0

    @classmethod
    def of(cls, cards: Iterable[Card], settings: DraftSettings | None = None, revision: int = 0) -> Self:
        """Return the sheet of these cards."""
        sorted_in = {kind: Shelf() for kind in Kind}
        for card in cards:
            sorted_in[card.entry.kind][card.key] = card
        return cls(sorted_in, settings or UNNAMED, revision)

    def of_kind(self, kind: Kind) -> tuple[Card, ...]:
        """Return the cards of a kind, in the canonical order."""
        return self.cards.get(kind, _NONE).ordered

    def find(self, kind: Kind, key: str) -> Card | None:
        """Return a card, or None."""
        return self.cards.get(kind, _NONE).get(key)

    def card(self, kind: Kind, key: str) -> Card:
        """Return a card. Raises NoSuchEntry."""
        found = self.find(kind, key)
        if found is None:
            raise NoSuchEntry(f"{kind}/{key}")
        return found

    def having(self, card: Card) -> Sheet:
        """Return this sheet with that card added, or in place of the one of its key."""
        kind = card.entry.kind
        return replace(self, cards={**self.cards, kind: Shelf(self.cards.get(kind, _NONE) | {card.key: card})})

    def without(self, kind: Kind, key: str) -> Sheet:
        """Return this sheet without that card."""
        kept = Shelf((k, card) for k, card in self.cards.get(kind, _NONE).items() if k != key)
        return replace(self, cards={**self.cards, kind: kept})

    def set(self, settings: DraftSettings, revision: int) -> Sheet:
        """Return this sheet with those settings."""
        return replace(self, settings=settings, settings_revision=revision)

    def with_directory_of(self, other: Sheet) -> Sheet:
        """Return this sheet's routing with the other's directory."""
        return replace(
            self, cards={kind: (other if kind in DIRECTORY else self).cards.get(kind, _NONE) for kind in Kind}
        )

    @cached_property
    def _halves(self) -> tuple[Directory, Routing]:
        return halves({kind: self.cards.get(kind, _NONE).values_ordered for kind in Kind}, self.settings)

    @property
    def directory(self) -> Directory:
        """The directory, in the canonical order."""
        return self._halves[0]

    @property
    def routing(self) -> Routing:
        """The routing half, in the canonical order."""
        return self._halves[1]

    @cached_property
    def table(self) -> RoutingTable:
        """All of it. It is consistent, for each edit was looked at; it is not looked at again."""
        return RoutingTable.model_construct(
            schema_version=1, centre=self.settings.centre, directory=self.directory, routing=self.routing
        )

    @cached_property
    def directory_text(self) -> str:
        """The directory as canonical JSON."""
        return f"{{{','.join(self._listed(DIRECTORY))}}}"

    @cached_property
    def routing_text(self) -> str:
        """The routing half as canonical JSON."""
        once = self.settings
        parts = [
            *self._listed(ROUTING),
            f'"last_resort":{entry_text(once.last_resort)}',
            f'"main_menu":{json_text(once.main_menu)}',
            f'"static_numbers":{json_text([n.model_dump(mode="json") for n in once.static_numbers])}',
        ]
        return f"{{{','.join(sorted(parts))}}}"

    def _listed(self, kinds: Iterable[Kind]) -> list[str]:
        return sorted(f'"{kind.value}":{self.cards.get(kind, _NONE).text}' for kind in kinds)

    @cached_property
    def sha256(self) -> str:
        """The hash of routing and centre: two drafts that decide the same have the same."""
        centre = entry_text(self.settings.centre)
        return digest(f'{{"centre":{centre},"routing":{self.routing_text},"schema_version":1}}')

    @property
    def text(self) -> str:
        """The whole table as canonical JSON."""
        return (
            f'{{"centre":{entry_text(self.settings.centre)},"directory":{self.directory_text},'
            f'"routing":{self.routing_text},"schema_version":1}}'
        )

    def uses(self, names: frozenset[Name]) -> list[Reference]:
        """Return where the routing half uses any of these names; pointers into the whole table."""
        found: list[Reference] = []
        for kind in ROUTING:
            listed = self.of_kind(kind)
            for n in (n for n, card in enumerate(listed) if card.uses & names):
                part = halves({kind: (listed[n].value,)})[1]
                at, there = f"/routing/{kind.value}/0/", f"/routing/{kind.value}/{n}/"
                found += (r._replace(pointer=r.pointer.replace(at, there, 1)) for r in _of_entries(part))
        found += (r for r in routing_references(halves({}, self.settings)[1]))
        return [r for r in found if (r.what, r.name) in names]


def _of_entries(routing: Routing) -> list[Reference]:
    return [r for r in routing_references(routing) if r.user != SETTINGS]
