"""What is handed to the PBX for a call: decided for whatever its caller may choose, and kept while it stays true."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from callrouter.calls.location import CivicAddress, Gazetteer
from callrouter.calls.menu import MenuData, menu_data
from callrouter.calls.ports import HandOver, KnownArea, Plans
from callrouter.calls.records import Opened
from callrouter.routing.decide import CompiledTable, compile_table, decide, unavailable
from callrouter.routing.facts import AreaSource, Choice, Facts, Origin
from callrouter.routing.plan import Plan
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Language, Posture

NOT_ASKED: Final = frozenset({Origin.AGENCY, Origin.NEIGHBOUR})
"""Agencies and neighbouring centres know why they call: they get an operator, not a citizen's menu."""
CANNOT_SPEAK: Final = "silent"
"""Stands for the digits in the plan of who presses 1 because he cannot speak."""
Once = Callable[[str | None, Language, str, Callable[[], Plan]], Plan]
"""Given digits, language, category and how to decide: gives the plan, decided now or before."""
MAX_KEPT: Final = 256
"""Hand-overs kept at once: one for each trunk, again for each set of agencies and groups that are away, and again for
each area that calls bring, and for each range of suspicion that a route asks for."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The table in force, ready to be asked. Replaced whole, never changed."""

    compiled: CompiledTable
    menu: MenuData
    gazetteer: Gazetteer

    def located(self, opened: Opened, address: CivicAddress | None) -> KnownArea | None:
        """Return the area of the address in a call's INVITE, where its trunk's word is believed; None if unknown."""
        trunk = self.compiled.table.trunk(opened.trunk)
        if address is None or trunk is None or not trunk.trusted_identity:
            return None
        code = self.gazetteer.code_of(address)
        return KnownArea(code, AreaSource.LOCATION) if code else None


def snapshot_of(version: int, table: RoutingTable) -> Snapshot:
    """Return `table` ready to be asked. Takes a while where there are many schedules: not for the loop of calls."""
    compiled = compile_table(table, version)
    now = datetime.now(UTC).timestamp()
    for schedule in table.routing.schedules:
        compiled.calendar.block(schedule.key, now)
    return Snapshot(compiled, menu_data(table), Gazetteer(table.routing.areas))


def facts_of(
    table: RoutingTable,
    origin: str,
    trunk: str,
    choice: str,
    category: str,
    language: str,
    *,
    area: KnownArea | None = None,
    away: tuple[str, ...] = (),
    suspicion: int = 0,
    posture: Posture = Posture.GREEN,
) -> Facts:
    """Return the facts of a call, from the words of the dialplan. Raises ValueError for words that are not ours."""
    known = table.trunk(trunk)
    return Facts(
        origin=Origin(origin),
        choice=Choice.NONE if category else Choice(choice),
        category=category or None,
        area=area.code if area else None,
        area_source=area.source if area else None,
        trunk=known.key if known else None,
        trunk_kind=known.kind if known else None,
        language=Language(language),
        suspicion=suspicion,
        posture=posture,
        unavailable=away,
    )


def _now(_digits: str | None, _language: Language, _category: str, made: Callable[[], Plan]) -> Plan:
    return made()


