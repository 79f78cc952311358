"""What is said is recorded: from the human's answer on, both sides, whatever way the caller goes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import resource
import sys
import time
import wave
from array import array
from collections.abc import AsyncIterator
from itertools import count
from math import cos, pi, sin
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from demo.centre import Centre
from demo.softphone import NET_S
from tests.pbx.rig import (
    BPBD,
    CALLER,
    DAMKAR,
    OP1,
    OP2,
    SHORT_TIMERS,
    Rig,
    fresh,
    short_clips,
    talk,
    unexpected,
    until,
)
from tests.pbx.tables import table
from tests.pbx.test_agency import call_of
from tests.pbx.test_pass_on import ended_lines, on_duty, with_operator

pytestmark = pytest.mark.asyncio(loop_scope="session")

RATE_HZ = 8000
_numbers = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def recorded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """A centre that records agencies and operators, but no floods, and says so."""
    folder: Path = tmp_path_factory.mktemp("recorded")
    short_clips(folder / "state" / "recorded", table())
    extra = {"record": ("operator", "agency"), "record_except": ("flood",), "record_announce": True}
    async with Centre(folder, table(), timers=SHORT_TIMERS, extra=extra) as centre:
        rig = await Rig.make(centre)
        await rig.warm_up()
        yield rig


@pytest_asyncio.fixture(loop_scope="session")
async def rig(recorded: Rig) -> AsyncIterator[Rig]:
    async with fresh(recorded):
        yield recorded


@pytest.fixture
def number() -> str:
    return f"0814{next(_numbers):08d}"


async def talks_of(rig: Rig, number: str) -> list[Path]:
    """Return the files of the talks of the number's one call, as the journal tells them, once they are closed."""
    incident = await rig.centre.incident_of(number)
    (line,) = await ended_lines(rig, incident)
    fields = dict(pair.split("=", 1) for pair in line.split("|")[3:])
    folder, call = rig.centre.settings.recordings_dir, call_of(incident)["id"]
    found = []
    for stamp in fields["talks"].split("+")[1:]:
        (file,) = folder.glob(f"????-??-??/{call}_{stamp}.wav")
        await until(lambda file=file: closed(file))  # type: ignore[misc]
        found.append(file)
    assert sorted(folder.glob(f"????-??-??/{call}_*")) == sorted(found)
    return found


def closed(file: Path) -> bool:
    return int.from_bytes(file.read_bytes()[40:44], "little") == file.stat().st_size - 44


def tones(file: Path) -> tuple[float, set[int]]:
    """Return how long a recording is (s), and which of our telephones' tones are in it."""
    with wave.open(str(file)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE_HZ, 1, 2)
        samples = array("h", sound.readframes(sound.getnframes())).tolist()
    heard = set()
    for hz in (CALLER, DAMKAR, BPBD, OP1, OP2):
        step = 2 * pi * hz / RATE_HZ
        windows = [samples[i : i + 800] for i in range(0, len(samples) - 799, 800)]
        if any(_level(window, step) > 500 for window in windows):
            heard.add(hz)
    return len(samples) / RATE_HZ, heard


def _level(samples: list[int], step: float) -> float:
    real = sum(one * cos(step * i) for i, one in enumerate(samples))
    imaginary = sum(one * sin(step * i) for i, one in enumerate(samples))
    return 2 * (real**2 + imaginary**2) ** 0.5 / len(samples)


async def test_both_sides_of_a_talk_are_recorded_from_the_humans_answer(rig: Rig, number: str) -> None:
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    joined = await call.until_hears(DAMKAR)
    await asyncio.sleep(1.5)  # so long they talk
    await call.hangup()
    (file,) = await talks_of(rig, number)
    seconds, heard = tones(file)
    assert heard == {CALLER, DAMKAR}
    report = call.report()
    assert report.ended_s is not None
    # Neither menu nor ringing nor what the agency was told is in it.
    assert seconds == pytest.approx(report.ended_s - joined, abs=0.5)


async def test_caller_who_is_passed_on_has_a_recording_of_each_talk(rig: Rig, number: str) -> None:
    await on_duty(rig, "op1")
    call, operator = await with_operator(rig, number)
    await operator.digits("*2")
    await operator.until_hears_speech()
    await operator.digits("1")
    agency = await rig.damkar.until_incoming()
    await operator.until_ended()
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    first, second = await talks_of(rig, number)
    assert tones(first)[1] == {CALLER, OP1}
    assert tones(second)[1] == {CALLER, DAMKAR}


async def test_category_that_is_excepted_is_not_recorded(rig: Rig, number: str) -> None:
    call = await rig.press(number, "2")
    agency = await rig.bpbd.until_incoming()
    await talk(call, agency, CALLER, BPBD)
    await call.hangup()
    assert await talks_of(rig, number) == []


async def test_caller_whom_nobody_answers_leaves_no_recording(rig: Rig, number: str) -> None:
    await rig.off(rig.damkar, rig.bpbd)
    call = await rig.press(number, "1")
    await rig.damkar.until_incoming()
    await call.hangup()
    assert await talks_of(rig, number) == []


