"""Duty by the operator's own telephone: the PBX acts at once, also while the service is away, and tells it later."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio

from callrouter.calls.lines import parse_line
from callrouter.calls.records import DutyActed
from callrouter.duty.model import Act
from demo.softphone import NET_S, Softphone
from tests.pbx.rig import CALLER, LAST, OP1, OP2, Rig, talk

pytestmark = pytest.mark.asyncio(loop_scope="session")

JOIN, LEAVE, PAUSE, RESUME = "*21", "*22", "*23", "*24"
GROUPS: Final = {"op1": ("operators", "small"), "op2": ("operators",)}
"""The groups of each operator in the table of these tests."""


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def restored(rig: Rig) -> AsyncIterator[None]:
    """Whatever a test does, the next one finds both on duty."""
    yield
    for operator in GROUPS:
        status, _, answer = await rig.centre.ask("POST", f"/api/v1/duty/{operator}", {"act": "join"})
        assert status == 200, answer


async def members(rig: Rig, queue: str) -> dict[str, bool]:
    """Return the members of a queue, and whether each is paused."""
    shown = await rig.centre.pbx.rx(f"queue show {queue}")
    lines = re.findall(r"^\s+(\w+) \(PJSIP/\w+\)(.*)$", shown, re.MULTILINE)
    return {name: "(paused" in re.sub(r"\x1b\[[0-9;]*m", "", rest) for name, rest in lines}


async def until_members(rig: Rig, queue: str, wanted: dict[str, bool]) -> None:
    """Wait until these are a queue's members. The PBX has them at once; what the service was just bringing to it for
    an act before may still come, and is put right by the service itself.
    """
    seen: dict[str, bool] = {}
    try:
        async with asyncio.timeout(NET_S):
            while (seen := await members(rig, queue)) != wanted:
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"the members of {queue} are {seen}, not {wanted}") from None


async def dialled(rig: Rig, phone: Softphone, code: str) -> bool:
    """Dial a code, listen to all that is said, and return whether he was told that he is the last."""
    call = await phone.dial(rig.centre.number.replace("sip:112@", f"sip:{code}@"))
    await call.until_answered()
    await call.until_hears_speech()
    report = await call.until_ended()
    assert report.ended_by == "remote"
    assert report.tones <= {LAST}
    return LAST in report.tones


async def both_off(rig: Rig) -> None:
    """Register both telephones, and have neither operator on duty."""
    await rig.on_duty(rig.op1, rig.op2)
    for phone in (rig.op1, rig.op2):
        await dialled(rig, phone, LEAVE)
    await until_members(rig, "operators", {})


def written(rig: Rig) -> list[DutyActed]:
    """Return every duty record of the journal, in order."""
    lines = [
        line
        for file in sorted(rig.centre.settings.journal_dir.glob("*.log"))
        for line in file.read_bytes().splitlines()
        if line.startswith(b"1|duty|")
    ]
    return [record for line in lines if isinstance(record := parse_line(line), DutyActed)]


async def test_operator_joins_pauses_resumes_and_leaves_all_queues_of_his_groups(rig: Rig) -> None:
    await both_off(rig)
    before = len(written(rig))
    for code, there in ((JOIN, {"op1": False}), (PAUSE, {"op1": True}), (RESUME, {"op1": False}), (LEAVE, {})):
        await dialled(rig, rig.op1, code)
        for group in GROUPS["op1"]:
            for queue in (group, f"{group}.last"):
                await until_members(rig, queue, there)
    records = written(rig)[before:]
    assert [(r.operator, r.act) for r in records] == [
        ("op1", act) for act in (Act.JOIN, Act.PAUSE, Act.RESUME, Act.LEAVE)
    ]
    assert len({r.id for r in records}) == 4
    assert [r.at for r in records] == sorted(r.at for r in records)


async def test_operator_joins_the_queues_of_his_own_groups_only(rig: Rig) -> None:
    await both_off(rig)
    await dialled(rig, rig.op2, JOIN)
    await until_members(rig, "operators", {"op2": False})
    await until_members(rig, "small", {})


async def test_joining_again_ends_a_pause_and_changes_nothing_else(rig: Rig) -> None:
    await both_off(rig)
    await dialled(rig, rig.op1, JOIN)
    await dialled(rig, rig.op1, PAUSE)
    await dialled(rig, rig.op1, JOIN)
    await until_members(rig, "operators", {"op1": False})


async def test_who_joined_by_phone_is_rung_and_who_paused_is_not(rig: Rig, number: str) -> None:
    await both_off(rig)
    await dialled(rig, rig.op1, JOIN)
    await dialled(rig, rig.op2, JOIN)
    await dialled(rig, rig.op1, PAUSE)
    rung = len(rig.op1.calls)
    call = await rig.press(number, "0")
    operator = await rig.op2.until_incoming()
    await talk(call, operator, CALLER, OP2)
    assert len(rig.op1.calls) == rung
    await call.hangup()


async def test_last_one_may_go_and_is_told_that_he_is_the_last(rig: Rig) -> None:
    await both_off(rig)
    await dialled(rig, rig.op1, JOIN)
    await dialled(rig, rig.op2, JOIN)
    assert not await dialled(rig, rig.op2, LEAVE)
    assert await dialled(rig, rig.op1, PAUSE)
    assert not await dialled(rig, rig.op1, RESUME)
    assert await dialled(rig, rig.op1, LEAVE)
    await until_members(rig, "operators", {})


async def test_colleague_whose_telephone_is_gone_is_nobody_who_stays(rig: Rig) -> None:
    await both_off(rig)
    await dialled(rig, rig.op1, JOIN)
    await dialled(rig, rig.op2, JOIN)
    await rig.op2.unregister()
    await rig.centre.until_reachable("op2", reachable=False)
    assert await dialled(rig, rig.op1, LEAVE)


async def test_who_is_not_on_duty_cannot_pause_and_nothing_is_noted(rig: Rig) -> None:
    await both_off(rig)
    before = len(written(rig))
    await dialled(rig, rig.op1, PAUSE)
    await dialled(rig, rig.op1, RESUME)
    assert len(written(rig)) == before
    await until_members(rig, "operators", {})


async def test_codes_work_while_the_service_is_away_and_wait_for_it_in_the_journal(rig: Rig, number: str) -> None:
    await both_off(rig)
    before = len(written(rig))
    await rig.centre.kill_service()
    try:
        await dialled(rig, rig.op1, JOIN)
        assert await members(rig, "operators") == {"op1": False}
        assert [(r.operator, r.act) for r in written(rig)[before:]] == [("op1", Act.JOIN)]
    finally:
        await rig.centre.start_service()
    call = await rig.press(number, "0")
    operator = await rig.op1.until_incoming()
    await talk(call, operator, CALLER, OP1)
    await call.hangup()
    assert (await rig.centre.incident_of(number))["outcome"] == "talked"


async def test_duty_record_is_no_call_and_no_line_set_aside(rig: Rig) -> None:
    await both_off(rig)
    log = rig.centre.service_log.read_text()
    _, before = await rig.centre.get("/api/v1/incidents", limit="200")
    await dialled(rig, rig.op1, JOIN)
    assert (await rig.centre.get("/api/v1/incidents", limit="200"))[1] == before
    assert "journal.line_set_aside" not in rig.centre.service_log.read_text()[len(log) :]


async def test_citizen_cannot_reach_the_codes(rig: Rig, number: str) -> None:
    await both_off(rig)
    before = len(written(rig))
    call = await rig.caller.dial(rig.centre.number.replace("sip:112@", f"sip:{JOIN}@"), user=number)
    async with asyncio.timeout(NET_S):
        await call.until_ended()
    assert call.report().answered_s is None
    assert len(written(rig)) == before
