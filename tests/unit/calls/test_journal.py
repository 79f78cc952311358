"""Reading the journal: each complete line once, in order, whatever its files look like."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.calls import journal
from callrouter.calls.journal import MAX_READ, JournalReader, batches
from callrouter.calls.lines import MAX_LINE, parse_line
from callrouter.calls.oldfiles import DONE, KEEP_FILES
from callrouter.calls.records import DutyActed, Ended, Glimpsed, JournalBatch, NoticeRung, Opened
from callrouter.incidents.views import StorageUnavailable
from tests.unit.calls.given import CALL, OTHER, Store, at, began, duty_line, ended_line, notice_line, opened_line

LEN_ID = len(f"1|opened|{CALL}")
FIRST, SECOND = "pbx1-1763760.log", "pbx1-1763761.log"


def write(folder: Path, *lines: bytes, file: str = FIRST, end: bytes = b"\n") -> None:
    """Append lines as the PBX does."""
    with (folder / file).open("ab") as journal_file:
        journal_file.write(b"".join(line + end for line in lines))


def many(number: int) -> list[UUID]:
    """Return the identities of `number` calls."""
    return [UUID(int=n + 1) for n in range(number)]


def taken(folder: Path, offsets: dict[str, int] | None = None) -> tuple[list[UUID], list[bytes]]:
    """Return the calls and the rejected lines of everything that is read."""
    read = list(batches(folder, "pbx1", offsets or {}))
    return [r.call for b in read for r in b.records], [r.line for b in read for r in b.rejected]


# ---------------------------------------------------------------- files and lines
def test_line_without_its_end_is_left_until_it_has_one(tmp_path: Path) -> None:
    write(tmp_path, opened_line())
    write(tmp_path, ended_line()[:100], end=b"")
    (first,) = batches(tmp_path, "pbx1", {})
    assert [type(r) for r in first.records] == [Opened]
    assert first.rejected == ()
    assert list(batches(tmp_path, "pbx1", {FIRST: first.offset})) == []
    write(tmp_path, ended_line()[100:])
    (second,) = batches(tmp_path, "pbx1", {FIRST: first.offset})
    assert [type(r) for r in second.records] == [Ended]
    assert second.offset == (tmp_path / FIRST).stat().st_size


def test_poison_lines_are_set_aside_and_the_lines_around_them_are_read(tmp_path: Path) -> None:
    one, two = uuid4(), uuid4()
    write(tmp_path, opened_line(one), b"\xff\xfe poison", b"1|opened|nonsense", b"", opened_line(two))
    assert taken(tmp_path) == ([one, two], [b"\xff\xfe poison", b"1|opened|nonsense"])


def test_files_are_read_oldest_first_each_from_its_own_offset(tmp_path: Path) -> None:
    one, two, three = uuid4(), uuid4(), uuid4()
    write(tmp_path, opened_line(three), file=SECOND)
    write(tmp_path, opened_line(one), opened_line(two))
    assert taken(tmp_path) == ([one, two, three], [])
    read = {FIRST: len(opened_line()) + 1, SECOND: len(opened_line()) + 1}
    assert taken(tmp_path, read) == ([two], [])
    write(tmp_path, opened_line(one), file=SECOND)
    assert taken(tmp_path, read) == ([two, one], [])


@pytest.mark.parametrize(
    "name",
    ["pbx2-1763760.log", "pbx1-b-1763760.log", "pbx1-2-1763760.log", "pbx1-1763760.log.gz", "pbx1-.log", ".writable"],
)
def test_files_of_another_node_and_of_another_kind_are_not_read(tmp_path: Path, name: str) -> None:
    write(tmp_path, opened_line(), file=name)
    assert taken(tmp_path) == ([], [])


def test_missing_folder_is_an_error_and_not_an_empty_journal(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(batches(tmp_path / "gone", "pbx1", {}))


def test_batch_ends_with_a_line_and_the_next_one_begins_there(tmp_path: Path) -> None:
    calls = many(2 * MAX_READ // len(opened_line()))
    write(tmp_path, *(opened_line(call) for call in calls))
    read = list(batches(tmp_path, "pbx1", {}))
    assert len(read) == 3
    assert [r.call for b in read for r in b.records] == calls
    assert all(b.rejected == () and b.offset % (len(opened_line()) + 1) == 0 for b in read)


def test_what_is_written_while_a_batch_is_stored_waits_for_the_next_reading(tmp_path: Path) -> None:
    write(tmp_path, opened_line())
    reading = batches(tmp_path, "pbx1", {})
    first = next(reading)
    write(tmp_path, opened_line(OTHER))
    assert [r.call for r in first.records] == [CALL]
    assert list(reading) == []
    assert taken(tmp_path, {first.file: first.offset}) == ([OTHER], [])


@pytest.mark.parametrize("length", [MAX_LINE + 1, MAX_READ - 1, MAX_READ, MAX_READ + 1, 256 * 1024 + 7, 3 * MAX_READ])
def test_endless_line_is_set_aside_and_what_follows_is_read(tmp_path: Path, length: int) -> None:
    before, after = uuid4(), uuid4()
    write(tmp_path, opened_line(before), b"x" * length, opened_line(after))
    calls, rejected = taken(tmp_path)
    assert calls == [before, after]
    assert rejected
    assert all(len(line) <= MAX_LINE and set(line) == {ord("x")} for line in rejected)


def test_endless_line_without_an_end_does_not_hold_up_the_next_file(tmp_path: Path) -> None:
    write(tmp_path, b"x" * (MAX_READ + 10), end=b"")
    write(tmp_path, opened_line(), file=SECOND)
    assert taken(tmp_path)[0] == [CALL]


def test_name_whose_character_lies_across_two_reads_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = opened_line(trunk="é")
    monkeypatch.setattr(journal, "MAX_READ", len(line) + 1 + line.index("é".encode()) + 1)
    write(tmp_path, line, line)
    read = list(batches(tmp_path, "pbx1", {}))
    records = [r for b in read for r in b.records]
    assert len(read) == 2
    assert [r.trunk for r in records if isinstance(r, Opened)] == ["é", "é"]


@pytest.mark.parametrize("part", [1, 20, 60, 150])
def test_record_behind_a_line_that_a_full_disk_tore_is_not_lost(tmp_path: Path, part: int) -> None:
    torn, whole = uuid4(), uuid4()
    write(tmp_path, opened_line(torn)[:part], end=b"")
    write(tmp_path, opened_line(whole))
    calls, set_aside = taken(tmp_path)
    assert (calls[-1], set_aside) == (whole, [opened_line(torn)[:part]])
    assert calls[:-1] == ([torn] if part > LEN_ID else [])


@pytest.mark.parametrize("kind", [opened_line, ended_line])
def test_call_of_a_torn_line_is_known_all_the_same_by_its_id_and_time(
    tmp_path: Path, kind: Callable[[UUID], bytes]
) -> None:
    line, call = kind(OTHER), uuid4()
    write(tmp_path, line[: line.index(b"node=") + 3], opened_line(call))
    (batch,) = batches(tmp_path, "pbx1", {})
    at_ = parse_line(line).at
    assert batch.records[0] == Glimpsed(OTHER, at_, "pbx1")
    assert [r.call for r in batch.records] == [OTHER, call]
    assert [(r.position, len(r.line)) for r in batch.rejected] == [(0, line.index(b"node=") + 3)]


def test_call_of_a_line_that_breaks_off_before_its_time_is_of_the_time_of_the_file(tmp_path: Path) -> None:
    write(tmp_path, opened_line(OTHER)[:LEN_ID])
    write(tmp_path, opened_line(CALL)[: LEN_ID + 6])
    (batch,) = batches(tmp_path, "pbx1", {})
    assert batch.records == tuple(Glimpsed(call, 1_763_760_000_000_000, "pbx1") for call in (OTHER, CALL))


def test_position_is_the_byte_at_which_the_line_begins(tmp_path: Path) -> None:
    write(tmp_path, opened_line(), b"poison", b"", b"1|opened|torn" + opened_line(OTHER), b"more poison")
    data = (tmp_path / FIRST).read_bytes()
    (batch,) = batches(tmp_path, "pbx1", {})
    assert [r.line for r in batch.rejected] == [b"poison", b"1|opened|torn", b"more poison"]
    assert all(data[r.position :].startswith(r.line) for r in batch.rejected)
    (rest,) = batches(tmp_path, "pbx1", {FIRST: len(opened_line()) + 1})
    assert [r.position for r in rest.rejected] == [r.position for r in batch.rejected]


def test_line_that_gets_no_end_any_more_is_set_aside_and_what_is_written_behind_it_is_read(tmp_path: Path) -> None:
    torn, later = uuid4(), uuid4()
    write(tmp_path, opened_line())
    write(tmp_path, opened_line(torn)[:150], end=b"")
    (first,) = batches(tmp_path, "pbx1", {})
    offset = {FIRST: first.offset}
    assert list(batches(tmp_path, "pbx1", offset)) == []
    long_ago = time.time() - journal.TAIL_S - 1
    os.utime(tmp_path / FIRST, (long_ago, long_ago))
    (tail,) = batches(tmp_path, "pbx1", offset)
    assert ([r.call for r in tail.records], [r.line for r in tail.rejected]) == ([torn], [opened_line(torn)[:150]])
    assert tail.offset == (tmp_path / FIRST).stat().st_size
    write(tmp_path, opened_line(later))
    assert taken(tmp_path, {FIRST: tail.offset}) == ([later], [])


def test_torn_end_of_a_call_is_never_taken_for_its_whole_end(tmp_path: Path) -> None:
    line = ended_line(CALL, began(), human=at(8), by="op1")
    write(tmp_path, line[: line.index(b"^dial")], end=b"")
    write(tmp_path, opened_line())
    (batch,) = batches(tmp_path, "pbx1", {})
    assert [type(r) for r in batch.records] == [Glimpsed, Opened]
    assert len(batch.rejected) == 1


@given(
    lines=st.lists(st.sampled_from([b"", b"x", b"1|opened|torn", opened_line(), ended_line(), b"\xc3"]), max_size=30),
    max_read=st.integers(len(ended_line()) + 1, 3000),
    read=st.integers(0, 5),
)
def test_however_it_is_cut_each_line_is_read_once(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], max_read: int, read: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    write(folder, *lines)
    offset = sum(len(line) + 1 for line in lines[:read])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "MAX_READ", max_read)
        found = list(batches(folder, "pbx1", {FIRST: offset}))
    records = [r for b in found for r in b.records]
    rejected = [r.line for b in found for r in b.rejected]
    rest = lines[read:]
    assert len(records) == sum(line in {opened_line(), ended_line()} for line in rest)
    assert rejected == [line for line in rest if line in {b"x", b"1|opened|torn", b"\xc3"}]
    if found:
        assert found[-1].offset == sum(len(line) + 1 for line in lines)


# ---------------------------------------------------------------- the reader
async def until(test: Callable[[], bool], within: float = 5.0) -> None:
    """Wait until `test` holds. Raises TimeoutError."""
    async with asyncio.timeout(within):
        while not test():
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def running(reader: JournalReader) -> AsyncIterator[None]:
    """Run the reader for the length of a block."""
    task = asyncio.get_running_loop().create_task(reader.run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read for the clock's sake: only the doorbell wakes the reader."""
    monkeypatch.setattr(journal, "POLL_S", 600.0)
    monkeypatch.setattr(journal, "RETRY_S", 600.0)


