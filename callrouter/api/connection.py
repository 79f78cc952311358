"""The bounds of a client's connection: how many, how long silent, how long unread, how much in a header.

aiohttp bounds a silent client by its keep-alive time, which also covers the first request. What it leaves open is
bounded here: the number of connections, and a client that does not read its answer.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiohttp import web

from callrouter.api import problems
from callrouter.api.middleware import internal_error, secure
from callrouter.api.problems import ApiProblem, Fault, problem_response
from callrouter.routing.values import Language

_log = structlog.get_logger(__name__)

# A log of every request would name incidents and addresses; failures are logged where they happen.
# Outside the hierarchy, so that no configuration of logs turns it on.
_SILENT = logging.Logger("callrouter.api.access", level=logging.CRITICAL + 1)  # noqa: LOG001

HANDSHAKE_S = 5.0
"""A client that has not shown that it speaks TLS by then is cut off."""
CLOSING_S = 2.0
"""Time for the end of a TLS connection."""
WARN_AT = 0.7
"""Part of a limit at which the log says that it comes near."""

_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the REST surface. Times in seconds, sizes in bytes."""

    deadline_s: float = 5
    """A request that is not answered by then is answered with 503; its body must have come by then."""
    slow_deadline_s: float = 60
    """The same for what may take long: verify, publish, replay, a whole table."""
    idle_s: float = 20
    """A connection without a whole request for this long is closed; so is one that never sent one."""
    unread_s: float = 10
    """A client that does not take its answer within this is cut off."""
    stop_s: float = 3
    """Time for running requests when the service stops."""
    connections: int = 256
    """Those that stream do not count here."""
    streams: int = 256
    """Connections whose answer goes on for as long as the client wants."""
    line_bytes: int = 8190
    header_bytes: int = 8190
    headers: int = 64


@dataclass(slots=True)
class Gate:
    """Counts the connections that are open, and apart from them those that stream: neither takes the other's room.

    `refused` and `streams_refused` are those over their limit since the start.
    """

    limits: Limits
    language: Language
    open: set[Connection] = field(default_factory=set)
    streams: set[Connection] = field(default_factory=set)
    refused: int = 0
    streams_refused: int = 0
    _warned: bool = False

    def enter(self, connection: Connection) -> bool:
        """Let a connection in, if there is room."""
        if len(self.open) >= self.limits.connections:
            self.refused += 1
            return False
        self.open.add(connection)
        near = len(self.open) >= self.limits.connections * WARN_AT
        if near and not self._warned:
            _log.warning("api.connections_near_limit", open=len(self.open), limit=self.limits.connections)
        self._warned = near
        return True

    def streams_now(self, connection: Connection) -> bool:
        """Count a connection among those that stream, if there is room."""
        if len(self.streams) >= self.limits.streams:
            self.streams_refused += 1
            return False
        self.open.discard(connection)
        self.streams.add(connection)
        return True

    def leave(self, connection: Connection) -> None:
        """Let a connection go."""
        self.open.discard(connection)
        self.streams.discard(connection)


class Connection(web.RequestHandler):
    """One client's connection."""

    __slots__ = ("_gate", "_stalled", "_streamer", "_turned_away", "_wire")

    def __init__(self, gate: Gate, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        limits = gate.limits
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=limits.idle_s,
            lingering_time=1.0,
            max_line_size=limits.line_bytes,
            max_field_size=limits.header_bytes,
            max_headers=limits.headers,
            access_log=_SILENT,
        )
        self._gate = gate
        self._stalled: asyncio.TimerHandle | None = None
        self._turned_away = False
        self._wire: asyncio.Transport | None = None
        self._streamer: asyncio.Task[object] | None = None

    @property
    def limits(self) -> Limits:
        """The bounds that hold for it."""
        return self._gate.limits

    def stream(self, by: asyncio.Task[object]) -> bool:
        """Begin an answer without an end, if there is room; the task `by` is cancelled when the client has gone.

        Such a connection serves nothing else afterwards: it is closed at the end of the answer.
        """
        if not self._gate.streams_now(self):
            return False
        self._streamer = by
        return True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or turn it away where there are too many."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (create_server makes no other)
        if not self._gate.enter(self):
            self._turned_away = True
            transport.write(_FULL)
            transport.close()
            return
        self._wire = transport
        # Nothing is kept on our side of the wire unnoticed: whatever the kernel does not take starts the clock.
        transport.set_write_buffer_limits(high=0)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Take what the client sends."""
        if not self._turned_away:
            super().data_received(data)

    def pause_writing(self) -> None:
        """Give the client until `unread_s` to take what it asked for."""
        super().pause_writing()
        if self._wire is not None and self._stalled is None:
            self._stalled = asyncio.get_running_loop().call_later(self._gate.limits.unread_s, self._wire.abort)

    def resume_writing(self) -> None:
        """The client has taken everything."""
        super().resume_writing()
        self._calm()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone."""
        self._calm()
        self._gate.leave(self)
        self._wire = None
        if self._streamer is not None:
            self._streamer.cancel()
        if not self._turned_away:
            super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 (aiohttp's text, which quotes the request)
    ) -> web.StreamResponse:
        """Answer what never became a request, or failed outside every handler, with a problem."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun; no other can be sent")
        if status < 500:
            _log.info("api.malformed", peer=request.remote, kind=type(exc).__name__)
            response = problem_response(ApiProblem(Fault(problems.REQUEST_MALFORMED, "")), self._gate.language)
        else:
            reference = secrets.token_hex(8)
            _log.error("api.failed", reference=reference, exc_info=exc)
            response = internal_error(reference, self._gate.language)
        secure(response)
        response.force_close()
        return response

    def _calm(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


class BoundedSite(web.BaseSite):
    """Listens on one address and makes every connection a `Connection`."""

    def __init__(
        self, runner: web.AppRunner, gate: Gate, host: str, port: int, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(runner, ssl_context=tls)
        self._gate = gate
        self._host = host
        self._wanted_port = port
        self.port = port

    @property
    def name(self) -> str:
        """Where it listens."""
        return f"http{'s' if self._ssl_context else ''}://{self._host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises OSError."""
        await super().start()
        loop = asyncio.get_running_loop()
        web_server: Any = self._runner.server
        listening = await loop.create_server(
            lambda: Connection(self._gate, web_server, loop),
            self._host,
            self._wanted_port,
            backlog=self._backlog,
            ssl=self._ssl_context,
            ssl_handshake_timeout=HANDSHAKE_S if self._ssl_context else None,
            ssl_shutdown_timeout=CLOSING_S if self._ssl_context else None,
        )
        self._server = listening
        self.port = listening.sockets[0].getsockname()[1]
