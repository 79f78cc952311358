"""The database as the rest of storage uses it: reads and writes with a deadline, and few kinds of errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from callrouter.incidents.views import StorageUnavailable
from callrouter.storage.engine import place, reading_engine, writing_engine
from callrouter.storage.revisions import migrate, missing_file, require_wanted_revision, unreachable

__all__ = ["READ_S", "WRITE_S", "Database", "StorageUnavailable", "is_away", "migrate"]

READ_S = 3.0
WRITE_S = 10.0
CLOSE_S = 5.0

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

log = structlog.get_logger(__name__)


def is_away(error: Exception) -> bool:
    """True for a driver's error that lies in the database's state, not in the values that it was given."""
    return isinstance(error, DBAPIError) and not isinstance(error, DataError | IntegrityError)


class Database:
    """A database, by its URL. Opens no connection until the first use; close it at the end.

    read_s, write_s: seconds after which a read or a write is given up. What was given up may still be carried out:
    whatever writes must bear repetition.
    """

    def __init__(self, url: str, *, read_s: float = READ_S, write_s: float = WRITE_S) -> None:
        self.place = place(url)
        self._read_s = read_s
        self._write_s = write_s
        self._reading = reading_engine(self.place)
        self._writing = writing_engine(self.place)
        # SQLite has one writer at a time. Waiting here is fair and quick; its own waiting is sleep of growing length.
        self._one_writer = asyncio.Semaphore(1 if self.place.file is not None else 100)
        self._running: set[asyncio.Task[Any]] = set()

    async def read(self, work: Work[T]) -> T:
        """Run `work` in one read-only transaction that sees one state. Raises StorageUnavailable."""
        return await self._within(self._read_s, self._transaction(self._reading, work))

    async def write(self, work: Work[T]) -> T:
        """Run `work` in one transaction and commit it, or nothing of it.

        Raises StorageUnavailable where the database is away, busy for too long or not as expected: worth another
        try; DataError and IntegrityError where it refuses the values themselves: no use trying again.
        """
        return await self._within(self._write_s, self._write(work))

    async def check_revision(self) -> None:
        """Raise OperatorError unless the database can be reached and has the revision that this code wants.

        Makes nothing: an SQLite file that is not there stays away.
        """
        if self.place.file is not None and not await asyncio.to_thread(self.place.file.is_file):
            raise missing_file(self.place)

        async def check(connection: AsyncConnection) -> None:
            await connection.run_sync(lambda sync: require_wanted_revision(self.place, sync))

        try:
            await self.read(check)
        except StorageUnavailable as error:
            cause = error.__cause__
            if isinstance(cause, DBAPIError):
                raise unreachable(self.place, cause) from None
            raise unreachable(
                self.place, DBAPIError("", None, TimeoutError(f"no answer in {self._read_s} s"))
            ) from None

    async def close(self) -> None:
        """Close all connections; what still runs is given a moment, then cut."""
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_S)
        for task in self._running:
            task.cancel()
        for engine in (self._reading, self._writing):
            try:
                await asyncio.wait_for(engine.dispose(), CLOSE_S)
            except TimeoutError:
                log.warning("database_close_timeout", database=str(self.place))

    async def _write(self, work: Work[T]) -> T:
        async with self._one_writer:
            return await self._transaction(self._writing, work)

    async def _transaction(self, engine: AsyncEngine, work: Work[T]) -> T:
        try:
            async with engine.begin() as connection:
                return await work(connection)
        except DBAPIError as error:
            if not is_away(error):
                raise
            reason = self.place.without_secret(str(error.orig))
            raise StorageUnavailable(f"the database {self.place} refused: {reason}") from error
        except (PoolTimeout, OSError) as error:
            raise StorageUnavailable(f"the database {self.place} is not to be had: {error}") from error

    async def _within(self, deadline_s: float, work: Coroutine[Any, Any, T]) -> T:
        # The asker waits no longer than the deadline, and may himself be cancelled; the transaction is not torn by
        # either. A torn one of SQLite would hold the write lock until its connection is collected; left alone it ends
        # by itself. One of PostgreSQL is asked to stop, and a server that hangs is not waited for.
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        done, _ = await asyncio.wait({task}, timeout=deadline_s)
        if not done:
            if self.place.file is None:
                task.cancel()
            raise StorageUnavailable(f"the database {self.place} did not answer within {deadline_s} s")
        return task.result()

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as seen, where nobody waits for it any more
