"""The ten kinds of entries over REST: each is created, read, replaced, patched and deleted alike."""

from __future__ import annotations

from typing import Any

import pytest

from callrouter.api.resource_examples import DATA, OTHER, PATCHES
from callrouter.api.resources import SPECS, Spec
from callrouter.bilingual import Bilingual
from callrouter.incidents.views import StorageUnavailable
from callrouter.publishing.errors import PbxRefused
from callrouter.routing.entries import DIRECTORY, Kind
from tests.api.fakes import Managed
from tests.api.support import Client, Reply
from tests.unit.publishing.fakes import storage_is_away

MERGE = {"Content-Type": "application/merge-patch+json"}
KINDS = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: str(spec.kind.value))
TRUNK = "/api/v1/trunks/damkar"


def key_in(spec: Spec, data: dict[str, Any]) -> str:
    return str(data[spec.key_name])


async def patch(client: Client, path: str, change: Any, etag: str = '"1"') -> Reply:
    return await client.ask(path, method="PATCH", json=change, headers=MERGE | {"If-Match": etag})


@KINDS
async def test_a_thing_is_added_read_and_deleted(client: Client, spec: Spec) -> None:
    other = OTHER[spec.kind]
    path = f"{spec.path}/{key_in(spec, other)}"
    made = await client.ask(spec.path, method="POST", json=other)
    assert (made.status, made.headers["Location"]) == (201, path)
    assert {name: made.json[name] for name in other} == other | {
        name: made.json[name] for name in ("contacts", "options", "windows", "steps") if name in other
    }
    read = await client.ask(path)
    assert (read.status, read.json, read.headers["ETag"]) == (200, made.json, made.headers["ETag"])
    gone = await client.ask(path, method="DELETE", headers={"If-Match": made.headers["ETag"]})
    assert (gone.status, gone.text) == (204, "")
    assert (await client.ask(path)).json["code"] == "entry_unknown"
    again = await client.ask(spec.path, method="POST", json=other)
    stale = await client.ask(path, method="DELETE", headers={"If-Match": made.headers["ETag"]})
    assert (stale.status, stale.headers["ETag"]) == (412, again.headers["ETag"])


@KINDS
async def test_a_thing_is_replaced_as_a_whole(client: Client, spec: Spec) -> None:
    data = DATA[spec.kind]
    path = f"{spec.path}/{key_in(spec, data)}"
    patched = await patch(client, path, PATCHES[spec.kind])
    assert (patched.status, patched.headers["ETag"]) == (200, '"2"'), patched.text
    back = await client.ask(path, method="PUT", json=data, headers={"If-Match": '"2"'})
    assert (back.status, back.headers["ETag"]) == (200, '"3"')
    assert patched.json != back.json == (await client.ask(path)).json


@KINDS
async def test_what_is_read_can_be_sent_back_as_it_is(client: Client, spec: Spec) -> None:
    path = f"{spec.path}/{key_in(spec, DATA[spec.kind])}"
    read = await client.ask(path)
    back = await client.ask(path, method="PUT", json=read.json, headers={"If-Match": read.headers["ETag"]})
    assert (back.status, back.json, back.headers["ETag"]) == (200, read.json, read.headers["ETag"])


@KINDS
async def test_a_key_cannot_be_changed_or_taken_twice(client: Client, spec: Spec) -> None:
    data = DATA[spec.kind]
    path = f"{spec.path}/{key_in(spec, data)}"
    doubled = await client.ask(spec.path, method="POST", json=data)
    assert (doubled.status, doubled.json["code"]) == (409, "key_taken")
    moved = await client.ask(path, method="PUT", json=OTHER[spec.kind], headers={"If-Match": '"1"'})
    assert (moved.status, moved.json["code"]) == (422, "key_mismatch")
    assert (moved.json["in"], moved.json["pointer"]) == ("body", f"/{spec.key_name}")


