"""A centre with two shifts, and parts that remember what they were told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from callrouter.access.model import AuditNote, Principal, Role
from callrouter.duty.model import DutyState
from callrouter.duty.ports import PbxAway, WantedElse
from callrouter.duty.roster import Members, Roster
from callrouter.incidents.views import StorageUnavailable
from callrouter.routing.conditions import Calendar
from callrouter.routing.directory import Directory, Operator
from callrouter.routing.table import Centre, RingGroup, Routing, RoutingTable, Shift
from callrouter.routing.times import Day, Schedule, Window

ZONE = ZoneInfo("Asia/Jakarta")
SUPERVISOR = Principal("pengawas", Role.SUPERVISOR)


def at(text: str) -> float:
    """Return a local time (2026-11-23T08:00) as s since 1970 UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()


def schedule(key: str, opens: str, closes: str) -> Schedule:
    """Return a schedule of every day."""
    return Schedule(key=key, name=key, windows=(Window(days=tuple(Day), opens=opens, closes=closes),))


def table(*, enabled: bool = True) -> RoutingTable:
    """Return op1, op2 by day (07:00 to 19:00), op3 by night, op4 always, in `operators`; op5 in no group."""
    people = [Operator(key=f"op{n}", name=f"Meja {n}", enabled=enabled or n != 1) for n in range(1, 6)]
    return RoutingTable(
        centre=Centre(name="Uji", timezone="Asia/Jakarta"),
        directory=Directory(operators=tuple(people)),
        routing=Routing(
            schedules=(schedule("day", "07:00", "19:00"), schedule("night", "19:00", "07:00")),
            shifts=(
                Shift(key="pagi", name="Pagi", schedule="day", operators=("op1", "op2")),
                Shift(key="malam", name="Malam", schedule="night", operators=("op3",)),
            ),
            ring_groups=(
                RingGroup(key="operators", shifts=("pagi", "malam")),
                RingGroup(key="always", members=("op4",)),
            ),
        ),
    )


def roster(*, enabled: bool = True) -> Roster:
    """Return the roster of `table`."""
    made = table(enabled=enabled)
    return Roster(made, Calendar(made.routing.schedules, made.centre.timezone))


def without(operator: str) -> Roster:
    """Return the roster of a table in which that operator is no more."""
    whole = table()
    left = Directory(operators=tuple(o for o in whole.directory.operators if o.key != operator))
    shifts = tuple(
        shift.model_copy(update={"operators": tuple(o for o in shift.operators if o != operator)})
        for shift in whole.routing.shifts
    )
    made = whole.model_copy(
        update={"directory": left, "routing": whole.routing.model_copy(update={"shifts": shifts})}
    )
    return Roster(made, Calendar(made.routing.schedules, made.centre.timezone))


class KeptDuty:
    """A DutyStore in memory that can be away."""

    def __init__(self) -> None:
        self.states: dict[str, DutyState] = {}
        self.notes: list[AuditNote] = []
        self.away = False

    async def load(self) -> dict[str, DutyState]:
        """Return what was saved."""
        return dict(self.states)

    async def save(self, states: Sequence[DutyState], note: AuditNote | None) -> None:
        """Keep them, or be away."""
        if self.away:
            raise StorageUnavailable("away")
        self.states |= {s.operator: s for s in states}
        self.notes += [note] if note else []


class SeenQueues:
    """Queues in memory that can be away."""

    def __init__(self) -> None:
        self.there: Members = {}
        self.away = False
        self.asked = 0
        self.gone: set[str] = set()
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens between reading the queues and changing them."""

    async def reachable(self) -> set[str]:
        """Return everyone but those that are gone, or be away."""
        if self.away:
            raise PbxAway("away")
        return {operator for there in self.there.values() for operator in there} - self.gone

    async def set_members(self, wanted: Mapping[str, Mapping[str, bool]], still: Callable[[], bool]) -> None:
        """Take it, or be away."""
        self.asked += 1
        self.meanwhile()
        if not still():
            raise WantedElse
        if self.away:
            raise PbxAway("away")
        self.there = {group: dict(members) for group, members in wanted.items()}
