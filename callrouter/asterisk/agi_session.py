"""One AGI session: the line to one caller, as the life of a call sees it."""

from __future__ import annotations

import asyncio
import contextlib

from callrouter.asterisk.agi_reply import AgiReply, BadReply, Environment, Hangup, ReplyReader
from callrouter.asterisk.quoting import UnsafeArgument, agi_line, agi_variable
from callrouter.calls.ports import CallerGone, LineFailed

GRACE_S = 0.25
"""How long the hang-up line may trail the reply of a subroutine that the hang-up ended."""
LINGER_S = 0.5
"""How long an ended session waits for Asterisk to close its side."""


class AgiSession:
    """The session with the PBX about one call (implements `callrouter.calls.ports.Line`).

    env:  Asterisk's variables of the session (``agi_channel``, ``agi_uniqueid``, …)
    args: the arguments of ``AGI()`` after the shared secret

    Every command raises CallerGone once the caller hung up or the PBX closed the session, and LineFailed when the PBX
    refused it, an argument was unsafe, or no reply came in time. After a time-out no further command is possible:
    its late reply could be taken for the next one's.

    Commands go one at a time. Asterisk reads them through a buffered stream but waits on the bare socket (res_agi.c,
    run_agi): of two commands in one segment the second would lie unread until a third came.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        start: Environment,
        *,
        rest: bytes = b"",
        reply_s: float = 2.0,
    ) -> None:
        """`rest`: bytes that came behind the environment; `reply_s`: seconds a reply may take by default."""
        self.env = start.env
        self.args = start.args
        self._reader = reader
        self._writer = writer
        self._reply_s = reply_s
        self._replies = ReplyReader()
        self._waiting: asyncio.Future[AgiReply | None] | None = None
        self._turn = asyncio.Lock()
        self._hung_up = asyncio.Event()
        self._broken = ""
        self._failed = False
        self._ended = False
        self._listener = asyncio.get_running_loop().create_task(self._listen(rest))

    @property
    def gone(self) -> bool:
        """True once the caller has hung up or the PBX closed the session."""
        return self._hung_up.is_set()

    @property
    def failed(self) -> bool:
        """True once a command failed: the session is then ended as a failure."""
        return self._failed

    async def command(self, name: str, *args: str, within_s: float | None = None) -> AgiReply:
        """Run one AGI command and return its reply, of code 200.

        within_s: seconds for the reply; default the session's `reply_s`
        """
        async with self._turn:
            self._check()
            try:
                line = agi_line(name, *args)
            except UnsafeArgument as error:
                raise self._failure(f"{name[:40]!r} not sent: {error}") from error
            self._replies.value_next(name.upper() in {"GET VARIABLE", "GET FULL VARIABLE"})
            reply = await self._exchange(name, line, self._reply_s if within_s is None else within_s)
            if self.gone or (reply is not None and reply.code == 511):
                self._hung_up.set()
                raise CallerGone
            if reply is None:
                raise self._failure(f"{name}: {self._broken}")
            if reply.code != 200:
                raise self._failure(f"{name} was refused: {reply.text.partition(chr(10))[0][:200]}")
            return reply

    async def set_variables(self, values: dict[str, str]) -> None:
        """Set channel variables, in order, each confirmed before the next is sent."""
        for name, value in values.items():
            await self.command("SET VARIABLE", self._variable(name), value)

    async def get_variable(self, name: str) -> str:
        """Return a channel variable's value; empty where it is not set.

        Asterisk gives at most its first 1023 bytes (res_agi.c, handle_getvariable), while setting takes a whole line.
        """
        reply = await self.command("GET VARIABLE", self._variable(name))
        return reply.data or "" if reply.result == "1" else ""

    async def gosub(self, context: str, *, within_s: float) -> None:
        """Run the subroutine ``s,1`` of `context`; it must return within `within_s` seconds."""
        reply = await self.command("GOSUB", context, "s", "1", within_s=within_s)
        abnormal = "abnormal exit" in reply.text
        if reply.result == "0" and not abnormal:
            return
        if abnormal:
            # A hang-up ends the subroutine, and its line is written only after the reply.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hung_up.wait(), GRACE_S)
        if self.gone:
            raise CallerGone
        raise self._failure(f"GOSUB {context} ended badly: {reply.text[:200]}")

    def fail(self) -> None:
        """Have the session end as a failure: AGISTATUS=FAILURE, where the socket still works."""
        self._failed = True

    def end(self) -> None:
        """Say the last word, at once and without waiting: nothing, or ``failure`` after `fail`.

        A session that is merely closed leaves AGISTATUS=SUCCESS, even after a crash; see `finish` for the rest.
        """
        if self._ended:
            return
        self._ended = True
        end_stream(self._writer, failure=self._failed)

    async def finish(self) -> None:
        """End the session and release its socket, within LINGER_S."""
        self.end()
        try:
            # Closing with bytes unread would reset the connection and might take the last word back.
            await asyncio.wait({self._listener}, timeout=LINGER_S)
        finally:
            self.release()

    def release(self) -> None:
        """Give the socket back at once."""
        self._listener.cancel()
        release_stream(self._writer)

    async def _exchange(self, name: str, line: bytes, within_s: float) -> AgiReply | None:
        """Send a line, return its reply; None when there is none: then the caller is gone or the session broken."""
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(within_s):
                self._writer.write(line)
                await self._writer.drain()
                return await self._waiting
        except TimeoutError:
            self._broken = self._broken or f"no reply within {within_s:g} s"
        except OSError:
            self._hung_up.set()
        except asyncio.CancelledError:
            self._broken = self._broken or f"{name} was given up before its reply"
            raise
        finally:
            self._waiting = None
        return None

    async def _listen(self, rest: bytes) -> None:
        """Read for the session's whole life, so that a hang-up is known at once and no byte is left unread."""
        try:
            data = rest
            while True:
                self._take(data)
                data = await self._reader.read(4096)
                if not data:
                    break
        except OSError:
            pass
        finally:
            self._hung_up.set()
            self._answer(None)

    def _take(self, data: bytes) -> None:
        if self._broken or self._ended:
            return
        try:
            for item in self._replies.feed(data):
                if isinstance(item, Hangup):
                    self._note_hangup()
                elif item.code != 100:
                    self._answer(item)
        except BadReply as error:
            self._broken = str(error)
            self._answer(None)

    def _note_hangup(self) -> None:
        self._hung_up.set()
        waiting = self._waiting
        if waiting is not None:
            # The true reply follows at once, or never: a subroutine's long deadline is not waited for.
            asyncio.get_running_loop().call_later(self._reply_s, _give_up, waiting)

    def _answer(self, reply: AgiReply | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(reply)
        elif reply is not None:
            self._broken = "a reply that nobody asked for"

    def _variable(self, name: str) -> str:
        try:
            return agi_variable(name)
        except UnsafeArgument as error:
            raise self._failure(str(error)) from error

    def _check(self) -> None:
        if self.gone:
            raise CallerGone
        if self._broken or self._ended:
            raise self._failure(self._broken or "the session has ended")

    def _failure(self, reason: str) -> LineFailed:
        self._failed = True
        return LineFailed(reason)


def _give_up(waiting: asyncio.Future[AgiReply | None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def release_stream(writer: asyncio.StreamWriter) -> None:
    """Give the socket back at once. What the peer has not taken by now, it will never take."""
    transport = writer.transport
    if transport.get_write_buffer_size():
        transport.abort()
    else:
        writer.close()


def end_stream(writer: asyncio.StreamWriter, *, failure: bool) -> None:
    """Write the last word and close our direction; never waits, never raises."""
    with contextlib.suppress(OSError, RuntimeError):
        if writer.is_closing():
            return
        if failure:
            writer.write(b"failure\n")
        if writer.can_write_eof():
            writer.write_eof()