@KINDS
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_change_names_what_it_saw(client: Client, spec: Spec, method: str) -> None:
    path = f"{spec.path}/{key_in(spec, DATA[spec.kind])}"
    body: dict[str, Any] = {} if method == "DELETE" else {"json": DATA[spec.kind]}
    more = MERGE if method == "PATCH" else {}
    blind = await client.ask(path, method=method, headers=more, **body)
    assert (blind.status, blind.json["code"]) == (428, "precondition_required")
    stale = await client.ask(path, method=method, headers=more | {"If-Match": '"7"'}, **body)
    assert (stale.status, stale.json["code"], stale.headers["ETag"]) == (412, "changed_meanwhile", '"1"')
    weak = await client.ask(path, method=method, headers=more | {"If-Match": 'W/"1"'}, **body)
    assert weak.status == 412
    wrong = await client.ask(path, method=method, headers=more | {"If-Match": "1"}, **body)
    assert (wrong.status, wrong.json["code"]) == (400, "header_invalid")
    assert (await client.ask(path)).headers["ETag"] == '"1"'


async def test_of_two_who_saw_the_same_the_second_is_refused(client: Client) -> None:
    first = await patch(client, TRUNK, {"channels": 8})
    second = await patch(client, TRUNK, {"channels": 2})
    assert (first.status, second.status) == (200, 412)
    assert second.headers["ETag"] == first.headers["ETag"]
    assert (await client.ask(TRUNK)).json["channels"] == 8


@pytest.mark.parametrize("header", ["*", '"0", "1"', '"1" , W/"9"'])
async def test_a_list_of_etags_or_any_will_do(client: Client, header: str) -> None:
    assert (await patch(client, TRUNK, {"channels": 8}, header)).status == 200


@pytest.mark.parametrize(("header", "status"), [('"1"', 304), ('W/"1"', 304), ("*", 304), ('"2"', 200), ("1", 400)])
async def test_a_get_of_what_is_known_is_304(client: Client, header: str, status: int) -> None:
    reply = await client.ask(TRUNK, headers={"If-None-Match": header})
    assert reply.status == status
    if status != 400:
        assert reply.headers["ETag"] == '"1"'


@pytest.mark.parametrize(
    ("path", "users"),
    [
        ("/api/v1/trunks/damkar", {"agencies/damkar", "settings"}),
        ("/api/v1/agencies/damkar", {"routes/fire"}),
        ("/api/v1/operators/op1", {"ring_groups/operators", "shifts/regu-a"}),
        ("/api/v1/categories/fire", {"menus/main", "routes/fire"}),
        ("/api/v1/menus/main", {"settings"}),
        ("/api/v1/schedules/pagi", {"shifts/regu-a"}),
        ("/api/v1/shifts/regu-a", {"ring_groups/operators"}),
        ("/api/v1/ring-groups/operators", {"routes/fire", "routes/rest", "settings"}),
    ],
)
async def test_what_is_used_is_not_deleted_and_its_users_are_listed(
    client: Client, path: str, users: set[str]
) -> None:
    reply = await client.ask(path, method="DELETE", headers={"If-Match": '"1"'})
    assert (reply.status, reply.json["code"]) == (409, "in_use")
    assert {use["user"] for use in reply.json["uses"] if "version" not in use["where"]} == users
    assert all(use["pointer"].startswith(("/directory/", "/routing/")) for use in reply.json["uses"])
    assert (await client.ask(path)).status == 200


async def test_a_patch_changes_what_it_names_and_null_brings_the_default_back(client: Client) -> None:
    before = (await client.ask(TRUNK)).json
    changed = await patch(client, TRUNK, {"channels": None, "login": {"username": "112"}})
    assert changed.json == before | {
        "channels": 30,
        "login": {"username": "112", "register_here": False, "expires_s": 600},
    }
    again = await patch(client, TRUNK, {"login": {"expires_s": 60}}, '"2"')
    assert again.json["login"] == {"username": "112", "register_here": False, "expires_s": 60}
    without = await patch(client, TRUNK, {"login": None}, '"3"')
    assert without.json["login"] is None


async def test_an_empty_patch_changes_nothing(client: Client) -> None:
    assert (await patch(client, TRUNK, {})).headers["ETag"] == '"1"'


