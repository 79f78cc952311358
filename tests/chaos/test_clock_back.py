"""A clock that is set back an hour under callers, and left so: each of them goes on within what he was promised."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from callrouter.asterisk.ami import AmiLink
from callrouter.asterisk.clockhelp import ClockHelp, Waits
from chaos.citizen import Citizen
from chaos.clock import NoFaketime
from chaos.faults import LASTS_S, RESTART_S
from chaos.house import House
from chaos.matrix import BY_KEY, RINGS, UNTAKEN, Cell, Need, Stage
from chaos.play import play
from chaos.stages import _menu, digit_of, prepare, reach
from chaos.table import OPERATOR, OPERATORS
from demo.softphone import NET_S, SPEECH

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

BACK_S = -3600
SILENT_S = 1.5
"""After the last word of a menu: it waits for a digit."""
MENU_AGAIN_S = 20.0
"""What it takes to see the step (7 s), the digit's time (5 s) in whole seconds and one more, and a clip's begin."""
FREED_S = 10.0
"""From the operator who hangs up to his next caller, who has waited all the while."""
QUEUE_LEFT_S = 60.0
"""What it takes to see the step (7 s), the queue's time (30 s) in whole seconds and one more, and the ring that is
under way when it is over (15 s). 7 s: libfaketime's 2 s and the service's 1 s, each late by a busy machine's half,
and 2.5 s until it looks for the second time.
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A centre with a clock of its own."""
    try:
        made = House(tmp_path_factory.mktemp("clock"), 7, frozenset({Need.CLOCK, Need.SQLITE}), python=sys.executable)
        await made.__aenter__()
    except NoFaketime as error:
        pytest.skip(str(error))
    try:
        yield made
    finally:
        await made.__aexit__(None, None, None)


@pytest_asyncio.fixture(loop_scope="module")
async def set_back(house: House) -> AsyncIterator[Callable[[], None]]:
    """What sets the clock back; it is put right when the test is over."""
    await house.ready()
    yield lambda: house.set_clock(BACK_S)
    house.set_clock(0)
    await house.hang_up()
    await house.until_clock_right()


@pytest.mark.parametrize("stage", RINGS, ids=lambda stage: stage.value)
async def test_what_rings_and_is_not_taken_is_given_up_and_the_next_one_rung(house: House, stage: Stage) -> None:
    verdict = await play(house, Cell(BY_KEY[UNTAKEN], stage))
    assert not verdict.error
    await house.until_clock_right()
    assert not verdict.wrong, verdict.evidence
    assert verdict.took_s > LASTS_S


async def test_who_says_nothing_in_the_menu_is_asked_again(house: House, set_back: Callable[[], None]) -> None:
    silent = house.citizen(0, OPERATOR)
    await silent.dial(house.centre.number)
    await _menu(house, silent)
    await _until(lambda: time.monotonic() - _last_word(silent) > SILENT_S, 60)
    step = time.monotonic()
    set_back()
    await _until(lambda: _last_word(silent) > step, MENU_AGAIN_S)
    assert house.observer.times(silent.number, "menu") == 1


async def test_a_queue_in_which_nobody_answers_is_left_when_its_time_is_over(
    house: House, set_back: Callable[[], None]
) -> None:
    cell = Cell(BY_KEY[UNTAKEN], Stage.OPERATOR_RINGS)
    await prepare(house, cell)
    callers = [house.citizen(n, digit_of(cell)) for n in range(2)]
    await asyncio.gather(*(reach(house, caller, cell) for caller in callers))
    before = [house.observer.times(caller.number, "operator") for caller in callers]
    set_back()
    await _until(
        lambda: all(
            house.observer.times(caller.number, "operator") > n or house.observer.times(caller.number, "message") > 0
            for caller, n in zip(callers, before, strict=True)
        ),
        QUEUE_LEFT_S,
    )


async def test_who_waits_for_an_operator_to_be_free_is_given_him_when_he_is(
    house: House, set_back: Callable[[], None]
) -> None:
    talks, waits = await _one_talks_one_waits(house)
    set_back()
    await asyncio.sleep(LASTS_S)  # the clock is wrong for a while: who waits has not noticed
    await _is_given_the_free_one(talks, waits)


async def test_a_service_that_was_away_at_the_step_helps_when_it_is_back(
    house: House, set_back: Callable[[], None]
) -> None:
    talks, waits = await _one_talks_one_waits(house)
    await house.centre.kill_service()
    set_back()
    await asyncio.sleep(RESTART_S)
    await house.centre.start_service()
    await asyncio.sleep(LASTS_S)
    await _is_given_the_free_one(talks, waits)


@pytest.mark.usefixtures("set_back")  # not called: to begin and end as the others
async def test_a_step_that_never_was_does_no_harm(house: House) -> None:
    talks, waits = await _one_talks_one_waits(house)
    hands = AmiLink(
        host="127.0.0.1",
        port=house.centre.settings.ami_port,
        username="hands",
        secret=house.centre.keys.hands,
        name="alarm",
        on_event=lambda _event: None,
        on_login=_nothing,
    )
    helper = ClockHelp(hands, lambda: OPERATORS, Waits(digit_s=1, after_s=1, member_ring_s=2, ring_s=2, confirm_s=1))
    running = [asyncio.create_task(hands.run()), asyncio.create_task(helper.run())]
    try:
        await _until(lambda: hands.connected, NET_S)
        helper.on_step(0, BACK_S * 1_000_000)
        await asyncio.sleep(LASTS_S)
        for caller in (talks, waits):
            assert caller.call is not None
            await hands.action("ControlPlayback", Channel=await _channel(hands, caller), Control="stop")
        now = time.monotonic()
        await _until(lambda: bool(talks.human(now)), NET_S)
        assert house.observer.times(talks.number, "after") == 0
        await _is_given_the_free_one(talks, waits)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _nothing() -> None:
    pass


async def _channel(hands: AmiLink, caller: Citizen) -> str:
    status = await hands.action("Status", listing="StatusComplete", Variables="CALLERID(num)")
    return next(e.fields["Channel"] for e in status.events if f"CALLERID(num)={caller.number}" in e.all("Variable"))


async def _one_talks_one_waits(house: House) -> tuple[Citizen, Citizen]:
    """One operator is there. Return who talks with him, and who waits for him."""
    for phone in tuple(house.operators.values())[1:]:
        await phone.unregister()
    talks, waits = (house.citizen(n, OPERATOR) for n in range(2))
    await reach(house, talks, Cell(BY_KEY["clock-back"], Stage.OPERATOR_TALKS))
    await reach(house, waits, Cell(BY_KEY["clock-back"], Stage.DIGIT))
    await house.observer.until(waits.number, lambda seen: seen.what == "operator", NET_S)
    return talks, waits


async def _is_given_the_free_one(talks: Citizen, waits: Citizen) -> None:
    assert talks.call is not None
    freed = time.monotonic()
    await talks.call.hangup()
    assert await waits.until_met(freed, freed + FREED_S) is not None


def _last_word(citizen: Citizen) -> float:
    assert citizen.call is not None
    heard = citizen.call.report().heard.get(SPEECH, ())
    return max(time.monotonic() if span.to_s is None else span.to_s for span in heard)


async def _until(test: Callable[[], bool], within: float) -> None:
    async with asyncio.timeout(within):
        while not test():
            await asyncio.sleep(0.1)
