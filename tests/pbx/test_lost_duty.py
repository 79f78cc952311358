"""A PBX that has forgotten who is on duty, or whose telephones are where: operators are rung all the same."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from demo.centre import Centre
from demo.softphone import Answer
from tests.pbx.rig import CALLER, OP1, SHORT_TIMERS, short_clips, talk, unexpected, until
from tests.pbx.test_duty import Desk, holds, table

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
    await desk.centre.until_reachable("op1")
    call = await desk.caller.dial(desk.centre.number, user="081355550001")
    operator = await desk.op1.until_incoming()  # nothing was pressed
    await talk(call, operator, CALLER, OP1)
    assert not desk.op3.calls
    await asyncio.sleep(desk.centre.settings.timers.short_talk_s)  # a talk, not a line that fell at once
    await call.hangup()
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
    await desk.centre.until_reachable("op1")
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


# ---------------------------------------------------------------------- whose telephones are where
def kept(desk: Desk) -> set[str]:
    """Return whose telephones the service has written down."""
    file = desk.centre.settings.state / "telephones.json"
    if not file.exists():
        return set()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return {one["operator"] for one in json.loads(file.read_text())["logins"]}


async def logged_in(desk: Desk) -> set[str]:
    """Return whose telephones the PBX knows, whether they are there or not."""
    shown = await desk.centre.pbx.rx("pjsip show contacts")
    return {key for key in ("op1", "op2", "op3") if f" {key}/sip:" in shown}


async def killed_and_back(desk: Desk, *, lost: str = "") -> None:
    """Kill the PBX, remove its own database (`lost`: another text in its place), start it again."""
    pbx = desk.centre.pbx
    pbx.signal(signal.SIGKILL)
    await until(lambda: pbx.pid is None)
    for file in desk.centre.settings.pbx_dir.rglob("astdb.sqlite3*"):
        file.unlink()
    if lost:
        (desk.centre.settings.pbx_dir / "var" / "astdb.sqlite3").write_text(lost)
    await pbx.start()


async def serves_by(desk: Desk, number: str) -> None:
    """A caller presses 0 and talks with op1."""
    desk.op1.forget()
    call = await desk.caller.dial(desk.centre.number, user=number)
    await call.until_answered()
    await call.until_hears_speech()
    await call.digits("0")
    await talk(call, await desk.op1.until_incoming(), CALLER, OP1)
    await desk.settle()


async def test_telephone_that_stays_silent_is_rung_again_by_a_pbx_that_has_lost_its_login(desk: Desk) -> None:
    await desk.centre.start_service()
    for key in ("op1", "op2", "op3"):
        await desk.act(key, "join")
    for phone in (desk.op1, desk.op2):
        await phone.behave(Answer(0.1))
        await phone.register()
    await until(lambda: kept(desk) == {"op1", "op2"})
    await desk.op2.unregister()  # it goes on answering whoever asks whether it is there
    await until(lambda: kept(desk) == {"op1"})

    await killed_and_back(desk)
    await desk.centre.until_reachable("op1")
    assert await logged_in(desk) == {"op1"}
    await desk.until_members({"op1": False, "op2": False, "op3": False})
    await serves_by(desk, "081355550003")
    assert kept(desk) == {"op1"}


async def test_lost_login_is_put_back_by_a_service_that_was_down_when_it_was_lost(desk: Desk) -> None:
    assert kept(desk) == {"op1"}
    await desk.centre.kill_service()
    await killed_and_back(desk)
    assert await logged_in(desk) == set()
    await desk.centre.start_service()
    await desk.centre.until_reachable("op1")
    assert await logged_in(desk) == {"op1"}
    await serves_by(desk, "081355550004")


async def test_caller_who_comes_before_the_pbx_is_told_where_the_telephones_are_is_given_an_operator(
    desk: Desk,
) -> None:
    for n in range(3):
        await killed_and_back(desk)
        desk.op1.forget()
        call = await desk.caller.dial(desk.centre.number, user=f"08135555010{n}")
        await call.until_answered()
        await call.until_hears_speech()
        await call.digits("0")
        await talk(call, await desk.op1.until_incoming(), CALLER, OP1)
        await desk.settle()
        attempts = (await desk.centre.incident_of(f"08135555010{n}"))["calls"][0]["attempts"]
        assert [(one["label"], one["result"]) for one in attempts] == [("operators", "talked")]
        await until(lambda: kept(desk) == {"op1"})


async def test_pbx_whose_database_is_garbage_starts_and_rings_the_operators(desk: Desk) -> None:
    await killed_and_back(desk, lost="garbage" * 1000)
    assert (desk.centre.settings.pbx_dir / "var" / "astdb.sqlite3.broken").read_text().startswith("garbage")
    await desk.centre.until_reachable("op1")
    await serves_by(desk, "081355550005")


async def test_who_logged_out_while_the_service_was_away_stays_so(desk: Desk) -> None:
    await desk.op2.register()
    await until(lambda: kept(desk) == {"op1", "op2"})
    await desk.centre.stop_service()
    await desk.op2.unregister()
    await desk.centre.pbx.stop()
    await desk.centre.pbx.start()  # it has lost nothing
    await desk.centre.start_service()
    await until(lambda: kept(desk) == {"op1"})
    assert await logged_in(desk) == {"op1"}


async def test_telephone_that_logs_in_elsewhere_is_not_sent_back_to_where_it_was(desk: Desk) -> None:
    file = desk.centre.settings.state / "telephones.json"
    await desk.centre.stop_service()
    told = json.loads(file.read_text())
    told["logins"][0]["uri"] = "sip:op1@127.0.0.1:9"  # where it was before
    file.write_text(json.dumps(told))
    await killed_and_back(desk)
    await desk.op1.register()
    await holds(lambda: logged_in(desk), {"op1"})
    await desk.centre.start_service()
    await until(lambda: '127.0.0.1:9"' not in file.read_text())
    await desk.centre.until_reachable("op1")
    assert await logged_in(desk) == {"op1"}
    await serves_by(desk, "081355550006")
