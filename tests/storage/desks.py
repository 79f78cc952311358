"""Tables, changes and notes for the tests of directory, draft and versions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from callrouter.access.model import AuditNote
from callrouter.publishing.model import Change, DraftSettings, Entry, Put, PutSettings
from callrouter.routing.directory import Agency, Contact, Directory, Operator, Trunk, TrunkKind
from callrouter.routing.entries import DIRECTORY, ROUTING, Kind, entries
from callrouter.routing.table import (
    Area,
    Category,
    Centre,
    DialStep,
    LastResort,
    Menu,
    Option,
    RecordStep,
    RingGroup,
    RingGroupStep,
    Route,
    Routing,
    RoutingTable,
    Shift,
    When,
)
from callrouter.routing.times import Schedule
from callrouter.routing.values import Text, Value

KEY = b"the chain's key, 32 bytes long.."
OTHER_KEY = b"another key, 32 bytes long too.."

WINDOWS = [{"days": ["mon", "tue"], "opens": "08:00", "closes": "16:00"}]


def note(
    action: str = "replace", subject: str = "draft", actor: str = "siti (admin)", **payload: object
) -> AuditNote:
    return AuditNote(actor, action, subject, payload)


def operator(key: str = "op1", **changes: Any) -> Operator:
    return Operator(**{"key": key, "name": f"Operator {key}"} | changes)


def trunk(key: str = "telco", **changes: Any) -> Trunk:
    return Trunk(**{"key": key, "kind": TrunkKind.CARRIER, "host": "127.0.112.1"} | changes)


def route(n: int, **changes: Any) -> Route:
    steps = (DialStep(targets=("damkar/posko",)), RingGroupStep(group="all"), RecordStep())
    when = When(category=("fire",), area=("35.07",))
    return Route(**{"key": f"route-{n}", "priority": n, "when": when, "steps": steps} | changes)


def table(routes: int = 2, name: str = "Pusat 112") -> RoutingTable:
    """Return a table with something of every kind, out of the canonical order."""
    return RoutingTable(
        centre=Centre(name=name, timezone="Asia/Jakarta"),
        directory=Directory(
            trunks=(trunk(), trunk("damkar", kind=TrunkKind.AGENCY, host="127.0.112.11")),
            agencies=(
                Agency(
                    key="damkar",
                    name=Text(id="Pemadam", en="Fire brigade"),
                    contacts=(Contact(key="posko", trunk="damkar", number="101"),),
                ),
            ),
            operators=(operator("op2"), operator("op1")),
        ),
        routing=Routing(
            main_menu="main",
            menus=(
                Menu(key="main", name=Text(id="utama", en="main"), options=(Option(digit="1", category="fire"),)),
            ),
            categories=(
                Category(key="fire", urn="urn:service:sos.fire", name=Text(id="api", en="fire"), priority=10),
            ),
            areas=(Area(code="35.07", name="Kabupaten Malang"), Area(code="35", name="Jawa Timur")),
            schedules=(Schedule.model_validate({"key": "office", "name": "Jam kerja", "windows": WINDOWS}),),
            shifts=(Shift(key="day", name="Pagi", schedule="office", operators=("op2",)),),
            ring_groups=(RingGroup(key="all", members=("op1",), shifts=("day",)),),
            routes=tuple(route(n) for n in range(1, routes + 1)),
            last_resort=LastResort(group="all"),
        ),
    )


def values_of(whole: RoutingTable) -> list[tuple[Kind, Value]]:
    halves = ((whole.directory, DIRECTORY), (whole.routing, ROUTING))
    return [(kind, value) for half, kinds in halves for kind in kinds for value in entries(half, kind)]


def settings_of(whole: RoutingTable) -> DraftSettings:
    half = whole.routing
    return DraftSettings(
        centre=whole.centre,
        main_menu=half.main_menu,
        last_resort=half.last_resort,
        static_numbers=half.static_numbers,
    )


def puts(whole: RoutingTable, revision: int = 1) -> list[Change]:
    """Return the changes that make an empty desk into `whole`."""
    changes: list[Change] = [Put(Entry(kind, value, revision)) for kind, value in values_of(whole)]
    return [*changes, PutSettings(settings_of(whole), revision)]


def by_name(held: Iterable[Entry]) -> dict[tuple[Kind, str], Entry]:
    return {(e.kind, e.value.model_dump()["code" if e.kind is Kind.AREAS else "key"]): e for e in held}
