"""The link to the PBX's manager interface: kept up, watched, in order."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from callrouter.asterisk.ami_protocol import AmiAnswer, AmiConnection, AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.quoting import ami_header
from callrouter.clock import now_us

__all__ = ["AmiAnswer", "AmiCounters", "AmiEvent", "AmiLink", "AmiRefused", "AmiUnavailable"]

LOGIN_S = 5.0
"""Seconds for connecting, and again for the login (Asterisk itself waits 1 s before it refuses one)."""
RESYNC_S = 30.0
"""Seconds that asking for the whole state may take."""
BATCH = 32
"""Events handed on before other work on the loop gets its turn."""

log = structlog.get_logger()


@dataclass(slots=True)
class AmiCounters:
    """Since the start: logins and refused ones, connections lost, events taken and dropped (queue full),
    times the queue overflowed, errors of `on_event`, failed requests for the whole state, late answers.
    """

    logins: int = 0
    refused: int = 0
    lost: int = 0
    events: int = 0
    dropped: int = 0
    overflows: int = 0
    event_errors: int = 0
    resync_failed: int = 0
    late_answers: int = 0


class AmiLink:
    """Keeps one user logged in at `host`:`port`, and hands on its events.

    on_event: called for each event, one after the other, in the order of arrival; must not block
    on_login: awaited after each login, when the events before it have been handed on, after each overflow of the
              queue, and when the PBX says that it is fully booted; asks for the whole state, for the manager
              interface has no history. Called again after a pause if it fails while the link is up.
    ping_s, dead_s: seconds between questions, and seconds after which a silent link is given up
    backoff:  first and longest pause in seconds between attempts; after a refused login `refused_s`
    queue_max: events that may wait; more are dropped, counted, and the whole state is asked for

    Nothing is ever sent again after a reconnect.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        username: str,
        secret: str,
        name: str,
        on_event: Callable[[AmiEvent], None],
        on_login: Callable[[], Awaitable[None]],
        ping_s: float = 3.0,
        dead_s: float = 9.0,
        backoff: tuple[float, float] = (0.2, 5.0),
        refused_s: float = 15.0,
        queue_max: int = 20_000,
    ) -> None:
        """Set up without connecting. Raises UnsafeArgument for credentials that cannot be sent."""
        if not 0 < ping_s < dead_s:
            raise ValueError("ping_s must be shorter than dead_s")
        self.name = name
        self.counters = AmiCounters()
        self.lost_at: int | None = None
        """When the link was last lost (µs UTC); None: never."""
        self._host = host
        self._port = port
        self._login: dict[str, object] = {
            "Username": ami_header("Username", username),
            "Secret": ami_header("Secret", secret),
            "Events": "on",
        }
        self._on_event = on_event
        self._on_login = on_login
        self._ping_s = ping_s
        self._answer_s = dead_s - ping_s
        self._backoff = backoff
        self._refused_s = refused_s
        self.queue_max = queue_max
        self._queue: deque[AmiEvent | None] = deque()
        self._overflowed = False
        self._queued = asyncio.Event()
        self._state_wanted = asyncio.Event()
        self._connection: AmiConnection | None = None
        self._log = log.bind(link=name)

    @property
    def connected(self) -> bool:
        """True while logged in."""
        return self._connection is not None and not self._connection.lost.is_set()

    @property
    def queued(self) -> int:
        """Events that wait to be handed on."""
        return len(self._queue)

    async def run(self) -> None:
        """Keep the link up until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hand_on())
            group.create_task(self._keep_state())
            group.create_task(self._keep_connected())

    async def action(
        self, name: str, *, within_s: float = 5.0, listing: str | None = None, **fields: object
    ) -> AmiAnswer:
        """Run an action and return the PBX's answer.

        within_s: seconds for the whole answer
        listing:  the event that ends the list (``CoreShowChannelsComplete``), where the action gives one
        fields:   headers; a list or tuple gives one line for each value. Originate is always asynchronous.
        Raises AmiUnavailable, AmiRefused with the PBX's message, and UnsafeArgument for text that must not be sent.
        """
        connection = self._connection
        if connection is None or connection.lost.is_set():
            raise AmiUnavailable(f"{self.name} is not logged in")
        return await connection.ask(name, fields, within_s=within_s, listing=listing)

    async def _keep_connected(self) -> None:
        failures = 0
        while True:
            logins, began = self.counters.logins, asyncio.get_running_loop().time()
            try:
                await self._connected_once()
            except AmiRefused as error:
                self.counters.refused += 1
                self._log.error("ami.login_refused", reason=str(error), remedy="check the user in manager.conf")
                await asyncio.sleep(self._refused_s * random.uniform(0.75, 1.25))  # noqa: S311
                continue
            except AmiUnavailable as error:
                self.counters.lost += self.counters.logins - logins
                self._log.warning("ami.unavailable", reason=str(error), attempt=failures + 1)
            except Exception:
                # Calls are served without this link: a defect here must not end the service.
                log.exception("ami.link_error", link=self.name)
            if asyncio.get_running_loop().time() - began > self._backoff[1]:
                failures = 0
            await asyncio.sleep(self._pause(failures))
            failures += 1

    def _pause(self, failures: int) -> float:
        first, longest = self._backoff
        return min(longest, first * 2.0 ** min(failures, 20)) * random.uniform(0.5, 1.0)  # noqa: S311

    async def _connected_once(self) -> None:
        """Connect, log in, stay until the link is lost. Raises AmiUnavailable or AmiRefused, never returns."""
        connection = AmiConnection(self._host, self._port, self._take)
        try:
            await connection.open(within_s=LOGIN_S)
            await connection.ask("Login", self._login, within_s=LOGIN_S)
            self._connection = connection
            self.counters.logins += 1
            self._log.info("ami.logged_in", host=self._host, port=self._port)
            self._queue.append(None)
            self._queued.set()
            await self._watch(connection)
        finally:
            if self._connection is not None:
                self.lost_at = now_us()
            self._connection = None
            connection.close()
            self.counters.late_answers += connection.late_answers

    async def _watch(self, connection: AmiConnection) -> None:
        while True:
            try:
                async with asyncio.timeout(self._ping_s):
                    await connection.lost.wait()
                raise AmiUnavailable("connection lost")
            except TimeoutError:
                pass
            try:
                answer = await connection.ask("Ping", {}, within_s=self._answer_s)
            except AmiRefused as error:
                raise AmiUnavailable(f"Ping was refused: {error}") from error
            if answer.fields.get("Ping") != "Pong":
                raise AmiUnavailable("the answer to Ping was no Pong")

    def _take(self, event: AmiEvent) -> None:
        self.counters.events += 1
        if len(self._queue) >= self.queue_max:
            self.counters.dropped += 1
            if not self._overflowed:
                self._overflowed = True
                self.counters.overflows += 1
                self._log.error("ami.queue_full", queued=len(self._queue))
            return
        self._queue.append(event)
        self._queued.set()

    async def _hand_on(self) -> None:
        handed = 0
        while True:
            await self._queued.wait()
            self._queued.clear()
            while self._queue:
                item = self._queue.popleft()
                if item is None or item.name == "FullyBooted":
                    self._state_wanted.set()
                if item is not None:
                    self._deliver(item)
                handed += 1
                if handed % BATCH == 0:
                    await asyncio.sleep(0)
            if self._overflowed:
                self._overflowed = False
                self._state_wanted.set()

    def _deliver(self, event: AmiEvent) -> None:
        try:
            self._on_event(event)
        except Exception:
            self.counters.event_errors += 1
            log.exception("ami.event_error", link=self.name, event_name=event.name)

    async def _keep_state(self) -> None:
        while True:
            await self._state_wanted.wait()
            self._state_wanted.clear()
            if not self.connected:
                continue  # the next login asks again
            try:
                async with asyncio.timeout(RESYNC_S):
                    await self._on_login()
            except (AmiUnavailable, AmiRefused, TimeoutError) as error:
                self._log.error("ami.state_not_known", reason=str(error) or f"not within {RESYNC_S:g} s")
                await self._want_state_later()
            except Exception:
                log.exception("ami.state_error", link=self.name)
                await self._want_state_later()

    async def _want_state_later(self) -> None:
        self.counters.resync_failed += 1
        if self.connected:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._state_wanted.wait(), self._backoff[1])
            self._state_wanted.set()
