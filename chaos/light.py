"""Many callers without ears: each rings 112, presses a digit (RFC 4733), stays a while, and hangs up.

A SIP client (RFC 3261) on one UDP socket, for the load of the monkey: thousands of calls cost little.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Self

from chaos.peer import headers_of, media_of

_AGAIN_S: Final = (0.5, 1.0, 2.0, 4.0, 4.0)
"""Messages that nobody answers are sent again (timer A); an INVITE only until anything comes back (17.1.1.2). Sent
again behind the 200 it is not taken for a repetition by the PBX, which answers 500 Invalid CSeq.
"""
_FINAL_S: Final = 32.0
"""For the final answer to an INVITE, once there is a provisional one."""
_RTP: Final = struct.Struct("!BBHII")
_EVENT: Final = struct.Struct("!BBH")
_EVENT_TYPE: Final = 101
_TICK: Final = 160
_BURST: Final = 64


@dataclass
class LightCall:
    """One call. status: of the final answer to its INVITE (0: none), which took `answer_s`."""

    number: str
    id: str
    status: int = 0
    answer_s: float = 0.0
    to: str = ""
    target: str = ""
    media: tuple[str, int] | None = None
    ended: bool = False
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    bye_answered: asyncio.Event = field(default_factory=asyncio.Event)


class Crowd(asyncio.DatagramProtocol):
    """An async context manager. host: the trunk's address that they call from; pbx: where they call."""

    def __init__(self, host: str, port: int, pbx: tuple[str, int], seed: int) -> None:
        self._host, self._port, self._pbx = host, port, pbx
        self._random = random.Random(seed)  # noqa: S311 - calls that can be made again
        self._calls: dict[str, LightCall] = {}
        self.calls: list[LightCall] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self._host, self._port))
        self._media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._media.bind((self._host, 0))
        return self

    async def __aexit__(self, *_error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._transport.close()
        self._media.close()

    def ring(self, number: str, digit: str, think_s: float, stay_s: float) -> LightCall:
        """Begin a call: after the answer, `think_s` until the digit, then `stay_s` until it hangs up."""
        call = LightCall(number, f"{number}-{self._random.getrandbits(64):x}@{self._host}")
        self._calls[call.id] = call
        self.calls.append(call)
        task = asyncio.get_running_loop().create_task(self._live(call, digit, think_s, stay_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return call

    async def until_all_ended(self, within: float) -> None:
        """Wait for the calls that are up; what still is then, is left."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)

    async def _live(self, call: LightCall, digit: str, think_s: float, stay_s: float) -> None:
        begun = time.monotonic()
        try:
            await self._until(call.heard, lambda: self._invite(call))
            if call.heard.is_set():
                await _happens(call.answered, _FINAL_S)
            call.answer_s = time.monotonic() - begun
            if call.status != 200:
                return
            if not await _happens(call.over, think_s):
                await self._press(call, digit)
                await _happens(call.over, stay_s)
            if not call.over.is_set():
                await self._until(call.bye_answered, lambda: self._request(call, "BYE", 2))
        finally:
            call.ended = True
            self._calls.pop(call.id, None)

    async def _until(self, event: asyncio.Event, send: Callable[[], None]) -> None:
        for wait in _AGAIN_S:
            send()
            if await _happens(event, wait):
                return

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take one message."""
        head = data.decode(errors="replace").partition("\r\n\r\n")[0].split("\r\n")
        headers = headers_of(head[1:])
        call = self._calls.get(headers.get("call-id", ""))
        if not head[0].startswith("SIP/2.0"):
            self._reply(head[0], headers, addr)
            if call is not None and head[0].startswith("BYE"):
                call.over.set()
            return
        status = int(head[0].split(" ")[1])
        if call is None:
            return
        if "BYE" in headers.get("cseq", ""):
            call.bye_answered.set()
            return
        call.heard.set()
        if status < 200 or call.status not in (0, status):
            return  # the first final answer counts
        call.to, call.status = headers.get("to", ""), status
        call.target = headers.get("contact", "").strip("<>").partition(">")[0]
        if status == 200:
            call.media = media_of(data)
        self._request(call, "ACK", 1)
        call.answered.set()

    def _reply(self, line: str, headers: dict[str, str], addr: tuple[str, int]) -> None:
        if line.startswith("ACK"):
            return
        names = ("via", "from", "to", "call-id", "cseq")
        lines = ["SIP/2.0 200 OK", *(f"{n}: {headers.get(n, '')}" for n in names), "Content-Length: 0", "", ""]
        self._transport.sendto("\r\n".join(lines).encode(), addr)

    def _invite(self, call: LightCall) -> None:
        port = self._media.getsockname()[1]
        host = self._host
        sdp = [
            *("v=0", f"o=many 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"),
            f"m=audio {port} RTP/AVP 8 {_EVENT_TYPE}",
            *("a=rtpmap:8 PCMA/8000", f"a=rtpmap:{_EVENT_TYPE} telephone-event/8000", "a=sendrecv", ""),
        ]
        self._request(call, "INVITE", 1, "\r\n".join(sdp))

    def _request(self, call: LightCall, method: str, number: int, body: str = "") -> None:
        host, port = self._pbx
        uri = f"sip:112@{host}:{port}"
        lines = [
            f"{method} {call.target or uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._host}:{self._port};branch=z9hG4bK{method}{call.id.partition('@')[0]};rport",
            "Max-Forwards: 70",
            f"From: <sip:{call.number}@{self._host}>;tag=many",
            f"To: {call.to or f'<{uri}>'}",
            f"Call-ID: {call.id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:{call.number}@{self._host}:{self._port}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self._transport.sendto("\r\n".join([*lines, "", body]).encode(), self._pbx)

    async def _press(self, call: LightCall, digit: str) -> None:
        """100 ms of the digit, and its end three times (RFC 4733, section 2.5.1.4)."""
        if call.media is None:
            return
        begun = self._random.getrandbits(31)
        ssrc = self._random.getrandbits(32)
        for n in range(8):
            last = n >= 5
            duration = _TICK * (min(n, 5) + 1)
            marker = _EVENT_TYPE | (0x80 if n == 0 else 0)
            packet = _RTP.pack(0x80, marker, n, begun, ssrc) + _EVENT.pack(
                int(digit), (0x80 if last else 0) | 10, duration
            )
            with suppress(OSError):
                self._media.sendto(packet, call.media)
            await asyncio.sleep(0.02)


async def _happens(event: asyncio.Event, within: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), within)
    except TimeoutError:
        return False
    return True
