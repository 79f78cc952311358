"""What a running PBX shows of itself, compared field by field with what a table asks of it.

AMI Reload answers Success to everything; what counts is what the PBX shows afterwards.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from callrouter.asterisk.ami import AmiAnswer, AmiLink, AmiRefused
from callrouter.asterisk.provisioned import OperatorEntry, TrunkEntry
from callrouter.asterisk.render import Rendered
from callrouter.bilingual import Bilingual

WITHIN_S: Final = 10.0
LAST: Final = ".last"
"""Ends the name of a group's second queue: the last resort's."""
OURS: Final = "callrouter-"
"""Begins the name of the queue that proves that queues.conf was read to its end."""
_SECRET: Final = frozenset({"Password", "PasswordDigest"})

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of the PBX that is not as wanted: which ("trunk-telco"), which field of it, both values."""

    part: str
    field: str
    wanted: str
    shown: str

    def said(self) -> Bilingual:
        """Return it as a sentence; a secret is never shown."""
        if self.field in _SECRET:
            return Bilingual(
                f"{self.part}: {self.field} lain dari yang diminta", f"{self.part}: another {self.field}"
            )
        return Bilingual(
            f"{self.part}: {self.field} diminta {self.wanted!r}, PBX menunjukkan {self.shown!r}",
            f"{self.part}: {self.field} should be {self.wanted!r}, the PBX shows {self.shown!r}",
        )


class ReadBack:
    """Asks a running PBX for trunks, operators, queues and the dialplan's variables. Every method raises
    AmiUnavailable.

    keeper, hands: links of those users
    """

    def __init__(self, keeper: AmiLink, hands: AmiLink) -> None:
        self._keeper = keeper
        self._hands = hands

    async def differences(self, wanted: Rendered) -> tuple[Difference, ...]:
        """Return everything in which the PBX is not as wanted; empty: it is."""
        queues = await self.queues()
        names = await self._endpoints()
        registrations = await self._registrations()
        shown = {name: await self.variable(name) for name in wanted.globals}
        found = [
            *_queues(wanted, queues),
            *_differing("globals", wanted.globals, shown),
            *_names({t.name for t in wanted.trunks} | {o.key for o in wanted.operators}, names),
        ]
        for trunk in (t for t in wanted.trunks if t.name in names):
            found += _of_trunk(trunk, wanted, await self._endpoint(trunk.name))
            found += _registration(trunk, registrations.get(trunk.name))
        for operator in (o for o in wanted.operators if o.key in names):
            found += _of_operator(operator, wanted, await self._endpoint(operator.key))
        return tuple(found)

    async def queues(self) -> dict[str, int]:
        """Return its queues by name, and how many callers each has."""
        answer = await self._hands.action("QueueStatus", within_s=WITHIN_S, listing="QueueStatusComplete")
        return {e.fields["Queue"]: int(e.fields["Calls"]) for e in answer.events if e.name == "QueueParams"}

    async def variable(self, name: str) -> str:
        """Return the value of a global variable of the dialplan."""
        return (await self._hands.action("Getvar", within_s=WITHIN_S, Variable=name)).fields.get("Value", "")

    async def _endpoints(self) -> frozenset[str]:
        answer = await self._listed("PJSIPShowEndpoints", "EndpointListComplete")
        return frozenset(e.fields["ObjectName"] for e in answer.events if e.name == "EndpointList")

    async def _registrations(self) -> dict[str, Fields]:
        answer = await self._listed("PJSIPShowRegistrationsOutbound", "OutboundRegistrationDetailComplete")
        return {e.fields["ObjectName"]: e.fields for e in answer.events if e.name == "OutboundRegistrationDetail"}

    async def _endpoint(self, name: str) -> dict[str, Fields]:
        """Return the parts of an endpoint, by event; its address records by their names."""
        answer = await self._listed("PJSIPShowEndpoint", "EndpointDetailComplete", Endpoint=name)
        return {e.fields["ObjectName"] if e.name == "AorDetail" else e.name: e.fields for e in answer.events}

    async def _listed(self, action: str, listing: str, **fields: object) -> AmiAnswer:
        try:
            return await self._keeper.action(action, within_s=WITHIN_S, listing=listing, **fields)
        except AmiRefused:  # the PBX's way to say that there is none
            return AmiAnswer({}, ())


def group_of(queue: str) -> str | None:
    """Return the ring group a queue belongs to; None for one that is no group's."""
    return None if queue.startswith(OURS) else queue.removesuffix(LAST)


