"""Each timer once with its default, on a centre with PostgreSQL whose PBX lives in another time zone.

Long waits are what is tried here, so the calls are made side by side; each test looks at what became of its own.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from demo.centre import Centre
from demo.clips import HUM_S
from demo.softphone import SPEECH, CallReport, DeadPeer, PhoneCall
from tests.databases import PostgresServer, postgres_server
from tests.pbx.rig import BPBD, CALLER, DAMKAR, SAID_S, Rig, short_clips, talk, until
from tests.pbx.tables import table
from tests.pbx.test_agency import call_of, results

__all__ = ["postgres_server"]
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("default-timers")]
LATE_S = 2.0


Document = dict[str, Any]
T = TypeVar("T")


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


@dataclass(frozen=True)
class UnderWay:
    """Calls that go on side by side; whoever awaits one gets what became of it.

    lengths: how a talk counts, by its seconds; message: when its caller fell silent (s), what he heard, its incident
    """

    static: asyncio.Task[CallReport]
    silent: asyncio.Task[Document]
    dead: asyncio.Task[Document]
    lengths: asyncio.Task[dict[float, str]]
    operator: asyncio.Task[CallReport]
    message: asyncio.Task[tuple[float, CallReport, Document]]
    unconfirmed: asyncio.Task[CallReport]
    after_talk: asyncio.Task[CallReport]
    ordinary: asyncio.Task[tuple[datetime, Document, datetime]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def under_way(distant: Rig) -> AsyncIterator[UnderWay]:
    """All calls. Afterwards none is left."""
    await distant.reset()
    away = await call_while_the_service_is_away(distant)  # before all others, who need the service
    operator = asyncio.create_task(operator_lets_it_ring(distant))
    unconfirmed = asyncio.create_task(nobody_confirms(distant))
    # Those that would meet at one telephone follow one another.
    after_talk = asyncio.create_task(then(unconfirmed, lambda: talk_that_ends(distant)))
    going_on = UnderWay(
        static=asyncio.create_task(rung_until_given_up(*away)),
        silent=asyncio.create_task(silent_caller(distant)),
        dead=asyncio.create_task(dead_agency(distant)),
        lengths=asyncio.create_task(two_lengths(distant)),
        operator=operator,
        message=asyncio.create_task(then(operator, lambda: message_that_ends(distant))),
        unconfirmed=unconfirmed,
        after_talk=after_talk,
        ordinary=asyncio.create_task(then(after_talk, lambda: ordinary_call(distant))),
    )
    yield going_on
    await asyncio.wait(vars(going_on).values())
    await distant.settle()


async def then(earlier: asyncio.Task[Any], later: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do `later` when `earlier` is over, whatever came of that."""
    await asyncio.wait([earlier])
    return await later()


def number(n: int) -> str:
    """Return the number of a caller of these tests."""
    return f"0812{os.getpid() % 10_000:04d}99{n:02d}"


