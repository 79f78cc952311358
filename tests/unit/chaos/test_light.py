"""A caller without ears sends its INVITE again only while nothing comes back, and the first final answer counts."""

from __future__ import annotations

import asyncio

from chaos.light import Crowd, LightCall
from chaos.peer import headers_of
from demo.addresses import free_port

HOST, CALLERS = "127.0.0.1", "127.0.0.2"
LONGER_THAN_A_REPETITION_S = 0.8


class _Slow(asyncio.DatagramProtocol):
    """Answers an INVITE with 100, and with `finals` a while later."""

    def __init__(self, *finals: str) -> None:
        self._finals = finals
        self.invites = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        head = data.decode().partition("\r\n\r\n")[0].split("\r\n")
        method, headers = head[0].split(" ")[0], headers_of(head[1:])
        if method == "BYE":
            self._answer("200 OK", headers, addr)
        if method != "INVITE":
            return
        self.invites += 1
        self._answer("100 Trying", headers, addr)
        loop = asyncio.get_running_loop()
        for status in self._finals:
            loop.call_later(LONGER_THAN_A_REPETITION_S, self._answer, status, headers, addr)

    def _answer(self, status: str, headers: dict[str, str], addr: tuple[str, int]) -> None:
        lines = [f"SIP/2.0 {status}", *(f"{n}: {headers[n]}" for n in ("via", "from", "to", "call-id", "cseq"))]
        self._transport.sendto("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode(), addr)


async def _called(pbx: _Slow) -> LightCall:
    loop, port = asyncio.get_running_loop(), free_port()
    transport, _ = await loop.create_datagram_endpoint(lambda: pbx, local_addr=(HOST, port))
    try:
        async with Crowd(CALLERS, port, (HOST, port), seed=1) as crowd:
            call = crowd.ring("0811", "1", 0.0, 0.0)
            await crowd.until_all_ended(10)
            assert call.ended
    finally:
        transport.close()
    return call


async def test_an_invite_that_was_heard_of_is_not_sent_again_however_long_the_answer_takes() -> None:
    pbx = _Slow("200 OK")
    call = await _called(pbx)
    assert (call.status, pbx.invites) == (200, 1)
    assert call.answer_s >= LONGER_THAN_A_REPETITION_S


async def test_what_is_refused_behind_an_answer_does_not_undo_it() -> None:
    call = await _called(_Slow("200 OK", "500 Invalid CSeq"))
    assert call.status == 200


async def test_a_call_that_is_refused_keeps_the_answer_it_got() -> None:
    call = await _called(_Slow("503 Service Unavailable", "500 Invalid CSeq"))
    assert call.status == 503
