"""A location in the INVITE: it leads to the official of its village, and one that is wrong costs no caller."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from demo.softphone import Softphone
from tests.pbx.rig import Rig, fresh, sipp_command, telephones
from tests.pbx.sipp import SippResult, sipp
from tests.pbx.tables import table
from tests.pbx.test_agency import call_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

VILLAGE, DISTRICT, REGENCY = "35.07.13.2001", "35.07.13", "35.07"
MARK: Final = Path(tempfile.gettempdir()) / f"callrouter-located-{os.getpid()}"
BOUNDARY: Final = "b1"
HEADER: Final = "\r\nGeolocation: <cid:caller@telco.example>\r\nGeolocation-Routing: yes"
MULTIPART: Final = f"multipart/mixed;boundary={BOUNDARY}"
BEFORE: Final = f"--{BOUNDARY}\r\nContent-Type: application/sdp\r\n\r\n"
END: Final = f"\r\n--{BOUNDARY}--\r\n"
IN_THE_VILLAGE: Final = (
    "<ca:country>ID</ca:country><ca:A1>Jawa Timur</ca:A1><ca:A2>Kab. Malang</ca:A2><ca:A3>KEPANJEN</ca:A3>"
    "<ca:A4>Desa Sátu</ca:A4>"
)


def document(civic: str, *, start: str = '<?xml version="1.0" encoding="UTF-8"?>', info: str = "") -> str:
    """Return a PIDF-LO whose civic address has these elements; `info` instead of the whole location."""
    info = info or f'<ca:civicAddress xml:lang="id">{civic}</ca:civicAddress>'
    return (
        f'{start}\r\n<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
        'xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" xmlns:gml="http://www.opengis.net/gml" '
        'xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr" entity="pres:caller@telco.example">'
        f'<dm:device id="d1"><gp:geopriv><gp:location-info>{info}</gp:location-info><gp:usage-rules/></gp:geopriv>'
        "</dm:device></presence>"
    )


def after(pidf: str) -> str:
    """Return what follows the SDP in a body with that document, up to the last delimiter."""
    return (
        f"\r\n--{BOUNDARY}\r\nContent-Type: application/pidf+xml\r\nContent-ID: <caller@telco.example>\r\n\r\n{pidf}"
    )


def located() -> dict[str, Any]:
    """Return a table whose village officials are rung by area; the line `telco` is believed, `seluler` is not."""
    given = table()
    for trunk in given["directory"]["trunks"]:
        trunk["trusted_identity"] = trunk["key"] == "telco"
    routing = given["routing"]
    routing["areas"] = [
        {"code": REGENCY, "name": "Kabupaten Malang"},
        {"code": DISTRICT, "name": "Kepanjen"},
        {"code": VILLAGE, "name": "Satu"},
    ]
    routing["routes"] = [r for r in routing["routes"] if r["key"] != "village"]
    routing["routes"] += [
        {
            "key": key,
            "priority": priority,
            "when": {"category": ["village"], "area": [area]},
            "steps": [
                {"kind": "dial", "targets": [target], "ring_s": 5},
                {"kind": "ringgroup", "group": "operators"},
            ],
        }
        for key, priority, area, target in (
            ("first-village", 75, VILLAGE, "damkar/piket"),
            ("its-district", 74, DISTRICT, "bpbd/piket"),
        )
    ]
    return given


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phones(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """A centre one of whose carriers tells where its callers are, and its telephones."""
    async with telephones(tmp_path_factory.mktemp("located"), located()) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def rig(phones: Rig) -> AsyncIterator[Rig]:
    """The telephones as they are at the beginning of a test; afterwards nothing may be left over in the PBX."""
    async with fresh(phones, harmless="Failed to find end-delimiter"):
        await phones.on_duty(phones.op1)
        yield phones


@contextlib.asynccontextmanager
async def ringing(rig: Rig, who: Softphone, number: str, *, trunk: str = "telco", **keys: str) -> AsyncIterator[None]:
    """A caller chooses the village officials (4); within, `who` has his call. Then the incident is there."""
    call = asyncio.create_task(calling(rig, number, trunk=trunk, **keys))
    try:
        with_him = await who.until_incoming()
        yield
        await with_him.hangup()
        result = await call
        assert result.ok, result.errors
    finally:
        call.cancel()


async def calling(rig: Rig, number: str, *, trunk: str = "telco", **keys: str) -> SippResult:
    """Call from a trunk's address with this body."""
    return await sipp(
        "uac_location.xml",
        f"{rig.centre.settings.sip_host}:{rig.centre.settings.sip_port}",
        rig.centre.trunk_hosts[trunk],
        prefix=sipp_command(rig),
        keys={
            "from_user": number,
            "content_type": keys.get("content_type", "application/sdp"),
            "more": keys.get("more", ""),
            "before": keys.get("before", ""),
            "after": keys.get("after", ""),
        },
        settings={"digit": "4", "digit_after_ms": 700, "talk_ms": 2500},
    )


def body(pidf: str, *, end: str = END, more: str = HEADER) -> dict[str, str]:
    """Return the keys of an INVITE that carries that document."""
    return {"content_type": MULTIPART, "more": more, "before": BEFORE, "after": after(pidf) + end}


async def routed(rig: Rig, number: str) -> tuple[str, str | None, str | None]:
    """Return the route, the area and how it is known, as they are stored with the call."""
    stored = call_of(await rig.centre.incident_of(number))
    return stored["route"], stored["facts"]["area"], stored["facts"]["area_source"]


