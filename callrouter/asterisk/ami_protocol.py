"""The manager interface on the wire: messages as values, and one connection.

Of panoramisk stay the asyncio protocol, the manager that hands it actions, and the actions with their ids; one
`AmiConnection` serves one connection only, so nothing can outlive it and be sent again.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import structlog
from panoramisk import actions, ami_protocol, manager

from callrouter.asterisk.quoting import UnsafeArgument, ami_header

MAX_MESSAGE_BYTES = 1024 * 1024
MAX_HEADERS = 100
"""Header lines of one action; Asterisk takes 128 (AST_MAX_MANHEADERS)."""
MAX_PENDING = 1000
MAX_UNSENT_BYTES = 1024 * 1024
MAX_LISTED = 50_000

GATHER_S: Final = 0.02
"""How long events that come behind others wait to be read, while no action waits for its answer.

Some come just before the PBX dials, and to wake up for each took the CPU from it: digit to INVITE, median at 50
calls/s, was 1.49 times that of a bare dialplan; with this and callrouter.asterisk.hep.GATHER_S 1.28 to 1.40 times.
"""

BANNER = b"Asterisk Call Manager/"

KEPT: Final[Mapping[str, frozenset[str]]] = {
    "Status": frozenset({"Event", "Channel", "ChannelState", "ChannelStateDesc", "Linkedid", "Variable"})
}
"""Headers that are kept of such entries of a list: it has two for each call that is up, with forty headers each, and
all are held until its end has come."""

log = structlog.get_logger()

Headers = tuple[tuple[str, str], ...]


class AmiUnavailable(Exception):
    """The PBX cannot be asked now: not logged in, connection lost, or no answer in time. Nothing is sent later."""


class AmiRefused(Exception):
    """The PBX answered with an error; the text is its message."""


@dataclass(frozen=True, slots=True)
class AmiEvent:
    """One event. `fields` has the first value of each header, as spelt by Asterisk; `all` has every value."""

    name: str
    fields: dict[str, str]
    headers: Headers = field(repr=False)

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a repeated header (``ChanVariable``), in order."""
        return tuple(value for key, value in self.headers if key == name)


