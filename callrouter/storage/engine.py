"""From a database URL to engines. SQLite and PostgreSQL only; a password never reaches a message."""

from __future__ import annotations

import select
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError

READS_AT_ONCE = 4
WRITES_AT_ONCE = 3
"""Connections of each kind. Apart from each other, so that readers can never take the writers' away."""
BUSY_MS = 4_000
STATEMENT_MS = 15_000
"""PostgreSQL ends a statement after this, also one whose asker has given up."""

_URL = "(CALLROUTER_DATABASE_URL)"
_FORMS = "sqlite:////var/lib/callrouter/callrouter.db", "postgresql://user:password@host:5432/name"
_EXAMPLES = Bilingual(f"Tulis {' atau '.join(_FORMS)}.", f"Write {' or '.join(_FORMS)}.")
_USED = "callrouter.used"
_SQLITE = {"sqlite", "sqlite+aiosqlite", "sqlite+pysqlite"}
_POSTGRESQL = {"postgresql", "postgres", "postgresql+psycopg"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the database is.

    url:  with the password: never to be shown; `str(place)` may be
    file: SQLite's file, None for PostgreSQL
    """

    url: URL
    file: Path | None

    def __str__(self) -> str:
        """Name the database without user, password or options (which may hold one)."""
        if self.file is not None:
            return f"sqlite:///{self.file}"
        port = f":{self.url.port}" if self.url.port else ""
        host = self.url.host or self.url.query.get("host", "")
        return f"postgresql://{host if isinstance(host, str) else ','.join(host)}{port}/{self.url.database or ''}"

    def without_secret(self, message: str) -> str:
        """Return a driver's message on one line, without the password."""
        text = " ".join(message.split())
        secrets = [self.url.password, self.url.query.get("password")]
        for secret in secrets:
            if isinstance(secret, str) and secret:
                text = text.replace(secret, "***")
        return text


def place(url: str) -> Place:
    """Read a database URL. Raises OperatorError for what is neither SQLite in a file nor PostgreSQL."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # neither message is passed on: they may quote the URL
        unread = Bilingual(f"URL basis data {_URL} tidak dapat dibaca.", f"The database URL {_URL} cannot be read.")
        raise OperatorError(unread, _EXAMPLES) from None
    if parsed.drivername in _SQLITE:
        if parsed.database in {None, "", ":memory:"} or str(parsed.database).startswith("file:"):
            raise OperatorError(
                Bilingual(f"URL basis data {_URL} tidak menyebut berkas.", f"The database URL {_URL} names no file."),
                _EXAMPLES,
            )
        return Place(parsed.set(drivername="sqlite"), Path(str(parsed.database)))
    if parsed.drivername in _POSTGRESQL:
        if not parsed.database:
            raise OperatorError(
                Bilingual(
                    f"URL basis data {_URL} tidak menyebut nama basis data.",
                    f"The database URL {_URL} names no database.",
                ),
                _EXAMPLES,
            )
        return Place(parsed.set(drivername="postgresql+psycopg"), None)
    raise OperatorError(
        Bilingual(
            f"URL basis data {_URL} adalah untuk {parsed.drivername!r}; callrouter menyimpan datanya di SQLite atau "
            "PostgreSQL.",
            f"The database URL {_URL} is for {parsed.drivername!r}; callrouter keeps its data in SQLite or "
            "PostgreSQL.",
        ),
        _EXAMPLES,
    )


def reading_engine(where: Place) -> AsyncEngine:
    """Return the engine for reads: each transaction sees one state of the database, and can change nothing."""
    if where.file is not None:
        return _sqlite_engine(where, READS_AT_ONCE, writing=False)
    return _postgresql_engine(where, READS_AT_ONCE).execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )


def writing_engine(where: Place) -> AsyncEngine:
    """Return the engine for writes."""
    if where.file is not None:
        return _sqlite_engine(where, WRITES_AT_ONCE, writing=True)
    return _postgresql_engine(where, WRITES_AT_ONCE)


def migrating_engine(where: Place) -> Engine:
    """Return a synchronous engine for migrations: one connection, one transaction, all or nothing."""
    if where.file is None:
        return create_engine(where.url, connect_args=_postgresql_arguments(where, statement_ms=0))
    engine = create_engine(where.url, connect_args={"timeout": BUSY_MS / 1000})
    event.listen(engine, "connect", _sqlite_migrating)
    event.listen(engine, "begin", _begin_writing)
    return engine


def _sqlite_engine(where: Place, size: int, *, writing: bool) -> AsyncEngine:
    engine = create_async_engine(
        where.url.set(drivername="sqlite+aiosqlite"),
        pool_size=size,
        max_overflow=0,
        connect_args={"timeout": BUSY_MS / 1000},
    )
    event.listen(engine.sync_engine, "connect", _sqlite_writing if writing else _sqlite_reading)
    event.listen(engine.sync_engine, "begin", _begin_writing if writing else _begin_reading)
    return engine


def _postgresql_engine(where: Place, size: int) -> AsyncEngine:
    engine = create_async_engine(
        where.url,
        pool_size=size,
        max_overflow=0,
        pool_use_lifo=True,  # the one that was used last knows the statements that come again
        connect_args=_postgresql_arguments(where, statement_ms=STATEMENT_MS),
    )
    event.listen(engine.sync_engine, "checkout", _require_open)
    return engine


def _require_open(connection: Any, record: Any, _proxy: object) -> None:
    """After a restart of the server nobody meets a connection of before: it has said so, where nobody asked it.

    Told by the socket alone: to ask the server would cost as much as another statement.
    """
    driver = connection.driver_connection
    if record.info.get(_USED) and (driver.closed or _has_something(driver.fileno())):
        raise InvalidatePoolError
    record.info[_USED] = True  # one that was just made is not looked at: it would count as a try to make another


def _has_something(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _postgresql_arguments(where: Place, *, statement_ms: int) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "connect_timeout": 3,
        "application_name": "callrouter",
        # A peer that vanished without a word is noticed within ten seconds or so (tcp(7)).
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        # No compiling of statements: for ours it takes ten times as long as to run them.
        "options": f"-c statement_timeout={statement_ms} -c idle_in_transaction_session_timeout=30000 -c jit=off",
    }
    return {name: value for name, value in arguments.items() if name not in where.url.query}


def _pragmas(connection: Any, *statements: str) -> None:
    connection.isolation_level = None  # BEGIN is ours: the driver's own comes too late for a read before a write
    cursor = connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()


def _sqlite_writing(connection: Any, _record: object) -> None:
    # synchronous=FULL: in WAL mode NORMAL may lose the last commits in a power cut. The journal gives calls back, but
    # not a published version of the table or what a person noted; and notes come many to a transaction, so that
    # the wait for the disk is shared.
    _pragmas(
        connection,
        f"PRAGMA busy_timeout={BUSY_MS}",
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "PRAGMA foreign_keys=ON",
    )


def _sqlite_reading(connection: Any, _record: object) -> None:
    _pragmas(connection, f"PRAGMA busy_timeout={BUSY_MS}", "PRAGMA query_only=ON")


def _sqlite_migrating(connection: Any, _record: object) -> None:
    # Foreign keys stay off: SQLite changes a table by making it anew.
    _pragmas(connection, f"PRAGMA busy_timeout={BUSY_MS}", "PRAGMA synchronous=FULL")
    deadline = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            _pragmas(connection, "PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            # The change to WAL does not wait for another connection as statements do (it is made once).
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _begin_writing(connection: Any) -> None:
    # IMMEDIATE: a transaction that reads first and then writes would otherwise fail at once where another one wrote.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")
