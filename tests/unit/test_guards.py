"""A defect in what only counts, tidies or reports ends neither a call's consultation nor the service."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from callrouter.asterisk.handed import Handed
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
    given: Any = {"handed": Handed(), "_unsure": lambda: False, "sessions": SimpleNamespace(serve=serve)}
    await calls(_came=counted, **given)._serve(session)
    assert served == [came]


async def test_leg_that_cannot_be_freed_keeps_no_other_from_being_freed() -> None:
    freed: asyncio.Queue[str] = asyncio.Queue()
    legs = {"bad": 0.0, "PJSIP/op1-00000001": 0.0}
    freeing = asyncio.create_task(_freeing(legs, asyncio.Event(), freed))
    async with asyncio.timeout(30):
        assert await freed.get() == "PJSIP/op1-00000001"
    freeing.cancel()
    await asyncio.gather(freeing, return_exceptions=True)


async def test_leg_that_is_gone_before_its_turn_ends_nothing() -> None:
    freed: asyncio.Queue[str] = asyncio.Queue()
    legs: dict[str, float] = {}
    told = asyncio.Event()
    freeing = asyncio.create_task(_freeing(legs, told, freed))
    async with asyncio.timeout(30):
        for _ in range(2):  # each time of a leg that the PBX has ended by now
            told.set()
            while told.is_set():
                assert not freeing.done()
                await asyncio.sleep(0)
        legs["PJSIP/op1-00000001"] = 0.0
        told.set()
        assert await freed.get() == "PJSIP/op1-00000001"
    freeing.cancel()
    await asyncio.gather(freeing, return_exceptions=True)


async def _freeing(legs: dict[str, float], told: asyncio.Event, freed: asyncio.Queue[str]) -> None:
    """Free legs whose time has come; the one that is called bad cannot be named."""

    async def action(_name: str, *, Channel: str, Cause: str) -> None:  # noqa: N803
        assert Cause == "16"
        if Channel == "bad":
            raise ValueError("a line end")
        freed.put_nowait(Channel)

    links = SimpleNamespace(hands=SimpleNamespace(action=action))
    await calls(_to_free=legs, _some_to_free=told, _links=links)._free()


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