def hand_over(
    snapshot: Snapshot,
    opened: Opened,
    away: tuple[str, ...],
    now: datetime,
    located: KnownArea | None = None,
    once: Once = _now,
    suspicion: int = 0,
    posture: Posture = Posture.GREEN,
) -> HandOver:
    """Return what the PBX is given for a call that came in as `opened` says.

    It has a plan for every meaning of digits, also where the caller is not asked: an operator passes him on by them.
    away: the agencies and groups that cannot be offered a call, of those that the table asks for
    located: the area that came with the call, which goes before that of its trunk and of the menu
    suspicion: of the caller, 0 to 100
    posture: how threatened the centre is
    once: for who asks again and again, with another `now` alone
    Raises ValueError for an origin that is not ours.
    """
    menu = snapshot.menu
    asked = menu.asks and Origin(opened.origin) not in NOT_ASKED
    first = menu.languages[0]
    table = snapshot.compiled.table
    trunk = table.trunk(opened.trunk)
    of_trunk = KnownArea(trunk.area, AreaSource.TRUNK) if trunk is not None and trunk.area is not None else None
    known = located or of_trunk
    areas = {digits: KnownArea(area, AreaSource.MENU) for digits, area in menu.areas.items()} if not known else {}

    def plan(digits: str | None, language: Language) -> Plan:
        choice = digits or (Choice.OPERATOR if asked else Choice.NONE).value
        category = menu.meaning[digits] if digits else ""
        area = areas.get(digits, known) if digits else known

        def decided() -> Plan:
            facts = facts_of(
                table,
                opened.origin,
                opened.trunk,
                choice,
                category,
                language,
                area=area,
                away=away,
                suspicion=suspicion,
                posture=posture,
            )
            return decide(snapshot.compiled, facts, now)

        return once(digits, language, category, decided)

    def cannot_speak(language: Language) -> Plan:
        def decided() -> Plan:
            choice = Choice.CANNOT_SPEAK.value
            facts = facts_of(
                table, opened.origin, opened.trunk, choice, "", language, area=known, away=away, posture=posture
            )
            return decide(snapshot.compiled, facts, now)

        return once(CANNOT_SPEAK, language, "", decided)

    by_digit = {digits: plan(digits, first) for digits in menu.meaning}
    other = plan(None, first)
    in_language = {
        (language, digits): theirs
        for language in (menu.languages[1:] if asked and snapshot.compiled.by_language else ())
        for digits in (*by_digit, None)
        if (theirs := plan(digits, language)) != (by_digit[digits] if digits else other)
    }
    speechless = {first: cannot_speak(first)} if asked else {}
    if asked and snapshot.compiled.by_language:
        theirs_of = ((language, cannot_speak(language)) for language in menu.languages[1:])
        speechless |= {language: theirs for language, theirs in theirs_of if theirs != speechless[first]}
    plans = Plans(by_digit, other, in_language, speechless)
    return HandOver(first, menu if asked else None, plans, known, areas, away, posture)


def suspicion_bounds(compiled: CompiledTable) -> tuple[int, ...]:
    """Return the scores from which on a route of the table sees another suspicion, ascending; the first is 0.

    Between two of them every decision is the same.
    """
    ranges = [route.when.suspicion for route in compiled.table.routing.routes if not route.locked]
    bounds = {bound for one in ranges if one is not None for bound in (one.at_least, one.below)}
    return tuple(sorted({0} | {bound for bound in bounds if bound <= 100}))


def stays_true_until(compiled: CompiledTable, at: float) -> float:
    """Return the first instant (s since 1970 UTC) after `at` at which time alone may change a decision."""
    edges = [math.inf]
    for schedule in compiled.table.routing.schedules:
        block = compiled.calendar.block(schedule.key, at)
        n = bisect_right(block.edges, at)
        edges.append(block.edges[n] if n < len(block.edges) else block.ends)
    for route in compiled.table.routing.routes:
        limits = (route.valid_from, route.valid_until)
        edges += [limit.timestamp() for limit in limits if limit is not None and limit.timestamp() > at]
    return min(edges)


class _Kept(NamedTuple):
    since: float
    until: float
    given: HandOver


class HandOvers:
    """Hand-overs of one snapshot, each made once for as long as it stays true."""

    def __init__(self, snapshot: Snapshot, staffed: Callable[[str], bool]) -> None:
        self.snapshot = snapshot
        self._staffed = staffed
        self._bounds = suspicion_bounds(snapshot.compiled)
        self._kept: OrderedDict[tuple[str, str, tuple[str, ...], KnownArea | None, int, Posture], _Kept] = (
            OrderedDict()
        )

    def of(
        self,
        opened: Opened,
        now: datetime,
        address: CivicAddress | None = None,
        suspicion: int = 0,
        posture: Posture = Posture.GREEN,
    ) -> HandOver:
        """Return what the PBX is given for that call. Raises ValueError for an origin that is not ours.

        address: the civic address in its INVITE; suspicion: of its caller, 0 to 100
        posture: how threatened the centre is
        """
        alike = self._bounds[bisect_right(self._bounds, suspicion) - 1]
        at = now.timestamp()
        away = unavailable(self.snapshot.compiled, self._staffed)
        located = self.snapshot.located(opened, address)
        key = (opened.origin, opened.trunk, away, located, alike, posture)
        kept = self._kept.get(key)
        if kept is None or not kept.since <= at < kept.until:
            given = hand_over(self.snapshot, opened, away, now, located, suspicion=alike, posture=posture)
            kept = self._kept[key] = _Kept(at, stays_true_until(self.snapshot.compiled, at), given)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return kept.given
