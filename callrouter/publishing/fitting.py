"""Whether an entry fits the rest of a table, told in pointers into that entry.

The rest is consistent already. So only what the entry can spoil is looked at: names that it uses, what it may not
share with others of its kind, and names that others use and it takes away. (The whole of a table with 1,000 routes
would take 11 ms.)
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from callrouter.bilingual import Bilingual
from callrouter.publishing.cards import Card, Name, halves
from callrouter.publishing.errors import Use
from callrouter.publishing.sheet import Sheet
from callrouter.routing.consistency import (
    AGENCY,
    AREA,
    CATEGORY,
    CONTACT,
    GROUP,
    MENU,
    OPERATOR,
    SCHEDULE,
    SHIFT,
    TRUNK,
    Problem,
    Reference,
    doubles,
    names,
    references,
    unknown,
)
from callrouter.routing.directory import Agency, Directory, Operator, Trunk
from callrouter.routing.entries import DIRECTORY, Kind, key_of
from callrouter.routing.table import Route, Routing
from callrouter.routing.values import Value

WORDS: Final = {
    Kind.TRUNKS: TRUNK,
    Kind.AGENCIES: AGENCY,
    Kind.OPERATORS: OPERATOR,
    Kind.CATEGORIES: CATEGORY,
    Kind.MENUS: MENU,
    Kind.AREAS: AREA,
    Kind.SCHEDULES: SCHEDULE,
    Kind.SHIFTS: SHIFT,
    Kind.RING_GROUPS: GROUP,
    Kind.ROUTES: "route",
}
"""What a name of that kind is called among the names of a table."""

_PLACE: Final = re.compile(rf"/(?:directory|routing)/({'|'.join(Kind)})/([0-9]+)")
_SETTINGS: Final = "/routing"


def names_given(card: Card | None) -> frozenset[Name]:
    """Return the names that exist by this entry: its own, and those of an agency's contacts."""
    if card is None:
        return frozenset()
    own = {(WORDS[card.entry.kind], card.key)}
    if isinstance(card.value, Agency):
        own |= {(CONTACT, f"{card.key}/{contact.key}") for contact in card.value.contacts}
    return frozenset(own)


def problems_of(sheet: Sheet, card: Card) -> list[Problem]:
    """Return what is wrong with `card`, which stands in `sheet` already; pointers lie within the entry."""
    kind, value = card.entry.kind, card.value
    shown = {k: (*others, value) if k is kind else others for k, others in _around(sheet, card).items()}
    directory, routing = halves(shown)
    if kind is Kind.MENUS:
        routing = routing.model_copy(update={"main_menu": sheet.settings.main_menu})
    own = f"/{'directory' if kind in DIRECTORY else 'routing'}/{kind.value}/{len(shown[kind]) - 1}"
    wrong = [*doubles(directory, routing), *_dangling(sheet, directory, routing, f"{kind.value}/{card.key}")]
    return [_told(problem, own, shown) for problem in wrong]


def problems_of_settings(sheet: Sheet) -> list[Problem]:
    """Return what is wrong with the settings of `sheet`; pointers lie within the settings."""
    shown = {Kind.MENUS: tuple(card.value for card in sheet.of_kind(Kind.MENUS))}
    routing = halves(shown, sheet.settings)[1]
    wrong = [*doubles(Directory(), routing), *_dangling(sheet, Directory(), routing, "settings")]
    return [_told(problem, _SETTINGS, shown) for problem in wrong]


def too_many(sheet: Sheet, kind: Kind) -> list[Problem]:
    """Return a problem where `sheet` has more entries of a kind than a table may have."""
    most = _most(kind)
    if len(sheet.of_kind(kind)) <= most:
        return []
    sentence = Bilingual(f"sudah ada {most} {kind}", f"there are {most} {kind} already")
    return [Problem("", sentence, Bilingual("Hapus salah satunya dulu.", "Delete one first."))]


