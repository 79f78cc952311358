"""V6: every route wins for some call, or it is named with those that cover it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_

from callrouter.bilingual import Bilingual, same
from callrouter.routing.schedule import HORIZON_DAYS
from callrouter.routing.table import Route
from callrouter.routing.verify.cases import Cases, few
from callrouter.routing.verify.report import Finding
from callrouter.routing.verify.space import STATE, Space
from callrouter.routing.verify.vectors import Seen, Vectors

_FREE = Bilingual(
    "Beri rute itu prioritas lebih tinggi atau syarat lain; atau hapus atau kunci (locked).",
    "Give it a higher priority or other conditions; or remove or lock it.",
)
_CHECK = Bilingual(
    "Perbaiki syaratnya; atau hapus atau kunci (locked) rute itu.", "Correct its conditions; or remove or lock it."
)


def unreached(space: Space, found: Vectors, begins: datetime, cases: Cases) -> Iterator[Finding]:
    """Yield a finding for each route (but for locked ones) that no call gets.

    A warning where it is only so now: its time is over or too far ahead, or the directory does not let it be.
    """
    winners = {hit.route for hit in found.hits}
    places = {route.key: n for n, route in enumerate(space.compiled.table.routing.routes)}
    for route in space.routes:
        if space.bit[route.key] in winners:
            continue
        pointer = f"/routing/routes/{places[route.key]}"
        yield _covered(space, found.matched, route, pointer, cases) or _impossible(space, route, pointer, begins)


def _covered(space: Space, matched: dict[int, Seen], route: Route, pointer: str, cases: Cases) -> Finding | None:
    bit = space.bit[route.key]
    covering = [(mask & -mask, seen) for mask, seen in matched.items() if mask & bit]
    if not covering:
        return None
    taken = Counter[int]()
    for winner, seen in covering:
        taken[winner] += seen.count
    by = few([space.routes[winner.bit_length() - 1].key for winner, _ in taken.most_common()])
    example = next(seen for winner, seen in covering if winner == taken.most_common(1)[0][0])
    return Finding(
        "V6",
        error=True,
        pointer=pointer,
        sentence=Bilingual(
            f"rute {route.key} tidak pernah menang: setiap panggilan yang cocok sudah diambil oleh {by}",
            f"the route {route.key} never wins: every call that it matches is taken by {by}",
        ),
        remedy=_FREE,
        example=cases.example(example),
    )


def _impossible(space: Space, route: Route, pointer: str, begins: datetime) -> Finding:
    """Its conditions never hold. Kinds of fact are independent, so that one of them never does."""
    error, why = True, _contradiction(space, route)
    if (end := route.valid_until) is not None and end <= begins:
        error, why = False, Bilingual("masa berlakunya sudah lewat", "its time is over")
    elif (start := route.valid_from) is not None and start >= begins.astimezone(UTC) + timedelta(days=HORIZON_DAYS):
        error = False
        why = Bilingual(
            f"baru berlaku setelah {HORIZON_DAYS} hari yang diperiksa, jadi tidak terbukti apa-apa tentangnya",
            f"it becomes valid only after the {HORIZON_DAYS} days that are looked at, so nothing is proven of it",
        )
    elif (now := _not_now(space, route)) is not None:
        error, why = False, now
    return Finding(
        "V6",
        error=error,
        pointer=pointer,
        sentence=Bilingual(
            f"rute {route.key} tidak pernah menang: {why.id}", f"the route {route.key} never wins: {why.en}"
        ),
        remedy=_CHECK,
    )


def _not_now(space: Space, route: Route) -> Bilingual | None:
    """Why the directory does not let it be, as it is now; None where it is not that."""
    kinds = {trunk.kind for trunk in space.compiled.table.directory.trunks}
    if route.when.trunk_kind and not route.when.trunk and not kinds & set(route.when.trunk_kind):
        wanted = ", ".join(kind.value for kind in route.when.trunk_kind)
        return Bilingual(f"tidak ada trunk jenis {wanted}", f"there is no trunk of kind {wanted}")
    for kind in _never(space, route):
        states = {c.state for c in route.when.state if c.name == kind.removeprefix(STATE)}
        if kind.startswith(STATE) and len(states) == 1:
            name = kind.removeprefix(STATE)
            return Bilingual(
                f"tidak ada kontak {name} yang aktif, jadi ia tidak pernah tersedia",
                f"{name} has no contact that is enabled, so it is never available",
            )
    return None


def _contradiction(space: Space, route: Route) -> Bilingual:
    bit = space.bit[route.key]
    if not any(moment.mask & bit for moment in space.times):
        return Bilingual(
            "selama ia berlaku, jadwalnya tidak pernah buka", "while it is valid, its schedules are never open"
        )
    words = ", ".join([*_never(space, route), *([] if _by_some_trunk(space, bit) else ["trunk"])])
    what = same(words)
    return Bilingual(
        f"syaratnya tidak pernah terpenuhi bersama ({what.id})", f"its conditions never hold together ({what.en})"
    )


def _never(space: Space, route: Route) -> list[str]:
    """The kinds of fact of which no value is accepted."""
    bit = space.bit[route.key]
    return [
        kind
        for kind, settings in space.plain.items()
        if not reduce(or_, (setting.mask for setting in settings), 0) & bit
    ]


def _by_some_trunk(space: Space, bit: int) -> bool:
    return any(by.mask & bit for by in space.trunks)
