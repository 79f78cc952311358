"""What packets tell of each call: times, sounds, messages that were sent again."""

from __future__ import annotations

import socket
from pathlib import Path

import dpkt  # type: ignore[import-untyped]
import pytest

from bench.arena import sounds
from bench.arena.calls import Scene, Seen, seen
from bench.arena.packets import Rtp, Sip, parse, read
from bench.stream import Address

CALLER, PBX, AGENCY = ("127.112.1.17", 5060), ("127.112.1.1", 5060), ("127.112.1.11", 5060)
SCENE = Scene(CALLER[0], AGENCY, PBX[0], "0812001")
CALLER_SOUND, AGENCY_SOUND = ("127.112.1.17", 20_000), ("127.112.1.11", 20_002)
PBX_SOUND = ("127.112.1.1", 16_000)
NUMBER = "081200100000"
SILENCE = b"\xd5" * 160
SPEECH = bytes(range(256))[:160]


def frame(source: Address, target: Address, data: bytes) -> bytes:
    udp = dpkt.udp.UDP(sport=source[1], dport=target[1], data=data, ulen=8 + len(data))
    ip = dpkt.ip.IP(
        src=socket.inet_aton(source[0]), dst=socket.inet_aton(target[0]), p=17, data=udp, len=28 + len(data)
    )
    return bytes(dpkt.ethernet.Ethernet(data=ip))


def message(
    start: str, cseq: str, *, number: str = NUMBER, call: str = "leg-1", sound: Address | None = None
) -> bytes:
    sdp = f"v=0\r\nc=IN IP4 {sound[0]}\r\nm=audio {sound[1]} RTP/AVP 8 101\r\n" if sound else ""
    head = (start, f"From: <sip:{number}@127.112.1.17>;tag=1", f"Call-ID: {call}", f"CSeq: {cseq}")
    return "\r\n".join([*head, f"Content-Length: {len(sdp)}", "", sdp]).encode()


def rtp(payload: bytes) -> bytes:
    return bytes(dpkt.rtp.RTP(_type=0x8008, seq=1, ts=160, ssrc=7, data=payload))


def request(method: str, uri: str = "112@127.112.1.1") -> str:
    return f"{method} sip:{uri} SIP/2.0"


Frames = list[tuple[float, Address, Address, bytes]]
TALK: Frames = [
    (10.0, CALLER, PBX, message(request("INVITE"), "1 INVITE", sound=CALLER_SOUND)),
    (10.01, PBX, CALLER, message("SIP/2.0 200 OK", "1 INVITE", sound=PBX_SOUND)),
    (10.02, PBX_SOUND, CALLER_SOUND, rtp(SILENCE)),
    (10.04, PBX_SOUND, CALLER_SOUND, rtp(SPEECH)),
    (10.5, CALLER, PBX, message(request("INFO"), "2 INFO")),
    (10.51, PBX, AGENCY, message(request("INVITE"), "77 INVITE", call="leg-2", sound=PBX_SOUND)),
    (10.52, AGENCY, PBX, message("SIP/2.0 180 Ringing", "77 INVITE", call="leg-2")),
    (10.6, PBX_SOUND, CALLER_SOUND, rtp(sounds.agency()[:160])),
    (10.7, AGENCY, PBX, message("SIP/2.0 200 OK", "77 INVITE", call="leg-2", sound=AGENCY_SOUND)),
    (10.71, PBX_SOUND, AGENCY_SOUND, rtp(SPEECH)),
    (10.72, PBX_SOUND, CALLER_SOUND, rtp(sounds.agency()[:160])),
    (10.75, PBX_SOUND, AGENCY_SOUND, rtp(sounds.caller()[:160])),
]


def watched(frames: Frames) -> Seen:
    packets = [parse(at, frame(source, target, data)) for at, source, target, data in frames]
    return seen([packet for packet in packets if packet is not None], SCENE)


def test_each_moment_of_a_call_is_taken_from_its_packet() -> None:
    found = watched(TALK)
    assert list(found.calls) == [NUMBER]
    assert found.digit_to_invite_s == [pytest.approx(0.01)]
    assert found.invite_to_sound_s == [pytest.approx(0.04)]
    assert found.human_to_both_s == [pytest.approx(0.05)]
    assert found.again == 0


def test_sound_of_the_agency_before_it_answered_does_not_count() -> None:
    call = watched(TALK).calls[NUMBER]
    assert call.human == 10.7
    assert call.hears == 10.72


def test_call_that_never_reached_the_agency_has_no_time() -> None:
    found = watched(TALK[:5])
    assert found.digit_to_invite_s == []
    assert found.calls[NUMBER].pressed == 10.5
    assert found.calls[NUMBER].reached is None


