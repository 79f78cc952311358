"""The head of the audit is noted outside the database, and a line that is none does no harm."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from callrouter import heads
from callrouter.access.chain import ChainFault, ChainRow, Head
from callrouter.access.model import AuditNote
from callrouter.access.ports import AuditFilter
from callrouter.incidents.views import StorageUnavailable


def head(seq: int) -> Head:
    return Head(seq, f"{seq:064x}", 1_000 + seq)


class Trail:
    """An audit whose head can be set; None: the database is away."""

    def __init__(self) -> None:
        self.newest: Head | None = head(1)
        self.away = False

    async def head(self) -> Head | None:
        """Return it."""
        if self.away:
            raise StorageUnavailable("away")
        return self.newest

    async def append(self, note: AuditNote) -> Head:
        """Not asked here."""
        raise NotImplementedError

    async def page(self, wanted: AuditFilter) -> list[ChainRow]:
        """Not asked here."""
        raise NotImplementedError

    def rows(self) -> AsyncIterator[ChainRow]:
        """Not asked here."""
        raise NotImplementedError

    async def verify(self, noted: Sequence[Head]) -> list[ChainFault]:
        """Not asked here."""
        raise NotImplementedError


def test_heads_are_read_back_as_they_were_written_and_are_private(tmp_path: Path) -> None:
    file = tmp_path / "heads"
    assert heads.read(file) == []
    for seq in (1, 5):
        heads.append(file, head(seq))
    with file.open("a") as torn:
        torn.write("7 ab")
    assert heads.read(file) == [head(1), head(5)]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_new_head_is_written_and_an_old_one_not_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "EVERY_S", 0.005)
    monkeypatch.setattr(heads, "RETRY_S", 0.005)
    trail, file = Trail(), tmp_path / "heads"
    keeping = asyncio.create_task(heads.keep(trail, file))
    try:
        await until(lambda: heads.read(file) == [head(1)])
        trail.away = True
        trail.newest = head(2)
        trail.away = False
        await until(lambda: heads.read(file) == [head(1), head(2)])
        trail.newest = None
        trail.newest = head(3)
        await until(lambda: heads.read(file)[-1] == head(3))
        assert heads.read(file) == [head(1), head(2), head(3)]
    finally:
        keeping.cancel()


async def test_file_that_cannot_be_read_is_told_and_read_again_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "EVERY_S", 0.005)
    monkeypatch.setattr(heads, "RETRY_S", 0.005)
    trail, file = Trail(), tmp_path / "heads"
    file.mkdir()  # reading a folder fails whoever we are
    with capture_logs() as told:
        keeping = asyncio.create_task(heads.keep(trail, file))
        try:
            await until(lambda: len(told) > 1)
            file.rmdir()
            heads.append(file, head(1))
            trail.newest = head(2)
            await until(lambda: heads.read(file) == [head(1), head(2)])
            assert not keeping.done()
        finally:
            keeping.cancel()
    assert told[0]["event"] == "audit.head_not_written"


async def until(test: object) -> None:
    assert callable(test)
    async with asyncio.timeout(30):
        while not test():
            await asyncio.sleep(0.005)
