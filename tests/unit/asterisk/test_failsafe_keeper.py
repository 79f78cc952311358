"""The failsafe's data are kept true: beforehand for a table to come, anew in time, and told of where they are not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from callrouter.asterisk import failsafe_files as files
from callrouter.asterisk import failsafe_jobs, failsafe_keeper
from callrouter.asterisk.failsafe_jobs import MODULE
from callrouter.asterisk.failsafe_keeper import DAY_S, FailsafeKeeper
from callrouter.calls.handover import Snapshot, snapshot_of
from callrouter.errors import OperatorError
from callrouter.publishing.worker import Worker
from callrouter.routing.table import RoutingTable
from tests.unit.routing.tables import Document, small

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC).timestamp()


class Here:
    """Does the jobs in a thread of this process; fails while told to."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.done = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def run(self, job: str, *args: Any) -> Any:
        assert job == "make"
        if self.error is not None:
            raise self.error
        made = await asyncio.to_thread(failsafe_jobs.make, *args)
        await self.hold.wait()
        self.done += 1
        return made

    async def close(self) -> None:
        """Nothing was started."""


class Centre:
    """A keeper, what is in force, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "failsafe"
        self.jobs = Here()
        self.now = NOW
        self.live: Snapshot = snapshot_of(7, small())
        self.keeper = FailsafeKeeper(self.folder, lambda: self.live, self.jobs, lambda: self.now)

    @property
    def version(self) -> int | None:
        return files.version_of(files.current(self.folder))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.keeper.run())
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def centre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Centre:
    monkeypatch.setattr(failsafe_keeper, "LOOK_S", 0.005)
    return Centre(tmp_path)


async def until(test: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not test():
            await asyncio.sleep(0.002)


async def test_data_are_made_at_the_start_and_the_check_is_good(centre: Centre) -> None:
    assert not centre.keeper.check().ok
    assert centre.keeper.reach_s == 0
    async with centre.running():
        await until(lambda: centre.version == 7)
        await until(lambda: centre.keeper.check().ok)
    assert 30 * DAY_S < centre.keeper.reach_s < 31 * DAY_S


async def test_table_to_come_counts_from_the_swap_on(centre: Centre) -> None:
    async with centre.running():
        await until(lambda: centre.version == 7)
        table = small()
        await centre.keeper.prepare(table, 8)
        assert centre.version == 7
        centre.live = snapshot_of(8, table)
        assert "version 7" in centre.keeper.check().detail.en
        centre.keeper.swap(table, 8)
        assert centre.version == 8
        assert centre.keeper.check().ok


async def test_table_that_did_not_come_leaves_what_counts(centre: Centre) -> None:
    async with centre.running():
        await until(lambda: centre.version == 7)
        await centre.keeper.prepare(small(), 8)
        centre.keeper.drop()
        assert centre.version == 7
        assert centre.keeper.check().ok


async def test_swap_to_what_was_not_prepared_is_made_good_at_once(centre: Centre) -> None:
    async with centre.running():
        await until(lambda: centre.version == 7)
        centre.live = snapshot_of(9, small())
        centre.keeper.swap(centre.live.compiled.table, 9)
        assert not centre.keeper.check().ok
        await until(lambda: centre.version == 9)
        await until(lambda: centre.keeper.check().ok)


async def test_renewal_that_a_publication_overtook_does_not_bring_the_old_table_back(centre: Centre) -> None:
    centre.jobs.hold.clear()
    async with centre.running():
        await until(lambda: centre.folder.exists() and any(p.name.startswith("v7") for p in centre.folder.iterdir()))
        table: RoutingTable = small()
        preparing = asyncio.create_task(centre.keeper.prepare(table, 8))
        centre.jobs.hold.set()
        await preparing
        centre.live = snapshot_of(8, table)
        centre.keeper.swap(table, 8)
        done = centre.jobs.done
        assert centre.version == 8
        await until(lambda: centre.jobs.done >= done)
        assert centre.version == 8


async def test_data_are_made_anew_each_day_and_when_the_clock_is_set_back(centre: Centre) -> None:
    async with centre.running():
        await until(lambda: centre.keeper.check().ok)
        first = files.current(centre.folder)
        centre.now += DAY_S + 1
        await until(lambda: files.current(centre.folder) != first)
        second = files.current(centre.folder)
        centre.now -= 40 * DAY_S
        await until(lambda: files.current(centre.folder) != second)
        await until(lambda: centre.keeper.check().ok)


async def test_data_are_made_anew_at_a_schedules_edge(centre: Centre) -> None:
    def office(document: Document) -> None:
        hours = [{"opens": "17:00", "closes": "18:00", "days": ["mon"]}]  # in Jakarta: 10:00 UTC, half an hour later
        document["routing"]["schedules"] = [{"key": "office", "name": "office", "windows": hours}]
        document["routing"]["routes"][0]["when"]["schedule"] = ["office"]

    centre.live = snapshot_of(7, small(office))
    async with centre.running():
        await until(lambda: centre.jobs.done == 1)
        centre.now += 29 * 60
        await asyncio.sleep(0.05)
        assert centre.jobs.done == 1
        centre.now += 61
        await until(lambda: centre.jobs.done == 2)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("300 lines for one call")])
async def test_failure_is_told_once_tried_again_and_leaves_what_counts(
    centre: Centre, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(failsafe_keeper.log, "error", lambda event, **_: told.append(event))
    async with centre.running():
        await until(lambda: centre.keeper.check().ok)
        kept = files.current(centre.folder)
        centre.jobs.error = error
        centre.now += 25 * DAY_S
        await until(lambda: told)
        for _ in range(3):
            centre.now += failsafe_keeper.RETRY_S + 1
            await asyncio.sleep(0.02)
        assert told == ["failsafe.not_renewed"]
        assert files.current(centre.folder) == kept
        check = centre.keeper.check()
        assert not check.ok
        assert "days ahead" in check.detail.en
        centre.jobs.error = None
        centre.now += failsafe_keeper.RETRY_S + 1
        await until(lambda: centre.keeper.check().ok)


async def test_table_whose_data_cannot_be_written_is_refused(centre: Centre) -> None:
    (centre.folder).write_text("a file where the folder would be")
    with pytest.raises(OperatorError, match="failsafe"):
        await centre.keeper.prepare(small(), 8)


async def test_pointer_that_was_taken_away_is_told(centre: Centre) -> None:
    async with centre.running():
        await until(lambda: centre.keeper.check().ok)
        (centre.folder / "current").unlink()
        check = centre.keeper.check()
        assert (check.ok, check.name, check.detail.en) == (False, "failsafe", "The failsafe's data are not there.")
        assert centre.keeper.reach_s == 0


async def test_work_is_done_in_a_process_of_its_own(tmp_path: Path) -> None:
    live = snapshot_of(3, small())
    worker = Worker(jobs=MODULE)
    keeper = FailsafeKeeper(tmp_path / "failsafe", lambda: live, worker)
    try:
        await keeper.prepare(live.compiled.table, 3)
        assert worker.pid is not None
        keeper.swap(live.compiled.table, 3)
        (tmp_path / "file").write_text("no folder")
        with pytest.raises(OperatorError, match="file"):
            await FailsafeKeeper(tmp_path / "file", lambda: live, worker).prepare(live.compiled.table, 3)
    finally:
        await keeper.close()
    assert files.version_of(files.current(tmp_path / "failsafe")) == 3
