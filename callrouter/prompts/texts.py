"""Which clips a routing table needs, and what is said in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from callrouter.calls.menu import choice_clip, menu_data, switch_clip
from callrouter.prompts import audio
from callrouter.prompts.catalogue import Catalogue, Phrase, load
from callrouter.routing import clips as clip_names
from callrouter.routing.table import AnnounceStep, RoutingTable
from callrouter.routing.values import Language

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

    name:     that of its file; plain: that by which a recording replaces it, whatever the table's text says then
    language: the folder it is in; `voice` the language it is spoken in (the menu offers a language in itself)
    source:   where the text comes from, for a message to a person
    """

    name: str
    plain: str
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
    known = {clip.plain for clip in clips}
    own = [name for name in _announced(table) if name not in known]
    return clips + [
        Clip(name, name, language, language, "", OWN_MAX_S, "a route's announce step", Kind.RECORDED)
        for language in Language
        for name in own
    ]


def _in_language(table: RoutingTable, texts: Catalogue, language: Language) -> Iterator[Clip]:
    kinds = {"wait": Kind.WAIT, "tone-beep": Kind.BEEP}
    for key, phrase in texts.clips.items():
        kind = kinds.get(key, Kind.SPEECH)
        yield Clip(key, key, language, language, phrase.text(language), phrase.max_s, f"catalogue: {key}", kind)
    yield from _named(table, texts, language)
    yield from _of_menus(table, texts, language)


def _named(table: RoutingTable, texts: Catalogue, language: Language) -> Iterator[Clip]:
    """The clips of categories, agencies and the centre."""
    made, names = texts.templates, clip_names.of_table(table)

    def filled(plain: str, template: Phrase, source: str, *, said: str) -> Clip:
        text = texts.filled(template, language, name=said)
        return Clip(names[plain], plain, language, language, text, template.max_s, source)

    for n, category in enumerate(table.routing.categories):
        said = category.name.id if language is Language.ID else category.name.en
        source = f"/routing/categories/{n}/name/{language.value}"
        yield filled(f"category-{category.key}", made.category, source, said=said)
        yield filled(f"told-{category.key}", made.told, source, said=said)
    for n, agency in enumerate(table.directory.agencies):
        said = agency.name.id if language is Language.ID else agency.name.en
        source = f"/directory/agencies/{n}/name/{language.value}"
        yield filled(f"agency-{agency.key}", made.agency, source, said=said)
    # A table names its centre once; the name is Indonesian, and only that voice can say it.
    name = texts.filled(made.centre, Language.ID, name=table.centre.name)
    plain = "centre-name"
    yield Clip(names[plain], plain, language, Language.ID, name, made.centre.max_s, "/centre/name")


def _of_menus(table: RoutingTable, texts: Catalogue, language: Language) -> Iterator[Clip]:
    """The clips of what can be chosen, and of the other language."""
    made, menu = texts.templates, menu_data(table)
    for digits, option in menu.said.items():
        said = option.id if language is Language.ID else option.en
        text = texts.filled(made.choice, language, name=said, digit=digits[-1])
        source = f"{option.pointer}/{language.value}"
        yield Clip(
            choice_clip(digits, option), f"choice-{digits}", language, language, text, made.choice.max_s, source
        )
    if menu.switch and language in menu.languages:
        other = menu.next_language(language)
        text = texts.filled(made.switch, other, digit=menu.switch)
        yield Clip(switch_clip(menu), "menu-switch", language, other, text, made.switch.max_s, "catalogue: switch")


def _announced(table: RoutingTable) -> list[str]:
    steps = (step for route in table.routing.routes for step in route.steps)
    return sorted({step.prompt for step in steps if isinstance(step, AnnounceStep)})


def menu_seconds(table: RoutingTable, out: Path) -> dict[str, float]:
    """Return how long each menu that can be reached is in its slowest language, by key, from the clips in `out`.

    Raises OSError for a clip that is not there, audio.NotTelephone for one that cannot be played.
    """
    data = menu_data(table)
    found: dict[str, float] = {}
    for before, names in data.clips.items():
        key = data.menus[before]
        for language in data.languages:
            takes = sum(audio.seconds_of(out / language.value / f"{name}.wav") for name in names)
            found[key] = max(takes, found.get(key, 0.0))
    return found
