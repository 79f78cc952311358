"""What must hold between the parts of a table: keys that exist, and nothing given twice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from callrouter.routing.table import Directory, Route, Routing, RoutingTable


class Problem(NamedTuple):
    """One thing that is wrong: where (JSON pointer, RFC 6901), what, and what to do about it."""

    pointer: str
    sentence: str
    remedy: str


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
    yield from _doubled("trunk", [(f"{at}/key", t.key) for at, t in trunks])
    yield from _doubled("the address", [(f"{at}/host", t.host) for at, t in trunks])
    yield from _doubled("agency", [(f"/directory/agencies/{n}/key", a.key) for n, a in enumerate(directory.agencies)])
    yield from _doubled("operator", operators)
    for at, key in operators:
        if key in known:
            yield Problem(at, f"{key!r} is a trunk's key too; both name a SIP endpoint", "Give one another key.")
    for n, agency in enumerate(directory.agencies):
        contacts = [(f"/directory/agencies/{n}/contacts/{m}", c) for m, c in enumerate(agency.contacts)]
        yield from _doubled("contact", [(f"{at}/key", c.key) for at, c in contacts])
        yield from _unknown("trunk", [(f"{at}/trunk", c.trunk) for at, c in contacts], known)


def _routing(routing: Routing, directory: Directory) -> Iterator[Problem]:
    trunks = {t.key for t in directory.trunks}
    operators = {o.key for o in directory.operators}
    groups = {g.key for g in routing.ring_groups}
    categories = [(f"/routing/categories/{n}", c) for n, c in enumerate(routing.categories)]
    languages = [(f"/routing/menu/languages/{n}", spoken.value) for n, spoken in enumerate(routing.menu.languages)]

    yield from _doubled("language", languages)
    yield from _doubled("category", [(f"{at}/key", c.key) for at, c in categories])
    yield from _doubled("menu digit", [(f"{at}/digit", c.digit) for at, c in categories])
    for at, category in categories:
        if category.key == NO_CATEGORY:
            yield Problem(f"{at}/key", f"{NO_CATEGORY!r} stands for a call without a category", "Choose another key.")
        if category.digit == routing.menu.switch_digit:
            sentence = f"menu digit {category.digit!r} both chooses a category and switches the language"
            yield Problem(f"{at}/digit", sentence, "Give the category or /routing/menu/switch_digit another digit.")
    yield from _doubled(
        "ring group", [(f"/routing/ring_groups/{n}/key", g.key) for n, g in enumerate(routing.ring_groups)]
    )
    for n, group in enumerate(routing.ring_groups):
        members = [(f"/routing/ring_groups/{n}/members/{m}", key) for m, key in enumerate(group.members)]
        yield from _doubled("member", members)
        yield from _unknown("operator", members, operators)

    routes = [(f"/routing/routes/{n}", r) for n, r in enumerate(routing.routes)]
    contacts = {f"{a.key}/{c.key}" for a in directory.agencies for c in a.contacts}
    yield from _doubled("route", [(f"{at}/key", r.key) for at, r in routes])
    yield from _doubled("route priority", [(f"{at}/priority", str(r.priority)) for at, r in routes])
    for at, route in routes:
        yield from _route(at, route, {c.key for _, c in categories}, trunks, contacts, groups)

    yield from _unknown("ring group", [("/routing/last_resort/group", routing.last_resort.group)], groups)
    static = [(f"/routing/static_numbers/{n}/trunk", s.trunk) for n, s in enumerate(routing.static_numbers)]
    yield from _unknown("trunk", static, trunks)


def _route(
    at: str, route: Route, categories: set[str], trunks: set[str], contacts: set[str], groups: set[str]
) -> Iterator[Problem]:
    when = route.when
    yield from _unknown("category", [(f"{at}/when/category/{n}", c) for n, c in enumerate(when.category)], categories)
    yield from _unknown("trunk", [(f"{at}/when/trunk/{n}", t) for n, t in enumerate(when.trunk)], trunks)
    for n, step in enumerate(route.steps):
        if step.kind == "dial":
            targets = [(f"{at}/steps/{n}/targets/{m}", target) for m, target in enumerate(step.targets)]
            yield from _doubled("target", targets)
            yield from _unknown("contact", targets, contacts)
        elif step.kind == "ringgroup":
            yield from _unknown("ring group", [(f"{at}/steps/{n}/group", step.group)], groups)


def _doubled(what: str, names: Iterable[Placed]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for at, name in names:
        if name in first:
            yield Problem(at, f"{what} {name!r} is given twice; first at {first[name]}", "Change or remove one.")
        else:
            first[name] = at


def _unknown(what: str, names: Iterable[Placed], known: set[str]) -> Iterator[Problem]:
    for at, name in names:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else f"Add the {what}, or name one that exists."
            yield Problem(at, f"{what} {name!r} does not exist", remedy)
