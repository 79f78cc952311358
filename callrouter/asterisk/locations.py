"""Where callers are, by the INVITEs of trunks whose word is believed: found in the PBX's copies of SIP messages.

The PBX's own reader of locations is not loaded: a document that it does not expect ends the PBX (docs/adr/0009).
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import structlog

from callrouter.asterisk.hep import Captured
from callrouter.asterisk.pidf import civic_address
from callrouter.asterisk.sip import MAX_HEAD, MAX_LINES, headers
from callrouter.calls.location import CivicAddress
from callrouter.routing.directory import Trunk

log = structlog.get_logger(__name__)

WAIT_S: Final = 0.3
"""How long a call waits for the copy of its INVITE, where the PBX says that a location came with it. The copy is
sent before the dialplan begins, and is there first (docs/adr/0009); what is not there by then was lost."""
MAX_KEPT: Final = 1_000
"""Locations kept until their calls ask."""
MAX_CALL_ID: Final = 200
"""Bytes of a Call-ID that the dialplan hands over."""
LOG_EVERY: Final = 1_000

_HEADERS: Final = {
    b"call-id": b"call-id",
    b"i": b"call-id",
    b"content-type": b"content-type",
    b"c": b"content-type",
    b"content-length": b"content-length",
    b"l": b"content-length",
    b"geolocation": b"geolocation",
}
_END: Final = re.compile(rb"\r?\n\r?\n")
_LINE_END: Final = re.compile(rb"\r?\n")

_Key = tuple[str, str]


class Locations:
    """Keeps the civic address of each INVITE that brings a location, until its call asks for it.

    trunks: those of the table; the word of one with `trusted_identity` is believed
    For the gauges: `seen` (INVITEs with a location, of such trunks) and `lost` (calls whose copy never came) are over
    since the start; `kept` of at most MAX_KEPT wait for their calls.
    """

    def __init__(self, trunks: Iterable[Trunk], wait_s: float = WAIT_S) -> None:
        self.seen = 0
        self.lost = 0
        self._wait_s = wait_s
        self._trusted: dict[str, str] = {}
        self._kept: OrderedDict[_Key, CivicAddress | None] = OrderedDict()
        self._awaited: dict[_Key, asyncio.Future[CivicAddress | None]] = {}
        self.trust(trunks)

    def trust(self, trunks: Iterable[Trunk]) -> None:
        """Take the trunks of another table."""
        self._trusted = {str(ipaddress.ip_address(t.host)): t.key for t in trunks if t.trusted_identity}

    @property
    def kept(self) -> int:
        """Locations whose calls have not asked yet."""
        return len(self._kept)

    def see(self, captured: Captured) -> None:
        """Take a message that the PBX sent or received. Raises nothing for anything in it."""
        trunk = self._trusted.get(captured.source.host)
        message = captured.message.lstrip(b"\r\n")
        if trunk is None or not message.startswith(b"INVITE "):
            return
        head, *body = _END.split(message, 1)
        told = headers(_LINE_END.split(head[:MAX_HEAD], MAX_LINES)[1:], _HEADERS)
        if not body or b"geolocation" not in told or b"call-id" not in told:
            return
        key = trunk, told[b"call-id"][:MAX_CALL_ID].decode("utf-8", "replace")
        if key in self._kept:  # sent again before its call asked
            return
        self.seen += 1
        self._found(
            key, civic_address(told[b"geolocation"], told.get(b"content-type", b""), _of_length(body[0], told))
        )

    async def of(self, trunk: str, call_id: str) -> CivicAddress | None:
        """Return what came with the INVITE of that Call-ID on that trunk; None where it told no civic address.

        It is told once. Waits for the copy at most `wait_s`.
        """
        key = trunk, call_id
        if key in self._kept:
            return self._kept.pop(key)
        awaited = self._awaited.setdefault(key, asyncio.get_running_loop().create_future())
        try:
            done, _ = await asyncio.wait((awaited,), timeout=self._wait_s)
        finally:
            self._awaited.pop(key, None)
        if done:
            return awaited.result()
        self.lost += 1
        if self.lost % LOG_EVERY == 1:
            log.warning("location.lost", trunk=trunk, since_start=self.lost)
        return None

    def _found(self, key: _Key, address: CivicAddress | None) -> None:
        awaited = self._awaited.get(key)
        if awaited is not None:
            if not awaited.done():
                awaited.set_result(address)
            return
        self._kept[key] = address
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)


def _of_length(body: bytes, told: dict[bytes, bytes]) -> bytes:
    """Return the body alone: by TCP the next message may stand behind it."""
    length = told.get(b"content-length", b"")
    return body[: int(length)] if length.isdigit() and len(length) < 10 else body