async def test_what_is_there_at_the_start_is_read_at_once(tmp_path: Path, slow: None) -> None:
    write(tmp_path, opened_line(), ended_line())
    store = Store()
    async with running(JournalReader(tmp_path, "pbx1", store)):
        await until(lambda: len(store.records) == 2)
    assert store.taken == {FIRST: (tmp_path / FIRST).stat().st_size}


async def test_doorbell_has_the_new_line_read_without_waiting_for_the_clock(tmp_path: Path, slow: None) -> None:
    store = Store()
    reader = JournalReader(tmp_path, "pbx1", store)
    async with running(reader):
        for number in (1, 2, 3):
            write(tmp_path, opened_line(uuid4()))
            reader.ring()
            await until(lambda number=number: len(store.records) == number)  # type: ignore[misc]


async def test_line_whose_doorbell_nobody_heard_is_read_by_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "POLL_S", 0.02)
    store = Store()
    async with running(JournalReader(tmp_path, "pbx1", store)):
        write(tmp_path, opened_line())
        await until(lambda: len(store.records) == 1)


async def test_doorbell_during_a_reading_is_not_forgotten(tmp_path: Path, slow: None) -> None:
    class RingsWhileStoring(Store):
        async def apply(self, batch: JournalBatch) -> None:
            await super().apply(batch)
            if len(self.records) == 1:
                write(tmp_path, ended_line())
                reader.ring()

    store = RingsWhileStoring()
    write(tmp_path, opened_line())
    reader = JournalReader(tmp_path, "pbx1", store)
    async with running(reader):
        await until(lambda: [type(r) for r in store.records] == [Opened, Ended])


