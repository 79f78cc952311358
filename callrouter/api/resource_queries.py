"""Lists of entries: what can be asked of them, and what of it an entry fits."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from callrouter.api import cursor
from callrouter.api.desk_models import MAX_PAGE
from callrouter.api.models import Parameters
from callrouter.api.parameters import WHOLE, Flag, Place
from callrouter.routing.conditions import within
from callrouter.routing.directory import Agency, Operator, Trunk, TrunkKind
from callrouter.routing.entries import key_of
from callrouter.routing.table import Area, Category, Menu, RingGroup, Route, Shift
from callrouter.routing.times import Schedule
from callrouter.routing.values import AreaCode, Key, Text, Value


class KeySort(StrEnum):
    """An order by key."""

    KEY = "key"
    KEY_DOWN = "-key"


class NameSort(StrEnum):
    """An order by key or name."""

    KEY = "key"
    KEY_DOWN = "-key"
    NAME = "name"
    NAME_DOWN = "-name"


class PrioritySort(StrEnum):
    """An order by key or priority."""

    KEY = "key"
    KEY_DOWN = "-key"
    PRIORITY = "priority"
    PRIORITY_DOWN = "-priority"


class EntryQuery(Parameters):
    """Which entries, how many, in which order."""

    q: str | None = Field(
        default=None,
        min_length=1,
        max_length=80,
        description="Only entries with this text in their key or name, in whatever case.",
        examples=["a"],
    )
    sort: KeySort = Field(default=KeySort.KEY, description="The order; - turns it around.", examples=["key"])
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE), WHOLE] = Field(
        default=50, description="Most entries in one answer (count).", examples=["50"]
    )
    after: Place | None = Field(
        default=None,
        description="Go on after this place: the `next` of the page before, with the same sort.",
        examples=[cursor.encode_place("key", "a", "a")],
    )


class NamedQuery(EntryQuery):
    """The same for entries with a name."""

    sort: NameSort = Field(  # type: ignore[assignment]
        default=NameSort.KEY, description="The order; - turns it around.", examples=["key"]
    )


class TrunkQuery(EntryQuery):
    """Which trunks."""

    kind: TrunkKind | None = Field(default=None, description="Only trunks to such.", examples=["carrier"])
    enabled: Flag | None = Field(default=None, description="Only those that are, or are not.", examples=["true"])

    def fits(self, trunk: Trunk) -> bool:
        """Return whether a trunk is asked for."""
        return _is(self.kind, trunk.kind) and _is(self.enabled, trunk.enabled)


class AgencyQuery(NamedQuery):
    """Which agencies."""

    enabled: Flag | None = Field(default=None, description="Only those that are, or are not.", examples=["true"])
    trunk: Key | None = Field(default=None, description="Only those reached on this trunk.", examples=["damkar"])

    def fits(self, agency: Agency) -> bool:
        """Return whether an agency is asked for."""
        return _is(self.enabled, agency.enabled) and _in(self.trunk, [c.trunk for c in agency.contacts])


class OperatorQuery(NamedQuery):
    """Which operators."""

    enabled: Flag | None = Field(default=None, description="Only those that are, or are not.", examples=["true"])

    def fits(self, operator: Operator) -> bool:
        """Return whether an operator is asked for."""
        return _is(self.enabled, operator.enabled)


class CategoryQuery(NamedQuery):
    """Which categories."""

    urn: str | None = Field(
        default=None, max_length=100, description="Only those of this service.", examples=["urn:service:sos.fire"]
    )

    def fits(self, category: Category) -> bool:
        """Return whether a category is asked for."""
        return _is(self.urn, category.urn)


class MenuQuery(NamedQuery):
    """Which menus."""

    category: Key | None = Field(default=None, description="Only menus that offer it.", examples=["fire"])

    def fits(self, menu: Menu) -> bool:
        """Return whether a menu is asked for."""
        return _in(self.category, [option.category for option in menu.options])


class AreaQuery(NamedQuery):
    """Which areas."""

    within: AreaCode | None = Field(
        default=None, description="Only this area and those that lie in it.", examples=["35.07"]
    )

    def fits(self, area: Area) -> bool:
        """Return whether an area is asked for."""
        return self.within is None or within(area.code, self.within)


class ScheduleQuery(NamedQuery):
    """Which schedules."""

    timezone: str | None = Field(
        default=None, max_length=64, description="Only those that name this zone.", examples=["Asia/Jakarta"]
    )

    def fits(self, schedule: Schedule) -> bool:
        """Return whether a schedule is asked for."""
        return _is(self.timezone, schedule.timezone)


class ShiftQuery(NamedQuery):
    """Which shifts."""

    schedule: Key | None = Field(default=None, description="Only shifts of this schedule.", examples=["pagi"])
    operator: Key | None = Field(default=None, description="Only shifts that he is in.", examples=["op1"])

    def fits(self, shift: Shift) -> bool:
        """Return whether a shift is asked for."""
        return _is(self.schedule, shift.schedule) and _in(self.operator, shift.operators)


class RingGroupQuery(EntryQuery):
    """Which ring groups."""

    member: Key | None = Field(default=None, description="Only groups that name him.", examples=["op1"])
    shift: Key | None = Field(default=None, description="Only groups that this shift is in.", examples=["pagi"])

    def fits(self, group: RingGroup) -> bool:
        """Return whether a ring group is asked for."""
        return _in(self.member, group.members) and _in(self.shift, group.shifts)


class RouteQuery(EntryQuery):
    """Which routes."""

    sort: PrioritySort = Field(  # type: ignore[assignment]
        default=PrioritySort.PRIORITY_DOWN, description="The order; - turns it around.", examples=["-priority"]
    )
    category: Key | None = Field(
        default=None, description="Only routes that ask for this category by name.", examples=["fire"]
    )
    locked: Flag | None = Field(default=None, description="Only those that are, or are not.", examples=["false"])
    information: Flag | None = Field(default=None, description="Only those that are, or are not.", examples=["false"])

    def fits(self, route: Route) -> bool:
        """Return whether a route is asked for."""
        return (
            _in(self.category, route.when.category)
            and _is(self.locked, route.locked)
            and _is(self.information, route.information)
        )


def _is(wanted: object, found: object) -> bool:
    return wanted is None or wanted == found


def _in(wanted: object, found: Any) -> bool:
    return wanted is None or wanted in found


def mentions(value: Value, text: str) -> bool:
    """Return whether `text` is in the key or name of an entry, in whatever case."""
    name = getattr(value, "name", "")
    names = (name.id, name.en) if isinstance(name, Text) else (name,)
    sought = text.casefold()
    return any(sought in told.casefold() for told in (key_of(value), *names))


def rank(value: Value, sort: str) -> int | str:
    """Return what an entry is sorted by."""
    match sort.removeprefix("-"):
        case "priority":
            return value.priority  # type: ignore[attr-defined, no-any-return]
        case "name":
            name: str | Text = value.name  # type: ignore[attr-defined]
            return (name.id if isinstance(name, Text) else name).casefold()
        case _:
            return key_of(value)
