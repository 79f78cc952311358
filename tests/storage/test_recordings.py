"""Recordings as rows and files: told of, found, reckoned, kept for their time, erased."""

from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from callrouter.calls.records import JournalBatch
from callrouter.incidents.model import Outcome, incident_id
from callrouter.privacy.keeper import FOUND_US, MISSING_US, RecordingKeeper
from callrouter.privacy.recordings import RecordingKind, RecordingState, noted_talk, path_of
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.journal import Journal
from callrouter.storage.recordings import DAY_US, Recordings
from callrouter.storage.tables_privacy import recording as table
from tests.storage.given import batch, execute, given_ended, given_failed, given_opened, rows

BEGUN = 1_790_000_010_500_000
STAMP = "1790000010_30.500000"
CALL = "5d0c8f5e-30c8-4e62-9a86-1f5a2f0f6112"
DAYS = {"default": 90, "emergency": 365, "prank": 30}


def wav(seconds: float, *, closed: bool = True) -> bytes:
    """Return a file as the PBX writes it; not closed: its header tells no length yet."""
    sound = b"\1\0" * int(8000 * seconds)
    told = len(sound) if closed else 0
    header = b"RIFF" + (told + 36).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    header += b"\1\0\1\0" + (8000).to_bytes(4, "little") + (16000).to_bytes(4, "little") + b"\2\0\x10\0"
    return header + b"data" + told.to_bytes(4, "little") + sound


class Clock:
    def __init__(self) -> None:
        self.now = BEGUN

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stored(database: Database) -> Recordings:
    return Recordings(database, DAYS)


@pytest.fixture
def keeper(tmp_path: Path, stored: Recordings, clock: Clock) -> RecordingKeeper:
    folder = tmp_path / "recordings"
    folder.mkdir()
    return RecordingKeeper(folder, stored, DAYS, clock)


@pytest.fixture
def folder(tmp_path: Path, keeper: RecordingKeeper) -> Path:
    return tmp_path / "recordings"


def written(folder: Path, call: UUID, sound: bytes, stamp: str = STAMP) -> Path:
    path = folder / noted_talk(call, stamp).file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(sound)
    return path


async def told(database: Database, call: UUID, *stamps: str, **changes: object) -> None:
    await Journal(database).apply(batch(given_opened(call), given_ended(call, talks=stamps, **changes)))


async def test_file_of_a_talk_is_named_by_its_call_and_its_humans_stamp() -> None:
    call = UUID(CALL)
    noted = noted_talk(call, STAMP)
    assert noted.file == f"2026-09-21/{call}_{STAMP}.wav"
    assert (noted.call, noted.begun, noted.incident) == (call, BEGUN, incident_id(call))


@pytest.mark.parametrize(
    "file",
    [
        "../secrets/key",
        "/etc/passwd",
        "2026-09-21/../../secrets/key",
        f"2026-09-21/{CALL}_{STAMP}.wav/../../x",
        f"..//{CALL}.wav",
        f"{CALL}.wav\n",
        f"{CALL}.wav\0",
        "2026-09-21",
        "",
    ],
)
def test_nothing_that_is_no_recording_is_ever_opened(tmp_path: Path, file: str) -> None:
    with pytest.raises(ValueError, match="no recording"):
        path_of(tmp_path, file)


async def test_recording_that_the_journal_told_is_reckoned_once_it_is_closed(
    database: Database, stored: Recordings, keeper: RecordingKeeper, folder: Path
) -> None:
    call, sound = uuid4(), wav(2)
    await told(database, call, STAMP)
    path = written(folder, call, wav(2, closed=False))
    await keeper.look()
    (one,) = await stored.of_incident(incident_id(call))
    assert (one.state, one.sha256) == (RecordingState.TOLD, None)
    path.write_bytes(sound)
    await keeper.look()
    (one,) = await stored.of_incident(incident_id(call))
    assert (one.kind, one.state, one.begun) == (RecordingKind.TALK, RecordingState.KEPT, BEGUN)
    assert (one.bytes, one.sha256) == (len(sound), hashlib.sha256(sound).hexdigest())
    assert one.ended == path.stat().st_mtime_ns // 1000
    assert await stored.one(one.id) == one


async def test_telling_again_changes_nothing(
    database: Database, stored: Recordings, keeper: RecordingKeeper, folder: Path
) -> None:
    call = uuid4()
    await told(database, call, STAMP)
    written(folder, call, wav(1))
    await keeper.look()
    before = await stored.of_incident(incident_id(call))
    await told(database, call, STAMP)
    await keeper.look()
    assert await stored.of_incident(incident_id(call)) == before


async def test_message_is_a_recording_too(
    database: Database, stored: Recordings, keeper: RecordingKeeper, folder: Path
) -> None:
    call = uuid4()
    await Journal(database).apply(
        batch(given_opened(call), given_failed(call, Outcome.RECORDED, recording=f"{call}.wav"))
    )
    (folder / f"{call}.wav").write_bytes(wav(3))
    await keeper.look()
    (one,) = await stored.of_incident(incident_id(call))
    assert (one.kind, one.state) == (RecordingKind.MESSAGE, RecordingState.KEPT)