def seconds(later: str, earlier: str) -> float:
    """Return the time between two times of the API, in seconds."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def lasts(timer_s: float, early_s: float) -> Any:
    """Return what is equal to any time that such a timer may take: a busy machine is late, and never too early."""
    middle = (LATE_S - early_s) / 2
    return pytest.approx(timer_s + middle, abs=middle + early_s)


async def until_moved_on(far: Rig, who: str) -> None:
    """Wait until the caller is beyond menu and agencies."""
    async with asyncio.timeout(60):
        while not any(c["number"] == who and c["stage"] in {"operator", "message"} for c in await far.centre.live()):
            await asyncio.sleep(0.1)


# ---------------------------------------------------------------- the calls
async def call_while_the_service_is_away(far: Rig) -> tuple[PhoneCall, PhoneCall]:
    """Return a call that rings a static number, and how it arrives there; the service is back then.

    The failsafe's data are not there either: else the menu would be heard.
    """
    await far.off(far.seluler)
    await far.centre.stop_service()
    (far.centre.settings.failsafe_dir / "current").unlink()
    call = await far.caller.dial(far.centre.number, user=number(1))
    rung = await far.seluler.until_incoming()
    await far.centre.start_service()
    return call, rung


async def rung_until_given_up(call: PhoneCall, rung: PhoneCall) -> CallReport:
    report = await rung.until_ended(within=30)
    await call.hangup()
    return report


async def silent_caller(far: Rig) -> Document:
    call = await far.call(number(2))
    await until_moved_on(far, number(2))
    await call.hangup()
    return call_of(await far.centre.incident_of(number(2)))


async def dead_agency(far: Rig) -> Document:
    async with DeadPeer(far.centre.trunk_hosts["mati"], 5060):
        call = await far.press(number(3), "6")
        await until_moved_on(far, number(3))
        await call.hangup()
        return call_of(await far.centre.incident_of(number(3)))


async def operator_lets_it_ring(far: Rig) -> CallReport:
    await far.on_duty(far.op1)
    await far.off(far.op1)
    call = await far.press(number(4), "3")
    # Others come here, too, when what they rang before is over: when that is depends on how fast all began.
    while (rung := await far.op1.until_incoming()).remote.number != number(4):
        pass
    report = await rung.until_ended()
    await call.hangup()
    await far.op1.unregister()
    await far.centre.until_reachable("op1", reachable=False)  # whoever comes next finds no operator
    return report


async def nobody_confirms(far: Rig) -> CallReport:
    call = await far.press(number(5), "4")
    machine = await far.damkar.until_incoming()
    await machine.until_hears_speech()
    report = await machine.until_ended()
    await call.hangup()
    far.damkar.forget()
    return report


async def two_lengths(far: Rig) -> dict[float, str]:
    lengths = {}
    for n, length in enumerate((2.0, 4.0), 6):
        call = await far.press(number(n), "2")
        agency = await far.bpbd.until_incoming()
        await talk(call, agency, CALLER, BPBD)
        await asyncio.sleep(length)  # the talk itself: its length is what is tested
        await agency.hangup()
        await call.until_stops_hearing(BPBD)
        await call.hangup()
        lengths[length] = results(await far.centre.incident_of(number(n)))[0][1]
    return lengths


async def talk_that_ends(far: Rig) -> CallReport:
    call = await far.press(number(8), "1")
    agency = await far.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await asyncio.sleep(3.5)  # longer than a talk that counts as none
    await agency.hangup()
    await call.until_stops_hearing(DAMKAR)
    return await call.until_ended(within=30)


async def message_that_ends(far: Rig) -> tuple[float, CallReport, Document]:
    spool = far.centre.settings.recordings_dir
    before = set(spool.iterdir())
    call = await far.press(number(9), "0")
    await until(lambda: any(p.stat().st_size > 40_000 for p in set(spool.iterdir()) - before), within=30)
    await call.mute()
    muted = time.monotonic()
    report = await call.until_ended(within=30)
    return muted, report, await far.centre.incident_of(number(9))


async def ordinary_call(far: Rig) -> tuple[datetime, Document, datetime]:
    far.damkar.forget()
    before = datetime.now(UTC)
    call = await far.press(number(10), "1")
    agency = await far.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    stored = call_of(await far.centre.incident_of(number(10)))
    return before, stored, datetime.now(UTC)


# ---------------------------------------------------------------- what became of them
async def test_silent_caller_is_asked_three_times_with_five_seconds_each(under_way: UnderWay) -> None:
    stored = await under_way.silent
    menu, whether_he_can_speak = HUM_S * 11 + 5, SAID_S + 5
    took = seconds(stored["chosen_at"], stored["answered_at"])
    assert took == lasts(menu + whether_he_can_speak + menu, 2.5)
    assert stored["choice"] == "silent"


async def test_dead_agency_is_given_up_after_five_seconds(under_way: UnderWay) -> None:
    attempt = (await under_way.dead)["attempts"][0]
    assert attempt["result"] == "unavailable"
    assert seconds(attempt["ended_at"], attempt["begun_at"]) == lasts(5, 0.3)


async def test_operator_is_rung_for_fifteen_seconds_at_a_time(under_way: UnderWay) -> None:
    report = await under_way.operator
    assert report.ended_s is not None
    assert report.ended_s - report.invited_s == lasts(15, 1)


async def test_confirmation_is_waited_for_four_seconds(under_way: UnderWay) -> None:
    report = await under_way.unconfirmed
    spoken = [span.to_s for span in report.heard[SPEECH] if span.to_s]
    assert report.ended_s is not None
    assert report.ended_s - max(spoken) == lasts(4, 0.6)


async def test_three_seconds_part_a_talk_from_an_agency_that_vanished(under_way: UnderWay) -> None:
    assert await under_way.lengths == {2.0: "short", 4.0: "talked"}


async def test_after_a_talk_there_are_four_seconds_to_press_0(under_way: UnderWay) -> None:
    report = await under_way.after_talk
    quiet = [s.to_s - s.from_s for s in report.silences if s.to_s is not None]
    assert max(quiet) == lasts(4, 0.7)
    assert report.ended_by == "remote"


async def test_five_seconds_of_silence_end_a_message(under_way: UnderWay) -> None:
    muted, report, incident = await under_way.message
    quiet = next(span for span in report.silences if span.to_s is not None and span.to_s > muted)
    assert quiet.to_s is not None
    assert quiet.to_s - muted == lasts(5, 0.8)  # then it is thanked
    assert incident["outcome"] == "recorded"


async def test_static_numbers_ring_for_twenty_five_seconds(under_way: UnderWay) -> None:
    report = await under_way.static
    assert report.ended_s is not None
    assert report.ended_s - report.invited_s == lasts(25, 1)


async def test_times_are_utc_wherever_the_pbx_lives(under_way: UnderWay) -> None:
    before, stored, after = await under_way.ordinary
    for name in ("opened_at", "answered_at", "chosen_at", "human_at", "ended_at"):
        assert before.timestamp() - 1 < datetime.fromisoformat(stored[name]).timestamp() < after.timestamp() + 1
