"""Who waits is set going when the clock was set back, when his time is over; nobody else is touched."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from callrouter.asterisk import clockhelp
from callrouter.asterisk.ami import AmiAnswer, AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.clockhelp import ClockHelp, Waits

WALL_S = 1_800_000_000.0
HOUR_US = 3_600_000_000
RING = "ring,operators,30,10,,"
DIAL = "dial,PJSIP/113@trunk-damkar,15,a,damkar,0"
WAITS = Waits(digit_s=5, after_s=4, member_ring_s=12, ring_s=25, confirm_s=4)


def caller(
    name: str, stage: str, step: str = "", *, n: str = "1", try_: str = "1", linked: str = "", state: str = "6"
) -> AmiEvent:
    """One line of Status: a caller's channel."""
    said = {
        "CR_CALL": f"call-{name}",
        "CR_STAGE": stage,
        "CR_STEP": step,
        "CR_N": n,
        "CR_TRY": try_,
        "CR_IN": "(null)",
        "CR_LANG": "id",
    }
    return _event(name, linked or name, state, said)


def leg(name: str, linked: str, state: str = "5") -> AmiEvent:
    """One line of Status: who is rung."""
    return _event(name, linked, state, {"CR_CALL": "(null)", "CR_STAGE": "", "CR_STEP": ""})


def _event(name: str, linked: str, state: str, said: dict[str, str]) -> AmiEvent:
    fields = {"Channel": name, "ChannelState": state, "Linkedid": linked}
    headers = (*fields.items(), *(("Variable", f"{key}={value}") for key, value in said.items()))
    return AmiEvent("Status", fields, headers)


