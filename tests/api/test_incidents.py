"""Incidents over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from callrouter.access.model import Role
from callrouter.incidents.model import incident_id
from callrouter.incidents.suspicion import Judgement, Term
from callrouter.incidents.views import EventView
from tests.api.conftest import session_of
from tests.api.fakes import Managed
from tests.api.support import (
    BEGIN,
    Client,
    FakeIncidents,
    call_id,
    given_attempt,
    given_call,
    given_detail,
    given_summary,
)


@pytest.fixture
async def session(managed: Managed) -> AsyncIterator[aiohttp.ClientSession]:
    """A supervisor's: he sees numbers as they are."""
    async with session_of(managed, Role.SUPERVISOR) as session:
        yield session


async def test_an_empty_centre_has_an_empty_list(client: Client) -> None:
    reply = await client.ask("/api/v1/incidents")
    assert reply.status == 200
    assert reply.json == {"items": [], "next": None}


async def test_the_list_shows_an_incident_with_exact_microseconds(client: Client, incidents: FakeIncidents) -> None:
    incidents.add(given_detail(7))
    reply = await client.ask("/api/v1/incidents")
    opened = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=BEGIN + 7)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert reply.json["items"] == [
        {
            "id": str(incident_id(call_id(7))),
            "number": 7,
            "state": "with_agency",
            "category": "kebakaran",
            "opened_at": opened,
            "callback": False,
            "caller_number": "+622000000112",
            "outcome": "talked",
            "origin": "call",
            "area": None,
            "place": None,
            "disposition": None,
            "sub_code": None,
            "merged_into": None,
            "version": 1,
            "updated_at": "1970-01-01T00:00:00.000000Z",
            "cannot_speak": False,
        }
    ]


async def test_what_is_unknown_is_null(client: Client, incidents: FakeIncidents) -> None:
    incidents.add(
        given_detail(1, summary=given_summary(1, category="", caller_number="", outcome=None, state="open"))
    )
    row = (await client.ask("/api/v1/incidents")).json["items"][0]
    assert (row["category"], row["caller_number"], row["outcome"]) == (None, None, None)


