"""An agency's telephones that do what they must not: keep silent, refuse, answer and drop, answer without sound.

A small SIP server (RFC 3261) on UDP, for one trunk. `mode` acts at once on the calls that ring.
"""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self

DROPS_AFTER_S: Final = 0.2
_SOUND_EVERY_S: Final = 0.1
_SOUND: Final = bytes.fromhex("80080000000000000000c4a5") + b"\xd5" * 160
"""One packet of RTP (RFC 3550), A-law: to be there, not to be listened to."""
_TAG: Final = "chaos"
_SHORT: Final = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact"}


class Mode(StrEnum):
    """What it does with a call."""

    RING = "ring"
    SILENT = "silent"
    BUSY = "486 Busy Here"
    UNAVAILABLE = "503 Service Unavailable"
    PROGRESS = "progress"
    DROPS = "drops"
    NO_MEDIA = "no-media"
    ANSWER = "answer"


@dataclass
class _Ringing:
    headers: dict[str, str]
    peer: tuple[str, int]
    contact: str
    media: tuple[str, int] | None
    answered: bool = False
    over: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class Peer(asyncio.DatagramProtocol):
    """An async context manager."""

    def __init__(self, host: str, port: int) -> None:
        self._at = (host, port)
        self._mode = Mode.RING
        self._calls: dict[str, _Ringing] = {}
        self._media: socket.socket | None = None
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=self._at)
        self._media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._media.bind((self._at[0], 0))
        self._media.setblocking(False)
        self._sound = loop.create_task(self._speak())
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.clear()
        self._sound.cancel()
        if self._transport is not None:
            self._transport.close()
        if self._media is not None:
            self._media.close()

    @property
    def mode(self) -> Mode:
        """What it does."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        for call in self._calls.values():
            if not call.answered and not call.over:
                self._act(call)

    def rings_for(self, number: str) -> bool:
        """Return whether this caller's call rings here."""
        return any(
            f"sip:{number}@" in call.headers["from"] and not call.over and not call.answered
            for call in self._calls.values()
        )

    def clear(self) -> None:
        """Forget every call."""
        for call in self._calls.values():
            for task in call.tasks:
                task.cancel()
        self._calls.clear()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take one message."""
        head = data.decode(errors="replace").partition("\r\n\r\n")[0].split("\r\n")
        method = head[0].split(" ")[0]
        headers = headers_of(head[1:])
        if method == "SIP/2.0" or not {"via", "from", "to", "call-id", "cseq"} <= headers.keys():
            return
        call = self._calls.get(headers["call-id"])
        if self._mode is Mode.SILENT and not (call and call.answered):
            return
        match method:
            case "INVITE" if call is None:
                call = _Ringing(headers, addr, headers.get("contact", ""), media_of(data))
                self._calls[headers["call-id"]] = call
                self._send(call, "100 Trying", tag=False)
                self._act(call)
            case "CANCEL" if call is not None:
                self._reply(headers, addr, "200 OK")
                if not call.over and not call.answered:
                    call.over = True
                    self._send(call, "487 Request Terminated")
            case "BYE":
                self._reply(headers, addr, "200 OK")
                if call is not None:
                    call.over = True
                    del self._calls[headers["call-id"]]
            case "OPTIONS":
                self._reply(headers, addr, "200 OK")
            case _:
                pass

    def _act(self, call: _Ringing) -> None:
        match self._mode:
            case Mode.RING:
                self._send(call, "180 Ringing")
            case Mode.BUSY | Mode.UNAVAILABLE:
                call.over = True
                self._send(call, self._mode.value)
            case Mode.PROGRESS:
                self._send(call, "183 Session Progress")
            case Mode.DROPS | Mode.NO_MEDIA | Mode.ANSWER:
                call.answered = True
                self._send(call, "200 OK", sdp=True)
                if self._mode is Mode.DROPS:
                    call.tasks.append(asyncio.get_running_loop().create_task(self._drop(call)))
            case _:
                pass

    async def _speak(self) -> None:
        while True:
            await asyncio.sleep(_SOUND_EVERY_S)
            if self._mode is Mode.ANSWER and self._media is not None:
                for call in self._calls.values():
                    if call.answered and not call.over and call.media is not None:
                        with suppress(OSError):
                            self._media.sendto(_SOUND, call.media)

    async def _drop(self, call: _Ringing) -> None:
        await asyncio.sleep(DROPS_AFTER_S)
        if call.over:
            return
        call.over = True
        target = re.search(r"<?(sip:[^>;]+)", call.contact)
        host, port = self._at
        lines = [
            f"BYE {target[1] if target else 'sip:pbx'} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-{abs(hash(call.headers['call-id']))}",
            f"From: {call.headers['to']};tag={_TAG}",
            f"To: {call.headers['from']}",
            f"Call-ID: {call.headers['call-id']}",
            "CSeq: 1 BYE",
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
        self._out("\r\n".join([*lines, "", ""]), call.peer)

    def _send(self, call: _Ringing, status: str, *, sdp: bool = False, tag: bool = True) -> None:
        self._reply(call.headers, call.peer, status, body=self._sdp() if sdp else "", tag=tag)

    def _reply(
        self, headers: dict[str, str], peer: tuple[str, int], status: str, *, body: str = "", tag: bool = True
    ) -> None:
        to = headers["to"] + (f";tag={_TAG}" if tag and ";tag=" not in headers["to"] else "")
        lines = [
            f"SIP/2.0 {status}",
            f"Via: {headers['via']}",
            f"From: {headers['from']}",
            f"To: {to}",
            f"Call-ID: {headers['call-id']}",
            f"CSeq: {headers['cseq']}",
            f"Contact: <sip:{self._at[0]}:{self._at[1]}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self._out("\r\n".join([*lines, "", body]), peer)

    def _sdp(self) -> str:
        assert self._media is not None
        host = self._at[0]
        lines = [
            *("v=0", f"o=chaos 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"),
            f"m=audio {self._media.getsockname()[1]} RTP/AVP 8 101",
            *("a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=sendrecv", ""),
        ]
        return "\r\n".join(lines)

    def _out(self, text: str, peer: tuple[str, int]) -> None:
        if self._transport is not None:
            with suppress(OSError):
                self._transport.sendto(text.encode(), peer)


def media_of(message: bytes) -> tuple[str, int] | None:
    """Return where an SDP (RFC 4566) wants its sound."""
    text = message.decode(errors="replace")
    host, port = re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE), re.search(r"^m=audio (\d+)", text, re.MULTILINE)
    return (host[1], int(port[1])) if host and port else None


def headers_of(lines: list[str]) -> dict[str, str]:
    """Return the first header of each name, small letters."""
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        found.setdefault(_SHORT.get(name.lower(), name.lower()), value.strip())
    return found
