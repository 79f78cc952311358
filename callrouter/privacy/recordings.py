"""What is kept of spoken words: recorded talks, and the messages of callers whom nobody could answer.

The PBX writes the files; the database tells what they are, that they are what they were, and how long they stay.
A talk's file is ``<day>/<call>_<stamp>.wav``, where the stamp is the journal's of its human and the day that of the
stamp in UTC; a message's is ``<call>.wav``. Both are 8 kHz, 16 bit, one channel.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID, uuid5

from callrouter.incidents.model import incident_id

_RECORDINGS: Final = UUID("c1b4a1f0-2f0e-5b1e-8a55-7f6f3c0e6112")
PIECE: Final = 1024 * 1024
"""Bytes that are read at once to reckon a hash."""
DEFAULT: Final = "default"
"""In the days of retention: whatever is not named."""
_HEADER: Final = 44
_CALL: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_TALK: Final = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}/({_CALL})_([0-9]{{1,12}})_([0-5][0-9])\.([0-9]{{6}})\.wav"
)
_MESSAGE: Final = re.compile(rf"({_CALL})\.wav")


class RecordingKind(StrEnum):
    """What was recorded."""

    TALK = "talk"
    """Caller and human, from the moment the human was there."""
    MESSAGE = "message"
    """The caller alone: nobody could be had."""


class RecordingState(StrEnum):
    """What there is of it."""

    FOUND = "found"
    """A file is there whose call has not ended, as far as is known."""
    TOLD = "told"
    """The call has ended, and the file was not looked at yet."""
    KEPT = "kept"
    MISSING = "missing"
    """The PBX was to write it, or had written it, and there is no such file."""
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Noted:
    """A recording that is told of. begun: µs UTC; None where only the file's age can tell."""

    file: str
    call: UUID
    kind: RecordingKind
    begun: int | None

    @property
    def id(self) -> UUID:
        """Its id: the same for the same file, whoever tells of it."""
        return uuid5(_RECORDINGS, self.file)

    @property
    def incident(self) -> UUID:
        """The incident that its call opened."""
        return incident_id(self.call)


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as it is known. Times in µs UTC.

    ended, bytes, sha256: None until the file was looked at; the hash in hexadecimal
    why:   of what is missing or erased
    until: when it is to be erased, as its incident's disposition is now; None of what is not kept
    """

    id: UUID
    call: UUID
    incident: UUID
    kind: RecordingKind
    file: str
    begun: int
    ended: int | None
    bytes: int | None
    sha256: str | None
    state: RecordingState
    why: str
    until: int | None = None


class RecordingReader(Protocol):
    """Reads what is known of recordings. Raises StorageUnavailable."""

    async def of_incident(self, incident: UUID) -> list[Recording]:
        """Return the recordings of an incident's calls, and of incidents merged into it, oldest first."""

    async def one(self, recording: UUID) -> Recording | None:
        """Return one, or None."""


class RecordingStore(RecordingReader, Protocol):
    """Where recordings are told of. Every method raises StorageUnavailable."""

    async def found(self, noted: Sequence[Noted], now: int) -> None:
        """Keep that these files are there; what is known already stays as it is."""

    async def known(self, files: Collection[str]) -> set[str]:
        """Return those of `files` that are known."""

    async def to_look_at(self, before: int, limit: int) -> list[Recording]:
        """Return what was told and not looked at, and what was found before `before` (µs UTC), oldest first."""

    async def looked_at(self, recording: UUID, *, ended: int, size: int, sha256: str) -> None:
        """Keep what the file is."""

    async def gone(self, recording: UUID, state: RecordingState, why: str, now: int) -> None:
        """Keep that the file is missing or erased, and why."""

    async def due(self, now: int, limit: int) -> list[tuple[Recording, str]]:
        """Return kept ones whose time is over, each with its incident's disposition (empty: none)."""


class RecordingDesk(Protocol):
    """Recordings, to be listened to (callrouter.privacy.keeper.RecordingKeeper)."""

    async def of_incident(self, incident: UUID) -> list[Recording]:
        """Return the recordings of an incident's calls, and of incidents merged into it, oldest first."""

    async def one(self, recording: UUID) -> Recording | None:
        """Return one, or None. Raises StorageUnavailable."""

    async def file(self, recording: Recording) -> Path | None:
        """Return where its file lies; None where there is none. Raises OSError, DiskHangs."""

    async def hash_now(self, recording: Recording) -> str | None:
        """Return what the file's hash is now; None where there is no file. Raises OSError, DiskHangs."""


class DiskHangs(Exception):
    """The file system did not answer in time."""


def noted_talk(call: UUID, stamp: str) -> Noted:
    """Return the recording of a talk whose human has this stamp of the journal. Raises ValueError."""
    day = datetime.fromtimestamp(int(stamp.partition("_")[0]), UTC).strftime("%Y-%m-%d")
    noted = noted_file(f"{day}/{call}_{stamp}.wav")
    if noted is None:
        raise ValueError(f"{stamp[:40]!r} is no stamp")
    return noted


def noted_message(file: str) -> Noted | None:
    """Return the message in `file` (the journal's ``rec``), or None where that is no file of ours."""
    found = _MESSAGE.fullmatch(file)
    return Noted(file, UUID(found[1]), RecordingKind.MESSAGE, None) if found else None


def noted_file(file: str) -> Noted | None:
    """Return what a file in the folder of recordings is by its name; None: none of ours."""
    found = _TALK.fullmatch(file)
    if found is None:
        return noted_message(file)
    second, fraction = int(found[3]), int(found[4])
    epoch = int(found[2])
    begun = (epoch + (second - epoch) % 60) * 1_000_000 + fraction
    return Noted(file, UUID(found[1]), RecordingKind.TALK, begun)


def path_of(folder: Path, file: str) -> Path:
    """Return where `file` lies, never outside of `folder`. Raises ValueError for what is no recording's name."""
    if noted_file(file) is None:
        raise ValueError(f"{file[:80]!r} is no recording")
    return folder / file


def days_of(disposition: str, days: Mapping[str, int]) -> int:
    """Return how many days a recording is kept whose incident has this disposition (empty: none)."""
    return days.get(disposition, days[DEFAULT])


def is_whole(path: Path) -> bool:
    """Whether the PBX has closed this file: only then its header tells its length. Raises OSError."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(_HEADER)
    return len(header) == _HEADER and int.from_bytes(header[40:44], "little") == size - _HEADER


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal, read in pieces. Raises OSError. For a thread."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()
