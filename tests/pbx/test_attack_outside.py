"""What comes from outside: strangers, forged names, guesses, floods; and what the PBX and the service listen on."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import re
import socket
import struct
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from callrouter.asterisk.render import MAX_HOPS
from demo.centre import Centre
from demo.softphone import NET_S, Answer, Softphone
from tests.pbx.hall import with_neighbour
from tests.pbx.rig import CALLER, DAMKAR, SHORT_TIMERS, short_clips, talk, unexpected, until
from tests.pbx.test_agency import call_of, results
from tests.pbx.wirephone import WirePhone, packets, status

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER = 150
SAID = ("pjsip", "SDP", "DTMF", "geolocation", "Geolocation")
"""What the PBX says of a message that is not as it should be."""
DROPPED_S = 5.0
GUESSES = 300
INJECTED = 2450


def neighbours() -> dict[str, Any]:
    """Return a table whose first choice is the neighbouring centre's."""
    given = with_neighbour()
    given["directory"]["trunks"].append({"key": "lain", "kind": "neighbour", "host": "127.0.0.41"})
    contacts = [{"key": "pusat", "trunk": "lain", "number": "112"}]
    given["directory"]["agencies"].append(
        {"key": "lain", "name": {"id": "Lain", "en": "Other"}, "contacts": contacts}
    )
    for route in given["routing"]["routes"]:
        if route["key"] in {"fire", "agencies"}:
            route["steps"][0]["targets"] = ["lain/pusat"]
        if route["key"] == "flood":
            route["steps"][0]["targets"] = ["damkar/piket"]
    return given


@dataclass
class Border:
    """A centre, a citizen, a neighbour, and whoever else may come."""

    centre: Centre
    caller: Softphone
    damkar: Softphone
    neighbour: WirePhone
    other: WirePhone
    told: dict[str, str] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def stranger(self, user: str, *, secret: str = "", tone_hz: int = 0) -> AsyncIterator[WirePhone]:
        """Yield a telephone at an address that nobody knows."""
        host = self.centre.addresses.host(OTHER)
        phone = WirePhone(host, self.centre.settings.sip_host, user, secret=secret, tone_hz=tone_hz)
        async with phone.plugged():
            yield phone

    async def channels(self) -> str:
        """Return what the PBX says of its channels."""
        return await self.centre.pbx.rx("core show channels count")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def built(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Border]:
    folder = tmp_path_factory.mktemp("outside")
    short_clips(folder / "state" / "recorded", neighbours())
    async with Centre(folder, neighbours(), timers=SHORT_TIMERS) as centre:
        caller, damkar = await centre.phone("telco", CALLER), await centre.phone("damkar", DAMKAR)
        pbx = centre.settings.sip_host
        async with (
            WirePhone(centre.trunk_hosts["tetangga"], pbx, "081999", tone_hz=600).plugged() as neighbour,
            WirePhone(centre.trunk_hosts["lain"], pbx, "112", tone_hz=1000).plugged() as other,
        ):
            yield Border(centre, caller, damkar, neighbour, other)


@pytest_asyncio.fixture(loop_scope="module")
async def border(built: Border) -> AsyncIterator[Border]:
    for phone in (built.caller, built.damkar):
        await phone.behave(Answer(0.1))
        phone.forget()
    for wire in (built.neighbour, built.other):
        wire.calls.clear()
    before = len(built.centre.pbx.complaints())
    yield built
    for phone in (built.caller, built.damkar):
        for call in phone.calls:
            if not call.ended:
                await call.hangup()
    for wire in (built.neighbour, built.other):
        for one in wire.calls:
            await one.hangup()
    async with asyncio.timeout(NET_S):
        while "0 active channels" not in await built.channels():
            await asyncio.sleep(0.05)
    new = unexpected(built.centre.pbx.complaints()[before:])
    assert [line for line in new if not any(said in line for said in SAID)] == []


# ---------------------------------------------------------------- listening
def sockets(pid: int) -> dict[str, str]:
    """Return inode and kind of each socket of a process."""
    found = {}
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            link = str(descriptor.readlink())
            if link.startswith("socket:["):
                found[link[8:-1]] = link
    return found


def listening(pid: int) -> set[tuple[str, str, int]]:
    """Return protocol, address and port of all that a process takes connections or datagrams on."""
    held = sockets(pid)
    found = set()
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]:
            fields = line.split()
            host, port = fields[1].split(":")
            open_to_all = fields[3] == "0A" if kind.startswith("tcp") else fields[2].endswith(":0000")
            if fields[9] in held and open_to_all and int(port, 16):
                found.add((kind[:3], _address(host), int(port, 16)))
    return found


