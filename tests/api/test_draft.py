"""The draft as a whole, versions, and what is asked about them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from callrouter.access.model import Role
from callrouter.api.resource_examples import OTHER, TABLE_DATA
from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError
from callrouter.publishing.errors import PbxRefused
from callrouter.publishing.model import PastCall
from callrouter.routing.entries import Kind
from callrouter.routing.facts import Choice, Facts, Origin
from tests.api.fakes import ADMIN, START_US, Managed
from tests.api.support import Client, Reply

MERGE = {"Content-Type": "application/merge-patch+json"}
DRAFT = "/api/v1/draft"
SETTINGS = "/api/v1/settings"
FIRE = {"origin": "citizen", "choice": "none", "category": "fire", "trunk": "telco", "trunk_kind": "carrier"}


async def etag(client: Client) -> dict[str, str]:
    return {"If-Match": (await client.ask(DRAFT)).headers["ETag"]}


async def publish(client: Client, why: str = "because") -> Reply:
    headers = await etag(client)
    return await client.ask(f"{DRAFT}/publish", method="POST", json={"why": why}, headers=headers)


async def lock_everything(client: Client) -> None:
    """Leave callers without any route."""
    for key in ("fire", "rest"):
        headers = MERGE | {"If-Match": '"1"'}
        reply = await client.ask(f"/api/v1/routes/{key}", method="PATCH", json={"locked": True}, headers=headers)
        assert reply.status == 200


async def test_the_draft_can_be_sent_back_as_it_is_read(client: Client) -> None:
    read = await client.ask(DRAFT)
    assert read.json["changed"] is False
    assert read.headers["ETag"] == f'"{read.json["sha256"]}"'
    headers = {"If-Match": read.headers["ETag"]}
    back = await client.ask(DRAFT, method="PUT", json=read.json["table"], headers=headers)
    assert (back.status, back.headers["ETag"]) == (200, read.headers["ETag"])
    assert (await client.ask(DRAFT, headers={"If-None-Match": read.headers["ETag"]})).status == 304


async def test_an_import_is_all_or_nothing(client: Client) -> None:
    before = await client.ask(DRAFT)
    broken: dict[str, Any] = json.loads(json.dumps(TABLE_DATA))
    broken["routing"]["routes"][0]["steps"][0]["targets"] = ["damkr/posko"]
    reply = await client.ask(DRAFT, method="PUT", json=broken, headers={"If-Match": before.headers["ETag"]})
    assert (reply.status, reply.json["code"]) == (422, "body_invalid")
    assert (reply.json["in"], reply.json["pointer"]) == ("body", "/routing/routes/0/steps/0/targets/0")
    assert "damkar/posko" in reply.json["remedy"]
    assert (await client.ask(DRAFT)).json == before.json


async def test_an_import_that_saw_another_draft_is_412(client: Client) -> None:
    before = await client.ask(DRAFT)
    await client.ask("/api/v1/areas", method="POST", json=OTHER[Kind.AREAS])
    headers = {"If-Match": before.headers["ETag"]}
    reply = await client.ask(DRAFT, method="PUT", json=before.json["table"], headers=headers)
    assert (reply.status, reply.json["code"]) == (412, "changed_meanwhile")
    assert reply.headers["ETag"] == (await client.ask(DRAFT)).headers["ETag"]


@pytest.mark.parametrize("path", ["approve", "publish", "discard"])
async def test_what_is_done_to_the_draft_names_the_draft_that_was_seen(client: Client, path: str) -> None:
    body: dict[str, Any] = {"json": {"why": "because"}} if path == "publish" else {}
    assert (await client.ask(f"{DRAFT}/{path}", method="POST", **body)).status == 428
    stale = await client.ask(f"{DRAFT}/{path}", method="POST", headers={"If-Match": f'"{"0" * 64}"'}, **body)
    assert (stale.status, stale.headers["ETag"]) == (412, (await client.ask(DRAFT)).headers["ETag"])


async def test_discard_makes_the_draft_the_version_in_force_again(client: Client) -> None:
    before = await client.ask(DRAFT)
    await client.ask("/api/v1/areas", method="POST", json=OTHER[Kind.AREAS])
    assert (await client.ask(DRAFT)).json["changed"] is True
    reply = await client.ask(f"{DRAFT}/discard", method="POST", headers=await etag(client))
    assert (reply.status, reply.json["changed"], reply.headers["ETag"]) == (200, False, before.headers["ETag"])


async def test_settings_are_read_replaced_and_patched(client: Client) -> None:
    read = await client.ask(SETTINGS)
    assert (read.status, read.headers["ETag"]) == (200, '"1"')
    headers = MERGE | {"If-Match": '"1"'}
    change = {"last_resort": {"seconds": 45}}
    patched = await client.ask(SETTINGS, method="PATCH", json=change, headers=headers)
    assert patched.json["last_resort"] == {"group": "operators", "seconds": 45}
    assert (await client.ask(SETTINGS, method="PATCH", json=change, headers=headers)).status == 412
    back = await client.ask(SETTINGS, method="PUT", json=read.json, headers={"If-Match": '"2"'})
    assert (back.status, back.json, back.headers["ETag"]) == (200, read.json, '"3"')
    wrong = read.json | {"main_menu": "mian"}
    refused = await client.ask(SETTINGS, method="PUT", json=wrong, headers={"If-Match": '"3"'})
    assert (refused.status, refused.json["pointer"], refused.json["in"]) == (422, "/main_menu", "body")


async def test_a_publication_is_a_version_that_calls_are_routed_by(client: Client, managed: Managed) -> None:
    await client.ask("/api/v1/areas", method="POST", json=OTHER[Kind.AREAS])
    reply = await publish(client, "an area more")
    assert (reply.status, reply.json["number"]) == (200, 2)
    assert managed.pbx.routes_by is not None
    assert managed.pbx.routes_by[0] == 2
    rows = (await client.ask("/api/v1/versions")).json["items"]
    assert [(row["number"], row["why"], row["in_force"]) for row in rows] == [
        (2, "an area more", True),
        (1, "first", False),
    ]
    assert rows[0]["who"] == "admin-1 (admin)"
    assert (await client.ask(DRAFT)).json["changed"] is False


async def test_a_whole_table_is_imported_and_published_at_once(client: Client, managed: Managed) -> None:
    before = await client.ask(DRAFT)
    table = before.json["table"]
    table["routing"]["areas"].append(OTHER[Kind.AREAS])
    headers = {"If-Match": before.headers["ETag"]}
    reply = await client.ask("/api/v1/versions?why=an+area", method="POST", json=table, headers=headers)
    assert (reply.status, reply.json["number"], reply.headers["Location"]) == (201, 2, "/api/v1/versions/2")
    assert managed.pbx.routes_by is not None
    assert managed.pbx.routes_by[0] == 2
    after = await client.ask(DRAFT)
    assert OTHER[Kind.AREAS]["code"] in [area["code"] for area in after.json["table"]["routing"]["areas"]]
    again = await client.ask("/api/v1/versions?why=an+area", method="POST", json=table, headers=headers)
    assert (again.status, again.json["code"]) == (412, "changed_meanwhile")


async def test_of_a_whole_table_that_cannot_be_published_nothing_is_imported(client: Client) -> None:
    before = await client.ask(DRAFT)
    table = before.json["table"]
    for route in table["routing"]["routes"]:
        route["locked"] = True
    headers = {"If-Match": before.headers["ETag"]}
    reply = await client.ask("/api/v1/versions?why=so", method="POST", json=table, headers=headers)
    assert (reply.status, reply.json["code"]) == (422, "not_verified"), reply.text
    assert (await client.ask(DRAFT)).json == before.json
    unsaid = await client.ask("/api/v1/versions", method="POST", json=table, headers=headers)
    assert (unsaid.status, unsaid.json["pointer"]) == (400, "/query/why"), unsaid.text


async def test_a_draft_that_strands_callers_is_refused_with_what_was_found(client: Client, managed: Managed) -> None:
    await lock_everything(client)
    report = await client.ask(f"{DRAFT}/verify", method="POST")
    assert (report.status, report.json["verified"]) == (200, False)
    acts = len(managed.pbx.acts)
    reply = await publish(client)
    assert (reply.status, reply.json["code"]) == (422, "not_verified")
    assert reply.json["findings"] == report.json["findings"]
    assert any(finding["error"] and finding["rule"] for finding in reply.json["findings"])
    assert len(managed.pbx.acts) == acts
    assert (await client.ask("/api/v1/versions")).json["items"][0]["number"] == 1


async def test_explain_takes_a_counter_example_as_it_is(client: Client) -> None:
    await lock_everything(client)
    findings = (await client.ask(f"{DRAFT}/verify", method="POST")).json["findings"]
    examples = [finding["example"] for finding in findings if finding["example"] is not None]
    assert examples
    for example in examples:
        reply = await client.ask("/api/v1/explain", method="POST", json=example)
        assert reply.status == 200, reply.text
        assert (reply.json["facts"], reply.json["winner"]) == (example["facts"], None)


async def test_a_table_that_is_good_is_verified(client: Client) -> None:
    report = (await client.ask(f"{DRAFT}/verify", method="POST")).json
    assert report["verified"] is True
    assert report["vectors"] > 0


async def test_findings_come_in_the_language_of_who_asks(client: Client) -> None:
    await lock_everything(client)
    said = {
        language: (await client.ask(f"{DRAFT}/verify", method="POST", headers={"Accept-Language": language})).json[
            "findings"
        ][0]["sentence"]
        for language in ("id", "en")
    }
    assert said["id"] != said["en"]


async def test_a_pbx_that_refuses_a_publication_is_502_and_says_why(client: Client, managed: Managed) -> None:
    await client.ask("/api/v1/areas", method="POST", json=OTHER[Kind.AREAS])
    managed.pbx.refuses = PbxRefused(Bilingual("sentinel tidak cocok", "the sentinel differs"))
    reply = await publish(client)
    assert (reply.status, reply.json["code"]) == (502, "pbx_refused")
    assert "sentinel tidak cocok" in reply.json["detail"]
    assert (await client.ask("/api/v1/versions")).json["items"][0]["number"] == 1


async def test_what_a_person_must_put_right_is_said(client: Client, managed: Managed) -> None:
    await client.ask("/api/v1/areas", method="POST", json=OTHER[Kind.AREAS])
    managed.pbx.refuses = OperatorError(
        Bilingual("Disk penuh.", "The disk is full."), Bilingual("Kosongkan.", "Tidy.")
    )
    reply = await publish(client)
    assert (reply.status, reply.json["code"], reply.json["detail"]) == (503, "out_of_order", "Disk penuh. Kosongkan.")


async def test_two_persons_publish_where_the_rule_says_so(client: Client, managed: Managed) -> None:
    managed.desk._two_person = True
    await client.ask("/api/v1/areas", method="POST", json=OTHER[Kind.AREAS])
    assert (await publish(client)).json["code"] == "needs_approval"
    own = await client.ask(f"{DRAFT}/approve", method="POST", headers=await etag(client))
    assert own.json["approved_by"] is not None
    assert (await publish(client)).status == 409
    _, second = await managed.tokens.issue("diskominfo-2", Role.ADMIN, None, 1, ADMIN)
    headers = await etag(client) | {"Authorization": f"Bearer {second}"}
    assert (await client.ask(f"{DRAFT}/approve", method="POST", headers=headers)).status == 200
    assert (await publish(client)).status == 200


async def test_a_difference_names_what_changed_and_how(client: Client) -> None:
    assert (await client.ask(f"{DRAFT}/diff")).json["items"] == []
    await client.ask("/api/v1/areas", method="POST", json=OTHER[Kind.AREAS])
    headers = MERGE | {"If-Match": '"1"'}
    await client.ask("/api/v1/routes/rest", method="PATCH", json={"priority": 60}, headers=headers)
    found = (await client.ask(f"{DRAFT}/diff?against=1")).json
    assert [(d["kind"], d["key"], d["change"]) for d in found["items"]] == [
        ("areas", "35.07.13", "added"),
        ("routes", "rest", "changed"),
    ]
    assert (found["items"][1]["before"]["priority"], found["items"][1]["after"]["priority"]) == (50, 60)
    assert "60" in found["text"]
    await publish(client)
    back = (await client.ask("/api/v1/versions/1/diff?against=2")).json
    assert [d["change"] for d in back["items"]] == ["removed", "changed"]


async def test_a_version_never_changes_and_can_be_rolled_back_to(client: Client) -> None:
    first = (await client.ask("/api/v1/versions/1")).json
    await client.ask("/api/v1/areas", method="POST", json=OTHER[Kind.AREAS])
    await publish(client)
    assert (await client.ask("/api/v1/versions/1")).json == first | {"in_force": False}
    back = await client.ask("/api/v1/versions/1/rollback", method="POST", json={"why": "too early"})
    assert (back.status, back.json["number"], back.json["sha256"]) == (200, 3, first["sha256"])
    assert (await client.ask("/api/v1/areas/35.07.13")).status == 200, "the draft is left alone"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/v1/versions/99", None),
        ("GET", "/api/v1/versions/99/diff", None),
        ("GET", "/api/v1/versions/1/diff?against=99", None),
        ("GET", "/api/v1/draft/diff?against=99", None),
        ("POST", "/api/v1/versions/99/rollback", {"why": "x"}),
        ("POST", "/api/v1/explain", {"on": 99, "facts": FIRE}),
        ("POST", "/api/v1/replay", {"on": 99, "from": "2026-11-20T00:00:00Z"}),
    ],
)
async def test_a_version_that_is_not_there_is_404(client: Client, method: str, path: str, body: Any) -> None:
    reply = await client.ask(path, method=method, json=body)
    assert (reply.status, reply.json["code"]) == (404, "version_unknown")


@pytest.mark.parametrize("path", ["0", "-1", "x", "1.0", "99999999999999999999"])
async def test_what_is_no_number_of_a_version_is_400(client: Client, path: str) -> None:
    assert (await client.ask(f"/api/v1/versions/{path}")).status == 400


async def test_versions_come_in_pages(client: Client) -> None:
    for _ in range(4):
        await publish(client)
    first = (await client.ask("/api/v1/versions?limit=3")).json
    rest = (await client.ask(f"/api/v1/versions?limit=3&after={first['next']}")).json
    assert [row["number"] for row in (*first["items"], *rest["items"])] == [5, 4, 3, 2, 1]
    assert rest["next"] is None


async def test_explain_says_which_route_won_and_why(client: Client) -> None:
    body = {"on": "draft", "facts": FIRE, "outcomes": ["busy"]}
    reply = (await client.ask("/api/v1/explain", method="POST", json=body)).json
    assert reply["winner"] == "fire"
    assert [(route["key"], route["standing"]) for route in reply["routes"]] == [("fire", "won"), ("rest", "beaten")]
    assert (reply["plan"][0]["who"], reply["plan"][0]["outcome"]) == ("damkar/posko", "busy")
    assert reply["routes"][0]["reasons"][0]["held"] is True


async def test_explain_answers_for_a_version_too(client: Client) -> None:
    await lock_everything(client)
    for on, winner in (("draft", None), ("in_force", "fire"), (1, "fire")):
        reply = await client.ask("/api/v1/explain", method="POST", json={"on": on, "facts": FIRE})
        assert reply.json["winner"] == winner


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"facts": FIRE | {"origin": "martian"}}, "/facts/origin"),
        ({"facts": FIRE | {"suspicion": 101}}, "/facts/suspicion"),
        ({"facts": {}}, "/facts/origin"),
        ({"at": "2026-11-21T10:00:00"}, "/at"),
        ({"on": "yesterday"}, "/on"),
        ({"on": 0}, "/on"),
        ({"outcomes": ["nonsense"]}, "/outcomes/0"),
        ({"outcomes": ["busy"] * 21}, "/outcomes"),
    ],
)
async def test_a_call_that_cannot_be_is_pointed_at(client: Client, change: dict[str, Any], pointer: str) -> None:
    reply = await client.ask("/api/v1/explain", method="POST", json={"facts": FIRE} | change)
    assert (reply.status, reply.json["in"], reply.json["pointer"]) == (422, "body", pointer), reply.text


async def test_replay_says_which_calls_would_go_elsewhere(client: Client, managed: Managed) -> None:
    facts = Facts(origin=Origin.CITIZEN, choice=Choice.NONE, category="fire", trunk="telco")
    plan = "plan,10,1,fire!dial,damkar/posko"
    managed.store.calls = [PastCall("c1", START_US, facts, 1, "fire", plan)]
    day = {"from": "2026-11-21T00:00:00Z", "to": "2026-11-22T00:00:00Z"}
    found = (await client.ask("/api/v1/replay", method="POST", json=day)).json
    assert found["calls"] == 1
    assert found["same"] + found["moved"] + found["unreadable"] == 1
    none = await client.ask(
        "/api/v1/replay", method="POST", json={"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    )
    assert none.json["calls"] == 0


async def test_a_period_that_ends_before_it_begins_is_refused(client: Client) -> None:
    body = {"from": "2026-11-22T00:00:00Z", "to": "2026-11-21T00:00:00Z"}
    assert (await client.ask("/api/v1/replay", method="POST", json=body)).status == 422


async def test_an_empty_desk_has_a_draft_and_no_version(client: Client, managed: Managed) -> None:
    managed.store.kept = {}
    assert (await client.ask("/api/v1/versions")).json == {"items": [], "next": None}


async def test_holidays_are_proposed_and_what_is_estimated_is_said(client: Client) -> None:
    found = (await client.ask("/api/v1/holidays?year=2026")).json
    by_date = {item["date"]: item for item in found["items"]}
    assert by_date["2026-08-17"]["name"]["en"] == "Independence Day"
    assert by_date["2026-08-17"]["estimated"] is False
    later = (await client.ask("/api/v1/holidays?year=2035")).json["items"]
    assert any(item["estimated"] for item in later)
    assert not any("estimated" in item["name"]["en"] or "perkiraan" in item["name"]["id"] for item in later)
    assert all(date.fromisoformat(item["date"]).year == 2035 for item in later)
    assert (await client.ask("/api/v1/holidays")).json["code"] == "parameter_missing"


async def test_a_proposed_holiday_can_be_put_into_a_schedule(client: Client) -> None:
    proposed = (await client.ask("/api/v1/holidays?year=2027")).json["items"]
    holidays = [{"date": item["date"], "name": item["name"]} for item in proposed]
    headers = MERGE | {"If-Match": '"1"'}
    reply = await client.ask("/api/v1/schedules/pagi", method="PATCH", json={"holidays": holidays}, headers=headers)
    assert (reply.status, reply.json["holidays"]) == (200, holidays)


async def test_times_of_answers_are_read_back_by_the_same_models(client: Client) -> None:
    report = (await client.ask(f"{DRAFT}/verify", method="POST")).json
    assert datetime.fromisoformat(report["until"]) > datetime(2026, 11, 21, tzinfo=UTC)
