"""What must hold between the parts of a table: keys that exist, and nothing given twice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from callrouter.bilingual import Bilingual

if TYPE_CHECKING:
    from callrouter.routing.table import Directory, Route, Routing, RoutingTable


class Problem(NamedTuple):
    """One thing that is wrong: where (JSON pointer, RFC 6901), what, and what to do about it."""

    pointer: str
    sentence: Bilingual
    remedy: Bilingual


NO_CATEGORY = "unknown"
"""What a call without a category is called where a category's key would stand, as in the name of a clip."""

Placed = tuple[str, str]
"""A JSON pointer and the name that stands there."""


def problems(table: RoutingTable) -> list[Problem]:
    """Return every dangling and every doubled name of `table`; empty for a consistent one."""
    return [*_directory(table.directory), *_routing(table.routing, table.directory)]


def _directory(directory: Directory) -> Iterator[Problem]:
    trunks = [(f"/directory/trunks/{n}", t) for n, t in enumerate(directory.trunks)]
    operators = [(f"/directory/operators/{n}/key", o.key) for n, o in enumerate(directory.operators)]
    known = {t.key for _, t in trunks}
    yield from _doubled(_TRUNK, [(f"{at}/key", t.key) for at, t in trunks])
    yield from _doubled(_ADDRESS, [(f"{at}/host", t.host) for at, t in trunks])
    yield from _doubled(_AGENCY, [(f"/directory/agencies/{n}/key", a.key) for n, a in enumerate(directory.agencies)])
    yield from _doubled(_OPERATOR, operators)
    for at, key in operators:
        if key in known:
            sentence = Bilingual(
                f"{key!r} juga kunci sebuah trunk; keduanya menamai endpoint SIP",
                f"{key!r} is a trunk's key too; both name a SIP endpoint",
            )
            remedy = Bilingual("Beri salah satunya kunci lain.", "Give one another key.")
            yield Problem(at, sentence, remedy)
    for n, agency in enumerate(directory.agencies):
        contacts = [(f"/directory/agencies/{n}/contacts/{m}", c) for m, c in enumerate(agency.contacts)]
        yield from _doubled(_CONTACT, [(f"{at}/key", c.key) for at, c in contacts])
        yield from _unknown(_TRUNK, [(f"{at}/trunk", c.trunk) for at, c in contacts], known)


def _routing(routing: Routing, directory: Directory) -> Iterator[Problem]:
    trunks = {t.key for t in directory.trunks}
    operators = {o.key for o in directory.operators}
    groups = {g.key for g in routing.ring_groups}
    categories = [(f"/routing/categories/{n}", c) for n, c in enumerate(routing.categories)]
    languages = [(f"/routing/menu/languages/{n}", spoken.value) for n, spoken in enumerate(routing.menu.languages)]

    yield from _doubled(_LANGUAGE, languages)
    yield from _doubled(_CATEGORY, [(f"{at}/key", c.key) for at, c in categories])
    yield from _doubled(_MENU_DIGIT, [(f"{at}/digit", c.digit) for at, c in categories])
    for at, category in categories:
        if category.key == NO_CATEGORY:
            sentence = Bilingual(
                f"{NO_CATEGORY!r} berarti panggilan tanpa kategori",
                f"{NO_CATEGORY!r} stands for a call without a category",
            )
            yield Problem(f"{at}/key", sentence, Bilingual("Pilih kunci lain.", "Choose another key."))
        if category.digit == routing.menu.switch_digit:
            sentence = Bilingual(
                f"angka menu {category.digit!r} dipakai untuk memilih kategori sekaligus mengganti bahasa",
                f"menu digit {category.digit!r} both chooses a category and switches the language",
            )
            remedy = Bilingual(
                "Beri kategori itu atau /routing/menu/switch_digit angka lain.",
                "Give the category or /routing/menu/switch_digit another digit.",
            )
            yield Problem(f"{at}/digit", sentence, remedy)
    yield from _doubled(_GROUP, [(f"/routing/ring_groups/{n}/key", g.key) for n, g in enumerate(routing.ring_groups)])
    for n, group in enumerate(routing.ring_groups):
        members = [(f"/routing/ring_groups/{n}/members/{m}", key) for m, key in enumerate(group.members)]
        yield from _doubled(_MEMBER, members)
        yield from _unknown(_OPERATOR, members, operators)

    routes = [(f"/routing/routes/{n}", r) for n, r in enumerate(routing.routes)]
    contacts = {f"{a.key}/{c.key}" for a in directory.agencies for c in a.contacts}
    yield from _doubled(_ROUTE, [(f"{at}/key", r.key) for at, r in routes])
    yield from _doubled(_PRIORITY, [(f"{at}/priority", str(r.priority)) for at, r in routes])
    for at, route in routes:
        yield from _route(at, route, {c.key for _, c in categories}, trunks, contacts, groups)

    yield from _unknown(_GROUP, [("/routing/last_resort/group", routing.last_resort.group)], groups)
    static = [(f"/routing/static_numbers/{n}/trunk", s.trunk) for n, s in enumerate(routing.static_numbers)]
    yield from _unknown(_TRUNK, static, trunks)


