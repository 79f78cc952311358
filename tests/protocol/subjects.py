"""The two that are put before the same scripted peer: our border, and bare panoramisk 1.4."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
from collections.abc import Callable
from typing import Any, Self

import panoramisk
import pytest
from panoramisk import fast_agi
from structlog.testing import capture_logs

from callrouter.asterisk.agi import AgiServer, AgiSession
from callrouter.asterisk.ami import AmiEvent, AmiLink, AmiRefused, AmiUnavailable
from callrouter.asterisk.quoting import UnsafeArgument
from callrouter.calls.ports import CallerGone, LineFailed
from tests.protocol.peers import SECRET, Conversation, Heard, until


def both(ours: type, bare: type, defect: str) -> pytest.MarkDecorator:
    """Run a test against ours and, expecting its assertion to fail, against panoramisk."""
    expected = pytest.mark.xfail(strict=True, raises=AssertionError, reason=f"panoramisk 1.4: {defect}")
    # What panoramisk leaves behind (tasks, sockets) must not hide whether the assertion failed.
    lenient = pytest.mark.filterwarnings("ignore")
    return pytest.mark.parametrize(
        "subject",
        [pytest.param(ours, id="callrouter"), pytest.param(bare, id="panoramisk", marks=[expected, lenient])],
    )


def agi_row(defect: str) -> pytest.MarkDecorator:
    return both(OurAgi, BareAgi, defect)


def ami_row(defect: str) -> pytest.MarkDecorator:
    return both(OurAmi, BareAmi, defect)


class OurAgi:
    """Our AGI server, running a conversation for each session."""

    def __init__(self, conversation: Conversation) -> None:
        self.routed = 0
        self._conversation = conversation
        self._server = AgiServer(
            "127.0.0.1",
            0,
            secret=SECRET,
            peers=frozenset({"127.0.0.1"}),
            max_sessions=10,
            handler=self._handle,
            handshake_s=1.0,
            reply_s=1.5,
        )

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        return self._server.port

    async def stop(self) -> None:
        await self._server.stop(0)

    async def _handle(self, session: AgiSession) -> None:
        self.routed += 1

        async def ask(command: str, *args: str) -> Heard:
            try:
                reply = await session.command(command, *args)
            except CallerGone:
                return Heard("gone")
            except LineFailed as error:
                return Heard("failed", reason=str(error))
            return Heard("reply", result=reply.result, data=reply.data or "")

        await self._conversation(ask)


class BareAgi:
    """panoramisk's FastAGI application, used as its documentation says."""

    def __init__(self, conversation: Conversation) -> None:
        self.routed = 0
        self._conversation = conversation
        self._tasks: list[asyncio.Task[None]] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        app = fast_agi.Application(loop=asyncio.get_running_loop())
        app.add_route("incoming", self._handle)

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._tasks.append(asyncio.ensure_future(app.handler(reader, writer)))
            self._writers.append(writer)

        self._server = await asyncio.start_server(accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _handle(self, request: Any) -> None:
        self.routed += 1

        async def ask(command: str, *args: str) -> Heard:
            try:
                reply = await request.send_command(" ".join([command, *(f'"{arg}"' for arg in args)]))
            except Exception as error:  # noqa: BLE001
                return Heard("crash", reason=repr(error))
            if reply.get("error") == "AGIResultHangup":
                return Heard("gone")
            if "error" in reply:
                return Heard("failed", reason=reply["error"])
            return Heard("reply", result=reply["result"][0], data=reply["result"][1])

        await self._conversation(ask)


class Answer:
    """What an action brought: ``ok``, ``refused``, ``unavailable`` or ``crash``."""

    def __init__(self, kind: str, fields: dict[str, str] | None = None, events: int = 0, reason: str = "") -> None:
        self.kind = kind
        self.fields = fields or {}
        self.events = events
        self.reason = reason

    def __repr__(self) -> str:
        return f"Answer({self.kind}, {self.fields}, events={self.events}, {self.reason!r})"


class OurAmi:
    """Our link."""

    def __init__(self, port: int, *, on_event: Callable[[str], None] | None = None) -> None:
        self.names: list[str] = []
        self.events: list[AmiEvent] = []
        self.logs: list[Any] = []
        self._on_event = on_event
        self.link = AmiLink(
            host="127.0.0.1",
            port=port,
            username="callrouter",
            secret="secret",
            name="test",
            on_event=self._take,
            on_login=self._nothing,
            ping_s=0.1,
            dead_s=1.0,
            backoff=(0.02, 0.1),
            refused_s=0.2,
        )
        self._stack = contextlib.ExitStack()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.logs = self._stack.enter_context(capture_logs())
        self._task = asyncio.ensure_future(self.link.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self._stack.close()

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def up(self) -> bool:
        return self.link.connected

    @property
    def complaints(self) -> list[str]:
        return [entry["event"] for entry in self.logs if entry["log_level"] in {"error", "critical"}]

    async def ask(self, name: str, listing: str | None = None, **fields: Any) -> Answer:
        try:
            answer = await self.link.action(name, within_s=1.0, listing=listing, **fields)
        except AmiRefused as error:
            return Answer("refused", reason=str(error))
        except (AmiUnavailable, UnsafeArgument) as error:
            return Answer("unavailable", reason=str(error))
        return Answer("ok", answer.fields, len(answer.events))

    def receive(self, *segments: bytes) -> None:
        """Have the connection receive these network segments."""
        connection = self.link._connection
        assert connection is not None
        for segment in segments:
            connection.protocol.data_received(segment)

    def value(self, event: Any, header: str) -> str | None:
        found: str | None = event.fields.get(header)
        return found

    def misspelt(self, event: Any) -> str:
        text: str = event.fields["Uniqueld"]
        return text

    async def _nothing(self) -> None:
        pass

    def _take(self, event: AmiEvent) -> None:
        self.names.append(event.name)
        self.events.append(event)
        if self._on_event is not None:
            self._on_event(event.name)


class BareAmi:
    """panoramisk's manager, used as its documentation says."""

    def __init__(self, port: int, *, on_event: Callable[[str], None] | None = None) -> None:
        self.names: list[str] = []
        self.events: list[Any] = []
        self._records: list[logging.LogRecord] = []
        self._on_event = on_event
        self._port = port
        self._logger = logging.getLogger(f"bare.{port}")
        self._logger.addHandler(_Keep(self._records))
        self.manager: Any = None

    async def __aenter__(self) -> Self:
        self.manager = panoramisk.Manager(
            loop=asyncio.get_running_loop(),
            host="127.0.0.1",
            port=self._port,
            username="callrouter",
            secret="secret",
            ping_delay=1,
            ping_interval=1,
            reconnect_timeout=1,
            log=self._logger,
        )
        self.manager.register_event("*", self._take)
        self.manager.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        manager = self.manager
        manager.connect = lambda: None  # it would connect again after the test
        manager.connection_lost = self._connection_lost
        manager.close()

    def _connection_lost(self, _exc: object) -> None:
        pass

    async def stop(self) -> None:
        self.manager.close()

    @property
    def up(self) -> bool:
        return bool(self.manager._connected and self.manager.authenticated)

    @property
    def complaints(self) -> list[str]:
        return [record.getMessage() for record in self._records if record.levelno >= logging.ERROR]

    async def ask(self, name: str, listing: str | None = None, **fields: Any) -> Answer:  # noqa: ARG002
        try:
            answer = await self.manager.send_action({"Action": name, **fields})
        except Exception as error:  # noqa: BLE001
            return Answer("crash", reason=repr(error))
        first, *rest = answer if isinstance(answer, list) else [answer]
        return Answer("ok" if first.success else "refused", dict(first), max(0, len(rest) - 1))

    def receive(self, *segments: bytes) -> None:
        for segment in segments:
            self.manager.protocol.data_received(segment)

    def value(self, event: Any, header: str) -> str | None:
        found: str | None = event.get(header)
        return found

    def misspelt(self, event: Any) -> str:
        text: str = event.uniqueld
        return text

    async def _take(self, _manager: Any, event: Any) -> None:
        # An event with work to do takes a little longer than the next one.
        if event.event == "First":
            await until(lambda: len(self.names) > 0, 0.2)
        self.names.append(event.event)
        self.events.append(event)


class SyncBareAmi(BareAmi):
    """The same with a plain function as callback."""

    def _take(self, _manager: Any, event: Any) -> None:  # type: ignore[override]
        self.names.append(event.event)
        self.events.append(event)
        if self._on_event is not None:
            self._on_event(event.event)


class _Keep(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)


def survives_copying(event: object) -> bool:
    """True if an event can be copied, as everything that is queued or stored must be."""
    try:
        return copy.deepcopy(event) is not event
    except (RecursionError, TypeError, AttributeError):
        return False