@dataclass(frozen=True, slots=True)
class AmiAnswer:
    """The answer to an action: its response, and the events of its list without the closing one."""

    fields: dict[str, str]
    headers: Headers = field(repr=False)
    events: tuple[AmiEvent, ...] = ()

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a repeated header (``Output`` of a Command), in order."""
        return tuple(value for key, value in self.headers if key == name)


class BadStream(Exception):
    """What came is not the manager interface."""


class MessageReader:
    """Cuts a stream of bytes into messages. Pure. Text is decoded by whole messages, never by network segments."""

    def __init__(self) -> None:
        self.version = ""
        self._buffer = bytearray()
        self._seen = 0

    def feed(self, data: bytes) -> list[Headers]:
        """Take bytes, give the messages that became complete. Raises BadStream."""
        self._buffer += data
        found: list[Headers] = []
        if not self.version and not self._banner():
            return found
        while (end := self._buffer.find(b"\r\n\r\n", max(0, self._seen - 3))) >= 0:
            found.append(parse_headers(bytes(self._buffer[:end])))
            del self._buffer[: end + 4]
            self._seen = 0
        self._seen = len(self._buffer)
        if self._seen > MAX_MESSAGE_BYTES:
            raise BadStream("a message without end")
        return found

    def _banner(self) -> bool:
        if not self._buffer.startswith(BANNER[: len(self._buffer)]):
            raise BadStream("not Asterisk's manager interface")
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > 200:
                raise BadStream("a greeting without end")
            return False
        self.version = self._buffer[len(BANNER) : end].decode("ascii", "replace") or "?"
        del self._buffer[: end + 2]
        return True


def parse_headers(message: bytes) -> Headers:
    """Return the header lines of one message, in order; bytes that are not UTF-8 become U+FFFD."""
    parted = (line.partition(":") for line in message.decode("utf-8", "replace").split("\r\n"))
    return tuple([(key, value.removeprefix(" ")) for key, colon, value in parted if colon and key])


def _first(headers: Headers) -> dict[str, str]:
    return dict(reversed(headers))  # of one that comes again, what is put in last counts: its first value


@dataclass(slots=True)
class _Pending:
    done: asyncio.Future[AmiAnswer]
    listing: str | None
    response: AmiAnswer | None = None
    events: list[AmiEvent] = field(default_factory=list)


class _Protocol(ami_protocol.AMIProtocol):  # type: ignore[misc]
    """panoramisk's protocol with framing of our own; the parsed messages go to the connection."""

    def __init__(self, connection: AmiConnection) -> None:
        self._connection = connection
        self._reader = MessageReader()
        self._gathers: asyncio.Handle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.factory = self._connection

    def send(self, data: actions.Action, as_list: bool = False) -> asyncio.Future[object]:
        """Write an action. Not the parent's way: that would keep it for sending it again."""
        data.as_list = as_list
        self._read_on()
        self.transport.write(str(data).encode())
        unused: asyncio.Future[object] = data.future
        return unused

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._reader.feed(data)
            if self._reader.version:
                self._connection.greeted.set()
            for headers in messages:
                self._connection.take(headers)
        except BadStream as error:
            log.warning("ami.bad_stream", reason=str(error))
            self.transport.abort()
        else:
            if messages and not self._connection.waits_for_answers and not self.transport.is_closing():
                self.transport.pause_reading()
                self._gathers = asyncio.get_running_loop().call_later(GATHER_S, self._read_on)

    def _read_on(self) -> None:
        if self._gathers is not None:
            self._gathers.cancel()
            self._gathers = None
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._gathers is not None:
            self._gathers.cancel()
        self.closed = True
        self._connection.connection_lost(exc)