def _queues(wanted: Rendered, shown: Container[str]) -> Iterator[Difference]:
    needed = [f"{group}{end}" for group in wanted.groups for end in ("", LAST)]
    for name in (*needed, f"{OURS}{wanted.sentinels['queues.conf']}"):
        if name not in shown:
            yield Difference("queues.conf", name, "a queue", "none")


def _names(wanted: Iterable[str], shown: frozenset[str]) -> Iterator[Difference]:
    for name in sorted(frozenset(wanted) ^ shown):
        there = name in shown
        yield Difference("pjsip.conf", name, "none" if there else "an endpoint", "an endpoint" if there else "none")


def _differing(part: str, wanted: Fields, shown: Fields | None) -> Iterator[Difference]:
    for field, value in wanted.items():
        seen = (shown or {}).get(field, "")
        if seen != value:
            yield Difference(part, field, value, seen)


def _of_trunk(trunk: TrunkEntry, wanted: Rendered, shown: dict[str, Fields]) -> Iterator[Difference]:
    endpoint = {
        "Transport": trunk.transport,
        "Context": trunk.context,
        "Allow": f"({'|'.join(trunk.codecs)})",
        "DtmfMode": trunk.dtmf,
        "TrustIdInbound": _flag(trunk.trusted_identity),
        "IdentifyBy": "ip",
        "AllowTransfer": "false",
        "DirectMedia": "false",
        "SendPai": "false",
        "Auth": "",
        "Aors": ",".join(trunk.aors),
        "FromUser": trunk.presented_number or "",
        "OutboundAuth": trunk.name if trunk.login else "",
        "Language": wanted.language,
        "SetVar": _variables(trunk.variables),
    }
    yield from _differing(trunk.name, endpoint, shown.get("EndpointDetail"))
    for aor in trunk.aors:
        asked = str(trunk.qualify_s if aor == trunk.watch else 0)
        yield from _differing(aor, {"Contacts": f"{aor}/{trunk.uri}", "QualifyFrequency": asked}, shown.get(aor))
    seen = shown.get("IdentifyDetail", {})
    yield from _differing(trunk.name, {"Match": trunk.host}, {"Match": _one_address(seen.get("Match", ""))})
    if trunk.login:
        auth = {"AuthType": "digest", "Username": trunk.login.username, "Password": trunk.password}
        yield from _differing(trunk.name, auth, shown.get("AuthDetail"))


def _registration(trunk: TrunkEntry, shown: Fields | None) -> Iterator[Difference]:
    if trunk.login is None or not trunk.login.register_here:
        if shown is not None:
            yield Difference(trunk.name, "registration", "none", shown.get("ServerUri", ""))
        return
    wanted = {
        "ServerUri": trunk.uri,
        "ClientUri": trunk.client_uri,
        "Expiration": str(trunk.login.expires_s),
        "OutboundAuth": trunk.name,
        "Transport": trunk.transport,
    }
    yield from _differing(f"{trunk.name} registration", wanted, shown)


def _of_operator(operator: OperatorEntry, wanted: Rendered, shown: dict[str, Fields]) -> Iterator[Difference]:
    endpoint = {
        "Context": "callrouter-from-operator",
        "Allow": "(alaw|ulaw)",
        "IdentifyBy": "username",
        "Auth": operator.key,
        "Aors": operator.key,
        "Callerid": f'"{operator.shown}" <{operator.key}>',
        "Language": wanted.language,
        "SetVar": _variables(operator.variables),
    }
    yield from _differing(operator.key, endpoint, shown.get("EndpointDetail"))
    yield from _differing(operator.key, {"MaxContacts": "1"}, shown.get(operator.key))
    auth = {
        "Username": operator.key,
        "Realm": wanted.realm,
        "Password": "",
        "PasswordDigest": f"MD5:{operator.digests.md5},SHA-256:{operator.digests.sha256}",
    }
    yield from _differing(operator.key, auth, shown.get("AuthDetail"))


def _variables(variables: Fields) -> str:
    return ",".join(f"{name}={value}" for name, value in variables.items())


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _one_address(match: str) -> str:
    """Return the address of ``address/mask`` where the mask lets in no other one; else the text as it is."""
    host, _, mask = match.partition("/")
    try:
        address, all_of_it = ipaddress.ip_address(host), ipaddress.ip_address(mask)
    except ValueError:
        return match
    return str(address) if int(all_of_it) == (1 << all_of_it.max_prefixlen) - 1 else match
