"""Notices to agencies over REST."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest

from callrouter.access.model import Principal, Role
from callrouter.agencies.notices import Channel, NotDead, Notice, NoticeFilter, NoticeGone, NoticeState
from callrouter.agencies.signing import key_of, new_secret
from callrouter.api.server import ApiServer
from callrouter.incidents.desk import Actor
from callrouter.incidents.views import StorageUnavailable
from tests.api.conftest import Start, session_of
from tests.api.fakes import Managed
from tests.api.support import BEGIN, Client

SECRET = "/api/v1/agencies/damkar/notices/sistem/secret"


def given_notice(n: int, state: NoticeState = NoticeState.DEAD, **changes: Any) -> Notice:
    values: dict[str, Any] = {
        "id": UUID(int=n),
        "incident": uuid4(),
        "part": uuid4(),
        "passed_at": BEGIN,
        "agency": "damkar",
        "contact": "sistem",
        "n": 0,
        "channel": Channel.WEBHOOK,
        "target": "http://10.1.2.3/112",
        "state": state,
        "tries": 3,
        "created_at": BEGIN + n,
        "next_at": BEGIN + n,
        "give_up_at": BEGIN + n,
        "due_at": None,
        "settled_at": BEGIN + n,
        "last_error": "it answered 500",
    }
    return Notice(**values | changes)


@dataclass
class FakeNotices:
    notices: dict[UUID, Notice] = field(default_factory=dict)
    replayed: list[tuple[UUID, Actor]] = field(default_factory=list)
    asked: list[NoticeFilter] = field(default_factory=list)
    away: bool = False

    def add(self, *notices: Notice) -> None:
        self.notices |= {one.id: one for one in notices}

    async def page(self, wanted: NoticeFilter) -> list[Notice]:
        if self.away:
            raise StorageUnavailable("away")
        self.asked.append(wanted)
        found = sorted(self.notices.values(), key=lambda one: (one.created_at, one.id), reverse=True)
        return [
            one
            for one in found
            if (wanted.state is None or one.state is wanted.state)
            and (wanted.after is None or (one.created_at, one.id) < wanted.after)
        ][: wanted.limit]

    async def replay(self, notice: UUID, by: Actor) -> Notice:
        if notice not in self.notices:
            raise NoticeGone(notice)
        if self.notices[notice].state is not NoticeState.DEAD:
            raise NotDead(self.notices[notice].state)
        self.replayed.append((notice, by))
        return replace(self.notices[notice], state=NoticeState.QUEUED, tries=0, settled_at=None)


@dataclass
class FakeSecrets:
    kept: dict[tuple[str, str], str] = field(default_factory=dict)

    async def put(self, agency: str, contact: str, secret: str, by: Principal) -> None:
        assert by.role is Role.ADMIN
        key_of(secret)
        self.kept[agency, contact] = secret

    async def delete(self, agency: str, contact: str, by: Principal) -> bool:
        assert by.role is Role.ADMIN
        return self.kept.pop((agency, contact), None) is not None


@pytest.fixture
def notices() -> FakeNotices:
    return FakeNotices()


@pytest.fixture
def secrets() -> FakeSecrets:
    return FakeSecrets()


@pytest.fixture
async def server(start: Start, notices: FakeNotices, secrets: FakeSecrets) -> ApiServer:
    return await start(notices=notices, notice_secrets=secrets)


@pytest.fixture
async def supervisor(server: ApiServer, managed: Managed) -> AsyncIterator[Client]:
    async with session_of(managed, Role.SUPERVISOR) as session:
        yield Client(session, server.port)


async def with_contact_point(client: Client) -> None:
    read = await client.ask("/api/v1/agencies/damkar")
    agency = read.json | {
        "notices": [
            {"key": "sistem", "channel": "webhook", "url": "http://10.1.2.3/112", "ack_within_s": 60},
            {"key": "kantor", "channel": "email", "address": "posko@damkar.example"},
            {"key": "lurah", "channel": "phone", "trunk": read.json["contacts"][0]["trunk"], "number": "08123"},
        ]
    }
    put = await client.ask(
        "/api/v1/agencies/damkar", method="PUT", json=agency, headers={"If-Match": read.headers["ETag"]}
    )
    assert put.status == 200, put.text
    assert [point["channel"] for point in put.json["notices"]] == ["webhook", "email", "phone"]


async def test_dead_notices_are_listed_page_by_page(supervisor: Client, notices: FakeNotices) -> None:
    notices.add(*(given_notice(n) for n in range(1, 6)), given_notice(9, NoticeState.DELIVERED))
    seen: list[dict[str, Any]] = []
    path = "/api/v1/notices?state=dead&limit=2"
    after = ""
    while True:
        reply = await supervisor.ask(path + after)
        assert reply.status == 200
        seen += reply.json["items"]
        if reply.json["next"] is None:
            break
        after = f"&after={reply.json['next']}"
    assert [one["id"] for one in seen] == [str(UUID(int=n)) for n in (5, 4, 3, 2, 1)]
    assert (seen[0]["last_error"], seen[0]["next_at"], seen[0]["target"]) == (
        "it answered 500",
        None,
        "http://10.1.2.3/112",
    )


async def test_the_list_can_be_narrowed(supervisor: Client, notices: FakeNotices) -> None:
    incident = uuid4()
    reply = await supervisor.ask(f"/api/v1/notices?agency=damkar&incident={incident}")
    assert reply.status == 200
    (wanted,) = notices.asked
    assert (wanted.agency, wanted.incident, wanted.limit) == ("damkar", incident, 50)


async def test_a_cursor_of_another_list_is_refused(supervisor: Client) -> None:
    other = (await supervisor.ask("/api/v1/agencies?limit=1")).json["next"]
    reply = await supervisor.ask(f"/api/v1/notices?after={other}")
    assert (reply.status, reply.json["code"]) == (400, "cursor_invalid")


async def test_a_supervisor_sends_a_dead_notice_anew(supervisor: Client, notices: FakeNotices) -> None:
    notices.add(given_notice(1))
    reply = await supervisor.ask(f"/api/v1/notices/{UUID(int=1)}/replay", method="POST")
    assert (reply.status, reply.json["state"], reply.json["tries"]) == (200, "queued", 0)
    ((id_, by),) = notices.replayed
    assert (id_, by.supervises) == (UUID(int=1), True)


async def test_only_a_dead_notice_is_sent_anew(supervisor: Client, notices: FakeNotices) -> None:
    notices.add(given_notice(1, NoticeState.DELIVERED))
    reply = await supervisor.ask(f"/api/v1/notices/{UUID(int=1)}/replay", method="POST")
    assert (reply.status, reply.json["code"]) == (409, "notice_not_dead")
    gone = await supervisor.ask(f"/api/v1/notices/{uuid4()}/replay", method="POST")
    assert (gone.status, gone.json["code"]) == (404, "notice_unknown")


@pytest.mark.parametrize(
    ("role", "lists", "replays"),
    [(Role.OPERATOR, 200, 403), (Role.AGENCY, 403, 403), (Role.VIEWER, 403, 403), (Role.AUDITOR, 403, 403)],
)
async def test_who_may_see_and_send_anew(
    server: ApiServer, managed: Managed, notices: FakeNotices, role: Role, lists: int, replays: int
) -> None:
    notices.add(given_notice(1))
    async with session_of(managed, role) as session:
        client = Client(session, server.port)
        assert (await client.ask("/api/v1/notices")).status == lists
        assert (await client.ask(f"/api/v1/notices/{UUID(int=1)}/replay", method="POST")).status == replays
    assert notices.replayed == []


async def test_while_the_database_is_away_it_is_said(supervisor: Client, notices: FakeNotices) -> None:
    notices.away = True
    reply = await supervisor.ask("/api/v1/notices")
    assert (reply.status, reply.json["code"]) == (503, "storage_unavailable")


async def test_a_webhooks_secret_goes_in_and_never_comes_out(client: Client, secrets: FakeSecrets) -> None:
    await with_contact_point(client)
    secret = new_secret()
    reply = await client.ask(SECRET, method="PUT", json={"secret": secret})
    assert (reply.status, reply.text) == (204, "")
    assert secrets.kept == {("damkar", "sistem"): secret}
    assert secret not in (await client.ask("/api/v1/agencies/damkar")).text
    assert (await client.ask(SECRET, method="DELETE")).status == 204
    assert (await client.ask(SECRET, method="DELETE")).status == 404


@pytest.mark.parametrize(
    "secret",
    ["", "geheim", "whsec_", "whsec_" + base64.b64encode(b"x" * 8).decode(), "whsec_" + "A" * 33, 7, None],
)
async def test_a_weak_secret_is_refused_and_not_repeated(client: Client, secrets: FakeSecrets, secret: Any) -> None:
    await with_contact_point(client)
    reply = await client.ask(SECRET, method="PUT", json={"secret": secret})
    assert reply.status == 422
    assert json.loads(reply.text)["pointer"] == "/secret"
    assert not isinstance(secret, str) or len(secret) < 7 or secret not in reply.text
    assert secrets.kept == {}


async def test_a_contact_point_that_is_not_there_takes_no_secret(client: Client, secrets: FakeSecrets) -> None:
    await with_contact_point(client)
    for path in ("agencies/damkar/notices/lain", "agencies/tidak/notices/sistem"):
        reply = await client.ask(f"/api/v1/{path}/secret", method="PUT", json={"secret": new_secret()})
        assert (reply.status, reply.json["code"]) == (404, "entry_unknown")
    assert secrets.kept == {}


async def test_contact_points_with_one_key_or_a_bad_url_are_refused(client: Client) -> None:
    read = await client.ask("/api/v1/agencies/damkar")
    point = {"key": "sistem", "channel": "webhook", "url": "http://10.1.2.3/112"}
    pigeon = await client.ask(
        "/api/v1/agencies/damkar",
        method="PUT",
        json=read.json | {"notices": [point | {"channel": "pigeon"}]},
        headers={"If-Match": read.headers["ETag"], "Accept-Language": "en"},
    )
    assert "'pigeon' is no channel for notices" in pigeon.json["detail"]
    for points, at in (
        ([point, point], "/notices/1/key"),
        ([point | {"url": "http://a:b@10.1.2.3/"}], "/notices/0/url"),
        ([{"key": "kantor", "channel": "email", "address": "a@b\nBcc: c@d"}], "/notices/0/address"),
        ([{"key": "lurah", "channel": "phone", "trunk": "nowhere", "number": "08123"}], "/notices/0/trunk"),
        ([{"key": "lurah", "channel": "phone", "trunk": "telco", "number": "1;2"}], "/notices/0/number"),
        ([{"key": "kantor"}], "/notices/0"),
    ):
        reply = await client.ask(
            "/api/v1/agencies/damkar",
            method="PUT",
            json=read.json | {"notices": points},
            headers={"If-Match": read.headers["ETag"]},
        )
        assert reply.status == 422, reply.text
        assert reply.json["pointer"].startswith(at), reply.text


async def test_without_an_outbox_it_is_said(start: Start, session: aiohttp.ClientSession) -> None:
    client = Client(session, (await start()).port)
    assert (await client.ask("/api/v1/notices")).status == 503
