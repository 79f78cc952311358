"""Scripted peers: Asterisk's side of an AGI session and of the manager interface, as small as they can be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self

SECRET = "s3cret-of-the-test"
LIMIT_S = 5.0
SILENCE_S = 2.0

ENV = {
    "agi_network": "yes",
    "agi_network_script": "incoming",
    "agi_request": "agi://127.0.0.1/incoming",
    "agi_channel": "PJSIP/carrier-00000001",
    "agi_language": "id",
    "agi_type": "PJSIP",
    "agi_uniqueid": "1790000000.1",
    "agi_version": "22.10.1",
    "agi_callerid": "+62341555000",
    "agi_calleridname": "unknown",
    "agi_callingpres": "0",
    "agi_context": "callrouter-112",
    "agi_extension": "112",
    "agi_threadid": "140000000000000",
}


async def until(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> bool:
    """Wait until `condition` holds; False if it does not within `limit_s` seconds."""
    end = asyncio.get_running_loop().time() + limit_s
    while not condition():
        if asyncio.get_running_loop().time() > end:
            return False
        await asyncio.sleep(0.005)
    return True


class FakeChannel:
    """Asterisk's side of one AGI session."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.lines: list[str] = []

    async def say(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # the server may have had enough
            self.writer.write(data)
            await self.writer.drain()

    async def greet(self, env: dict[str, str | bytes] | None = None, args: tuple[str, ...] = (SECRET,)) -> None:
        await self.say(environment(env, args))

    async def hear(self) -> str:
        """Return the next line the server sends; empty at its end, or if it stays silent."""
        try:
            line = await asyncio.wait_for(self.reader.readline(), SILENCE_S)
        except (TimeoutError, ConnectionError):
            return ""
        text = line.decode().removesuffix("\n")
        if text:
            self.lines.append(text)
        return text

    async def answer(self, *replies: bytes) -> None:
        """Answer the next commands, one reply each."""
        for reply in replies:
            if not await self.hear():
                return
            await self.say(reply)

    async def last_words(self, limit_s: float = LIMIT_S) -> bytes | None:
        """Return all that comes until the server closes; None if it does not close."""
        try:
            return await asyncio.wait_for(self.reader.read(), limit_s)
        except TimeoutError:
            return None
        except ConnectionError:
            return b""

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


def environment(env: dict[str, str | bytes] | None = None, args: tuple[str, ...] = (SECRET,)) -> bytes:
    """Return the environment as Asterisk sends it."""
    pairs = {**ENV, **(env or {}), **{f"agi_arg_{n}": arg for n, arg in enumerate(args, 1)}}
    lines = [
        key.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) for key, value in pairs.items()
    ]
    return b"\n".join(lines) + b"\n\n"


@contextlib.asynccontextmanager
async def channel(port: int, *, local: str = "127.0.0.1") -> AsyncIterator[FakeChannel]:
    """Connect to an AGI server, from the address `local`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(local, 0))
    fake = FakeChannel(reader, writer)
    try:
        yield fake
    finally:
        await fake.close()


Sent = list[tuple[str, str]]


def field(action: Sent, name: str) -> str:
    """Return the first value of a header of an action, by any spelling; empty where it is missing."""
    return next((value for key, value in action if key.lower() == name.lower()), "")


class FakeManager:
    """Asterisk's side of the manager interface. Logs in whoever asks, answers Ping, and the rest by `replies`."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.actions: list[Sent] = []
        self.replies: dict[str, Callable[[str], bytes | None]] = {}
        self.greeting = b"Asterisk Call Manager/11.0.0\r\n"
        self.accept_login = True
        self.mute = False
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shut()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
        self.drop()

    def drop(self) -> None:
        """Cut every connection."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def send(self, *messages: str | bytes) -> None:
        """Send messages to every connection."""
        for writer in self._writers:
            for message in messages:
                writer.write(message if isinstance(message, bytes) else packet(message))
            await writer.drain()

    def count(self, action: str) -> int:
        return sum(field(sent, "Action").lower() == action.lower() for sent in self.actions)

    async def wait_for(self, action: str, times: int = 1, limit_s: float = LIMIT_S) -> bool:
        return await until(lambda: self.count(action) >= times, limit_s)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        writer.write(self.greeting)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                block = await reader.readuntil(b"\r\n\r\n")
                lines = [line.partition(": ") for line in block.decode().strip().split("\r\n")]
                action: Sent = [(key, value) for key, _, value in lines]
                self.actions.append(action)
                if not self.mute and (reply := self._reply(action)) is not None:
                    writer.write(reply)
                    await writer.drain()
        writer.close()

    def _reply(self, action: Sent) -> bytes | None:
        name, number = field(action, "Action").lower(), field(action, "ActionID")
        if name in self.replies:
            return self.replies[name](number)
        if name == "login" and not self.accept_login:
            return packet(f"Response: Error\nActionID: {number}\nMessage: Authentication failed")
        if name == "login":
            return packet(f"Response: Success\nActionID: {number}\nMessage: Authentication accepted")
        if name == "ping":
            return packet(f"Response: Success\nActionID: {number}\nPing: Pong\nTimestamp: 1.000001")
        return packet(f"Response: Success\nActionID: {number}\nMessage: done")


def packet(*messages: str) -> bytes:
    """Return messages, written here with plain line feeds, as the manager interface sends them."""
    return "".join(message.replace("\n", "\r\n") + "\r\n\r\n" for message in messages).encode()


def says(*messages: str) -> Callable[[str], bytes]:
    """Return a reply for `FakeManager.replies`; ``{id}`` in it becomes the action's id."""
    return lambda number: packet(*(message.replace("{id}", number) for message in messages))


def silent(_number: str) -> None:
    """Give no reply, as a stalled PBX does."""


Conversation = Callable[[Callable[..., Awaitable["Heard"]]], Awaitable[None]]


class Heard:
    """What a session heard on a command: ``reply``, ``gone``, ``failed`` or ``crash`` with the details it has."""

    def __init__(self, kind: str, *, result: str = "", data: str = "", reason: str = "") -> None:
        self.kind = kind
        self.result = result
        self.data = data
        self.reason = reason

    def __repr__(self) -> str:
        return f"Heard({self.kind}, result={self.result!r}, data={self.data!r}, {self.reason!r})"
