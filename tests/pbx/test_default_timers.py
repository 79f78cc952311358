"""Each timer once with its default, on a centre with PostgreSQL whose PBX lives in another time zone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from demo.centre import Centre
from demo.softphone import SPEECH, DeadPeer
from tests.databases import PostgresServer, postgres_server
from tests.pbx.rig import BPBD, CALLER, DAMKAR, Rig, short_clips, talk, until
from tests.pbx.tables import table
from tests.pbx.test_agency import call_of, results

__all__ = ["postgres_server"]
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("default-timers")]


@pytest_asyncio.fixture(loop_scope="session")
async def far(distant: Rig) -> AsyncIterator[Rig]:
    """The telephones as they are at the beginning of a test; afterwards no call is left."""
    await distant.reset()
    yield distant
    await distant.settle()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def distant(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> AsyncIterator[Rig]:
    """A centre with default timers; its PBX's clock shows the time of Honolulu, the table's zone is Jakarta's."""
    folder = tmp_path_factory.mktemp("far")
    postgres_server.run("CREATE DATABASE far")
    extra = {"database_url": postgres_server.url("far"), "asterisk_timezone": "Pacific/Honolulu"}
    short_clips(folder / "state" / "recorded", table())
    async with Centre(folder, table(last_resort_s=40, dead_ring_s=20), extra=extra) as centre:
        yield await Rig.make(centre)
    postgres_server.run("DROP DATABASE far WITH (FORCE)")


def seconds(later: str, earlier: str) -> float:
    """Return the time between two times of the API, in seconds."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


async def moved_on(far: Rig, number: str) -> bool:
    """Return whether the caller is beyond menu and agencies."""
    return any(c["number"] == number and c["stage"] in {"operator", "message"} for c in await far.centre.live())


async def test_silent_caller_hears_the_menu_three_times_with_five_seconds_each(far: Rig, number: str) -> None:
    call = await far.call(number)
    call_ended = asyncio.create_task(call.until_ended(within=60))
    async with asyncio.timeout(45):
        while not await moved_on(far, number):
            await asyncio.sleep(0.1)
    await call.hangup()
    await call_ended
    stored = call_of(await far.centre.incident_of(number))
    clips = 0.25 * 11
    assert seconds(stored["chosen_at"], stored["answered_at"]) == pytest.approx(3 * (clips + 5), abs=2.5)
    assert stored["choice"] == "silent"


async def test_dead_agency_is_given_up_after_five_seconds(far: Rig, number: str) -> None:
    async with DeadPeer(far.centre.trunk_hosts["mati"], 5060):
        call = await far.press(number, "6")
        async with asyncio.timeout(15):
            while not await moved_on(far, number):
                await asyncio.sleep(0.05)
        await call.hangup()
        attempt = call_of(await far.centre.incident_of(number))["attempts"][0]
    assert attempt["result"] == "unavailable"
    assert seconds(attempt["ended_at"], attempt["begun_at"]) == pytest.approx(5, abs=0.3)


async def test_operator_is_rung_for_fifteen_seconds_at_a_time(far: Rig, number: str) -> None:
    await far.on_duty(far.op1)
    await far.off(far.op1)
    call = await far.press(number, "3")
    rung = await far.op1.until_incoming(within=5)
    report = await rung.until_ended(within=20)
    assert report.ended_s is not None
    assert report.ended_s - report.invited_s == pytest.approx(15, abs=1)
    await call.hangup()


async def test_confirmation_is_waited_for_four_seconds(far: Rig, number: str) -> None:
    call = await far.press(number, "4")
    machine = await far.damkar.until_incoming(within=5)
    told = await machine.until_hears_speech(within=5)
    report = await machine.until_ended(within=20)
    spoken = [span.to_s for span in report.heard[SPEECH] if span.to_s and span.to_s > told]
    assert report.ended_s is not None
    assert report.ended_s - max(spoken) == pytest.approx(4, abs=0.6)
    await call.hangup()


async def test_three_seconds_part_a_talk_from_an_agency_that_vanished(far: Rig, number: str) -> None:
    lengths = {}
    for n, length in enumerate((2.0, 4.0)):
        call = await far.press(f"{number}{n}", "2")
        agency = await far.bpbd.until_incoming(within=5)
        await talk(call, agency, CALLER, BPBD)
        await asyncio.sleep(length)  # the talk itself: its length is what is tested
        await agency.hangup()
        await call.until_stops_hearing(BPBD, within=2)
        await call.hangup()
        lengths[length] = results(await far.centre.incident_of(f"{number}{n}"))[0][1]
    assert lengths == {2.0: "short", 4.0: "talked"}


async def test_after_a_talk_there_are_four_seconds_to_press_0(far: Rig, number: str) -> None:
    call = await far.press(number, "1")
    agency = await far.damkar.until_incoming(within=5)
    await talk(call, agency, CALLER, DAMKAR)
    await asyncio.sleep(3.5)  # longer than a talk that counts as none
    await agency.hangup()
    await call.until_stops_hearing(DAMKAR, within=2)
    report = await call.until_ended(within=30)
    quiet = [s.to_s - s.from_s for s in report.silences if s.to_s is not None]
    assert max(quiet) == pytest.approx(4, abs=0.7)
    assert report.ended_by == "remote"


async def test_five_seconds_of_silence_end_a_message(far: Rig, number: str) -> None:
    spool = far.centre.settings.recordings_dir
    before = set(spool.iterdir())
    call = await far.press(number, "0")
    await until(lambda: any(p.stat().st_size > 40_000 for p in set(spool.iterdir()) - before), within=30)
    await call.mute()
    muted = time.monotonic()
    report = await call.until_ended(within=30)
    quiet = next(span for span in report.silences if span.to_s is not None and span.to_s > muted)
    assert quiet.to_s is not None
    assert quiet.to_s - muted == pytest.approx(5, abs=0.8)  # then it is thanked
    incident = await far.centre.incident_of(number)
    assert incident["outcome"] == "recorded"


async def test_static_numbers_ring_for_twenty_five_seconds(far: Rig, number: str) -> None:
    await far.off(far.seluler)
    await far.centre.stop_service()
    call = await far.caller.dial(far.centre.number, user=number)
    rung = await far.seluler.until_incoming(within=5)
    await far.centre.start_service()
    report = await rung.until_ended(within=30)
    assert report.ended_s is not None
    assert report.ended_s - report.invited_s == pytest.approx(25, abs=1)
    await call.hangup()


async def test_times_are_utc_wherever_the_pbx_lives(far: Rig, number: str) -> None:
    before = datetime.now(UTC)
    call = await far.press(number, "1")
    agency = await far.damkar.until_incoming(within=5)
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    incident = await far.centre.incident_of(number)
    stored: dict[str, Any] = call_of(incident)
    after = datetime.now(UTC)
    for name in ("opened_at", "answered_at", "chosen_at", "human_at", "ended_at"):
        assert before.timestamp() - 1 < datetime.fromisoformat(stored[name]).timestamp() < after.timestamp() + 1
