"""Talks with more than two, over REST."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from callrouter.access.model import Role
from callrouter.calls.live import LiveCall, Stage
from callrouter.calls.parties import PartyRefused, PbxAway, StillOthers, TooManyParties
from callrouter.incidents.model import incident_id
from tests.api.conftest import Start, session_of
from tests.api.fakes import Managed
from tests.api.parties import FakeParties
from tests.api.support import BEGIN, Client, FakeBoard, call_id

CALL = call_id(1)
PATH = f"/api/v1/calls/{CALL}/parties"


def given_talk(**changes: Any) -> LiveCall:
    values: dict[str, Any] = {
        "call": CALL,
        "incident": incident_id(CALL),
        "number": "+622000000112",
        "origin": "citizen",
        "trunk": "telco",
        "since": BEGIN,
        "stage": Stage.TALKING,
        "with_whom": ("op1",),
        "category": "fire",
        "language": "id",
    }
    return LiveCall(**values | changes)


@pytest.fixture
def pbx(board: FakeBoard) -> FakeParties:
    board.calls.append(given_talk())
    return FakeParties(board)


async def asked(
    start: Start, managed: Managed, pbx: FakeParties, role: Role, method: str, path: str, body: Any = None
) -> Any:
    server = await start(party_desk=pbx)
    async with session_of(managed, role) as session:
        options = {} if body is None else {"json": body}
        return await Client(session, server.port).ask(path, method=method, **options)


async def test_operator_adds_an_agency_sees_it_and_takes_it_out(
    start: Start, managed: Managed, pbx: FakeParties
) -> None:
    made = await asked(start, managed, pbx, Role.OPERATOR, "POST", PATH, {"agency": "damkar"})
    assert (made.status, made.json["state"]) == (201, "ringing")
    assert made.headers["Location"] == f"{PATH}/{made.json['id']}"
    shown = await asked(start, managed, pbx, Role.VIEWER, "GET", PATH)
    assert shown.json == {"items": [made.json]}
    assert (await asked(start, managed, pbx, Role.OPERATOR, "DELETE", made.headers["Location"])).status == 204
    gone = await asked(start, managed, pbx, Role.OPERATOR, "DELETE", made.headers["Location"])
    assert (gone.status, gone.json["code"]) == (404, "party_unknown")


async def test_only_who_talks_with_the_caller_or_a_supervisor_moves_anybody(
    start: Start, managed: Managed, pbx: FakeParties, board: FakeBoard
) -> None:
    board.calls[:] = [given_talk(with_whom=("op2",))]
    for path, body in ((PATH, {"agency": "damkar"}), (f"/api/v1/calls/{CALL}/pass", {"operator": "op2"})):
        refused = await asked(start, managed, pbx, Role.OPERATOR, "POST", path, body)
        assert (refused.status, refused.json["code"]) == (403, "not_your_call")
        assert (await asked(start, managed, pbx, Role.SUPERVISOR, "POST", path, body)).status < 300
        for role in (Role.VIEWER, Role.AGENCY, Role.AUDITOR):
            denied = await asked(start, managed, pbx, role, "POST", path, body)
            assert (denied.status, denied.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("path", "refuses", "status", "code"),
    [
        ("parties", TooManyParties(), 409, "too_many_parties"),
        ("pass", StillOthers(), 409, "still_others"),
        ("pass", PbxAway("not logged in"), 503, "pbx_away"),
    ],
    ids=["too many", "others there", "PBX away"],
)
async def test_what_the_pbx_refuses_is_a_problem(
    start: Start, managed: Managed, pbx: FakeParties, path: str, refuses: PartyRefused, status: int, code: str
) -> None:
    pbx.refuses = refuses
    whole = f"/api/v1/calls/{CALL}/{path}"
    reply = await asked(start, managed, pbx, Role.SUPERVISOR, "POST", whole, {"agency": "damkar"})
    assert (reply.status, reply.json["code"]) == (status, code)
    assert pbx.passed == []


async def test_caller_is_passed_to_exactly_one(start: Start, managed: Managed, pbx: FakeParties) -> None:
    path = f"/api/v1/calls/{CALL}/pass"
    for body in ({}, {"agency": "damkar", "operator": "op2"}, {"agency": "nobody"}):
        reply = await asked(start, managed, pbx, Role.OPERATOR, "POST", path, body)
        assert (reply.status, reply.json["code"]) == (422, "body_invalid")
        assert ("beri agency, atau operator" in reply.json["detail"]) is (len(body) != 1)
    assert (await asked(start, managed, pbx, Role.OPERATOR, "POST", path, {"agency": "damkar"})).status == 204
    assert pbx.passed == [(CALL, "damkar")]


async def test_call_that_is_not_up_or_in_no_talk_has_no_parties(
    start: Start, managed: Managed, pbx: FakeParties, board: FakeBoard
) -> None:
    other = f"/api/v1/calls/{uuid4()}/parties"
    unknown = await asked(start, managed, pbx, Role.OPERATOR, "POST", other, {"agency": "damkar"})
    assert (unknown.status, unknown.json["code"]) == (404, "call_unknown")
    board.calls[:] = [given_talk(stage=Stage.MENU)]
    early = await asked(start, managed, pbx, Role.SUPERVISOR, "POST", PATH, {"agency": "damkar"})
    assert (early.status, early.json["code"]) == (409, "not_talking")