def _address(text: str) -> str:
    words = [struct.pack("=I", int(text[at : at + 8], 16)) for at in range(0, len(text), 8)]
    return str(ipaddress.ip_address(b"".join(words)))


async def test_pbx_and_service_listen_on_what_the_settings_say_and_on_nothing_else(border: Border) -> None:
    its = border.centre.settings
    pbx = listening(border.centre.pbx.pid or 0)
    assert {
        ("udp", its.sip_host, its.sip_port),
        ("tcp", its.sip_host, its.sip_port),
        ("tcp", its.ami_host, its.ami_port),
    } <= pbx
    assert not await unanswered(its.sip_host, its.sip_port, within_s=NET_S)  # so the question is one that SIP answers
    rest = {one for one in pbx if one[2] not in {its.sip_port, its.ami_port}}
    # What it sends from (copies of messages), at ports that the kernel chose: nothing that comes there is answered.
    assert len(rest) <= 2, rest
    assert {kind for kind, _, _ in rest} <= {"udp"}
    for _, _, port in rest:
        assert await unanswered(its.sip_host, port)
    assert listening(border.centre.service_pid or 0) == {
        ("tcp", its.agi_host, its.agi_port),
        ("tcp", its.api_host, its.api_port),
        ("udp", its.hep_host, its.hep_port),
    }


async def unanswered(host: str, port: int, *, within_s: float = 0.5) -> bool:
    """Ask by SIP at a port; True where nobody says anything in that time."""

    def ask() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
            raw.settimeout(within_s)
            raw.bind((host, 0))
            us = f"{host}:{raw.getsockname()[1]}"
            raw.sendto(
                (
                    f"OPTIONS sip:112@{host} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bKx\r\nMax-Forwards: 1\r\n"
                    f"From: <sip:x@{us}>;tag=x\r\nTo: <sip:112@{host}>\r\nCall-ID: x@{us}\r\nCSeq: 1 OPTIONS\r\n"
                    "Content-Length: 0\r\n\r\n"
                ).encode(),
                (host, port),
            )
            try:
                return not raw.recv(2048)
            except (TimeoutError, ConnectionRefusedError):
                return True

    return await asyncio.to_thread(ask)


# ---------------------------------------------------------------- strangers
@pytest.mark.parametrize(
    "forged", ["op1", "op2", "trunk-telco", "telco", "trunk-damkar", "anonymous", "112", "081234567890", "nobody"]
)
@pytest.mark.parametrize(
    "method", ["INVITE", "REGISTER", "OPTIONS", "SUBSCRIBE", "MESSAGE", "PUBLISH", "REFER", "NOTIFY"]
)
async def test_stranger_is_told_the_same_whoever_he_says_he_is(border: Border, forged: str, method: str) -> None:
    pbx = border.centre.settings.sip_host
    async with border.stranger(forged) as phone:
        us = f"<sip:{forged}@{pbx}>"
        more = f"Contact: {phone.contact}\r\nEvent: presence\r\nRefer-To: <sip:1@{pbx}>\r\nExpires: 60\r\n"
        answer = await phone.tried(method, f"sip:112@{pbx}", us, f"<sip:112@{pbx}>", more=more)
    assert status(answer) == 401
    assert "Asterisk" not in answer
    assert re.findall(r"^Server: *(.*?)\r?$", answer, re.MULTILINE) == ["callrouter"]
    own = r'nonce="[^"]*"|opaque="[^"]*"|^(Call-ID|From|To|CSeq|Via):.*$'
    same = re.sub(own, "", answer, flags=re.MULTILINE)
    assert border.told.setdefault("", same) == same
    contacts = await border.centre.pbx.rx("pjsip show contacts")
    assert border.centre.addresses.host(OTHER) not in contacts
    assert "0 active channels" in await border.channels()


@pytest.mark.parametrize("to", ["op1", "op2", "100", "*21", "s", "1", "tetangga"])
async def test_stranger_and_trunk_reach_no_operators_telephone(border: Border, to: str) -> None:
    uri = f"sip:{to}@{border.centre.settings.sip_host}"
    async with border.stranger("081") as phone:
        answer, _ = await phone.invite(uri)
        assert answer == 401
    answer, call = await border.neighbour.invite(uri)
    if answer == 200:  # whatever number a trunk gives leads to the emergency number
        assert "trunk-tetangga" in await border.centre.pbx.rx("core show channels")
        assert "PJSIP/op" not in await border.centre.pbx.rx("core show channels")
        await call.hangup()
    else:
        assert answer == 404


