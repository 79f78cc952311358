"""Which clips a routing table needs, and what is said in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from callrouter.calls.menu import menu_data
from callrouter.prompts import audio
from callrouter.prompts.catalogue import Catalogue, Phrase, load
from callrouter.routing.table import AnnounceStep, Language, RoutingTable

MENU_MAX_S = 25.0
"""A menu that takes longer is not listened to by someone whose house burns."""
OWN_MAX_S = 60.0
"""The longest recording that a route announces under a name of its own."""


class Kind(Enum):
    """How a clip is made."""

    SPEECH = "speech"
    WAIT = "wait"
    BEEP = "beep"
    RECORDED = "recorded"
    """Only ever recorded: a name that a route announces and the catalogue does not know."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip that a table needs.

    language: the folder it is in; `voice` the language it is spoken in (the menu offers a language in itself)
    source:   where the text comes from, for a message to a person
    """

    name: str
    language: Language
    voice: Language
    text: str
    max_s: float
    source: str
    kind: Kind = Kind.SPEECH

    @property
    def file(self) -> Path:
        """Path of the clip within the folder of prompts."""
        return Path(self.language.value) / f"{self.name}.wav"


def needed(table: RoutingTable, catalogue: Catalogue | None = None) -> list[Clip]:
    """Return every clip that the PBX may play for `table`, in both languages.

    Both, also where the menu has one: an agency or an operator may be told in the other.
    """
    texts = catalogue or load()
    clips = [clip for language in Language for clip in _in_language(table, texts, language)]
    known = {clip.name for clip in clips}
    own = [name for name in _announced(table) if name not in known]
    return clips + [
        Clip(name, language, language, "", OWN_MAX_S, "a route's announce step", Kind.RECORDED)
        for language in Language
        for name in own
    ]


def _in_language(table: RoutingTable, texts: Catalogue, language: Language) -> Iterator[Clip]:
    kinds = {"wait": Kind.WAIT, "tone-beep": Kind.BEEP}
    for key, phrase in texts.clips.items():
        kind = kinds.get(key, Kind.SPEECH)
        yield Clip(key, language, language, phrase.text(language), phrase.max_s, f"catalogue: {key}", kind)

    def filled(name: str, template: Phrase, source: str, *, said: str = "", digit: str = "0") -> Clip:
        text = texts.filled(template, language, name=said, digit=digit)
        return Clip(name, language, language, text, template.max_s, source)

    made = texts.templates
    for n, category in enumerate(table.routing.categories):
        said = category.name.id if language is Language.ID else category.name.en
        source = f"/routing/categories/{n}/name/{language.value}"
        yield filled(f"category-{category.key}", made.category, source, said=said)
        yield filled(f"told-{category.key}", made.told, source, said=said)
        yield filled(f"choice-{category.digit}", made.choice, source, said=said, digit=category.digit)
    for n, agency in enumerate(table.directory.agencies):
        said = agency.name.id if language is Language.ID else agency.name.en
        source = f"/directory/agencies/{n}/name/{language.value}"
        yield filled(f"agency-{agency.key}", made.agency, source, said=said)
    # A table names its centre once; the name is Indonesian, and only that voice can say it.
    name = texts.filled(made.centre, Language.ID, name=table.centre.name)
    yield Clip("centre-name", language, Language.ID, name, made.centre.max_s, "/centre/name")
    other = _switched(table, language)
    if other and table.routing.menu.switch_digit:
        text = texts.filled(made.switch, other, digit=table.routing.menu.switch_digit)
        yield Clip("menu-switch", language, other, text, made.switch.max_s, "catalogue: switch")


def _announced(table: RoutingTable) -> list[str]:
    steps = (step for route in table.routing.routes for step in route.steps)
    return sorted({step.prompt for step in steps if isinstance(step, AnnounceStep)})


def _switched(table: RoutingTable, language: Language) -> Language | None:
    """The language that the switch digit leads to from `language`; None where the menu has no other."""
    menu = menu_data(table)
    return menu.next_language(language) if menu.switch and language in menu.languages else None


def menu_clips(table: RoutingTable, language: Language) -> list[str]:
    """Return the names of the clips that are the menu in `language`, in the order they are played.

    `language` is one of the menu's.
    """
    return list(menu_data(table).clips[language])


def menu_seconds(table: RoutingTable, language: Language, out: Path) -> float:
    """Return how long the menu in `language` is, measured from the clips in `out`.

    Raises OSError for a clip that is not there, audio.NotTelephone for one that cannot be played.
    """
    return sum(audio.seconds_of(out / language.value / f"{name}.wav") for name in menu_clips(table, language))
