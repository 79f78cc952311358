"""What operators, supervisors and agencies do with incidents over REST, over a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from callrouter.access.model import Role
from callrouter.incidents.model import incident_id
from callrouter.storage.agency_incidents import AgencyIncidents
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.incidents import Incidents
from callrouter.storage.sub_codes import SubCodes
from tests.api.conftest import Start, session_of
from tests.api.fakes import Managed
from tests.api.support import Client, Reply
from tests.databases import migrated_sqlite, sqlite_url  # noqa: F401 - fixtures
from tests.storage.given import given_opened, store, whole_call

LIST = "/api/v1/incidents"
MINE = "/api/v1/agency/incidents"
PATCH = "application/merge-patch+json"


class Centre:
    """A client of each role, over one database."""

    def __init__(self, clients: dict[Role, Client], database: Database) -> None:
        self.clients = clients
        self.database = database

    async def ask(self, role: Role, method: str, path: str, body: Any = None, seen: str | None = None) -> Reply:
        """Ask; `seen` is the ETag for If-Match, without quotes."""
        headers = {} if seen is None else {"If-Match": seen if seen == "*" else f'"{seen}"'}
        if method == "PATCH":
            headers["Content-Type"] = PATCH
        options: dict[str, Any] = {"headers": headers}
        if body is not None:
            options["json"] = body
        return await self.clients[role].ask(path, method=method, **options)

    async def open(self, **fields: Any) -> tuple[str, str]:
        """Open an incident by hand; return its id and its ETag."""
        reply = await self.ask(Role.OPERATOR, "POST", LIST, fields)
        assert reply.status == 201, reply.text
        return reply.json["id"], reply.headers["ETag"].strip('"')


@pytest.fixture
async def centre(start: Start, managed: Managed, sqlite_url: str) -> AsyncIterator[Centre]:  # noqa: F811
    database = Database(sqlite_url)
    server = await start(
        incidents=Incidents(database),
        desk=IncidentTables(database, acknowledge_s=300),
        agencies=AgencyIncidents(database),
        sub_codes=SubCodes(database, b"k" * 32),
    )
    async with AsyncExitStack() as sessions:
        clients = {
            role: Client(await sessions.enter_async_context(session_of(managed, role)), server.port) for role in Role
        }
        yield Centre(clients, database)
    await database.close()


async def test_an_incident_goes_from_the_radio_to_its_end(centre: Centre) -> None:
    made = await centre.ask(Role.OPERATOR, "POST", LIST, {"category": "fire", "place": "Jl. Merdeka 12"})
    assert (made.status, made.json["state"], made.json["origin"]) == (201, "with_operator", "hand")
    assert made.headers["Location"] == f"{LIST}/{made.json['id']}"
    one, seen = f"{LIST}/{made.json['id']}", made.headers["ETag"].strip('"')

    passed = await centre.ask(Role.OPERATOR, "POST", f"{one}/agencies", {"agencies": ["damkar"]}, seen)
    assert (passed.status, passed.json["state"], len(passed.json["agencies"])) == (200, "with_agency", 1)

    (mine,) = (await centre.ask(Role.AGENCY, "GET", MINE)).json["items"]
    assert (mine["id"], mine["place"], mine["part"]["state"]) == (made.json["id"], "Jl. Merdeka 12", "passed")
    seen = f"{mine['part']['version']}"
    for state in ("acknowledged", "en_route", "on_scene", "resolved"):
        moved = await centre.ask(Role.AGENCY, "POST", f"{MINE}/{mine['id']}/state", {"state": state}, seen)
        assert (moved.status, moved.json["part"]["state"], moved.json["state"]) == (200, state, state)
        seen = moved.headers["ETag"].strip('"')

    now = (await centre.ask(Role.OPERATOR, "GET", one)).headers["ETag"].strip('"')
    refused = await centre.ask(Role.OPERATOR, "POST", f"{one}/close", {"reason": "padam"}, now)
    assert (refused.status, refused.json["code"], refused.json["pointer"]) == (
        409,
        "disposition_missing",
        "/disposition",
    )
    closed = await centre.ask(Role.OPERATOR, "POST", f"{one}/close", {"disposition": "emergency"}, now)
    assert (closed.status, closed.json["state"], closed.json["disposition"]) == (200, "closed", "emergency")
    assert [entry["kind"] for entry in closed.json["timeline"]] == [
        "handed_in",
        "passed",
        *["agency"] * 4,
        "closed",
    ]
    assert closed.json["timeline"][2]["actor"] == "agency-1 (agency)"
    reopened = await centre.ask(Role.OPERATOR, "POST", f"{one}/reopen", {"reason": "menyala lagi"}, "*")
    assert (reopened.status, reopened.json["state"]) == (200, "resolved")


async def test_what_cannot_be_done_names_what_can(centre: Centre) -> None:
    id_, seen = await centre.open()
    refused = await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{id_}/reopen", {"reason": "x"}, seen)
    assert (refused.status, refused.json["code"]) == (409, "illegal_act")
    assert "take, change, note, pass" in refused.json["detail"]


async def test_an_incident_is_changed_by_who_has_seen_it(centre: Centre) -> None:
    id_, seen = await centre.open(place="Kali")
    one = f"{LIST}/{id_}"
    assert (await centre.ask(Role.OPERATOR, "PATCH", one, {"place": "Pasar"})).status == 428
    done = await centre.ask(Role.OPERATOR, "PATCH", one, {"place": "Pasar", "people_hurt": 2}, seen)
    assert (done.status, done.json["place"], done.json["people_hurt"]) == (200, "Pasar", 2)
    late = await centre.ask(Role.SUPERVISOR, "PATCH", one, {"place": "Alun-alun"}, seen)
    assert (late.status, late.json["code"]) == (412, "changed_meanwhile")
    assert late.headers["ETag"] == done.headers["ETag"]
    emptied = await centre.ask(Role.OPERATOR, "PATCH", one, {"people_hurt": None}, "*")
    assert (emptied.json["people_hurt"], emptied.json["place"]) == (None, "Pasar")


async def test_an_empty_patch_changes_nothing_and_still_looks_at_if_match(centre: Centre) -> None:
    id_, seen = await centre.open()
    same = await centre.ask(Role.OPERATOR, "PATCH", f"{LIST}/{id_}", {}, seen)
    assert (same.status, same.headers["ETag"]) == (200, f'"{seen}"')
    assert (await centre.ask(Role.OPERATOR, "PATCH", f"{LIST}/{id_}", {}, "99")).status == 412


async def test_a_call_that_goes_on_is_no_obstacle(centre: Centre) -> None:
    opened = given_opened()
    await store(centre.database, opened)
    one = f"{LIST}/{incident_id(opened.call)}"
    first = await centre.ask(Role.OPERATOR, "GET", one)
    await store(centre.database, *whole_call(opened.call))
    second = await centre.ask(Role.OPERATOR, "GET", one)
    assert first.headers["ETag"] != second.headers["ETag"]
    assert (second.json["agencies"][0]["agency"], second.json["agencies"][0]["how"]) == ("damkar", "call")
    seen = first.headers["ETag"].strip('"')
    assert (await centre.ask(Role.OPERATOR, "PATCH", one, {"place": "Kali"}, seen)).status == 200


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"category": "nothing"}, "/category"),
        ({"area": "99.99"}, "/area"),
        ({"people_hurt": -1}, "/people_hurt"),
        ({"people_hurt": "2"}, "/people_hurt"),
        ({"place": 5}, "/place"),
        ({"reporter_name": "a\nb"}, "/reporter_name"),
        ({"callback": True}, "/callback"),
        ({"state": "closed"}, "/state"),
    ],
)
async def test_what_cannot_be_is_told_with_its_place(centre: Centre, fields: dict[str, Any], pointer: str) -> None:
    id_, seen = await centre.open()
    refused = await centre.ask(Role.OPERATOR, "PATCH", f"{LIST}/{id_}", fields, seen)
    assert (refused.status, refused.json["pointer"], refused.json["in"]) == (422, pointer, "body")
    assert (await centre.ask(Role.OPERATOR, "GET", f"{LIST}/{id_}")).headers["ETag"] == f'"{seen}"'


async def test_opening_it_twice_with_an_id_of_ones_own_makes_one(centre: Centre) -> None:
    order = {"id": "0f6e8a0f-5d0c-4f5e-9a86-1f5a2f0f6112", "category": "fire"}
    assert (await centre.ask(Role.OPERATOR, "POST", LIST, order)).status == 201
    again = await centre.ask(Role.OPERATOR, "POST", LIST, order)
    assert (again.status, again.json["code"]) == (409, "incident_exists")
    assert len((await centre.ask(Role.OPERATOR, "GET", LIST)).json["items"]) == 1
    of_a_call = order | {"id": "8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112"}
    assert (await centre.ask(Role.OPERATOR, "POST", LIST, of_a_call)).status == 422


async def test_passing_to_an_agency_that_is_not_there_is_told_and_passes_to_none(centre: Centre) -> None:
    id_, seen = await centre.open()
    order = {"agencies": ["damkar", "nobody"]}
    refused = await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{id_}/agencies", order, seen)
    assert (refused.status, refused.json["pointer"]) == (422, "/agencies/1")
    assert (await centre.ask(Role.OPERATOR, "GET", f"{LIST}/{id_}")).json["agencies"] == []
    order = {"agencies": ["damkar"]}
    assert (await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{id_}/agencies", order, seen)).status == 200
    again = await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{id_}/agencies", order, "*")
    assert (again.status, again.json["code"]) == (409, "already_passed")


async def test_an_operator_speaks_for_an_agency_that_told_him_by_radio(centre: Centre) -> None:
    id_, seen = await centre.open()
    await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{id_}/agencies", {"agencies": ["damkar"]}, seen)
    part = f"{LIST}/{id_}/agencies/damkar"
    moved = await centre.ask(Role.OPERATOR, "POST", f"{part}/state", {"state": "on_scene", "text": "radio"}, "1")
    assert (moved.status, moved.json["state"]) == (200, "on_scene")
    assert moved.json["agencies"][0]["acknowledged_by"] == "operator-1 (operator)"
    noted = await centre.ask(Role.OPERATOR, "PUT", f"{part}/remark", {"remark": "jalan ditutup"}, "2")
    assert noted.json["agencies"][0]["remark"] == "jalan ditutup"
    illegal = await centre.ask(Role.OPERATOR, "POST", f"{part}/state", {"state": "passed"}, "3")
    assert (illegal.status, illegal.json["code"]) == (409, "illegal_move")
    assert "resolved, withdrawn" in illegal.json["detail"]
    other = await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{id_}/agencies/pmi/state", {"state": "resolved"}, "*")
    assert (other.status, other.json["code"]) == (404, "not_with_agency")


async def test_what_is_not_an_agencys_own_is_unknown_to_it(centre: Centre) -> None:
    id_, seen = await centre.open()
    for method, path, body in (
        ("GET", f"{MINE}/{id_}", None),
        ("POST", f"{MINE}/{id_}/state", {"state": "acknowledged"}),
        ("PUT", f"{MINE}/{id_}/remark", {"remark": "x"}),
    ):
        refused = await centre.ask(Role.AGENCY, method, path, body, None if method == "GET" else "*")
        assert (refused.status, refused.json["code"]) == (404, "incident_unknown")
    assert (await centre.ask(Role.AGENCY, "GET", MINE)).json["items"] == []
    for method, path in (("GET", LIST), ("GET", f"{LIST}/{id_}"), ("POST", f"{LIST}/{id_}/take")):
        assert (await centre.ask(Role.AGENCY, method, path, None, seen)).status == 403


async def test_an_agency_is_shown_whom_to_ring_until_it_is_done(centre: Centre) -> None:
    id_, seen = await centre.open(reporter_number="+628123456789", reporter_name="Siti Rahmawati")
    await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{id_}/agencies", {"agencies": ["damkar"]}, seen)
    mine = await centre.ask(Role.AGENCY, "GET", f"{MINE}/{id_}")
    assert (mine.json["caller_number"], mine.json["caller_name"]) == ("+628123456789", "Siti Rahmawati")
    done = await centre.ask(Role.AGENCY, "POST", f"{MINE}/{id_}/state", {"state": "declined"}, "*")
    assert done.json["caller_number"] == "+6281******89"
    assert "Rahmawati" not in done.text
    seen_by_viewer = await centre.ask(Role.VIEWER, "GET", f"{LIST}/{id_}")
    assert "+628123456789" not in seen_by_viewer.text
    assert "Rahmawati" not in seen_by_viewer.text


async def test_an_agencys_list_goes_on_page_by_page(centre: Centre) -> None:
    ids: list[str] = []
    for _ in range(5):
        id_, seen = await centre.open()
        await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{id_}/agencies", {"agencies": ["damkar"]}, seen)
        ids.insert(0, id_)
    found: list[str] = []
    after = ""
    for _ in range(3):
        page = (await centre.ask(Role.AGENCY, "GET", f"{MINE}?limit=2&open=true{after}")).json
        found += [row["id"] for row in page["items"]]
        after = f"&after={page['next']}"
    assert (found, page["next"]) == (ids, None)


async def test_merging_is_a_supervisors_and_reads_tell_where_it_went(centre: Centre) -> None:
    (one, seen), (two, _) = await centre.open(place="satu"), await centre.open(place="dua")
    path, order = f"{LIST}/{one}", {"into": two}
    assert (await centre.ask(Role.OPERATOR, "POST", f"{path}/merge", order, seen)).status == 403
    merged = await centre.ask(Role.SUPERVISOR, "POST", f"{path}/merge", order, seen)
    assert (merged.json["state"], merged.json["merged_into"], merged.json["merged_into_number"]) == ("merged", two, 2)
    target = (await centre.ask(Role.OPERATOR, "GET", f"{LIST}/{two}")).json
    assert target["merged"] == [{"id": one, "number": 1}]
    refused = await centre.ask(Role.OPERATOR, "PATCH", path, {"place": "x"}, "*")
    assert (refused.status, refused.json["code"]) == (409, "illegal_act")
    assert "2" in refused.json["detail"]
    circle = await centre.ask(Role.SUPERVISOR, "POST", f"{LIST}/{two}/merge", {"into": one}, "*")
    assert (circle.status, circle.json["code"], circle.json["pointer"]) == (409, "cannot_merge", "/into")
    back = await centre.ask(Role.SUPERVISOR, "POST", f"{path}/unmerge", None, merged.headers["ETag"].strip('"'))
    assert (back.json["state"], back.json["merged_into"], back.json["place"]) == ("with_operator", None, "satu")


async def test_notes_stand_beside_each_other_without_if_match(centre: Centre) -> None:
    id_, seen = await centre.open()
    for text in ("satu", "dua"):
        reply = await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{id_}/notes", {"text": text})
        assert reply.status == 200
    assert [e["data"].get("text") for e in reply.json["timeline"]][1:] == ["satu", "dua"]
    assert (await centre.ask(Role.OPERATOR, "PATCH", f"{LIST}/{id_}", {"place": "x"}, seen)).status == 200


async def test_a_sub_code_that_an_admin_adds_can_be_given(centre: Centre) -> None:
    id_, seen = await centre.open()
    code = "/api/v1/dispositions/prank/sub-codes/anak"
    verdict = {"disposition": "prank", "sub_code": "anak"}
    refused = await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{id_}/disposition", verdict, seen)
    assert (refused.status, refused.json["pointer"]) == (422, "/sub_code")
    order = {"name": {"id": "anak-anak", "en": "children"}}
    assert (await centre.ask(Role.OPERATOR, "PUT", code, order, "0")).status == 403
    made = await centre.ask(Role.ADMIN, "PUT", code, order, "0")
    assert (made.status, made.json["key"], made.headers["ETag"]) == (200, "anak", '"1"')
    assert (await centre.ask(Role.ADMIN, "PUT", code, order, "0")).status == 412
    listed = (await centre.ask(Role.OPERATOR, "GET", "/api/v1/dispositions")).json["items"]
    assert {row["disposition"]: [c["key"] for c in row["sub_codes"]] for row in listed}["prank"] == ["anak"]
    done = await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{id_}/disposition", verdict, seen)
    assert (done.status, done.json["disposition"], done.json["sub_code"]) == (200, "prank", "anak")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
async def test_who_only_looks_changes_nothing(centre: Centre, role: Role) -> None:
    id_, seen = await centre.open()
    for method, path, body in (
        ("POST", LIST, {}),
        ("PATCH", f"{LIST}/{id_}", {"place": "x"}),
        ("POST", f"{LIST}/{id_}/notes", {"text": "x"}),
        ("POST", f"{LIST}/{id_}/close", {"disposition": "test"}),
    ):
        assert (await centre.ask(role, method, path, body, seen)).status == 403


async def test_every_sentence_is_said_in_both_languages(centre: Centre) -> None:
    id_, seen = await centre.open()
    said = {
        language: (
            await centre.clients[Role.OPERATOR].ask(
                f"{LIST}/{id_}/reopen",
                method="POST",
                json={"reason": "x"},
                headers={"If-Match": f'"{seen}"', "Accept-Language": language},
            )
        ).json["detail"]
        for language in ("id", "en")
    }
    assert said["id"].startswith("Laporan berstatus with_operator")
    assert said["en"].startswith("The incident is with_operator")
