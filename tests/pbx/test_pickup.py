"""Who picks up is told who calls when his telephone rings: on a real PBX, over the real stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from demo.softphone import NET_S
from tests.api.listening import Told, blocks
from tests.pbx.rig import CALLER, OP1, Rig, talk

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Heard:
    """What a listener of a centre has heard so far."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self._more = asyncio.Condition()

    async def take(self, response: aiohttp.ClientResponse) -> None:
        async for told in blocks(response):
            async with self._more:
                self.told.append(told)
                self._more.notify_all()

    async def until(self, kind: str, key: str, wanted: Any) -> Any:
        """Return the value of the first event of this thing for which `wanted` holds."""

        def found() -> list[Any]:
            return [t.data["value"] for t in self.told if t.event == kind and t.data["key"] == key]

        async with asyncio.timeout(NET_S), self._more:
            await self._more.wait_for(lambda: any(wanted(value) for value in found()))
        return next(value for value in found() if wanted(value))


@asynccontextmanager
async def listening(rig: Rig) -> AsyncIterator[Heard]:
    """Listen to everything as this machine's admin."""
    settings = rig.centre.settings
    headers = {"Authorization": f"Bearer {settings.cli_token_file.read_text()}"}
    heard = Heard()
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=None)) as session:
        response = await session.get(f"http://127.0.0.1:{settings.api_port}/api/v1/events")
        assert response.status == 200
        taking = asyncio.create_task(heard.take(response))
        try:
            yield heard
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
            response.close()


async def test_the_card_is_told_while_the_telephone_rings_and_taken_back_after_the_talk(
    rig: Rig, number: str
) -> None:
    await rig.on_duty(rig.op1)
    before = await rig.press(number, "0")
    await talk(before, await rig.op1.until_incoming(), CALLER, OP1)
    await before.hangup()
    earlier = await rig.centre.incident_of(number)
    async with listening(rig) as heard:
        call = await rig.press(number, "0")
        operator = await rig.op1.until_incoming()
        card = await heard.until("pickup", "op1", lambda value: value and value["complete"])
        assert card["earlier_calls"] == 1
        assert [past["incident"] for past in card["last_calls"]] == [earlier["id"]]
        assert card["number"]["raw"].endswith(number[-2:])
        same = card["call"]["call"]
        await talk(call, operator, CALLER, OP1)
        status, _, shown = await rig.centre.ask("GET", f"/api/v1/calls/{same}/caller")
        assert (status, shown["earlier_calls"]) == (200, 1)
        talking = await heard.until("call", same, lambda value: value and value["stage"] == "talking")
        assert talking["with_whom"] == ["op1"]
        await call.hangup()
        assert await heard.until("pickup", "op1", lambda value: value is None) is None
        assert await heard.until("call", same, lambda value: value is None) is None
        ended = await heard.until(
            "incident", card["call"]["incident"], lambda value: value and value["outcome"] == "talked"
        )
        assert ended["state"] == "with_operator"
    status, _, shown = await rig.centre.ask("GET", f"/api/v1/calls/{same}/caller")
    assert (status, shown["call"]["call"], shown["earlier_calls"]) == (200, same, 1)


async def test_duty_is_told_when_it_changes(rig: Rig) -> None:
    await rig.on_duty(rig.op1)
    async with listening(rig) as heard:
        status, _, _ = await rig.centre.ask("POST", "/api/v1/duty/op1", {"act": "pause"})
        assert status == 200
        await heard.until("operator", "op1", lambda value: value and not value["rung"])
        await rig.centre.ask("POST", "/api/v1/duty/op1", {"act": "resume"})
        await heard.until("operator", "op1", lambda value: value and value["rung"])
