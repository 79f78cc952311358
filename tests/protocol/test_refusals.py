"""Which INVITEs count as refused: read from the messages alone, each once, and never for a caller's pretending."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.asterisk.hep import Address, Captured
from callrouter.asterisk.refusals import MAX_FOLLOWED, PROOF_US, OwnAddresses, Refusals, locally_towards
from callrouter.asterisk.sip import MAX_HEAD, Invite, Reply, number_of, read, tells_of_invite
from callrouter.calls.ports import CallRefused

AT = 1_795_297_355_000_000
PBX = Address("192.0.2.1", 5060)
TELCO = Address("198.51.100.7", 5060)
AGENCY = Address("203.0.113.4", 5060)


def headers(
    call_id: str = "a@x", cseq: int = 1, branch: str = "z9hG4bK1", to_tag: str = "", user: str = "0812"
) -> str:
    return (
        f"Via: SIP/2.0/UDP 198.51.100.7:5060;branch={branch};rport\r\n"
        f'From: "Ibu" <sip:{user}@198.51.100.7>;tag=7\r\n'
        f"To: <sip:112@192.0.2.1>{to_tag}\r\n"
        f"Call-ID: {call_id}\r\nCSeq: {cseq} INVITE\r\n"
    )


def invite(source: Address = TELCO, target: Address = PBX, **fields: object) -> Captured:
    text = f"INVITE sip:112@192.0.2.1 SIP/2.0\r\n{headers(**fields)}\r\nv=0\r\n"  # type: ignore[arg-type]
    return Captured(AT, source, target, text.encode())


def reply(
    status: int = 488,
    reason: str = "Not Acceptable Here",
    source: Address = PBX,
    target: Address = TELCO,
    **fields: object,
) -> Captured:
    text = f"SIP/2.0 {status} {reason}\r\n{headers(**fields)}\r\n"  # type: ignore[arg-type]
    return Captured(
        AT + 1_000, source, target, text.replace("To: <sip:112@192.0.2.1>", "To: <sip:112@192.0.2.1>;tag=9").encode()
    )


def given_refusals(room: int = 1_000_000, own: OwnAddresses | None = None) -> tuple[Refusals, list[CallRefused]]:
    """Return refusals that land in a list with so much room."""
    notes: list[CallRefused] = []

    def put(note: CallRefused) -> bool:
        if len(notes) >= room:
            return False
        notes.append(note)
        return True

    own = own or OwnAddresses(PBX.host, PBX.port, towards=lambda _host: PBX.host)
    return Refusals("pbx1", own, {TELCO.host: "telco"}, put), notes


def seen(*messages: Captured) -> list[CallRefused]:
    refusals, notes = given_refusals()
    for message in messages:
        refusals.see(message)
    return notes


def test_a_refusal_says_when_where_why_and_who() -> None:
    (note,) = seen(invite(), reply(100, "Trying"), reply())
    assert (note.at, note.node, note.status, note.reason) == (AT + 1_000, "pbx1", 488, "Not Acceptable Here")
    assert (note.trunk, note.source, note.number) == ("telco", TELCO.host, "0812")


def test_a_source_that_is_no_trunk_has_no_trunk() -> None:
    (note,) = seen(invite(source=AGENCY), reply(404, "Not Found", target=AGENCY))
    assert (note.trunk, note.source) == ("", AGENCY.host)


@pytest.mark.parametrize("status", [400, 403, 404, 415, 420, 480, 488, 500, 503, 600, 603, 606, 699])
def test_every_final_refusal_counts(status: int) -> None:
    assert [note.status for note in seen(invite(), reply(status))] == [status]


def later(message: Captured, by_us: int) -> Captured:
    return replace(message, at=message.at + by_us)


def with_line(message: Captured, line: str) -> Captured:
    return replace(message, message=message.message.replace(b"\r\nCSeq:", f"\r\n{line}\r\nCSeq:".encode()))


PROOF = 'Authorization: Digest username="op1", response="0"'


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_counts_once_no_proof_came_for_it(status: int) -> None:
    other = invite(call_id="b@x")
    assert seen(invite(), reply(status), later(other, PROOF_US)) == []
    (note,) = seen(invite(), reply(status), later(other, PROOF_US + 1_000), later(other, 9 * PROOF_US))
    assert (note.status, note.number, note.at) == (status, "0812", AT + 1_000)


def test_a_challenge_that_was_answered_with_a_proof_does_not_count() -> None:
    again = with_line(invite(cseq=2), PROOF)
    after = later(invite(call_id="b@x"), 9 * PROOF_US)
    assert seen(invite(), reply(401), again, reply(200, cseq=2), after) == []


def test_a_wrong_proof_counts_at_once_and_one_that_is_only_old_does_not() -> None:
    again = with_line(invite(cseq=2), PROOF)
    (note,) = seen(invite(), reply(401), again, reply(401, cseq=2))
    assert note.status == 401
    stale = with_line(reply(401, cseq=2), 'WWW-Authenticate: Digest realm="x", stale=true')
    assert seen(invite(), reply(401), again, stale) == []


def test_challenges_without_a_proof_are_bounded_and_none_is_forgotten_uncounted() -> None:
    refusals, notes = given_refusals()
    for n in range(MAX_FOLLOWED + 3):
        refusals.see(invite(call_id=f"{n}@x"))
        refusals.see(reply(401, call_id=f"{n}@x"))
    assert len(notes) == 3
    refusals.see(later(invite(), 9 * PROOF_US))
    assert len(notes) == MAX_FOLLOWED + 3


@pytest.mark.parametrize("status", [100, 180, 183, 200, 302, 401, 407, 487])
def test_what_is_no_refusal_does_not_count(status: int) -> None:
    assert seen(invite(), reply(status)) == []


@pytest.mark.parametrize("first", [180, 183, 200])
def test_a_call_that_the_dialplan_took_is_not_refused_by_its_end(first: int) -> None:
    assert seen(invite(), reply(100), reply(first), reply(603, "Decline")) == []


def test_repetitions_count_once() -> None:
    assert len(seen(invite(), reply(), reply(), invite(), reply())) == 1


def test_a_call_with_another_cseq_or_branch_or_id_is_another_call() -> None:
    others: list[dict[str, object]] = [{"cseq": 2}, {"branch": "z9hG4bK2"}, {"call_id": "b@x"}]
    messages = [m for other in others for m in (invite(**other), reply(**other))]
    notes = seen(invite(), reply(), *messages)
    assert len({note.id for note in notes}) == 4


def test_a_refusal_has_the_same_id_after_a_restart() -> None:
    assert seen(invite(), reply())[0].id == seen(invite(), reply())[0].id


def test_a_refused_change_of_a_call_that_is_up_does_not_count() -> None:
    assert seen(invite(to_tag=";tag=9"), reply()) == []


def test_a_refusal_whose_invite_was_not_seen_does_not_count() -> None:
    assert seen(reply()) == []


def test_a_busy_agency_is_no_refusal_of_ours() -> None:
    assert seen(invite(source=PBX, target=AGENCY), reply(486, "Busy Here", source=AGENCY, target=PBX)) == []


def test_a_caller_cannot_pretend_to_be_refused() -> None:
    forged = reply(488, "forged", source=TELCO, target=PBX)
    assert [note.reason for note in seen(invite(), forged, reply(404, "Not Found"))] == ["Not Found"]


def test_without_room_a_refusal_is_counted_as_lost() -> None:
    refusals, notes = given_refusals(room=1)
    for n in range(3):
        refusals.see(invite(call_id=f"{n}@x"))
        refusals.see(reply(call_id=f"{n}@x"))
    assert (len(notes), refusals.refused, refusals.lost) == (1, 3, 2)


def test_memory_is_bounded_and_the_newest_invites_are_kept() -> None:
    refusals, notes = given_refusals()
    for n in range(MAX_FOLLOWED + 10):
        refusals.see(invite(call_id=f"{n}@x"))
    assert refusals.followed == MAX_FOLLOWED
    refusals.see(reply(call_id="0@x"))
    assert notes == []
    refusals.see(reply(call_id=f"{MAX_FOLLOWED + 9}@x"))
    assert len(notes) == 1


def test_which_end_is_the_pbx_is_told_on_loopback_where_the_copy_names_another_address() -> None:
    # Measured on Asterisk 22.10.1 with the PBX at 127.112.2.1: the copies say 127.0.0.1.
    own = OwnAddresses("127.112.2.1", 5060)
    pbx, far, near = Address("127.0.0.1", 5060), Address("127.112.2.10", 5060), Address("127.0.0.1", 40000)
    assert own.received(Captured(AT, far, pbx, b"")) is True
    assert own.received(Captured(AT, pbx, far, b"")) is False
    assert own.received(Captured(AT, near, pbx, b"")) is True
    assert own.received(Captured(AT, pbx, near, b"")) is False
    assert own.received(Captured(AT, pbx, pbx, b"")) is None


def test_an_invite_between_strangers_is_not_followed() -> None:
    refusals, notes = given_refusals()
    refusals.see(invite(source=TELCO, target=AGENCY))
    refusals.see(reply(source=AGENCY, target=TELCO))
    assert (notes, refusals.unplaced, refusals.followed) == ([], 1, 0)


def test_an_address_without_a_way_is_nobodys() -> None:
    assert locally_towards("127.0.0.77") == "127.0.0.1"
    assert locally_towards("255.255.255.255") == ""


@pytest.mark.parametrize(
    ("header", "number"),
    [
        ('"Ibu" <sip:0812@telco>;tag=1', "0812"),
        ("<sip:+62812@telco;user=phone>;tag=1", "+62812"),
        ("sip:0812@telco;tag=1", "0812"),
        ("<SIPS:0812:secret@telco>", "0812"),
        ("<tel:+62-812;phone-context=id>", "+62-812"),
        ("<sip:%2B62812@telco>", "+62812"),
        ("<sip:a%00%ff@telco>", "a\0\ufffd"),
        ('"<sip:1@evil>" <sip:0812@telco>', "0812"),
        (r'"\"<sip:1@evil>" <sip:0812@telco>', "0812"),
        ("<sip:telco>", ""),
        ("<http://x>", ""),
        ("", ""),
        ("<sip:" + "9" * 500 + "@telco>", "9" * 64),
    ],
)
def test_the_number_is_the_user_part_of_from(header: str, number: str) -> None:
    assert number_of(header.encode()) == number


def test_compact_folded_and_oddly_written_headers_are_read() -> None:
    usual = read(invite().message)
    odd = (
        b"\r\nINVITE sip:112@192.0.2.1 SIP/2.0\n"
        b"v : SIP/2.0/UDP 198.51.100.7:5060;rport\r\n  ;Branch = z9hG4bK1, SIP/2.0/UDP 1.2.3.4;branch=other\r\n"
        b"VIA: SIP/2.0/UDP 1.2.3.4;branch=third\n"
        b"F:\r\n\t<sip:0812@198.51.100.7>;tag=7\r\nt: sip:112@192.0.2.1\r\ni: a@x\r\ncseq: 0001  INVITE\r\n\r\n"
        b"Call-ID: in the body\r\n"
    )
    assert isinstance(usual, Invite)
    assert read(odd) == usual


def test_other_methods_are_passed_over() -> None:
    for method in ("OPTIONS", "REGISTER", "BYE", "invite"):
        assert read(f"{method} sip:x SIP/2.0\r\n{headers()}\r\n".encode()) is None
    assert read(reply().message.replace(b"1 INVITE", b"1 BYE")) is None


_HEADER = st.sampled_from(
    [
        b"CSeq: 1 INVITE",
        b"cseq\t:\r\n 7  INVITE",
        b"CSEQ:2 BYE",
        b"Call-ID: a",
        b"i:b",
        b"X: CSeq: 1 INVITE",
        b"\t1 INVITE",
    ]
)


@given(
    st.sampled_from(
        [b"INVITE sip:112@x SIP/2.0", b"SIP/2.0 200 OK", b"\r\n\r\nSIP/2.0 488 No", b"SIP/2.0 100 Trying", b"BYE x"]
    ),
    st.lists(_HEADER, max_size=6),
    st.sampled_from([b"\r\n", b"\n"]),
)
def test_whatever_tells_of_an_invite_is_seen_at_a_glance(first: bytes, lines: list[bytes], end: bytes) -> None:
    message = end.join([first, *lines, b"", b"v=0"])
    found = read(message)
    assert tells_of_invite(message) or found is None or (isinstance(found, Reply) and found.status == 100)


@pytest.mark.parametrize("line", ["BYE x SIP/2.0", "ACK x SIP/2.0", "SIP/2.0 100 Trying", "OPTIONS x SIP/2.0"])
def test_most_messages_are_left_aside_at_a_glance(line: str) -> None:
    assert not tells_of_invite(f"{line}\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\n\r\n".encode())
    assert not tells_of_invite(b"SIP/2.0 200 OK\r\nCall-ID: a\r\nCSeq: 2 BYE\r\n\r\nCSeq")


@given(st.binary(max_size=300), st.sampled_from([b"", b"INVITE ", b"SIP/2.0 ", b"SIP/2.0 488 "]))
def test_no_bytes_make_reading_fail(body: bytes, begin: bytes) -> None:
    read(begin + body)


@given(st.lists(st.binary(max_size=40), max_size=12), st.booleans())
def test_no_header_makes_reading_fail(lines: list[bytes], answer: bool) -> None:
    names = [b"Via: ", b"f: ", b"To:", b"Call-ID:", b"CSeq: 1 ", b" ", b""]
    text = b"\r\n".join(names[n % len(names)] + line for n, line in enumerate(lines))
    found = read((b"SIP/2.0 488 x\r\n" if answer else b"INVITE x\r\n") + headers().encode() + text + b"\r\n\r\n")
    assert isinstance(found, Reply if answer else Invite)


@pytest.mark.parametrize(
    "filler",
    [b"\n", b":\n", b" \n", b'"\\', b"<", b";branch=", b";tag", b"a" * 50 + b"\r\n", b"%", b"v:"],
    ids=repr,
)
def test_reading_time_of_the_worst_message_does_not_explode(filler: bytes) -> None:
    for begin in (b"INVITE x\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\n", b"SIP/2.0 488 "):
        for header in (b"", b"From: ", b"Via: ", b"To: "):
            message = begin + header + filler * (60_000 // len(filler))
            spent = []
            for _ in range(3):
                started = time.thread_time()
                read(message)
                spent.append(time.thread_time() - started)
            assert min(spent) < 0.1, (begin, header)  # 2 ms measured; what grows faster takes seconds
    assert MAX_HEAD < 60_000
