"""The PBX killed with calls in it: they are shown as cut, stand on the list of calls back, and the next is served."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from callrouter.calls.reconcile import GRACE_S
from demo.softphone import PhoneCall
from tests.pbx.rig import CALLER, DAMKAR, Rig, talk, telephones
from tests.pbx.tables import table
from tests.pbx.test_agency import call_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

LISTED_S, SERVED_S = 60, 30
"""After the PBX is back: calls that it cut are on the list; the first new call is served.

However busy the machine is: what is promised is measured by `make chaos`.
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def restarting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    async with telephones(tmp_path_factory.mktemp("restarts"), table()) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def rig(restarting: Rig) -> AsyncIterator[Rig]:
    await restarting.reset()
    yield restarting
    await restarting.centre.start_service()
    await restarting.settle()


async def three_calls(rig: Rig, number: str) -> dict[str, PhoneCall]:
    """Put one caller into the menu, one where his agency rings, one where he talks."""
    talking = await rig.press(f"{number}3", "1")
    agency = await rig.damkar.until_incoming()
    await talk(talking, agency, CALLER, DAMKAR)
    await rig.off(rig.bpbd)
    ringing = await rig.press(f"{number}2", "2")
    await rig.bpbd.until_incoming()
    menu = await rig.call(f"{number}1")
    return {"menu": menu, "agency": ringing, "talking": talking}


async def kill_pbx(rig: Rig) -> None:
    pbx = rig.centre.pbx
    assert pbx.pid is not None
    pbx.signal(signal.SIGKILL)
    await pbx.stop()  # waits for its end


async def callbacks(rig: Rig, number: str) -> list[dict[str, Any]]:
    status, page = await rig.centre.get("/api/v1/callbacks", limit="200")
    assert status == 200, page
    return [item for item in page["items"] if str(item["number"]).startswith(number)]


async def until_listed(rig: Rig, number: str, count: int, within: float) -> list[dict[str, Any]]:
    end = time.monotonic() + within
    while len(found := await callbacks(rig, number)) < count:
        assert time.monotonic() < end, f"only {found} after {within} s"
        await asyncio.sleep(0.2)
    return found


async def forget_calls(rig: Rig) -> None:
    """The telephones give up their calls, of which the new PBX knows nothing."""
    await rig.settle()
    await rig.reset()


async def served(rig: Rig, number: str) -> None:
    """A new call reaches its agency."""
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    incident = await rig.centre.incident_of(number)
    assert (incident["outcome"], call_of(incident)["path"]) == ("talked", "service")


async def judged(rig: Rig, number: str, known_by: set[str]) -> None:
    found = await until_listed(rig, number, 3, LISTED_S)
    assert {item["number"]: item["reason"] for item in found} == {f"{number}{n}": "cut" for n in (1, 2, 3)}
    incidents = await rig.centre.incidents(*(f"{number}{n}" for n in (1, 2, 3)))
    assert sorted(i["caller_number"] for i in incidents) == [f"{number}{n}" for n in (1, 2, 3)]
    for incident in incidents:
        stored = call_of(incident)
        assert (incident["outcome"], incident["callback"]) == ("cut", True)
        assert stored["cause"] in known_by
        assert stored["ended_at"] > stored["opened_at"]


async def test_calls_of_a_killed_pbx_are_cut_and_listed_and_the_next_is_served(rig: Rig, number: str) -> None:
    await three_calls(rig, number)
    service = rig.centre.service_pid
    await kill_pbx(rig)
    await rig.centre.pbx.start()
    back = time.monotonic()
    await forget_calls(rig)
    await served(rig, f"9{number}")
    assert time.monotonic() - back < SERVED_S
    await judged(rig, number, {"link_lost"})
    assert {item["number"]: item["stage"] for item in await callbacks(rig, number)} == {
        f"{number}{n}": stage for n, stage in ((1, "menu"), (2, "agency"), (3, "talking"))
    }
    assert time.monotonic() - back < LISTED_S
    assert rig.centre.service_pid == service
    await rig.until_live()


async def test_calls_of_a_pbx_that_was_killed_while_the_service_was_down_are_found_at_its_start(
    rig: Rig, number: str
) -> None:
    await three_calls(rig, number)
    await rig.centre.kill_service()
    await kill_pbx(rig)
    await rig.centre.pbx.start()
    await forget_calls(rig)
    await rig.centre.start_service()
    await judged(rig, number, {"pbx_started"})
    await served(rig, f"9{number}")


async def test_a_number_that_reaches_a_human_later_leaves_the_list(rig: Rig, number: str) -> None:
    call = await rig.call(number)
    await kill_pbx(rig)
    await rig.centre.pbx.start()
    await forget_calls(rig)
    assert call.ended
    assert [item["reason"] for item in await until_listed(rig, number, 1, LISTED_S)] == ["cut"]
    await served(rig, number)
    assert await callbacks(rig, number) == []


async def test_a_call_that_lives_through_a_restart_of_the_service_and_a_cut_link_is_not_cut(
    rig: Rig, number: str
) -> None:
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await rig.centre.kill_service()
    await rig.centre.start_service()
    # Longer than the grace: whoever judged it would have done so by now.
    judged_by = time.monotonic() + GRACE_S + 3
    await rig.until_live(number)
    while time.monotonic() < judged_by:
        (shown,) = await rig.centre.live()
        assert (shown["number"], shown["stage"]) == (number, "talking")
        await asyncio.sleep(0.2)
    await call.hangup()
    assert (await rig.centre.incident_of(number))["outcome"] == "talked"
    assert await callbacks(rig, number) == []
