"""The menu of a table as the data that drives the dialplan's subroutine."""

from __future__ import annotations

from dataclasses import dataclass

from callrouter.routing.table import Language, RoutingTable


@dataclass(frozen=True, slots=True)
class MenuData:
    """The menu in plain words: what is played, and what each digit means.

    clips:    names of clips in order, for each language
    meaning:  digit to category key
    switch:   the digit that goes to the next language, or ""
    """

    languages: tuple[Language, ...]
    clips: dict[Language, tuple[str, ...]]
    meaning: dict[str, str]
    switch: str

    def next_language(self, language: Language) -> Language:
        """Return the language that the switch digit leads to."""
        return self.languages[(self.languages.index(language) + 1) % len(self.languages)]


def menu_data(table: RoutingTable) -> MenuData:
    """Return the menu of `table`. Digits are spoken in their order; 0 comes last."""
    routing = table.routing
    several = len(routing.menu.languages) > 1
    choices = sorted(routing.categories, key=lambda c: c.digit)
    switch = routing.menu.switch_digit if several and routing.menu.switch_digit else ""
    clips = (
        "menu-greeting",
        *(f"choice-{c.digit}" for c in choices),
        "menu-operator",
        *(("menu-switch",) if switch else ()),
    )
    return MenuData(
        languages=routing.menu.languages,
        clips=dict.fromkeys(routing.menu.languages, clips),
        meaning={c.digit: c.key for c in choices},
        switch=switch,
    )