def outside(trunks: Iterable[tuple[str, Trunk]], networks: Sequence[str]) -> Iterator[Problem]:
    """Yield a problem for each of these trunks, each with its pointer, whose host lies in none of the networks."""
    allowed = [ipaddress.ip_network(network) for network in networks]
    for pointer, trunk in trunks:
        host = ipaddress.ip_address(trunk.host)
        if any(host in network for network in allowed):
            continue
        listed = ", ".join(networks)
        yield Problem(
            f"{pointer}/host",
            Bilingual(
                f"host {trunk.host} di luar jaringan yang diizinkan untuk trunk ({listed})",
                f"the host {trunk.host} is outside the networks that trunks may have ({listed})",
            ),
            Bilingual(
                "Berikan alamat di dalamnya, atau perluas CALLROUTER_TRUNK_NETWORKS dan mulai ulang layanan.",
                "Give an address within them, or widen CALLROUTER_TRUNK_NETWORKS and start the service anew.",
            ),
        )


def users_in_draft(sheet: Sheet, gone: frozenset[Name], but: str) -> list[Use]:
    """Return who in directory and draft uses a name that is `gone`, leaving out the entry `but` ("agencies/pmi")."""
    found = [Use("draft", r.user, r.pointer) for r in sheet.uses(gone)]
    found += (Use("directory", r.user, r.pointer) for r in _agencies_using(sheet, gone))
    return [use for use in found if use.user != but]


def users_in_force(sheet: Sheet, number: int, gone: frozenset[Name]) -> list[Use]:
    """Return who in the version in force uses a name that is `gone`."""
    return [Use(f"version {number}", r.user, r.pointer) for r in sheet.uses(gone)]


def _agencies_using(sheet: Sheet, gone: frozenset[Name]) -> Iterator[Reference]:
    if any(card.uses & gone for card in sheet.of_kind(Kind.AGENCIES)):
        yield from (r for r in references(sheet.directory, Routing()) if (r.what, r.name) in gone)


def _around(sheet: Sheet, card: Card) -> dict[Kind, tuple[Value, ...]]:
    """The others that `card` may clash with."""
    kind, value = card.entry.kind, card.value
    others = (other.value for other in sheet.of_kind(kind) if other.key != card.key)
    match value:
        case Route():
            return {kind: tuple(r for r in others if isinstance(r, Route) and r.priority == value.priority)}
        case Trunk():
            named_so = sheet.find(Kind.OPERATORS, value.key)
            same_host = tuple(t for t in others if isinstance(t, Trunk) and t.host == value.host)
            return {kind: same_host, Kind.OPERATORS: () if named_so is None else (named_so.value,)}
        case Operator():
            named_so = sheet.find(Kind.TRUNKS, value.key)
            return {kind: (), Kind.TRUNKS: () if named_so is None else (named_so.value,)}
        case _:
            return {kind: tuple(others) if kind is Kind.MENUS else ()}


def _dangling(sheet: Sheet, directory: Directory, routing: Routing, user: str) -> Iterator[Problem]:
    used = [r for r in references(directory, routing) if r.user == user]
    return unknown(used, names(sheet.directory, sheet.routing))


def _told(problem: Problem, own: str, shown: dict[Kind, tuple[Value, ...]]) -> Problem:
    def named(place: re.Match[str]) -> str:
        if place[0] == own:
            return ""
        kind = Kind(place[1])
        return f"{kind.value}/{key_of(shown[kind][int(place[2])])}"

    def said(text: Bilingual, before: str = "") -> Bilingual:
        return Bilingual(before + _PLACE.sub(named, text.id), before + _PLACE.sub(named, text.en))

    inside = own != _SETTINGS or not _PLACE.match(problem.pointer)
    if inside and problem.pointer.startswith(f"{own}/"):
        return Problem(problem.pointer.removeprefix(own), said(problem.sentence), problem.remedy)
    return Problem("", said(problem.sentence, f"{_PLACE.sub(named, problem.pointer)}: "), problem.remedy)


def _most(kind: Kind) -> int:
    half = Directory if kind in DIRECTORY else Routing
    (most,) = (m.max_length for m in half.model_fields[kind.value].metadata if hasattr(m, "max_length"))
    return int(most)
