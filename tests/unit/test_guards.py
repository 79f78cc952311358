"""A defect in what only counts, tidies or reports ends neither a call's consultation nor the service."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from callrouter.calls.session import Exit
from callrouter.storage.figures_daily import FigureDays
from callrouter.wiring.calls import Calls


def calls(**parts: Any) -> Calls:
    made = Calls.__new__(Calls)
    made.__dict__.update(parts)
    return made


async def test_call_whose_counting_fails_is_consulted_for_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    came = SimpleNamespace(call=uuid4(), trunk="telco")
    monkeypatch.setattr("callrouter.wiring.calls.arrival", lambda *_: came)
    monkeypatch.setattr("callrouter.wiring.calls.invite_with_location", lambda _: "")
    served: list[object] = []

    async def serve(opened: object, *_: object) -> Exit:
        served.append(opened)
        return Exit.CALLER_GONE

    def counted(_opened: object) -> None:
        raise KeyError("a defect")

    session: Any = SimpleNamespace(args=(), env={})
    await calls(_came=counted, sessions=SimpleNamespace(serve=serve))._serve(session)
    assert served == [came]


async def test_leg_that_cannot_be_freed_keeps_no_other_from_being_freed() -> None:
    freed: asyncio.Queue[str] = asyncio.Queue()
    legs: asyncio.Queue[str] = asyncio.Queue()

    async def action(_name: str, *, Channel: str, Cause: str) -> None:  # noqa: N803
        assert Cause == "16"
        if Channel == "bad":
            raise ValueError("a line end")
        freed.put_nowait(Channel)

    links = SimpleNamespace(hands=SimpleNamespace(action=action))
    freeing = asyncio.create_task(calls(_to_free=legs, _links=links)._free())
    for one in ("bad", "PJSIP/op1-00000001"):
        legs.put_nowait(one)
    async with asyncio.timeout(30):
        assert await freed.get() == "PJSIP/op1-00000001"
    freeing.cancel()
    await asyncio.gather(freeing, return_exceptions=True)


async def test_defect_in_making_a_day_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = asyncio.Semaphore(0)

    async def sleep(_seconds: float) -> None:
        slept.release()
        await asyncio.sleep(0.001)

    async def look() -> None:
        raise KeyError("a defect")

    database: Any = None
    days = FigureDays(database, sleep=sleep)
    monkeypatch.setattr(days, "look", look)
    running = asyncio.create_task(days.run())
    async with asyncio.timeout(30):
        for _ in range(2):
            await slept.acquire()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
