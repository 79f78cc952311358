"""A telephone whose every SIP message a test can choose: what no decent one sends, and what the PBX says to it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import re
import secrets
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final, cast

from demo.addresses import SIP_PORT
from demo.softphone import NET_S
from demo.softphone.tones import tone_pcm
from tests.pbx.ground import header

FRAME_S: Final = 0.020
REPEATED_S: Final = 5.0
"""After which a repeated INVITE that got no answer of its own is repeated once more."""
_FRAME: Final = 160


def alaw(sample: int) -> int:
    """Return a 16-bit sample as A-law (ITU-T G.711, section 3)."""
    size, exponent = (sample if sample >= 0 else ~sample) >> 4, 0
    if size > 15:
        exponent = size.bit_length() - 4
        size = (size >> (exponent - 1)) & 0x0F
    return (size | exponent << 4 | (0x80 if sample >= 0 else 0)) ^ 0x55


@dataclass
class WireCall:
    """One call: its dialog (RFC 3261, section 12), and what came in it."""

    phone: WirePhone
    call_id: str
    ours: str
    theirs: str
    target: str
    caller: bool
    cseq: int = 1
    answered: bool = False
    ended: bool = False
    invite: str = ""
    notified: list[str] = field(default_factory=list)

    async def request(self, method: str, more: str = "", body: str = "") -> str:
        """Send a request in the dialog and return its final response."""
        self.cseq += 1
        return await self.phone.ask(
            method, self.target, self.ours, self.theirs, self.call_id, self.cseq, more=more, body=body
        )

    async def hold(self) -> None:
        """Put the other side on hold: send, and want nothing back (RFC 3264, section 8.4)."""
        more = f"Contact: {self.phone.contact}\r\nContent-Type: application/sdp\r\n"
        answer = await self.request("INVITE", more, self.phone.sdp("sendonly"))
        assert status(answer) == 200, answer
        self.phone.acknowledge(self)

    async def refer(self, to: str, more: str = "") -> int:
        """Transfer the other side (RFC 3515); return what became of it: the refusal, or what NOTIFY said last.

        Where that is success it hangs up, as telephones do.
        """
        answer = await self.request("REFER", f"Contact: {self.phone.contact}\r\nRefer-To: {to}\r\n{more}")
        if status(answer) != 202:
            return status(answer)
        told = await self.transferred()
        if told == 200:
            await self.hangup()
        return told

    async def hand_over(self, to: str) -> None:
        """Transfer the other side, and hang up without waiting for what becomes of it."""
        answer = await self.request("REFER", f"Contact: {self.phone.contact}\r\nRefer-To: {to}\r\n")
        assert status(answer) == 202, answer
        await self.hangup()

    async def transferred(self) -> int:
        """Return the last status that the NOTIFYs of a REFER told."""

        def told() -> list[int]:
            found = [re.search(r"\r\n\r\nSIP/2\.0 (\d+)", text) for text in self.notified]
            return [int(one[1]) for one in found if one and int(one[1]) >= 200]

        await self.phone.until(lambda: bool(told()) or self.ended)
        return told()[-1] if told() else 0

    async def hangup(self) -> None:
        """BYE, unless the call is over."""
        if not self.ended:
            self.ended = True
            await self.request("BYE")

    @property
    def replaces(self) -> str:
        """What names this dialog to the PBX (RFC 3891): its To tag is the PBX's own."""
        return f"{self.call_id};to-tag={tag(self.theirs)};from-tag={tag(self.ours)}"


