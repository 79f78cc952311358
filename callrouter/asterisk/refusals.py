"""Which calls the PBX's SIP stack refused: found in the messages that it sends and receives.

Such a call never reaches the dialplan, so it has no journal line, no event and no incident; without this it would
leave no trace at all. A caller with no codec in common is the plainest case: 488.
"""

from __future__ import annotations

import ipaddress
import socket
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

import structlog

from callrouter.asterisk.hep import Address, Captured
from callrouter.asterisk.sip import Invite, Reply, read
from callrouter.calls.ports import CallRefused

log = structlog.get_logger(__name__)

MAX_FOLLOWED: Final = 5_000
"""INVITEs remembered. One that is forgotten too early is not counted, or is told from its repetition by its id."""
LOG_EVERY: Final = 1_000

_NAMESPACE: Final = UUID("0d9d5e0e-6a0c-5d5c-9d3e-7f2c54a1f112")
PROOF_US: Final = 5_000_000
"""So long after a challenge, µs, who is who he says has called anew with his proof."""
_CHALLENGE: Final = frozenset({401, 407})
_GIVEN_UP: Final = 487
"""The end of a call that the caller gave up himself."""


def locally_towards(host: str) -> str:
    """Return this machine's address on the way to `host`; empty where there is no way. Sends nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
        except OSError:
            return ""
        own: str = probe.getsockname()[0]
        return own


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """Knows which end of a message is the PBX.

    host, port: where the PBX takes SIP. What it names as its own address in a copy is not `host` in every case but
    what the routing table of its machine gives for the other end (measured on Asterisk 22.10.1: 127.0.0.1 for all of
    127.0.0.0/8); the service runs on that same machine.
    """

    host: str
    port: int
    towards: Callable[[str], str] = locally_towards

    def received(self, captured: Captured) -> bool | None:
        """True if the PBX received the message, False if it sent it, None where that is not to be told."""
        to_us = self._is_own(captured.target, captured.source)
        from_us = self._is_own(captured.source, captured.target)
        return to_us if to_us != from_us else None

    def _is_own(self, end: Address, other: Address) -> bool:
        return end.port == self.port and (end.host == self.host or end.host == self.towards(other.host))


@dataclass(slots=True)
class _Followed:
    """An INVITE that came in. `open` until it was refused, or accepted for the dialplan."""

    source: str
    number: str
    call: bytes
    proven: bool
    open: bool = True


class Refusals:
    """Follows each INVITE that came in to its end, and hands refusals to `put`, each once.

    Refused is an INVITE from outside a call whose first response beyond 100 is final and 400 or above, except 487.
    A challenge (401, 407) asks for a proof: it is a refusal where that was a wrong one, or none comes within
    PROOF_US; the latter is noticed at the next message after that. Anything from 180 on is said by the dialplan (it
    begins with Answer or Progress), so such a call has an incident, and its later 603 is its end; measured on
    Asterisk 22.10.1, which says 100 before it looks for a codec, and nothing at all before a 404. In the 2 ms
    between the call's journal line and its Answer or Progress a hang-up by command would be taken for a refusal.

    Counted is what the service hears of: not what was refused while it was down.

    node:   name of the PBX
    trunks: key of each trunk by its address
    put:    takes a refusal; False where it had no room for it
    For the gauges: `refused` and `lost` (no room) are over since the start, `unplaced` are INVITEs of which it cannot
    be told whether the PBX sent or received them, `followed` of at most MAX_FOLLOWED are remembered.
    """

    def __init__(
        self, node: str, own: OwnAddresses, trunks: Mapping[str, str], put: Callable[[CallRefused], bool]
    ) -> None:
        self.refused = 0
        self.lost = 0
        self.unplaced = 0
        self._node = node
        self._own = own
        self._trunks: dict[str, str] = {}
        self._put = put
        self._invites: OrderedDict[bytes, _Followed] = OrderedDict()
        self._challenged: OrderedDict[bytes, CallRefused] = OrderedDict()
        self.name(trunks)

    def name(self, trunks: Mapping[str, str]) -> None:
        """Take the trunks of another table: key of each by its address."""
        self._trunks = {str(ipaddress.ip_address(host)): key for host, key in trunks.items()}

    @property
    def followed(self) -> int:
        """INVITEs that are remembered."""
        return len(self._invites)

    def see(self, captured: Captured) -> None:
        """Take a message, in the order in which the PBX sent and received them."""
        self._unproven(captured.at - PROOF_US)
        match read(captured.message):
            case Invite() as invite:
                self._invited(invite, captured)
            case Reply() as reply:
                self._replied(reply, captured)
            case None:
                pass

    def _invited(self, invite: Invite, captured: Captured) -> None:
        if invite.in_dialog or invite.key in self._invites:
            return
        received = self._own.received(captured)
        if received is None:
            self.unplaced += 1
            if self.unplaced % LOG_EVERY == 1:
                log.warning(
                    "refusals.unplaced", source=captured.source, target=captured.target, since_start=self.unplaced
                )
        if not received:
            return
        if invite.proven:
            self._challenged.pop(invite.call, None)
        self._invites[invite.key] = _Followed(captured.source.host, invite.number, invite.call, invite.proven)
        if len(self._invites) > MAX_FOLLOWED:
            self._invites.popitem(last=False)

    def _replied(self, reply: Reply, captured: Captured) -> None:
        invite = self._invites.get(reply.key)
        if invite is None or not invite.open or reply.status == 100:
            return
        if captured.target.host != invite.source:  # a caller's forgery: what the PBX answers goes to where he is
            return
        invite.open = False
        if reply.status < 400 or reply.status == _GIVEN_UP:
            return
        note = CallRefused(
            id=uuid5(_NAMESPACE, f"{self._node} {invite.source} {reply.key.hex()}"),
            at=captured.at,
            node=self._node,
            status=reply.status,
            reason=reply.reason,
            trunk=self._trunks.get(invite.source, ""),
            source=invite.source,
            number=invite.number,
        )
        if reply.status not in _CHALLENGE or (invite.proven and not reply.stale):
            self._count(note)
        else:
            self._challenged[invite.call] = note
            if len(self._challenged) > MAX_FOLLOWED:
                self._count(self._challenged.popitem(last=False)[1])

    def _unproven(self, until: int) -> None:
        """Count the challenges that were made before `until` and that nobody answered with a proof."""
        while self._challenged:
            call, note = next(iter(self._challenged.items()))
            if note.at > until:
                return
            del self._challenged[call]
            self._count(note)

    def _count(self, note: CallRefused) -> None:
        self.refused += 1
        log.warning("call.refused", status=note.status, reason=note.reason, trunk=note.trunk, source=note.source)
        if not self._put(note):
            self.lost += 1
