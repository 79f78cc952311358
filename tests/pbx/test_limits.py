"""Channel limits: a trunk's, both ways, and a contact's. A call too many is in its next step; none is refused."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio

from demo.softphone import NET_S, PhoneCall, Reject, RingOnly
from tests.pbx.rig import (
    BPBD,
    CALLER,
    DAMKAR,
    SELULER,
    Rig,
    fresh,
    talk,
    telephones,
)
from tests.pbx.tables import table
from tests.pbx.test_agency import call_of, results

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT = 2
"""Calls that the trunk of the fire service carries at once."""
AT_ONCE_S = 4.0
"""Nobody was rung meanwhile, that takes 5 s; a busy machine may need a while for two lines of the dialplan."""


def narrow() -> dict[str, Any]:
    """Return the table with a narrow trunk, and with contacts that take one call at a time on wide ones."""
    given = table()
    trunks = {trunk["key"]: trunk for trunk in given["directory"]["trunks"]}
    trunks["damkar"]["channels"] = LIMIT
    trunks["telco"]["channels"] = 1
    agencies = {agency["key"]: agency for agency in given["directory"]["agencies"]}
    desk = {"key": "posko", "trunk": "bpbd", "number": "118", "max_calls": 1}
    agencies["bpbd"]["contacts"] += [desk]
    phone = {"key": "kades", "trunk": "seluler", "number": "08124", "confirm": True, "max_calls": 1}
    agencies["desa"]["contacts"] += [phone]
    routes = {route["key"]: route for route in given["routing"]["routes"]}

    def steps(*dials: tuple[str, ...]) -> list[dict[str, Any]]:
        rung = [{"kind": "dial", "targets": list(targets), "ring_s": 5, "announce": False} for targets in dials]
        return [*rung, {"kind": "ringgroup", "group": "operators", "wait_s": 3}]

    routes["fire"]["steps"] = steps(("damkar/piket",), ("bpbd/piket",))
    routes["flood"]["steps"] = steps(("bpbd/posko",), ("damkar/piket",))
    routes["village"]["steps"] = steps(("desa/kades",), ("bpbd/piket",))
    routes["light"]["steps"] = steps(("damkar/piket", "bpbd/piket"))
    return given


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phones(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """A centre with narrow trunks, and its telephones."""
    async with telephones(tmp_path_factory.mktemp("narrow"), narrow()) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def rig(phones: Rig) -> AsyncIterator[Rig]:
    """The telephones as they are at the beginning of a test; afterwards nothing may be left over in the PBX."""
    async with fresh(phones):
        yield phones
    assert "trunk" not in await phones.centre.pbx.rx("group show channels")


async def filled(rig: Rig, number: str) -> list[PhoneCall]:
    """Have as many callers talk with the fire service as its trunk carries."""
    calls = []
    for n in range(LIMIT):
        call = await rig.press(f"{number}{n}", "1")
        agency = await rig.damkar.until_incoming()
        await talk(call, agency, CALLER, DAMKAR)
        calls.append(call)
    return calls


def lasted(attempt: dict[str, Any]) -> float:
    """Return how long an attempt took, in seconds."""
    ended, begun = (datetime.fromisoformat(attempt[name]) for name in ("ended_at", "begun_at"))
    return (ended - begun).total_seconds()


async def test_call_above_the_limit_of_a_trunk_is_at_once_in_its_next_step(rig: Rig, number: str) -> None:
    first, *_ = await filled(rig, number)
    rung = len(rig.damkar.calls)
    call = await rig.press(number, "1")
    agency = await rig.bpbd.until_incoming()
    await talk(call, agency, CALLER, BPBD)
    assert len(rig.damkar.calls) == rung
    await call.hangup()
    incident = await rig.centre.incident_of(number)
    assert results(incident) == [("damkar/piket", "full"), ("bpbd/piket", "talked")]
    assert lasted(call_of(incident)["attempts"][0]) < AT_ONCE_S

    await first.hangup()
    await first.until_ended()
    again = await rig.press(f"{number}9", "1")
    agency = await rig.damkar.until_incoming()
    await talk(again, agency, CALLER, DAMKAR)


async def test_of_many_who_come_at_once_exactly_as_many_are_let_out_as_fit(rig: Rig, number: str) -> None:
    calls = await asyncio.gather(*(rig.call(f"{number}{n}") for n in range(6)))
    await asyncio.gather(*(call.digits("1", fast=True) for call in calls))
    heard = await asyncio.gather(*(_agency_of(call) for call in calls))
    assert Counter(heard) == {DAMKAR: LIMIT, BPBD: len(calls) - LIMIT}


async def _agency_of(call: PhoneCall) -> int:
    async with asyncio.timeout(NET_S):
        while not call.hearing & {DAMKAR, BPBD}:
            await asyncio.sleep(0.05)
    (tone,) = call.hearing & {DAMKAR, BPBD}
    return tone


async def test_call_that_comes_in_counts_and_is_never_refused_for_it(rig: Rig, number: str) -> None:
    calls = [await rig.damkar.dial(rig.centre.number, user=f"034177{n}") for n in range(LIMIT + 1)]
    for call in calls:
        await call.until_answered()
    call = await rig.press(number, "1")
    agency = await rig.bpbd.until_incoming()
    await talk(call, agency, CALLER, BPBD)
    await asyncio.gather(*(one.hangup() for one in (*calls, call)))
    assert results(await rig.centre.incident_of(number))[0] == ("damkar/piket", "full")


async def test_target_that_is_full_leaves_the_other_of_its_step_ringing(rig: Rig, number: str) -> None:
    await filled(rig, number)
    call = await rig.press(number, "5")
    agency = await rig.bpbd.until_incoming()
    await talk(call, agency, CALLER, BPBD)
    await call.hangup()
    assert results(await rig.centre.incident_of(number)) == [("damkar/piket+bpbd/piket", "talked")]


async def test_refusal_of_the_other_target_is_told_rather_than_that_one_was_full(rig: Rig, number: str) -> None:
    await filled(rig, number)
    await rig.bpbd.behave(Reject(486))
    call = await rig.press(number, "5")
    await call.until_hears_speech(since=time.monotonic() + 0.5)
    await call.hangup()
    assert results(await rig.centre.incident_of(number))[0] == ("damkar/piket+bpbd/piket", "busy")


async def test_contact_takes_no_more_calls_than_its_own_limit(rig: Rig, number: str) -> None:
    first = await rig.press(f"{number}1", "2")
    agency = await rig.bpbd.until_incoming()
    await talk(first, agency, CALLER, BPBD)
    second = await rig.press(number, "2")
    other = await rig.damkar.until_incoming()
    await talk(second, other, CALLER, DAMKAR)
    # Another number of the same trunk is another contact.
    third = await rig.press(f"{number}3", "5")
    same_trunk = await rig.bpbd.until_incoming()
    await asyncio.gather(first.hangup(), second.hangup(), third.hangup())
    await same_trunk.until_ended()
    assert results(await rig.centre.incident_of(number))[0] == ("bpbd/posko", "full")


async def test_who_must_press_one_is_counted_while_he_rings(rig: Rig, number: str) -> None:
    await rig.seluler.behave(RingOnly())
    first = await rig.press(f"{number}1", "4")
    ringing = await rig.seluler.until_incoming()
    second = await rig.press(number, "4")
    agency = await rig.bpbd.until_incoming()
    await talk(second, agency, CALLER, BPBD)
    assert len(rig.seluler.calls) == 1
    await ringing.answer()
    await ringing.until_hears_speech()
    await ringing.digits("1")
    await talk(first, ringing, CALLER, SELULER)
    await asyncio.gather(first.hangup(), second.hangup())
    incident = await rig.centre.incident_of(number)
    assert results(incident)[0] == ("desa/kades", "full")
    assert lasted(call_of(incident)["attempts"][0]) < AT_ONCE_S
