"""Callers who are called back, what callers are told for a while, and a posture that leads them elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from demo.addresses import SIP_PORT
from demo.centre import Centre
from demo.clips import write_hum
from demo.softphone import NET_S, Answer, Softphone
from tests.pbx.ground import header
from tests.pbx.rig import DAMKAR, OP1, SHORT_TIMERS, short_clips, unexpected
from tests.pbx.tables import table
from tests.pbx.wirephone import WireCall, WirePhone

pytestmark = pytest.mark.asyncio(loop_scope="session")

CITIZEN, BANNER = 600, 2450
PRESENTED = "0341112"
_numbers = count(1)


def given_table() -> dict[str, Any]:
    """Return a table whose carrier presents a number, and that sends floods elsewhere once the posture is red."""
    made = table()
    for trunk in made["directory"]["trunks"]:
        if trunk["key"] == "telco":
            trunk["presented_number"] = PRESENTED
        if trunk["key"] in {"early", "seluler"}:
            trunk["enabled"] = False
    flood = {"category": ["flood"], "posture": ["red"]}
    steps = [
        {"kind": "dial", "targets": ["damkar/piket"], "ring_s": 5, "announce": True},
        {"kind": "ringgroup", "group": "operators", "wait_s": 3},
    ]
    made["routing"]["routes"].append({"key": "flood-red", "priority": 95, "when": flood, "steps": steps})
    made["routing"]["static_numbers"] = [{"trunk": "telco", "number": "08119"}]
    return made


class Citizen(WirePhone):
    """A citizen's telephone behind the carrier, with whatever number it is given; it may be engaged."""

    engaged = False
    away = False
    """It rings, and nobody answers."""

    def _take(self, text: str, addr: tuple[str, int]) -> None:
        super()._take(text, addr)
        if text.startswith("CANCEL "):
            self._reply("487 Request Terminated", self.invites[-1], addr, to=f"{header(text, 'To')};tag=away")

    def _invited(self, text: str, addr: tuple[str, int], call: WireCall | None) -> None:
        if call is None and self.engaged:
            self.invites.append(text)
            self._reply("486 Busy Here", text, addr, to=f"{header(text, 'To')};tag=busy")
            return
        if call is None:
            self.invites.append(text)
        if self.away:
            self._reply("180 Ringing", text, addr, to=f"{header(text, 'To')};tag=away")
            return
        super()._invited(text, addr, call)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.invites: list[str] = []


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    folder: Path = tmp_path_factory.mktemp("supervised")
    short_clips(folder / "state" / "recorded", given_table())
    async with Centre(folder, given_table(), timers=SHORT_TIMERS) as running:
        yield running
        # Of a telephone that is not there the PBX complains.
        assert [line for line in unexpected(running.pbx.complaints()) if "'op2'" not in line] == []


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def op1(centre: Centre) -> Softphone:
    phone = await centre.operator("op1", OP1)
    await phone.behave(Answer(0.1))
    return phone


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def damkar(centre: Centre) -> Softphone:
    phone = await centre.phone("damkar", DAMKAR)
    await phone.behave(Answer(0.1))
    return phone


@pytest_asyncio.fixture(loop_scope="session")
async def telco(centre: Centre) -> AsyncIterator[Softphone]:
    async with Softphone("telco", tone_hz=CITIZEN, host=centre.trunk_hosts["telco"], port=SIP_PORT) as phone:
        yield phone


@asynccontextmanager
async def citizen(centre: Centre, number: str) -> AsyncIterator[Citizen]:
    phone = Citizen(centre.trunk_hosts["telco"], centre.settings.sip_host, number, tone_hz=CITIZEN)
    async with phone.plugged():
        yield phone


@pytest.fixture
def number() -> str:
    return f"0815{next(_numbers):08d}"


async def lost_call(centre: Centre, phone: Citizen) -> str:
    """Call 112, hang up in the menu, and return the incident, which is on the list."""
    status, call = await phone.call()
    assert status == 200
    await call.hangup()
    incident: str = (await centre.incident_of(phone.user))["id"]
    assert phone.user in await listed(centre)
    return incident


async def listed(centre: Centre) -> dict[str, dict[str, Any]]:
    """Return the list by what the supervisor is shown of the numbers."""
    token = await supervisor(centre)
    status, _, page = await centre.ask("GET", "/api/v1/callbacks", token=token)
    assert status == 200
    return {item["number"]: item for item in page["items"]}


async def supervisor(centre: Centre) -> str:
    """Return a token that shows numbers."""
    if not hasattr(centre, "supervisor_token"):
        order = {"name": "sup-1", "role": "supervisor", "days": 1}
        status, _, made = await centre.ask("POST", "/api/v1/tokens", order)
        assert status == 201, made
        centre.supervisor_token = made["token"]  # type: ignore[attr-defined]
    token: str = centre.supervisor_token  # type: ignore[attr-defined]
    return token


