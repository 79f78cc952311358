"""Refused calls over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from callrouter.access.model import Role
from callrouter.calls.refused import RefusedCall, RefusedCalls, RefusedCount
from callrouter.incidents.views import StorageUnavailable
from tests.api.conftest import session_of
from tests.api.fakes import Managed
from tests.api.support import BEGIN, Client, FakeRefused

PATH = "/api/v1/calls/refused"


@pytest.fixture
async def session(managed: Managed) -> AsyncIterator[aiohttp.ClientSession]:
    """A supervisor's: he sees numbers as they are."""
    async with session_of(managed, Role.SUPERVISOR) as session:
        yield session


async def test_nothing_refused_is_an_empty_answer(client: Client) -> None:
    reply = await client.ask(PATH)
    assert (reply.status, reply.json) == (200, {"total": 0, "counts": [], "newest": []})


async def test_refusals_are_shown_by_reason_and_the_newest_one_by_one(client: Client, refused: FakeRefused) -> None:
    refused.found = RefusedCalls(
        total=3,
        counts=(RefusedCount(488, "Not Acceptable Here", "telkom", "192.0.2.10", 3, BEGIN),),
        newest=(RefusedCall(BEGIN, "pbx1", 488, "", "", "192.0.2.10", "a\udcff"),),
    )
    answer = (await client.ask(PATH)).json
    assert answer["total"] == 3
    assert answer["counts"] == [
        {
            "status": 488,
            "reason": "Not Acceptable Here",
            "trunk": "telkom",
            "source": "192.0.2.10",
            "count": 3,
            "last_at": "2026-11-21T13:20:07.125001Z",
        }
    ]
    assert answer["newest"] == [
        {
            "status": 488,
            "reason": None,
            "trunk": None,
            "source": "192.0.2.10",
            "at": "2026-11-21T13:20:07.125001Z",
            "node": "pbx1",
            "number": "a?",
        }
    ]


@pytest.mark.parametrize(
    ("since", "us"),
    [
        ("2026-11-21T13:20:07.125001Z", BEGIN),
        ("2026-11-21T13:20:07Z", BEGIN - 125_001),
        ("1970-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
    ],
)
async def test_since_is_handed_on_in_microseconds(client: Client, refused: FakeRefused, since: str, us: int) -> None:
    assert (await client.ask(f"{PATH}?since={since}")).status == 200
    assert refused.asked == [us]


@pytest.mark.parametrize(
    "since",
    [
        "",
        "today",
        "2026-11-21",
        "2026-02-30T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T13:20:07",
        "2026-11-21T13:20:07%2B07:00",
        "2026-11-21T13:20:07.1Z",
        "2026-11-21%2013:20:07Z",
        "0000-01-01T00:00:00Z",
        "%D9%A2026-11-21T13:20:07Z",
        "1795267207",
    ],
)
async def test_a_time_that_is_none_is_told_with_an_example(client: Client, refused: FakeRefused, since: str) -> None:
    reply = await client.ask(f"{PATH}?since={since}", headers={"Accept-Language": "en"})
    assert (reply.status, reply.json["code"], reply.json["pointer"]) == (400, "parameter_invalid", "/query/since")
    assert "2026-11-21T13:40:07Z" in reply.json["detail"]
    assert refused.asked == []


async def test_a_database_that_is_away_is_503(client: Client, refused: FakeRefused) -> None:
    async def away() -> None:
        raise StorageUnavailable("away")

    refused.before_answer = away
    assert (await client.ask(PATH)).status == 503


async def test_the_description_states_what_is_not_counted(client: Client) -> None:
    described = (await client.ask("/api/v1/openapi.json")).json["paths"][PATH]["get"]
    assert "while this service was down" in described["description"]
