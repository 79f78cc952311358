"""Recordings over REST: what there is, whether it is what it was, and the sound. Every play is noted before."""

from __future__ import annotations

import functools
from base64 import b64encode
from pathlib import Path
from uuid import UUID

from callrouter.access.model import Principal, Right
from callrouter.api import problems
from callrouter.api.models import NoParameters
from callrouter.api.operation import AUDIO, Answered, Asked, SentFile, Surface
from callrouter.api.problems import ApiProblem, Fault
from callrouter.api.recording_models import (
    RecordingList,
    RecordingPath,
    RecordingQuery,
    RecordingRow,
    RecordingVerdict,
    Sound,
)
from callrouter.api.services import Services
from callrouter.api.translate import maybe, moment, text
from callrouter.bilingual import Bilingual
from callrouter.privacy.access_log import Seen
from callrouter.privacy.recordings import (
    DiskHangs,
    Recording,
    RecordingDesk,
    RecordingKind,
    RecordingState,
)

surface = Surface()

_PROBLEMS = (problems.STORAGE_UNAVAILABLE,)
_OF_ONE = (*_PROBLEMS, problems.RECORDING_UNKNOWN)
_NO_FILE = Bilingual("berkasnya tidak ditemukan", "its file is not found")
_NO_DISK = Bilingual("disk tidak menjawab", "the disk does not answer")


@functools.cache
def _row_example() -> RecordingRow:
    return RecordingRow(
        id=UUID("0b2f7d3e-9a43-5d0e-8f58-6b2f6f3c0e61"),
        call=UUID("5d0c8f5e-30c8-4e62-9a86-1f5a2f0f6112"),
        incident=UUID("8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112"),
        kind=RecordingKind.TALK,
        begun_at="2026-11-21T13:40:07.125000Z",
        ended_at="2026-11-21T13:40:27.125000Z",
        bytes=320_044,
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        state=RecordingState.KEPT,
        why=None,
        keep_until="2027-02-19T13:40:07.125000Z",
    )


@surface.get(
    "/api/v1/recordings",
    tag="recordings",
    summary=Bilingual("Rekaman sebuah laporan", "Recordings of an incident"),
    path_model=NoParameters,
    right=Right.HEAR_RECORDINGS,
    query=RecordingQuery,
    response=RecordingList,
    example=lambda: RecordingList(items=[_row_example()]),
    shows=Seen.RECORDINGS,
    problems=_PROBLEMS,
)
async def list_recordings(asked: Asked[NoParameters, RecordingQuery]) -> RecordingList:
    """Returns what was recorded of an incident's calls, and of those that were merged into it: one recording for each
    human whom the caller was given, and the caller's message. Those that are missing or erased are told with why.
    """
    desk = asked.services.recordings
    found = [] if desk is None else await desk.of_incident(asked.query.incident)
    return RecordingList(items=[_row(one) for one in found])


@surface.get(
    "/api/v1/recordings/{id}",
    tag="recordings",
    summary=Bilingual("Satu rekaman", "One recording"),
    path_model=RecordingPath,
    right=Right.HEAR_RECORDINGS,
    query=NoParameters,
    response=RecordingRow,
    example=_row_example,
    shows=Seen.RECORDINGS,
    problems=_OF_ONE,
)
async def read_recording(asked: Asked[RecordingPath, NoParameters]) -> RecordingRow:
    """Returns what is known of a recording. That it is looked at is noted in the access log."""
    return _row((await _one(asked))[1])


@surface.get(
    "/api/v1/recordings/{id}/verify",
    tag="recordings",
    summary=Bilingual("Periksa keutuhan rekaman", "Is a recording what it was?"),
    path_model=RecordingPath,
    right=Right.HEAR_RECORDINGS,
    query=NoParameters,
    response=RecordingVerdict,
    example=lambda: RecordingVerdict(intact=True, sha256=_row_example().sha256, found=_row_example().sha256),
    slow=True,
    problems=(*_OF_ONE, problems.RECORDING_GONE),
)
async def verify_recording(asked: Asked[RecordingPath, NoParameters]) -> RecordingVerdict:
    """Reads the file anew and compares its SHA-256 with the one that was kept when the PBX had closed it."""
    desk, recording = await _one(asked)
    try:
        found = await desk.hash_now(recording)
    except (OSError, DiskHangs):
        raise _gone(_NO_DISK) from None
    kept = recording.sha256
    return RecordingVerdict(intact=found is not None and found == kept, sha256=kept, found=found)


@surface.get(
    "/api/v1/recordings/{id}/audio",
    tag="recordings",
    summary=Bilingual("Suara sebuah rekaman", "The sound of a recording"),
    path_model=RecordingPath,
    right=Right.HEAR_RECORDINGS,
    query=NoParameters,
    response=Sound,
    example=lambda: Sound("RIFF\u2026WAVEfmt \u2026"),
    media_type=AUDIO,
    problems=(*_OF_ONE, problems.RECORDING_GONE),
)
async def play_recording(asked: Asked[RecordingPath, NoParameters]) -> Answered[Sound]:
    """Returns the sound (RIFF WAVE, 8 kHz, 16 bit, one channel), whole or the one range of bytes that is asked for.
    Who plays it is in the access log before the first byte goes out; where that cannot be noted, nothing is sent.
    `Repr-Digest` (RFC 9530) has the hash that was kept, so that a player can compare.
    """
    desk, recording = await _one(asked)
    try:
        path = await desk.file(recording) if recording.state is not RecordingState.ERASED else None
    except (OSError, DiskHangs):
        raise _gone(_NO_DISK) from None
    if path is None:
        raise _gone(Bilingual(recording.why, recording.why) if recording.why else _NO_FILE)
    return Answered(file=_sent(path, recording, asked.services, asked.by))


def _sent(path: Path, recording: Recording, services: Services, by: Principal) -> SentFile:
    async def begun(first_byte: int) -> None:
        if first_byte == 0:
            await services.access_log.now(by, Seen.PLAY, str(recording.id))
            return
        # A player that leaps: one entry a minute is enough, but it is there before he hears anything.
        await services.access_log.saw(by, Seen.PLAY, str(recording.id))
        await services.access_log.flush()

    digest = recording.sha256
    headers = {"Content-Disposition": f'inline; filename="{recording.id}.wav"'}
    if digest is not None:
        headers["Repr-Digest"] = f"sha-256=:{_base64(digest)}:"
    return SentFile(path, begun, headers)


def _base64(hexadecimal: str) -> str:
    return b64encode(bytes.fromhex(hexadecimal)).decode()


async def _one(asked: Asked[RecordingPath, NoParameters]) -> tuple[RecordingDesk, Recording]:
    desk = asked.services.recordings
    recording = None if desk is None else await desk.one(asked.path.id)
    if desk is None or recording is None:
        raise ApiProblem(Fault(problems.RECORDING_UNKNOWN, problems.pointer("path", "id")))
    return desk, recording


def _gone(why: Bilingual) -> ApiProblem:
    return ApiProblem(Fault(problems.RECORDING_GONE, problems.pointer("path", "id"), {"why": why}))


def _row(recording: Recording) -> RecordingRow:
    return RecordingRow(
        id=recording.id,
        call=recording.call,
        incident=recording.incident,
        kind=recording.kind,
        begun_at=moment(recording.begun),
        ended_at=maybe(recording.ended),
        bytes=recording.bytes,
        sha256=recording.sha256,
        state=recording.state,
        why=text(recording.why),
        keep_until=maybe(recording.until),
    )
