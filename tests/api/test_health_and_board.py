"""Liveness, readiness and the live board."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

import pytest

from callrouter.api.connection import Limits
from callrouter.api.live_models import MAX_LIVE
from callrouter.bilingual import Bilingual
from callrouter.calls.live import CHECKS, Check, LiveCall, Stage
from callrouter.incidents.model import incident_id
from callrouter.incidents.views import StorageUnavailable
from tests.api.conftest import Start
from tests.api.support import BEGIN, Client, FakeBoard, FakeHealth, FakeIncidents, call_id, well


def given_live(n: int = 1, **changes: object) -> LiveCall:
    values: dict[str, object] = {
        "call": call_id(n),
        "incident": incident_id(call_id(n)),
        "number": "+622000000112",
        "origin": "citizen",
        "trunk": "telkom",
        "since": BEGIN + n,
        "stage": Stage.OPERATOR,
        "with_whom": ("op-1", "op-2"),
        "category": "",
        "language": "id",
    }
    return LiveCall(**values | changes)  # type: ignore[arg-type]


async def test_livez_is_200_while_everything_else_is_broken(
    client: Client, health: FakeHealth, incidents: FakeIncidents
) -> None:
    async def broken() -> None:
        raise StorageUnavailable("away")

    health.before_answer = incidents.before_answer = broken
    reply = await client.ask("/livez")
    assert (reply.status, reply.json) == (200, {"alive": True})


async def test_readyz_is_200_with_every_check_when_all_is_well(client: Client) -> None:
    reply = await client.ask("/readyz")
    assert reply.status == 200
    assert reply.json["ready"] is True
    assert [check["name"] for check in reply.json["checks"]] == list(CHECKS)


@pytest.mark.parametrize("broken", CHECKS)
async def test_readyz_is_503_and_says_which_part_is_broken_and_why(
    client: Client, health: FakeHealth, broken: str
) -> None:
    why = Bilingual("sudah 12 detik tidak menjawab", "no answer for 12 s")
    health.state = [Check(c.name, ok=False, detail=why) if c.name == broken else c for c in well()]
    reply = await client.ask("/readyz", headers={"Accept-Language": "en"})
    assert reply.status == 503
    assert reply.json["code"] == "not_ready"
    assert reply.json["ready"] is False
    assert [c for c in reply.json["checks"] if not c["ok"]] == [{"name": broken, "ok": False, "detail": why.en}]
    assert broken in reply.json["detail"]
    assert int(reply.headers["Retry-After"]) > 0
    assert why.id in (await client.ask("/readyz")).text


async def test_a_part_that_was_not_looked_at_is_not_ready(client: Client, health: FakeHealth) -> None:
    health.state = [check for check in well() if check.name != "journal"]
    reply = await client.ask("/readyz")
    assert reply.status == 503
    assert [c["name"] for c in reply.json["checks"] if not c["ok"]] == ["journal"]


async def test_no_check_at_all_is_not_ready(client: Client, health: FakeHealth) -> None:
    health.state = []
    assert (await client.ask("/readyz")).status == 503


async def test_checks_that_hang_are_503(start: Start, client: Client, health: FakeHealth) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    health.before_answer = hang
    server = await start(limits=Limits(deadline_s=0.05))
    reply = await Client(client.session, server.port).ask("/readyz")
    assert (reply.status, reply.json["code"]) == (503, "deadline_exceeded")


async def test_the_board_shows_who_calls_and_who_rings_oldest_first(client: Client, board: FakeBoard) -> None:
    board.calls = [given_live(2), given_live(1, number="", stage=Stage.MENU, with_whom=())]
    before = time.time()
    reply = await client.ask("/api/v1/calls/live")
    items = reply.json["items"]
    assert [item["call"] for item in items] == [str(call_id(1)), str(call_id(2))]
    assert (items[0]["number"], items[0]["stage"], items[0]["with_whom"]) == (None, "menu", [])
    assert (items[1]["stage"], items[1]["with_whom"], items[1]["category"]) == ("operator", ["op-1", "op-2"], None)
    assert items[1]["incident"] == str(incident_id(call_id(2)))
    assert before - 1e-5 <= datetime.fromisoformat(reply.json["at"]).timestamp() <= time.time()


async def test_an_empty_board_is_an_empty_list(client: Client) -> None:
    assert (await client.ask("/api/v1/calls/live")).json["items"] == []


async def test_a_crowded_board_shows_the_oldest_calls_and_says_how_many_there_are(
    client: Client, board: FakeBoard
) -> None:
    board.calls = [given_live(n) for n in range(MAX_LIVE + 5, 0, -1)]
    shown = (await client.ask("/api/v1/calls/live")).json
    assert shown["total"] == MAX_LIVE + 5
    assert [item["call"] for item in shown["items"]] == [str(call_id(n)) for n in range(1, MAX_LIVE + 1)]


@pytest.mark.parametrize("stage", Stage)
async def test_every_stage_can_be_shown(client: Client, board: FakeBoard, stage: Stage) -> None:
    board.calls = [given_live(stage=stage)]
    assert (await client.ask("/api/v1/calls/live")).json["items"][0]["stage"] == stage.value


async def test_the_board_needs_no_database(client: Client, incidents: FakeIncidents, board: FakeBoard) -> None:
    async def away() -> None:
        raise StorageUnavailable("away")

    incidents.before_answer = away
    board.calls = [given_live()]
    assert (await client.ask("/api/v1/calls/live")).status == 200
