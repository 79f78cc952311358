"""Room for the journal: seen and told before it is gone."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from callrouter import disk
from callrouter.disk import CALL_BYTES, DiskWatch, Level
from tests.unit.calls.given import ended_line, opened_line

GB = 1_000_000_000


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the folders lie on; as a rule a disk of this machine, wherever the tests run."""
    told = SimpleNamespace(kind="")
    monkeypatch.setattr(disk, "network_file_system", lambda _folder: told.kind)
    return told


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    return {"journal": tmp_path / "journal", "recordings": tmp_path / "recordings"}


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A file system as the test says it is; sizes in bytes."""
    told = SimpleNamespace(size=1_000 * GB, free=900 * GB, root=0, files=1_000_000)

    def statvfs(_path: object) -> SimpleNamespace:
        return SimpleNamespace(
            f_frsize=1,
            f_blocks=told.size,
            f_bfree=told.free + told.root,
            f_bavail=told.free,
            f_files=2 * told.files,
            f_favail=told.files,
        )

    monkeypatch.setattr(os, "statvfs", statvfs)
    return told


async def looked(folders: dict[str, Path]) -> DiskWatch:
    watch = DiskWatch(folders)
    await watch.look()
    return watch


@pytest.mark.parametrize(
    ("size", "free", "root", "files", "level"),
    [
        (1_000 * GB, 301 * GB, 0, 10**6, Level.OK),
        (1_000 * GB, 300 * GB, 0, 10**6, Level.WARNING),
        (1_000 * GB, 1 * GB, 0, 10**6, Level.WARNING),
        (1_000 * GB, 200_000_000, 0, 10**6, Level.CRITICAL),
        (1_000 * GB, 900 * GB, 0, 999, Level.CRITICAL),
        (1_000 * GB, 0, 50 * GB, 10**6, Level.CRITICAL),  # what only root may use is none of ours
    ],
)
async def test_level_is_by_what_is_left(
    folders: dict[str, Path], device: SimpleNamespace, size: int, free: int, root: int, files: int, level: Level
) -> None:
    device.size, device.free, device.root, device.files = size, free, root, files
    watch = await looked(folders)
    assert {room.level for room in watch.rooms.values()} == {level}
    assert watch.level is level


async def test_room_lasts_for_what_all_folders_on_that_file_system_grew_by(
    folders: dict[str, Path], device: SimpleNamespace
) -> None:
    for folder in folders.values():
        folder.mkdir()
    begun = time.time() - 5 * 3600
    for name in ("journal", "recordings"):
        (folders[name] / "old").write_bytes(b"x" * 500_000)
        os.utime(folders[name] / "old", (begun, begun))
        (folders[name] / "new").write_bytes(b"x" * 500_000)
    device.free = 10 * GB
    room = (await looked(folders)).rooms["journal"]
    assert room.bytes_an_hour == pytest.approx(2 * 1_000_000 / 5, rel=0.01)
    assert room.hours == pytest.approx(10 * GB / room.bytes_an_hour)


async def test_recorded_talks_of_today_count_and_those_of_older_days_are_not_looked_at(
    folders: dict[str, Path], device: SimpleNamespace
) -> None:
    today, older, other = (folders["recordings"] / name for name in ("2026-11-22", "2026-11-01", "done"))
    for folder in (today, older, other):
        folder.mkdir(parents=True)
        (folder / "talk.wav").write_bytes(b"x" * 360_000)
        os.utime(folder / "talk.wav", (time.time() - 3600, time.time() - 3600))
    os.utime(older, (0, 0))
    watch = await looked(folders)
    assert watch.rooms["recordings"].bytes_an_hour == pytest.approx(360_000, rel=0.05)


@pytest.mark.parametrize(("hours", "level"), [(3, Level.CRITICAL), (40, Level.WARNING), (60, Level.OK)])
async def test_folder_that_grows_fast_is_told_by_hours(
    folders: dict[str, Path], device: SimpleNamespace, hours: int, level: Level
) -> None:
    folders["recordings"].mkdir(parents=True)
    (folders["recordings"] / "new.wav").write_bytes(b"x" * 10_000_000)  # within the last hour
    device.free, device.size = hours * 10_000_000 + 5_000_000, hours * 10_000_000 + 6_000_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "CRITICAL_BYTES", 0)
        assert (await looked(folders)).rooms["recordings"].level is level


async def test_what_a_call_takes_is_measured_on_the_journal(
    folders: dict[str, Path], device: SimpleNamespace
) -> None:
    folders["journal"].mkdir()
    one = opened_line() + b"\n" + ended_line() + b"\n"
    (folders["journal"] / "pbx1-1763760.log").write_bytes(one * 20)
    watch = await looked(folders)
    assert watch.bytes_a_call == len(one)
    assert watch.calls_left == device.free // len(one)


async def test_before_the_first_call_a_call_takes_what_is_usual(
    folders: dict[str, Path], device: SimpleNamespace
) -> None:
    watch = DiskWatch(folders)
    assert (watch.calls_left, watch.level) == (None, Level.OK)
    await watch.look()
    assert watch.calls_left == device.free // CALL_BYTES


async def test_each_change_is_told_once_with_what_to_do(folders: dict[str, Path], device: SimpleNamespace) -> None:
    watch = DiskWatch({"journal": folders["journal"]})
    told: list[tuple[str, str]] = []
    for free in (900 * GB, 250 * GB, 240 * GB, 1_000_000, 500_000, 900 * GB):
        device.free = free
        with capture_logs() as logs:
            await watch.look()
        told += [(entry["event"], entry["log_level"]) for entry in logs]
        assert all(str(folders["journal"]) in entry["said"] for entry in logs)
        assert all("Free some room" in entry["said"] for entry in logs if entry["event"] != "disk.ok")
    assert told == [("disk.warning", "warning"), ("disk.critical", "error"), ("disk.ok", "info")]


async def test_folder_that_cannot_be_written_is_critical_whatever_is_free(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(_folder: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(disk, "_probe", read_only)
    watch = await looked(folders)
    assert watch.level is Level.CRITICAL
    assert "Read-only file system" in watch.in_words().en
    assert watch.in_words().id != watch.in_words().en


async def test_looking_leaves_nothing_behind(folders: dict[str, Path], device: SimpleNamespace) -> None:
    await looked(folders)
    assert [list(folder.iterdir()) for folder in folders.values()] == [[], []]


async def test_file_system_that_hangs_is_told_and_asked_by_one_thread_only(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    free, asked = threading.Event(), []

    def hangs(_path: Path) -> None:
        asked.append(1)
        free.wait(10)

    monkeypatch.setattr(disk, "_probe", hangs)
    monkeypatch.setattr(disk, "LOOK_S", 0.05)
    watch = DiskWatch({"journal": folders["journal"]})
    try:
        for _ in range(3):
            await watch.look()
        assert (watch.level, len(asked)) == (Level.CRITICAL, 1)
        assert "no answer" in watch.in_words().en
    finally:
        free.set()
    async with asyncio.timeout(30):
        while watch.rooms["journal"].error is not None:
            await watch.look()


async def test_folder_on_another_machine_is_warned_of_while_there_is_room(
    folders: dict[str, Path], device: SimpleNamespace, network: SimpleNamespace
) -> None:
    network.kind = "nfs4"
    with capture_logs() as logged:
        watch = await looked(folders)
    assert watch.level is Level.WARNING
    assert "(nfs4)" in watch.in_words().en
    assert {line["event"] for line in logged} == {"disk.warning"}
    device.free = 100 * GB
    await watch.look()
    assert "used" in watch.in_words().en  # a disk that fills up is the nearer danger
