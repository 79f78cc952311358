"""The event stream, over real HTTP."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from callrouter.access.model import Role
from callrouter.api import events
from callrouter.api.connection import Limits
from callrouter.api.server import ApiServer
from callrouter.calls.caller import Card
from callrouter.calls.live import LiveCall, Stage
from callrouter.calls.trunks import TrunkState
from callrouter.incidents.model import incident_id
from callrouter.incidents.numbers import phone
from callrouter.stream.feed import Feed, Kind
from callrouter.stream.incidents import IncidentNow
from tests.api.fakes import Managed
from tests.api.listening import Console, Key, Told, blocks, stream
from tests.api.support import BEGIN, Client, call_id, check_row, given_summary

Start = Callable[..., Awaitable[ApiServer]]
NUMBER = "+6281234567890"


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
async def server(start: Start, feed: Feed) -> ApiServer:
    return await start(feed=feed)


def a_call(n: int = 1, stage: Stage = Stage.MENU, **changes: Any) -> LiveCall:
    values: dict[str, Any] = {
        "call": call_id(n),
        "incident": incident_id(call_id(n)),
        "number": NUMBER,
        "origin": "citizen",
        "trunk": "telco",
        "since": BEGIN,
        "stage": stage,
        "with_whom": (),
        "category": "",
        "language": "id",
    }
    return LiveCall(**values | changes)


async def polled(session: aiohttp.ClientSession, port: int, query: str = "?seconds=0", **more: Any) -> list[Told]:
    """Return what there is now."""
    async with stream(session, port, query, **more) as response:
        assert response.status == 200, await response.text()
        return [told async for told in blocks(response)]


def bearer(managed: Managed, role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {managed.bearers[role]}"}


@pytest.fixture
async def anybody() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


# ---------------------------------------------------------------------- what is sent
async def test_an_event_holds_the_row_of_its_list(
    server: ApiServer, session: aiohttp.ClientSession, feed: Feed
) -> None:
    place = feed.place
    feed.tell(Kind.CALL, str(call_id(1)), a_call())
    feed.tell(Kind.INCIDENT, str(given_summary(1).id), IncidentNow(given_summary(1), frozenset()))
    feed.tell(Kind.TRUNK, "telco", TrunkState("telco", True, BEGIN))
    feed.tell(Kind.CALL, str(call_id(2)), None)
    call, incident, trunk, gone = await polled(session, server.port, last=place)
    check_row("LiveCall", call.data["value"])
    check_row("IncidentRow", incident.data["value"])
    check_row("TrunkStateRow", trunk.data["value"])
    assert gone.data == {"kind": "call", "key": str(call_id(2)), "value": None}
    assert [told.event for told in (call, incident, trunk, gone)] == ["call", "incident", "trunk", "call"]
    assert gone.id == feed.place


async def test_a_name_that_would_break_a_line_breaks_none(
    server: ApiServer, session: aiohttp.ClientSession, feed: Feed
) -> None:
    place = feed.place
    nasty = "a\n\ndata: b\r\x85\u2028\x00\ud800"
    feed.tell(Kind.CALL, "x", a_call(number=nasty))
    feed.tell(Kind.BANNER, "b", {"text": nasty.replace("\ud800", "")})
    told = await polled(session, server.port, last=place)
    assert len(told) == 2
    assert told[1].data["value"]["text"] == nasty.replace("\ud800", "")


async def test_only_the_kinds_that_were_asked_for_are_sent(
    server: ApiServer, session: aiohttp.ClientSession, feed: Feed
) -> None:
    place = feed.place
    feed.tell(Kind.CALL, "x", a_call())
    feed.tell(Kind.TRUNK, "telco", TrunkState("telco", True, BEGIN))
    told = await polled(session, server.port, "?seconds=0&kinds=trunk,banner", last=place)
    assert [one.event for one in told] == ["trunk"]


@pytest.mark.parametrize(
    "query", ["kinds=", "kinds=call,", "kinds=calls", "seconds=-1", "seconds=601", "seconds=1.5"]
)
async def test_bad_parameters_are_told(client: Client, query: str) -> None:
    reply = await client.ask(f"/api/v1/events?{query}")
    assert reply.status == 400
    assert reply.json["pointer"] == f"/query/{query.partition('=')[0]}"


async def test_something_is_heard_while_nothing_happens(
    server: ApiServer, session: aiohttp.ClientSession, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    async with stream(session, server.port, "?kinds=trunk", feed.place) as response:
        feed.tell(Kind.CALL, "x", a_call())  # not for him; his place goes on all the same
        async for told in blocks(response):
            if told.id == feed.place:
                assert (told.event, told.data) == ("", None)
                break


async def test_a_head_of_the_stream_ends(server: ApiServer, session: aiohttp.ClientSession, feed: Feed) -> None:
    async with session.head(f"http://127.0.0.1:{server.port}/api/v1/events") as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
    assert feed.listening == 0


# ---------------------------------------------------------------------- who sees what
async def test_numbers_are_masked_for_who_may_not_see_them(
    server: ApiServer, anybody: aiohttp.ClientSession, managed: Managed, feed: Feed
) -> None:
    place = feed.place
    feed.tell(Kind.CALL, "x", a_call())
    feed.tell(Kind.INCIDENT, "y", IncidentNow(given_summary(1, caller_number=NUMBER), frozenset()))
    shown: dict[Role, list[str]] = {}
    for role in (Role.VIEWER, Role.OPERATOR, Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR):
        told = await polled(anybody, server.port, last=place, headers=bearer(managed, role))
        shown[role] = [told[0].data["value"]["number"], told[1].data["value"]["caller_number"]]
    assert shown[Role.OPERATOR] == shown[Role.SUPERVISOR] == [NUMBER, NUMBER]
    for role in (Role.VIEWER, Role.ADMIN, Role.AUDITOR):
        assert all("*" in number and number != NUMBER for number in shown[role])


async def test_an_agency_is_told_of_its_own_incidents_and_of_nothing_else(
    server: ApiServer, anybody: aiohttp.ClientSession, managed: Managed, feed: Feed
) -> None:
    place = feed.place
    feed.tell(Kind.CALL, "x", a_call())
    feed.tell(Kind.INCIDENT, "mine", IncidentNow(given_summary(1), frozenset({"damkar", "pmi"})))
    feed.tell(Kind.INCIDENT, "theirs", IncidentNow(given_summary(2), frozenset({"pmi"})))
    feed.tell(Kind.OPERATOR, "op1", {"operator": "op1"})
    told = await polled(anybody, server.port, last=place, headers=bearer(managed, Role.AGENCY))
    assert [one.data["key"] for one in told if one.event] == ["mine"]
    assert told[-1].id.partition("-")[0] == place.partition("-")[0]


async def test_an_operator_is_told_of_his_own_telephone(
    server: ApiServer, anybody: aiohttp.ClientSession, managed: Managed, feed: Feed
) -> None:
    place = feed.place
    feed.tell(Kind.PICKUP, "op1", Card(a_call(1), phone(NUMBER)))
    feed.tell(Kind.PICKUP, "op2", Card(a_call(2), phone(NUMBER)))
    seen: dict[Role, list[str]] = {}
    for role in Role:
        told = await polled(anybody, server.port, last=place, headers=bearer(managed, role))
        seen[role] = [one.data["key"] for one in told if one.event]
        for one in told:
            if one.event:
                check_row("CallerCard", one.data["value"])
    assert seen == {
        Role.OPERATOR: ["op1"],
        Role.SUPERVISOR: ["op1", "op2"],
        Role.ADMIN: ["op1", "op2"],
        Role.VIEWER: [],
        Role.AUDITOR: [],
        Role.AGENCY: [],
    }


# ---------------------------------------------------------------------- bounds
async def test_streams_have_a_bound_of_their_own_and_leave_the_room_of_requests(
    start: Start, session: aiohttp.ClientSession, feed: Feed
) -> None:
    server = await start(feed=feed, limits=Limits(connections=4, streams=3))
    open_: list[aiohttp.ClientResponse] = []
    for _ in range(3):
        response = await session.get(f"http://127.0.0.1:{server.port}/api/v1/events")
        await response.content.readline()
        open_.append(response)
    assert (server.streams, feed.listening) == (3, 3)
    full = await Client(session, server.port).ask("/api/v1/events?seconds=0")
    assert (full.status, full.json["code"]) == (503, "streams_full")
    assert "Retry-After" in full.headers
    assert feed.listening == 3
    for _ in range(8):  # requests go on, one connection each
        headers = {"Connection": "close"}
        assert (await Client(session, server.port).ask("/api/v1/calls/live", headers=headers)).status == 200
    for response in open_:
        response.close()
    async with asyncio.timeout(30):
        while server.streams or feed.listening:
            await asyncio.sleep(0.01)


async def test_one_token_may_not_take_every_stream(
    start: Start, anybody: aiohttp.ClientSession, managed: Managed
) -> None:
    feed = Feed(of_one=1)
    server = await start(feed=feed)
    viewer, operator = bearer(managed, Role.VIEWER), bearer(managed, Role.OPERATOR)
    async with stream(anybody, server.port, headers=viewer) as first:
        assert first.status == 200
        reply = await Client(anybody, server.port).ask("/api/v1/events?seconds=0", headers=viewer)
        assert (reply.status, reply.json["code"]) == (503, "streams_full")
        assert (
            "this token"
            in (
                await Client(anybody, server.port).ask("/api/v1/events", headers=viewer | {"Accept-Language": "en"})
            ).json["detail"]
        )
        assert await polled(anybody, server.port, headers=operator)
    async with asyncio.timeout(30):
        while feed.listening:
            await asyncio.sleep(0.01)


async def test_a_stream_outlives_the_deadline_of_requests(
    start: Start, session: aiohttp.ClientSession, feed: Feed
) -> None:
    limits = Limits(deadline_s=0.5)  # within which a busy machine begins to answer
    server = await start(feed=feed, limits=limits)
    async with stream(session, server.port, last=feed.place) as response:
        await asyncio.sleep(limits.deadline_s + 0.2)
        feed.tell(Kind.TRUNK, "telco", TrunkState("telco", True, BEGIN))
        async with asyncio.timeout(30):
            async for told in blocks(response):
                if told.event:
                    assert told.event == "trunk"
                    break


async def test_who_does_not_read_is_cut_off_and_costs_nobody_anything(
    start: Start, session: aiohttp.ClientSession, feed: Feed
) -> None:
    server = await start(feed=feed, limits=Limits(unread_s=0.3))
    deaf, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    token = session.headers["Authorization"]
    asked = [
        "GET /api/v1/events HTTP/1.1",
        "Host: x",
        f"Authorization: {token}",
        f"Last-Event-ID: {feed.place}",
        "",
        "",
    ]
    writer.write("\r\n".join(asked).encode())
    async with asyncio.timeout(30):
        while not feed.listening:
            await asyncio.sleep(0.01)
        deaf._transport.pause_reading()  # type: ignore[attr-defined]
        n = 0
        while feed.listening:  # until the kernel takes no more of what he does not read
            n += 1
            feed.tell(Kind.BANNER, str(n % 50), {"text": f"{n} " * 5_000})
            await asyncio.sleep(0.005)
    writer.close()
    assert len(feed) <= 50


async def test_the_server_stops_without_waiting_for_listeners(
    start: Start, session: aiohttp.ClientSession, feed: Feed
) -> None:
    server = await start(feed=feed, limits=Limits(stop_s=30))
    async with stream(session, server.port) as response:
        await response.content.readline()
        async with asyncio.timeout(30):
            await server.stop()
            assert await response.content.read() is not None


# ---------------------------------------------------------------------- killed
class Changing:
    """Things that change at random, and are told."""

    def __init__(self, feed: Feed) -> None:
        self.dice = random.Random(112)
        self.whole: dict[Key, Any] = {}
        self._feed = feed

    def change(self, times: int) -> None:
        for _ in range(times):
            kind = self.dice.choice((Kind.TRUNK, Kind.BANNER, Kind.BANNER))
            key = str(self.dice.randrange(80))
            value = None if self.dice.random() < 0.25 else {"n": self.dice.randrange(1000)}
            self.whole.pop((kind.value, key), None)
            if value is not None:
                self.whole[kind.value, key] = value
            self._feed.tell(kind, key, value)

    async def live(self) -> None:
        while True:
            self.change(self.dice.randrange(12))
            await asyncio.sleep(0.001)

    def fetch(self) -> dict[Key, Any]:
        return dict(self.whole)


async def test_who_is_killed_fifty_times_ends_with_the_same_as_who_never_was(
    start: Start, session: aiohttp.ClientSession
) -> None:
    feed = Feed(kept=60, gather_s=0.002)
    server = await start(feed=feed)
    things = Changing(feed)
    faithful, killed = Console(things.fetch), Console(things.fetch)
    following = asyncio.create_task(faithful.follow(session, server.port, 1_000_000))
    living = asyncio.create_task(things.live())
    for _ in range(50):
        await killed.follow(session, server.port, things.dice.randrange(1, 40))
        if things.dice.random() < 0.2:
            things.change(150)  # away for so long that what he missed is not kept
    living.cancel()
    await asyncio.gather(living, return_exceptions=True)
    await killed.follow(session, server.port, 1_000_000, "?seconds=0")
    async with asyncio.timeout(30):
        while faithful.place != feed.place:
            await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert killed.state == faithful.state == things.whole
    assert "old" in killed.resets
    assert killed.events > 100
    assert faithful.resets[0] == "new"


async def test_who_was_connected_to_another_life_of_the_service_fetches_everything(
    start: Start, session: aiohttp.ClientSession
) -> None:
    before, after = Feed(), Feed()
    before.tell(Kind.TRUNK, "telco", {"n": 1})
    server = await start(feed=after)
    (told,) = await polled(session, server.port, last=before.place)
    assert (told.event, told.data, told.id) == ("reset", {"reason": "epoch"}, after.place)
