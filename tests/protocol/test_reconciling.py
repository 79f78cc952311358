"""Calls are judged by what the PBX says of them, and by nothing less: cut, stalled and garbled answers judge none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from callrouter.asterisk.ami import AmiLink, AmiRefused, AmiUnavailable
from callrouter.asterisk.living import living_calls
from callrouter.calls import reconcile
from callrouter.calls.reconcile import Look, OpenCall, Reconciler, Unseen
from callrouter.calls.records import Ended
from callrouter.clock import SystemClock
from tests.protocol.peers import FakeManager, packet, says, silent, until

DEAD, LIVING = uuid4(), uuid4()
ANSWER = "Response: Success\nActionID: {id}\nEventList: start\nMessage: Channel status will follow"
COMPLETE = "Event: StatusComplete\nActionID: {id}\nEventList: Complete\nListItems: 2\nItems: 2"


def channel(call: object, name: str = "PJSIP/trunk-telco-00000001") -> str:
    return f"Event: Status\nActionID: {{id}}\nChannel: {name}\nLinkedid: 1.1\nVariable: CR_CALL={call}"


LEG = channel("", "PJSIP/trunk-damkar-00000002")


@dataclass
class Kept:
    """Two calls without an end."""

    cuts: list[Ended] = field(default_factory=list)

    async def without_end(self, _node: str, _before: int, _limit: int) -> list[OpenCall]:
        gone = {end.call for end in self.cuts}
        return [OpenCall(call, "pbx1", 1) for call in (DEAD, LIVING) if call not in gone]

    async def cut(self, ends: Sequence[Ended]) -> None:
        self.cuts += ends


@contextlib.asynccontextmanager
async def reconciling(pbx: FakeManager) -> AsyncIterator[tuple[Kept, AmiLink, list[int]]]:
    """A link, a reconciler that looks by it after each login, and how often it asked."""
    kept, asked = Kept(), [0]

    async def look() -> Look:
        asked[0] += 1
        login = link.counters.logins
        try:
            status = await link.action("Status", listing="StatusComplete", within_s=1.0, Variables="CR_CALL")
        except (AmiUnavailable, AmiRefused) as error:
            raise Unseen(str(error)) from None
        return Look(2, living_calls(status), login)

    async def nothing_new() -> None:
        """The journal is read."""

    async def on_login() -> None:
        reconciler.logged_in()

    reconciler = Reconciler("pbx1", kept, look, nothing_new, tuple, SystemClock(), lambda: link.lost_at, grace_s=0.05)
    link = AmiLink(
        host="127.0.0.1",
        port=pbx.port,
        username="hands",
        secret="secret",
        name="hands",
        on_event=lambda _event: None,
        on_login=on_login,
        ping_s=0.1,
        dead_s=2.0,
        backoff=(0.02, 0.1),
    )
    tasks = [asyncio.create_task(link.run()), asyncio.create_task(reconciler.run())]
    try:
        yield kept, link, asked
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "RETRY_S", 0.02)


@pytest.fixture
async def pbx() -> AsyncIterator[FakeManager]:
    async with FakeManager() as manager:
        yield manager


def well(pbx: FakeManager) -> None:
    pbx.replies["status"] = says(ANSWER, channel(LIVING), LEG, COMPLETE)


async def judged(kept: Kept) -> list[UUID]:
    assert await until(lambda: bool(kept.cuts))
    return [end.call for end in kept.cuts]


async def test_call_that_has_a_channel_lives_and_one_that_has_none_is_cut(pbx: FakeManager) -> None:
    well(pbx)
    async with reconciling(pbx) as (kept, _link, _asked):
        assert await judged(kept) == [DEAD]


@pytest.mark.parametrize(
    "messages",
    [
        (ANSWER, channel(LIVING)),  # the list does not end
        (ANSWER, channel("garbage"), COMPLETE),
        (ANSWER, channel(LIVING), channel(str(DEAD)[:-1]), COMPLETE),
        ("Response: Error\nActionID: {id}\nMessage: Permission denied",),
    ],
)
async def test_answer_that_is_not_whole_or_not_understood_judges_no_call(
    pbx: FakeManager, messages: tuple[str, ...]
) -> None:
    pbx.replies["status"] = says(*messages)
    async with reconciling(pbx) as (kept, _link, asked):
        assert await until(lambda: asked[0] >= 3)
        assert kept.cuts == []
        well(pbx)
        assert await judged(kept) == [DEAD]


async def test_stalled_pbx_judges_no_call(pbx: FakeManager) -> None:
    pbx.replies["status"] = silent
    async with reconciling(pbx) as (kept, _link, asked):
        assert await until(lambda: asked[0] >= 2)
        assert kept.cuts == []
        well(pbx)
        assert await judged(kept) == [DEAD]


async def test_link_that_is_cut_between_two_looks_judges_no_call_by_them(pbx: FakeManager) -> None:
    def cut_after(number: str) -> bytes:
        asyncio.get_running_loop().call_later(0.01, pbx.drop)
        return packet(*(message.replace("{id}", number) for message in (ANSWER, COMPLETE)))

    pbx.replies["status"] = cut_after
    async with reconciling(pbx) as (kept, link, asked):
        assert await until(lambda: link.counters.logins >= 3 and asked[0] >= 3)
        assert kept.cuts == []
        assert link.lost_at is not None
        well(pbx)
        assert await judged(kept) == [DEAD]


async def test_garbage_on_the_link_judges_no_call(pbx: FakeManager) -> None:
    def garbage(_number: str) -> bytes:
        return b"\x00\xff" * 1_000 + b"\r\n\r\n"

    pbx.replies["status"] = garbage
    async with reconciling(pbx) as (kept, _link, asked):
        assert await until(lambda: asked[0] >= 2)
        assert kept.cuts == []
        well(pbx)
        assert await judged(kept) == [DEAD]
