"""What a table must also be, beyond its own rules, for this PBX to carry it."""

from __future__ import annotations

from typing import Final

from callrouter.asterisk.plan_codec import PlanTooLong, encode
from callrouter.asterisk.variables import TRUNK_PREFIX
from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError
from callrouter.routing.decide import compile_table, plan_of
from callrouter.routing.table import RoutingTable

_QUEUE_SECTIONS: Final = ("general", "callrouter")
"""Sections of queues.conf that are no ring groups."""
_LONGEST_VERSION: Final = 10**9


def require_fits(table: RoutingTable) -> None:
    """Raise OperatorError if a key is already ours in the PBX's files, or a route's plan is too long for it."""
    _require_own_names(table)
    compiled = compile_table(table, _LONGEST_VERSION)
    for route in table.routing.routes:
        try:
            everyone: tuple[str | None, ...] = (None, *(c.key for c in table.routing.categories))
            for category in route.when.category or everyone:
                encode(plan_of(compiled, route, category, came_by=None))
        except PlanTooLong as error:
            raise OperatorError(
                Bilingual(
                    f"Rute {route.key!r} terlalu panjang untuk PBX: rencananya {error.length} karakter, "
                    f"paling banyak {error.limit}.",
                    f"Route {route.key!r} is too long for the PBX: its plan has {error.length} characters, "
                    f"{error.limit} are possible.",
                ),
                Bilingual(
                    "Kurangi langkah atau tujuannya, atau pendekkan kunci instansi dan kontaknya.",
                    "Give it fewer steps or targets, or shorter keys for its agencies and contacts.",
                ),
            ) from None


def _require_own_names(table: RoutingTable) -> None:
    taken = [o.key for o in table.directory.operators if o.key.startswith(TRUNK_PREFIX)]
    taken += [g.key for g in table.routing.ring_groups if g.key in _QUEUE_SECTIONS]
    if taken:
        raise OperatorError(
            Bilingual(
                f"Kunci {', '.join(taken)} dalam tabel sudah menamai bagian konfigurasi PBX.",
                f"The table's key {', '.join(taken)} already names a part of the PBX's configuration.",
            ),
            Bilingual(
                f"Operator tidak boleh berawalan {TRUNK_PREFIX!r}, dan kelompok dering tidak boleh bernama "
                f"{' atau '.join(_QUEUE_SECTIONS)}: beri kunci lain dan impor tabelnya lagi.",
                f"No operator's key begins with {TRUNK_PREFIX!r}, and no ring group is called "
                f"{' or '.join(_QUEUE_SECTIONS)}: give another key and import the table again.",
            ),
        )