@pytest.mark.parametrize("error", [StorageUnavailable("away"), OSError(errno.EIO, "broken disk")])
async def test_failing_store_loses_nothing_and_each_record_comes_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(journal, "RETRY_S", 0.01)
    calls = many(2 * MAX_READ // len(opened_line()))
    write(tmp_path, *(opened_line(call) for call in calls))
    store = Store(error=error, fails=3)
    reader = JournalReader(tmp_path, "pbx1", store)
    async with running(reader):
        await until(lambda: reader.failing)
        await until(lambda: len(store.records) == len(calls))
        await until(lambda: not reader.failing)
    assert [r.call for r in store.records] == calls


async def test_reader_says_that_it_fails_for_as_long_as_it_does(tmp_path: Path, slow: None) -> None:
    write(tmp_path, opened_line())
    store = Store(error=StorageUnavailable("away"), fails=2)
    reader = JournalReader(tmp_path, "pbx1", store)
    assert not reader.failing
    async with running(reader):
        await until(lambda: store.fails == 1)
        assert reader.failing
        reader.ring()
        await until(lambda: store.fails == 0)
        assert reader.failing
        reader.ring()
        await until(lambda: not reader.failing)
    assert len(store.records) == 1


async def test_second_reader_goes_on_where_the_first_one_ended(tmp_path: Path, slow: None) -> None:
    store = Store()
    write(tmp_path, opened_line())
    assert await JournalReader(tmp_path, "pbx1", store).catch_up() == 1
    write(tmp_path, ended_line())
    assert await JournalReader(tmp_path, "pbx1", store).catch_up() == 1
    assert [type(r) for r in store.records] == [Opened, Ended]


async def test_rejected_lines_reach_the_store_with_their_reason(tmp_path: Path) -> None:
    write(tmp_path, b"poison")
    store = Store()
    assert await JournalReader(tmp_path, "pbx1", store).catch_up() == 0
    ((rejected,),) = [batch.rejected for batch in store.batches]
    assert (rejected.line, bool(rejected.reason)) == (b"poison", True)


# ---------------------------------------------------------------- duty
class Duty:
    """Takes what operators did by phone; `fails` times it cannot."""

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.taken: list[UUID] = []

    async def __call__(self, acted: DutyActed) -> None:
        if self.fails:
            self.fails -= 1
            raise StorageUnavailable("away")
        self.taken.append(acted.id)


async def test_duty_goes_to_who_keeps_it_and_is_no_record_of_a_call(tmp_path: Path) -> None:
    first, second = uuid4(), uuid4()
    write(tmp_path, opened_line(), duty_line(first), ended_line(), duty_line(second))
    store, duty = Store(), Duty()
    reader = JournalReader(tmp_path, "pbx1", store, duty)
    assert await reader.catch_up() == 4
    assert duty.taken == [first, second]
    assert [type(record) for record in store.records] == [Opened, Ended]
    assert store.rejected == []
    assert await reader.catch_up() == 0
    assert duty.taken == [first, second]


async def test_duty_that_could_not_be_kept_comes_again(tmp_path: Path) -> None:
    write(tmp_path, duty_line())
    store, duty = Store(), Duty(fails=1)
    reader = JournalReader(tmp_path, "pbx1", store, duty)
    with pytest.raises(StorageUnavailable):
        await reader.catch_up()
    assert (store.batches, duty.taken) == ([], [])
    assert await reader.catch_up() == 1
    assert duty.taken == [OTHER]


async def test_duty_comes_again_where_its_batch_was_not_stored(tmp_path: Path) -> None:
    write(tmp_path, duty_line(), opened_line())
    store, duty = Store(error=StorageUnavailable("away"), fails=1), Duty()
    reader = JournalReader(tmp_path, "pbx1", store, duty)
    with pytest.raises(StorageUnavailable):
        await reader.catch_up()
    await reader.catch_up()
    assert duty.taken == [OTHER, OTHER]


async def test_service_that_keeps_no_duty_passes_over_it(tmp_path: Path) -> None:
    write(tmp_path, duty_line(), opened_line())
    store = Store()
    assert await JournalReader(tmp_path, "pbx1", store).catch_up() == 2
    assert (len(store.records), store.rejected) == (1, [])


def test_duty_behind_a_torn_line_is_not_lost(tmp_path: Path) -> None:
    write(tmp_path, opened_line()[:60], end=b"")
    write(tmp_path, duty_line())
    (batch,) = batches(tmp_path, "pbx1", {})
    assert [acted.id for acted in batch.duty] == [OTHER]
    assert [rejected.line for rejected in batch.rejected] == [opened_line()[:60]]


# ---------------------------------------------------------------- retirement
def test_file_shorter_than_what_was_taken_of_it_is_read_again(tmp_path: Path) -> None:
    call = uuid4()
    write(tmp_path, opened_line(call))
    assert taken(tmp_path, {FIRST: 10_000}) == ([call], [])


async def test_old_files_are_retired_once_they_are_wholly_taken(tmp_path: Path) -> None:
    names = [f"pbx1-{1_763_760 + n}.log" for n in range(KEEP_FILES + 3)]
    for name in names:
        write(tmp_path, opened_line(uuid4()), file=name)
    store = Store()
    reader = JournalReader(tmp_path, "pbx1", store)
    assert await reader.catch_up() == len(names)
    write(tmp_path, opened_line(uuid4()), file=names[1])
    assert await reader.catch_up() == 1
    assert await reader.catch_up() == 0
    assert sorted(path.name for path in (tmp_path / DONE).iterdir()) == names[:3]
    assert sorted(path.name for path in tmp_path.glob("*.log")) == names[3:]


async def test_file_that_is_not_wholly_taken_stays_however_old(tmp_path: Path) -> None:
    names = [f"pbx1-{1_763_760 + n}.log" for n in range(KEEP_FILES + 1)]
    for name in names:
        write(tmp_path, opened_line(uuid4()), file=name)
    write(tmp_path, ended_line()[:50], file=names[0], end=b"")
    reader = JournalReader(tmp_path, "pbx1", Store())
    await reader.catch_up()
    assert await reader.catch_up() == 0
    assert (tmp_path / names[0]).exists()


# ---------------------------------------------------------------- notices by telephone
async def test_what_became_of_a_notice_goes_to_who_keeps_it_and_comes_again_where_it_was_not_kept(
    tmp_path: Path,
) -> None:
    write(tmp_path, opened_line(), notice_line(), notice_line(result="busy"))
    store, kept, fails = Store(), [], [StorageUnavailable("away")]

    async def keep(rung: NoticeRung) -> None:
        if rung.result == "busy" and fails:
            raise fails.pop()
        kept.append(str(rung.result))

    reader = JournalReader(tmp_path, "pbx1", store)
    reader.rung = keep
    with pytest.raises(StorageUnavailable):
        await reader.catch_up()
    assert (kept, store.batches) == (["accepted"], [])
    assert await reader.catch_up() == 3
    assert kept == ["accepted", "accepted", "busy"]
    assert [type(record) for record in store.records] == [Opened]
    assert await reader.catch_up() == 0


def test_a_notice_behind_a_torn_line_is_not_lost(tmp_path: Path) -> None:
    write(tmp_path, opened_line()[:60], end=b"")
    write(tmp_path, notice_line())
    (batch,) = batches(tmp_path, "pbx1", {})
    assert [rung.notice for rung in batch.rung] == [OTHER]
