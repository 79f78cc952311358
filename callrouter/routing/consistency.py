"""What must hold between the parts of a table: keys that exist, and nothing given twice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from callrouter.bilingual import Bilingual

if TYPE_CHECKING:
    from callrouter.routing.directory import Directory
    from callrouter.routing.table import Menu, Route, Routing, RoutingTable


class Problem(NamedTuple):
    """One thing that is wrong: where (JSON pointer, RFC 6901), what, and what to do about it."""

    pointer: str
    sentence: Bilingual
    remedy: Bilingual


class Reference(NamedTuple):
    """A name that stands somewhere in the table: where, what it is a name of, the name, and who names it.

    what: one of the words below; user: ``routes/fire``, ``menus/main`` or ``settings``
    """

    pointer: str
    what: str
    name: str
    user: str


TRUNK, AGENCY, CONTACT, OPERATOR = "trunk", "agency", "contact", "operator"
CATEGORY, MENU, AREA, SCHEDULE, SHIFT, GROUP = "category", "menu", "area", "schedule", "shift", "ring group"

OURS: Final = "callrouter"
"""Begins the names of what is the PBX's own; no operator's key and no ring group's does."""
OF_TRUNKS: Final = "trunk-"
"""Begins the names of trunks in the PBX; no operator's key does."""
GENERAL: Final = "general"
"""What the first section of each of the PBX's files is called; no ring group is."""
NO_CATEGORY: Final = "unknown"
"""What a call without a category is called where a category's key would stand, as in the name of a clip."""


def problems(table: RoutingTable) -> list[Problem]:
    """Return every dangling and every doubled name of `table`; empty for a consistent one."""
    directory, routing = table.directory, table.routing
    return [
        *doubles(directory, routing),
        *unknown(references(directory, routing), names(directory, routing)),
    ]


def names(directory: Directory, routing: Routing) -> dict[str, set[str]]:
    """Return the names that exist, of each thing that can be named."""
    return {
        TRUNK: {t.key for t in directory.trunks},
        AGENCY: {a.key for a in directory.agencies},
        CONTACT: {f"{a.key}/{c.key}" for a in directory.agencies for c in a.contacts},
        OPERATOR: {o.key for o in directory.operators},
        CATEGORY: {c.key for c in routing.categories},
        MENU: {m.key for m in routing.menus},
        AREA: {a.code for a in routing.areas} | {"unknown"},
        SCHEDULE: {s.key for s in routing.schedules},
        SHIFT: {s.key for s in routing.shifts},
        GROUP: {g.key for g in routing.ring_groups},
    }


def references(directory: Directory, routing: Routing) -> Iterator[Reference]:
    """Yield every name by which one part of the table speaks of another."""
    for n, agency in enumerate(directory.agencies):
        for m, contact in enumerate(agency.contacts):
            at = f"/directory/agencies/{n}/contacts/{m}/trunk"
            yield Reference(at, TRUNK, contact.trunk, f"agencies/{agency.key}")
        for m, point in enumerate(agency.notices):
            if point.channel == "phone":
                at = f"/directory/agencies/{n}/notices/{m}/trunk"
                yield Reference(at, TRUNK, point.trunk, f"agencies/{agency.key}")
    yield from routing_references(routing)


def routing_references(routing: Routing) -> Iterator[Reference]:
    """Yield the names that stand in the routing half."""
    for n, menu in enumerate(routing.menus):
        yield from _of_menu(f"/routing/menus/{n}", menu)
    for n, shift in enumerate(routing.shifts):
        at, user = f"/routing/shifts/{n}", f"shifts/{shift.key}"
        yield Reference(f"{at}/schedule", SCHEDULE, shift.schedule, user)
        yield from _each(f"{at}/operators", OPERATOR, shift.operators, user)
    for n, group in enumerate(routing.ring_groups):
        at, user = f"/routing/ring_groups/{n}", f"ring_groups/{group.key}"
        yield from _each(f"{at}/members", OPERATOR, group.members, user)
        yield from _each(f"{at}/shifts", SHIFT, group.shifts, user)
    for n, route in enumerate(routing.routes):
        yield from _of_route(f"/routing/routes/{n}", route)
    yield from _of_settings(routing)


def _of_menu(at: str, menu: Menu) -> Iterator[Reference]:
    for n, option in enumerate(menu.options):
        for what, name in ((CATEGORY, option.category), (MENU, option.menu), (AREA, option.area)):
            if name is not None:
                yield Reference(f"{at}/options/{n}/{what}", what, name, f"menus/{menu.key}")


def _of_settings(routing: Routing) -> Iterator[Reference]:
    if routing.main_menu is not None:
        yield Reference("/routing/main_menu", MENU, routing.main_menu, "settings")
    if routing.last_resort.group is not None:
        yield Reference("/routing/last_resort/group", GROUP, routing.last_resort.group, "settings")
    for n, static in enumerate(routing.static_numbers):
        yield Reference(f"/routing/static_numbers/{n}/trunk", TRUNK, static.trunk, "settings")