class WirePhone(asyncio.DatagramProtocol):
    """At `host` and `port`, speaking to the PBX at `pbx`. secret: of the digest, where it is asked for one."""

    def __init__(
        self, host: str, pbx: str, user: str, *, secret: str = "", tone_hz: int = 0, port: int = SIP_PORT
    ) -> None:
        self.host, self.port, self.pbx, self.user, self.secret = host, port, pbx, user, secret
        self.calls: list[WireCall] = []
        self.heard: list[str] = []
        self.came: list[bytes] = []
        self.redirect = ""
        """Where a call is sent on to by 302 instead of being answered (RFC 3261, section 21.3.3)."""
        self.redirected = 0
        self.rtp_peer: tuple[str, int] | None = None
        self._answers: dict[str, asyncio.Queue[str]] = {}
        self._invite = ""
        self._numbers = itertools.count(1)
        self._pulse = asyncio.Event()
        self._tone = packets(tone_hz) if tone_hz else []

    @property
    def contact(self) -> str:
        """Where it is reached."""
        return f"<sip:{self.user}@{self.host}:{self.port}>"

    @contextlib.asynccontextmanager
    async def plugged(self) -> AsyncIterator[WirePhone]:
        """Listen until the context is left; calls that are up are ended."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, self.port))
        media, ear = await loop.create_datagram_endpoint(lambda: _Ear(self), local_addr=(self.host, 0))
        self._media = media
        self._rtp_port = int(media.get_extra_info("sockname")[1])
        del ear
        speaking = asyncio.create_task(self._speak())
        try:
            yield self
        finally:
            for call in self.calls:
                with contextlib.suppress(TimeoutError):
                    await call.hangup()
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            transport.close()
            media.close()

    # ------------------------------------------------------------------ what it does
    async def register(self, *, user: str | None = None, expires: int = 60) -> int:
        """Register; return the status of the last answer."""
        who = user or self.user
        us = f"<sip:{who}@{self.pbx}>"
        answer = await self.tried(
            "REGISTER", f"sip:{self.pbx}", us, us, more=f"Contact: {self.contact}\r\nExpires: {expires}\r\n"
        )
        return status(answer)

    async def call(
        self, number: str = "112", *, more: str = "", sdp: str | None = None, call_id: str = ""
    ) -> tuple[int, WireCall]:
        """Call; return the final status, and the call."""
        return await self.invite(f"sip:{number}@{self.pbx}:{SIP_PORT}", more=more, sdp=sdp, call_id=call_id)

    async def invite(
        self, uri: str, *, us: str | None = None, more: str = "", sdp: str | None = None, call_id: str = ""
    ) -> tuple[int, WireCall]:
        """Call `uri` as `us`; return the final status, and the call."""
        ours = us or f"<sip:{self.user}@{self.host}>"
        call_id = call_id or secrets.token_hex(8)
        ours = f"{ours};tag={secrets.token_hex(4)}"
        body = self.sdp() if sdp is None else sdp
        kind = "Content-Type: application/sdp\r\n" if body else ""
        cseq = 1
        more = f"Contact: {self.contact}\r\n{kind}{more}"
        answer = await self.ask("INVITE", uri, ours, f"<{uri}>", call_id, cseq, more=more, body=body)
        if status(answer) == 401 and self.secret:
            cseq = 2
            proof = self._proof(answer, "INVITE", uri)
            answer = await self.ask("INVITE", uri, ours, f"<{uri}>", call_id, cseq, more=more + proof, body=body)
        call = WireCall(self, call_id, ours, header(answer, "To"), uri, caller=True, cseq=cseq, invite=answer)
        if status(answer) == 200:
            call.target = _uri(header(answer, "Contact"))
            call.answered = True
            self._remember(answer)
            self.acknowledge(call)
            self.calls.append(call)
        return status(answer), call

    async def repeat(self, call: WireCall) -> int:
        """Send the INVITE of `call`, the last one, as the network may: again. Return the final status it gets.

        What has the To tag of `call` is its own 200, sent again: by a PBX that has not read our ACK yet, or that
        took the INVITE for one of the same transaction. It is sent until there is another answer.
        """
        answers = self._answers[f"{call.call_id} {call.cseq} INVITE"]
        async with asyncio.timeout(NET_S):
            while True:
                self._transport.sendto(self._invite.encode(), (self.pbx, SIP_PORT))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(REPEATED_S):
                        while status(answer := await answers.get()) < 200 or header(answer, "To") == call.theirs:
                            pass
                    return status(answer)

    def acknowledge(self, call: WireCall) -> None:
        """Send the ACK of the call's last INVITE, which was answered by 200."""
        self._say(f"ACK {call.target} SIP/2.0", call.ours, call.theirs, call.call_id, f"{call.cseq} ACK")

    async def until_incoming(self, *, within: float = NET_S) -> WireCall:
        """Wait for a call that came in since the last `forget`; it is answered at once."""
        await self.until(lambda: any(not c.caller for c in self.calls), within=within)
        return next(c for c in reversed(self.calls) if not c.caller)

    async def until(self, test: Callable[[], object], *, within: float = NET_S) -> None:
        """Wait until `test()` holds. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while not test():
                self._pulse.clear()
                await self._pulse.wait()

    async def tried(self, method: str, uri: str, us: str, them: str, *, more: str = "") -> str:
        """Ask outside any call, with the secret where that is asked for; return the last answer."""
        call_id = secrets.token_hex(8)
        us = f"{us};tag={secrets.token_hex(4)}"
        answer = await self.ask(method, uri, us, them, call_id, 1, more=more)
        if status(answer) == 401 and self.secret:
            answer = await self.ask(method, uri, us, them, call_id, 2, more=more + self._proof(answer, method, uri))
        return answer

    async def ask(
        self, method: str, uri: str, us: str, them: str, call_id: str, cseq: int, *, more: str = "", body: str = ""
    ) -> str:
        """Send a request; return its final response, acknowledged where that is wanted. Raises TimeoutError."""
        key = f"{call_id} {cseq} {method}"
        queue = self._answers.setdefault(key, asyncio.Queue())
        branch = self._say(f"{method} {uri} SIP/2.0", us, them, call_id, f"{cseq} {method}", more=more, body=body)
        async with asyncio.timeout(NET_S):
            while status(answer := await queue.get()) < 200:
                pass
        if method == "INVITE" and status(answer) >= 300:
            self._say(f"ACK {uri} SIP/2.0", us, header(answer, "To"), call_id, f"{cseq} ACK", branch=branch)
        return answer

    # ------------------------------------------------------------------ what comes
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode("utf-8", "replace")
        self.heard.append(text)
        if text.startswith("SIP/2.0 "):
            key = f"{header(text, 'Call-ID')} {header(text, 'CSeq')}"
            if key in self._answers:
                self._answers[key].put_nowait(text)
        else:
            self._take(text, addr)
        self._pulse.set()

    def _take(self, text: str, addr: tuple[str, int]) -> None:
        method = text.partition(" ")[0]
        call = next((c for c in self.calls if c.call_id == header(text, "Call-ID")), None)
        if method == "INVITE":
            self._invited(text, addr, call)
        elif method != "ACK":
            if call is not None and method == "NOTIFY":
                call.notified.append(text)
            if call is not None and method == "BYE":
                call.ended = True
            self._reply("200 OK", text, addr)

    def _invited(self, text: str, addr: tuple[str, int], call: WireCall | None) -> None:
        if call is None:
            ours = f"{header(text, 'To')};tag={secrets.token_hex(4)}"
            call = WireCall(
                self, header(text, "Call-ID"), ours, header(text, "From"), _uri(header(text, "Contact")), caller=False
            )
            call.invite = text
            if self.redirect:
                self.redirected += 1
                more = f"Contact: <{self.redirect}>\r\n"
                self._reply("302 Moved Temporarily", text, addr, to=call.ours, more=more)
                return
            self.calls.append(call)
            self._reply("180 Ringing", text, addr, to=call.ours)
        self._remember(text)
        call.answered = True
        more = f"Contact: {self.contact}\r\nContent-Type: application/sdp\r\n"
        self._reply("200 OK", text, addr, to=call.ours if not call.caller else None, more=more, body=self.sdp())

    # ------------------------------------------------------------------ on the wire
    def _say(
        self,
        first: str,
        us: str,
        them: str,
        call_id: str,
        cseq: str,
        *,
        more: str = "",
        body: str = "",
        branch: str = "",
    ) -> str:
        branch = branch or f"z9hG4bK{secrets.token_hex(8)}"
        text = (
            f"{first}\r\nVia: SIP/2.0/UDP {self.host}:{self.port};rport;branch={branch}\r\nMax-Forwards: 70\r\n"
            f"From: {us}\r\nTo: {them}\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\n{more}"
            f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
        )
        self._transport.sendto(text.encode(), (self.pbx, SIP_PORT))
        if first.startswith("INVITE "):
            self._invite = text
        return branch

    def _reply(
        self, said: str, request: str, addr: tuple[str, int], *, to: str | None = None, more: str = "", body: str = ""
    ) -> None:
        kept = "".join(f"{name}: {header(request, name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
        text = (
            f"SIP/2.0 {said}\r\n{kept}To: {to or header(request, 'To')}\r\n{more}"
            f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
        )
        self._transport.sendto(text.encode(), addr)

    def _proof(self, answer: str, method: str, uri: str) -> str:
        """RFC 7616, section 3.4.1, with MD5."""
        asked = dict(re.findall(r'(\w+)="?([^",]*)"?', _challenge(answer)))

        def hashed(value: str) -> str:
            return hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()

        ours, theirs = hashed(f"{self.user}:{asked['realm']}:{self.secret}"), hashed(f"{method}:{uri}")
        response = hashed(f"{ours}:{asked['nonce']}:00000001:c0ffee:auth:{theirs}")
        opaque = f', opaque="{asked["opaque"]}"' if "opaque" in asked else ""
        return (
            f'Authorization: Digest username="{self.user}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", '
            f'uri="{uri}", response="{response}", algorithm=MD5, cnonce="c0ffee", qop=auth, nc=00000001{opaque}\r\n'
        )

    def sdp(self, direction: str = "sendrecv") -> str:
        """Return what it offers or answers for its sound."""
        return (
            f"v=0\r\no=- 1 {next(self._numbers)} IN IP4 {self.host}\r\ns=-\r\nc=IN IP4 {self.host}\r\nt=0 0\r\n"
            f"m=audio {self._rtp_port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
            f"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na={direction}\r\n"
        )

    def _remember(self, text: str) -> None:
        where, port = (
            re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE),
            re.search(r"^m=audio (\d+)", text, re.MULTILINE),
        )
        if where and port:
            self.rtp_peer = (where[1].strip(), int(port[1]))

    async def _speak(self) -> None:
        due = asyncio.get_running_loop().time()
        for n in itertools.count():
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            if self.rtp_peer is not None and self._tone:
                head = struct.pack("!BBHII", 0x80, 8, n & 0xFFFF, n * _FRAME & 0xFFFFFFFF, 0x0112)
                self._media.sendto(head + self._tone[n % len(self._tone)], self.rtp_peer)


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, phone: WirePhone) -> None:
        self._phone = phone

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - as asyncio calls it
        self._phone.came.append(data)


def packets(tone_hz: int) -> list[bytes]:
    """Return a tone as the payloads of RTP packets of 20 ms, which may be repeated without a seam."""
    pcm = tone_pcm(tone_hz)
    sound = bytes(alaw(sample) for (sample,) in struct.iter_unpack("<h", pcm))
    whole = sound * (_FRAME if len(sound) % _FRAME else 1)
    return [whole[at : at + _FRAME] for at in range(0, len(whole), _FRAME)]


def _challenge(answer: str) -> str:
    """Return the challenge for MD5 among those of a 401."""
    asked: list[str] = re.findall(r"^WWW-Authenticate: *(.*?)\r?$", answer, re.MULTILINE | re.IGNORECASE)
    return next(one for one in asked if "MD5" in one.upper() or "algorithm" not in one.lower())


def _uri(contact: str) -> str:
    found = re.search(r"<([^>]*)>", contact)
    return found[1] if found else contact.partition(";")[0].strip()


def tag(address: str) -> str:
    """Return the tag of a From or To."""
    found = re.search(r";tag=([^;>\s]+)", address)
    return found[1] if found else ""


def status(answer: str) -> int:
    """Return the status of a response."""
    return int(answer.split(" ", 2)[1])
