"""What a table must also be, beyond its own rules, for this PBX to carry it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

from callrouter.asterisk.plan_codec import PlanTooLong, encode
from callrouter.asterisk.quoting import MAX_AMI_LINE_BYTES
from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError
from callrouter.routing.decide import compile_table, plan_of
from callrouter.routing.directory import Transport
from callrouter.routing.failsafe import static_plan
from callrouter.routing.plan import Plan
from callrouter.routing.table import RoutingTable
from callrouter.settings import Settings

MAX_STEPS: Final = 14
"""Steps of one plan that the dialplan goes through."""
MAX_FAILSAFE_CHARS: Final = MAX_AMI_LINE_BYTES - 40
"""A running PBX is told its failsafe plan in one line of the manager interface: ``Value: …``."""
_LONGEST_VERSION: Final = 10**9


def require_fits(table: RoutingTable, settings: Settings) -> None:
    """Raise OperatorError for what this PBX cannot carry.

    A plan that is too long, a trunk outside the networks of the deployment, or one by TLS where the PBX has no
    certificate. That no key is ours in its files, the table itself sees to (callrouter.routing.consistency).
    """
    _require_reachable(table, settings)
    _require_short_plans(table)
    _require_short_failsafe(table, settings)


def plan_fits(plan: Plan) -> bool:
    """Return whether the PBX can be given that plan: all its steps, in its one variable."""
    try:
        encode(plan)
    except ValueError:
        return False
    return len(plan.steps) < MAX_STEPS


def _require_reachable(table: RoutingTable, settings: Settings) -> None:
    networks = [ipaddress.ip_network(network) for network in settings.trunk_networks]
    strangers = [
        t.key for t in table.directory.trunks if not any(ipaddress.ip_address(t.host) in net for net in networks)
    ]
    if strangers:
        raise OperatorError(
            Bilingual(
                f"Alamat trunk {', '.join(strangers)} di luar jaringan yang diizinkan "
                f"({', '.join(settings.trunk_networks)}).",
                f"The address of the trunk {', '.join(strangers)} is outside the networks that are allowed "
                f"({', '.join(settings.trunk_networks)}).",
            ),
            Bilingual(
                "Perbaiki alamatnya, atau tambahkan jaringannya ke CALLROUTER_TRUNK_NETWORKS.",
                "Correct the address, or add its network to CALLROUTER_TRUNK_NETWORKS.",
            ),
        )
    secure = [t.key for t in table.directory.trunks if t.transport is Transport.TLS]
    if secure and not (settings.sip_tls_cert and settings.sip_tls_key):
        raise OperatorError(
            Bilingual(
                f"Trunk {', '.join(secure)} meminta TLS, tetapi PBX ini tidak memiliki sertifikat.",
                f"The trunk {', '.join(secure)} asks for TLS, and this PBX has no certificate.",
            ),
            Bilingual(
                "Atur CALLROUTER_SIP_TLS_CERT dan CALLROUTER_SIP_TLS_KEY lalu mulai ulang PBX, atau pilih udp atau "
                "tcp untuk trunk itu.",
                "Set CALLROUTER_SIP_TLS_CERT and CALLROUTER_SIP_TLS_KEY and restart the PBX, or choose udp or tcp "
                "for that trunk.",
            ),
        )


def _require_short_plans(table: RoutingTable) -> None:
    compiled = compile_table(table, _LONGEST_VERSION)
    for route in table.routing.routes:
        try:
            everyone: Sequence[str | None] = (None, *(c.key for c in table.routing.categories))
            for category in route.when.category or everyone:
                encode(plan_of(compiled, route, category, came_by=None))
            encode(plan_of(compiled, route, None, came_by=None, cannot_speak=True))
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


def _require_short_failsafe(table: RoutingTable, settings: Settings) -> None:
    plan = static_plan(compile_table(table, _LONGEST_VERSION), settings.timers.static_ring_s)
    try:
        length = len(encode(plan))
    except PlanTooLong as error:
        length = error.length
    if length > MAX_FAILSAFE_CHARS:
        raise OperatorError(
            Bilingual(
                f"Nomor statis terlalu panjang untuk PBX: rencananya {length} karakter, paling banyak "
                f"{MAX_FAILSAFE_CHARS}.",
                f"The static numbers are too long for the PBX: their plan has {length} characters, "
                f"{MAX_FAILSAFE_CHARS} are possible.",
            ),
            Bilingual("Kurangi nomor statisnya (static_numbers).", "Give fewer static_numbers."),
        )
