"""V7: menus that can be used and are listened to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from callrouter.bilingual import Bilingual
from callrouter.routing.table import Menu, MenuMode, Routing
from callrouter.routing.values import Language
from callrouter.routing.verify.report import MENU_MAX_DEPTH, MENU_MAX_S, Finding


class _Pace(NamedTuple):
    """How a language's menu is spoken: s for the greeting, for the operator's digit, for the digit that leads to
    another language, for an option beside its name, and characters of a name a second.
    """

    greeting_s: float
    operator_s: float
    switch_s: float
    option_s: float
    characters: float


_PACE: Final = {
    Language.ID: _Pace(1.85, 2.20, 1.86, 1.93, 18.1),
    Language.EN: _Pace(1.96, 2.05, 3.06, 1.47, 19.0),
}
"""Fitted to the catalogue's clips as espeak-ng speaks them, silence around them included: 20 names of categories
in each language, of 3 to 38 characters. No clip was further off than 0.2 s in Indonesian and 0.4 s in English."""


def menus(routing: Routing, spoken_s: Mapping[str, float] | None) -> Iterator[Finding]:
    """Yield what is wrong with the menus.

    spoken_s: how long (s) each menu takes in its longest language, by its key, measured; else it is estimated
    """
    if not routing.categories:
        yield _finding(
            "/routing/categories",
            Bilingual("belum ada kategori", "there are no categories"),
            Bilingual("Tambahkan kategori.", "Add categories."),
        )
    if routing.main is None:
        yield _finding(
            "/routing/main_menu",
            Bilingual("belum ada menu utama", "there is no main menu"),
            Bilingual(
                "Tambahkan sebuah menu dan sebut kuncinya di main_menu.", "Add a menu and name it in main_menu."
            ),
        )
        return
    reached = {routing.main.key}
    yield from _below(routing, routing.main, (routing.main.key,), reached)
    yield from _categories(routing, reached)
    for n, menu in enumerate(routing.menus):
        yield from _digits(routing, menu, f"/routing/menus/{n}")
        if menu.key in reached:
            yield from _length(routing, menu, f"/routing/menus/{n}", spoken_s)
        else:
            sentence = Bilingual(f"tidak ada angka yang menuju menu {menu.key}", f"no digit leads to menu {menu.key}")
            remedy = Bilingual("Beri ia sebuah pilihan, atau hapus.", "Give it an option, or remove it.")
            yield _finding(f"/routing/menus/{n}", sentence, remedy, error=False)


def _below(routing: Routing, menu: Menu, path: tuple[str, ...], reached: set[str]) -> Iterator[Finding]:
    """The options of `menu` that lead to other menus. `path`: the menus from the main one to it."""
    at = f"/routing/menus/{routing.menus.index(menu)}/options"
    for n, option in enumerate(menu.options):
        other = routing.menu_of(option.menu)
        if other is None:
            continue
        if other.key in path:
            yield _finding(
                f"{at}/{n}/menu",
                Bilingual(
                    f"angka {option.digit} dari menu {menu.key} kembali ke menu {other.key}: berputar tanpa akhir",
                    f"digit {option.digit} of menu {menu.key} leads back to menu {other.key}: it goes round for ever",
                ),
                Bilingual("Hapus pilihan itu.", "Remove the option."),
            )
        elif len(path) >= MENU_MAX_DEPTH:
            yield _finding(
                f"{at}/{n}/menu",
                Bilingual(
                    f"menu {other.key} ada di tingkat {len(path) + 1}; paling banyak {MENU_MAX_DEPTH} tingkat",
                    f"menu {other.key} is at level {len(path) + 1}; {MENU_MAX_DEPTH} levels at most",
                ),
                Bilingual("Pindahkan pilihannya ke tingkat di atasnya.", "Move its options one level up."),
            )
        elif other.key not in reached:
            reached.add(other.key)
            yield from _below(routing, other, (*path, other.key), reached)


def _categories(routing: Routing, reached: set[str]) -> Iterator[Finding]:
    offered = {option.category for menu in routing.menus if menu.key in reached for option in menu.options}
    for n, category in enumerate(routing.categories):
        if category.key not in offered:
            yield _finding(
                f"/routing/categories/{n}",
                Bilingual(
                    f"kategori {category.key} tidak dapat dipilih: tidak ada angka yang menuju ke sana",
                    f"category {category.key} cannot be chosen: no digit leads to it",
                ),
                Bilingual(
                    "Beri ia sebuah pilihan di menu, atau hapus.", "Give it an option of a menu, or remove it."
                ),
            )


def _digits(routing: Routing, menu: Menu, at: str) -> Iterator[Finding]:
    """Each digit has one meaning; the table refuses others too, where they are written."""
    meant: set[str | None] = {_switch(routing)} - {None}
    for n, option in enumerate(menu.options):
        if option.digit in meant:
            yield _finding(
                f"{at}/options/{n}/digit",
                Bilingual(
                    f"angka {option.digit} dari menu {menu.key} memiliki dua arti",
                    f"digit {option.digit} of menu {menu.key} has two meanings",
                ),
                Bilingual("Pakai angka lain.", "Use another digit."),
            )
        meant.add(option.digit)


def _switch(routing: Routing) -> str | None:
    """The digit that leads to the next language, in every menu."""
    return routing.main.switch_digit if routing.main is not None and len(routing.languages) > 1 else None


def _length(routing: Routing, menu: Menu, at: str, spoken_s: Mapping[str, float] | None) -> Iterator[Finding]:
    if routing.main is not None and routing.main.mode is MenuMode.OPERATOR_FIRST:
        return  # nobody listens to it: operators press its digits
    measured = (spoken_s or {}).get(menu.key)
    takes = measured if measured is not None else max(estimated_s(routing, menu, lang) for lang in routing.languages)
    if takes > MENU_MAX_S:
        about = Bilingual("", "") if measured is not None else Bilingual("kira-kira ", "about ")
        yield _finding(
            at,
            Bilingual(
                f"menu {menu.key} terdengar selama {about.id}{takes:.1f} detik; paling lama {MENU_MAX_S:.0f} detik",
                f"menu {menu.key} is heard for {about.en}{takes:.1f} s; {MENU_MAX_S:.0f} s at most",
            ),
            Bilingual(
                "Persingkat nama kategori, atau pindahkan sebagian ke menu di belakang sebuah pilihan.",
                "Shorten the names of categories, or move some to a menu behind an option.",
            ),
        )


def estimated_s(routing: Routing, menu: Menu, language: Language) -> float:
    """Return about how long (s) `menu` is in `language`, where it is spoken by espeak-ng."""
    pace = _PACE[language]
    names = {category.key: category.name for category in routing.categories}
    names_of_menus = {other.key: other.name for other in routing.menus}
    takes = pace.operator_s + (pace.greeting_s if menu.key == routing.main_menu else 0)
    takes += pace.switch_s if _switch(routing) is not None else 0
    for option in menu.options:
        name = names[option.category] if option.category is not None else names_of_menus[option.menu or ""]
        said = name.id if language is Language.ID else name.en
        takes += pace.option_s + len(said) / pace.characters
    return takes


def _finding(at: str, sentence: Bilingual, remedy: Bilingual, *, error: bool = True) -> Finding:
    return Finding("V7", error, at, sentence, remedy)
