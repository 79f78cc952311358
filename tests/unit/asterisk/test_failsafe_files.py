"""The failsafe's data on the disk: complete before they count, one switch, nothing half."""

from __future__ import annotations

import os
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from callrouter.asterisk import failsafe_files as files
from callrouter.asterisk.failsafe import FailsafeData, failsafe_data
from tests.unit.asterisk.lookup import variables
from tests.unit.routing.tables import small

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
AT = int(NOW.timestamp())


def data(version: int = 7, now: datetime = NOW) -> FailsafeData:
    return failsafe_data(small(), version, now)


def in_force(folder: Path, made: FailsafeData) -> None:
    files.write(folder, made)
    files.switch(folder, made.name)


def test_what_was_written_counts_only_after_the_switch(tmp_path: Path) -> None:
    in_force(tmp_path, data(7))
    files.write(tmp_path, data(8))
    assert files.current(tmp_path) == data(7).name
    assert variables(tmp_path, "citizen_telco", AT)["CR_PLAN_1"].startswith("plan,7,")
    files.switch(tmp_path, data(8).name)
    assert variables(tmp_path, "citizen_telco", AT)["CR_PLAN_1"].startswith("plan,8,")
    assert files.version_of(files.current(tmp_path)) == 8


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    in_force(tmp_path / "failsafe", data())
    for path in (tmp_path / "failsafe", *(tmp_path / "failsafe").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_full_disk_leaves_what_counts_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_force(tmp_path, data(7))
    before = sorted(p.name for p in tmp_path.iterdir())

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write(tmp_path, data(8))
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert variables(tmp_path, "citizen_telco", AT)


def test_next_days_data_take_from_todays_what_is_the_same(tmp_path: Path) -> None:
    in_force(tmp_path, data())
    later = data(now=NOW + timedelta(days=1))
    in_force(tmp_path, later)
    shared = data().texts.keys() & later.texts.keys()
    assert shared
    for digest in shared:
        assert (tmp_path / later.name / "data" / digest).stat().st_nlink == 2


def test_damaged_file_is_made_anew_and_not_taken_over(tmp_path: Path) -> None:
    made = data()
    in_force(tmp_path, made)
    digest = next(iter(made.texts))
    (tmp_path / made.name / "data" / digest).write_text("CR_PLAN_1|plan,7,nowhere|\n")
    in_force(tmp_path, made)
    assert (tmp_path / made.name / "data" / digest).read_text() == made.texts[digest]
    in_force(tmp_path, data(now=NOW + timedelta(days=1)))
    assert variables(tmp_path, "citizen_telco", AT)


def test_old_folder_stays_an_hour_from_when_it_counts_no_more(tmp_path: Path) -> None:
    old, new = data(7), data(8)
    in_force(tmp_path, old)
    os.utime(tmp_path / old.name, (0, 0))
    in_force(tmp_path, new)
    files.prune(tmp_path, ())
    assert (tmp_path / old.name).exists()
    files.prune(tmp_path, (), time.time() + files.KEPT_S + 60)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["current", new.name]


def test_what_is_prepared_and_what_is_not_ours_is_not_removed(tmp_path: Path) -> None:
    in_force(tmp_path, data(7))
    files.write(tmp_path, data(8))
    (tmp_path / "note.txt").write_text("whose?")
    files.prune(tmp_path, (data(8).name,), time.time() + 10 * files.KEPT_S)
    files.switch(tmp_path, data(8).name)
    assert (tmp_path / "note.txt").exists()


@pytest.mark.parametrize("pointer", ["", "v7\n", "../../etc\n", "v7-0123456789abcdef\n", "\xff"])
def test_pointer_to_nothing_is_none(tmp_path: Path, pointer: str) -> None:
    (tmp_path / "current").write_text(pointer, encoding="latin-1")
    assert files.current(tmp_path) == ""


def test_missing_folder_is_none(tmp_path: Path) -> None:
    assert files.current(tmp_path / "nowhere") == ""


def test_index_without_its_end_reaches_nowhere(tmp_path: Path) -> None:
    made = data()
    in_force(tmp_path, made)
    assert files.reaches_until(tmp_path, made.name) == made.ends
    index: Any = tmp_path / made.name / "by" / "citizen_telco"
    index.write_text(index.read_text().rpartition("|")[0])
    assert files.reaches_until(tmp_path, made.name) is None