class AmiConnection(manager.Manager):  # type: ignore[misc]
    """One connection to the manager interface, from connecting to its loss; then it is thrown away."""

    def __init__(self, host: str, port: int, on_event: Callable[[AmiEvent], None]) -> None:
        """`on_event` is called in order, synchronously; it must not block."""
        super().__init__(
            host=host, port=port, loop=asyncio.get_running_loop(), protocol_factory=lambda: _Protocol(self)
        )
        self.greeted = asyncio.Event()
        self.lost = asyncio.Event()
        self.late_answers = 0
        self._on_event = on_event
        self._pending: dict[str, _Pending] = {}

    @property
    def waits_for_answers(self) -> bool:
        """Whether an action has no answer yet."""
        return bool(self._pending)

    async def open(self, *, within_s: float) -> None:
        """Connect and wait for the greeting. Raises AmiUnavailable."""
        try:
            async with asyncio.timeout(within_s):
                _, self.protocol = await self.loop.create_connection(
                    self.config["protocol_factory"], self.config["host"], self.config["port"]
                )
                await self._either(self.greeted)
        except TimeoutError:
            raise AmiUnavailable(f"no greeting within {within_s:g} s") from None
        except OSError as error:
            raise AmiUnavailable(str(error)) from error

    async def ask(
        self, name: str, fields: dict[str, object], *, within_s: float, listing: str | None = None
    ) -> AmiAnswer:
        """Send an action and return its answer. Raises AmiUnavailable, AmiRefused, UnsafeArgument."""
        action = make_action(name, fields)
        if self.lost.is_set() or self.protocol is None:
            raise AmiUnavailable("not connected")
        transport = self.protocol.transport
        if len(self._pending) >= MAX_PENDING or transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            raise AmiUnavailable("the PBX does not keep up with our actions")
        pending = _Pending(self.loop.create_future(), listing)
        self._pending[action.id] = pending
        try:
            async with asyncio.timeout(within_s):
                self.send_action(action)
                return await pending.done
        except TimeoutError:
            raise AmiUnavailable(f"no answer to {name} within {within_s:g} s") from None
        finally:
            self._pending.pop(action.id, None)

    def take(self, headers: Headers) -> None:
        """Handle one message: an answer, an entry of a list that was asked for, or an event."""
        fields = _first(headers)
        pending = self._pending.get(fields.get("ActionID", ""))
        # The first header tells what a message is: the event OriginateResponse has a header Response, too.
        kind = headers[0][0] if headers else ""
        if kind == "Response":
            if pending is None:
                self.late_answers += 1
            else:
                _respond(pending, AmiAnswer(fields, headers))
        elif kind == "Event":
            event = AmiEvent(fields["Event"], fields, headers)
            # An event may carry an action's id and still be everyone's: OriginateResponse does.
            if pending is None or pending.listing is None or pending.response is None:
                self._on_event(event)
            else:
                _list(pending, event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what waits. There is no reconnect here."""
        self.lost.set()
        reason = f"connection lost ({exc})" if exc else "connection lost"
        for pending in self._pending.values():
            if not pending.done.done():
                pending.done.set_exception(AmiUnavailable(reason))

    def close(self) -> None:
        """Cut the connection at once; nothing more is delivered."""
        self._on_event = _ignore
        if self.protocol is not None:
            self.protocol.transport.abort()

    async def _either(self, event: asyncio.Event) -> None:
        waits = {asyncio.ensure_future(event.wait()), asyncio.ensure_future(self.lost.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self.lost.is_set():
            raise AmiUnavailable("connection closed by the PBX")


def make_action(name: str, fields: dict[str, object]) -> actions.Action:
    """Return the action `name`, ready to send, with an id of its own.

    A list or tuple among the values gives one header line for each. Raises UnsafeArgument.
    """
    headers: dict[str, object] = {"Action": ami_header("Action", name)}
    lines = 2
    for key, value in fields.items():
        if key.lower() in {"action", "actionid"}:
            raise UnsafeArgument(f"{key} is ours to set")
        values = value if isinstance(value, list | tuple) else [value]
        headers[key] = [ami_header(key, one) for one in values]
        lines += len(values)
    if name.lower() == "originate":
        # Without it Asterisk answers when the call has ended, and serves no other action meanwhile.
        headers = {key: value for key, value in headers.items() if key.lower() != "async"} | {"Async": "true"}
    if lines > MAX_HEADERS:
        raise UnsafeArgument(f"more than {MAX_HEADERS} lines in one AMI action")
    return actions.Action(headers)


def _respond(pending: _Pending, answer: AmiAnswer) -> None:
    if pending.done.done():
        return
    if answer.fields["Response"] not in {"Success", "Follows", "Goodbye"}:
        pending.done.set_exception(AmiRefused(answer.fields.get("Message") or answer.fields["Response"]))
    elif pending.listing is None:
        pending.done.set_result(answer)
    else:
        pending.response = answer


def _list(pending: _Pending, event: AmiEvent) -> None:
    if pending.done.done() or pending.response is None:
        return
    if event.name == pending.listing:
        pending.done.set_result(AmiAnswer(pending.response.fields, pending.response.headers, tuple(pending.events)))
    elif len(pending.events) >= MAX_LISTED:
        pending.done.set_exception(AmiUnavailable(f"a list of more than {MAX_LISTED} entries"))
    else:
        pending.events.append(_kept(event))


def _kept(event: AmiEvent) -> AmiEvent:
    wanted = KEPT.get(event.name)
    if wanted is None:
        return event
    headers = tuple(
        _absent(value) if key == "Variable" and value.endswith("=(null)") else (sys.intern(key), value)
        for key, value in event.headers
        if key in wanted
    )
    return AmiEvent(event.name, _first(headers), headers)


@lru_cache(maxsize=256)
def _absent(value: str) -> tuple[str, str]:
    """Return the header of a variable that a channel does not have: most have few of those that are asked for."""
    return "Variable", value


def _ignore(_event: AmiEvent) -> None:
    """Take nothing: the connection is closed."""
