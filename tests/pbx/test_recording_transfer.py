"""A caller who is given to a colleague after a consultation is recorded on, and what the two said before is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.pbx.rig import CALLER, OP1, OP2, talk, until
from tests.pbx.test_agency import call_of
from tests.pbx.test_attack_transfer import Hall, hall, number, open_hall  # noqa: F401
from tests.pbx.test_recordings import closed, tones

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def built(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hall]:
    """As for other transfers, in a centre that records."""
    folder = tmp_path_factory.mktemp("recorded-transfer")
    async with open_hall(folder, record=("operator", "agency")) as opened:
        yield opened


async def test_caller_who_is_given_to_a_colleague_is_recorded_on(hall: Hall, number: str) -> None:  # noqa: F811
    call, operator = await hall.with_operator(number)
    await hall.op2_logs_in()
    answer, consulted = await hall.op1.call("op2")
    assert answer == 200
    colleague = await hall.op2.until_incoming()
    await colleague.until_hears(OP1)
    assert await operator.refer(hall.instead_of(consulted)) == 200
    await talk(call, colleague, CALLER, OP2)
    await asyncio.sleep(1.0)  # so long they talk
    await call.hangup()
    incident = await hall.one_incident(number)
    folder = hall.centre.settings.recordings_dir
    files = sorted(folder.glob(f"????-??-??/{call_of(incident)['id']}_*.wav"))
    assert len(files) == 2
    for file in files:
        await until(lambda file=file: closed(file))  # type: ignore[misc]
    assert [tones(file)[1] for file in files] == [{CALLER, OP1}, {CALLER, OP2}]
    talks = (await hall.lines(incident))[1].split("|talks=")[1].split("|")[0]
    assert [file.stem.split("_", 1)[1] for file in files] == talks.split("+")[1:]
