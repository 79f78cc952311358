"""One SIP question to the PBX's own port: does its SIP stack answer at all? A Local channel does not come by it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from time import monotonic
from typing import Final
from uuid import uuid4

from callrouter.bilingual import Bilingual, reason

WITHIN_S: Final = 3.0
AGAIN_S: Final = 0.5
"""T1 of RFC 3261: a datagram may be lost, and is sent again."""


class NoSip(Exception):
    """There was no answer; `why` for a person."""

    def __init__(self, why: Bilingual) -> None:
        super().__init__(why.en)
        self.why = why


async def ask_options(host: str, port: int, *, within_s: float = WITHIN_S) -> tuple[int, float]:
    """Send OPTIONS (RFC 3261, section 11) by UDP; return the status of the answer and the milliseconds it took.

    Any answer will do: we are no trunk, so that the PBX may refuse. Raises NoSip.
    """
    loop = asyncio.get_running_loop()
    asked = _Asked(f"{uuid4()}@probe.invalid", loop.create_future())
    began = monotonic()
    try:
        transport, _ = await loop.create_datagram_endpoint(lambda: asked, remote_addr=(host, port))
        try:
            async with asyncio.timeout(within_s):
                while not asked.answer.done():
                    transport.sendto(_options(host, port, transport.get_extra_info("sockname"), asked.call_id))
                    await asyncio.wait({asked.answer}, timeout=AGAIN_S)
                return asked.answer.result(), (monotonic() - began) * 1000
        finally:
            transport.close()
    except TimeoutError:
        raise NoSip(
            Bilingual(f"tidak ada jawaban dalam {within_s:g} detik", f"no answer within {within_s:g} s")
        ) from None
    except OSError as error:
        raise NoSip(reason(error)) from None


class _Asked(asyncio.DatagramProtocol):
    def __init__(self, call_id: str, answer: asyncio.Future[int]) -> None:
        self.call_id = call_id
        self.answer = answer

    def datagram_received(self, data: bytes, _address: object) -> None:
        if not data.startswith(b"SIP/2.0 ") or self.call_id.encode() not in data or self.answer.done():
            return
        with contextlib.suppress(ValueError):
            self.answer.set_result(int(data[8:11]))

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


def _options(host: str, port: int, own: tuple[str, int], call_id: str) -> bytes:
    to, us = f"{_in_uri(host)}:{port}", f"{_in_uri(own[0])}:{own[1]}"
    lines = (
        f"OPTIONS sip:{to} SIP/2.0",
        f"Via: SIP/2.0/UDP {us};rport;branch=z9hG4bK{uuid4().hex}",
        "Max-Forwards: 1",
        f"From: <sip:callrouter-probe@{us}>;tag={uuid4().hex[:8]}",
        f"To: <sip:{to}>",
        f"Call-ID: {call_id}",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:callrouter-probe@{us}>",
        "User-Agent: callrouter probe",
        "Content-Length: 0",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def _in_uri(host: str) -> str:
    return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
