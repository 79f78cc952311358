"""What all opponents share, taken from a centre: whom the menu's digit leads to, and how he is reached."""

from __future__ import annotations

from datetime import UTC, datetime

from bench.opponents.model import Hall
from callrouter.calls.menu import menu_data
from callrouter.routing.decide import compile_table, decide
from callrouter.routing.directory import TrunkKind
from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.plan import Dial, Target
from callrouter.routing.table import RoutingTable
from demo.addresses import SIP_PORT
from demo.centre import Centre


def hall_of(centre: Centre, digit: str) -> Hall:
    """Return what all share who answer beside `centre`. ValueError where `digit` does not lead to one contact."""
    menu = menu_data(centre.table)
    target = first_target(centre.table, digit)
    return Hall(
        carrier_host=centre.trunk_hosts[_carrier(centre.table)],
        agency=(centre.trunk_hosts[target.trunk], SIP_PORT),
        digit=digit,
        clips=centre.settings.prompts_dir / menu.languages[0].value,
        menu=menu.clips[""],
        target=f"PJSIP/{target.number}@trunk-{target.trunk}",
    )


def first_target(table: RoutingTable, digit: str) -> Target:
    """Return whom a citizen who presses `digit` is put through to first. ValueError where that is not one contact."""
    category = menu_data(table).meaning[digit]
    facts = Facts(
        origin=Origin.CITIZEN,
        choice=Choice.NONE,
        category=category,
        trunk=_carrier(table),
        trunk_kind=TrunkKind.CARRIER,
    )
    step = decide(compile_table(table, 1), facts, datetime.now(UTC)).steps[0]
    if not isinstance(step, Dial) or len(step.targets) != 1:
        raise ValueError(f"{category} is not put through to one contact first")
    return step.targets[0]


def _carrier(table: RoutingTable) -> str:
    return next(trunk.key for trunk in table.directory.trunks if trunk.kind is TrunkKind.CARRIER)
