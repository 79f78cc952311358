"""Standard operating procedures and suggestions over REST, over a real database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest

from callrouter.access.model import Role
from callrouter.api.sop_models import SopFile
from callrouter.api.sop_shapes import version_of
from callrouter.incidents.sop import Subject
from callrouter.publishing.importing import read_table
from callrouter.resources import resource
from callrouter.storage.agency_incidents import AgencyIncidents
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.incidents import Incidents
from callrouter.storage.related import Related
from callrouter.storage.sop import IncidentSops, Sops
from tests.api.conftest import Start, session_of
from tests.api.fakes import Managed
from tests.api.support import Client, Reply
from tests.databases import migrated_sqlite, sqlite_url  # noqa: F401 - fixtures

SOP = "/api/v1/sop"
FIRE = f"{SOP}/categories/fire"
LIST = "/api/v1/incidents"
MINE = "/api/v1/agency/incidents"
TEXT = {"id": "teks", "en": "text"}
TRAPPED = {"key": "trapped", "kind": "yes_no", "text": TEXT, "required": True}
FLOOR = {
    "key": "floor",
    "kind": "number",
    "text": TEXT,
    "required": True,
    "least": 0,
    "when": {"item": "trapped", "equals": True},
}
WHAT = {"key": "what", "kind": "choice", "text": TEXT, "choices": [{"key": "house", "text": TEXT}]}
ORDER = {"title": TEXT, "items": [TRAPPED, FLOOR, WHAT]}
UNITS = {"title": TEXT, "items": [{"key": "units", "kind": "number", "text": TEXT, "required": True}]}


class Centre:
    """A client of each role, over one database."""

    def __init__(self, clients: dict[Role, Client]) -> None:
        self.clients = clients

    async def ask(self, role: Role, method: str, path: str, body: Any = None, seen: str | None = None) -> Reply:
        headers = {} if seen is None else {"If-Match": seen if seen == "*" else f'"{seen}"'}
        options: dict[str, Any] = {"headers": headers}
        if body is not None:
            options["json"] = body
        return await self.clients[role].ask(path, method=method, **options)

    async def open(self, *agencies: str, **fields: Any) -> str:
        reply = await self.ask(Role.OPERATOR, "POST", LIST, {"category": "fire"} | fields)
        assert reply.status == 201, reply.text
        one = f"{LIST}/{reply.json['id']}"
        if agencies:
            passed = await self.ask(Role.OPERATOR, "POST", f"{one}/agencies", {"agencies": list(agencies)}, "*")
            assert passed.status == 200, passed.text
        return str(reply.json["id"])


@pytest.fixture
async def centre(start: Start, managed: Managed, sqlite_url: str) -> AsyncIterator[Centre]:  # noqa: F811
    database = Database(sqlite_url)
    server = await start(
        incidents=Incidents(database),
        desk=IncidentTables(database, acknowledge_s=300),
        agencies=AgencyIncidents(database),
        sop=Sops(database, b"k" * 32),
        sop_answers=IncidentSops(database),
        related=Related(database),
    )
    async with AsyncExitStack() as sessions:
        yield Centre(
            {
                role: Client(await sessions.enter_async_context(session_of(managed, role)), server.port)
                for role in Role
            }
        )
    await database.close()


async def test_an_admin_makes_versions_and_withdraws_them(centre: Centre) -> None:
    assert (await centre.ask(Role.ADMIN, "GET", FIRE)).status == 404
    assert (await centre.ask(Role.ADMIN, "PUT", FIRE, ORDER)).status == 428
    made = await centre.ask(Role.ADMIN, "PUT", FIRE, ORDER, "0")
    assert (made.status, made.json["version"], made.headers["ETag"]) == (200, 1, '"1"')
    late = await centre.ask(Role.ADMIN, "PUT", FIRE, UNITS, "0")
    assert (late.status, late.headers["ETag"]) == (412, '"1"')
    assert (await centre.ask(Role.ADMIN, "PUT", FIRE, UNITS, "1")).json["version"] == 2
    assert (await centre.ask(Role.VIEWER, "GET", FIRE)).json["items"][0]["key"] == "units"
    first = await centre.ask(Role.VIEWER, "GET", f"{FIRE}/versions/1")
    assert [item["key"] for item in first.json["items"]] == ["trapped", "floor", "what"]
    (row,) = (await centre.ask(Role.VIEWER, "GET", SOP)).json["items"]
    assert (row["kind"], row["key"], row["version"], row["items"]) == ("categories", "fire", 2, 1)
    page = (await centre.ask(Role.VIEWER, "GET", f"{FIRE}/versions?limit=1")).json
    assert [one["version"] for one in page["items"]] == [2]
    rest = (await centre.ask(Role.VIEWER, "GET", f"{FIRE}/versions?limit=1&after={page['next']}")).json
    assert [one["version"] for one in rest["items"]] == [1]
    assert (await centre.ask(Role.ADMIN, "DELETE", FIRE, None, "1")).status == 412
    assert (await centre.ask(Role.ADMIN, "DELETE", FIRE, None, "2")).status == 204
    assert (await centre.ask(Role.ADMIN, "DELETE", FIRE, None, "*")).status == 404
    assert (await centre.ask(Role.VIEWER, "GET", FIRE)).status == 404
    assert (await centre.ask(Role.VIEWER, "GET", f"{FIRE}/versions/9")).status == 404
    assert (await centre.ask(Role.VIEWER, "GET", SOP)).json["items"] == []


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.SUPERVISOR, Role.VIEWER, Role.AGENCY, Role.AUDITOR])
async def test_nobody_else_edits_lists(centre: Centre, role: Role) -> None:
    assert (await centre.ask(role, "PUT", FIRE, ORDER, "*")).status == 403
    assert (await centre.ask(role, "DELETE", FIRE, None, "*")).status == 403
    assert (await centre.ask(role, "POST", f"{SOP}/import", {"sop": []})).status == 403


@pytest.mark.parametrize(
    ("items", "pointer"),
    [
        ([], "/items"),
        ([TRAPPED, TRAPPED], "/items/1/key"),
        ([FLOOR, TRAPPED], "/items/0/when/item"),
        ([WHAT | {"choices": []}], "/items/0/choices"),
        ([TRAPPED | {"least": 1}], "/items/0/least"),
        ([TRAPPED | {"kind": "maybe"}], "/items/0/kind"),
        ([TRAPPED | {"text": {"id": "hanya satu"}}], "/items/0/text/en"),
        ([TRAPPED | {"other": 1}], "/items/0/other"),
        ([TRAPPED, FLOOR | {"when": {"item": "trapped", "equals": None}}], "/items/1/when/equals"),
    ],
)
async def test_a_list_that_cannot_be_is_told_with_its_place(
    centre: Centre, items: list[dict[str, Any]], pointer: str
) -> None:
    refused = await centre.ask(Role.ADMIN, "PUT", FIRE, {"title": TEXT, "items": items}, "*")
    assert (refused.status, refused.json["pointer"], refused.json["in"]) == (422, pointer, "body")
    assert (await centre.ask(Role.ADMIN, "GET", FIRE)).status == 404


async def test_a_list_is_for_what_is_there(centre: Centre) -> None:
    refused = await centre.ask(Role.ADMIN, "PUT", f"{SOP}/agencies/nobody", ORDER, "*")
    assert (refused.status, refused.json["code"]) == (404, "entry_unknown")


async def test_an_incident_is_asked_answered_and_closed_in_a_hurry(centre: Centre) -> None:
    await centre.ask(Role.ADMIN, "PUT", FIRE, ORDER, "0")
    incident = await centre.open("damkar")
    one = f"{LIST}/{incident}"
    viewed = (await centre.ask(Role.VIEWER, "GET", f"{one}/sop")).json
    assert viewed["lists"][0]["attached"] is False
    sheet = (await centre.ask(Role.OPERATOR, "GET", f"{one}/sop")).json
    assert (sheet["missing"], sheet["lists"][0]["attached"], sheet["lists"][0]["sop"]) == (1, True, 1)
    await centre.ask(Role.ADMIN, "PUT", FIRE, UNITS, "1")

    answers = {"answers": {"trapped": True, "what": "house"}}
    assert (await centre.ask(Role.OPERATOR, "PUT", f"{one}/sop/categories/fire", answers)).status == 428
    done = await centre.ask(Role.OPERATOR, "PUT", f"{one}/sop/categories/fire", answers, "0")
    assert (done.status, done.headers["ETag"], done.json["missing"]) == (200, '"1"', 1)
    trapped, floor, what = done.json["lists"][0]["items"]
    assert (trapped["answer"], trapped["answered_by"], trapped["missing"]) == (True, "operator-1 (operator)", False)
    assert (floor["asked"], floor["missing"], floor["answer"]) == (True, True, None)
    assert what["answer"] == "house"
    same = {"answers": answers["answers"] | {"floor": None}}
    assert (await centre.ask(Role.OPERATOR, "PUT", f"{one}/sop/categories/fire", same, "1")).headers["ETag"] == '"1"'
    late = await centre.ask(Role.SUPERVISOR, "PUT", f"{one}/sop/categories/fire", answers, "0")
    assert (late.status, late.headers["ETag"]) == (412, '"1"')

    closed = await centre.ask(Role.OPERATOR, "POST", f"{one}/close", {"disposition": "emergency"}, "*")
    assert (closed.status, closed.json["state"]) == (200, "closed")
    told = {entry["kind"]: entry["data"] for entry in closed.json["timeline"]}
    assert told["sop_missing"] == {"missing": {"categories/fire": ["floor"]}}
    assert told["sop"]["answers"] == {"trapped": [None, True], "what": [None, "house"]}


@pytest.mark.parametrize(
    ("answers", "pointer"),
    [
        ({"boat": True}, "/answers/boat"),
        ({"trapped": 1}, "/answers/trapped"),
        ({"trapped": [True]}, "/answers/trapped"),
        ({"floor": 1.5}, "/answers/floor"),
        ({"what": "boat"}, "/answers/what"),
        ({"floor": -1}, "/answers/floor"),
    ],
)
async def test_an_answer_that_cannot_be_is_told_with_its_place(
    centre: Centre, answers: dict[str, Any], pointer: str
) -> None:
    await centre.ask(Role.ADMIN, "PUT", FIRE, ORDER, "0")
    path = f"{LIST}/{await centre.open()}/sop/categories/fire"
    refused = await centre.ask(Role.OPERATOR, "PUT", path, {"answers": answers}, "*")
    assert (refused.status, refused.json["pointer"], refused.json["in"]) == (422, pointer, "body")


async def test_what_is_not_asked_cannot_be_answered(centre: Centre) -> None:
    incident = await centre.open()
    path = f"{LIST}/{incident}/sop/categories/fire"
    assert (await centre.ask(Role.OPERATOR, "PUT", path, {"answers": {}}, "*")).status == 404
    nowhere = f"{LIST}/{uuid4()}/sop"
    assert (await centre.ask(Role.OPERATOR, "GET", nowhere)).status == 404
    assert (await centre.ask(Role.OPERATOR, "PUT", f"{nowhere}/categories/fire", {"answers": {}}, "*")).status == 404
    assert (await centre.ask(Role.VIEWER, "PUT", path, {"answers": {}}, "*")).status == 403


async def test_an_agency_answers_its_own_list_and_sees_no_other_incident(centre: Centre) -> None:
    await centre.ask(Role.ADMIN, "PUT", FIRE, ORDER, "0")
    await centre.ask(Role.ADMIN, "PUT", f"{SOP}/agencies/damkar", UNITS, "0")
    incident, other = await centre.open("damkar"), await centre.open()
    sheet = (await centre.ask(Role.AGENCY, "GET", f"{MINE}/{incident}/sop")).json
    assert [(one["kind"], one["key"]) for one in sheet["lists"]] == [("categories", "fire"), ("agencies", "damkar")]
    done = await centre.ask(Role.AGENCY, "PUT", f"{MINE}/{incident}/sop", {"answers": {"units": 2}}, "0")
    assert (done.status, done.headers["ETag"]) == (200, '"1"')
    assert done.json["lists"][1]["items"][0]["answered_by"] == "agency-1 (agency)"
    for method, body in (("GET", None), ("PUT", {"answers": {}})):
        reply = await centre.ask(Role.AGENCY, method, f"{MINE}/{other}/sop", body, "*")
        assert (reply.status, reply.json["code"]) == (404, "incident_unknown")
    path = f"{LIST}/{incident}/sop/categories/fire"
    assert (await centre.ask(Role.AGENCY, "PUT", path, {"answers": {}}, "*")).status == 403


async def test_many_lists_are_loaded_together_or_none(centre: Centre) -> None:
    fire = {"kind": "categories", "key": "fire"} | ORDER
    damkar = {"kind": "agencies", "key": "damkar"} | UNITS
    for bad, pointer in (
        (damkar | {"key": "nobody"}, "/sop/1/key"),
        (fire, "/sop/1/key"),
        (damkar | {"items": [FLOOR]}, "/sop/1/items/0/when/item"),
    ):
        refused = await centre.ask(Role.ADMIN, "POST", f"{SOP}/import", {"sop": [fire, bad]})
        assert (refused.status, refused.json["pointer"]) == (422, pointer)
        assert (await centre.ask(Role.ADMIN, "GET", SOP)).json["items"] == []
    for _ in range(2):
        done = await centre.ask(Role.ADMIN, "POST", f"{SOP}/import", {"sop": [fire, damkar]})
        assert [(row["key"], row["version"]) for row in done.json["items"]] == [("fire", 1), ("damkar", 1)]


def test_the_example_fits_its_table_and_every_agency_of_it_has_a_list() -> None:
    data = json.loads((resource("examples") / "sop.json").read_text("utf-8"))
    lists = SopFile.model_validate_json(json.dumps(data), strict=True).sop
    table = read_table(resource("examples") / "kab-malang.yaml")
    for n, order in enumerate(lists):
        version_of(Subject(order.kind, order.key), order, f"/sop/{n}")  # raises for what is wrong in it
    of = {kind: {order.key for order in lists if order.kind == kind} for kind in ("agencies", "categories")}
    assert of["agencies"] == {agency.key for agency in table.directory.agencies}
    assert of["categories"] <= {category.key for category in table.routing.categories}
    assert len(lists) == len({(order.kind, order.key) for order in lists})


async def test_the_same_fire_is_suggested_with_its_reasons(centre: Centre) -> None:
    one = await centre.open(place="Pasar Kepanjen", description="Asap hitam tebal")
    other = await centre.open(place="Depan Pasar Kepanjen", description="Asap dari kios")
    await centre.open(category=None, place="Singosari")
    found = await centre.ask(Role.VIEWER, "GET", f"{LIST}/{one}/related")
    (suggested,) = found.json["items"]
    assert suggested["id"] == other
    assert suggested["score"] == sum(term["points"] for term in suggested["terms"])
    assert {term["term"] for term in suggested["terms"]} == {"category", "time", "place", "description"}
    assert (await centre.ask(Role.VIEWER, "GET", f"{LIST}/{uuid4()}/related")).status == 404
    assert (await centre.ask(Role.VIEWER, "GET", f"{LIST}/{one}/related?limit=99")).status == 400
    assert (await centre.ask(Role.AGENCY, "GET", f"{LIST}/{one}/related")).status == 403
    merged = await centre.ask(Role.SUPERVISOR, "POST", f"{LIST}/{other}/merge", {"into": one}, "*")
    assert merged.status == 200
    assert (await centre.ask(Role.VIEWER, "GET", f"{LIST}/{one}/related")).json["items"] == []


async def test_without_a_store_nothing_is_asked(start: Start, managed: Managed) -> None:
    server = await start()
    async with session_of(managed, Role.ADMIN) as session:
        client = Client(session, server.port)
        for path in (SOP, f"{LIST}/{uuid4()}/sop", f"{LIST}/{uuid4()}/related"):
            reply = await client.ask(path)
            assert (reply.status, reply.json["code"]) == (503, "storage_unavailable")
