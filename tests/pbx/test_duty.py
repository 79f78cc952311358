"""Who is rung, with real telephones: by roster, by REST, by feature code, after missed rings, and after restarts."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from demo.centre import Centre
from demo.softphone import NET_S, Answer, PhoneCall, Reject, RingOnly, Softphone
from tests.pbx.rig import SHORT_TIMERS, short_clips, talk

pytestmark = pytest.mark.asyncio(loop_scope="module")

JOIN, LEAVE = "*21", "*22"
CALLER, OP1, OP2, OP3 = 600, 1800, 2150, 1550
ZONE: Final = "Asia/Jakarta"
BACK_S: Final = 30.0
"""So soon after the PBX is back its queues are as they have to be: half of what a look at the roster may wait."""
AHEAD_S: Final = 8
"""How far ahead a shift's edge is at least when it is published."""
_numbers = count(1)


def table() -> dict[str, Any]:
    """Return a centre of three operators without agencies."""
    return {
        "centre": {"name": "Kabupaten Uji", "timezone": ZONE},
        "directory": {
            "trunks": [{"key": "telco", "kind": "carrier", "host": "127.0.0.2"}],
            "operators": [{"key": f"op{n}", "name": f"Meja {n}"} for n in (1, 2, 3)],
        },
        "routing": {
            "main_menu": "main",
            "menus": [
                {
                    "key": "main",
                    "name": {"id": "menu utama", "en": "main menu"},
                    "options": [{"digit": "1", "category": "other"}],
                }
            ],
            "categories": [
                {"key": "other", "urn": "urn:service:sos", "name": {"id": "lain", "en": "other"}, "priority": 4}
            ],
            "ring_groups": [{"key": "operators", "members": ["op1", "op2", "op3"]}],
            "routes": [
                {
                    "key": "everything",
                    "priority": 1,
                    "steps": [{"kind": "ringgroup", "group": "operators", "wait_s": 60}],
                }
            ],
            "last_resort": {"group": "operators", "seconds": 30},
        },
    }


@dataclass
class Desk:
    """The centre and its telephones: op1 and op2 are registered, op3 is not."""

    centre: Centre
    caller: Softphone
    op1: Softphone
    op2: Softphone
    op3: Softphone

    @property
    def phones(self) -> tuple[Softphone, ...]:
        """The operators'."""
        return (self.op1, self.op2, self.op3)

    async def wants_operator(self) -> PhoneCall:
        """Ring 112 as a citizen and press 0."""
        number = f"0813{os.getpid() % 10_000:04d}{next(_numbers):04d}"
        call = await self.caller.dial(self.centre.number, user=number)
        await call.until_answered()
        await call.until_hears_speech()
        await call.digits("0")
        return call

    async def rings(self, phone: Softphone) -> PhoneCall:
        """Wait for a call at this operator's phone; AssertionError with queue and calls where none comes."""
        try:
            return await phone.until_incoming()
        except TimeoutError:
            said = [await self.centre.pbx.rx(order) for order in ("queue show operators", "core show channels")]
            raise AssertionError(f"{phone.name} is not rung: {said}; {await self.centre.live()}") from None

    async def act(self, operator: str, act: str, *, expect: int = 200) -> dict[str, Any]:
        """Change somebody's duty by REST."""
        status, _, body = await self.centre.ask("POST", f"/api/v1/duty/{operator}", {"act": act})
        assert status == expect, body
        return dict(body)

    async def duty(self) -> dict[str, dict[str, Any]]:
        """Return what REST says, by operator."""
        status, body = await self.centre.get("/api/v1/duty")
        assert status == 200
        return {row["operator"]: row for row in body["items"]}

    async def members(self, queue: str = "operators") -> dict[str, bool]:
        """Return who is in a queue of the PBX, and whether he is paused."""
        shown = re.sub(r"\x1b\[[0-9;]*m", "", await self.centre.pbx.rx(f"queue show {queue}"))
        return {n: "(paused" in rest for n, rest in re.findall(r"^\s+(\w+) \(PJSIP/\w+\)(.*)$", shown, re.MULTILINE)}

    async def can_be_rung(self, operator: str) -> bool:
        """Return whether the PBX holds his telephone for one that can be rung."""
        shown = await self.centre.pbx.rx("queue show operators")
        return any(f"(PJSIP/{operator})" in line and "Not in use" in line for line in shown.splitlines())

    async def until_members(self, expected: dict[str, bool], *, within: float = NET_S) -> None:
        """Wait until both queues of the group have these members."""
        for queue in ("operators", "operators.last"):
            await holds(lambda queue=queue: self.members(queue), expected, within=within)  # type: ignore[misc]

    async def dialled(self, phone: Softphone, code: str) -> None:
        """Dial a feature code and listen to what is said."""
        call = await phone.dial(self.centre.number.replace("sip:112@", f"sip:{code}@"))
        await call.until_hears_speech()
        await call.until_ended()

    async def settle(self) -> None:
        """Hang everything up and wait until the PBX has no channel left."""
        for phone in (self.caller, *self.phones):
            for call in phone.calls:
                if not call.ended:
                    await call.hangup()
        await holds(self._channels, "0 active channels")

    async def _channels(self) -> str:
        return (await self.centre.pbx.rx("core show channels count")).splitlines()[0]


