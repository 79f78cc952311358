"""An incident is spoken to whom an agency has on a telephone; what stood in From is kept beside what is asserted."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import pytest
import pytest_asyncio

from demo.centre import Centre
from demo.softphone import NET_S, Answer, PhoneCall, Reject, RingOnly
from tests.pbx.rig import SHORT_TIMERS, Rig, fresh, short_clips, sipp_command
from tests.pbx.sipp import sipp
from tests.pbx.tables import table
from tests.pbx.test_agency import call_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

_numbers = count(1)
MARK: Final = Path(tempfile.gettempdir()) / f"callrouter-was-spoken-{os.getpid()}"
PLACE: Final = f'Dusun "Krajan" -f /etc/passwd [[h@l]] <break/> $(touch {MARK}) ${{SHELL(touch {MARK})}} | & ; 0812'


def phone(key: str, trunk: str, number: str) -> dict[str, Any]:
    return {"key": key, "channel": "phone", "trunk": trunk, "number": number, "ack_within_s": 300}


def with_phones() -> dict[str, Any]:
    """The table: two officials on telephones; and an agency whose first contact is behind a trunk of one channel."""
    given = table()
    given["routing"]["menus"][0]["languages"] = ["id"]  # half as long to listen to
    for trunk in given["directory"]["trunks"]:
        trunk["trusted_identity"] = trunk["key"] == "telco"
        trunk["channels"] = 1 if trunk["key"] == "sipp" else 30
    for agency in given["directory"]["agencies"]:
        if agency["key"] == "desa":
            agency["notices"] = [phone("lurah", "seluler", "08123"), phone("camat", "damkar", "202")]
        if agency["key"] == "bpbd":
            agency["notices"] = [phone("satu", "sipp", "119"), phone("piket", "bpbd", "117")]
    return given


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def speaking(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    folder: Path = tmp_path_factory.mktemp("speaking")
    short_clips(folder / "state" / "recorded", with_phones())
    async with Centre(folder, with_phones(), timers=SHORT_TIMERS) as centre:
        rig = await Rig.make(centre)
        await rig.warm_up()
        yield rig


@pytest_asyncio.fixture(loop_scope="session")
async def rig(speaking: Rig) -> AsyncIterator[Rig]:
    async with fresh(speaking):
        yield speaking


@pytest.fixture
def number() -> str:
    return f"0815{next(_numbers):08d}"


async def passed(rig: Rig, agency: str = "desa", **fields: Any) -> str:
    """Open an incident by hand and pass it to an agency; return its id."""
    status, tag, made = await rig.centre.ask("POST", "/api/v1/incidents", {"category": "flood"} | fields)
    assert status == 201, made
    order = {"agencies": [agency], "text": "Bawa perahu"}
    status, _, told = await rig.centre.ask("POST", f"/api/v1/incidents/{made['id']}/agencies", order, etag=tag)
    assert status in {200, 201}, told
    return str(made["id"])


async def until(rig: Rig, incident: str, wanted: Callable[[dict[str, Any], dict[str, str]], bool]) -> dict[str, Any]:
    """Wait until this holds of the incident and the states of its notices, by contact; return the incident."""
    seen: Any = None
    try:
        async with asyncio.timeout(NET_S):
            while True:
                _, _, page = await rig.centre.ask("GET", "/api/v1/notices", params={"incident": incident})
                _, _, found = await rig.centre.ask("GET", f"/api/v1/incidents/{incident}")
                states = {one["contact"] or "supervisor": one["state"] for one in page["items"]}
                seen = found["agencies"], page["items"]
                if wanted(found, states):
                    return dict(found)
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"it is still {seen}") from None


def steps(incident: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Return what the timeline tells of notices."""
    told = [entry["data"] for entry in incident["timeline"] if entry["kind"] == "notice"]
    return [(data["step"], data["contact"]) for data in told]


async def presses(call: PhoneCall, keys: str) -> None:
    """Listen, and press."""
    await call.until_hears_speech()
    await call.digits(keys)


def spoken(rig: Rig) -> list[Path]:
    """Return the files of what was spoken."""
    return list((rig.centre.settings.pbx_dir / "notices").glob("*"))


async def test_who_presses_1_after_hearing_it_again_has_acknowledged_for_his_agency(rig: Rig) -> None:
    before = len(rig.seluler.calls)
    incident = await passed(rig, place=PLACE, description="Air naik\nsampai atap " * 50, people_hurt=2)
    call = await rig.seluler.until_incoming()
    assert call.remote.number == "112"
    assert spoken(rig)
    await presses(call, "2")
    await presses(call, "1")
    found = await until(rig, incident, lambda _, states: states == {"lurah": "delivered"})
    report = await call.until_ended()
    assert report.ended_by == "remote"
    (part,) = found["agencies"]
    assert (part["state"], part["acknowledged_by"]) == ("acknowledged", "lurah (phone)")
    assert part["passed_at"] < part["acknowledged_at"]
    assert found["state"] == "acknowledged"
    assert steps(found) == [("queued", "lurah"), ("accepted", "lurah")]
    assert not MARK.exists()
    await rig.settle()
    assert spoken(rig) == []
    assert await rig.centre.live() == []
    assert len(rig.seluler.calls) == before + 1
    _, _, page = await rig.centre.ask("GET", "/api/v1/incidents", params={"category": "flood", "limit": "50"})
    assert {one["origin"] for one in page["items"]} == {"hand"}  # the call itself is no incident


