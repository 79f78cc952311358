"""Operators who leave at the same moment, by their telephones: one of them is the last, and one is told so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from demo.centre import Centre
from demo.softphone import Softphone
from tests.pbx.rig import LAST, OP1, OP2, SHORT_TIMERS, short_clips, unexpected
from tests.pbx.test_duty import table

pytestmark = pytest.mark.asyncio(loop_scope="module")

JOIN, LEAVE, PAUSE = "*21", "*22", "*23"
ROUNDS = 8


@dataclass
class Pair:
    """A centre whose only registered operators are these two."""

    centre: Centre
    phones: tuple[Softphone, Softphone]

    async def dialled(self, phone: Softphone, code: str) -> bool:
        """Dial a code, listen to all that is said, and return whether he was told that he is the last."""
        call = await phone.dial(self.centre.number.replace("sip:112@", f"sip:{code}@"))
        await call.until_answered()
        await call.until_hears_speech()
        report = await call.until_ended()
        assert report.tones <= {LAST}
        return LAST in report.tones

    async def both(self, code: str) -> list[bool]:
        """Both dial it at once."""
        return list(await asyncio.gather(*(self.dialled(phone, code) for phone in self.phones)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    folder = tmp_path_factory.mktemp("together")
    short_clips(folder / "state" / "recorded", table())
    async with Centre(folder, table(), timers=SHORT_TIMERS) as centre:
        yield Pair(centre, (await centre.operator("op1", OP1), await centre.operator("op2", OP2)))


@pytest.mark.parametrize("code", [LEAVE, PAUSE], ids=["leave", "pause"])
async def test_of_two_who_go_at_once_one_is_told_that_he_is_the_last(pair: Pair, code: str) -> None:
    before = len(pair.centre.pbx.complaints())
    told = []
    for _ in range(ROUNDS):
        await pair.both(JOIN)
        told.append(sum(await pair.both(code)))
    assert told == [1] * ROUNDS
    assert unexpected(pair.centre.pbx.complaints()[before:]) == []