async def test_who_must_press_1_is_recorded_from_then_on(rig: Rig, number: str) -> None:
    call = await rig.press(number, "4")
    agency = await rig.damkar.until_incoming()
    await agency.until_hears_speech()
    await agency.digits("1")
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    (file,) = await talks_of(rig, number)
    assert tones(file)[1] == {CALLER, DAMKAR}


async def test_talk_is_recorded_while_the_service_is_away(rig: Rig, number: str) -> None:
    await rig.centre.kill_service()
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    await rig.centre.start_service()
    (file,) = await talks_of(rig, number)
    assert tones(file)[1] == {CALLER, DAMKAR}


async def test_recording_is_kept_with_its_hash_and_can_be_heard(rig: Rig, number: str) -> None:
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    (file,) = await talks_of(rig, number)
    row = await stored(rig, number)
    assert (row["kind"], row["state"], row["bytes"]) == ("talk", "kept", file.stat().st_size)
    assert row["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    incident = await rig.centre.incident_of(number)
    assert row["begun_at"] == call_of(incident)["attempts"][0]["human_at"]
    async with aiohttp.ClientSession(headers=await auditor(rig)) as http:
        address = f"http://127.0.0.1:{rig.centre.settings.api_port}/api/v1"
        async with http.get(f"{address}/recordings/{row['id']}/audio", headers={"Range": "bytes=0-99"}) as answer:
            assert (answer.status, await answer.read()) == (206, file.read_bytes()[:100])
        async with http.get(f"{address}/access-log?subject={row['id']}&what=play") as answer:
            (entry,) = (await answer.json())["items"]
            assert (entry["who"], entry["role"]) == ("pemeriksa-1", "auditor")


async def auditor(rig: Rig) -> dict[str, str]:
    """Return the header of an auditor, whose token is made as an admin makes one."""
    words = [sys.executable, "-m", "callrouter", "tokens", "create", "pemeriksa-1", "--role", "auditor", "--quiet"]
    pipe = asyncio.subprocess.PIPE
    made = await asyncio.create_subprocess_exec(*words, env=rig.centre.environment, stdout=pipe)
    text, _ = await asyncio.wait_for(made.communicate(), NET_S)
    return {"Authorization": f"Bearer {text.decode().strip()}"}


async def stored(rig: Rig, number: str) -> dict[str, Any]:
    """Return the one recording of the number's incident, once it was looked at."""
    incident = await rig.centre.incident_of(number)
    async with (
        asyncio.timeout(NET_S),
        aiohttp.ClientSession(headers=await auditor(rig)) as http,
    ):
        while True:
            address = f"http://127.0.0.1:{rig.centre.settings.api_port}/api/v1/recordings"
            async with http.get(address, params={"incident": incident["id"]}) as answer:
                (row,) = (await answer.json())["items"]
            if row["state"] not in {"found", "told"}:
                return dict(row)
            await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def no_folder(rig: Rig) -> AsyncIterator[None]:
    """Where recordings go is a file: none can be begun."""
    folder = rig.centre.settings.recordings_dir
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.touch()
    yield
    folder.unlink()
    aside.rename(folder)


@contextlib.asynccontextmanager
async def no_room(rig: Rig) -> AsyncIterator[None]:
    """No file of the PBX may grow beyond what its biggest has, nearly: a recording ends in the middle (EFBIG)."""
    pid = rig.centre.pbx.pid
    assert pid is not None
    biggest = max(path.stat().st_size for path in rig.centre.settings.journal_dir.iterdir() if path.is_file())
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    # The PBX's own log must not be in the way of what is tried.
    logs = [path.stat().st_size for path in (rig.centre.settings.pbx_dir / "log").rglob("*") if path.is_file()]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (max(biggest, *logs) + 16_000, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("full", [no_folder, no_room])
async def test_disk_that_is_full_harms_no_talk(recorded: Rig, number: str, full: Any) -> None:
    said = ("Unable to open file", "Cannot open ", "Bad write", "Unable to write", "file.c:", "format_wav.c:")
    await recorded.reset()
    before = len(recorded.centre.pbx.complaints())
    async with full(recorded):
        call = await recorded.press(number, "1")
        agency = await recorded.damkar.until_incoming()
        await talk(call, agency, CALLER, DAMKAR)
        await asyncio.sleep(2.5)  # longer than there is room for
        again = time.monotonic()
        await asyncio.gather(call.until_hears(DAMKAR, since=again), agency.until_hears(CALLER, since=again))
        await call.hangup()
        await agency.until_ended()
    await recorded.settle()
    incident = await recorded.centre.incident_of(number)
    assert (call_of(incident)["outcome"], call_of(incident)["stage"]) == ("talked", "talking")
    new = unexpected(recorded.centre.pbx.complaints()[before:])
    assert [line for line in new if not any(word in line for word in said)] == []
    assert len(new) < 20, "the PBX's log must not fill what room is left"