async def test_who_presses_9_leaves_it_to_the_next_and_who_never_decides_to_the_supervisor(rig: Rig) -> None:
    incident = await passed(rig)
    await presses(await rig.seluler.until_incoming(), "9")
    undecided = await rig.damkar.until_incoming()
    for _ in range(3):
        since = time.monotonic()
        await undecided.until_hears_speech(since=since)
        await undecided.digits("2")
    found = await until(rig, incident, lambda _, states: "supervisor" in states)
    assert (await undecided.until_ended()).ended_by == "remote"
    assert found["agencies"][0]["state"] == "passed"
    assert steps(found) == [
        ("queued", "lurah"),
        ("declined", "lurah"),
        ("queued", "camat"),
        ("silent", "camat"),
        ("queued", None),
    ]


async def test_the_last_channel_of_a_trunk_is_left_to_callers(rig: Rig) -> None:
    incident = await passed(rig, "bpbd")
    await presses(await rig.bpbd.until_incoming(), "1")
    found = await until(rig, incident, lambda _, states: states.get("piket") == "delivered")
    assert found["agencies"][0]["acknowledged_by"] == "piket (phone)"
    _, _, page = await rig.centre.ask("GET", "/api/v1/notices", params={"incident": incident})
    (kept,) = [one for one in page["items"] if one["contact"] == "satu"]
    assert "kept for callers" in kept["last_error"]
    await until(rig, incident, lambda _, states: states["satu"] == "needless")


async def test_busy_and_unanswered_telephones_lead_to_the_next_at_once(rig: Rig) -> None:
    await rig.seluler.behave(Reject())
    await rig.damkar.behave(RingOnly())
    incident = await passed(rig)
    found = await until(rig, incident, lambda _, states: "supervisor" in states)
    assert steps(found)[1::2] == [("busy", "lurah"), ("noanswer", "camat")]
    # Once somebody has acknowledged, neither is rung again.
    path = f"/api/v1/incidents/{incident}/agencies/desa/state"
    tag = f'"{found["agencies"][0]["version"]}-0"'
    status, _, said = await rig.centre.ask("POST", path, {"state": "acknowledged"}, etag=tag)
    assert status == 200, said


async def test_a_service_that_is_killed_meanwhile_learns_of_the_1_and_rings_nobody_again(rig: Rig) -> None:
    before = len(rig.seluler.calls)
    incident = await passed(rig)
    call = await rig.seluler.until_incoming()
    await call.until_hears_speech()
    await rig.centre.kill_service()
    await call.digits("1")
    assert (await call.until_ended()).ended_by == "remote"
    await rig.centre.start_service()
    found = await until(rig, incident, lambda _, states: states == {"lurah": "delivered"})
    (part,) = found["agencies"]
    assert (part["state"], part["acknowledged_by"]) == ("acknowledged", "lurah (phone)")
    assert len(rig.seluler.calls) == before + 1


async def test_a_service_that_is_killed_meanwhile_tells_the_next_where_nobody_pressed_anything(rig: Rig) -> None:
    before = len(rig.seluler.calls)
    await rig.seluler.behave(Answer(0.1, hangup_after_s=1.5))
    incident = await passed(rig)
    call = await rig.seluler.until_incoming()
    await call.until_answered()
    await rig.centre.kill_service()
    await call.until_ended()
    await rig.settle()
    await rig.centre.start_service()
    await presses(await rig.damkar.until_incoming(), "1")
    found = await until(rig, incident, lambda _, states: states["camat"] == "delivered")
    assert found["agencies"][0]["acknowledged_by"] == "camat (phone)"
    assert len(rig.seluler.calls) == before + 1


# ---------------------------------------------------------------- what stood in From
FROM: Final = {
    "a number": (b"0341555000", "0341555000"),
    "a number without a host": (b"<tel:+622155500>", "+622155500"),
    "a host alone": (b"<sip:anonymous.invalid>", "anonymous.invalid"),
    "a word": (b"anonymous", "anonymous"),
    "parameters": (b"<sip:+622155500;cpc=ordinary@127.0.0.2;user=phone>", "+622155500;cpc=ordinary"),
    "a name like an address": (b'"<sip:110@polri.example>:@" <sip:0341555000@127.0.0.2>', "0341555000"),
    "a cut": (b"a%29%3A0%3A1", "a):0:1"),
    "a function": (f"%24%7BSHELL(touch%20{MARK})%7D".encode(), f"${{SHELL(touch {MARK})}}"),
    "a function as it is": (f"<sip:$(touch{MARK})@127.0.0.2>".encode(), f"$(touch{MARK})"),
    "our separators": (b"a%7Cb%7Ec%5Ed%25%2Ce", "a|b~c^d%,e"),
    "500 characters": (b"9" * 500, "9" * 64),
}


@pytest.mark.parametrize("case", FROM)
async def test_what_stood_in_from_is_kept_beside_the_asserted_number(rig: Rig, number: str, case: str) -> None:
    sent, kept = FROM[case]
    address = sent if b":" in sent else b"<sip:%b@127.0.0.2>" % sent
    result = await sipp(
        "uac_asserted.xml",
        f"{rig.centre.settings.sip_host}:{rig.centre.settings.sip_port}",
        rig.centre.trunk_hosts["telco"],
        prefix=sipp_command(rig),
        keys={"from": address, "asserted": number},
        settings={"talk_ms": 200, "silent_ms": 5000},
    )
    assert result.ok, result.errors
    found = await rig.centre.incident_of(number)
    stored = call_of(found)
    assert (stored["number"], unquote(stored["sent_from"])) == (
        number,
        kept,
    )  # the SIP stack writes escapes its own way
    status, _, card = await rig.centre.ask("GET", f"/api/v1/calls/{stored['id']}/caller")
    assert (status, card["number"]["raw"], card["number"]["sent_from"]) == (200, number, stored["sent_from"])
    assert not MARK.exists()