class _Clock:
    """Every wait is over at once, and the clock goes on by it."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += max(0.0, seconds)
        await asyncio.sleep(0)


class _Pbx:
    """Has these channels, and from the `since`-th look on those; remembers what it was asked, and when."""

    def __init__(self, *channels: AmiEvent, since: int = 99, then: tuple[AmiEvent, ...] = ()) -> None:
        self.channels, self.since, self.then = channels, since, then
        self.asked: list[tuple[str, ...]] = []
        self.done: list[tuple[str, ...]] = []
        """What reached it and was not refused."""
        self.times: list[float] = []
        self.refuses = ""
        self.away: range = range(0)
        """Looks, counted from 1, that get no answer."""
        self.unreached: list[str] = []
        """Actions that do not reach it, once each."""
        self.clock = _Clock()
        self.looks = 0

    async def action(self, name: str, **fields: object) -> AmiAnswer:
        if name == "Status":
            self.looks += 1
            if self.refuses == name:
                raise AmiRefused("gone")
            if self.looks in self.away:
                raise AmiUnavailable("no answer")
            return AmiAnswer({}, (), self.then if self.looks >= self.since else self.channels)
        self.asked.append(
            (name, *(str(fields[key]) for key in ("Channel", "Queue", "Caller", "Endpoint") if key in fields))
        )
        self.times.append(self.clock.now())
        if name in self.unreached:
            self.unreached.remove(name)
            raise AmiUnavailable("no answer")
        if name == self.refuses:
            raise AmiRefused("no such channel")
        self.done.append(self.asked[-1])
        return AmiAnswer({}, (), ())


def _help(pbx: _Pbx) -> ClockHelp:
    clock = pbx.clock
    return ClockHelp(
        pbx, lambda: ("op1", "trunk-damkar"), WAITS, now=clock.now, sleep=clock.sleep, wall=lambda: WALL_S
    )


def _after(pbx: _Pbx, name: str) -> list[tuple[tuple[str, ...], int]]:
    """What was asked with this action, and how many seconds after the step."""
    return [(what, round(at - 1000)) for what, at in zip(pbx.asked, pbx.times, strict=True) if what[0] == name]


async def test_who_waits_in_a_queue_is_pushed_soon_and_once_more() -> None:
    pbx = _Pbx(caller("a", "operator", RING), since=3, then=())
    await _help(pbx).help()
    assert _after(pbx, "ControlPlayback") == [(("ControlPlayback", "a"), 0), (("ControlPlayback", "a"), 3)]
    assert len(pbx.asked) == 2


@pytest.mark.parametrize(("step", "queue"), [(RING, "operators"), ("last,operators,30,,", "operators.last")])
async def test_a_queue_whose_time_is_over_is_left_for_the_plan(step: str, queue: str) -> None:
    pbx = _Pbx(caller("a", "operator", step))
    await _help(pbx).help()
    assert _after(pbx, "QueueWithdrawCaller") == [(("QueueWithdrawCaller", queue, "a"), 32)]
    assert pbx.asked[-1] == ("ControlPlayback", "a")


async def test_who_is_elsewhere_in_his_plan_by_then_is_let_alone() -> None:
    pbx = _Pbx(caller("a", "operator", RING), since=3, then=(caller("a", "operator", RING, n="2"),))
    await _help(pbx).help()
    assert _after(pbx, "QueueWithdrawCaller") == []


async def test_who_waits_for_a_digit_is_pushed_when_its_time_is_over_and_who_pressed_one_is_not() -> None:
    waits, pressed = caller("a", "menu"), caller("b", "menu")
    pbx = _Pbx(waits, pressed, since=3, then=(waits, caller("b", "menu", try_="2")))
    await _help(pbx).help()
    assert _after(pbx, "ControlPlayback") == [(("ControlPlayback", "a"), 7)]


async def test_who_may_ask_for_an_operator_again_is_pushed_when_that_time_is_over() -> None:
    pbx = _Pbx(caller("a", "after"))
    await _help(pbx).help()
    assert pbx.asked == [("ControlPlayback", "a")]


@pytest.mark.parametrize("stage", ["opened", "plan", "talking", "message", "agency", "of a later version"])
async def test_who_waits_for_nothing_is_never_touched(stage: str) -> None:
    pbx = _Pbx(caller("a", stage, DIAL))
    await _help(pbx).help()
    assert pbx.asked == []


@pytest.mark.parametrize(
    ("waits", "name", "after_s"),
    [
        (caller("a", "agency", DIAL), "PJSIP/trunk-damkar", 17),
        (caller("a", "agency", DIAL), "Local/c113_damkar", 31),
        (caller("a", "operator", RING), "PJSIP/op1", 14),
        (caller("b", "operator", RING), "PJSIP/op1", 27),
    ],
)
async def test_a_leg_is_hung_up_when_it_has_rung_as_long_as_it_may(waits: AmiEvent, name: str, after_s: int) -> None:
    pbx = _Pbx(waits, leg(name, "a"))
    await _help(pbx).help()
    assert _after(pbx, "Hangup") == [(("Hangup", name), after_s)]


async def test_a_leg_that_answered_meanwhile_or_was_up_before_is_not_hung_up() -> None:
    pbx = _Pbx(leg("answers", "x"), leg("talks", "y", "6"), since=3, then=(leg("answers", "x", "6"),))
    await _help(pbx).help()
    assert pbx.asked == []


async def test_a_leg_that_came_before_the_second_look_has_its_whole_time_from_then() -> None:
    pbx = _Pbx(since=2, then=(caller("a", "agency", DIAL), leg("PJSIP/trunk-damkar", "a")))
    await _help(pbx).help()
    assert _after(pbx, "Hangup") == [(("Hangup", "PJSIP/trunk-damkar"), 19)]


async def test_who_has_gone_meanwhile_keeps_nobody_else_from_help() -> None:
    pbx = _Pbx(caller("a", "operator", RING), leg("PJSIP/op1", "a"))
    pbx.refuses = "ControlPlayback"
    await _help(pbx).help()
    assert [what for what, *_ in pbx.asked] == ["ControlPlayback"] * 2 + [
        "Hangup",
        "QueueWithdrawCaller",
        "ControlPlayback",
    ]


async def test_a_pbx_that_does_not_answer_just_then_is_asked_again_until_it_does() -> None:
    pbx = _Pbx(caller("a", "operator", RING))
    pbx.away = range(3, 8)
    helper = _help(pbx)
    await helper.help()
    assert _after(pbx, "QueueWithdrawCaller") == [(("QueueWithdrawCaller", "operators", "a"), 37)]
    assert (pbx.asked[-1], helper.ended) == (("ControlPlayback", "a"), 1)


@pytest.mark.parametrize("unreached", ["Hangup", "QueueWithdrawCaller", "ControlPlayback"])
async def test_what_did_not_reach_the_pbx_is_said_again_to_who_waits_still(unreached: str) -> None:
    pbx = _Pbx(caller("a", "operator", RING), caller("b", "menu"), leg("PJSIP/op1", "a"))
    pbx.unreached = [unreached] * 4
    helper = _help(pbx)
    await helper.help()
    for done in (("Hangup", "PJSIP/op1"), ("QueueWithdrawCaller", "operators", "a"), ("ControlPlayback", "b")):
        assert done in pbx.done
    assert pbx.done[-1] == ("ControlPlayback", "a")
    assert helper.ended == 3


async def test_who_goes_on_by_himself_is_not_told_again() -> None:
    pbx = _Pbx(caller("a", "operator", RING), since=4, then=(caller("a", "operator", RING, n="2"),))
    pbx.unreached = ["QueueWithdrawCaller"]
    helper = _help(pbx)
    await helper.help()
    assert len(_after(pbx, "QueueWithdrawCaller")) == 1
    assert helper.ended == 0


async def test_a_pbx_that_cannot_be_asked_is_given_up_after_a_while() -> None:
    pbx = _Pbx()
    pbx.refuses = "Status"
    await _help(pbx).help()
    assert (pbx.looks, pbx.asked) == (clockhelp.TRIES, [])


async def _run_until(helper: ClockHelp, pbx: _Pbx, test: str) -> None:
    running = asyncio.create_task(helper.run())
    async with asyncio.timeout(30):
        while not any(what == test for what, *_ in pbx.asked):
            await asyncio.sleep(0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("by_us", [HOUR_US, -1_900_000, 600_000])
async def test_a_step_forward_and_a_small_one_hold_nobody_up(by_us: int) -> None:
    pbx = _Pbx(caller("a", "operator", RING))
    helper = _help(pbx)
    running = asyncio.create_task(helper.run())
    helper.on_step(0, by_us)
    for _ in range(50):
        await asyncio.sleep(0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert (pbx.asked, pbx.looks) == ([], 0)


async def test_a_step_back_has_who_waits_helped_and_telephones_asked() -> None:
    pbx = _Pbx(caller("a", "operator", RING))
    helper = _help(pbx)
    helper.on_step(0, -HOUR_US)
    await _run_until(helper, pbx, "QueueWithdrawCaller")
    assert {("PJSIPQualify", "op1"), ("PJSIPQualify", "trunk-damkar")} <= set(pbx.asked)
    assert helper.ended == 1


@pytest.mark.parametrize(("put_right", "asked"), [(False, 5), (True, 1)])
async def test_telephones_are_asked_until_the_clock_is_where_it_was_or_put_right(put_right: bool, asked: int) -> None:
    pbx = _Pbx()
    helper = _help(pbx)
    helper.on_step(0, -100_000_000)
    running = asyncio.create_task(helper.run())
    async with asyncio.timeout(30):
        while not pbx.asked:
            await asyncio.sleep(0)
        if put_right:
            helper.on_step(0, 100_000_000)
        for _ in range(200):
            await asyncio.sleep(0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert pbx.asked.count(("PJSIPQualify", "op1")) == asked


def _opened(name: str, at_s: object) -> AmiEvent:
    return _event(name, name, "6", {"CR_OPENED": f"{at_s}_00.123456"})


async def test_a_step_back_that_nobody_watched_is_seen_by_calls_that_were_opened_later_than_now() -> None:
    pbx = _Pbx(_opened("old", WALL_S - 5), _opened("held", int(WALL_S) + 3000), leg("x", "held"))
    helper = _help(pbx)
    await helper.at_login()
    pbx.channels = (caller("held", "operator", RING),)
    await _run_until(helper, pbx, "QueueWithdrawCaller")


@pytest.mark.parametrize("opened", [int(WALL_S), int(WALL_S) - 3000, int(WALL_S) + 2, "", "garbage"])
async def test_calls_that_were_opened_before_now_are_no_sign_of_a_step(opened: object) -> None:
    pbx = _Pbx(_opened("a", opened), leg("x", "a"))
    helper = _help(pbx)
    await helper.at_login()
    running = asyncio.create_task(helper.run())
    for _ in range(50):
        await asyncio.sleep(0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert (pbx.looks, pbx.asked) == (1, [])


async def test_a_step_that_was_seen_is_not_seen_again_at_a_login() -> None:
    pbx = _Pbx(_opened("held", int(WALL_S) + 3000))
    helper = _help(pbx)
    helper.on_step(0, -HOUR_US)
    await helper.at_login()
    assert helper.behind_s == 3600
