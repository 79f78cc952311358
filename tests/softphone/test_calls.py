"""Two agents call each other directly: what the demo and the PBX tests rely on."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from demo.softphone import NET_S, Answer, DeadPeer, NotInTime, Reject, RingOnly, Softphone

LATE_S = 10.0
"""A busy machine is late with anything by less."""
WARGA_HZ = 600
DAMKAR_HZ = 1000
POLISI_HZ = 1300


@pytest.fixture
async def warga() -> AsyncIterator[Softphone]:
    async with Softphone("warga", tone_hz=WARGA_HZ, host="127.0.71.1") as phone:
        yield phone


@pytest.fixture
async def damkar() -> AsyncIterator[Softphone]:
    async with Softphone("damkar", tone_hz=DAMKAR_HZ, host="127.0.71.2") as phone:
        yield phone


async def test_each_hears_the_others_tone_and_only_it(warga: Softphone, damkar: Softphone) -> None:
    await damkar.behave(Answer(after_s=0.2))
    out = await warga.dial(damkar.uri)
    inc = await damkar.until_incoming()
    await out.until_hears(DAMKAR_HZ)
    await inc.until_hears(WARGA_HZ)
    await out.hangup()
    assert (await out.until_ended()).tones == {DAMKAR_HZ}
    assert (await inc.until_ended()).tones == {WARGA_HZ}


async def test_the_report_tells_when_each_thing_happened(warga: Softphone, damkar: Softphone) -> None:
    await damkar.behave(Answer(after_s=0.3, hangup_after_s=1.0))
    before = time.monotonic()
    out = await warga.dial(damkar.uri)
    inc = await damkar.until_incoming()
    report = await out.until_ended()
    theirs = await inc.until_ended()

    assert report.ringing_s is not None
    assert report.answered_s is not None
    assert report.audio_s is not None
    assert report.ended_s is not None
    heard = report.first_heard_s(DAMKAR_HZ)
    assert heard is not None
    assert (
        before <= report.invited_s <= report.ringing_s < report.answered_s <= report.audio_s <= heard < report.ended_s
    )
    assert 0.25 <= report.answered_s - report.invited_s < 0.3 + LATE_S
    assert 1.25 <= report.ended_s - report.invited_s < 1.3 + 2 * LATE_S
    assert heard - report.answered_s < LATE_S
    assert report.longest_silence_s >= heard - report.answered_s - 0.1
    assert (report.ended_by, theirs.ended_by) == ("remote", "local")
    wall = report.wall(report.answered_s)
    assert wall is not None
    assert wall == pytest.approx(time.time() - (time.monotonic() - report.answered_s), abs=1.0)


async def test_digits_arrive_in_order_slow_and_fast(warga: Softphone, damkar: Softphone) -> None:
    await damkar.behave(Answer(after_s=0.0))
    out = await warga.dial(damkar.uri)
    inc = await damkar.until_incoming()
    await inc.until_hears(WARGA_HZ)
    await out.digits("19#")
    await out.digits("07", fast=True)
    await inc.until_digits("19#07")
    assert inc.report().tones == {WARGA_HZ}


async def test_a_script_presses_digits_after_its_answer(warga: Softphone, damkar: Softphone) -> None:
    await damkar.behave(Answer(after_s=0.0, digits=((0.4, "1"), (0.8, "2"))))
    out = await warga.dial(damkar.uri)
    await out.until_digits("12")
    report = out.report()
    assert report.answered_s is not None
    one, two = (at - report.answered_s for at, _ in report.digits)
    assert 0.4 <= one < two < 0.95 + LATE_S


async def test_busy_is_reported_with_its_status(warga: Softphone, damkar: Softphone) -> None:
    await damkar.behave(Reject(after_s=0.1))
    out = await warga.dial(damkar.uri)
    with pytest.raises(NotInTime, match="ended before"):
        await out.until_answered()
    report = out.report()
    assert (report.status, report.ended_by, report.answered_s) == (486, "refused", None)


async def test_a_script_goes_on_from_call_to_call_and_its_last_line_stays(
    warga: Softphone, damkar: Softphone
) -> None:
    await damkar.behave(Reject(), Answer(after_s=0.0))
    refused = await (await warga.dial(damkar.uri)).until_ended()
    assert refused.status == 486
    for _ in range(2):
        out = await warga.dial(damkar.uri)
        await out.until_answered()
        await out.hangup()
        await out.until_ended()


async def test_a_caller_who_gives_up_ends_the_ringing(warga: Softphone, damkar: Softphone) -> None:
    await damkar.behave(RingOnly())
    out = await warga.dial(damkar.uri)
    inc = await damkar.until_incoming()
    await out.until_ringing()
    await out.hangup()
    assert (await inc.until_ended()).ended_by == "remote"
    assert (await out.until_ended()).answered_s is None


async def test_a_ringing_phone_is_answered_by_hand(warga: Softphone, damkar: Softphone) -> None:
    await damkar.behave(RingOnly())
    out = await warga.dial(damkar.uri)
    inc = await damkar.until_incoming()
    await inc.answer()
    await out.until_hears(DAMKAR_HZ)


async def test_several_calls_of_one_agent_do_not_disturb_one_another(warga: Softphone, damkar: Softphone) -> None:
    async with Softphone("polisi", tone_hz=POLISI_HZ, host="127.0.71.3") as polisi:
        await damkar.behave(Answer(after_s=0.0))
        await polisi.behave(Answer(after_s=0.0))
        first = await warga.dial(damkar.uri)
        second = await warga.dial(polisi.uri)
        third = await warga.dial(damkar.uri)
        await asyncio.gather(
            first.until_hears(DAMKAR_HZ),
            second.until_hears(POLISI_HZ),
            third.until_hears(DAMKAR_HZ),
        )
        await second.hangup()
        await second.until_ended()
        now = time.monotonic()
        await first.until_hears(DAMKAR_HZ, since=now)
        await third.until_hears(DAMKAR_HZ, since=now)
        assert second.report().tones == {POLISI_HZ}


async def test_the_caller_may_be_anybody(warga: Softphone, damkar: Softphone) -> None:
    await warga.dial(damkar.uri, user="081234", display_name='Ibu "Sri" Çelik', headers={"X-Callrouter-Call": "7"})
    inc = await damkar.until_incoming()
    assert (inc.remote.number, inc.remote.display_name) == ("081234", 'Ibu "Sri" Çelik')
    assert inc.remote.headers["X-Callrouter-Call"] == "7"


async def test_a_withheld_number_is_anonymous_and_asks_for_privacy(warga: Softphone, damkar: Softphone) -> None:
    await warga.dial(damkar.uri, withheld=True)
    inc = await damkar.until_incoming()
    assert inc.remote.number == "anonymous"
    assert inc.remote.headers["Privacy"] == "id"


@pytest.mark.parametrize(("early", "tones"), [("tone", {DAMKAR_HZ}), ("silence", set())])
async def test_early_media_is_heard_before_the_answer(warga: Softphone, early: str, tones: set[int]) -> None:
    async with Softphone("damkar", tone_hz=DAMKAR_HZ, host="127.0.71.2", early=early) as damkar:
        await damkar.behave(RingOnly())
        out = await warga.dial(damkar.uri)
        inc = await damkar.until_incoming()
        await inc.until_hears(WARGA_HZ)
        if tones:
            await out.until_hears(DAMKAR_HZ)
        await out.hangup()
        report = await out.until_ended()
        assert report.audio_s is not None
        assert report.answered_s is None
        assert report.tones == tones


async def test_a_dead_peer_takes_the_invite_and_says_nothing(warga: Softphone) -> None:
    async with DeadPeer("127.0.71.9") as dead:
        out = await warga.dial(f"sip:112@{dead.host}:{dead.port}")
        async with asyncio.timeout(NET_S):
            while not dead.received:
                await asyncio.sleep(0.01)
        with pytest.raises(NotInTime, match="not ringing"):
            await out.until_ringing(within=0.3)
        await out.hangup()


async def test_what_does_not_come_is_said_with_what_came_instead(warga: Softphone, damkar: Softphone) -> None:
    with pytest.raises(NotInTime, match=r"damkar: no incoming call within 0\.05 s"):
        await damkar.until_incoming(within=0.05)
    await damkar.behave(Answer(after_s=0.0))
    out = await warga.dial(damkar.uri)
    await out.until_answered()
    with pytest.raises(NotInTime, match=r"warga: not 2400 Hz within 0\.5 s: CallReport\("):
        await out.until_hears(2400, within=0.5)


async def test_an_agency_that_vanishes_is_silent_and_the_gap_is_seen(warga: Softphone, damkar: Softphone) -> None:
    await damkar.behave(Answer(after_s=0.0))
    out = await warga.dial(damkar.uri)
    await out.until_hears(DAMKAR_HZ)
    damkar.kill()
    await out.until_stops_hearing(DAMKAR_HZ)
    assert not out.ended
    assert out.hearing == frozenset()
