"""What callrouter is compared with does what it is compared for: menu, digit, agency, talk, and nothing left over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from bench.opponents.agi import agi
from bench.opponents.ari import ari
from bench.opponents.bare import bare
from bench.opponents.fastagi import fastagi
from bench.opponents.hall import hall_of
from bench.opponents.model import PBX, SERVICE, Running
from demo.centre import Centre
from demo.softphone import NET_S, SPEECH, Answer, PhoneCall, Reject, RingOnly
from tests.pbx.rig import CALLER, DAMKAR, Rig, talk

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("opponents")]
DIGIT, OTHER = "1", "9"
KINDS = {"bare": bare, "agi": agi, "fastagi": fastagi, "ari": ari}
WITH_SERVICE = ("agi", "fastagi", "ari")


@dataclass
class Opponents:
    """Those that run, by key; each is started when it is first asked for, and ends with the tests."""

    centre: Centre
    folder: Path
    stack: AsyncExitStack
    started: dict[str, Running] = field(default_factory=dict)

    async def get(self, key: str) -> Running:
        if key not in self.started:
            opponent = KINDS[key](self.centre, hall_of(self.centre, DIGIT))
            assert opponent.key == key
            self.started[key] = await self.stack.enter_async_context(opponent.running(self.folder / key))
        return self.started[key]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def opponents(centre: Centre, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opponents]:
    async with AsyncExitStack() as stack:
        yield Opponents(centre, tmp_path_factory.mktemp("rivals"), stack)


async def call(rig: Rig, opponent: Running, number: str) -> PhoneCall:
    """Ring 112 there, and wait until the menu is heard."""
    made = await rig.caller.dial(f"sip:112@{opponent.address}", user=number)
    await made.until_answered()
    await made.until_hears_speech()
    return made


async def put_through(rig: Rig, opponent: Running, number: str) -> tuple[PhoneCall, PhoneCall]:
    """Ring there, press the digit, and wait until caller and agency hear each other."""
    made = await call(rig, opponent, number)
    agency = await pressed(made, DIGIT, rig.damkar.until_incoming)
    await talk(made, agency, CALLER, DAMKAR)
    return made, agency


async def pressed(made: PhoneCall, digit: str, then: Callable[[float], Awaitable[PhoneCall]]) -> PhoneCall:
    """Press a digit during the menu and wait for what follows; once more where it fell between two clips."""
    await made.digits(digit)
    try:
        return await then(NET_S / 6)
    except TimeoutError:
        await made.digits(digit)
        return await then(NET_S)


async def until_empty(opponent: Running) -> None:
    """Wait until its PBX has neither channel nor bridge left."""
    assert opponent.pbx is not None
    left = ""
    try:
        async with asyncio.timeout(NET_S):
            while "0 active channels" not in (left := await opponent.pbx("core show channels count")) or (
                left := "\n".join((await opponent.pbx("bridge show all")).splitlines()[1:]).strip()
            ):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"the PBX has left: {left}") from None


@pytest.mark.parametrize("key", KINDS)
async def test_opponent_joins_caller_and_agency_until_either_hangs_up(
    rig: Rig, opponents: Opponents, number: str, key: str
) -> None:
    opponent = await opponents.get(key)
    before = opponent.cpu()

    made, agency = await put_through(rig, opponent, number)
    assert agency.remote.number == number
    await made.until_stops_hearing(SPEECH)
    await made.hangup()
    await agency.until_ended()
    await until_empty(opponent)

    made, agency = await put_through(rig, opponent, number)
    await agency.hangup()
    await made.until_ended()
    await until_empty(opponent)

    after = opponent.cpu()
    assert set(after) == ({PBX, SERVICE} if key in WITH_SERVICE else {PBX})
    # A call takes of a service that runs already less than the system counts.
    grown = [PBX, SERVICE] if key == "agi" else [PBX]
    assert all(after[part] > before[part] for part in grown), (before, after)
    assert all(after[part] > 0 for part in after), after


@pytest.mark.parametrize("key", KINDS)
async def test_opponent_leaves_nothing_of_a_call_that_comes_to_no_talk(
    rig: Rig, opponents: Opponents, number: str, key: str
) -> None:
    opponent = await opponents.get(key)
    await rig.damkar.behave(Reject(), RingOnly(), Answer(0.1))

    busy = await call(rig, opponent, number)
    await pressed(busy, DIGIT, rig.damkar.until_incoming)
    await busy.until_ended()
    await until_empty(opponent)

    impatient = await call(rig, opponent, number)
    rung = await pressed(impatient, DIGIT, rig.damkar.until_incoming)
    await impatient.hangup()
    await rung.until_ended()
    await until_empty(opponent)

    wrong = await call(rig, opponent, number)
    await wrong.digits(OTHER)
    await wrong.until_ended()
    await until_empty(opponent)

    await (await call(rig, opponent, number)).hangup()
    await until_empty(opponent)
