"""What a table asks of the PBX's SIP side: each trunk and operator as it is to be there.

The configuration is rendered from these, and what the PBX shows after a load is compared with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from callrouter.asterisk.pbx_secrets import Credentials
from callrouter.asterisk.variables import (
    AREA,
    CHANNELS,
    EARLY_MEDIA,
    EVERYBODY,
    FAILSAFE_PLAN,
    GROUPS,
    ORIGIN,
    ROOM,
    TRANSFER_CONTEXT,
    TRANSFER_TO,
    TRUNK,
    TRUNK_PREFIX,
    TRUSTED,
)
from callrouter.calls.menu import menu_data
from callrouter.duty.roster import groups_by_operator
from callrouter.routing.directory import Login, Transport, Trunk, TrunkKind
from callrouter.routing.facts import origin_of
from callrouter.routing.table import RoutingTable
from callrouter.vault import Digests

WATCHED: Final = ".alive"
NO_TRANSFER: Final = "callrouter-no-transfer"
"""Where a call of an operator may be transferred unless he took it from a queue: nowhere."""
MAX_SHOWN_BYTES: Final = 70
"""Bytes of a name in a caller's identity; the PBX keeps 79 and would cut within a character."""


@dataclass(frozen=True, slots=True)
class TrunkEntry:
    """A trunk as the PBX is to have it: an endpoint, its address, how it is known, and how we log in there.

    variables: set on each channel of it
    login:     None where there is none, or where its password is not known
    """

    name: str
    host: str
    uri: str
    client_uri: str
    transport: str
    context: str
    codecs: tuple[str, ...]
    dtmf: str
    trusted_identity: bool
    presented_number: str | None
    qualify_s: int
    variables: Mapping[str, str]
    login: Login | None
    password: str = field(repr=False)

    @property
    def watch(self) -> str:
        """The address record by which the PBX asks whether the other side lives. No key holds a dot."""
        return f"{self.name}{WATCHED}"

    @property
    def aors(self) -> tuple[str, ...]:
        """Its address records; the first one is dialled."""
        return (self.name, self.watch) if self.qualify_s else (self.name,)


@dataclass(frozen=True, slots=True)
class OperatorEntry:
    """An operator as the PBX is to have him. shown: his name as a caller's identity can carry it."""

    key: str
    shown: str
    digests: Digests
    groups: tuple[str, ...] = ()

    @property
    def variables(self) -> dict[str, str]:
        """What is set on each channel of him."""
        groups = {GROUPS: "&".join(self.groups)} if self.groups else {}
        return {ORIGIN: "operator", TRUNK: self.key, TRANSFER_CONTEXT: NO_TRANSFER} | groups


def trunks(table: RoutingTable, credentials: Credentials, plans: Mapping[str, str]) -> tuple[TrunkEntry, ...]:
    """Return the trunks to be there: those that are enabled.

    plans: by key of the trunk, what its calls get while the service is away
    A trunk whose password is not known goes without its login: calls from it are let in all the same.
    """
    return tuple(
        _trunk(trunk, credentials.trunks.get(trunk.key), plans[trunk.key])
        for trunk in table.directory.trunks
        if trunk.enabled
    )


def without_password(table: RoutingTable, credentials: Credentials) -> tuple[str, ...]:
    """Return the keys of enabled trunks that have a login whose password nobody has entered."""
    return tuple(t.key for t in table.directory.trunks if t.enabled and t.login and t.key not in credentials.trunks)


def operators(table: RoutingTable, credentials: Credentials) -> tuple[OperatorEntry, ...]:
    """Return the operators to be there: those that are enabled and have a secret. Nobody logs in as another."""
    groups = groups_by_operator(table)
    return tuple(
        OperatorEntry(o.key, _shown(o.name), credentials.operators[o.key], groups.get(o.key, ()))
        for o in table.directory.operators
        if o.enabled and o.key in credentials.operators
    )


def transfers(table: RoutingTable) -> dict[str, str]:
    """Return the dialplan's variables that say where an operator may transfer a caller: ``c`` for the digits
    of a choice, ``o`` for an operator, ``g`` for a neighbouring centre. A key of both is the operator.
    """
    neighbours = [t.key for t in table.directory.trunks if t.kind is TrunkKind.NEIGHBOUR and t.usable]
    people = [o.key for o in table.directory.operators if o.enabled]
    to = dict.fromkeys(menu_data(table).meaning, "c") | dict.fromkeys(neighbours, "g") | dict.fromkeys(people, "o")
    return {f"{TRANSFER_TO}{name}": kind for name, kind in to.items()}


def rooms(table: RoutingTable) -> dict[str, str]:
    """Return the dialplan's variables that say how many calls a trunk carries at once.

    0 for a neighbouring centre: what is done on each leg to it is more than counting (callrouter-hops).
    """
    return {f"{ROOM}{t.key}": str(0 if t.kind is TrunkKind.NEIGHBOUR else t.channels) for t in table.directory.trunks}


def everybody(table: RoutingTable) -> dict[str, str]:
    """Return the dialplan's variables that name the enabled operators of each ring group, one in each: all in one
    would be more than an AMI line holds. The last is ``-``, which ends what a longer list has left behind.
    """
    named = groups_by_operator(table)
    found: dict[str, str] = {}
    for group in table.routing.ring_groups:
        keys = [o.key for o in table.directory.operators if o.enabled and group.key in named.get(o.key, ())]
        found |= {f"{EVERYBODY}{group.key}_{n}": key for n, key in enumerate([*keys, "-"], start=1)}
    return found


def in_uri(host: str) -> str:
    """Return a numeric address as a URI carries it: one of IPv6 in brackets (RFC 3986, section 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def _trunk(trunk: Trunk, password: str | None, plan: str) -> TrunkEntry:
    host = in_uri(trunk.host)
    by = "" if trunk.transport is Transport.UDP else f";transport={trunk.transport.value}"
    login = trunk.login if password is not None else None
    return TrunkEntry(
        name=f"{TRUNK_PREFIX}{trunk.key}",
        host=trunk.host,
        uri=f"sip:{host}:{trunk.port}{by}",
        client_uri=f"sip:{login.username}@{host}" if login else "",
        transport=trunk.transport.value,
        context=f"callrouter-from-{trunk.kind.value}",
        codecs=tuple(trunk.codecs),
        dtmf=trunk.dtmf.value,
        trusted_identity=trunk.trusted_identity,
        presented_number=trunk.presented_number,
        qualify_s=trunk.qualify_s,
        variables={
            ORIGIN: origin_of(trunk.kind).value,
            TRUNK: trunk.key,
            EARLY_MEDIA: "yes" if trunk.early_media else "no",
            CHANNELS: str(trunk.channels),
            TRUSTED: "yes" if trunk.trusted_identity else "no",
            **({AREA: trunk.area} if trunk.area else {}),
            FAILSAFE_PLAN: plan,
        },
        login=login,
        password=password or "",
    )


def _shown(name: str) -> str:
    """Letters of any script, digits, blanks and . ' -: nothing else of a name goes into a file."""
    plain = " ".join("".join(c if c.isalnum() or c in " .'-" else " " for c in name).split())
    while len(plain.encode()) > MAX_SHOWN_BYTES:
        plain = plain[:-1].rstrip()
    return plain or "operator"