async def test_file_that_no_journal_tells_of_is_found_and_reckoned_when_its_call_must_be_over(
    stored: Recordings, keeper: RecordingKeeper, folder: Path, clock: Clock
) -> None:
    call = uuid4()
    written(folder, call, wav(1))
    (folder / "2026-09-21" / "notes.txt").write_text("no recording")
    await keeper.look()
    (one,) = await stored.of_incident(incident_id(call))
    assert one.state is RecordingState.FOUND
    clock.now += FOUND_US + 1
    await keeper.look()
    (one,) = await stored.of_incident(incident_id(call))
    assert one.state is RecordingState.KEPT


async def test_file_that_was_found_is_reckoned_as_soon_as_the_journal_tells_of_it(
    database: Database, stored: Recordings, keeper: RecordingKeeper, folder: Path
) -> None:
    call = uuid4()
    written(folder, call, wav(1))
    await keeper.look()
    await told(database, call, STAMP)
    await keeper.look()
    (one,) = await stored.of_incident(incident_id(call))
    assert one.state is RecordingState.KEPT


async def test_recording_that_the_pbx_could_not_write_is_told_as_missing(
    database: Database, stored: Recordings, keeper: RecordingKeeper, clock: Clock
) -> None:
    call = uuid4()
    await told(database, call, STAMP)
    await keeper.look()
    (one,) = await stored.of_incident(incident_id(call))
    assert one.state is RecordingState.TOLD
    clock.now += MISSING_US + 1
    await keeper.look()
    (one,) = await stored.of_incident(incident_id(call))
    assert (one.state, one.until) == (RecordingState.MISSING, None)
    assert one.why


async def test_altered_file_is_told_by_its_hash(
    database: Database, stored: Recordings, keeper: RecordingKeeper, folder: Path
) -> None:
    call = uuid4()
    await told(database, call, STAMP)
    path = written(folder, call, wav(1))
    await keeper.look()
    (one,) = await stored.of_incident(incident_id(call))
    assert await keeper.hash_now(one) == one.sha256
    sound = bytearray(path.read_bytes())
    sound[100] ^= 1
    path.write_bytes(sound)
    await keeper.look()
    assert await keeper.hash_now(one) != one.sha256
    assert (await stored.one(one.id)) == one
    path.unlink()
    assert await keeper.hash_now(one) is None


@pytest.mark.parametrize(
    ("disposition", "days"), [("", 90), ("emergency", 365), ("prank", 30), ("test", 90)], ids=["none", *"epo"]
)
async def test_recording_is_erased_when_its_dispositions_time_is_over_and_says_why(
    database: Database,
    stored: Recordings,
    keeper: RecordingKeeper,
    folder: Path,
    clock: Clock,
    disposition: str,
    days: int,
) -> None:
    call = uuid4()
    await told(database, call, STAMP)
    path = written(folder, call, wav(1))
    await keeper.look()
    await execute(
        database, update(t.incident).where(t.incident.c.id == incident_id(call)).values(disposition=disposition)
    )
    (one,) = await stored.of_incident(incident_id(call))
    assert one.until == BEGUN + days * DAY_US
    clock.now = one.until
    assert await keeper.erase_due() == 0
    assert path.exists()
    clock.now += 1
    assert await keeper.erase_due() == 1
    assert not path.exists()
    (one,) = await stored.of_incident(incident_id(call))
    assert (one.state, one.until) == (RecordingState.ERASED, None)
    assert one.why == f"retention: {days} days ({disposition or 'no disposition'})"
    assert one.sha256 is not None


async def test_recordings_of_merged_incidents_are_those_of_the_one_they_are_merged_into(
    database: Database, stored: Recordings
) -> None:
    one, other = uuid4(), uuid4()
    await told(database, one, STAMP)
    await told(database, other, "1790000011_31.500000")
    merged = update(t.incident).where(t.incident.c.id == incident_id(other)).values(merged_into=incident_id(one))
    await execute(database, merged)
    assert [r.call for r in await stored.of_incident(incident_id(one))] == [one, other]
    assert [r.call for r in await stored.of_incident(incident_id(other))] == [other]


async def test_bad_stamp_in_the_journal_is_set_aside_and_nothing_else_is_lost(database: Database) -> None:
    """What `parse_line` lets through is a time; a record that is not is refused as a whole, and told."""
    call, bad = uuid4(), uuid4()
    records = (given_opened(call), given_ended(call, talks=(STAMP,)), given_ended(bad, talks=("nonsense",)))
    await Journal(database).apply(JournalBatch("pbx1", "f", 10, records, ()))
    assert [row["call"] for row in await rows(database, table)] == [call]
    assert len(await rows(database, t.journal_reject)) == 1