def _of_route(at: str, route: Route) -> Iterator[Reference]:
    when, user = route.when, f"routes/{route.key}"
    for what, field, named in (
        (CATEGORY, "category", when.category),
        (AREA, "area", when.area),
        (SCHEDULE, "schedule", when.schedule),
        (TRUNK, "trunk", when.trunk),
    ):
        yield from _each(f"{at}/when/{field}", what, named, user)
    for n, condition in enumerate(when.state):
        if condition.agency is not None:
            yield Reference(f"{at}/when/state/{n}/agency", AGENCY, condition.agency, user)
        if condition.group is not None:
            yield Reference(f"{at}/when/state/{n}/group", GROUP, condition.group, user)
    for n, step in enumerate(route.steps):
        if step.kind == "dial":
            yield from _each(f"{at}/steps/{n}/targets", CONTACT, step.targets, user)
        elif step.kind == "ringgroup":
            yield Reference(f"{at}/steps/{n}/group", GROUP, step.group, user)


def _each(at: str, what: str, named: Iterable[str], user: str) -> Iterator[Reference]:
    return (Reference(f"{at}/{n}", what, name, user) for n, name in enumerate(named))


def doubles(directory: Directory, routing: Routing) -> Iterator[Problem]:
    """Yield what is given twice where it may be given once."""
    yield from _directory(directory)
    yield from _taken(directory, routing)
    yield from _doubles(routing)
    yield from _menus(routing)


def _directory(directory: Directory) -> Iterator[Problem]:
    trunks = [(f"/directory/trunks/{n}", t) for n, t in enumerate(directory.trunks)]
    operators = [(f"/directory/operators/{n}/key", o.key) for n, o in enumerate(directory.operators)]
    known = {t.key for _, t in trunks}
    yield from _doubled(_SAID[TRUNK], [(f"{at}/key", t.key) for at, t in trunks])
    yield from _doubled(_ADDRESS, [(f"{at}/host", t.host) for at, t in trunks])
    yield from _doubled(
        _SAID[AGENCY], [(f"/directory/agencies/{n}/key", a.key) for n, a in enumerate(directory.agencies)]
    )
    yield from _doubled(_SAID[OPERATOR], operators)
    for at, key in operators:
        if key in known:
            sentence = Bilingual(
                f"{key!r} juga kunci sebuah trunk; keduanya menamai endpoint SIP",
                f"{key!r} is a trunk's key too; both name a SIP endpoint",
            )
            remedy = Bilingual("Beri salah satunya kunci lain.", "Give one another key.")
            yield Problem(at, sentence, remedy)
    for n, agency in enumerate(directory.agencies):
        contacts = [(f"/directory/agencies/{n}/contacts/{m}/key", c.key) for m, c in enumerate(agency.contacts)]
        yield from _doubled(_SAID[CONTACT], contacts)
        points = [(f"/directory/agencies/{n}/notices/{m}/key", c.key) for m, c in enumerate(agency.notices)]
        yield from _doubled(_SAID[CONTACT], points)


def _taken(directory: Directory, routing: Routing) -> Iterator[Problem]:
    """Keys that name something else in the PBX already."""
    keys = [
        (f"/directory/operators/{n}/key", o.key)
        for n, o in enumerate(directory.operators)
        if o.key.startswith((OF_TRUNKS, OURS))
    ]
    keys += [
        (f"/routing/ring_groups/{n}/key", g.key)
        for n, g in enumerate(routing.ring_groups)
        if g.key == GENERAL or g.key.startswith(OURS)
    ]
    for at, key in keys:
        sentence = Bilingual(
            f"{key!r} sudah menamai bagian konfigurasi PBX",
            f"{key!r} names a part of the PBX's configuration already",
        )
        remedy = Bilingual(
            f"Beri kunci lain: operator tidak boleh berawalan {OF_TRUNKS!r} atau {OURS!r}, dan kelompok dering tidak "
            f"boleh bernama {GENERAL!r} atau berawalan {OURS!r}.",
            f"Give another key: no operator's begins with {OF_TRUNKS!r} or {OURS!r}, and no ring group is called "
            f"{GENERAL!r} or begins with {OURS!r}.",
        )
        yield Problem(at, sentence, remedy)