async def test_a_patch_must_be_called_one(client: Client) -> None:
    reply = await client.ask(TRUNK, method="PATCH", json={"channels": 8}, headers={"If-Match": '"1"'})
    assert (reply.status, reply.json["code"]) == (415, "media_type_unsupported")
    assert "application/merge-patch+json" in reply.json["remedy"]


async def test_what_does_not_fit_the_table_points_into_what_was_sent(client: Client, managed: Managed) -> None:
    agency = OTHER[Kind.AGENCIES] | {
        "contacts": [
            {"key": "a", "trunk": "damkar", "number": "1"},
            {"key": "b", "trunk": "damkr", "number": "2"},
        ]
    }
    notes = len(managed.store.notes)
    reply = await client.ask("/api/v1/agencies", method="POST", json=agency, headers={"Accept-Language": "en"})
    assert reply.status == 422
    assert (reply.json["in"], reply.json["pointer"]) == ("body", "/contacts/1/trunk")
    assert "damkr" in reply.json["detail"]
    assert "damkar" in reply.json["remedy"]
    assert len(managed.store.notes) == notes
    assert (await client.ask("/api/v1/agencies/pmi")).status == 404


async def test_two_routes_of_one_priority_are_refused(client: Client) -> None:
    reply = await client.ask("/api/v1/routes", method="POST", json=OTHER[Kind.ROUTES] | {"priority": 500})
    assert (reply.status, reply.json["pointer"], reply.json["in"]) == (422, "/priority", "body")


async def test_a_trunk_outside_the_allowed_networks_is_refused(client: Client, managed: Managed) -> None:
    acts = len(managed.pbx.acts)
    reply = await client.ask("/api/v1/trunks", method="POST", json=OTHER[Kind.TRUNKS] | {"host": "203.0.113.9"})
    assert (reply.status, reply.json["pointer"], reply.json["in"]) == (422, "/host", "body")
    assert len(managed.pbx.acts) == acts


@KINDS
async def test_only_the_directory_reaches_the_pbx_at_once(client: Client, managed: Managed, spec: Spec) -> None:
    managed.pbx.acts.clear()
    assert (await client.ask(spec.path, method="POST", json=OTHER[spec.kind])).status == 201
    assert bool(managed.pbx.acts) is (spec.kind in DIRECTORY)


async def test_a_pbx_that_refuses_is_502_and_nothing_is_changed(client: Client, managed: Managed) -> None:
    managed.pbx.refuses = PbxRefused(Bilingual("endpoint tidak dimuat", "the endpoint was not loaded"))
    reply = await patch(client, TRUNK, {"channels": 8})
    assert (reply.status, reply.json["code"]) == (502, "pbx_refused")
    assert "endpoint tidak dimuat" in reply.json["detail"]
    read = await client.ask(TRUNK)
    assert (read.json["channels"], read.headers["ETag"]) == (4, '"1"')


async def test_storage_away_is_503_and_nothing_is_changed(client: Client, managed: Managed) -> None:
    managed.store.before = storage_is_away("write")
    reply = await client.ask("/api/v1/areas", method="POST", json=OTHER[Kind.AREAS])
    assert (reply.status, reply.json["code"]) == (503, "storage_unavailable")
    assert StorageUnavailable.__name__ not in reply.text
    managed.store.before = lambda _: None
    assert (await client.ask("/api/v1/areas/35.07.13")).status == 404


# ------------------------------------------------------------------------------------------------ lists
async def many_areas(client: Client, count: int) -> list[str]:
    codes = [f"35.07.{n:02}" for n in range(1, count + 1)]
    for n, code in enumerate(codes):
        area = {"code": code, "name": f"Kecamatan {(n * 7) % count:02}"}
        assert (await client.ask("/api/v1/areas", method="POST", json=area)).status == 201
    return codes


