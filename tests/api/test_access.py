"""Nothing but health and documentation is answered without a token, and none opens more than its role."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from callrouter.access.model import RIGHTS, Right, Role
from callrouter.access.throttle import FREE_FAILURES
from callrouter.api.operation import AnyOperation
from callrouter.api.server import OPERATIONS, ApiServer
from tests.api.conftest import Start
from tests.api.fakes import ADMIN, Managed
from tests.api.support import Client

OPEN = {"/livez", "/readyz", "/docs", "/api/v1/openapi.json"}
GUARDED = [operation for operation in OPERATIONS if operation.right is not None]
FILLED = {
    "{key}": "damkar",
    "{id}": "5d0c8f5e-30c8-5e62-9a86-1f5a2f0f6112",
    "{number}": "1",
    "{operator}": "op1",
    "{agency}": "damkar",
    "{contact}": "sistem",
    "{disposition}": "prank",
}


def filled(operation: AnyOperation) -> str:
    path = operation.path
    for name, value in FILLED.items():
        path = path.replace(name, value)
    return path + "?seconds=0" * operation.streams


@pytest.fixture
async def stranger(server: ApiServer) -> Any:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield Client(session, server.port)


def bearer(managed: Managed, role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {managed.bearers[role]}"}


def test_only_health_and_documentation_are_open_to_all() -> None:
    assert {operation.path for operation in OPERATIONS if operation.right is None} == OPEN


@pytest.mark.parametrize("path", sorted(OPEN))
async def test_what_is_open_asks_for_no_token(stranger: Client, path: str) -> None:
    assert (await stranger.ask(path)).status == 200


async def test_without_a_token_every_other_operation_is_401(stranger: Client) -> None:
    for operation in GUARDED:
        reply = await stranger.ask(filled(operation), method=operation.method)
        assert (reply.status, reply.json["code"]) == (401, "unauthenticated"), operation.name
        assert reply.json["pointer"] == "/header/Authorization"
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("role", Role)
async def test_a_role_opens_what_its_rights_say_and_nothing_more(
    stranger: Client, managed: Managed, role: Role
) -> None:
    for operation in GUARDED:
        reply = await stranger.ask(filled(operation), method=operation.method, headers=bearer(managed, role))
        assert operation.right is not None
        if operation.right in RIGHTS[role]:
            assert reply.status not in {401, 403}, operation.name
        else:
            assert (reply.status, reply.json["code"]) == (403, "forbidden"), operation.name
            assert operation.right.value in reply.json["detail"]
            assert role.value in reply.json["detail"]


def test_what_changes_routing_takes_the_rights_of_an_admin() -> None:
    changing = {o.name: o.right for o in GUARDED if o.method != "GET"}
    asking = {"verify_draft", "explain_call", "replay_calls"}
    assert {name for name, right in changing.items() if right is Right.SEE_ROUTING} == asking
    of_incidents = {Right.WORK_INCIDENTS, Right.OWN_INCIDENTS, Right.SUPERVISE}
    others = {right for name, right in changing.items() if name not in asking} - of_incidents
    assert others == {Right.EDIT, Right.PUBLISH, Right.TOKENS, Right.OWN_DUTY}


def test_an_agencys_token_opens_its_own_incidents_and_nothing_else() -> None:
    opened = {o.path for o in GUARDED if o.right in RIGHTS[Role.AGENCY] - {Right.LISTEN}}
    others = {path for path in opened if not path.startswith("/api/v1/agency/")}
    assert others == {"/api/v1/eido"}, "a neighbour is an agency, and hands incidents over"


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/incidents/", "/api/v2/trunks", "/api/v1/trunks/a/b/c"])
async def test_what_is_under_the_api_is_not_even_said_to_be_unknown(stranger: Client, path: str) -> None:
    assert (await stranger.ask(path)).status == 401


async def test_a_wrong_method_is_not_told_the_right_ones_either(stranger: Client) -> None:
    assert (await stranger.ask("/api/v1/trunks", method="PATCH")).status == 401


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer x", "Basic YTpi", "Bearer cr_00000000_" + "x" * 43, "Bearer a b", "\xe9"],
)
async def test_a_token_that_is_none_is_401_and_not_repeated(stranger: Client, header: str) -> None:
    reply = await stranger.ask("/api/v1/trunks", headers={"Authorization": header})
    assert reply.status == 401
    assert "x" * 43 not in reply.text


async def test_a_revoked_token_opens_nothing_any_more(stranger: Client, client: Client, managed: Managed) -> None:
    token = managed.bearers[Role.VIEWER]
    assert (await stranger.ask("/api/v1/trunks", headers=bearer(managed, Role.VIEWER))).status == 200
    assert (await client.ask(f"/api/v1/tokens/{token.split('_')[1]}", method="DELETE")).status == 204
    assert (await stranger.ask("/api/v1/trunks", headers=bearer(managed, Role.VIEWER))).status == 401


async def test_many_wrong_tokens_are_slowed_down_with_retry_after(stranger: Client) -> None:
    wrong = {"Authorization": "Bearer wrong"}
    statuses = [(await stranger.ask("/api/v1/trunks", headers=wrong)).status for _ in range(FREE_FAILURES)]
    assert set(statuses) == {401}
    reply = await stranger.ask("/api/v1/trunks", headers=wrong)
    assert (reply.status, reply.json["code"]) == (429, "throttled")
    assert int(reply.headers["Retry-After"]) >= 1


async def test_a_server_without_management_opens_nothing_but_what_is_open(
    start: Start, session: aiohttp.ClientSession
) -> None:
    closed = Client(session, (await start(management=None)).port)
    assert (await closed.ask("/livez")).status == 200
    assert (await closed.ask("/api/v1/incidents")).status == 401
    assert (await closed.ask("/api/v1/draft/publish", method="POST", json={"why": "x"})).status == 401


async def test_an_operator_changes_his_own_duty_and_no_other(
    stranger: Client, managed: Managed, client: Client
) -> None:
    own = bearer(managed, Role.OPERATOR)
    reply = await stranger.ask("/api/v1/duty/op1", method="POST", json={"act": "pause"}, headers=own)
    assert (reply.status, reply.json["paused"], reply.json["rung"]) == (200, "self", False)
    assert (await client.ask("/api/v1/operators", method="POST", json={"key": "op2", "name": "Dua"})).status == 201
    refused = await stranger.ask("/api/v1/duty/op2", method="POST", json={"act": "leave"}, headers=own)
    assert (refused.status, refused.json["code"]) == (403, "not_yours")


async def test_a_supervisor_changes_anybodys_duty(stranger: Client, managed: Managed) -> None:
    reply = await stranger.ask(
        "/api/v1/duty/op1", method="POST", json={"act": "pause"}, headers=bearer(managed, Role.SUPERVISOR)
    )
    assert (reply.status, reply.json["paused"]) == (200, "supervisor")
    board = (await stranger.ask("/api/v1/duty", headers=bearer(managed, Role.VIEWER))).json
    assert [row["rung"] for row in board["items"]] == [False]


async def test_who_publishes_is_who_the_token_says(client: Client, managed: Managed) -> None:
    await client.ask("/api/v1/areas", method="POST", json={"code": "35.07.13", "name": "Kepanjen"})
    assert managed.store.notes[-1].actor == "admin-1 (admin)"
    assert managed.store.notes[0].actor == f"{ADMIN.name} (admin)"
