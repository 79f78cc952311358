"""V5: somebody is on the roster of every ring group that calls can reach, at all times."""

from __future__ import annotations

from collections.abc import Iterator

from callrouter.bilingual import Bilingual
from callrouter.routing.table import RingGroup
from callrouter.routing.verify.cases import Cases
from callrouter.routing.verify.report import CounterExample, Finding
from callrouter.routing.verify.space import Space
from callrouter.routing.verify.vectors import Hit, Seen

_HOUR_S = 3_600
_STAFF = Bilingual(
    "Tambahkan anggota atau regu untuk waktu itu; atau, bila memang dimaksud, atur `may_be_unstaffed`.",
    "Add members or a shift for that time; or, if it is meant, set `may_be_unstaffed`.",
)


def unstaffed(space: Space, hits: dict[Hit, Seen], cases: Cases) -> Iterator[Finding]:
    """Yield a finding for each group that a plan or the last resort rings, and that has hours without anybody.

    An operator who is not enabled does not count. Where no call rings it in those hours, the example is one that
    rings it at another time: he who waits may still wait when the shift ends.
    """
    last = space.compiled.table.routing.last_resort.group
    if last is None:
        yield Finding(
            "V5",
            error=True,
            pointer="/routing/last_resort",
            sentence=Bilingual(
                "upaya terakhir tidak menyebut kelompok dering: penelepon hanya dapat meninggalkan pesan",
                "the last resort names no ring group: callers could only leave a message",
            ),
            remedy=Bilingual("Atur last_resort.group.", "Set last_resort.group."),
            example=cases.any_at(space.cells[0].at),
        )
    for n, group in enumerate(space.roster.groups):
        empty = [cell for cell in space.cells if space.roster.unstaffed(cell.flags) & space.roster.bit[group.key]]
        if not empty:
            continue
        if group.key == last:
            example: CounterExample | None = cases.any_at(empty[0].at)
        else:
            example = _ringing(space, hits, group, cases)
        if example is not None:
            hours = sum(cell.seconds for cell in empty) / _HOUR_S
            since = cases.clock(cases.any_at(empty[0].at).at)
            yield Finding(
                "V5",
                error=not group.may_be_unstaffed,
                pointer=f"/routing/ring_groups/{n}",
                sentence=Bilingual(
                    f"tidak ada operator aktif di kelompok dering {group.key} mulai {since}; "
                    f"seluruhnya {hours:,.0f} jam",
                    f"the ring group {group.key} has no enabled operator from {since} on; {hours:,.0f} hours in all",
                ),
                remedy=_STAFF,
                example=example,
            )


def _ringing(space: Space, hits: dict[Hit, Seen], group: RingGroup, cases: Cases) -> CounterExample | None:
    """A call that rings the group, best in hours without anybody; None where none does."""
    bit = space.roster.bit[group.key]
    rings = {space.bit[route.key] for route in space.routes if space.groups(route) & bit}
    calls = [(hit, seen) for hit, seen in hits.items() if hit.route in rings]
    calls.sort(key=lambda call: not call[0].unstaffed & bit)
    return cases.example(calls[0][1]) if calls else None
