"""Callers to call back, and lines of the journal that were set aside, over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from callrouter.access.model import Role
from callrouter.api import cursor
from callrouter.api.callback_models import encode_place
from callrouter.calls.setaside import SetAside, SetAsides
from callrouter.incidents.callbacks import Callback, CallbackFilter, Place
from callrouter.incidents.model import incident_id
from callrouter.incidents.views import StorageUnavailable
from tests.api.conftest import session_of
from tests.api.fakes import Managed
from tests.api.support import BEGIN, Client, FakeCallbacks, FakeSetAside, call_id

PATH, LINES = "/api/v1/callbacks", "/api/v1/journal/set-aside"


@pytest.fixture
async def session(managed: Managed) -> AsyncIterator[aiohttp.ClientSession]:
    """A supervisor's: he sees numbers as they are."""
    async with session_of(managed, Role.SUPERVISOR) as session:
        yield session


def given_callback(n: int = 1, **changes: Any) -> Callback:
    values: dict[str, Any] = {
        "incident": incident_id(call_id(n)),
        "number_for_people": n,
        "number": "+622000000112",
        "category": "medis",
        "urgency": 10,
        "reason": "cut",
        "stage": "agency",
        "origin": "citizen",
        "trunk": "telkom",
        "language": "id",
        "recording": "",
        "opened": BEGIN + n,
        "human": None,
        "ended": BEGIN + 1_000,
        "calls": 2,
        "first": BEGIN + n,
        "last": BEGIN + 500,
    }
    return Callback(**values | changes)


async def test_nobody_to_call_back_is_an_empty_page(client: Client) -> None:
    reply = await client.ask(PATH)
    assert (reply.status, reply.json) == (200, {"items": [], "next": None})


async def test_entry_says_whom_to_call_why_and_since_when(client: Client, callbacks: FakeCallbacks) -> None:
    callbacks.entries = [given_callback(), given_callback(2, number="", category="", stage="", ended=None, calls=1)]
    first, second = (await client.ask(PATH)).json["items"]
    assert first == {
        "number": "+622000000112",
        "incident": str(incident_id(call_id(1))),
        "incident_number": 1,
        "category": "medis",
        "urgency": 10,
        "reason": "cut",
        "stage": "agency",
        "origin": "citizen",
        "trunk": "telkom",
        "language": "id",
        "recording": None,
        "opened_at": "2026-11-21T13:20:07.125002Z",
        "human_at": None,
        "ended_at": "2026-11-21T13:20:07.126001Z",
        "calls": 2,
        "first_at": "2026-11-21T13:20:07.125002Z",
        "last_at": "2026-11-21T13:20:07.125501Z",
        "callable": True,
        "tries": 0,
        "tried_at": None,
        "tried": None,
        "held_by": None,
        "held_until": None,
    }
    assert second["callable"] is False
    assert (second["number"], second["category"], second["stage"], second["ended_at"]) == (None, None, None, None)


async def test_pages_follow_each_other_by_the_cursor(client: Client, callbacks: FakeCallbacks) -> None:
    callbacks.entries = [given_callback(n, urgency=10 - n // 2) for n in range(1, 8)]
    seen: list[int] = []
    after = ""
    while True:
        page = (await client.ask(f"{PATH}?limit=3{after}")).json
        seen += [item["incident_number"] for item in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == [1, 2, 3, 4, 5, 6, 7]


async def test_filters_are_handed_on(client: Client, callbacks: FakeCallbacks) -> None:
    after = encode_place(Place(9, BEGIN, 7))
    query = f"category=medis&reason=abandoned&since=2026-11-21T13:20:07.125001Z&limit=5&after={after}"
    callbacks.entries = [given_callback(7, urgency=9, first=BEGIN)]
    assert (await client.ask(f"{PATH}?{query}")).status == 200
    assert callbacks.asked == [CallbackFilter("medis", "abandoned", BEGIN, Place(9, BEGIN, 7), 5)]


@pytest.mark.parametrize(
    ("query", "code", "pointer"),
    [
        ("after=x", "cursor_invalid", "/query/after"),
        (f"after={cursor.encode(5)}", "cursor_invalid", "/query/after"),
        (f"after={cursor.encode_place('key', 'a', 'a')}", "cursor_invalid", "/query/after"),
        (f"after={cursor.encode_place('urgency', 1, '1')}", "cursor_invalid", "/query/after"),
        (f"after={cursor.encode_place('urgency', 1, '1 x')}", "cursor_invalid", "/query/after"),
        (f"after={cursor.encode_place('urgency', 1, '01 1')}", "cursor_invalid", "/query/after"),
        (f"after={cursor.encode_place('urgency', 1, f'{2**64} 1')}", "cursor_invalid", "/query/after"),
        (f"after={cursor.encode_place('urgency', 'a', '1 1')}", "cursor_invalid", "/query/after"),
        ("reason=angry", "parameter_invalid", "/query/reason"),
        ("limit=0", "parameter_out_of_range", "/query/limit"),
        ("since=today", "parameter_invalid", "/query/since"),
        ("state=open", "parameter_unknown", "/query/state"),
    ],
)
async def test_parameter_that_is_wrong_is_told(
    client: Client, callbacks: FakeCallbacks, query: str, code: str, pointer: str
) -> None:
    reply = await client.ask(f"{PATH}?{query}")
    assert (reply.status, reply.json["code"], reply.json["pointer"]) == (400, code, pointer)
    assert callbacks.asked == []


@pytest.mark.parametrize("path", [PATH, LINES])
async def test_a_database_that_is_away_is_503(
    client: Client, callbacks: FakeCallbacks, set_aside: FakeSetAside, path: str
) -> None:
    async def away() -> None:
        raise StorageUnavailable("away")

    callbacks.before_answer = set_aside.before_answer = away
    assert (await client.ask(path)).status == 503


@pytest.mark.parametrize("path", [PATH, LINES])
@pytest.mark.parametrize("role", list(Role))
async def test_who_sees_calls_sees_these_and_an_agency_does_not(
    client: Client, session: aiohttp.ClientSession, managed: Managed, path: str, role: Role
) -> None:
    headers = {"Authorization": f"Bearer {managed.bearers[role]}"}
    assert (await client.ask(path, headers=headers)).status == (403 if role is Role.AGENCY else 200)


# ---------------------------------------------------------------- lines that were set aside
async def test_line_is_shown_with_its_file_and_place_whatever_is_in_it(
    client: Client, set_aside: FakeSetAside
) -> None:
    line = SetAside(BEGIN, "pbx1", "pbx1-1795267.log", 4096, "torn", b"1|opened|\xff\x00" + b"y" * 2_000)
    set_aside.found = SetAsides(7, (line,))
    answer = (await client.ask(f"{LINES}?since=2026-11-21T13:20:07.125001Z")).json
    assert set_aside.asked == [BEGIN]
    assert answer["total"] == 7
    (shown,) = answer["newest"]
    assert shown["line"].startswith("1|opened|\\xff\x00yyy")
    assert len(shown["line"]) == 1_000
    assert (shown["file"], shown["position"], shown["reason"]) == ("pbx1-1795267.log", 4096, "torn")


async def test_no_line_set_aside_is_an_empty_answer(client: Client) -> None:
    assert (await client.ask(LINES)).json == {"total": 0, "newest": []}
