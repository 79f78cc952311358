"""Listening, stopping, and what a rude client gets."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from structlog.testing import capture_logs

from callrouter.access.model import Role
from callrouter.api.access import PRINCIPAL
from callrouter.api.connection import Limits
from callrouter.api.problems import INCIDENT_UNKNOWN, ApiProblem, Fault
from callrouter.api.server import ApiServer
from callrouter.errors import OperatorError
from tests.api.conftest import Start
from tests.api.fakes import Managed
from tests.api.support import (
    Client,
    FakeBoard,
    FakeCallbacks,
    FakeHealth,
    FakeIncidents,
    FakeRefused,
    FakeSetAside,
    given_call,
    given_detail,
    until,
    validate,
)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def a_server(host: str = "127.0.0.1", port: int = 0) -> ApiServer:
    return ApiServer(
        host,
        port,
        incidents=FakeIncidents(),
        refused_calls=FakeRefused(),
        callbacks=FakeCallbacks(),
        set_aside=FakeSetAside(),
        live=FakeBoard(),
        health=FakeHealth(),
    )


async def connect(server: ApiServer, **options: Any) -> Streams:
    return await asyncio.open_connection("127.0.0.1", server.port, **options)


async def everything(reader: asyncio.StreamReader) -> bytes:
    """Read until the other side closes; a reset is a close too."""
    got = b""
    async with asyncio.timeout(30):
        with suppress(ConnectionError):
            while chunk := await reader.read(65536):
                got += chunk
    return got


async def send(server: ApiServer, raw: bytes) -> bytes:
    """Send `raw` on a connection of its own and return everything that comes back."""
    reader, writer = await connect(server)
    writer.write(raw)
    with suppress(ConnectionError):
        await writer.drain()
    answer = await everything(reader)
    writer.close()
    return answer


def a_request(path: str, managed: Managed) -> bytes:
    """Return an admin's request as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {managed.bearers[Role.ADMIN]}\r\n\r\n".encode()


