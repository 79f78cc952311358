"""A caller goes to a neighbouring centre with his incident as JSON, and one comes with his from there."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from callrouter.agencies.signing import new_secret, signed
from demo.softphone import NET_S
from tests.pbx.hall import AGENCY, COUNTY
from tests.pbx.rig import CALLER, DAMKAR, OP1
from tests.pbx.test_agency import longest_silence_s, results
from tests.pbx.test_attack_transfer import NEIGHBOUR, Hall, hall, number, open_hall  # noqa: F401
from tests.pbx.test_recordings import closed, tones

pytestmark = pytest.mark.asyncio(loop_scope="module")

INCIDENTS = "/api/v1/incidents"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def built(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hall]:
    """As for transfers, in a centre that records, and that may send to this machine."""
    folder = tmp_path_factory.mktemp("neighbours")
    async with open_hall(folder, record=("operator", "agency"), notice_networks=("127.0.0.0/8",)) as opened:
        yield opened


@asynccontextmanager
async def their_system() -> AsyncIterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Run a receiver; yield where it is and what it was sent."""
    came: list[tuple[dict[str, str], bytes]] = []

    async def take(request: web.Request) -> web.Response:
        came.append((dict(request.headers), await request.read()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/api/v1/eido", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"{site.name}/api/v1/eido", came
    finally:
        await runner.cleanup()


async def entered(hall: Hall, url: str) -> str:  # noqa: F811
    """Enter the neighbouring centre as an agency of the directory; return the secret of its system."""
    agency = {
        "key": "kota",
        "name": {"id": "Kota sebelah", "en": "Next city"},
        "contacts": [{"key": "pusat", "trunk": "tetangga", "number": "112"}],
        "notices": [{"key": "sistem", "channel": "webhook", "url": url}],
    }
    status, _, said = await hall.centre.ask("PUT", "/api/v1/agencies/kota", agency, etag="*")
    if status == 404:
        status, _, said = await hall.centre.ask("POST", "/api/v1/agencies", agency)
    assert status in {200, 201}, said
    secret = new_secret()
    path = "/api/v1/agencies/kota/notices/sistem/secret"
    assert (await hall.centre.ask("PUT", path, {"secret": secret}))[0] == 204
    return secret


async def test_caller_and_incident_go_to_the_neighbouring_centre(hall: Hall, number: str) -> None:  # noqa: F811
    async with their_system() as (url, came):
        secret = await entered(hall, url)
        tokens = hall.centre.settings.secrets_dir / "neighbours"
        tokens.mkdir(mode=0o700, exist_ok=True)
        (tokens / "kota.token").write_text("what-they-gave-us\n")
        call, _ = await hall.with_operator(number)
        (incident,) = await hall.centre.incidents(number)
        status, _, made = await hall.centre.ask(
            "POST", f"{INCIDENTS}/{incident['id']}/handover", {"neighbour": "kota", "text": "seberang batas"}
        )
        assert status == 200, made
        there = await hall.neighbour.until_incoming()
        assert f"X-Callrouter-Incident: {incident['id']}\r\n" in there.invite
        assert "X-Callrouter-Hops: 1\r\n" in there.invite
        joined = await call.until_hears(NEIGHBOUR)
        assert longest_silence_s(call, joined) < 2.5
        async with asyncio.timeout(NET_S):
            while not came:
                await asyncio.sleep(0.05)
        headers, body = came[0]
        proof = signed(secret, headers["webhook-id"], int(headers["webhook-timestamp"]), body)
        assert headers["webhook-signature"] == proof["webhook-signature"]
        assert headers["Authorization"] == "Bearer what-they-gave-us"
        assert headers["webhook-id"] == made["notice"]
        document = json.loads(body)
        assert document["$id"].split(":")[4] == incident["id"]
        assert document["x-callrouter"]["number"] == incident["number"]
        assert document["callbackComponent"][0]["callBackInformationUri"][0].endswith(number[-6:])
        await call.hangup()
    ended = await hall.one_incident(number)
    assert results(ended) == [("operators", "talked"), ("tetangga/112", "talked")]
    kinds = [entry["kind"] for entry in ended["timeline"]]
    assert "handed_over" in kinds
    async with asyncio.timeout(NET_S):
        while (steps := notices(ended)) == ["queued"]:  # they have it: that they do is written behind their answer
            await asyncio.sleep(0.05)
            ended = await hall.one_incident(number)
    assert steps == ["queued", "delivered"]


def notices(incident: dict[str, Any]) -> list[str]:
    """Return what the timeline tells of notices."""
    return [entry["data"]["step"] for entry in incident["timeline"] if entry["kind"] == "notice"]


async def test_another_centre_to_which_the_caller_goes_later_is_not_told_of_the_incident(
    hall: Hall,  # noqa: F811
    number: str,  # noqa: F811
) -> None:
    async with their_system() as (url, _):
        await entered(hall, url)
        call, _ = await hall.with_operator(number)
        (incident,) = await hall.centre.incidents(number)
        path = f"{INCIDENTS}/{incident['id']}/handover"
        assert (await hall.centre.ask("POST", path, {"neighbour": "kota"}))[0] == 200
        there = await hall.neighbour.until_incoming()
        await call.until_hears(NEIGHBOUR)
        assert f"X-Callrouter-Incident: {incident['id']}\r\n" in there.invite
        await asyncio.sleep(hall.centre.settings.timers.short_talk_s)  # a talk, not a line that fell at once
        hall.op1.calls.clear()
        await there.hangup()
        await call.until_hears_speech(since=time.monotonic())  # 0 for an operator
        await call.digits("0")
        operator = await hall.op1.until_incoming()
        await call.until_hears(OP1, since=time.monotonic())
        assert await operator.refer(hall.where("kabupaten")) == 200
        next_one = await hall.county.until_incoming()
        await call.until_hears(COUNTY)
        assert "X-Callrouter-Hops: 1\r\n" in next_one.invite
        assert "x-callrouter-incident" not in next_one.invite.lower()
        await call.hangup()
    tried = results(await hall.one_incident(number))
    assert [label for label, _ in tried] == ["operators", "tetangga/112", "operators", "kabupaten/112"]
    assert {result for _, result in tried} == {"talked"}


async def test_incident_without_a_caller_goes_as_a_document_alone(hall: Hall) -> None:  # noqa: F811
    async with their_system() as (url, came):
        await entered(hall, url)
        _, _, opened = await hall.centre.ask("POST", INCIDENTS, {"place": "Jembatan batas kota"})
        path = f"{INCIDENTS}/{opened['id']}/handover"
        status, _, made = await hall.centre.ask("POST", path, {"neighbour": "kota"})
        assert (status, made["call"]) == (200, None)
        async with asyncio.timeout(NET_S):
            while not came:
                await asyncio.sleep(0.05)
        assert json.loads(came[0][1])["x-callrouter"]["place"] == "Jembatan batas kota"
        status, _, problem = await hall.centre.ask("POST", path, {"neighbour": "damkar"})
        assert (status, problem["code"]) == (422, "body_invalid")


@pytest.mark.parametrize("document_first", [True, False], ids=["document first", "call first"])
async def test_call_of_a_neighbour_is_joined_with_its_document(hall: Hall, document_first: bool) -> None:  # noqa: F811
    await entered(hall, "http://127.0.0.1:9/api/v1/eido")
    order = {"name": "kota-1", "role": "agency", "subject": "kota", "days": 1}
    _, _, given = await hall.centre.ask("POST", "/api/v1/tokens", order)
    theirs = f"4711-{document_first}".lower()
    document: dict[str, Any] = {
        "$id": f"urn:emergency:uid:incidentid:{theirs}:kota.example",
        "eidoVersion": "1.0",
        "incidentComponent": [{"incidentTypeInternalCode": "fire"}],
        "x-callrouter": {"place": "Pasar kota", "people_hurt": 3},
    }

    async def sent() -> Any:
        status, _, said = await hall.centre.ask("POST", "/api/v1/eido", document, token=given["token"])
        assert status == 200, said
        return said

    said = await sent() if document_first else {}
    status, call = await hall.neighbour.call(more=f"X-Callrouter-Incident: {theirs}\r\n")
    assert status == 200
    await hall.damkar.until_incoming()  # whom this table has for neighbours' calls
    said = said or await sent()
    assert (await sent()) == {"incident": said["incident"], "opened": False}
    target: dict[str, Any] = {}
    async with asyncio.timeout(NET_S):
        while not target.get("merged"):
            _, target = await hall.centre.get(f"{INCIDENTS}/{said['incident']}")
            await asyncio.sleep(0.1)
    await call.hangup()
    assert (target["origin"], target["category"], target["place"]) == ("neighbour", "fire", "Pasar kota")
    _, own = await hall.centre.get(f"{INCIDENTS}/{target['merged'][0]['id']}")
    assert (own["state"], own["calls"][0]["trunk"]) == ("merged", "tetangga")
    token = (await supervisor(hall))["token"]
    status, _, originals = await hall.centre.ask("GET", f"{INCIDENTS}/{said['incident']}/eido/originals", token=token)
    assert (status, [one["document"] for one in originals["items"]]) == (200, [document])


async def supervisor(hall: Hall) -> Any:  # noqa: F811
    """Return a new token of a supervisor."""
    return (await hall.centre.ask("POST", "/api/v1/tokens", {"name": "sv", "role": "supervisor", "days": 1}))[2]


async def test_what_is_no_name_of_an_incident_changes_nothing_of_the_call(hall: Hall) -> None:  # noqa: F811
    for sent in ("):0:1", "${SHELL(id)}", "a|b=c", "x" * 300):
        status, call = await hall.neighbour.call(more=f"X-Callrouter-Incident: {sent}\r\n")
        assert status == 200
        await call.hangup()
    files = hall.centre.settings.journal_dir.glob("*.log")
    lines = [line for file in files for line in file.read_text().splitlines() if "|origin=neighbour|" in line]
    named = [line.rpartition("|handed=")[2] for line in lines if "|opened|" in line]
    assert {name for name in named if not re.fullmatch("[-0-9A-Za-z]{0,64}", name)} == set()
    assert named[-4:] == ["", "SHELLid", "abc", "x" * 64]
    _, aside = await hall.centre.get("/api/v1/journal/set-aside")
    assert aside["total"] == 0


async def test_agencies_that_are_added_are_recorded_with_all_who_talk(hall: Hall, number: str) -> None:  # noqa: F811
    call, operator = await hall.with_operator(number)
    path = f"/api/v1/calls/{(await hall.live(number))['call']}/parties"
    asked = await asyncio.gather(*(hall.centre.ask("POST", path, {"agency": key}) for key in ("damkar", "sipp")))
    assert [status for status, _, _ in asked] == [201, 201]
    agency = await hall.damkar.until_incoming()
    await hall.agency.until_incoming()
    now = time.monotonic() + 0.3
    await asyncio.gather(
        *(call.until_hears(tone, since=now) for tone in (DAMKAR, AGENCY)),
        *(agency.until_hears(tone, since=now) for tone in (CALLER, OP1, AGENCY)),
    )
    await asyncio.sleep(1.0)  # so long they talk
    await operator.hangup()
    await call.until_hears(DAMKAR, since=time.monotonic() + 0.3)
    await call.hangup()
    incident = await hall.one_incident(number)
    tried = results(incident)
    assert sorted(tried) == [("damkar/piket", "talked"), ("operators", "talked"), ("sipp/piket", "talked")]
    line = (await hall.lines(incident))[1]
    stamps = line.split("|talks=")[1].split("|")[0].split("+")[1:]
    folder: Path = hall.centre.settings.recordings_dir
    files = sorted(folder.glob(f"????-??-??/{incident['calls'][0]['id']}_*.wav"))
    assert sorted(file.stem.split("_", 1)[1] for file in files) == sorted(stamps)
    assert len(files) == 3
    async with asyncio.timeout(NET_S):
        while not all(closed(file) for file in files):
            await asyncio.sleep(0.1)
    assert [{CALLER, OP1, DAMKAR} - tones(file)[1] for file in files[1:]] == [set(), set()]


async def until_nobody(hall: Hall, call: str) -> None:  # noqa: F811
    """Wait until nobody is being rung for that talk."""
    async with asyncio.timeout(NET_S):
        while (await hall.centre.get(f"/api/v1/calls/{call}/parties"))[1]["items"]:
            await asyncio.sleep(0.05)


async def test_full_trunk_is_not_rung_for_a_talk(hall: Hall, number: str) -> None:  # noqa: F811
    _, trunk = await hall.centre.get("/api/v1/trunks/damkar")
    changed = {name: value for name, value in trunk.items() if name in {"key", "kind", "host"}} | {"channels": 1}
    status, _, said = await hall.centre.ask("PUT", "/api/v1/trunks/damkar", changed, etag="*")
    assert status == 200, said
    other = await hall.press("0899", "1")
    await other.until_hears(DAMKAR)
    call, operator = await hall.with_operator(number)
    live = await hall.live(number)
    await hall.centre.ask("POST", f"/api/v1/calls/{live['call']}/parties", {"agency": "damkar"})
    await until_nobody(hall, live["call"])
    await hall.still_hears(call, OP1)
    await other.hangup()
    await call.hangup()
    await operator.phone.until(lambda: operator.ended)
    assert results(await hall.one_incident(number)) == [("operators", "talked"), ("damkar/piket", "full")]
    assert (await hall.centre.ask("PUT", "/api/v1/trunks/damkar", changed | {"channels": 30}, etag="*"))[0] == 200


async def test_call_that_went_through_too_many_centres_is_joined_with_no_further_one(hall: Hall) -> None:  # noqa: F811
    await entered(hall, "http://127.0.0.1:9/api/v1/eido")
    answer, call = await hall.neighbour.call(more="X-Callrouter-Hops: 3\r\n")
    assert answer == 200
    await hall.damkar.until_incoming()
    live: list[Any] = []
    async with asyncio.timeout(NET_S):
        while not (live := [one for one in await hall.centre.live() if one["stage"] == "talking"]):
            await asyncio.sleep(0.05)
    rung = len(hall.neighbour.calls)
    await hall.centre.ask("POST", f"/api/v1/calls/{live[0]['call']}/parties", {"agency": "kota"})
    await until_nobody(hall, live[0]["call"])
    await asyncio.sleep(0.2)  # who was there for less met nobody (JOINED_MIN_US)
    await call.hangup()
    assert len(hall.neighbour.calls) == rung
    incident: dict[str, Any] = {}
    async with asyncio.timeout(NET_S):
        while not incident or not incident["calls"][0]["ended_at"]:
            _, incident = await hall.centre.get(f"{INCIDENTS}/{live[0]['incident']}")
            await asyncio.sleep(0.1)
    assert results(incident) == [("damkar/piket", "talked"), ("kota/pusat", "full")]