async def holds(ask: Callable[[], Awaitable[object]], expected: object, *, within: float = NET_S) -> None:
    """Wait until `ask` answers `expected`; AssertionError with its last answer else."""
    seen: object = None
    try:
        async with asyncio.timeout(within):
            while (seen := await ask()) != expected:
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"not {expected} within {within:g} s, but {seen}") from None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("duty")
    short_clips(folder / "state" / "recorded", table())
    async with Centre(folder, table(), timers=SHORT_TIMERS) as centre:
        caller, op1, op2, op3 = await asyncio.gather(
            centre.phone("telco", CALLER),
            centre.operator("op1", OP1),
            centre.operator("op2", OP2),
            centre.operator("op3", OP3, register=False),
        )
        yield Desk(centre, caller, op1, op2, op3)


@pytest_asyncio.fixture(loop_scope="module")
async def desk(running: Desk) -> AsyncIterator[Desk]:
    """op1 and op2 are on duty, neither is paused, and both answer; op3 is as the roster has him."""
    for phone in running.phones:
        await phone.behave(Answer(0.1))
        phone.forget()
    for operator in ("op1", "op2"):
        await running.act(operator, "join")
    yield running
    await running.settle()


async def test_roster_rings_him_and_who_leaves_by_rest_is_rung_no_more(desk: Desk) -> None:
    await desk.op3.register()
    await desk.centre.until_reachable("op3")
    row = (await desk.duty())["op3"]
    assert (row["presence"], row["rostered"], row["rung"]) == ("roster", True, True)
    for phone in (desk.op1, desk.op2):
        await phone.behave(RingOnly())
    call = await desk.wants_operator()
    operator = await desk.rings(desk.op3)
    await talk(call, operator, CALLER, OP3)
    await desk.settle()

    await desk.op3.unregister()
    await desk.centre.until_reachable("op3", reachable=False)
    left = await desk.act("op1", "leave")
    assert (left["on_duty"], left["rung"], left["presence"]) == (False, False, "left")
    assert await desk.members() == await desk.members("operators.last") == {"op2": False, "op3": False}
    rung = len(desk.op1.calls)
    await desk.op2.behave(Answer(0.1))
    desk.op2.forget()
    call = await desk.wants_operator()
    operator = await desk.rings(desk.op2)
    await talk(call, operator, CALLER, OP2)
    assert len(desk.op1.calls) == rung


async def test_joining_by_feature_code_is_seen_by_rest(desk: Desk) -> None:
    await desk.act("op1", "leave")
    await desk.dialled(desk.op1, JOIN)

    async def shown() -> tuple[object, ...]:
        row = (await desk.duty())["op1"]
        return row["presence"], row["rung"], row["changed_by"]

    await holds(shown, ("joined", True, "op1 (phone)"))
    await desk.until_members({"op1": False, "op2": False, "op3": False})