@pytest.mark.parametrize(("count", "limit"), [(0, 3), (1, 3), (3, 3), (7, 3), (9, 3), (5, 1), (5, 200)])
async def test_pages_show_every_incident_once_newest_first(
    client: Client, incidents: FakeIncidents, count: int, limit: int
) -> None:
    for n in range(1, count + 1):
        incidents.add(given_detail(n))
    seen: list[int] = []
    after = ""
    for _ in range(count + 2):
        page = (await client.ask(f"/api/v1/incidents?limit={limit}{after}")).json
        seen += [item["number"] for item in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == list(range(count, 0, -1))


async def test_an_incident_opened_between_two_pages_moves_no_other(client: Client, incidents: FakeIncidents) -> None:
    for n in range(1, 5):
        incidents.add(given_detail(n))
    first = (await client.ask("/api/v1/incidents?limit=2")).json
    incidents.add(given_detail(5))
    second = (await client.ask(f"/api/v1/incidents?limit=2&after={first['next']}")).json
    assert [item["number"] for item in second["items"]] == [2, 1]


async def test_filters_hold_together(client: Client, incidents: FakeIncidents) -> None:
    incidents.add(given_detail(1, summary=given_summary(1, state="abandoned", callback=True)))
    incidents.add(given_detail(2, summary=given_summary(2, state="abandoned", callback=True, category="banjir")))
    incidents.add(given_detail(3, summary=given_summary(3, state="abandoned", callback=False)))
    incidents.add(given_detail(4, summary=given_summary(4, callback=True)))
    reply = await client.ask("/api/v1/incidents?state=abandoned&callback=true&category=kebakaran")
    assert [item["number"] for item in reply.json["items"]] == [1]
    reply = await client.ask("/api/v1/incidents?callback=false")
    assert [item["number"] for item in reply.json["items"]] == [3]


async def test_a_page_has_fifty_unless_the_request_says_otherwise(client: Client, incidents: FakeIncidents) -> None:
    await client.ask("/api/v1/incidents")
    assert incidents.asked[0].limit == 50


async def test_one_incident_has_its_calls_attempts_and_timeline_in_order(
    client: Client, incidents: FakeIncidents
) -> None:
    busy = given_attempt(1, result="busy", cause="SIP 486 Busy Here", pickup=None, human=None, by="")
    late = given_call(2, opened=BEGIN + 100)
    early = given_call(1, attempts=(given_attempt(2), busy))
    timeline = (EventView(BEGIN + 5, "ended", "pbx1", {}), EventView(BEGIN, "opened", "", {"trunk": "telkom"}))
    detail = incidents.add(given_detail(1, calls=(late, early), timeline=timeline))
    reply = await client.ask(f"/api/v1/incidents/{detail.summary.id}")
    assert reply.status == 200
    assert [call["id"] for call in reply.json["calls"]] == [str(call_id(1)), str(call_id(2))]
    attempts = reply.json["calls"][0]["attempts"]
    assert [(a["n"], a["result"], a["cause"]) for a in attempts] == [
        (1, "busy", "SIP 486 Busy Here"),
        (2, "talked", None),
    ]
    assert (attempts[0]["pickup_at"], attempts[0]["human_at"], attempts[0]["by"]) == (None, None, None)
    assert [entry["kind"] for entry in reply.json["timeline"]] == ["opened", "ended"]
    assert reply.json["timeline"][0] == {
        "at": reply.json["calls"][0]["opened_at"],
        "kind": "opened",
        "actor": None,
        "data": {"trunk": "telkom"},
    }


async def test_a_call_that_has_just_arrived_can_be_read(client: Client, incidents: FakeIncidents) -> None:
    unknown = dict.fromkeys(("answered", "chosen", "human", "ended", "version", "outcome", "facts"), None)
    empty = dict.fromkeys(("choice", "category", "language", "route", "recording", "cause", "plan", "number"), "")
    call = given_call(1, attempts=(), stage="opened", **unknown, **empty)
    detail = incidents.add(given_detail(1, calls=(call,)))
    shown = (await client.ask(f"/api/v1/incidents/{detail.summary.id}")).json["calls"][0]
    assert all(shown[name] is None for name in ("answered_at", "ended_at", "outcome", "facts", "plan", "number"))


@pytest.mark.parametrize(
    "name", ["Jyväskylä", "'; DROP TABLE call; --", "<script>", "a" * 200, "\x00\r\n\t", "\ud83d", "😀"]
)
async def test_a_strange_name_of_one_caller_does_not_spoil_the_answer(
    client: Client, incidents: FakeIncidents, name: str
) -> None:
    detail = incidents.add(given_detail(1, calls=(given_call(1, name=name),)))
    reply = await client.ask(f"/api/v1/incidents/{detail.summary.id}")
    assert reply.status == 200
    assert reply.json["calls"][0]["name"] == name.encode("utf-8", "replace").decode()


async def test_an_unknown_incident_is_a_404_that_points_at_its_id(client: Client) -> None:
    reply = await client.ask(f"/api/v1/incidents/{incident_id(call_id(9))}")
    assert reply.status == 404
    assert (reply.json["code"], reply.json["pointer"]) == ("incident_unknown", "/path/id")


async def test_an_id_in_capitals_is_the_same_id(client: Client, incidents: FakeIncidents) -> None:
    detail = incidents.add(given_detail(1))
    assert (await client.ask(f"/api/v1/incidents/{str(detail.summary.id).upper()}")).status == 200


async def test_who_cannot_speak_is_shown_and_searched_for(client: Client, incidents: FakeIncidents) -> None:
    incidents.add(given_detail(1))
    incidents.add(
        given_detail(
            2, summary=given_summary(2, cannot_speak=True), calls=(given_call(2, cannot_speak=True),)
        )
    )  # fmt: skip
    found = await client.ask("/api/v1/incidents?cannot_speak=true")
    assert [(row["number"], row["cannot_speak"]) for row in found.json["items"]] == [(2, True)]
    others = await client.ask("/api/v1/incidents?cannot_speak=false")
    assert [row["number"] for row in others.json["items"]] == [1]
    whole = await client.ask(f"/api/v1/incidents/{incident_id(call_id(2))}")
    assert (whole.json["cannot_speak"], whole.json["calls"][0]["cannot_speak"]) == (True, True)


async def test_suspicion_is_shown_with_its_reasons_in_both_languages_and_adds_up(
    client: Client, incidents: FakeIncidents
) -> None:
    judged = Judgement(31, (Term("repeats", 12, 2), Term("short", 4, 1), Term("prank", 15, 1)))
    incidents.add(given_detail(1, calls=(given_call(1, judgement=judged),)))
    incidents.add(given_detail(2))
    whole = await client.ask(f"/api/v1/incidents/{incident_id(call_id(1))}")
    shown = whole.json["calls"][0]["suspicion"]
    assert shown["score"] == sum(term["points"] for term in shown["terms"]) == 31
    assert shown["terms"][0]["reason"] == {
        "id": "2 panggilan dalam 6 jam terakhir",
        "en": "2 calls in the last 6 hours",
    }
    other = await client.ask(f"/api/v1/incidents/{incident_id(call_id(2))}")
    assert other.json["calls"][0]["suspicion"] is None
