"""Notices, receivers and an outbox in memory for the tests of sending."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from callrouter.agencies.notices import Channel, Job, Notice, NoticeState, Told
from callrouter.agencies.sending import Figures

AT = 1_790_000_000_000_000
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOLD = Told(12, "fire", "35.07", "Jl. Merdeka", "asap", 2, AT, "+62812", "Sari", "hati-hati", "siti (operator)", AT)


def given_job(target: str = "http://127.0.0.1/", channel: Channel = Channel.WEBHOOK, **changes: Any) -> Job:
    values: dict[str, Any] = {
        "id": uuid4(),
        "incident": uuid4(),
        "part": uuid4(),
        "passed_at": AT,
        "agency": "damkar",
        "contact": "api",
        "n": 0,
        "channel": channel,
        "target": target,
        "state": NoticeState.QUEUED,
        "tries": 0,
        "created_at": AT,
        "next_at": AT,
        "give_up_at": AT + 86_400_000_000,
        "due_at": None,
    }
    return Job(Notice(**values | changes), TOLD)


@dataclass
class MemoryOutbox:
    """An outbox whose rows are seen at once. `away` is raised while it is set."""

    jobs: dict[UUID, Job] = field(default_factory=dict)
    away: Exception | None = None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def put(self, *jobs: Job) -> None:
        self.jobs |= {job.notice.id: job for job in jobs}

    def notice(self, job: Job) -> Notice:
        return self.jobs[job.notice.id].notice

    async def claim(
        self, channel: Channel, now: int, lost_at: int, limit: int, without: Collection[str]
    ) -> list[Job]:
        self._there()
        taken: dict[str, Job] = {}
        for job in self.jobs.values():
            notice = job.notice
            due = notice.state in {NoticeState.QUEUED, NoticeState.SENDING} and notice.next_at <= now
            if due and notice.channel is channel and notice.target not in {*without, *taken} and len(taken) < limit:
                taken[notice.target] = job
        return [
            await self._set(job.notice.id, state=NoticeState.SENDING, next_at=lost_at, tries=job.notice.tries + 1)
            for job in taken.values()
        ]

    async def delivered(self, notice: UUID, now: int) -> None:
        self._there()
        await self._set(notice, state=NoticeState.DELIVERED, settled_at=now)

    async def failed(self, notice: UUID, tries: int, why: str, again_at: int | None, *, hopeless: bool) -> None:
        self._there()
        assert self.jobs[notice].notice.tries == tries
        state = NoticeState.DEAD if again_at is None else NoticeState.QUEUED
        await self._set(notice, state=state, next_at=again_at or 0, last_error=why, due_at=0 if hopeless else None)

    async def escalate(self, now: int) -> int:  # noqa: ARG002 - as the outbox has it
        self._there()
        return 0

    async def figures(self) -> Figures:
        self._there()
        return Figures(len(self.jobs))

    async def until(self, wanted: Callable[[], bool], within_s: float = 20) -> None:
        """Wait for what the rows show."""
        async with asyncio.timeout(within_s), self.changed:
            await self.changed.wait_for(wanted)

    def _there(self) -> None:
        if self.away is not None:
            raise self.away

    async def _set(self, notice: UUID, **values: Any) -> Job:
        async with self.changed:
            job = self.jobs[notice]
            self.jobs[notice] = Job(replace(job.notice, **values), job.told)
            self.changed.notify_all()
            return self.jobs[notice]


@dataclass
class Receiver:
    """A server that gives every connection the same bytes, and keeps what it was sent."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/112"


@asynccontextmanager
async def receiver(
    answer: bytes | Callable[[asyncio.StreamWriter], Awaitable[None]] = b"HTTP/1.1 204 No Content\r\n\r\n",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Receiver]:
    """Serve on a free port of the loopback for as long as the block runs."""
    one = Receiver()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await talk(reader, writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        one.requests.append(head + await reader.readexactly(length))
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
        else:
            await answer(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
