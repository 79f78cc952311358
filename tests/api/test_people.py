"""Tokens, secrets, duty and the audit over REST."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callrouter.access.model import AuditNote, Role
from callrouter.bilingual import Bilingual
from callrouter.publishing.errors import PbxRefused
from tests.api.fakes import START_US, Managed
from tests.api.support import Client

TOKENS = "/api/v1/tokens"
AUDIT = "/api/v1/audit"
PASSWORD = "/api/v1/trunks/damkar/password"
SECRET = "/api/v1/operators/op1/secret"


@pytest.fixture
def auditor(managed: Managed) -> dict[str, str]:
    return {"Authorization": f"Bearer {managed.bearers[Role.AUDITOR]}"}


# ------------------------------------------------------------------------------------------------ tokens
async def test_a_token_is_shown_once_and_opens_what_its_role_says(client: Client, managed: Managed) -> None:
    made = await client.ask(TOKENS, method="POST", json={"name": "layar", "role": "viewer", "days": 7})
    assert made.status == 201
    assert made.headers["Location"] == f"{TOKENS}/{made.json['id']}"
    assert made.headers["Cache-Control"] == "no-store"
    headers = {"Authorization": f"Bearer {made.json['token']}"}
    assert (await client.ask("/api/v1/trunks", headers=headers)).status == 200
    assert (await client.ask(TOKENS, headers=headers)).status == 403
    listed = await client.ask(TOKENS)
    assert made.json["token"] not in listed.text
    row = next(row for row in listed.json["items"] if row["id"] == made.json["id"])
    assert (row["name"], row["role"], row["revoked_at"]) == ("layar", "viewer", None)
    assert made.json["token"].rpartition("_")[2] not in str(managed.token_store.notes)


async def test_a_revoked_token_stays_listed_and_is_revoked_once(client: Client) -> None:
    made = (await client.ask(TOKENS, method="POST", json={"name": "layar", "role": "viewer", "days": 7})).json
    assert (await client.ask(f"{TOKENS}/{made['id']}", method="DELETE")).status == 204
    row = next(row for row in (await client.ask(TOKENS)).json["items"] if row["id"] == made["id"])
    assert row["revoked_at"] is not None


async def test_a_token_that_is_not_there_cannot_be_revoked(client: Client) -> None:
    reply = await client.ask(f"{TOKENS}/00000000", method="DELETE")
    assert (reply.status, reply.json["code"]) == (404, "token_unknown")


@pytest.mark.parametrize(
    ("order", "pointer"),
    [
        ({"name": "x", "role": "viewer", "days": 0}, "/days"),
        ({"name": "x", "role": "viewer", "days": 731}, "/days"),
        ({"name": "x\ny", "role": "viewer", "days": 1}, "/name"),
        ({"name": "x", "role": "root", "days": 1}, "/role"),
        ({"name": "x", "role": "operator", "days": 1}, ""),
        ({"name": "x", "role": "viewer", "subject": "op1", "days": 1}, ""),
        ({"name": "x", "role": "operator", "subject": "op9", "days": 1}, "/subject"),
        ({"name": "x", "role": "agency", "subject": "op1", "days": 1}, "/subject"),
    ],
)
async def test_a_token_that_cannot_be_is_refused(
    client: Client, managed: Managed, order: dict[str, Any], pointer: str
) -> None:
    before = len(managed.token_store.records)
    reply = await client.ask(TOKENS, method="POST", json=order)
    assert (reply.status, reply.json["in"], reply.json["pointer"]) == (422, "body", pointer)
    assert len(managed.token_store.records) == before


# ------------------------------------------------------------------------------------------------ secrets
async def test_an_operators_secret_is_shown_once(client: Client, managed: Managed) -> None:
    made = await client.ask(SECRET, method="POST")
    assert made.json == {"operator": "op1", "username": "op1", "secret": managed.secrets.operators["op1"]}
    assert made.headers["Cache-Control"] == "no-store"
    assert made.json["secret"] not in (await client.ask("/api/v1/operators/op1")).text
    again = await client.ask(SECRET, method="POST")
    assert again.json["secret"] == managed.secrets.operators["op1"]


async def test_who_adds_an_operator_gets_no_secret(client: Client) -> None:
    made = await client.ask("/api/v1/operators", method="POST", json={"key": "op2", "name": "Operator 2"})
    assert made.json == {"key": "op2", "name": "Operator 2", "enabled": True}


async def test_a_trunks_password_goes_in_and_never_out(client: Client, managed: Managed) -> None:
    put = await client.ask(PASSWORD, method="PUT", json={"password": "correct-horse"})
    assert (put.status, put.text) == (204, "")
    assert managed.secrets.trunks == {"damkar": "correct-horse"}
    assert (await client.ask(PASSWORD)).status == 405
    assert "correct-horse" not in (await client.ask("/api/v1/trunks/damkar")).text
    assert (await client.ask(PASSWORD, method="DELETE")).status == 204
    gone = await client.ask(PASSWORD, method="DELETE")
    assert (gone.status, gone.json["code"]) == (404, "entry_unknown")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/operators/op9/secret", None),
        ("PUT", "/api/v1/trunks/none/password", {"password": "x"}),
        ("DELETE", "/api/v1/trunks/none/password", None),
    ],
)
async def test_a_secret_of_nothing_is_404(
    client: Client, managed: Managed, method: str, path: str, body: Any
) -> None:
    reply = await client.ask(path, method=method, json=body)
    assert (reply.status, reply.json["code"]) == (404, "entry_unknown")
    assert (managed.secrets.operators, managed.secrets.trunks) == ({}, {})


async def test_a_pbx_that_does_not_take_a_secret_is_502(client: Client, managed: Managed) -> None:
    managed.secrets.refuses = PbxRefused(Bilingual("tidak dimuat", "not loaded"))
    assert (await client.ask(SECRET, method="POST")).json["code"] == "pbx_refused"
    assert (await client.ask(PASSWORD, method="PUT", json={"password": "x"})).json["code"] == "pbx_refused"


# ------------------------------------------------------------------------------------------------ duty
async def test_duty_shows_who_is_rung_and_why_not(client: Client) -> None:
    row = (await client.ask("/api/v1/duty")).json["items"][0]
    assert (row["operator"], row["rung"], row["presence"], row["changed_at"]) == ("op1", True, "roster", None)
    paused = (await client.ask("/api/v1/duty/op1", method="POST", json={"act": "pause"})).json
    assert (paused["rung"], paused["on_duty"], paused["changed_by"]) == (False, True, "admin-1 (admin)")
    resumed = (await client.ask("/api/v1/duty/op1", method="POST", json={"act": "resume"})).json
    assert resumed["rung"] is True
    left = (await client.ask("/api/v1/duty/op1", method="POST", json={"act": "leave"})).json
    assert (left["on_duty"], left["presence"]) == (False, "left")


@pytest.mark.parametrize(
    ("operator", "act", "status", "code"),
    [
        ("op9", "pause", 404, "entry_unknown"),
        ("op1", "dance", 422, "body_invalid"),
        ("OP1", "pause", 400, "parameter_invalid"),
    ],
)
async def test_duty_that_cannot_be_is_refused(
    client: Client, operator: str, act: str, status: int, code: str
) -> None:
    reply = await client.ask(f"/api/v1/duty/{operator}", method="POST", json={"act": act})
    assert (reply.status, reply.json["code"]) == (status, code)


async def test_who_is_in_no_group_cannot_join(client: Client) -> None:
    await client.ask("/api/v1/operators", method="POST", json={"key": "op2", "name": "Operator 2"})
    reply = await client.ask("/api/v1/duty/op2", method="POST", json={"act": "join"})
    assert (reply.status, reply.json["code"]) == (409, "in_no_group")


async def test_a_pbx_that_is_away_hinders_no_duty(client: Client, managed: Managed) -> None:
    managed.queues.away = True
    assert (await client.ask("/api/v1/duty/op1", method="POST", json={"act": "pause"})).status == 200


# ------------------------------------------------------------------------------------------------ audit
async def test_the_audit_comes_newest_first_in_pages(
    client: Client, managed: Managed, auditor: dict[str, str]
) -> None:
    for n in range(5):
        managed.audit.append(AuditNote("budi (admin)", "create", f"trunks/t{n}", {"n": n}))
    first = (await client.ask(f"{AUDIT}?limit=3", headers=auditor)).json
    assert [row["subject"] for row in first["items"]] == ["trunks/t4", "trunks/t3", "trunks/t2"]
    rest = (await client.ask(f"{AUDIT}?limit=200&after={first['next']}", headers=auditor)).json
    assert [row["seq"] for row in rest["items"]] == list(range(first["items"][-1]["seq"] - 1, 0, -1))
    assert rest["items"][0]["payload"] == {"n": 1}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("actor=budi%20(admin)", 2),
        ("action=delete", 1),
        ("subject=trunks/t", 1),
        ("actor=budi%20(admin)&action=delete", 1),
        ("since=2999-01-01T00:00:00Z", 0),
        ("before=1970-01-02T00:00:00Z", 0),
    ],
)
async def test_filters_of_the_audit(
    client: Client, managed: Managed, auditor: dict[str, str], query: str, count: int
) -> None:
    managed.audit.append(AuditNote("budi (admin)", "create", "trunks/t", {}))
    managed.audit.append(AuditNote("budi (admin)", "delete", "agencies/a", {}))
    assert len((await client.ask(f"{AUDIT}?{query}", headers=auditor)).json["items"]) == count


async def test_a_blanked_payload_is_null(client: Client, managed: Managed, auditor: dict[str, str]) -> None:
    managed.audit.rows[-1] = replace(managed.audit.rows[-1], payload=None)
    assert (await client.ask(f"{AUDIT}?limit=1", headers=auditor)).json["items"][0]["payload"] is None
    assert (await client.ask(f"{AUDIT}/verify", headers=auditor)).json == {"intact": True, "faults": []}


async def test_a_changed_row_is_found_and_told(client: Client, managed: Managed, auditor: dict[str, str]) -> None:
    assert (await client.ask(f"{AUDIT}/verify", headers=auditor)).json["intact"] is True
    managed.audit.rows[1] = replace(managed.audit.rows[1], actor="nobody")
    verdict = (await client.ask(f"{AUDIT}/verify", headers=auditor)).json
    assert verdict["intact"] is False
    assert (verdict["faults"][0]["kind"], verdict["faults"][0]["seq"]) == ("changed", 2)
    assert verdict["faults"][0]["sentence"]


async def test_times_of_the_audit_are_exact(client: Client, managed: Managed, auditor: dict[str, str]) -> None:
    row = (await client.ask(f"{AUDIT}?limit=1", headers=auditor)).json["items"][0]
    assert row["at"].endswith(f"{managed.audit.rows[-1].at % 1_000_000:06d}Z")
    assert managed.audit.rows[-1].at >= START_US