def a_problem(answer: bytes) -> Any:
    """Return the problem in a raw answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    assert b"X-Content-Type-Options: nosniff" in head
    problem = json.loads(body)
    validate({"$ref": "#/components/schemas/Problem"}, problem)
    return problem


async def test_a_port_in_use_names_the_setting_and_the_remedy(server: ApiServer) -> None:
    second = a_server(port=server.port)
    with pytest.raises(OperatorError) as refused:
        await second.start()
    assert str(server.port) in refused.value.what
    assert "CALLROUTER_API_PORT" in refused.value.what
    assert refused.value.remedy
    await second.stop()


async def test_a_foreign_address_names_the_setting() -> None:
    with pytest.raises(OperatorError, match="CALLROUTER_API_HOST"):
        await a_server(host="192.0.2.1", port=8112).start()


async def test_a_privileged_port_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_args: object, **_options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(asyncio.get_running_loop(), "create_server", refuse)
    with pytest.raises(OperatorError, match=r"CALLROUTER_API_PORT.*privilege"):
        await a_server(port=80).start()


async def test_a_failed_start_can_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = a_server(port=taken.getsockname()[1])
        with pytest.raises(OperatorError):
            await server.start()
    await server.start()
    await server.stop()


async def test_stop_frees_the_port_and_ends_every_connection(start: Start) -> None:
    server = await start()
    reader, writer = await connect(server)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"}")
    port = server.port
    await server.stop()
    assert await everything(reader) == b""
    writer.close()
    await until(lambda: server.connections == 0)
    with socket.create_server(("127.0.0.1", port)):
        pass


async def test_stop_may_be_called_twice_and_before_start() -> None:
    server = a_server()
    await server.stop()
    await server.start()
    await server.stop()
    await server.stop()


async def test_starting_twice_is_a_defect(server: ApiServer) -> None:
    with pytest.raises(RuntimeError, match="already"):
        await server.start()


async def test_stop_waits_a_bounded_time_for_a_request_that_hangs(
    start: Start, incidents: FakeIncidents, managed: Managed
) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    incidents.before_answer = hang
    server = await start(limits=Limits(deadline_s=60, stop_s=0.1))
    _, writer = await connect(server)
    writer.write(a_request("/api/v1/incidents", managed))
    await asyncio.wait_for(began.wait(), 30)
    await asyncio.wait_for(server.stop(), 30)
    await asyncio.wait_for(ended.wait(), 30)
    writer.close()


@pytest.mark.parametrize("path", ["/api/v1/incidents", "/readyz", "/docs", "/nothing", "/api/v1/openapi.json"])
async def test_every_answer_carries_the_security_headers_and_no_cors(client: Client, path: str) -> None:
    reply = await client.ask(path, headers={"Origin": "http://elsewhere.example"})
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert reply.headers["Server"] == "callrouter"
    assert [name for name in reply.headers if name.startswith("Access-Control")] == []


async def test_one_connection_serves_many_requests(server: ApiServer) -> None:
    reader, writer = await connect(server)
    for _ in range(3):
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"}"), 30)
    assert server.connections == 1
    writer.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n",
        b"GET /livez HTTP/9\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(100)) + b"\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["tls", "version", "no-colon", "long-header", "long-line", "many-headers", "smuggling"],
)
async def test_what_is_not_http_is_a_400_problem_and_the_connection_ends(server: ApiServer, raw: bytes) -> None:
    with capture_logs() as logs:
        answer = await send(server, raw)
    # aiohttp answers in HTTP/1.0, which ends the connection: that everything could be read shows that it did.
    assert answer.startswith(b"HTTP/1.0 400 "), answer[:100]
    assert a_problem(answer)["code"] == "request_malformed"
    assert [entry["log_level"] for entry in logs] == ["info"]


async def test_a_megabyte_of_garbage_leaves_the_service_well(server: ApiServer, client: Client) -> None:
    await send(server, b"\xff\x00garbage" * 120_000)
    assert (await client.ask("/livez")).status == 200
    await until(lambda: server.connections <= 1)


async def test_a_great_body_is_refused_without_being_read(server: ApiServer, client: Client) -> None:
    head = b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n"
    answer = await send(server, head + b"x" * 1000)
    assert a_problem(answer)["code"] == "body_unexpected"
    assert (await client.ask("/livez")).status == 200


async def test_an_unknown_expectation_is_not_reflected(server: ApiServer) -> None:
    answer = await send(server, b"GET /livez HTTP/1.1\r\nHost: x\r\nExpect: <b>\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"<b>" not in answer


async def test_a_silent_connection_is_closed(start: Start) -> None:
    server = await start(limits=Limits(idle_s=0.1))
    reader, writer = await connect(server)
    assert await everything(reader) == b""
    writer.close()
    await until(lambda: server.connections == 0)


async def test_a_request_that_never_ends_is_closed(start: Start) -> None:
    server = await start(limits=Limits(idle_s=0.1))
    reader, writer = await connect(server)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    assert await everything(reader) == b""
    writer.close()
    await until(lambda: server.connections == 0)


async def test_one_connection_too_many_is_told_to_come_back_and_room_is_made_again(start: Start) -> None:
    server = await start(limits=Limits(connections=3))
    with capture_logs() as logs:
        held = [await connect(server) for _ in range(3)]
        await until(lambda: server.connections == 3)
        answer = await send(server, b"")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 5" in answer
    assert server.refused == 1
    assert [entry["event"] for entry in logs] == ["api.connections_near_limit"]
    for _, writer in held:
        writer.close()
    await until(lambda: server.connections == 0)
    request = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert (await send(server, request)).startswith(b"HTTP/1.1 200 ")


async def test_a_client_that_does_not_read_is_cut_off(
    start: Start, incidents: FakeIncidents, managed: Managed
) -> None:
    calls = tuple(given_call(n, plan="x" * 2000) for n in range(1000))
    detail = incidents.add(given_detail(1, calls=calls))
    server = await start(limits=Limits(unread_s=0.2, idle_s=60))
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(wire, ("127.0.0.1", server.port))
        await loop.sock_sendall(wire, a_request(f"/api/v1/incidents/{detail.summary.id}", managed) * 8)
        await until(lambda: server.connections == 1)
        await until(lambda: server.connections == 0)


async def test_even_a_small_answer_that_nobody_takes_holds_no_connection(
    start: Start, incidents: FakeIncidents, managed: Managed
) -> None:
    # Less than asyncio's own limit would stay in our buffer unnoticed, and closing waits for it without an end.
    detail = incidents.add(given_detail(1, calls=tuple(given_call(n, plan="x" * 1500) for n in range(20))))
    server = await start(limits=Limits(unread_s=0.2, idle_s=1.0))  # not closed before it has asked
    loop = asyncio.get_running_loop()
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        wire.setblocking(False)
        await loop.sock_connect(wire, ("127.0.0.1", server.port))
        await until(lambda: server.connections == 1)
        ours = next(iter(server._gate.open)).transport
        assert ours is not None
        ours.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        await loop.sock_sendall(wire, a_request(f"/api/v1/incidents/{detail.summary.id}", managed))
        await until(lambda: server.connections == 0)


async def test_further_middleware_stands_inside_of_access_and_before_the_operation(
    start: Start, client: Client, incidents: FakeIncidents
) -> None:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        assert request[PRINCIPAL].role is Role.ADMIN
        if "X-Pass" not in request.headers:
            raise ApiProblem(Fault(INCIDENT_UNKNOWN, "/path/id"))
        return await handler(request)

    server = await start(middleware=[guard])
    guarded = Client(client.session, server.port)
    detail = incidents.add(given_detail(1))
    path = f"/api/v1/incidents/{detail.summary.id}"
    assert (await guarded.ask(path)).json["code"] == "incident_unknown"
    assert (await guarded.ask(path, headers={"X-Pass": "x"})).status == 200
