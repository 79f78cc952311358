"""A PBX that has forgotten who is on duty, and no service to tell it: operators are rung all the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from demo.centre import Centre
from demo.softphone import Answer
from tests.pbx.rig import CALLER, OP1, SHORT_TIMERS, short_clips, talk, unexpected
from tests.pbx.test_duty import Desk, table

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """op1 and op2 have telephones that log in, op3 has none."""
    folder = tmp_path_factory.mktemp("lost")
    short_clips(folder / "state" / "recorded", table())
    async with Centre(folder, table(), timers=SHORT_TIMERS) as centre:
        caller = await centre.phone("telco", CALLER)
        op1, op2, op3 = [await centre.operator(key, OP1, register=False) for key in ("op1", "op2", "op3")]
        yield Desk(centre, caller, op1, op2, op3)


async def forget(desk: Desk) -> None:
    """Stop the service, and start the PBX without what it remembered."""
    await desk.centre.stop_service()
    await desk.centre.pbx.stop()
    remembered = list(desk.centre.settings.pbx_dir.rglob("astdb.sqlite3*"))
    assert remembered
    for file in remembered:
        file.unlink()
    await desk.centre.pbx.start()
    assert await desk.members() == {}


async def test_operator_is_rung_by_a_pbx_that_has_lost_who_is_on_duty(desk: Desk) -> None:
    await forget(desk)
    await desk.op1.behave(Answer(0.1))
    await desk.op1.register()
    call = await desk.caller.dial(desk.centre.number, user="081355550001")
    operator = await desk.op1.until_incoming()  # nothing was pressed
    await talk(call, operator, CALLER, OP1)
    assert not desk.op3.calls
    await desk.settle()
    assert unexpected(desk.centre.pbx.complaints()) == []

    await desk.centre.start_service()
    incident = await desk.centre.incident_of("081355550001")
    attempts = incident["calls"][0]["attempts"]
    assert [(one["label"], one["result"]) for one in attempts] == [("operators", "nobody"), ("operators", "talked")]
    assert attempts[1]["by"] == "op1"


async def test_operator_whom_it_rang_is_rung_again_when_the_talk_ends_too_early(desk: Desk) -> None:
    await forget(desk)
    await desk.op1.behave(Answer(0.1))
    await desk.op1.register()
    call = await desk.caller.dial(desk.centre.number, user="081355550002")
    operator = await desk.op1.until_incoming()
    await talk(call, operator, CALLER, OP1)
    await asyncio.sleep(desk.centre.settings.timers.short_talk_s)  # a talk, not a line that fell at once
    desk.op1.forget()
    await operator.hangup()
    await call.until_hears_speech(since=time.monotonic())
    await call.digits("0")
    again = await desk.op1.until_incoming()
    await talk(call, again, CALLER, OP1)
    await desk.settle()


async def test_nobody_is_rung_where_the_service_knows_that_nobody_is_on_duty(desk: Desk) -> None:
    await desk.centre.start_service()
    await desk.op1.register()
    for key in ("op1", "op2", "op3"):
        await desk.act(key, "leave")
    rung = len(desk.op1.calls)
    call = await desk.wants_operator()
    await call.mute()
    await call.until_ended()  # by the PBX, after a message without words
    assert len(desk.op1.calls) == rung
