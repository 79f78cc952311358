"""The kinds of things that a table is made of, each with its name in the table, and its key."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from callrouter.routing.directory import Agency, Directory, Operator, Trunk
from callrouter.routing.table import Area, Category, Menu, RingGroup, Route, Routing, Shift
from callrouter.routing.times import Schedule
from callrouter.routing.values import Value


class Kind(StrEnum):
    """A collection of the table. The value is its field's name in Directory or Routing."""

    TRUNKS = "trunks"
    AGENCIES = "agencies"
    OPERATORS = "operators"
    CATEGORIES = "categories"
    MENUS = "menus"
    AREAS = "areas"
    SCHEDULES = "schedules"
    SHIFTS = "shifts"
    RING_GROUPS = "ring_groups"
    ROUTES = "routes"


DIRECTORY: Final = (Kind.TRUNKS, Kind.AGENCIES, Kind.OPERATORS)
"""Take effect at once."""
ROUTING: Final = (
    Kind.CATEGORIES,
    Kind.MENUS,
    Kind.AREAS,
    Kind.SCHEDULES,
    Kind.SHIFTS,
    Kind.RING_GROUPS,
    Kind.ROUTES,
)
"""Are a draft until published."""

MODELS: Final[dict[Kind, type[Value]]] = {
    Kind.TRUNKS: Trunk,
    Kind.AGENCIES: Agency,
    Kind.OPERATORS: Operator,
    Kind.CATEGORIES: Category,
    Kind.MENUS: Menu,
    Kind.AREAS: Area,
    Kind.SCHEDULES: Schedule,
    Kind.SHIFTS: Shift,
    Kind.RING_GROUPS: RingGroup,
    Kind.ROUTES: Route,
}


def key_of(value: Value) -> str:
    """Return what names `value` among its kind: its key, or an area's code."""
    name: str = value.code if isinstance(value, Area) else value.key  # type: ignore[attr-defined]
    return name


def entries(half: Directory | Routing, kind: Kind) -> tuple[Value, ...]:
    """Return the entries of a kind in their half of the table."""
    found: tuple[Value, ...] = getattr(half, kind.value)
    return found


def ordered(kind: Kind, values: list[Value]) -> tuple[Value, ...]:
    """Return `values` in the order of the canonical table: routes by priority, highest first; else by key."""
    if kind is Kind.ROUTES:
        return tuple(sorted(values, key=lambda v: (-v.priority, v.key)))  # type: ignore[attr-defined]
    return tuple(sorted(values, key=key_of))


def canonical(routing: Routing) -> Routing:
    """Return `routing` with every collection in the canonical order: equal decisions, equal hashes."""
    return routing.model_copy(update={kind.value: ordered(kind, list(entries(routing, kind))) for kind in ROUTING})
