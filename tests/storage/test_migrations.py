"""The migrations make the tables that the code expects, on both databases, from the installed files."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.engine import URL

from callrouter.errors import OperatorError
from callrouter.storage.database import migrate
from callrouter.storage.engine import migrating_engine, place
from callrouter.storage.every_table import metadata, modelled
from callrouter.storage.revisions import REVISIONS, alembic_config, wanted_revision


def test_there_is_one_head() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [wanted_revision()]


def test_the_revisions_that_the_code_knows_are_those_of_the_folder() -> None:
    newest_first = ScriptDirectory.from_config(alembic_config()).walk_revisions()
    assert tuple(reversed([script.revision for script in newest_first])) == REVISIONS


def test_migrating_from_nothing_makes_every_table(empty_url: str) -> None:
    assert migrate(empty_url) == wanted_revision()
    engine = migrating_engine(place(empty_url))
    try:
        assert set(metadata.tables) < set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_migrating_again_changes_nothing(empty_url: str) -> None:
    assert migrate(empty_url) == migrate(empty_url)


def test_two_migrations_at_once_both_succeed(empty_url: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(migrate, [empty_url] * 3, timeout=60)) == [wanted_revision()] * 3


def test_models_and_migrations_agree(database_url: str) -> None:
    engine = migrating_engine(place(database_url))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": modelled})
            assert compare_metadata(context, metadata) == []
    finally:
        engine.dispose()


def test_the_comparison_would_notice_a_missing_column(database_url: str) -> None:
    engine = migrating_engine(place(database_url))
    try:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE journal_offset ADD COLUMN other INTEGER"))
            (difference,) = compare_metadata(
                MigrationContext.configure(connection, opts={"include_name": modelled}), metadata
            )
            assert difference[0] == "remove_column"
    finally:
        engine.dispose()


def test_a_failed_migration_leaves_nothing_behind(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last table is there already: the whole revision is undone, its first tables too."""
    engine = migrating_engine(place(empty_url))
    try:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE incident_event (x INTEGER)"))
        with pytest.raises(OperatorError, match="incident_event"):
            migrate(empty_url)
        assert inspect(engine).get_table_names() == ["incident_event"]
    finally:
        engine.dispose()


def test_the_folder_of_the_database_is_made(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path / 'a' / 'b' / 'callrouter.db'}")
    assert (tmp_path / "a" / "b" / "callrouter.db").is_file()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match=r"The folder of the database .* cannot be made"):
        migrate(f"sqlite:///{tmp_path / 'file' / 'callrouter.db'}")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "callrouter.db").write_text("not a database, only text " * 50)
    with pytest.raises(OperatorError, match=r"callrouter\.db cannot be used: file is not a database"):
        migrate(f"sqlite:///{tmp_path / 'callrouter.db'}")


def test_a_database_that_is_ahead_is_not_touched(database_url: str) -> None:
    _stamp(database_url, "9999")
    with pytest.raises(OperatorError, match=r"is ahead: it has revision 9999, .*newer callrouter"):
        migrate(database_url)


def test_a_folder_with_signs_of_a_url_in_its_name_serves(tmp_path: Path) -> None:
    file = tmp_path / "50%41 #1?" / "callrouter.db"
    migrate(URL.create("sqlite", database=str(file)).render_as_string(hide_password=False))
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(wanted_revision(),)]


def _stamp(url: str, revision: str) -> None:
    engine = migrating_engine(place(url))
    try:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
    finally:
        engine.dispose()
