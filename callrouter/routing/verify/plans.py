"""V1 to V4 for every way in which calls are routed: one finding for each rule and route."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from callrouter.bilingual import Bilingual
from callrouter.routing.decide import decide, plan_of
from callrouter.routing.verify import rules
from callrouter.routing.verify.cases import Cases, few
from callrouter.routing.verify.report import Finding
from callrouter.routing.verify.space import TIME, Space
from callrouter.routing.verify.vectors import Hit, Seen, Vectors, flat

LAST_RESORT = "/routing/last_resort"


def undecided(found: Vectors, cases: Cases) -> Iterator[Finding]:
    """V1: every call has a route."""
    gaps = [seen for hit, seen in found.hits.items() if not hit.route]
    if not gaps:
        return
    missed = sum(seen.count for seen in gaps)
    listed = few([category or "-" for category in found.without])
    example = cases.example(gaps[0])
    call = cases.said(example)
    yield Finding(
        "V1",
        error=True,
        pointer="/routing/routes",
        sentence=Bilingual(
            f"tidak ada rute untuk {missed:,} dari {found.count:,} jenis panggilan (kategori: {listed}); "
            f"yang pertama: {call.id}",
            f"no route matches {missed:,} of {found.count:,} kinds of call (categories: {listed}); first: {call.en}",
        ),
        remedy=Bilingual(
            "Tambahkan rute tanpa syarat dengan prioritas terendah, yang mendering operator.",
            "Add a route without conditions and of the lowest priority, which rings the operators.",
        ),
        example=example,
    )


@dataclass(slots=True)
class _Broken:
    """A rule that plans of one route break: how many vectors, and the first."""

    breach: rules.Breach
    first: Seen
    count: int = field(default=0)


def of_plans(space: Space, found: Vectors, cases: Cases) -> Iterator[Finding]:
    """V1 to V4 of the plans that calls get."""
    routes = space.compiled.table.routing.routes
    places = {space.bit[route.key]: n for n, route in enumerate(routes) if not route.locked}
    staffable = frozenset(g.key for g in space.roster.groups if space.roster.at_any_time(g.key))
    broken: dict[tuple[str, int | None], _Broken] = {}
    for hit, seen in found.hits.items():
        for breach in _breaches(space, hit, seen, cases, staffable):
            where = None if breach.last else places.get(hit.route)
            broken.setdefault((breach.rule, where), _Broken(breach, seen)).count += seen.count
    for (rule, where), case in broken.items():
        example = cases.example(case.first)
        call, what = cases.said(example), case.breach.what
        who = Bilingual("upaya terakhir", "the last resort")
        if where is not None:
            who = Bilingual(f"rute {routes[where].key}", f"the route {routes[where].key}")
        yield Finding(
            rule,
            error=True,
            pointer=LAST_RESORT if where is None else f"/routing/routes/{where}",
            sentence=Bilingual(
                f"{who.id} {what.id}; {case.count:,} dari {found.count:,} jenis panggilan, yang pertama: {call.id}",
                f"{who.en} {what.en}; {case.count:,} of {found.count:,} kinds of call, first: {call.en}",
            ),
            remedy=case.breach.remedy,
            example=example,
        )


def _breaches(space: Space, hit: Hit, seen: Seen, cases: Cases, staffable: frozenset[str]) -> Iterator[rules.Breach]:
    compiled = space.compiled
    route = space.routes[hit.route.bit_length() - 1] if hit.route else None
    facts, at = cases.call(seen)
    plan = plan_of(compiled, route, seen.category, facts.trunk)
    if decide(compiled, facts, at) != plan:
        yield rules.DISAGREE
    yield from rules.in_time(plan)
    yield from rules.sound(plan, facts.trunk)
    if route is None:
        return
    yield from rules.offered(plan, staffable)
    if hit.twice:
        began = dict(flat(seen.given))[TIME]
        flags = next(moment.flags for moment in space.times if moment.at == began)
        shared = [(pair, space.roster.shared(pair, flags)) for pair in space.roster.overlapping(route)]
        yield next(rules.through_groups(pair, operators) for pair, operators in shared if operators)
