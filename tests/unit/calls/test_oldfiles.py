"""Old files of the journal: none is compressed, removed or forgotten before the database has all of it."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from callrouter.calls.journal import JournalReader
from callrouter.calls.oldfiles import DONE, KEEP_FILES, OldFiles
from tests.unit.calls.given import Store, opened_line

DAY_S = 86_400
NAME = "pbx1-1763760.log"


def retired(folder: Path, days: float, name: str = NAME, data: bytes = b"x" * 1_000) -> Path:
    """Put a file into ``done`` that was written so many days ago."""
    (folder / DONE).mkdir(exist_ok=True)
    path = folder / DONE / name
    path.write_bytes(data)
    when = time.time() - days * DAY_S
    os.utime(path, (when, when))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / DONE).iterdir())


async def tidied(folder: Path, store: Store) -> None:
    await OldFiles(folder, "pbx1", store, keep_days=90).tidy(store.taken)


async def test_file_is_compressed_after_a_day_and_keeps_its_text_and_time(tmp_path: Path) -> None:
    path = retired(tmp_path, 2, data=b"1|opened|\n" * 500)
    when = path.stat().st_mtime
    await tidied(tmp_path, Store(taken={NAME: 5_000}))
    (packed,) = (tmp_path / DONE).iterdir()
    assert packed.name == f"{NAME}.gz"
    assert gzip.decompress(packed.read_bytes()) == b"1|opened|\n" * 500
    assert packed.stat().st_mtime == pytest.approx(when, abs=1e-3)
    assert packed.stat().st_size < 500


async def test_young_file_stays_as_it_is(tmp_path: Path) -> None:
    retired(tmp_path, 0.5)
    await tidied(tmp_path, Store(taken={NAME: 1_000}))
    assert names(tmp_path) == [NAME]


async def test_file_is_removed_when_its_days_are_over_compressed_or_not(tmp_path: Path) -> None:
    plain, packed = "pbx1-1763761.log", "pbx1-1763762.log"
    retired(tmp_path, 91, plain)
    retired(tmp_path, 91, f"{packed}.gz", gzip.compress(b"x" * 1_000))
    retired(tmp_path, 89, f"{NAME}.gz", gzip.compress(b"x" * 1_000))
    await tidied(tmp_path, Store(taken={plain: 1_000, packed: 1_000, NAME: 1_000}))
    assert names(tmp_path) == [f"{NAME}.gz"]


@pytest.mark.parametrize("stored", [{}, {NAME: 999}])
async def test_file_of_which_the_database_has_less_is_never_removed_and_told(
    tmp_path: Path, stored: dict[str, int]
) -> None:
    retired(tmp_path, 400, f"{NAME}.gz", gzip.compress(b"x" * 1_000))
    with capture_logs() as logs:
        await tidied(tmp_path, Store(taken=stored))
    assert names(tmp_path) == [f"{NAME}.gz"]
    assert [(entry["event"], entry["files"], entry["first"]) for entry in logs] == [
        ("journal.not_removed", 1, f"{NAME}.gz")
    ]


async def test_files_of_another_node_and_of_another_kind_are_not_touched(tmp_path: Path) -> None:
    others = ["pbx1-b-1763760.log", "pbx2-1763760.log", "notes.txt"]
    for name in others:
        retired(tmp_path, 400, name)
    await tidied(tmp_path, Store())
    assert names(tmp_path) == sorted(others)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("stored", [{}, {NAME: 10}])
async def test_database_that_has_less_than_before_is_filled_from_what_was_retired(
    tmp_path: Path, packed: bool, stored: dict[str, int]
) -> None:
    call = uuid4()
    data = opened_line(UUID(int=1))[:9] + b"\n" + opened_line(call) + b"\n"
    retired(tmp_path, 3, NAME + ".gz" * packed, gzip.compress(data) if packed else data)
    store = Store(taken=dict(stored))
    with capture_logs() as logs:
        await JournalReader(tmp_path, "pbx1", store).catch_up()
    assert [record.call for record in store.records] == [call]
    assert "journal.brought_back" in [entry["event"] for entry in logs]
    assert names(tmp_path) == []


async def test_database_that_has_everything_gets_nothing_again(tmp_path: Path) -> None:
    data = opened_line() + b"\n"
    retired(tmp_path, 3, f"{NAME}.gz", gzip.compress(data))
    store = Store(taken={NAME: len(data)})
    await JournalReader(tmp_path, "pbx1", store).catch_up()
    assert (store.records, names(tmp_path)) == ([], [f"{NAME}.gz"])


async def test_damaged_file_is_told_and_keeps_back_no_other(tmp_path: Path) -> None:
    call = uuid4()
    retired(tmp_path, 3, "pbx1-1763700.log.gz", b"\x1f\x8b no such thing")
    retired(tmp_path, 3, "pbx1-1763701.log.gz", b"\x1f")
    retired(tmp_path, 3, NAME, opened_line(call) + b"\n")
    store = Store()
    with capture_logs() as logs:
        await JournalReader(tmp_path, "pbx1", store).catch_up()
    assert [record.call for record in store.records] == [call]
    told = [entry["file"] for entry in logs if entry["event"] == "journal.not_brought_back"]
    assert [Path(file).name for file in told] == ["pbx1-1763700.log.gz", "pbx1-1763701.log.gz"]
    assert not list(tmp_path.glob("*.part"))


async def test_compressing_that_fails_leaves_the_file_and_the_journal_is_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retired(tmp_path, 2)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    store = Store(taken={NAME: 1_000})
    with capture_logs() as logs:
        reader = JournalReader(tmp_path, "pbx1", store)
        assert await reader.catch_up() == 0
    assert NAME in names(tmp_path)
    assert "journal.old_files_not_tidied" in [entry["event"] for entry in logs]


async def test_old_file_that_is_not_among_the_newest_that_the_store_names_is_not_read_again(tmp_path: Path) -> None:
    class Forgetful(Store):
        async def offsets(self, node: str) -> dict[str, int]:
            return dict(sorted((await super().offsets(node)).items())[-KEEP_FILES:])

    store = Forgetful()
    calls = [uuid4() for _ in range(2 * KEEP_FILES)]
    for n, call in enumerate(calls):
        (tmp_path / f"pbx1-{1_763_760 + n}.log").write_bytes(opened_line(call) + b"\n")
    reader = JournalReader(tmp_path, "pbx1", store)
    assert await reader.catch_up() == len(calls)
    assert await reader.catch_up() == 0
    assert len(list(tmp_path.glob("*.log"))) == KEEP_FILES
