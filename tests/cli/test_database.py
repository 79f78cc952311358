"""A database that cannot be used, or is of another revision: which, why, and which command puts it right."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from alembic.script import ScriptDirectory

from callrouter.storage.revisions import alembic_config, migrate, wanted_revision
from demo.addresses import free_port
from tests.cli.conftest import EXAMPLE
from tests.cli.site import Site
from tests.databases import PostgresServer

OLDER = [s.revision for s in ScriptDirectory.from_config(alembic_config()).walk_revisions()][1:]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("robot:hunter2@db", "CALLROUTER_DATABASE_URL) cannot be read"),
        ("postgresql://robot:hunter2@db:port/x", "CALLROUTER_DATABASE_URL) cannot be read"),
        ("mysql://robot:hunter2@db/x", "CALLROUTER_DATABASE_URL) is for 'mysql'"),
    ],
)
def test_bad_url_is_told_without_the_password(empty: Site, url: str, says: str) -> None:
    done = empty.run("serve", DATABASE_URL=url)
    assert "postgresql://user:password@host:5432/name" in done.refused(says)
    assert "hunter2" not in done.out + done.err
    assert not empty.folder.exists()


def test_bad_url_is_told_in_indonesian_too(empty: Site) -> None:
    done = empty.run("migrate", DATABASE_URL="mysql://robot:hunter2@db/x", LANGUAGE="id")
    done.refused("URL basis data (CALLROUTER_DATABASE_URL) adalah untuk 'mysql'", "Tulis sqlite:")


@pytest.mark.parametrize("command", ["serve", "pbx render", f"routes import {EXAMPLE}"])
def test_database_that_is_not_there_is_not_made_by_the_way(empty: Site, command: str) -> None:
    remedy = empty.run(*command.split()).refused(str(empty.database), "revision: none", wanted_revision())
    assert remedy == "Run: callrouter migrate."
    assert not empty.database.exists()


@pytest.mark.parametrize("command", ["serve", "migrate", "up"])
def test_database_ahead_of_the_code_names_both_revisions(ready: Site, command: str) -> None:
    ready.sql("UPDATE alembic_version SET version_num = '9999'")
    before = ready.everything()
    remedy = ready.run(*command.split()).refused(str(ready.database), "revision 9999", wanted_revision())
    assert "newer callrouter" in remedy
    assert ready.everything() == before


@pytest.mark.parametrize("revision", [None, *OLDER])
def test_database_behind_the_code_names_both_revisions(ready: Site, revision: str | None) -> None:
    if revision is None:
        ready.sql("DELETE FROM alembic_version")
    else:
        ready.sql(f"UPDATE alembic_version SET version_num = '{revision}'")  # noqa: S608 - ours
    before = ready.everything()
    remedy = ready.run("serve").refused(str(ready.database), f"revision{': none' if revision is None else ''}")
    assert "callrouter migrate" in remedy
    assert ready.everything() == before


def test_database_behind_the_code_is_told_in_indonesian_too(ready: Site) -> None:
    ready.sql("DELETE FROM alembic_version")
    remedy = ready.run("serve", LANGUAGE="id").refused(str(ready.database), "revisi: tidak ada", wanted_revision())
    assert remedy == "Jalankan: callrouter migrate."


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_file_that_is_no_database_is_told(ready: Site, command: str) -> None:
    ready.database.write_text("not a database, only text " * 100)
    before = ready.everything()
    ready.run(command).refused(str(ready.database), "file is not a database")
    assert ready.everything() == before


def test_database_that_another_process_holds_is_told(ready: Site, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(EXAMPLE.read_text(encoding="utf-8").replace("seconds: 90", "seconds: 80"), encoding="utf-8")
    before = ready.everything()
    with contextlib.closing(sqlite3.connect(ready.database, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        for more in ((), ("--publish", "--why", "shorter")):
            done = ready.run("routes", "import", str(other), "--yes", *more)
            done.refused(str(ready.database), "locked", "another process")
    assert ready.everything() == before


def test_table_that_was_changed_in_the_database_is_not_served_and_the_remedy_helps(ready: Site) -> None:
    ready.sql("UPDATE table_version SET routing = replace(routing, 'damkar/posko', 'bpbd/pusdalops')")
    for command in ("serve", "pbx render"):
        remedy = ready.run(*command.split()).refused("Version 1", "changed in the database")
        assert "callrouter routes import FILE.yaml --publish" in remedy
    done = ready.run("routes", "import", str(EXAMPLE), "--yes", "--publish", "--why", "as it was")
    assert done.code == 0, done
    assert ready.run("pbx", "render").code == 0


def test_no_table_published_yet_names_the_command(empty: Site) -> None:
    empty.state.mkdir(parents=True)
    migrate(f"sqlite:///{empty.database}")
    before = empty.everything()
    for command in ("serve", "pbx render"):
        remedy = empty.run(*command.split()).refused("No routing table")
        assert "callrouter routes import FILE.yaml --publish" in remedy
    assert empty.everything() == before


# ---------------------------------------------------------------- PostgreSQL


@pytest.fixture
def guarded(postgres_server: PostgresServer, postgres_url: str) -> Iterator[str]:
    """URL, without its password, of a migrated database whose user must give one."""
    name = postgres_url.removeprefix("postgresql://postgres@/").partition("?")[0]
    with psycopg.connect(host=postgres_server.folder, user="postgres", dbname="postgres") as connection:
        row = connection.execute("SHOW hba_file").fetchone()
    assert row is not None
    rules = Path(row[0])
    open_to_all = rules.read_text()
    postgres_server.run("CREATE ROLE robot LOGIN SUPERUSER PASSWORD 'right-one'")
    rules.write_text(f"local all robot scram-sha-256\n{open_to_all}")
    postgres_server.run("SELECT pg_reload_conf()")
    yield f"postgresql://robot:PASSWORD@/{name}?host={quote(postgres_server.folder, safe='')}"
    rules.write_text(open_to_all)
    postgres_server.run("SELECT pg_reload_conf()")
    postgres_server.run("DROP ROLE robot")


def test_wrong_password_of_postgresql_is_told_and_not_echoed(empty: Site, guarded: str) -> None:
    right = empty.run("serve", DATABASE_URL=guarded.replace("PASSWORD", "right-one"))
    right.refused("No routing table")
    for command in ("serve", "migrate"):
        done = empty.run(command, DATABASE_URL=guarded.replace("PASSWORD", "hunter2"))
        remedy = done.refused("postgresql://", "password authentication failed")
        assert "CALLROUTER_DATABASE_URL" in remedy
        assert "hunter2" not in done.out + done.err


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_postgresql_that_is_not_there_is_told(empty: Site, command: str) -> None:
    port = free_port()
    done = empty.run(*command.split(), DATABASE_URL=f"postgresql://robot:hunter2@127.0.0.1:{port}/calls")
    remedy = done.refused(f"postgresql://127.0.0.1:{port}/calls", "refused")
    assert "CALLROUTER_DATABASE_URL" in remedy
    assert "hunter2" not in done.out + done.err
    assert not empty.folder.exists()


def test_postgresql_ahead_of_the_code_names_both_revisions(empty: Site, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    empty.run("serve", DATABASE_URL=postgres_url).refused("revision 9999", wanted_revision())
