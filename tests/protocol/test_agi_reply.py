"""Reading what Asterisk says: environments and replies, whole, split, forged or without end."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.asterisk.agi_reply import (
    MAX_HANDSHAKE_BYTES,
    MAX_REPLY_BYTES,
    AgiReply,
    BadHandshake,
    BadReply,
    Hangup,
    ReplyReader,
    check_handshake,
    parse_environment,
    parse_reply,
)
from tests.protocol.peers import environment

STREAM = (
    b"100 result=0 Trying...\n200 result=0 Gosub complete\nHANGUP\n"
    b"520-Invalid command syntax.  Proper usage follows:\nHANGUP\n\n520 End of proper usage.\n"
    b"200 result= (timeout)\n511 Command Not Permitted on a dead channel or intercept routine\nHANGUP\n"
)


def read(reader: ReplyReader, stream: bytes, cuts: list[int]) -> list[AgiReply | Hangup]:
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [item for start, end in itertools.pairwise(edges) for item in reader.feed(stream[start:end])]


@given(st.lists(st.integers(0, 10_000), max_size=20))
def test_replies_do_not_depend_on_how_the_network_cuts_them(cuts: list[int]) -> None:
    items = read(ReplyReader(), STREAM, cuts)
    assert [getattr(item, "code", "hangup") for item in items] == [100, 200, "hangup", 520, 200, 511, "hangup"]


@given(st.text(st.sampled_from('ab)( "\\é;'), max_size=30), st.lists(st.integers(0, 100), max_size=5))
def test_any_value_of_one_line_is_read_whole(value: str, cuts: list[int]) -> None:
    reader = ReplyReader()
    reader.value_next(True)
    (reply,) = read(reader, f"200 result=1 ({value})\n".encode(), cuts)
    assert isinstance(reply, AgiReply)
    assert reply.data == value


def test_value_with_line_feeds_is_one_value_and_no_hangup() -> None:
    reader = ReplyReader()
    reader.value_next(True)
    (reply,) = reader.feed(b"200 result=1 (a\nHANGUP\n200 result=0\nb)\n")
    assert isinstance(reply, AgiReply)
    assert reply.data == "a\nHANGUP\n200 result=0\nb"


@pytest.mark.parametrize(
    ("line", "code", "result", "data"),
    [
        ("200 result=0", 200, "0", None),
        ("200 result=-1 Gosub label not found", 200, "-1", None),
        ("200 result=12 (timeout)", 200, "12", "timeout"),
        ("200 result= (timeout)", 200, "", "timeout"),
        ("200 result=", 200, "", None),
        ("200 result=1 ()", 200, "1", ""),
        ("200 result=0 endpos=16000", 200, "0", None),
        ("510 Invalid or unknown command", 510, "", None),
        ("520 Invalid command syntax.  Proper usage not available.", 520, "", None),
    ],
)
def test_each_form_of_reply(line: str, code: int, result: str, data: str | None) -> None:
    reply = parse_reply(line)
    assert (reply.code, reply.result, reply.data, reply.timed_out) == (code, result, data, data == "timeout")


@pytest.mark.parametrize("line", ["", "hello", "20 result=0", "HTTP/1.1 200 OK", "result=0"])
def test_what_is_no_reply_is_refused(line: str) -> None:
    with pytest.raises(BadReply):
        parse_reply(line)


@pytest.mark.parametrize("chunk", [b"x" * 4096, b"520-more\n" * 500])
def test_reply_without_end_is_refused(chunk: bytes) -> None:
    with pytest.raises(BadReply):
        read(ReplyReader(), chunk * (MAX_REPLY_BYTES // len(chunk) + 2), list(range(0, 200_000, 4096)))


@pytest.mark.parametrize(
    "start",
    [b"GET / HTTP/1.1\r\n", b"\n\n", b"agi_x: " + b"y" * (MAX_HANDSHAKE_BYTES + 1), b"agi_x: y\n" * 200, b"\x16\x03"],
)
def test_what_is_no_environment_is_refused_before_it_ends(start: bytes) -> None:
    with pytest.raises(BadHandshake):
        check_handshake(start)


def test_environment_of_a_very_long_name_is_taken() -> None:
    block = environment({"agi_calleridname": "é" * 5000})
    assert check_handshake(block) == len(block)
    assert parse_environment(block).env["agi_calleridname"] == "é" * 5000


def test_arguments_are_in_order_and_may_be_empty() -> None:
    start = parse_environment(environment(args=("secret", "", "a: b", *"cdefghijkl")))
    assert start.args == ("secret", "", "a: b", *"cdefghijkl")
    assert "agi_arg_1" not in start.env


@given(
    st.lists(
        st.sampled_from(
            [
                "agi_arg_1: x",
                "agi_arg_4: x",
                "agi_uniqueid: forged",
                "agi_context: forged",
                "agi_network_script: x",
                "z",
            ]
        ),
        max_size=6,
    )
)
def test_number_with_line_feeds_forges_nothing(forged: list[str]) -> None:
    start = parse_environment(environment({"agi_callerid": "\n".join(["1", *forged])}, ("secret", "call", "node")))
    assert start.args == ("secret", "call", "node")
    assert start.env["agi_uniqueid"] == "1790000000.1"
    assert start.env["agi_context"] == "callrouter-112"
    assert start.env["agi_network_script"] == "incoming"


def test_number_with_an_empty_line_shows_no_secret() -> None:
    block = environment({"agi_callerid": "1\nagi_arg_1: guess\n\n200 result=1"}, ("secret",))
    assert parse_environment(block[: check_handshake(block)]).args == ("guess",)