async def test_pause_by_a_supervisor_is_not_his_own_and_resume_ends_it(desk: Desk) -> None:
    assert (await desk.act("op1", "pause"))["paused"] == "supervisor"
    await desk.until_members({"op1": True, "op2": False, "op3": False})
    assert (await desk.act("op1", "resume"))["paused"] is None
    await desk.until_members({"op1": False, "op2": False, "op3": False})


async def test_who_lets_it_ring_twice_is_paused_and_shown_and_the_call_goes_on(desk: Desk) -> None:
    await desk.op1.behave(RingOnly())
    await desk.op2.behave(Reject(486))
    call = await desk.wants_operator()

    async def paused() -> object:
        return (await desk.duty())["op1"]["paused"]

    await holds(paused, "missed_rings")
    row = (await desk.duty())["op1"]
    assert (row["on_duty"], row["rung"], row["missed"], row["changed_by"]) == (True, False, 2, "system")
    await desk.until_members({"op1": True, "op2": False, "op3": False})
    rung = len(desk.op1.calls)
    await desk.op2.behave(Answer(0.1))
    async with asyncio.timeout(NET_S):
        while not desk.op2.calls[-1].hearing:
            await asyncio.sleep(0.05)
    await talk(call, desk.op2.calls[-1], CALLER, OP2)
    assert len(desk.op1.calls) == rung


async def test_of_two_who_let_it_ring_one_stays_whatever_comes(desk: Desk) -> None:
    for phone in (desk.op1, desk.op2):
        await phone.behave(RingOnly())
    await desk.wants_operator()

    async def missed() -> bool:
        rows = await desk.duty()
        return any(rows[operator]["missed"] >= 4 for operator in ("op1", "op2"))

    await holds(missed, True, within=40)
    rows = await desk.duty()
    assert sorted((rows[op]["paused"] or "", rows[op]["rung"]) for op in ("op1", "op2")) == [
        ("", True),
        ("missed_rings", False),
    ]


async def test_who_has_no_colleague_with_a_telephone_is_never_paused(desk: Desk) -> None:
    await desk.op2.unregister()
    await desk.centre.until_reachable("op2", reachable=False)
    try:
        await desk.op1.behave(RingOnly())
        call = await desk.wants_operator()

        async def missed() -> bool:
            return int((await desk.duty())["op1"]["missed"]) >= 3

        await holds(missed, True, within=40)
        row = (await desk.duty())["op1"]
        assert (row["paused"], row["rung"]) == (None, True)
        await desk.op1.behave(Answer(0.1))
        await call.until_hears(OP1)
    finally:
        await desk.op2.register()
        await desk.centre.until_reachable("op2")


async def test_answer_forgives_the_ring_before(desk: Desk) -> None:
    await desk.op2.behave(Reject(486))
    await desk.op1.behave(RingOnly(), Answer(0.1))
    call = await desk.wants_operator()
    await call.until_hears(OP1)

    async def missed() -> object:
        row = (await desk.duty())["op1"]
        return row["missed"], row["paused"]

    await holds(missed, (0, None))


async def test_killed_service_finds_duty_as_it_was(desk: Desk) -> None:
    await desk.act("op1", "leave")
    await desk.act("op2", "pause")
    before = await desk.duty()
    await desk.centre.kill_service()
    await desk.centre.start_service()
    assert await desk.duty() == before
    await desk.until_members({"op2": True, "op3": False})


async def test_feature_code_while_the_service_is_away_counts_when_it_is_back(desk: Desk) -> None:
    await desk.centre.kill_service()
    try:
        await desk.dialled(desk.op1, LEAVE)
        assert await desk.members() == {"op2": False, "op3": False}
    finally:
        await desk.centre.start_service()

    async def shown() -> tuple[object, ...]:
        row = (await desk.duty())["op1"]
        return row["presence"], row["on_duty"], row["changed_by"]

    await holds(shown, ("left", False, "op1 (phone)"))
    await desk.until_members({"op2": False, "op3": False})


