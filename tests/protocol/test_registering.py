"""A REGISTER in the name of a telephone: proven by the stronger digest, sent again, and refused with its reason."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from callrouter.asterisk.registering import NoRegistrar, NotRegistered, Registration, may_be_sent, register
from callrouter.vault import REALM, digests

SECRET = "secret of op1"
WANTED = Registration("op1", digests("op1", SECRET), "sip:op1@10.0.0.1:5060;transport=udp", "put-back-1-ab", 43_200)
BOTH = ("SHA-256", "MD5")
Reply = Callable[[str], str | None]
"""What is answered to a message: status and further headers; None: nothing."""


class _Registrar(asyncio.DatagramProtocol):
    def __init__(self, reply: Reply) -> None:
        self.heard: list[str] = []
        self._reply = reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: object) -> None:
        text = data.decode()
        self.heard.append(text)
        told = self._reply(text)
        if told is not None:
            status, _, more = told.partition("\r\n")
            kept = re.findall(r"^(?:Via|From|To|Call-ID|CSeq): .*$", text.replace("\r\n", "\n"), re.MULTILINE)
            lines = [f"SIP/2.0 {status}", *kept, *more.splitlines(), "Content-Length: 0", "", ""]
            self._transport.sendto("\r\n".join(lines).encode(), address)  # type: ignore[attr-defined]


@asynccontextmanager
async def registrar(reply: Reply) -> AsyncIterator[tuple[_Registrar, int]]:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Registrar(reply), local_addr=("127.0.0.1", 0)
    )
    try:
        yield protocol, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def challenge(*algorithms: str, realm: str = REALM) -> str:
    lines = [
        f'WWW-Authenticate: Digest realm="{realm}",nonce="1/n",opaque="o",algorithm={one},qop="auth"'
        for one in algorithms
    ]
    return "\r\n".join(["401 Unauthorized", *lines])


def proven(text: str) -> bool:
    """Return whether the message proves by RFC 7616 that its sender knows the secret."""
    said = dict(re.findall(r'(\w+)="?([^",\r]+)', text.partition("Authorization: Digest ")[2].partition("\r\n")[0]))
    if not said:
        return False

    def digest(of: str) -> str:
        return hashlib.new(said["algorithm"].replace("-", "").lower(), of.encode(), usedforsecurity=False).hexdigest()

    first, what = digest(f"{said['username']}:{REALM}:{SECRET}"), digest(f"REGISTER:{said['uri']}")
    return str(said["response"]) == digest(
        f"{first}:{said['nonce']}:{said['nc']}:{said['cnonce']}:{said['qop']}:{what}"
    )


@pytest.mark.parametrize(("asked", "by"), [(BOTH, "SHA-256"), (BOTH[::-1], "SHA-256"), (("MD5",), "MD5")])
async def test_telephone_is_logged_in_by_the_strongest_digest_that_is_asked_for(
    asked: tuple[str, ...], by: str
) -> None:
    async with registrar(lambda text: "200 OK" if proven(text) else challenge(*asked)) as (pbx, port):
        await register("127.0.0.1", port, WANTED)
    assert f"algorithm={by}" in pbx.heard[-1]
    assert f"Contact: <{WANTED.contact}>\r\n" in pbx.heard[-1]
    assert "Call-ID: put-back-1-ab\r\n" in pbx.heard[-1]
    assert SECRET not in "".join(pbx.heard)


async def test_lost_datagram_is_sent_again() -> None:
    seen: list[str] = []

    def late(text: str) -> str | None:
        seen.append(text)
        return None if len(seen) == 1 else "200 OK" if proven(text) else challenge("MD5")

    async with registrar(late) as (_, port):
        await register("127.0.0.1", port, WANTED, within_s=30)
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (lambda _text: "403 Forbidden", "403 Forbidden"),
        (lambda _text: challenge("MD5"), "401"),  # the secret is another
        (lambda _text: challenge("MD5", realm="elsewhere"), "a proof that we do not have"),
        (lambda _text: challenge("SHA-512-256"), "a proof that we do not have"),
    ],
    ids=["forbidden", "wrong", "realm", "algorithm"],
)
async def test_refusal_is_told(reply: Reply, why: str) -> None:
    async with registrar(reply) as (_, port):
        with pytest.raises(NotRegistered, match=why) as told:
            await register("127.0.0.1", port, WANTED)
    assert not isinstance(told.value, NoRegistrar)


async def test_nothing_that_answers_is_told_in_time() -> None:
    async with registrar(lambda _text: None) as (_, port):
        with pytest.raises(NoRegistrar):
            await register("127.0.0.1", port, WANTED, within_s=0.05)
    with pytest.raises(NoRegistrar):  # nobody listens there
        await register("127.0.0.1", port, WANTED, within_s=1)


async def test_answer_to_another_question_is_none() -> None:
    garbage = ["SIP/2.0", "\x00", "200 OK", "SIP/2.0 200 OK\r\nCall-ID: other\r\nCSeq: 1 REGISTER\r\n\r\n"]

    class Strange(_Registrar):
        def datagram_received(self, data: bytes, address: object) -> None:
            for text in garbage:
                self._transport.sendto(text.encode(), address)  # type: ignore[attr-defined]
            super().datagram_received(data, address)

    loop = asyncio.get_running_loop()
    transport, pbx = await loop.create_datagram_endpoint(
        lambda: Strange(lambda text: "200 OK" if proven(text) else challenge("MD5")), local_addr=("127.0.0.1", 0)
    )
    await register("127.0.0.1", transport.get_extra_info("sockname")[1], WANTED)
    transport.close()
    assert proven(pbx.heard[-1])


@pytest.mark.parametrize(
    "contact", ["sip:a@b>\r\nX: y", "sip:a@b> ,<sip:c@d", 'sip:"a"@b', "tel:112", "sip:" + "a" * 400, "sip:ä@b", ""]
)
async def test_address_that_could_say_more_than_an_address_is_never_sent(contact: str) -> None:
    assert not may_be_sent(contact)
    async with registrar(lambda _text: "200 OK") as (pbx, port):
        wanted = Registration("op1", WANTED.digests, contact, "x", 60)
        with pytest.raises(NotRegistered):
            await register("127.0.0.1", port, wanted)
    assert pbx.heard == []