def _route(
    at: str, route: Route, categories: set[str], trunks: set[str], contacts: set[str], groups: set[str]
) -> Iterator[Problem]:
    when = route.when
    yield from _unknown(_CATEGORY, [(f"{at}/when/category/{n}", c) for n, c in enumerate(when.category)], categories)
    yield from _unknown(_TRUNK, [(f"{at}/when/trunk/{n}", t) for n, t in enumerate(when.trunk)], trunks)
    for n, step in enumerate(route.steps):
        if step.kind == "dial":
            targets = [(f"{at}/steps/{n}/targets/{m}", target) for m, target in enumerate(step.targets)]
            yield from _doubled(_TARGET, targets)
            yield from _unknown(_CONTACT, targets, contacts)
        elif step.kind == "ringgroup":
            yield from _unknown(_GROUP, [(f"{at}/steps/{n}/group", step.group)], groups)


def _doubled(what: Bilingual, names: Iterable[Placed]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for at, name in names:
        if name in first:
            sentence = Bilingual(
                f"{what.id} {name!r} diberikan dua kali; yang pertama di {first[name]}",
                f"{what.en} {name!r} is given twice; first at {first[name]}",
            )
            yield Problem(at, sentence, Bilingual("Ubah atau hapus salah satunya.", "Change or remove one."))
        else:
            first[name] = at


def _unknown(what: Bilingual, names: Iterable[Placed], known: set[str]) -> Iterator[Problem]:
    for at, name in names:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            sentence = Bilingual(f"{what.id} {name!r} tidak ada", f"{what.en} {name!r} does not exist")
            remedy = (
                Bilingual(f"Maksudnya {near[0]!r}?", f"Did you mean {near[0]!r}?")
                if near
                else Bilingual(
                    f"Tambahkan {what.id} itu, atau sebut yang sudah ada.",
                    f"Add the {what.en}, or name one that exists.",
                )
            )
            yield Problem(at, sentence, remedy)


_TRUNK = Bilingual("trunk", "trunk")
_ADDRESS = Bilingual("alamat", "the address")
_AGENCY = Bilingual("instansi", "agency")
_OPERATOR = Bilingual("operator", "operator")
_CONTACT = Bilingual("kontak", "contact")
_LANGUAGE = Bilingual("bahasa", "language")
_CATEGORY = Bilingual("kategori", "category")
_MENU_DIGIT = Bilingual("angka menu", "menu digit")
_GROUP = Bilingual("kelompok dering", "ring group")
_MEMBER = Bilingual("anggota", "member")
_ROUTE = Bilingual("rute", "route")
_PRIORITY = Bilingual("prioritas rute", "route priority")
_TARGET = Bilingual("tujuan", "target")