# ---------------------------------------------------------------- a location that counts
async def test_caller_in_a_village_reaches_its_official(rig: Rig, number: str) -> None:
    async with ringing(rig, rig.damkar, number, **body(document(IN_THE_VILLAGE))):
        pass
    assert await routed(rig, number) == ("first-village", VILLAGE, "location")


async def test_code_of_a_village_that_the_table_does_not_name_leads_to_its_district(rig: Rig, number: str) -> None:
    async with ringing(rig, rig.bpbd, number, **body(document("<ca:A4>35.07.13.2009</ca:A4>"))):
        pass
    assert await routed(rig, number) == ("its-district", "35.07.13.2009", "location")


async def test_without_a_location_the_operators_are_rung(rig: Rig, number: str) -> None:
    async with ringing(rig, rig.op1, number):
        pass
    assert await routed(rig, number) == ("others", None, None)


async def test_callers_at_the_same_time_are_not_mixed_up(rig: Rig, number: str) -> None:
    here, there = body(document(IN_THE_VILLAGE)), body(document("<ca:A4>35.07.13.2009</ca:A4>"))
    numbers = [f"{number}{n}" for n in range(6)]
    results = await asyncio.gather(
        *(calling(rig, other, **(there if n % 2 else here)) for n, other in enumerate(numbers))
    )
    assert all(result.ok for result in results)
    areas = [(await routed(rig, other))[1] for other in numbers]
    assert areas == [VILLAGE, "35.07.13.2009"] * 3


# ---------------------------------------------------------------- a location that does not
async def test_location_on_a_line_that_is_not_believed_is_ignored(rig: Rig, number: str) -> None:
    async with ringing(rig, rig.op1, number, trunk="seluler", **body(document(IN_THE_VILLAGE))):
        pass
    assert await routed(rig, number) == ("others", None, None)


PLAIN = document(IN_THE_VILLAGE)
TORN: Final[dict[str, dict[str, str]]] = {
    "no end of the body": body(PLAIN, end=""),
    "the body ends within the document": body(PLAIN[:200], end=""),
    "another boundary": body(PLAIN) | {"content_type": "multipart/mixed;boundary=other"},
}
BROKEN: Final[dict[str, dict[str, str]]] = {
    "no boundary": body(PLAIN) | {"content_type": "multipart/mixed"},
    "a header and no document": {"more": HEADER},
    "a document and no header": body(PLAIN, more=""),
    "a header that points elsewhere": body(PLAIN, more="\r\nGeolocation: <cid:other@telco.example>"),
    "a header to be fetched": body(PLAIN, more="\r\nGeolocation: <http://127.0.0.1:9/where>"),
    "a header of nothing": body(PLAIN, more="\r\nGeolocation: "),
    "a long header": body(PLAIN, more=f"\r\nGeolocation: <cid:{'a' * 3000}>"),
    "a header that would be carried out": body(PLAIN, more=f"\r\nGeolocation: ):0:1${{SHELL(touch {MARK})}}\"',x"),
    "no XML": body("<presence <<<"),
    "nothing": body(""),
    "no address": body(document("")),
    "a point": body(document("", info='<gml:Point srsName="x"><gml:pos>-8 112</gml:pos></gml:Point>')),
    "a text before the point": body(document("", info="here<gml:Point><gml:pos>-8 112</gml:pos></gml:Point>")),
    "entities": body(
        document("<ca:A4>&b;</ca:A4>", start='<!DOCTYPE p [<!ENTITY a "Satu"><!ENTITY b "&a;&a;">]>'),
    ),
    "a file": body(document("<ca:A4>&f;</ca:A4>", start='<!DOCTYPE p [<!ENTITY f SYSTEM "file:///etc/passwd">]>')),
    "10 KB in one name": body(document(f"<ca:A3>{'Kepanjen' * 1280}</ca:A3>")),
    "a name that would be carried out": body(document(f"<ca:A3>${{SHELL(touch {MARK})}}\"'&#10;A4=Satu,</ca:A3>")),
    "two districts at once": body(document("<ca:A3>35.07.13</ca:A3><ca:A4>35.07.14.2001</ca:A4>")),
    "another country": body(document("<ca:country>MY</ca:country><ca:A3>Kepanjen</ca:A3>")),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_call_with_a_location_that_tells_nothing_is_served_like_any_other(
    rig: Rig, number: str, case: str
) -> None:
    async with ringing(rig, rig.op1, number, **BROKEN[case]):
        pass
    assert await routed(rig, number) == ("others", None, None)
    assert not MARK.exists()


@pytest.mark.parametrize("case", TORN)
async def test_body_that_the_pbx_cannot_take_apart_costs_no_more_where_it_is_believed(
    rig: Rig, number: str, case: str
) -> None:
    # Without the SDP, which is in that body, no PBX knows where to send the sound: it ends the call at the ACK.
    ends = []
    for n, trunk in enumerate(("telco", "seluler")):
        await calling(rig, f"{number}{n}", trunk=trunk, **TORN[case])
        incident = await rig.centre.incident_of(f"{number}{n}")
        stored = call_of(incident)
        ends.append((stored["stage"], stored["outcome"], stored["path"], stored["cause"], incident["callback"]))
    believed, other = ends
    assert believed == other
    assert believed[-1] is True, "whoever was lost is called back"
