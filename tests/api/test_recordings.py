"""Recordings over REST: who may, in which parts, and that each play is noted before a byte goes out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp
import pytest

from callrouter.access.model import RIGHTS, Right, Role
from callrouter.api.server import ApiServer
from callrouter.incidents.views import StorageUnavailable
from callrouter.privacy.access_log import Access, AccessFilter, AccessLog, AccessRow
from callrouter.privacy.recordings import DiskHangs, Recording, RecordingKind, RecordingState, path_of, sha256_of
from tests.api.conftest import Start
from tests.api.fakes import Managed
from tests.api.support import BEGIN, Client

SOUND = bytes(range(256)) * 400


@dataclass
class FakeDesk:
    """Recordings in a folder."""

    folder: Path
    kept: dict[UUID, Recording] = field(default_factory=dict)
    hangs: bool = False

    def add(self, **changes: object) -> Recording:
        call = uuid4()
        recording = Recording(
            uuid4(), call, uuid4(), RecordingKind.MESSAGE, f"{call}.wav", BEGIN, BEGIN + 5, len(SOUND),
            hashlib.sha256(SOUND).hexdigest(), RecordingState.KEPT, "", BEGIN + 10,
        )  # fmt: skip
        recording = replace(recording, **changes)  # type: ignore[arg-type]
        path_of(self.folder, recording.file).write_bytes(SOUND)
        self.kept[recording.id] = recording
        return recording

    async def of_incident(self, incident: UUID) -> list[Recording]:
        return [one for one in self.kept.values() if one.incident == incident]

    async def one(self, recording: UUID) -> Recording | None:
        return self.kept.get(recording)

    async def file(self, recording: Recording) -> Path | None:
        if self.hangs:
            raise DiskHangs("it hangs")
        path = path_of(self.folder, recording.file)
        return path if path.is_file() else None

    async def hash_now(self, recording: Recording) -> str | None:
        path = await self.file(recording)
        return sha256_of(path) if path else None


@dataclass
class FakeAccesses:
    """An access log in memory, that may be away."""

    entries: list[Access] = field(default_factory=list)
    away: bool = False

    async def add(self, entries: Sequence[Access]) -> None:
        if self.away:
            raise StorageUnavailable("away")
        self.entries += [e for e in entries if (e.who, e.what, e.subject, e.slot) not in self.keys]

    @property
    def keys(self) -> set[tuple[str, str, str, int]]:
        return {(e.who, e.what, e.subject, e.slot) for e in self.entries}

    async def page(self, wanted: AccessFilter) -> list[AccessRow]:
        rows = [
            AccessRow(e.at, e.slot, e.who, e.role, e.what, e.subject, e.purpose, n)
            for n, e in enumerate(self.entries, 1)
            if wanted.subject in {None, e.subject} and wanted.what in {None, e.what} and wanted.who in {None, e.who}
        ]
        return [row for row in reversed(rows) if wanted.before is None or row.id < wanted.before][: wanted.limit]


class Clock:
    """A clock that ticks whenever it is looked at."""

    now = BEGIN

    def __call__(self) -> int:
        self.now += 1
        return self.now


@dataclass
class House:
    """A server with recordings, and whoever asks it."""

    server: ApiServer
    desk: FakeDesk
    accesses: FakeAccesses
    log: AccessLog
    clock: Clock
    managed: Managed
    session: aiohttp.ClientSession

    async def ask(self, path: str, role: Role = Role.SUPERVISOR, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        headers = {"Authorization": f"Bearer {self.managed.bearers[role]}"} | headers
        url = f"http://127.0.0.1:{self.server.port}{path}"
        async with self.session.get(url, headers=headers) as answer:
            return answer.status, await answer.read(), dict(answer.headers)

    async def play(self, recording: Recording, wanted: str = "") -> tuple[int, bytes, dict[str, str]]:
        return await self.ask(f"/api/v1/recordings/{recording.id}/audio", **({"Range": wanted} if wanted else {}))

    @property
    def plays(self) -> list[str]:
        return [entry.subject for entry in self.accesses.entries if entry.what == "play"]


@pytest.fixture
async def house(tmp_path: Path, start: Start, managed: Managed, session: aiohttp.ClientSession) -> House:
    desk, accesses, clock = FakeDesk(tmp_path), FakeAccesses(), Clock()
    log = AccessLog(accesses, clock)
    server = await start(recordings=desk, access_log=log)
    return House(server, desk, accesses, log, clock, managed, session)


async def test_recordings_of_an_incident_are_listed_with_what_is_known(house: House) -> None:
    one = house.desk.add()
    gone = house.desk.add(incident=one.incident, state=RecordingState.ERASED, why="retention: 90 days", until=None)
    asking = {"Authorization": f"Bearer {house.managed.bearers[Role.SUPERVISOR]}"}
    client = Client(house.session, house.server.port)
    reply = await client.ask(f"/api/v1/recordings?incident={one.incident}", headers=asking)
    assert [(row["id"], row["state"], row["why"]) for row in reply.json["items"]] == [
        (str(one.id), "kept", None),
        (str(gone.id), "erased", "retention: 90 days"),
    ]
    assert reply.json["items"][0]["sha256"] == one.sha256
    reply = await client.ask(f"/api/v1/recordings/{one.id}", headers=asking)
    assert reply.json["id"] == str(one.id)
    assert (await client.ask("/api/v1/recordings", headers=asking)).status == 400


@pytest.mark.parametrize("role", list(Role))
async def test_only_who_has_the_right_hears_and_nobody_else_is_even_noted(house: House, role: Role) -> None:
    one = house.desk.add()
    may = Right.HEAR_RECORDINGS in RIGHTS[role]
    for path in (f"?incident={one.incident}", f"/{one.id}", f"/{one.id}/audio", f"/{one.id}/verify"):
        status, _, _ = await house.ask(f"/api/v1/recordings{path}", role)
        assert status == (200 if may else 403), path
    assert house.plays == ([str(one.id)] if may else [])


async def test_whole_sound_with_its_hash(house: House) -> None:
    one = house.desk.add()
    status, sound, headers = await house.play(one)
    assert (status, sound) == (200, SOUND)
    assert headers["Content-Type"] == "audio/wav"
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Cache-Control"] == "no-store"
    digest = base64.b64encode(hashlib.sha256(SOUND).digest()).decode()
    assert headers["Repr-Digest"] == f"sha-256=:{digest}:"


async def test_who_asks_for_the_headers_alone_plays_nothing(house: House) -> None:
    one = house.desk.add()
    url = f"http://127.0.0.1:{house.server.port}/api/v1/recordings/{one.id}/audio"
    asking = {"Authorization": f"Bearer {house.managed.bearers[Role.SUPERVISOR]}"}
    async with house.session.head(url, headers=asking) as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(SOUND)))
        assert await answer.read() == b""
    assert house.plays == []


@pytest.mark.parametrize(
    ("wanted", "begin", "end"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=100-199", 100, 200),
        ("bytes=102000-", 102_000, 102_400),
        ("bytes=-400", 102_000, 102_400),
        ("bytes=0-999999", 0, 102_400),
    ],
)
async def test_part_of_a_sound(house: House, wanted: str, begin: int, end: int) -> None:
    status, sound, headers = await house.play(house.desk.add(), wanted)
    assert (status, sound) == (206, SOUND[begin:end])
    assert headers["Content-Range"] == f"bytes {begin}-{end - 1}/{len(SOUND)}"


async def test_part_that_is_not_there_is_416(house: House) -> None:
    status, _, headers = await house.play(house.desk.add(), "bytes=102400-")
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(SOUND)}")


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "lines=1-2", "bytes=a-b", "bytes=", "nonsense"])
async def test_range_that_is_not_served_gets_the_whole(house: House, wanted: str) -> None:
    status, sound, _ = await house.play(house.desk.add(), wanted)
    assert (status, sound) == (200, SOUND)
    assert len(house.plays) == 1


async def test_every_play_is_noted_and_a_leap_once_a_minute(house: House) -> None:
    one = house.desk.add()
    await house.play(one)
    await house.play(one)
    await house.play(one, "bytes=0-10")
    assert house.plays == [str(one.id)] * 3
    for begin in (50, 100, 150):
        await house.play(one, f"bytes={begin}-")
    assert house.plays == [str(one.id)] * 4
    last = house.accesses.entries[-1]
    assert (last.who, last.role) == ("supervisor-1", "supervisor")


@pytest.mark.parametrize("wanted", ["", "bytes=0-10", "bytes=50-60"])
async def test_nothing_goes_out_where_the_play_cannot_be_noted(house: House, wanted: str) -> None:
    one = house.desk.add()
    house.accesses.away = True
    status, sound, _ = await house.play(one, wanted)
    assert status == 503
    assert SOUND[:20] not in sound


async def test_altered_recording_is_told_by_its_hash(house: House) -> None:
    one = house.desk.add()
    path = path_of(house.desk.folder, one.file)
    asking = {"Authorization": f"Bearer {house.managed.bearers[Role.AUDITOR]}"}
    client = Client(house.session, house.server.port)
    verdict = (await client.ask(f"/api/v1/recordings/{one.id}/verify", headers=asking)).json
    assert verdict == {"intact": True, "sha256": one.sha256, "found": one.sha256}
    path.write_bytes(SOUND[:-1] + b"x")
    verdict = (await client.ask(f"/api/v1/recordings/{one.id}/verify", headers=asking)).json
    assert (verdict["intact"], verdict["sha256"]) == (False, one.sha256)
    path.unlink()
    verdict = (await client.ask(f"/api/v1/recordings/{one.id}/verify", headers=asking)).json
    assert (verdict["intact"], verdict["found"]) == (False, None)


async def test_sound_that_is_gone_says_why_and_is_not_noted_as_played(house: House) -> None:
    erased = house.desk.add(state=RecordingState.ERASED, why="retention: 90 days")
    status, text, _ = await house.play(erased)
    assert (status, b"retention: 90 days" in text) == (410, True)
    missing = house.desk.add()
    path_of(house.desk.folder, missing.file).unlink()
    assert (await house.play(missing))[0] == 410
    house.desk.hangs = True
    assert (await house.play(house.desk.add()))[0] == 410
    assert house.plays == []


@pytest.mark.parametrize(
    "path",
    [
        "..%2f..%2fetc%2fpasswd/audio",
        "5d0c8f5e-30c8-4e62-9a86-1f5a2f0f6112/audio",
        "x.wav/audio",
        "..%2fsecrets%2fkey",
        "%00/audio",
    ],
)
async def test_no_path_leads_out_of_the_recordings(house: House, path: str) -> None:
    (house.desk.folder / "secret").write_text("secret")
    status, text, _ = await house.ask(f"/api/v1/recordings/{path}")
    assert status in {400, 404}
    assert b"root:" not in text


async def test_auditor_reads_who_saw_what_page_by_page(house: House) -> None:
    one = house.desk.add()
    for _ in range(3):
        await house.play(one)
    asking = {"Authorization": f"Bearer {house.managed.bearers[Role.AUDITOR]}"}
    client = Client(house.session, house.server.port)
    first = (await client.ask(f"/api/v1/access-log?subject={one.id}&limit=2", headers=asking)).json
    rest = (
        await client.ask(f"/api/v1/access-log?subject={one.id}&limit=2&after={first['next']}", headers=asking)
    ).json
    assert [row["what"] for row in (*first["items"], *rest["items"])] == ["play"] * 3
    assert rest["next"] is None
    for role in set(Role) - {Role.AUDITOR}:
        assert (await house.ask("/api/v1/access-log", role))[0] == 403