@pytest.mark.parametrize("secret", ["", "op1", "112", "guess"])
async def test_guessed_secret_of_an_operator_opens_nothing_and_is_said(border: Border, secret: str) -> None:
    log = border.centre.settings.pbx_dir / "log" / "security.log"
    before = log.stat().st_size if log.exists() else 0
    async with border.stranger("op1", secret=secret or "x") as phone:
        assert await phone.register() == 401
        assert (await phone.invite(f"sip:112@{phone.pbx}", us=f"<sip:op1@{phone.pbx}>"))[0] == 401
        theirs = f'RemoteAddress="IPV4/UDP/{phone.host}/5060"'.encode()

    def said() -> bool:
        lines = log.read_bytes()[before:].splitlines()
        return any(b'"ChallengeResponseFailed"' in line and theirs in line for line in lines)

    await until(said)


async def test_operators_right_secret_does_not_make_him_another(border: Border) -> None:
    async with border.stranger("op1", secret=border.centre.accounts["op1"]) as phone:
        assert await phone.register(user="op2") in {401, 403, 404}
        assert "op2/sip" not in await border.centre.pbx.rx("pjsip show contacts")
        assert await phone.register() == 200
        assert await phone.register(expires=0) == 200


async def test_flood_of_guesses_costs_no_call(border: Border) -> None:
    async with border.stranger("op1", secret="x") as phone:
        answered, said = asyncio.Event(), Counter[int]()

        async def guess() -> None:
            while not answered.is_set() or said.total() < GUESSES:
                said.update(await asyncio.gather(*(phone.register() for _ in range(10))))

        guessing = asyncio.create_task(guess())
        call = await border.caller.dial(border.centre.number, user="0814000000")
        await call.until_answered()
        answered.set()
        await guessing
        assert set(said) == {401}
    await call.hangup()
    await border.centre.incident_of("0814000000")


