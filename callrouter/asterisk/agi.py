"""The FastAGI server: takes the PBX's questions about arriving calls, one session each.

Of panoramisk stays the route table of its `fast_agi.Application`; reading, deadlines and limits are ours, for the
reasons in tests/protocol/test_fastagi_defects.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache

import structlog
from panoramisk import fast_agi

from callrouter.asterisk.agi_reply import AgiReply, BadHandshake, Environment, check_handshake, parse_environment
from callrouter.asterisk.agi_session import LINGER_S, AgiSession, end_stream, release_stream
from callrouter.calls.ports import CallerGone, LineFailed

__all__ = ["REHEARSAL", "AgiCounters", "AgiReply", "AgiServer", "AgiSession", "Handler"]

REHEARSAL = "rehearsal"
"""The script of a consultation without a caller: by the service itself, and by `callrouter probe`."""

BACKLOG = 1024
MAX_HANDSHAKES = 512
"""Connections that have not yet shown the secret; one more ends the oldest, for a PBX shows it in milliseconds."""
MAX_DISCARD = 256 * 1024
STOP_S = 2.0
"""Seconds that cancelled sessions get to end."""

Handler = Callable[[AgiSession], Awaitable[None]]

log = structlog.get_logger()


@dataclass(slots=True)
class AgiCounters:
    """Connections since the start, by their fate; `open` is the number of sessions now.

    A rehearsal is no session: it is counted as such and nowhere else.
    """

    accepted: int = 0
    refused_peer: int = 0
    refused_secret: int = 0
    refused_full: int = 0
    refused_route: int = 0
    bad_handshake: int = 0
    rehearsals: int = 0
    open: int = 0


class _Routes(fast_agi.Application):  # type: ignore[misc]
    """panoramisk's route table, with a handler of our own."""

    def __init__(self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._serve = serve

    async def handler(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer)

    def endpoint(self, script: str) -> Handler | None:
        found: Handler | None = self._route.get(script.partition("?")[0].strip("/"))
        return found


class AgiServer:
    """Listens for the PBX at `host`:`port` (0: any free port) and runs `handler` for each session.

    secret:       what ``AGI()`` must give as its first argument
    peers:        numeric addresses that may connect; others are closed unheard
    max_sessions: sessions at once; one more is ended as a failure, and the PBX serves that caller alone
    handshake_s, reply_s: seconds for the environment, and for a reply where a command does not say otherwise
    route:        the script's name in the PBX's ``agi://`` URL
    rehearse:     runs for the script `REHEARSAL`; None: there is no such script
    own:          an address that may rehearse and nothing else, where it is not among `peers`: our own

    A session that ends by anything but the handler's return is ended with AGISTATUS=FAILURE.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        secret: str,
        peers: frozenset[str],
        max_sessions: int,
        handler: Handler,
        handshake_s: float = 2.0,
        reply_s: float = 2.0,
        route: str = "incoming",
        rehearse: Handler | None = None,
        own: str | None = None,
    ) -> None:
        """Set up without listening. Raises ValueError for an empty secret or a peer that is no address."""
        if not secret:
            raise ValueError("the AGI server needs a secret")
        self.counters = AgiCounters()
        self._host = host
        self._port = port
        self._secret = secret.encode()
        self._peers = frozenset(_address(peer) for peer in peers)
        self._max_sessions = max_sessions
        self._handshake_s = handshake_s
        self._reply_s = reply_s
        self._scripts = {route: handler} | ({REHEARSAL: rehearse} if rehearse else {})
        self._own = _address(own) if own else None
        self._routes: _Routes | None = None
        self._server: asyncio.Server | None = None
        self._greeting: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._sessions: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._noise = _Noise()
        self._stopping = False

    @property
    def port(self) -> int:
        """The port that is listened on; before `start` the one asked for."""
        if self._server is not None and self._server.sockets:
            port: int = self._server.sockets[0].getsockname()[1]
            return port
        return self._port

    @property
    def listening(self) -> bool:
        """True while calls can ask."""
        return self._server is not None and self._server.is_serving()

    async def start(self) -> None:
        """Listen. Raises OSError if the address cannot be had."""
        self._routes = _Routes(self._connection)
        for script, handler in self._scripts.items():
            self._routes.add_route(script, _endpoint(handler))
        self._server = await asyncio.start_server(self._accept, self._host, self._port, backlog=BACKLOG)
        log.info("agi.listening", host=self._host, port=self.port)

    async def stop(self, grace_s: float) -> None:
        """Stop listening, let sessions finish for `grace_s` seconds, then end the rest as failures."""
        self._stopping = True
        if self._server is not None:
            self._server.close()
        # Who has just come and has not yet shown the secret is a caller, too.
        if busy := {*self._greeting, *self._sessions, *self._ending}:
            await asyncio.wait(busy, timeout=grace_s)
        left = {*self._sessions, *self._greeting, *self._ending}
        if self._sessions:
            log.warning("agi.sessions_cut", sessions=len(self._sessions))
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=STOP_S)
        if self._server is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), STOP_S)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        if self._stopping or not peer:
            writer.transport.abort()
            return
        address = _address(peer[0])
        if address not in self._peers | {self._own} or self._routes is None:
            self.counters.refused_peer += 1
            self._noise.note("refused_peer", peer=address)
            writer.transport.abort()
            return
        if len(self._greeting) >= MAX_HANDSHAKES:
            oldest = next(iter(self._greeting))
            self._greeting.pop(oldest).transport.abort()
            oldest.cancel()
            self._noise.note("handshakes_full", peer=address)
        task = asyncio.get_running_loop().create_task(self._routes.handler(reader, writer))
        self._greeting[task] = writer
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._greeting.pop(task, None)
        self._sessions.discard(task)
        self._ending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("agi.connection_error", exc_info=error)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        try:
            admitted = await self._admit(reader, writer)
            self._greeting.pop(task, None)
            if admitted is None:
                self._ending.add(task)
                end_stream(writer, failure=True)
                await _discard(reader)
                return
            start, rest, endpoint = admitted
            self._sessions.add(task)
            await self._session(AgiSession(reader, writer, start, rest=rest, reply_s=self._reply_s), endpoint, task)
        except asyncio.CancelledError:
            end_stream(writer, failure=True)
            raise
        finally:
            release_stream(writer)

    async def _admit(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[Environment, bytes, Handler] | None:
        """Read the environment and check it; None if this is no session of ours."""
        peer = writer.get_extra_info("peername")
        try:
            async with asyncio.timeout(self._handshake_s):
                block, rest = await _read_environment(reader)
        except (TimeoutError, BadHandshake, OSError) as error:
            self.counters.bad_handshake += 1
            self._noise.note("bad_handshake", peer=peer, reason=str(error) or type(error).__name__)
            return None
        start = parse_environment(block)
        if not (start.args and hmac.compare_digest(start.args[0].encode(), self._secret)):
            self.counters.refused_secret += 1
            self._noise.note("refused_secret", peer=peer)
            return None
        if len(self._sessions) >= self._max_sessions:
            self.counters.refused_full += 1
            self._noise.note("refused_full", sessions=len(self._sessions))
            return None
        script = start.env.get("agi_network_script", "")
        endpoint = self._routes.endpoint(script) if self._routes is not None else None
        if endpoint is None or not (script == REHEARSAL or self._is_peer(peer)):
            self.counters.refused_route += 1
            self._noise.note("refused_route", script=script[:80])
            return None
        return Environment(start.env, start.args[1:]), rest, endpoint

    def _is_peer(self, peer: tuple[str, int]) -> bool:
        return _address(peer[0]) in self._peers

    def _count(self, rehearsal: bool, one: int) -> None:
        if rehearsal:
            self.counters.rehearsals += one > 0
        else:
            self.counters.accepted += one > 0
            self.counters.open += one

    async def _session(self, session: AgiSession, endpoint: Handler, task: asyncio.Task[None]) -> None:
        rehearsal = session.env.get("agi_network_script") == REHEARSAL
        self._count(rehearsal, 1)
        logger = log.bind(channel=session.env.get("agi_channel", ""), uniqueid=session.env.get("agi_uniqueid", ""))
        cause = "error"
        try:
            await endpoint(session)
            cause = "done"
        except CallerGone:
            cause = "caller_gone"
        except LineFailed as error:
            cause = "line_failed"
            logger.warning("agi.line_failed", reason=str(error))
        except asyncio.CancelledError:
            cause = "cancelled"
            raise
        except Exception:
            logger.exception("agi.handler_error")
        finally:
            if cause not in {"done", "caller_gone"}:
                session.fail()
            session.end()
            self._count(rehearsal, -1)
            self._sessions.discard(task)
            self._ending.add(task)
            if not (rehearsal and cause == "done"):
                logger.info("agi.session_ended", cause=cause, failure=session.failed)
            if cause == "cancelled":
                session.release()
        await session.finish()


def _endpoint(handler: Handler) -> Handler:
    async def endpoint(session: AgiSession) -> None:
        await handler(session)

    return endpoint


class _Noise:
    """Logs what strangers can cause at will once a second and kind, with the number left out."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def note(self, kind: str, **facts: object) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._last.get(kind, -1.0) < 1:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        self._last[kind] = now
        log.warning(f"agi.{kind}", left_out=self._left_out.pop(kind, 0), **facts)


async def _read_environment(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    start = b""
    while True:
        data = await reader.read(4096)
        if not data:
            raise BadHandshake("closed before the environment was complete")
        start += data
        begin = check_handshake(start)
        if begin >= 0:
            return start[:begin], start[begin:]


async def _discard(reader: asyncio.StreamReader) -> None:
    """Take what the peer still sends, within limits, so that closing does not take our last word back."""
    left = MAX_DISCARD
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(LINGER_S):
            while left > 0 and (data := await reader.read(65536)):
                left -= len(data)


@lru_cache(256)
def _address(text: str) -> str:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
