"""The location in an INVITE: what RFC 6442 allows is read, and nothing that the network sends does harm."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.asterisk.hep import Address, Captured
from callrouter.asterisk.locations import MAX_CALL_ID, MAX_KEPT, Locations
from callrouter.asterisk.pidf import MAX_DOCUMENT, MAX_PARTS, civic_address
from callrouter.calls.location import MAX_NAME, CivicAddress
from callrouter.routing.directory import Trunk, TrunkKind

CIVIC = (
    '<ca:civicAddress xml:lang="id"><ca:country>ID</ca:country><ca:A1>Jawa Timur</ca:A1><ca:A2>Kab. Malang</ca:A2>'
    "<ca:A3>Kepanjen</ca:A3><ca:A4>Sukoraharjo</ca:A4><ca:RD>Jl. Panji</ca:RD></ca:civicAddress>"
)
HERE = CivicAddress(("Jawa Timur", "Kab. Malang", "Kepanjen", "Sukoraharjo"), "ID")
POINT = '<gml:Point srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>-8.13 112.57</gml:pos></gml:Point>'
GEOLOCATION = b"<cid:caller@telco.example>"
MIXED = b"multipart/mixed;boundary=b1"
SDP = b"Content-Type: application/sdp\r\n\r\nv=0\r\n"
XML = '<?xml version="1.0" encoding="UTF-8"?>'
SPACES = (
    'xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
    'xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" xmlns:gml="http://www.opengis.net/gml" '
    'xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"'
)


def pidf(info: str = CIVIC, *, start: str = XML, more: str = "") -> bytes:
    """Return a PIDF-LO of a device."""
    geopriv = f"<gp:geopriv><gp:location-info>{info}</gp:location-info><gp:usage-rules/></gp:geopriv>"
    return f'{start}\r\n<presence {SPACES}><dm:device id="d">{geopriv}</dm:device>{more}</presence>'.encode()


def of_civic(elements: str) -> bytes:
    return pidf(f"<ca:civicAddress>{elements}</ca:civicAddress>")


def located(
    document: bytes, *, named: bytes = b"<caller@telco.example>", kind: bytes = b"application/pidf+xml"
) -> bytes:
    """Return a part of a body."""
    return b"Content-Type: " + kind + b"\r\nContent-ID: " + named + b"\r\n\r\n" + document


def mixed(*parts: bytes, end: bytes = b"\r\n--b1--\r\n") -> bytes:
    return b"\r\n".join(b"--b1\r\n" + part for part in parts) + end


def read(document: bytes) -> CivicAddress | None:
    return civic_address(GEOLOCATION, MIXED, mixed(SDP, located(document)))


# ---------------------------------------------------------------- what is read
def test_civic_address_of_the_document_that_the_header_points_at_is_read() -> None:
    assert read(pidf()) == HERE


@pytest.mark.parametrize(
    ("geolocation", "content_type", "body"),
    [
        (GEOLOCATION, b'Multipart/Mixed; charset=x; Boundary="b1"', mixed(SDP, located(pidf()), end=b"\r\n--b1--")),
        (GEOLOCATION, MIXED, b"a preamble\r\n" + mixed(located(pidf()), SDP) + b"an epilogue"),
        (GEOLOCATION, MIXED, mixed(SDP, located(pidf(), kind=b"Application/PIDF+xml; charset=UTF-8"))),
        (GEOLOCATION, MIXED, mixed(SDP, located(b"\r\n" + pidf() + b"\r\n"))),
        (b"<http://x.example/l>, <cid:caller%40telco.example>;inserted-by=x", MIXED, mixed(SDP, located(pidf()))),
        (GEOLOCATION, MIXED, mixed(located(pidf(POINT), named=b"<other@x>"), located(pidf()))),
        (GEOLOCATION, b"application/pidf+xml", pidf()),
    ],
    ids=["a quoted boundary", "around the parts", "a charset", "blank lines", "several", "another one", "alone"],
)  # fmt: skip
def test_whatever_the_standard_allows_is_read(geolocation: bytes, content_type: bytes, body: bytes) -> None:
    assert civic_address(geolocation, content_type, body) == HERE


def test_first_civic_address_counts_wherever_in_the_document_it_is() -> None:
    assert read(pidf(POINT + CIVIC)) == HERE
    second = CIVIC.replace("Sukoraharjo", "Cepokomulyo")
    assert read(pidf(CIVIC + second)) == HERE
    status = f"<status><gp:geopriv><gp:location-info>{CIVIC}</gp:location-info></gp:geopriv></status>"
    assert read(pidf(POINT, more=f'<tuple id="t">{status}</tuple>')) == HERE


def test_text_is_taken_as_it_is() -> None:
    assert read(of_civic("<ca:A1> a&amp;b \n</ca:A1><ca:A4><![CDATA[${SHELL(x)}]]></ca:A4>")) == CivicAddress(
        ("a&b", "", "", "${SHELL(x)}")
    )
    latin = pidf(CIVIC.replace("Sukoraharjo", "Sátu"), start='<?xml version="1.0" encoding="ISO-8859-1"?>')
    told = read(latin.decode().encode("latin-1"))
    assert told is not None
    assert told.names[3] == "Sátu"


# ---------------------------------------------------------------- what tells nothing
@pytest.mark.parametrize(
    ("geolocation", "content_type", "body"),
    [
        (b"", MIXED, mixed(SDP, located(pidf()))),
        (b"<http://x.example/l>", MIXED, mixed(SDP, located(pidf()))),
        (b"cid:caller@telco.example", MIXED, mixed(SDP, located(pidf()))),
        (b"<cid:other@telco.example>", MIXED, mixed(SDP, located(pidf()))),
        (GEOLOCATION, b"multipart/mixed", mixed(SDP, located(pidf()))),
        (GEOLOCATION, b"multipart/mixed;boundary=b", mixed(SDP, located(pidf()))),
        (GEOLOCATION, b"text/plain;boundary=b1", mixed(SDP, located(pidf()))),
        (GEOLOCATION, MIXED, mixed(SDP, located(pidf()), end=b"")),
        (GEOLOCATION, MIXED, mixed(SDP, located(pidf(), kind=b"text/xml"))),
        (GEOLOCATION, MIXED, mixed(*(SDP,) * MAX_PARTS, located(pidf()))),
        (GEOLOCATION, MIXED, b""),
        (GEOLOCATION, b"", b""),
    ],
)
def test_body_in_which_no_such_document_is_tells_nothing(
    geolocation: bytes, content_type: bytes, body: bytes
) -> None:
    assert civic_address(geolocation, content_type, body) is None


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<",
        pidf()[:-1],
        pidf() + b"<more/>",
        pidf(""),
        pidf(POINT),
        pidf(f"<gp:inner>{CIVIC}</gp:inner>"),
        pidf(CIVIC.replace("ca:", "gml:")),
        pidf() + b" " * MAX_DOCUMENT,
        pidf(start='<?xml version="1.0" encoding="x-nobody"?>'),
        pidf(start='<?xml version="1.0" encoding="shift_jis"?>'),
        pidf(start="<!DOCTYPE presence>"),
        pidf(CIVIC.replace("Kepanjen", "&b;"), start='<!DOCTYPE p [<!ENTITY a "x"><!ENTITY b "&a;&a;">]>'),
        pidf(CIVIC.replace("Kepanjen", "&f;"), start='<!DOCTYPE p [<!ENTITY f SYSTEM "file:///etc/passwd">]>'),
        pidf(start='<!DOCTYPE p [<!ENTITY % d SYSTEM "http://127.0.0.1:9/d"> %d;]>'),
        b"<a>" * 5_000,
        b"\0" * 100,
    ],
)
def test_document_that_is_not_whole_and_plain_tells_nothing(document: bytes) -> None:
    assert read(document) is None


def test_element_that_is_given_twice_or_too_long_is_as_if_it_were_not_given() -> None:
    assert read(of_civic("<ca:A1>Bali</ca:A1><ca:A1>Bali</ca:A1><ca:A2>Badung</ca:A2>")) == CivicAddress(
        ("", "Badung", "", "")
    )
    assert read(of_civic(f"<ca:A1>{'x' * (MAX_NAME + 1)}</ca:A1><ca:A2>Badung</ca:A2>")) == CivicAddress(
        ("", "Badung", "", "")
    )
    assert read(of_civic("<ca:A1>Ba<ca:x>d</ca:x>li</ca:A1>")) == CivicAddress(("Bali", "", "", ""))


@given(st.binary(max_size=300), st.binary(max_size=60), st.binary(max_size=60))
def test_whatever_comes_nothing_is_raised(body: bytes, header: bytes, kind: bytes) -> None:
    civic_address(header, kind, body)
    civic_address(GEOLOCATION, MIXED + kind, mixed(SDP, located(body)))
    civic_address(GEOLOCATION, b"application/pidf+xml", body)


@given(st.data())
def test_document_of_which_something_is_missing_joins_no_two_names_to_a_third(data: st.DataObject) -> None:
    whole = mixed(SDP, located(pidf()))
    begin = data.draw(st.integers(0, len(whole)))
    cut = whole[:begin] + whole[data.draw(st.integers(begin, len(whole))) :]
    told = civic_address(GEOLOCATION, MIXED, cut)
    # Letters that are missing within one name nobody can notice.
    assert told is None or all(map(is_part_of, told.names, HERE.names))


def is_part_of(some: str, whole: str) -> bool:
    """Return whether `some` is `whole` with nothing, or one stretch, left out."""
    return any(whole[:n] + whole[n + len(whole) - len(some) :] == some for n in range(len(some) + 1))


# ---------------------------------------------------------------- what is kept for the calls
HOST, OTHER = "192.0.2.10", "192.0.2.11"
WAIT_S = 0.2


def trunks() -> list[Trunk]:
    return [
        Trunk(key="telco", kind=TrunkKind.CARRIER, host=HOST, trusted_identity=True),
        Trunk(key="seluler", kind=TrunkKind.CARRIER, host=OTHER),
    ]


def invite(call_id: str = "1@telco", *, host: str = HOST, document: bytes | None = None, **changed: str) -> Captured:
    """Return the copy of an INVITE with a location; a header that is None is left out."""
    body = mixed(SDP, located(pidf() if document is None else document))
    told: Mapping[str, Any] = {
        "Call-ID": call_id,
        "Geolocation": GEOLOCATION.decode(),
        "Content-Type": MIXED.decode(),
        "Content-Length": str(len(body)),
    } | changed
    lines = [f"{name}: {value}" for name, value in told.items() if value is not None]
    head = "\r\n".join(["INVITE sip:112@198.51.100.1 SIP/2.0", *lines, "", ""]).encode()
    return Captured(0, Address(host, 5060), Address("198.51.100.1", 5060), head + body)


async def test_call_is_told_what_came_with_its_own_invite_and_only_once() -> None:
    kept = Locations(trunks(), WAIT_S)
    kept.see(invite())
    kept.see(invite("2@telco", document=of_civic("<ca:A1>Bali</ca:A1>")))
    assert await kept.of("telco", "2@telco") == CivicAddress(("Bali", "", "", ""))
    assert await kept.of("telco", "1@telco") == HERE
    assert kept.kept == 0
    assert await kept.of("telco", "1@telco") is None
    assert (kept.seen, kept.lost) == (2, 1)


async def test_call_that_asks_before_the_copy_is_there_waits_for_it() -> None:
    kept = Locations(trunks(), 5)
    asked = [asyncio.create_task(kept.of("telco", "1@telco")) for _ in range(2)]
    await asyncio.sleep(0)
    kept.see(invite())
    kept.see(invite())  # sent again
    assert await asyncio.gather(*asked) == [HERE, HERE]
    assert kept.lost == 0


async def test_call_whose_copy_was_lost_goes_on_after_a_moment() -> None:
    kept = Locations(trunks(), 0.01)
    async with asyncio.timeout(30):
        assert await kept.of("telco", "1@telco") is None
    assert kept.lost == 1


async def test_location_without_an_address_lets_its_call_go_on_at_once() -> None:
    kept = Locations(trunks(), 60)
    kept.see(invite(document=pidf(POINT)))
    async with asyncio.timeout(30):
        assert await kept.of("telco", "1@telco") is None
    assert kept.lost == 0


async def test_trunk_that_is_not_believed_and_strangers_are_not_listened_to() -> None:
    kept = Locations(trunks(), 0.01)
    kept.see(invite(host=OTHER))
    kept.see(invite(host="203.0.113.9"))
    assert (kept.seen, kept.kept) == (0, 0)
    assert await kept.of("telco", "1@telco") is None
    kept.see(invite())
    assert await kept.of("seluler", "1@telco") is None, "the word of one trunk is not another's"


async def test_trust_follows_the_table() -> None:
    kept = Locations(trunks(), 0.01)
    kept.trust([])
    kept.see(invite())
    assert kept.seen == 0
    kept.trust(trunks())
    kept.see(invite())
    assert await kept.of("telco", "1@telco") == HERE


def test_message_that_is_no_invite_with_a_location_is_not_kept() -> None:
    kept = Locations(trunks())
    whole = invite()
    for message in (b"", b"INVITE ", b"OPTIONS" + whole.message[6:], b"SIP/2.0 200 OK\r\n\r\n", b"\xff" * 1000):
        kept.see(Captured(0, whole.source, whole.target, message))
    for header in ("Geolocation", "Call-ID"):
        kept.see(invite(**{header: None}))  # type: ignore[arg-type]
    assert kept.kept == 0


async def test_compact_and_folded_headers_are_read_and_what_follows_the_body_is_not() -> None:
    kept = Locations(trunks(), 0.01)
    given_it = invite(
        **{"Call-ID": None, "i": "1@telco", "Content-Type": None, "c": "multipart/mixed;\r\n boundary=b1"}  # type: ignore[arg-type]
    )
    kept.see(Captured(0, given_it.source, given_it.target, b"\r\n" + given_it.message + b"BYE sip:x SIP/2.0\r\n"))
    assert await kept.of("telco", "1@telco") == HERE


async def test_long_call_id_is_known_by_as_much_of_it_as_the_dialplan_gives() -> None:
    kept = Locations(trunks(), 0.01)
    kept.see(invite("x" * 1000))
    assert await kept.of("telco", "x" * MAX_CALL_ID) == HERE


def test_what_nobody_asks_for_does_not_pile_up() -> None:
    kept = Locations(trunks())
    for n in range(MAX_KEPT + 5):
        kept.see(invite(f"{n}@telco"))
    assert kept.kept == MAX_KEPT