async def call_back(centre: Centre, incident: str, operator: str = "op1") -> tuple[int, Any]:
    status, _, body = await centre.ask("POST", f"/api/v1/callbacks/{incident}/call", {"operator": operator})
    return status, body


async def ended(centre: Centre, incident: str, n: int = 1) -> dict[str, Any]:
    """Return the newest of the caller's `n` tries, once all are over."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(NET_S):
        while len(found) < n or any(one["outcome"] is None for one in found):
            await asyncio.sleep(0.05)
            _, body = await centre.get(f"/api/v1/callbacks/{incident}/tries")
            found = body["items"]
    assert len(found) == n
    newest: dict[str, Any] = found[0]
    return newest


async def test_operator_is_rung_then_the_caller_with_the_priority_of_a_call_back_and_the_centres_number(
    centre: Centre, op1: Softphone, number: str
) -> None:
    async with citizen(centre, number) as phone:
        incident = await lost_call(centre, phone)
        before = len(await centre.incidents())
        op1.forget()
        status, begun = await call_back(centre, incident)
        assert (status, begun["outcome"], begun["operator"]) == (202, None, "op1")
        operator = await op1.until_incoming()
        back = await phone.until_incoming()
        (invite,) = phone.invites
        assert header(invite, "Priority") == "psap-callback"
        assert f"sip:{PRESENTED}@" in header(invite, "From")
        assert invite.startswith(f"INVITE sip:{number}@")
        await operator.until_hears(CITIZEN)
        # Nobody else rings him meanwhile, and he is off the list while he talks.
        assert (await call_back(centre, incident))[0] == 409
        await asyncio.sleep(1.2)  # so long they talk: less is no talk (SHORT_TIMERS)
        await back.hangup()
        tried = await ended(centre, incident)
    assert (tried["outcome"], tried["trunk"]) == ("talked", "telco")
    assert tried["asked_at"] <= tried["operator_at"] <= tried["answered_at"] <= tried["ended_at"]
    assert number not in await listed(centre)
    assert len(await centre.incidents()) == before
    _, told = await centre.get(f"/api/v1/incidents/{incident}")
    assert [e["data"]["what"] for e in told["timeline"] if e["kind"] == "callback"] == ["asked", "answered", "ended"]
    period = {"from": told["opened_at"], "to": soon(60)}
    _, figures = await centre.get("/api/v1/callbacks/figures", **period)
    assert (figures["lost"], figures["by_callback"], figures["share"]) == (1, 1, 100.0)
    assert figures["within"][0] == {"minutes": 5, "by_callback": 1, "by_calling": 0}


async def test_caller_who_is_engaged_stays_on_the_list_with_his_tries_as_one_entry(
    centre: Centre, op1: Softphone, number: str
) -> None:
    async with citizen(centre, number) as phone:
        incident = await lost_call(centre, phone)
        phone.engaged = True
        for n in (1, 2):
            op1.forget()
            assert (await call_back(centre, incident))[0] == 202
            operator = await op1.until_incoming()
            tried = await ended(centre, incident, n)
            assert (tried["outcome"], tried["cause"]) == ("busy", "SIP 486 Busy Here")
            await operator.until_ended()
    entry = (await listed(centre))[number]
    assert (entry["calls"], entry["tries"], entry["tried"], entry["held_by"]) == (1, 2, "busy", None)


async def test_operator_hears_ringing_until_nobody_answers_or_he_hangs_up_himself(
    centre: Centre, op1: Softphone, number: str
) -> None:
    async with citizen(centre, number) as phone:
        incident = await lost_call(centre, phone)
        phone.away = True
        for n, outcome in ((1, "noanswer"), (2, "left")):
            op1.forget()
            assert (await call_back(centre, incident))[0] == 202
            operator = await op1.until_incoming()
            await operator.until_hears_speech()
            if outcome == "left":
                await operator.hangup()
            tried = await ended(centre, incident, n)
            assert (tried["outcome"], tried["answered_at"]) == (outcome, None)
            await operator.until_ended()


async def test_operator_whose_telephone_is_not_there_is_told_of_as_away(centre: Centre, number: str) -> None:
    async with citizen(centre, number) as phone:
        incident = await lost_call(centre, phone)
        assert (await call_back(centre, incident, "op2"))[0] == 202
        assert (await ended(centre, incident))["outcome"] == "operator_away"
        assert phone.invites == []


async def test_try_under_which_the_service_is_killed_ends_as_it_went(
    centre: Centre, op1: Softphone, number: str
) -> None:
    async with citizen(centre, number) as phone:
        incident = await lost_call(centre, phone)
        op1.forget()
        assert (await call_back(centre, incident))[0] == 202
        back = await phone.until_incoming()
        operator = await op1.until_incoming()
        await operator.until_hears(CITIZEN)
        await centre.kill_service()
        await asyncio.sleep(1.2)  # so long they talk
        await back.hangup()
        await operator.until_ended()
        await centre.start_service()
        assert (await ended(centre, incident))["outcome"] == "talked"
    assert number not in await listed(centre)


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def announces(centre: Centre, number: str) -> list[tuple[str, str]]:
    """Return what stands of clips among what was tried for the number's newest call."""
    (call,) = (await centre.incident_of(number))["calls"]
    return [(a["label"], a["result"]) for a in call["attempts"] if a["kind"] == "announce"]


