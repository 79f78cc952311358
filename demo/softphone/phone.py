"""The parent's side of an agent: start it, tell it what to do, wait for what it sees and hears."""

import asyncio
import json
import os
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from demo.softphone.call import PhoneCall
from demo.softphone.model import NET_S, Account, Behaviour, NotInTime, Remote, SoftphoneError, behaviour_to_json
from demo.softphone.tones import check_tone
from demo.softphone.wire import FOLDER_VARIABLE, Message, checked, quoted_name, split_uri

_ROOT: Final = Path(__file__).resolve().parents[2]
_START_S: Final = NET_S
_ORDER_S: Final = NET_S
_STOP_S: Final = 4.0
_TAIL_LINES: Final = 400
_LINE_BYTES: Final = 1 << 20


class Softphone:
    """A SIP agent in a process of its own, with its own tone and, if wanted, its own loopback address.

    name: the user part of its address; tone_hz: one of tones.TONES; port 0 takes a free one.
    account: registers as an operator's phone. early: "silence" or "tone" answers every ringing with 183 and media
    (baresip fixes this when it starts, so it is not a Behaviour). trace: the log tells every SIP message.
    Use it as an async context manager; leaving it hangs up what is left and ends the process.
    """

    def __init__(
        self,
        name: str,
        *,
        tone_hz: int,
        host: str = "127.0.0.1",
        port: int = 0,
        account: Account | None = None,
        early: str | None = None,
        trace: bool = False,
    ) -> None:
        if early not in (None, "silence", "tone"):
            raise ValueError("early is None, 'silence' or 'tone'")
        self.name = checked("name", name)
        self.host = host
        self.port = port
        self.tone_hz = check_tone(tone_hz)
        self._account = account
        self._early = early
        self._trace = trace
        self._process: Process | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._orders: dict[int, asyncio.Future[Message]] = {}
        self._ids = count(1)
        self._calls: dict[int, PhoneCall] = {}
        self._incoming: asyncio.Queue[PhoneCall] = asyncio.Queue()
        self._gone = False
        self._log: deque[str] = deque(maxlen=_TAIL_LINES)
        self.calls: list[PhoneCall] = []

    @property
    def uri(self) -> str:
        """What to dial to reach this agent directly."""
        return f"sip:{self.name}@{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._running().pid

    @property
    def log(self) -> str:
        """The last lines that the child logged: with trace, every SIP message."""
        return "\n".join(self._log)

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def behave(self, *script: Behaviour) -> None:
        """The next INVITE gets the first, the one after it the second; the last is for all that follow."""
        await self._order("behave", script=[behaviour_to_json(behaviour) for behaviour in script])

    async def register(self, within: float = NET_S) -> None:
        """Registers the account. SoftphoneError tells what the registrar answered."""
        await self._order("register", within_s=within, limit=within + 1)

    async def unregister(self, within: float = NET_S) -> None:
        """Takes the registration back."""
        await self._order("unregister", within_s=within, limit=within + 1)

    async def dial(
        self,
        uri: str,
        *,
        user: str | None = None,
        display_name: str | None = None,
        withheld: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> PhoneCall:
        """Sends an INVITE and returns at once.

        user, display_name: who calls, instead of the agent itself. withheld: From anonymous and `Privacy: id`.
        ValueError for a name with control characters, which baresip cannot send.
        """
        split_uri(uri)
        if display_name is not None:
            quoted_name(display_name)
        done = await self._order(
            "dial", uri=uri, user=user, display_name=display_name, withheld=withheld, headers=dict(headers or {})
        )
        return self._calls[done["call"]]

    async def until_incoming(self, within: float = NET_S) -> PhoneCall:
        """The next incoming call that was not handed out yet; what its behaviour does goes on meanwhile."""
        try:
            return await asyncio.wait_for(self._incoming.get(), within)
        except TimeoutError:
            raise NotInTime(f"{self.name}: no incoming call within {within:g} s") from None

    def forget(self) -> None:
        """Incoming calls that were not handed out are not handed out any more."""
        while not self._incoming.empty():
            self._incoming.get_nowait()

    def kill(self) -> None:
        """The phone vanishes without a word (kill -9): no BYE, its registration stays."""
        self._running().kill()

    async def order(self, what: str, **arguments: Any) -> Message:
        """For PhoneCall: one order to the child, awaited."""
        return await self._order(what, **arguments)

    async def close(self) -> None:
        """Hangs up what is left, ends the child and gives everything back. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            await _end(process)
        for reader in self._readers:
            with suppress(asyncio.CancelledError):
                await reader
        self._readers.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    async def _start(self) -> None:
        if self._process is not None:
            raise SoftphoneError(f"{self.name} runs already")
        self._gone = False
        self._folder = tempfile.TemporaryDirectory(prefix="softphone-", ignore_cleanup_errors=True)
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "demo.softphone.worker"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={**os.environ, "PYTHONPATH": path, "TMPDIR": self._folder.name, FOLDER_VARIABLE: self._folder.name},
            limit=_LINE_BYTES,
        )
        self._readers = [
            asyncio.create_task(self._read_events(self._process)),
            asyncio.create_task(self._read_log(self._process)),
        ]
        account = self._account
        settings = {
            "name": self.name,
            "host": self.host,
            "port": self.port,
            "tone_hz": self.tone_hz,
            "early": self._early,
            "trace": self._trace,
            "account": None
            if account is None
            else {
                "user": account.user,
                "password": account.password,
                "registrar": account.registrar,
                "expires_s": account.expires_s,
            },
        }
        self.port = int((await self._order("start", settings=settings, limit=_START_S))["port"])

    def _running(self) -> Process:
        if self._process is None:
            raise SoftphoneError(f"{self.name} does not run")
        return self._process

    async def _order(self, what: str, *, limit: float = _ORDER_S, **arguments: Any) -> Message:
        process = self._running()
        if self._gone:
            raise SoftphoneError(f"{self.name} is gone\n{self.log}")
        number = next(self._ids)
        answered: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._orders[number] = answered
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"id": number, "do": what, **arguments}).encode() + b"\n")
            await process.stdin.drain()
            answer = await asyncio.wait_for(answered, limit)
        except TimeoutError:
            raise NotInTime(f"{self.name}: no answer to {what!r} within {limit:g} s\n{self.log}") from None
        except OSError as error:
            raise SoftphoneError(f"{self.name} is gone: {error}\n{self.log}") from error
        finally:
            self._orders.pop(number, None)
            if not answered.cancel() and not answered.cancelled():
                answered.exception()
        if "error" in answer:
            raise SoftphoneError(f"{self.name}: {what}: {answer['error']}")
        return answer

    async def _read_events(self, process: Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self._take(json.loads(line))
        # The child is gone: nobody may wait for it any longer, nor begin to.
        self._gone = True
        for answered in self._orders.values():
            if not answered.done():
                answered.set_exception(SoftphoneError(f"{self.name} is gone\n{self.log}"))
        for call in self._calls.values():
            call.lost(time.monotonic())

    async def _read_log(self, process: Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self._log.append(line.decode(errors="replace").rstrip())

    def _take(self, message: Message) -> None:
        match message["event"]:
            case "done":
                if "call" in message:
                    uri = message["uri"]
                    remote = Remote(uri, split_uri(uri)[0], "")
                    self._adopt(PhoneCall(self, message["call"], "out", remote, message["at"]))
                answered = self._orders.get(message["id"])
                if answered is not None and not answered.done():
                    answered.set_result(message)
            case "incoming":
                call = PhoneCall(self, message["call"], "in", Remote(**message["remote"]), message["at"])
                self._adopt(call)
                self._incoming.put_nowait(call)
            case "call":
                self._calls[message["call"]].take(message)
            case _:
                pass

    def _adopt(self, call: PhoneCall) -> None:
        self._calls[call.number] = call
        self.calls.append(call)


async def _end(process: Process) -> None:
    """Asks by closing stdin; insists after a while. The process is waited for in any case."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _STOP_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    with suppress(OSError):
        await process.stdin.wait_closed()
