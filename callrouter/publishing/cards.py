"""Entries as the desk keeps them: with their canonical text and the names they use, so that an edit costs little."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from callrouter.publishing.canonical import entry_text
from callrouter.publishing.model import DraftSettings, Entry
from callrouter.routing.consistency import Reference, references
from callrouter.routing.directory import Directory
from callrouter.routing.entries import DIRECTORY, Kind, key_of
from callrouter.routing.table import Routing
from callrouter.routing.values import Value

_CHUNK: Final = 50
"""Entries between two looks at the loop: some 2 ms of work."""

Name = tuple[str, str]
"""What it is a name of (a word of callrouter.routing.consistency), and the name."""


@dataclass(frozen=True, slots=True)
class Card:
    """An entry of the table. `text`: its canonical JSON; `uses`: the names that stand in it."""

    entry: Entry
    text: str
    uses: frozenset[Name]

    @property
    def value(self) -> Value:
        """The entry's value."""
        return self.entry.value

    @property
    def key(self) -> str:
        """What names it among its kind."""
        return key_of(self.entry.value)


def card_of(kind: Kind, value: Value, revision: int = 1) -> Card:
    """Return the card of a value."""
    used = frozenset((r.what, r.name) for r in references_in(kind, (value,)))
    return Card(Entry(kind, value, revision), entry_text(value), used)


async def cards_of(values: Iterable[tuple[Kind, Value, int]], known: Mapping[Name, Card]) -> list[Card]:
    """Return the cards of many values, a few at a time, so that calls go on meanwhile.

    known: cards by (kind, key); one whose value and revision are the same is taken as it is
    """
    made: list[Card] = []
    for n, (kind, value, revision) in enumerate(values):
        if n % _CHUNK == _CHUNK - 1:
            await asyncio.sleep(0)
        old = known.get((kind.value, key_of(value)))
        same = old is not None and old.entry.revision == revision and old.value == value
        made.append(old if same and old is not None else card_of(kind, value, revision))
    return made


def references_in(kind: Kind, values: tuple[Value, ...]) -> list[Reference]:
    """Return the names that stand in these values of one kind; pointers count within `values`."""
    directory, routing = halves({kind: values})
    return list(references(directory, routing))


def halves(
    kinds: Mapping[Kind, tuple[Value, ...]], settings: DraftSettings | None = None
) -> tuple[Directory, Routing]:
    """Return directory and routing of these values, which are taken as they are: valid each, not looked at again."""
    listed: dict[str, Any] = {kind.value: kinds.get(kind, ()) for kind in Kind}
    names = {kind.value for kind in DIRECTORY}
    directory = Directory.model_construct(**{name: v for name, v in listed.items() if name in names})
    routing = Routing.model_construct(**{name: v for name, v in listed.items() if name not in names})
    if settings is not None:
        once = {
            "main_menu": settings.main_menu,
            "last_resort": settings.last_resort,
            "static_numbers": settings.static_numbers,
        }
        routing = routing.model_copy(update=once)
    return directory, routing