@pytest.mark.parametrize("sort", ["key", "-key", "name", "-name"])
async def test_pages_show_every_entry_once_in_the_order_that_is_asked_for(client: Client, sort: str) -> None:
    await many_areas(client, 7)
    seen: list[dict[str, str]] = []
    after = ""
    while True:
        page = (await client.ask(f"/api/v1/areas?limit=3&within=35.07&sort={sort}{after}")).json
        seen += page["items"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    wanted = sorted(seen, key=lambda a: a["code" if "key" in sort else "name"], reverse=sort.startswith("-"))
    assert seen == wanted
    assert len({area["code"] for area in seen}) == 8


async def test_an_entry_that_is_added_or_deleted_between_two_pages_moves_no_other(client: Client) -> None:
    codes = await many_areas(client, 6)
    first = (await client.ask("/api/v1/areas?limit=3")).json
    await client.ask(f"/api/v1/areas/{codes[1]}", method="DELETE", headers={"If-Match": '"1"'})
    await client.ask("/api/v1/areas", method="POST", json={"code": "11", "name": "Aceh"})
    second = (await client.ask(f"/api/v1/areas?limit=9&after={first['next']}")).json
    assert [a["code"] for a in first["items"]] == ["35.07", *codes[:2]]
    assert [a["code"] for a in second["items"]] == codes[2:]


async def test_routes_come_by_priority_the_highest_first(client: Client) -> None:
    page = (await client.ask("/api/v1/routes?limit=1")).json
    assert [route["key"] for route in page["items"]] == ["fire"]
    rest = (await client.ask(f"/api/v1/routes?after={page['next']}")).json
    assert [route["key"] for route in rest["items"]] == ["rest"]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("trunks?kind=carrier", ["telco"]),
        ("trunks?enabled=false", []),
        ("trunks?q=DAM", ["damkar"]),
        ("agencies?trunk=damkar", ["damkar"]),
        ("agencies?q=fire%20brig", ["damkar"]),
        ("agencies?q=pemadam", ["damkar"]),
        ("agencies?trunk=telco", []),
        ("operators?enabled=true", ["op1"]),
        ("categories?urn=urn:service:sos.fire", ["fire"]),
        ("menus?category=fire", ["main"]),
        ("areas?within=35", ["35.07"]),
        ("areas?within=36", []),
        ("schedules?timezone=Asia/Makassar", []),
        ("shifts?schedule=pagi&operator=op1", ["regu-a"]),
        ("ring-groups?member=op1&shift=regu-a", ["operators"]),
        ("ring-groups?q=zzz", []),
        ("routes?category=fire", ["fire"]),
        ("routes?locked=false", ["fire", "rest"]),
        ("routes?information=true", []),
    ],
)
async def test_filters_let_through_what_they_name(client: Client, path: str, keys: list[str]) -> None:
    items = (await client.ask(f"/api/v1/{path}")).json["items"]
    assert [item.get("key", item.get("code")) for item in items] == keys


@pytest.mark.parametrize(
    ("path", "code", "pointer"),
    [
        ("trunks?sort=host", "parameter_invalid", "/query/sort"),
        ("trunks?after=AQAAAAAAAAQAHsXp", "cursor_invalid", "/query/after"),
        ("trunks?q=", "parameter_invalid", "/query/q"),
        ("trunks?q=" + "a" * 81, "parameter_invalid", "/query/q"),
        ("trunks?category=fire", "parameter_unknown", "/query/category"),
        ("routes?locked=yes", "parameter_invalid", "/query/locked"),
        ("trunks/UPPER", "parameter_invalid", "/path/key"),
        ("areas/damkar", "parameter_invalid", "/path/key"),
    ],
)
async def test_a_bad_parameter_is_named(client: Client, path: str, code: str, pointer: str) -> None:
    reply = await client.ask(f"/api/v1/{path}")
    assert (reply.status, reply.json["code"], reply.json["pointer"]) == (400, code, pointer)


async def test_a_cursor_of_another_order_is_refused(client: Client) -> None:
    await many_areas(client, 3)
    page = (await client.ask("/api/v1/areas?limit=1&sort=key")).json
    reply = await client.ask(f"/api/v1/areas?limit=1&sort=name&after={page['next']}")
    assert (reply.status, reply.json["code"]) == (400, "cursor_invalid")
