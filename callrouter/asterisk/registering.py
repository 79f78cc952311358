"""One REGISTER to the PBX in the name of an operator's telephone, by the digests that are kept of his secret.

It is how a contact comes back to a running PBX: what is written into AstDB beside it is never asked whether it is
there, so no queue would ring it (pjsip_options.c takes contacts over when it hears of them by the registrar alone).
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import re
import secrets
from dataclasses import dataclass
from typing import Final

from callrouter.vault import REALM, Digests

WITHIN_S: Final = 2.0
AGAIN_S: Final = 0.5
"""T1 of RFC 3261: a datagram may be lost, and is sent again."""
MAX_URI: Final = 400
_URI: Final = re.compile(r"sips?:[!#-;=?-~]+")
"""What can stand in angle brackets: visible ASCII, but for quotes and the brackets themselves."""
_STATUS: Final = re.compile(r"SIP/2\.0 ([1-6][0-9][0-9]) ?(.*)")
_CHALLENGE: Final = re.compile(r"WWW-Authenticate:[ \t]*Digest[ \t]+(.+)", re.IGNORECASE)
_PARAMETER: Final = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,"]+))')


class NotRegistered(Exception):
    """The PBX did not take it; the text says why."""


class NoRegistrar(NotRegistered):
    """Nothing answered."""


@dataclass(frozen=True, slots=True)
class Registration:
    """Whose telephone is reached where. expires_s: what is asked for; the PBX has its own time.

    call_id: names the registration; the PBX keeps it with the contact
    """

    operator: str
    digests: Digests
    contact: str
    call_id: str
    expires_s: int


def may_be_sent(contact: str) -> bool:
    """Return whether a contact's address can be sent back as it is."""
    return len(contact) <= MAX_URI and _URI.fullmatch(contact) is not None


async def register(host: str, port: int, wanted: Registration, *, within_s: float = WITHIN_S) -> None:
    """Log in by UDP (RFC 3261, section 10, with RFC 8760). Raises NotRegistered, NoRegistrar.

    host: a numeric address; it is sent from there, too, where that can be: no trunk is known by it
    """
    if not may_be_sent(wanted.contact):
        raise NotRegistered("its address cannot be sent")
    asked = _Asked(wanted.call_id)
    transport = await _connected(asked, host, port)
    message = _Message(host, port, transport.get_extra_info("sockname"), wanted)
    try:
        async with asyncio.timeout(within_s):
            answer = await asked.ask(transport, message.text(1, ""))
            if answer.status == 401:
                answer = await asked.ask(transport, message.text(2, _proof(answer, message.to, wanted)))
    except TimeoutError:
        raise NoRegistrar(f"no answer within {within_s:g} s") from None
    except OSError as error:
        raise NoRegistrar(str(error)) from None
    finally:
        transport.close()
    if answer.status != 200:
        raise NotRegistered(f"{answer.status} {answer.reason}")


async def _connected(asked: _Asked, host: str, port: int) -> asyncio.DatagramTransport:
    loop = asyncio.get_running_loop()
    for own in ((host, 0), None):  # the PBX may be on another machine
        try:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: asked, local_addr=own, remote_addr=(host, port)
            )
        except OSError as error:
            why = str(error)
        else:
            return transport
    raise NoRegistrar(why)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    reason: str
    challenges: tuple[dict[str, str], ...]


class _Asked(asyncio.DatagramProtocol):
    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self._cseq = 0
        self._answer: asyncio.Future[_Answer] | None = None

    async def ask(self, transport: asyncio.DatagramTransport, message: bytes) -> _Answer:
        """Send it until a final answer comes. Raises OSError; the caller has the deadline."""
        self._cseq += 1
        self._answer = asyncio.get_running_loop().create_future()
        while not self._answer.done():
            transport.sendto(message)
            await asyncio.wait({self._answer}, timeout=AGAIN_S)
        return self._answer.result()

    def datagram_received(self, data: bytes, _address: object) -> None:
        if self._answer is None or self._answer.done():
            return
        lines = data.decode("utf-8", "replace").split("\r\n")
        ours = (f"Call-ID: {self._call_id}", f"CSeq: {self._cseq} REGISTER")
        status = _STATUS.fullmatch(lines[0])
        if status is None or int(status[1]) < 200 or not all(line in lines for line in ours):
            return
        found = (m for line in lines if (m := _CHALLENGE.fullmatch(line)))
        self._answer.set_result(_Answer(int(status[1]), status[2][:60], tuple(_parameters(m[1]) for m in found)))

    def error_received(self, exc: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc)


def _parameters(challenge: str) -> dict[str, str]:
    return {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(challenge)}


def _proof(answer: _Answer, uri: str, wanted: Registration) -> str:
    """Return the header that proves it (RFC 7616), by the stronger digest that is asked for. Raises NotRegistered."""
    by_algorithm = {one.get("algorithm", "MD5").upper(): one for one in answer.challenges}
    for algorithm, secret in (("SHA-256", wanted.digests.sha256), ("MD5", wanted.digests.md5)):
        asked = by_algorithm.get(algorithm)
        if asked is None or asked.get("realm") != REALM or "auth" not in asked.get("qop", "").split(","):
            continue
        nonce, cnonce = asked.get("nonce", ""), secrets.token_hex(8)
        what = _digest(algorithm, f"REGISTER:{uri}")
        response = _digest(algorithm, f"{secret}:{nonce}:00000001:{cnonce}:auth:{what}")
        opaque = f', opaque="{asked["opaque"]}"' if "opaque" in asked else ""
        return (
            f'Authorization: Digest username="{wanted.operator}", realm="{REALM}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm={algorithm}, cnonce="{cnonce}", qop=auth, nc=00000001{opaque}\r\n'
        )
    raise NotRegistered("the PBX asks for a proof that we do not have")


def _digest(algorithm: str, text: str) -> str:
    if algorithm == "MD5":
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return hashlib.sha256(text.encode()).hexdigest()


class _Message:
    def __init__(self, host: str, port: int, own: tuple[str, int], wanted: Registration) -> None:
        self.to = f"sip:{_in_uri(host)}:{port}"
        self._us = f"{_in_uri(own[0])}:{own[1]}"
        self._of = f"<sip:{wanted.operator}@{_in_uri(host)}:{port}>"
        self._tag = secrets.token_hex(4)
        self._wanted = wanted

    def text(self, cseq: int, proof: str) -> bytes:
        wanted = self._wanted
        lines = (
            f"REGISTER {self.to} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._us};rport;branch=z9hG4bK{secrets.token_hex(16)}",
            "Max-Forwards: 1",
            f"From: {self._of};tag={self._tag}",
            f"To: {self._of}",
            f"Call-ID: {wanted.call_id}",
            f"CSeq: {cseq} REGISTER",
            f"Contact: <{wanted.contact}>",
            f"Expires: {wanted.expires_s}",
            "User-Agent: callrouter",
        )
        return ("\r\n".join(lines) + f"\r\n{proof}Content-Length: 0\r\n\r\n").encode()


def _in_uri(host: str) -> str:
    return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host


__all__ = ["NoRegistrar", "NotRegistered", "Registration", "may_be_sent", "register"]
