"""The menus of a table as the data that drives the dialplan's subroutine."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, NamedTuple

from callrouter.routing import clips
from callrouter.routing.table import Menu, MenuMode, Option, RoutingTable
from callrouter.routing.values import Language

MAX_DEPTH: Final = 2
"""Menus that a caller goes through, the main one counted. An option that would lead deeper is left out."""


class Said(NamedTuple):
    """What an option is called, in each language, and where the table says so (JSON pointer, without language)."""

    id: str
    en: str
    pointer: str


@dataclass(frozen=True, slots=True)
class MenuData:
    """The menus in plain words: what is played, and what digits mean.

    Digits stand together as they are pressed: ``3`` then ``2`` is ``32``; the main menu is behind no digit, ``""``.

    languages: the first one first; switch: the digit that goes to the next language, or ""
    menus:    key of the menu, by the digits that lead to it; clips: what is played in it, in order
    meaning:  digits to category key; areas: digits to the area that they also name
    said:     what the option of those digits is called
    asks:     False where nobody is asked: operators take every call first, and pass it on by these digits
    """

    languages: tuple[Language, ...]
    switch: str
    menus: dict[str, str]
    clips: dict[str, tuple[str, ...]]
    meaning: dict[str, str]
    areas: dict[str, str]
    said: dict[str, Said]
    asks: bool

    def next_language(self, language: Language) -> Language:
        """Return the language that the switch digit leads to."""
        return self.languages[(self.languages.index(language) + 1) % len(self.languages)]


def menu_data(table: RoutingTable) -> MenuData:
    """Return the menus of `table`. Digits are spoken in their order; 0 comes last. At most 81 have a meaning."""
    main = table.routing.main
    languages = table.routing.languages
    switch = main.switch_digit if main is not None and len(languages) > 1 and main.switch_digit else ""
    found = MenuData(languages, switch, {}, {}, {}, {}, {}, asks=main is not None and main.mode is MenuMode.MENU)
    if main is not None:
        _add(found, table, main, "")
    return found


def choice_clip(digits: str, said: Said) -> str:
    """Return the name of the clip that offers what is called `said` by the last of `digits`."""
    return clips.name(f"choice-{digits}", said.id, said.en)


def switch_clip(data: MenuData) -> str:
    """Return the name of the clip that offers the other language; its text is the catalogue's, but for the digit."""
    return clips.name("menu-switch", data.switch, *data.languages)


def _add(found: MenuData, table: RoutingTable, menu: Menu, before: str) -> None:
    """Add `menu`, which the digits `before` lead to, and what is behind it."""
    found.menus[before] = menu.key
    spoken = []
    for option in sorted(menu.options, key=lambda o: o.digit):
        digits = before + option.digit
        inner = table.routing.menu_of(option.menu)
        if inner is not None and len(digits) >= MAX_DEPTH:
            continue
        said = _said(table, menu, option)
        found.said[digits] = said
        spoken.append(choice_clip(digits, said))
        if inner is not None:
            _add(found, table, inner, digits)
        elif option.category is not None:
            found.meaning[digits] = option.category
            if option.area is not None:
                found.areas[digits] = option.area
    found.clips[before] = (*_greeting(before), *spoken, "menu-operator", *_switch(found))


def _greeting(before: str) -> tuple[str, ...]:
    return () if before else ("menu-greeting",)


def _switch(found: MenuData) -> tuple[str, ...]:
    return (switch_clip(found),) if found.switch else ()


def _said(table: RoutingTable, menu: Menu, option: Option) -> Said:
    """What `option` is called: the menu behind it, or its category; where others have that too, its area."""
    if option.menu is not None:
        n, inner = next((n, m) for n, m in enumerate(table.routing.menus) if m.key == option.menu)
        return Said(inner.name.id, inner.name.en, f"/routing/menus/{n}/name")
    n, category = next((n, c) for n, c in enumerate(table.routing.categories) if c.key == option.category)
    used = Counter(o.category for o in menu.options if o.category is not None)
    if option.area is None or used[category.key] == 1:
        return Said(category.name.id, category.name.en, f"/routing/categories/{n}/name")
    m, area = next((m, a) for m, a in enumerate(table.routing.areas) if a.code == option.area)
    if len(used) == 1:
        return Said(area.name, area.name, f"/routing/areas/{m}/name")
    return Said(f"{category.name.id} {area.name}", f"{category.name.en} {area.name}", f"/routing/areas/{m}/name")