async def test_pbx_that_comes_back_has_the_members_of_now(desk: Desk) -> None:
    await desk.act("op1", "leave")
    await desk.centre.pbx.stop()
    try:
        # What is done meanwhile is what counts, not what the PBX remembers.
        row = await desk.act("op1", "join")
        assert row["rung"]
        await desk.act("op2", "pause")
    finally:
        await desk.centre.pbx.start()
    await desk.until_members({"op1": False, "op2": True, "op3": False}, within=BACK_S)
    # The telephones need not log in anew: the PBX remembers where they are, and asks them whether they live.
    await holds(lambda: desk.can_be_rung("op1"), True, within=BACK_S)
    call = await desk.wants_operator()
    operator = await desk.rings(desk.op1)
    await talk(call, operator, CALLER, OP1)


@pytest.mark.timeout(240)
async def test_members_follow_the_edge_of_a_shift(desk: Desk) -> None:
    edge = _next_minute()
    today, clock = edge.date().isoformat(), edge.strftime("%H:%M")
    every_day = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "00:00", "closes": "24:00"}
    until = {"name": {"id": "serah terima", "en": "hand-over"}, "date": today}
    before = [{"opens": "00:00", "closes": clock}] if clock != "00:00" else []
    one = {"key": "before", "name": "Regu A", "windows": [every_day], "exceptions": [until | {"hours": before}]}
    hours = [{"opens": clock, "closes": "24:00"}]
    two = {"key": "after", "name": "Regu B", "windows": [every_day], "exceptions": [until | {"hours": hours}]}
    for path, body in (
        ("schedules", one),
        ("schedules", two),
        ("shifts", {"key": "regu-a", "name": "Regu A", "schedule": "before", "operators": ["op1"]}),
        ("shifts", {"key": "regu-b", "name": "Regu B", "schedule": "after", "operators": ["op2"]}),
    ):
        status, _, answer = await desk.centre.ask("POST", f"/api/v1/{path}", body)
        assert status == 201, answer
    await _publish(desk, {"members": ["op3"], "shifts": ["regu-a", "regu-b"]})
    rung = len(desk.op1.calls)
    try:
        # What they had set by hand would outlast the publication.
        for operator in ("op1", "op2"):
            await desk.act(operator, "resume")
        rows = await desk.duty()
        assert (rows["op1"]["rostered"], rows["op2"]["rostered"]) == (True, False)
        await desk.act("op2", "leave")
        await desk.until_members({"op1": False, "op3": False})
        assert datetime.fromisoformat((await desk.duty())["op2"]["until"]) == edge
        await desk.act("op1", "leave")
        await asyncio.sleep(max(0.0, edge.timestamp() - datetime.now(edge.tzinfo).timestamp()))
        await desk.until_members({"op2": False, "op3": False})
        rows = await desk.duty()
        assert (rows["op2"]["presence"], rows["op2"]["rung"], rows["op1"]["rung"]) == ("roster", True, False)
        call = await desk.wants_operator()
        taken = await desk.rings(desk.op2)
        await talk(call, taken, CALLER, OP2)
        assert len(desk.op1.calls) == rung
    finally:
        await _publish(desk, {"members": ["op1", "op2", "op3"], "shifts": []})


def _next_minute() -> datetime:
    """Return the full minute that comes next, but not within AHEAD_S."""
    soonest = datetime.now(ZoneInfo(ZONE)) + timedelta(seconds=AHEAD_S)
    return soonest.replace(second=0, microsecond=0) + timedelta(minutes=1)


async def _publish(desk: Desk, group: dict[str, Any]) -> None:
    _, etag, _ = await desk.centre.ask("GET", "/api/v1/ring-groups/operators")
    status, _, answer = await desk.centre.ask("PATCH", "/api/v1/ring-groups/operators", group, etag=etag)
    assert status == 200, answer
    _, etag, _ = await desk.centre.ask("GET", "/api/v1/draft")
    status, _, answer = await desk.centre.ask("POST", "/api/v1/draft/publish", {"why": "regu"}, etag=etag)
    assert status == 200, answer
