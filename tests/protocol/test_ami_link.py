"""The link as the service uses it: kept up, watched, in order, with the whole state asked for after each login."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from callrouter.asterisk import ami
from callrouter.asterisk.ami import AmiEvent, AmiLink, AmiRefused, AmiUnavailable
from callrouter.asterisk.ami_protocol import MAX_MESSAGE_BYTES, BadStream, MessageReader, parse_headers
from callrouter.asterisk.quoting import UnsafeArgument
from tests.protocol.peers import FakeManager, field, packet, says, silent, until


class Board:
    """What a user of the link sees of it."""

    def __init__(self) -> None:
        self.events: list[AmiEvent] = []
        self.states = 0
        self.on_login: Callable[[], Awaitable[None]] = self._count

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.events]

    async def _count(self) -> None:
        self.states += 1


@contextlib.asynccontextmanager
async def linked(pbx: FakeManager, board: Board, **settings: Any) -> AsyncIterator[AmiLink]:
    async def on_login() -> None:
        await board.on_login()

    options: dict[str, Any] = {"ping_s": 0.1, "dead_s": 1.0, "backoff": (0.02, 0.1), "refused_s": 0.2, **settings}
    link = AmiLink(
        host="127.0.0.1",
        port=pbx.port,
        username="callrouter",
        secret="secret",
        name="test",
        on_event=board.events.append,
        on_login=on_login,
        **options,
    )
    task = asyncio.ensure_future(link.run())
    try:
        yield link
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def pbx() -> AsyncIterator[FakeManager]:
    async with FakeManager() as manager:
        yield manager


@pytest.fixture
def board() -> Board:
    return Board()


async def test_login_is_followed_by_asking_for_the_whole_state(pbx: FakeManager, board: Board) -> None:
    pbx.replies["coreshowchannels"] = says(
        "Response: Success\nActionID: {id}\nEventList: start\nMessage: Channels will follow",
        "Event: CoreShowChannel\nActionID: {id}\nChannel: a",
        "Event: CoreShowChannel\nActionID: {id}\nChannel: b",
        "Event: CoreShowChannelsComplete\nActionID: {id}\nEventList: Complete\nListItems: 2",
    )
    channels: list[str] = []

    async with linked(pbx, board) as link:

        async def on_login() -> None:
            answer = await link.action("CoreShowChannels", listing="CoreShowChannelsComplete")
            channels.extend(event.fields["Channel"] for event in answer.events)

        board.on_login = on_login
        assert await until(lambda: channels == ["a", "b"])
        assert link.connected
        assert board.events == []
        login = pbx.actions[0]
        assert (field(login, "Username"), field(login, "Secret")) == ("callrouter", "secret")
        pbx.drop()
        assert await until(lambda: channels == ["a", "b"] * 2)
        assert link.counters.logins == 2
        assert link.counters.lost == 1


async def test_state_is_asked_for_only_after_the_events_before_it_are_handed_on(
    pbx: FakeManager, board: Board
) -> None:
    pbx.replies["login"] = says(
        *(f"Event: Old\nNumber: {n}" for n in range(500)), "Response: Success\nActionID: {id}", "Event: New"
    )
    seen: list[int] = []

    async def on_login() -> None:
        seen.append(len(board.events))

    board.on_login = on_login
    async with linked(pbx, board):
        assert await until(lambda: bool(seen))
        assert seen[0] >= 500


async def test_state_is_asked_for_again_when_the_pbx_has_booted(pbx: FakeManager, board: Board) -> None:
    async with linked(pbx, board):
        assert await until(lambda: board.states == 1)
        await pbx.send("Event: FullyBooted\nStatus: Fully Booted")
        assert await until(lambda: board.states == 2)


async def test_full_queue_drops_counts_and_asks_for_the_state(pbx: FakeManager, board: Board) -> None:
    async with linked(pbx, board, queue_max=100) as link:
        assert await until(lambda: board.states == 1)
        with capture_logs() as logs:
            await pbx.send(packet(*(f"Event: E\nNumber: {n}" for n in range(1000))))
            assert await until(lambda: board.states == 2)
        counters = link.counters
        assert counters.dropped > 0
        assert counters.events == 1000 == counters.dropped + len(board.events)
        assert counters.overflows == [entry["event"] for entry in logs].count("ami.queue_full") >= 1
        numbers = [int(event.fields["Number"]) for event in board.events]
        assert numbers == sorted(numbers)
        assert link.connected


async def test_state_that_could_not_be_asked_for_is_asked_for_again(pbx: FakeManager, board: Board) -> None:
    pbx.replies["status"] = says("Response: Error\nActionID: {id}\nMessage: Permission denied")
    async with linked(pbx, board) as link:

        async def on_login() -> None:
            board.states += 1
            await link.action("Status", listing="StatusComplete")

        board.on_login = on_login
        assert await until(lambda: board.states >= 3)
        assert link.connected
        assert link.counters.resync_failed >= 2
        assert pbx.connections == 1


async def test_defect_in_asking_for_the_state_does_not_end_the_link(pbx: FakeManager, board: Board) -> None:
    async def on_login() -> None:
        board.states += 1
        raise KeyError("a defect")

    board.on_login = on_login
    async with linked(pbx, board) as link:
        assert await until(lambda: board.states >= 2)
        assert link.connected
        assert pbx.connections == 1


async def test_request_for_the_state_that_hangs_is_given_up(
    pbx: FakeManager, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ami, "RESYNC_S", 0.1)

    async def on_login() -> None:
        board.states += 1
        await asyncio.Event().wait()

    board.on_login = on_login
    async with linked(pbx, board):
        assert await until(lambda: board.states >= 2)


async def test_events_of_one_read_come_in_order_with_repeated_headers(pbx: FakeManager, board: Board) -> None:
    async with linked(pbx, board) as link:
        assert await until(lambda: link.connected)
        await pbx.send("Event: Hangup\nChanVariable: A=1\nChannel: x\nChanVariable: B=2\nEmpty: ")
        assert await until(lambda: bool(board.events))
        event = board.events[0]
        assert event.fields == {"Event": "Hangup", "ChanVariable": "A=1", "Channel": "x", "Empty": ""}
        assert event.all("ChanVariable") == ("A=1", "B=2")
        assert event.all("Missing") == ()


async def test_output_of_a_command_is_all_there(pbx: FakeManager, board: Board) -> None:
    pbx.replies["command"] = says(
        "Response: Success\nActionID: {id}\nMessage: Command output follows\nOutput: one: 1\nOutput: \nOutput: two"
    )
    async with linked(pbx, board) as link:
        assert await until(lambda: link.connected)
        answer = await link.action("Command", Command="core show channels")
        assert answer.all("Output") == ("one: 1", "", "two")


async def test_repeated_fields_are_sent_one_by_one(pbx: FakeManager, board: Board) -> None:
    async with linked(pbx, board) as link:
        assert await until(lambda: link.connected)
        await link.action("Originate", Channel="Local/s@x", Variable=["A=1", "B=2"], Timeout=30000, EarlyMedia=True)
        sent = next(action for action in pbx.actions if field(action, "Action") == "Originate")
        assert [value for key, value in sent if key == "Variable"] == ["A=1", "B=2"]
        assert (field(sent, "Timeout"), field(sent, "EarlyMedia"), field(sent, "Async")) == ("30000", "true", "true")


async def test_refusal_carries_the_message(pbx: FakeManager, board: Board) -> None:
    pbx.replies["queueadd"] = says("Response: Error\nActionID: {id}\nMessage: Unable to add interface: Already there")
    async with linked(pbx, board) as link:
        assert await until(lambda: link.connected)
        with pytest.raises(AmiRefused, match="Already there"):
            await link.action("QueueAdd", Queue="ops", Interface="PJSIP/ops1")
        with pytest.raises(AmiRefused, match="Already there"):
            await link.action("QueueAdd", listing="NeverComplete", Queue="ops")


async def test_list_that_never_ends_fails_in_time(pbx: FakeManager, board: Board) -> None:
    pbx.replies["status"] = says("Response: Success\nActionID: {id}", "Event: Status\nActionID: {id}")
    async with linked(pbx, board) as link:
        assert await until(lambda: link.connected)
        with pytest.raises(AmiUnavailable, match=r"within 0\.1 s"):
            await link.action("Status", within_s=0.1, listing="StatusComplete")
        assert link.connected


async def test_unsafe_field_is_refused_before_anything_is_sent(pbx: FakeManager, board: Board) -> None:
    async with linked(pbx, board) as link:
        assert await until(lambda: link.connected)
        with pytest.raises(UnsafeArgument):
            await link.action("Setvar", Variable="X", Value="a\nb")
        assert pbx.count("Setvar") == 0


async def test_action_is_unavailable_while_logged_out_and_fails_with_the_connection(
    pbx: FakeManager, board: Board
) -> None:
    pbx.replies["status"] = silent
    async with linked(pbx, board) as link:
        with pytest.raises(AmiUnavailable, match="not logged in"):
            await link.action("Status")
        assert await until(lambda: link.connected)
        asked = asyncio.ensure_future(link.action("Status", within_s=60))
        assert await pbx.wait_for("Status")
        pbx.drop()
        with pytest.raises(AmiUnavailable, match="lost"):
            await asked
        assert await until(lambda: link.counters.logins == 2)
        assert pbx.count("Status") == 1


async def test_half_open_link_is_given_up_and_made_anew(pbx: FakeManager, board: Board) -> None:
    async with linked(pbx, board) as link:
        assert await until(lambda: link.connected)
        pbx.mute = True
        assert await until(lambda: not link.connected)
        pbx.mute = False
        assert await until(lambda: link.connected)
        assert await until(lambda: board.states == 2)


async def test_answer_to_ping_that_is_no_pong_gives_the_link_up(pbx: FakeManager, board: Board) -> None:
    pbx.replies["ping"] = says("Response: Success\nActionID: {id}\nPing: Pang")
    async with linked(pbx, board) as link:
        assert await until(lambda: link.counters.lost >= 1)


def test_default_limits_notice_a_dead_link_within_ten_seconds() -> None:
    defaults = AmiLink.__init__.__kwdefaults__
    assert defaults["dead_s"] < 10


@pytest.mark.parametrize(
    "greeting", [b"", b"Asterisk Call", b"SSH-2.0-OpenSSH\r\n", b"Asterisk Call Manager/" + b"1" * 900]
)
async def test_pbx_that_does_not_greet_gets_no_password(
    pbx: FakeManager, board: Board, greeting: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ami, "LOGIN_S", 0.1)
    pbx.greeting = greeting
    async with linked(pbx, board) as link:
        assert await until(lambda: pbx.connections >= 3)
        assert pbx.actions == []
        pbx.greeting = b"Asterisk Call Manager/11.0.0\r\n"
        assert await until(lambda: link.connected)


async def test_stalled_login_is_given_up(pbx: FakeManager, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ami, "LOGIN_S", 0.1)
    pbx.replies["login"] = silent
    async with linked(pbx, board) as link:
        assert await pbx.wait_for("Login", times=2)
        assert not link.connected
        del pbx.replies["login"]
        assert await until(lambda: link.connected)


async def test_message_without_end_gives_the_link_up(pbx: FakeManager, board: Board) -> None:
    async with linked(pbx, board, ping_s=30, dead_s=60) as link:
        assert await until(lambda: link.connected)
        with contextlib.suppress(ConnectionError):
            await pbx.send(b"Event: " + b"x" * (MAX_MESSAGE_BYTES + 10))
        assert await until(lambda: link.counters.lost == 1)


async def test_pauses_between_attempts_grow_and_are_uneven(pbx: FakeManager, board: Board) -> None:
    async with linked(pbx, board, backoff=(0.2, 5.0)) as link:
        for failures in range(12):
            pauses = {link._pause(failures) for _ in range(50)}
            longest = min(5.0, 0.2 * 2**failures)
            assert longest / 2 <= min(pauses) < max(pauses) <= longest
        assert link._pause(10_000) <= 5.0


async def test_refused_login_waits_longer_than_a_lost_connection(pbx: FakeManager, board: Board) -> None:
    pbx.accept_login = False
    with capture_logs() as logs:
        async with linked(pbx, board, refused_s=30) as link:
            assert await until(lambda: link.counters.refused == 1)
            assert not await until(lambda: pbx.connections > 1, 0.5)
    (said,) = [entry for entry in logs if entry["event"] == "ami.login_refused"]
    assert said["log_level"] == "error"
    assert "Authentication failed" in said["reason"]
    assert "secret" not in str({key: value for key, value in said.items() if key != "remedy"})


async def test_link_comes_up_when_the_pbx_does(pbx: FakeManager, board: Board) -> None:
    await pbx.shut()
    async with linked(pbx, board) as link:
        await asyncio.sleep(0.1)
        assert not link.connected
        await pbx.listen()
        assert await until(lambda: link.connected)


async def test_cancelled_link_leaves_nothing(pbx: FakeManager, board: Board) -> None:
    before = asyncio.all_tasks()
    async with linked(pbx, board) as link:
        assert await until(lambda: link.connected)
    assert not link.connected
    with pytest.raises(AmiUnavailable):
        await link.action("Status")
    assert await until(lambda: asyncio.all_tasks() <= before)


async def test_error_in_on_event_is_counted_and_logged(pbx: FakeManager) -> None:
    board = Board()
    board.events = _Refusing()
    async with linked(pbx, board) as link:
        assert await until(lambda: link.connected)
        with capture_logs() as logs:
            await pbx.send("Event: First", "Event: Second")
            assert await until(lambda: link.counters.event_errors == 2)
        assert [entry["event_name"] for entry in logs if entry["event"] == "ami.event_error"] == ["First", "Second"]
        assert link.connected


class _Refusing(list[AmiEvent]):
    def append(self, _event: AmiEvent) -> None:
        raise ValueError("a defect")


def test_bad_settings_are_refused() -> None:
    def link(**settings: Any) -> AmiLink:
        async def nothing() -> None:
            pass

        options: dict[str, Any] = {"username": "u", "secret": "s", **settings}
        return AmiLink(host="127.0.0.1", port=1, name="x", on_event=print, on_login=nothing, **options)

    with pytest.raises(UnsafeArgument):
        link(secret="a\r\nAction: Ping")
    with pytest.raises(ValueError, match="ping_s"):
        link(ping_s=10, dead_s=9)


MESSAGES = packet("Event: A\nName: Jyväskylä\nEmpty: ", "Response: Success\nMessage: 😀: x", "Event: B")


@given(st.lists(st.integers(0, 1000), max_size=20))
def test_messages_do_not_depend_on_how_the_network_cuts_them(cuts: list[int]) -> None:
    stream = b"Asterisk Call Manager/11.0.0\r\n" + MESSAGES
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    reader = MessageReader()
    found = [headers for start, end in itertools.pairwise(edges) for headers in reader.feed(stream[start:end])]
    assert found == [
        (("Event", "A"), ("Name", "Jyväskylä"), ("Empty", "")),
        (("Response", "Success"), ("Message", "😀: x")),
        (("Event", "B"),),
    ]
    assert reader.version == "11.0.0"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    reader = MessageReader()
    reader.feed(b"Asterisk Call Manager/1\r\n")
    for headers in reader.feed(data + b"\r\n\r\n"):
        assert all(isinstance(text, str) for pair in headers for text in pair)
    assert isinstance(parse_headers(data), tuple)
    with pytest.raises(BadStream):
        MessageReader().feed(b"HTTP/1.1 400 Bad Request\r\n")