def _doubles(routing: Routing) -> Iterator[Problem]:
    for field, what, keys in (
        ("categories", CATEGORY, [c.key for c in routing.categories]),
        ("menus", MENU, [m.key for m in routing.menus]),
        ("schedules", SCHEDULE, [s.key for s in routing.schedules]),
        ("shifts", SHIFT, [s.key for s in routing.shifts]),
        ("ring_groups", GROUP, [g.key for g in routing.ring_groups]),
        ("routes", "route", [r.key for r in routing.routes]),
    ):
        yield from _doubled(_SAID[what], [(f"/routing/{field}/{n}/key", key) for n, key in enumerate(keys)])
    yield from _doubled(_SAID[AREA], [(f"/routing/areas/{n}/code", a.code) for n, a in enumerate(routing.areas)])
    priorities = [(f"/routing/routes/{n}/priority", str(r.priority)) for n, r in enumerate(routing.routes)]
    yield from _doubled(_PRIORITY, priorities)
    for n, shift in enumerate(routing.shifts):
        yield from _doubled(_SAID[OPERATOR], _placed(f"/routing/shifts/{n}/operators", shift.operators))
    for n, group in enumerate(routing.ring_groups):
        yield from _doubled(_MEMBER, _placed(f"/routing/ring_groups/{n}/members", group.members))
        yield from _doubled(_SAID[SHIFT], _placed(f"/routing/ring_groups/{n}/shifts", group.shifts))
    for n, route in enumerate(routing.routes):
        for m, step in enumerate(route.steps):
            if step.kind == "dial":
                yield from _doubled(_TARGET, _placed(f"/routing/routes/{n}/steps/{m}/targets", step.targets))
    for n, category in enumerate(routing.categories):
        if category.key == NO_CATEGORY:
            sentence = Bilingual(
                f"{NO_CATEGORY!r} berarti panggilan tanpa kategori",
                f"{NO_CATEGORY!r} stands for a call without a category",
            )
            remedy = Bilingual("Pilih kunci lain.", "Choose another key.")
            yield Problem(f"/routing/categories/{n}/key", sentence, remedy)


def _menus(routing: Routing) -> Iterator[Problem]:
    main = routing.main
    switch = main.switch_digit if main is not None and len(main.languages) > 1 else None
    for n, menu in enumerate(routing.menus):
        at = f"/routing/menus/{n}"
        yield from _doubled(_LANGUAGE, _placed(f"{at}/languages", [spoken.value for spoken in menu.languages]))
        digits = [(f"{at}/options/{m}/digit", o.digit) for m, o in enumerate(menu.options)]
        yield from _doubled(_MENU_DIGIT, digits)
        yield from _switch_taken(menu, at, switch)


def _switch_taken(menu: Menu, at: str, switch: str | None) -> Iterator[Problem]:
    for m, option in enumerate(menu.options):
        if option.digit == switch:
            sentence = Bilingual(
                f"angka menu {switch!r} dipakai untuk sebuah pilihan sekaligus mengganti bahasa",
                f"menu digit {switch!r} both chooses something and switches the language",
            )
            remedy = Bilingual(
                "Beri pilihan itu atau switch_digit menu utama angka lain.",
                "Give the option or the main menu's switch_digit another digit.",
            )
            yield Problem(f"{at}/options/{m}/digit", sentence, remedy)


def _placed(at: str, named: Iterable[str]) -> list[tuple[str, str]]:
    return [(f"{at}/{n}", name) for n, name in enumerate(named)]


def _doubled(what: Bilingual, named: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for at, name in named:
        if name in first:
            sentence = Bilingual(
                f"{what.id} {name!r} diberikan dua kali; yang pertama di {first[name]}",
                f"{what.en} {name!r} is given twice; first at {first[name]}",
            )
            yield Problem(at, sentence, Bilingual("Ubah atau hapus salah satunya.", "Change or remove one."))
        else:
            first[name] = at


def unknown(used: Iterable[Reference], known: dict[str, set[str]]) -> Iterator[Problem]:
    """Yield each of the names that are used which is not among those known."""
    for reference in used:
        if reference.name in known[reference.what]:
            continue
        what, name = _SAID[reference.what], reference.name
        near = difflib.get_close_matches(name, sorted(known[reference.what]), n=1)
        sentence = Bilingual(f"{what.id} {name!r} tidak ada", f"{what.en} {name!r} does not exist")
        remedy = (
            Bilingual(f"Maksudnya {near[0]!r}?", f"Did you mean {near[0]!r}?")
            if near
            else Bilingual(
                f"Tambahkan {what.id} itu, atau sebut yang sudah ada.",
                f"Add the {what.en}, or name one that exists.",
            )
        )
        yield Problem(reference.pointer, sentence, remedy)


_SAID: Final = {
    TRUNK: Bilingual("trunk", "trunk"),
    AGENCY: Bilingual("instansi", "agency"),
    CONTACT: Bilingual("kontak", "contact"),
    OPERATOR: Bilingual("operator", "operator"),
    CATEGORY: Bilingual("kategori", "category"),
    MENU: Bilingual("menu", "menu"),
    AREA: Bilingual("wilayah", "area"),
    SCHEDULE: Bilingual("jadwal", "schedule"),
    SHIFT: Bilingual("regu", "shift"),
    GROUP: Bilingual("kelompok dering", "ring group"),
    "route": Bilingual("rute", "route"),
}
_ADDRESS = Bilingual("alamat", "the address")
_LANGUAGE = Bilingual("bahasa", "language")
_MENU_DIGIT = Bilingual("angka menu", "menu digit")
_MEMBER = Bilingual("anggota", "member")
_PRIORITY = Bilingual("prioritas rute", "route priority")
_TARGET = Bilingual("tujuan", "target")