async def test_banner_is_heard_before_the_menu_until_its_end_and_stands_in_the_timeline(
    centre: Centre, telco: Softphone, damkar: Softphone
) -> None:
    for language in ("id", "en"):
        write_hum(centre.settings.prompts_dir / language / "gempa.wav", seconds=1.0, hz=BANNER)
    order = {"scope": "all", "clip": "gempa", "until": soon(3600), "reason": "gempa"}
    status, _, banner = await centre.ask("POST", "/api/v1/banners", order)
    assert status == 201, banner
    told = await telco.dial(centre.number, user="08160000001")
    await told.until_hears(BANNER)
    await told.digits("1")  # it is interrupted
    await told.until_hears(DAMKAR)
    await told.hangup()
    status, _, over = await centre.ask("DELETE", f"/api/v1/banners/{banner['id']}")
    assert (status, over["runs"]) == (200, False)
    plain = await telco.dial(centre.number, user="08160000002")
    await plain.until_hears_speech()
    await plain.digits("1")
    await plain.until_hears(DAMKAR)
    assert BANNER not in plain.report().heard
    await plain.hangup()
    assert await announces(centre, "08160000001") == [("gempa", "done")]
    assert await announces(centre, "08160000002") == []


async def test_banner_of_a_category_is_heard_by_who_chose_it_alone_and_ends_by_itself(
    centre: Centre, telco: Softphone, damkar: Softphone
) -> None:
    short = {"scope": "category", "key": "fire", "text_id": "Sudah tahu.", "until": soon(3600), "reason": "api"}
    status, _, banner = await centre.ask("POST", "/api/v1/banners", short)
    assert status == 201, banner
    for number, digit in (("08160000011", "1"), ("08160000012", "3")):
        call = await telco.dial(centre.number, user=number)
        await call.until_hears_speech()
        await call.digits(digit)
        if digit == "1":
            await call.until_hears(DAMKAR)
        else:
            await until_stage(centre, number, "operator")
        await call.hangup()
    assert await announces(centre, "08160000011") == [(banner["clip"], "done")]
    assert await announces(centre, "08160000012") == []
    await centre.ask("DELETE", f"/api/v1/banners/{banner['id']}")
    status, _, brief = await centre.ask("POST", "/api/v1/banners", short | {"until": soon(5)})
    assert status == 201, brief

    async def over() -> bool:
        _, page = await centre.get("/api/v1/banners")
        return not page["items"]

    async with asyncio.timeout(NET_S):
        while not await over():
            await asyncio.sleep(0.1)


async def until_stage(centre: Centre, number: str, stage: str) -> None:
    async with asyncio.timeout(NET_S):
        while not any(c["number"].endswith(number[-2:]) and c["stage"] == stage for c in await centre.live()):
            await asyncio.sleep(0.05)


async def test_posture_that_is_red_by_hand_leads_callers_elsewhere_and_outlives_a_restart(
    centre: Centre, telco: Softphone, damkar: Softphone
) -> None:
    order = {"posture": "red", "reason": "gempa", "until": soon(3600)}
    status, _, now = await centre.ask("PUT", "/api/v1/posture", order)
    assert (status, now["posture"], now["by_rate"]) == (200, "red", "green")
    await centre.stop_service()
    await centre.start_service()
    call = await telco.dial(centre.number, user="08160000021")
    await call.until_hears_speech()
    await call.digits("2")
    await call.until_hears(DAMKAR)
    await call.hangup()
    (seen,) = (await centre.incident_of("08160000021"))["calls"]
    assert (seen["route"], seen["facts"]["posture"]) == ("flood-red", "red")
    status, _, now = await centre.ask("DELETE", "/api/v1/posture")
    assert (status, now["posture"], now["by_hand"]) == (200, "green", None)