@pytest.mark.parametrize("size", [3_000, 30_000, 65_000])
async def test_message_that_is_far_too_long_is_dropped_or_served_and_harms_nobody(border: Border, size: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        raw.bind((border.neighbour.host, 0))
        raw.sendto(b"INVITE sip:112@x SIP/2.0\r\nX: " + b"A" * size, (border.centre.settings.sip_host, 5060))
    call = await border.caller.dial(border.centre.number, user=f"08150{size}")
    await call.until_answered()
    await call.hangup()
    await border.centre.incident_of(f"08150{size}")


# ---------------------------------------------------------------- what a caller may write
MARK = Path(tempfile.gettempdir()) / f"callrouter-was-here-{os.getpid()}"
NASTY = (
    f"${{SHELL(touch {MARK})}}",
    f"`touch {MARK}`; $(touch {MARK})",
    f"$[SHELL(touch {MARK})]",
    '"),System(touch x)',
    "&PJSIP/113@trunk-damkar",
    "|1|ended|x|y^z~!,",
    "%s%n%x%00",
    "A" * 2_000,
    "名🚒\u202e",
)
FIELDS = (
    "User-Agent: {}",
    "X-Callrouter-Call: {}",
    "X-Callrouter-Hops: {}",
    "Subject: {}",
    "Alert-Info: <{}>",
    "Call-Info: <{}>;purpose=EmergencyCallData",
    "Diversion: <sip:{}@x>;reason=unknown",
    "P-Asserted-Identity: <sip:{}@x>",
    'Remote-Party-ID: "{}" <sip:x@x>',
    "History-Info: <sip:{}@x>;index=1",
    "Geolocation: <{}>",
    "Referred-By: <sip:{}@x>",
    "Organization: {}",
    'Reason: SIP;cause=200;text="{}"',
)


@contextlib.asynccontextmanager
async def unread_in_time() -> AsyncIterator[None]:
    """What is no SIP is dropped unread: it is not waited for any longer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DROPPED_S):
            yield


@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
async def test_nothing_that_a_caller_writes_anywhere_is_carried_out(border: Border, nasty: str) -> None:
    host = border.neighbour.host
    sdp = (
        f"v=0\r\no={nasty} 1 1 IN IP4 {host}\r\ns={nasty}\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na={nasty}\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
    whole = "".join(field_.format(nasty) + "\r\n" for field_ in FIELDS)
    border.neighbour.user = "0820000001"
    served = 0
    tried = [(f"{one.format(nasty)}\r\n", None) for one in FIELDS] + [(whole, None), ("", sdp)]
    for more, body in tried:
        async with unread_in_time():
            answer, call = await border.neighbour.call(more=more, sdp=body)
            served += answer == 200
            if answer == 200:
                info = f"Signal={nasty}\r\nDuration=160\r\n"
                await call.request("INFO", "Content-Type: application/dtmf-relay\r\n", info)
                await call.hangup()
    assert served >= len(FIELDS) // 2
    assert not MARK.exists()
    assert "trunk-damkar" not in await border.centre.pbx.rx("core show channels")
    call_ = await border.caller.dial(border.centre.number, user="0820000002")
    await call_.until_answered()
    await call_.hangup()
    await border.centre.incident_of("0820000002")
    journal = b"".join(p.read_bytes() for p in border.centre.settings.journal_dir.glob("*.log"))
    assert all(line.startswith((b"1|opened|", b"1|ended|")) for line in journal.splitlines())


# ---------------------------------------------------------------- sound
async def test_sound_from_another_address_is_heard_by_nobody(border: Border) -> None:
    call = await border.caller.dial(border.centre.number, user="0816000001")
    await call.until_hears_speech()
    await call.digits("2")
    agency = await border.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    its = border.centre.settings
    tone = packets(INJECTED)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        raw.bind((border.centre.addresses.host(OTHER), 0))
        for n in range(50):
            for port in range(its.rtp_from, its.rtp_to + 1, 2):
                head = struct.pack("!BBHII", 0x80, 8, n, n * 160, 99)
                raw.sendto(head + tone[n % len(tone)], (its.sip_host, port))
            await asyncio.sleep(0.02)  # a frame
    await talk(call, agency, CALLER, DAMKAR)
    assert INJECTED not in call.report().heard
    assert INJECTED not in agency.report().heard
    await call.hangup()
    await border.centre.incident_of("0816000001")


async def test_caller_who_never_sends_a_sound_is_served_all_the_same(border: Border) -> None:
    border.neighbour.user = "0816000002"
    answer, call = await border.neighbour.call()
    assert answer == 200
    rtp = border.neighbour.rtp_peer
    assert rtp is not None
    assert its_range(border, rtp[1])
    await border.neighbour.until(lambda: len(border.neighbour.heard) > 0)
    await call.hangup()
    assert call_of(await border.centre.incident_of("0816000002"))["trunk"] == "tetangga"


def its_range(border: Border, port: int) -> bool:
    """True for a port of the range that the settings name."""
    return border.centre.settings.rtp_from <= port <= border.centre.settings.rtp_to


# ---------------------------------------------------------------- between centres
async def until_with_operators(border: Border, number: str) -> None:
    """Wait until a caller is where operators, or nobody, take his call."""
    async with asyncio.timeout(NET_S):
        while not any(
            row["number"] == number and row["stage"] in {"operator", "message"} for row in await border.centre.live()
        ):
            await asyncio.sleep(0.05)


async def test_call_that_went_through_too_many_centres_stays_with_our_operators(border: Border) -> None:
    for hops, handed_on in ((0, True), (MAX_HOPS - 1, True), (MAX_HOPS, False), (99, False)):
        border.other.calls.clear()
        border.neighbour.user = f"08170000{hops:02d}"
        answer, call = await border.neighbour.call(more=f"X-Callrouter-Hops: {hops}\r\n" if hops else "")
        assert answer == 200
        if handed_on:
            onward = await border.other.until_incoming()
            assert f"X-Callrouter-Hops: {hops + 1}\r\n" in onward.invite
        else:
            await until_with_operators(border, border.neighbour.user)
        await call.hangup()
        incident = await border.centre.incident_of(border.neighbour.user)
        first = results(incident)[0]
        assert first[0] == "lain/pusat"
        assert (first[1] == "full") == (not handed_on)
        if not handed_on:
            assert [r for r in results(incident)[1:] if r[0] == "operators"]
            assert not border.other.calls


@pytest.mark.parametrize("sent", ["-1", "abc", "${SHELL(id)}", "1+1", "9999999999", "", '"]&'])
async def test_count_of_centres_that_is_none_is_no_reason_to_lose_the_call(border: Border, sent: str) -> None:
    border.neighbour.user = f"0818{abs(hash(sent)) % 10_000_000:07d}"
    answer, call = await border.neighbour.call(more=f"X-Callrouter-Hops: {sent}\r\n")
    assert answer == 200
    await asyncio.sleep(0.3)
    assert not call.ended
    await call.hangup()
    await border.centre.incident_of(border.neighbour.user)


async def test_carrier_may_say_what_it_likes_of_centres(border: Border) -> None:
    call = await border.caller.dial(border.centre.number, user="0819000001", headers={"X-Callrouter-Hops": "99"})
    await call.until_hears_speech()
    await call.digits("1")
    onward = await border.other.until_incoming()
    assert "X-Callrouter-Hops: 1\r\n" in onward.invite
    await call.hangup()
    await border.centre.incident_of("0819000001")