def test_repeated_requests_and_final_answers_count_and_the_first_time_stands() -> None:
    info, ok = TALK[4], TALK[8]
    again: Frames = [(at + 0.3, source, target, data) for at, source, target, data in (info, ok)]
    found = watched([*TALK, *again])
    assert found.again == 2
    assert found.calls[NUMBER].pressed == 10.5


def test_repeated_ringing_and_questions_for_life_count_not() -> None:
    ringing = TALK[6]
    question = (9.0, PBX, AGENCY, message(request("OPTIONS", "a@b"), "5 OPTIONS", call="alive"))
    found = watched([question, question, *TALK, ringing])
    assert found.again == 0
    assert list(found.calls) == [NUMBER]


def test_what_another_pbx_or_an_earlier_wave_still_sends_does_not_count() -> None:
    earlier = message(request("INVITE"), "9 INVITE", number="081200000000", call="old")
    other_sound = ("127.112.1.9", 16_000)
    old: Frames = [(10.001, PBX, AGENCY, earlier), (10.002, PBX, AGENCY, earlier)]
    loud: Frames = [(10.015, other_sound, CALLER_SOUND, rtp(SPEECH))]
    found = watched([TALK[0], *old, TALK[1], *loud, *TALK[2:]])
    assert found.again == 0
    assert list(found.calls) == [NUMBER]
    assert found.calls[NUMBER].greeted == 10.04


def test_message_of_the_other_side_that_is_sent_again_counts() -> None:
    bye = message("BYE sip:a@127.112.1.17 SIP/2.0", "8 BYE", number="112", call="leg-1")
    found = watched([*TALK, (11.0, PBX, CALLER, bye), (11.5, PBX, CALLER, bye)])
    assert found.again == 1


def test_port_that_is_used_again_belongs_to_the_later_call() -> None:
    later = "081200100001"
    again: Frames = [
        (20.0, CALLER, PBX, message(request("INVITE"), "1 INVITE", number=later, call="leg-3", sound=CALLER_SOUND)),
        (20.2, PBX_SOUND, CALLER_SOUND, rtp(SPEECH)),
    ]
    found = watched([*TALK, *again])
    assert found.calls[later].greeted == 20.2
    assert found.calls[NUMBER].greeted == 10.04


def test_rate_is_that_of_the_calls_that_were_begun() -> None:
    begun: Frames = [
        (n * 0.1, CALLER, PBX, message(request("INVITE"), "1 INVITE", number=f"0812001{n}", call=f"leg-{n}"))
        for n in range(11)
    ]
    assert watched(begun).rate == pytest.approx(10)
    assert watched([]).rate == 0


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80", b"SIP/2.0 what", message(request("INVITE"), "1 INVITE", sound=CALLER_SOUND)[:-10], b"\x00" * 40],
    ids=["empty", "short", "no-status", "cut-off", "zeros"],
)
def test_what_is_no_whole_message_is_left_out(data: bytes) -> None:
    assert parse(1.0, frame(CALLER, PBX, data)) is None


def test_reports_of_rtp_are_no_sound() -> None:
    report = b"\x81\xc9\x00\x07" + b"\x00" * 28
    assert parse(1.0, frame(PBX_SOUND, CALLER_SOUND, report)) is None
    assert isinstance(parse(1.0, frame(PBX_SOUND, CALLER_SOUND, rtp(SPEECH))), Rtp)


def test_capture_is_read_in_its_order_with_its_times(tmp_path: Path) -> None:
    file = tmp_path / "calls.pcap"
    with file.open("wb") as stream:
        writer = dpkt.pcap.Writer(stream)
        for at, source, target, data in TALK:
            writer.writepkt(frame(source, target, data), ts=at)
        writer.writepkt(b"\xff" * 20, ts=11.0)
    found = list(read(file))
    assert [packet.at for packet in found] == [pytest.approx(at, abs=2e-6) for at, *_ in TALK]
    first = found[0]
    assert isinstance(first, Sip)
    assert (first.status, first.method, first.user, first.sound) == (None, "INVITE", NUMBER, CALLER_SOUND)


def test_file_that_is_no_capture_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "no.pcap"
    file.write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match="tcpdump"):
        list(read(file))


def test_the_two_sounds_are_told_from_each_other_from_speech_and_from_silence() -> None:
    packets = {"caller": sounds.caller()[:160], "agency": sounds.agency()[:160], "speech": SPEECH, "silence": SILENCE}
    assert [name for name, data in packets.items() if sounds.is_caller(data)] == ["caller"]
    assert [name for name, data in packets.items() if sounds.is_agency(data)] == ["agency"]
    assert [name for name, data in packets.items() if sounds.is_sound(data)] == ["caller", "agency", "speech"]


def test_sound_that_begins_late_in_a_packet_is_not_yet_theirs() -> None:
    assert not sounds.is_caller(SILENCE[:100] + sounds.caller()[:60])
    assert sounds.is_caller(SILENCE[:60] + sounds.caller()[:100])
