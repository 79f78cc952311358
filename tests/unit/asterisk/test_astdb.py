"""The PBX's own database: a broken one is set aside before the PBX starts, a sound one is not touched."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from callrouter import cli, prepare
from callrouter.asterisk import pbx
from callrouter.asterisk.astdb import NAME, set_aside_if_broken
from callrouter.asterisk.files import AsteriskFiles
from callrouter.asterisk.pbx import Asterisk
from callrouter.settings import load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with a thousand entries."""
    path = tmp_path / "var" / NAME
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE astdb (key TEXT, value TEXT, PRIMARY KEY(key))")
        database.executemany("INSERT INTO astdb VALUES (?, ?)", ((f"/a/{n}", "x" * 100) for n in range(1000)))
    return path


def test_sound_one_stays(tmp_path: Path, file: Path) -> None:
    before = file.read_bytes()
    assert set_aside_if_broken(tmp_path) is None
    assert file.read_bytes() == before


def test_none_is_none(tmp_path: Path) -> None:
    assert set_aside_if_broken(tmp_path) is None


@pytest.mark.parametrize("keeps", [0, 100, 4096, 20_000], ids="{} bytes of it".format)
def test_broken_one_is_set_aside_and_kept(tmp_path: Path, file: Path, keeps: int) -> None:
    broken = file.read_bytes()[:keeps] + b"garbage " * 10_000
    file.write_bytes(broken)
    aside = set_aside_if_broken(tmp_path)
    assert aside is not None
    assert aside.read_bytes() == broken
    assert not file.exists()


def test_one_that_another_process_holds_is_left(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callrouter.asterisk.astdb.BUSY_S", 0.01)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert set_aside_if_broken(tmp_path) is None
    assert file.exists()


def test_pbx_is_run_without_its_broken_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(state=tmp_path)
    file = settings.pbx_dir / "var" / NAME
    file.parent.mkdir(parents=True)
    file.write_text("garbage")
    there: list[bool] = []

    async def found(_root: Path | None) -> Asterisk:
        return Asterisk(("/usr/sbin/asterisk",), AsteriskFiles(tmp_path, tmp_path), "22.10.1")

    monkeypatch.setattr(cli, "load", lambda: settings)
    monkeypatch.setattr(pbx, "find", found)
    monkeypatch.setattr(prepare, "require_rendered", lambda _settings: None)
    monkeypatch.setattr(os, "execve", lambda *_given: there.append(file.exists()))
    cli.pbx_run()
    assert there == [False]
