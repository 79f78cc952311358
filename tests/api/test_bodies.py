"""What is sent, hostile, great, broken or merely wrong, is refused with a place and a remedy, and changes nothing."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callrouter.access.model import Role
from callrouter.api import bodies
from callrouter.api.connection import Limits
from callrouter.api.problems import ApiProblem
from callrouter.api.resource_examples import DATA, OTHER
from callrouter.api.server import ApiServer
from callrouter.routing.entries import Kind
from tests.api.conftest import Start
from tests.api.fakes import Managed
from tests.api.support import Client, Reply
from tests.api.test_server import a_problem, connect, everything, send

JSON = {"Content-Type": "application/json"}
AREAS = "/api/v1/areas"


async def post(client: Client, raw: bytes, path: str = AREAS, **headers: str) -> Reply:
    return await client.ask(path, method="POST", data=raw, headers=JSON | headers)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "body_missing"),
        (b" ", "body_malformed"),
        (b"{", "body_malformed"),
        (b'{"code": "35",}', "body_malformed"),
        (b"{'code': '35'}", "body_malformed"),
        (b'{"code": "35", "name": "a"} x', "body_malformed"),
        (b'{"code": "35", "name": "\xff"}', "body_malformed"),
        (b'{"code": "35", "name": "a\nb"}', "body_malformed"),
        (b'{"code": "35", "name": "\\ud800"}', "body_malformed"),
        (b'{"code": NaN, "name": "a"}', "body_malformed"),
        (b'{"code": -Infinity, "name": "a"}', "body_malformed"),
        (b'{"code": 1e400, "name": "a"}', "body_malformed"),
        (b'{"code": "35", "name": ["a", -1.5E999]}', "body_malformed"),
        (b'{"code": ' + b"9" * 5000 + b', "name": "a"}', "body_malformed"),
        (b'\xef\xbb\xbf{"code": "35", "name": "a"}', "body_malformed"),
        ('{"code": "35", "name": "a"}'.encode("utf-16"), "body_malformed"),
        (b"[" * 30_000, "body_too_deep"),
        (b"[" * 30_000 + b"]" * 30_000, "body_too_deep"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "body_too_deep"),
        (b'{"code": "35", "name": ' + b"[" * 25 + b"]" * 25 + b"}", "body_too_deep"),
        (b'{"code": "35", "code": "36", "name": "a"}', "body_member_repeated"),
    ],
)
async def test_a_body_that_is_no_plain_json_is_refused(client: Client, raw: bytes, code: str) -> None:
    reply = await post(client, raw)
    assert (reply.status, reply.json["code"]) == (400, code)
    assert (await client.ask(f"{AREAS}/35")).status == 404


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b'{"a": 1, "a": 2}', "/a"),
        (b'{"steps": [{}, {"x/y": 1, "x/y": 1}]}', "/steps/1/x~1y"),
        (b'{"\\u0061": 1, "a": 2}', "/a"),
        (b'{"when": {"": 1, "": 1}}', "/when/"),
    ],
)
async def test_a_name_that_stands_twice_is_pointed_at(client: Client, raw: bytes, pointer: str) -> None:
    reply = await post(client, raw)
    assert (reply.json["code"], reply.json["in"], reply.json["pointer"]) == ("body_member_repeated", "body", pointer)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"channels": "4"}, "/channels"),
        ({"channels": 4.5}, "/channels"),
        ({"channels": True}, "/channels"),
        ({"channels": 2001}, "/channels"),
        ({"channels": -1}, "/channels"),
        ({"channels": 10**30}, "/channels"),
        ({"enabled": 1}, "/enabled"),
        ({"enabled": "true"}, "/enabled"),
        ({"enabled": None}, "/enabled"),
        ({"kind": "Carrier"}, "/kind"),
        ({"kind": None}, "/kind"),
        ({"key": "Damkar"}, "/key"),
        ({"key": "damkar\n"}, "/key"),
        ({"key": "a" * 32}, "/key"),
        ({"key": ["damkar"]}, "/key"),
        ({"host": "10.112.0.2,10.112.0.3"}, "/host"),
        ({"host": "10.112.0.2\nmatch=0.0.0.0/0"}, "/host"),
        ({"host": "sip.example"}, "/host"),
        ({"host": "fe80::1%eth0"}, "/host"),
        ({"host": "224.0.0.1"}, "/host"),
        ({"codecs": []}, "/codecs"),
        ({"codecs": ["opus"]}, "/codecs/0"),
        ({"codecs": "alaw"}, "/codecs"),
        ({"colour": "red"}, "/colour"),
        ({"login": {"username": "a b"}}, "/login/username"),
        ({"login": {"username": "a", "password": "x"}}, "/login/password"),
        ({"presented_number": "+62-112"}, "/presented_number"),
        ({"area": "35.7"}, "/area"),
    ],
)
@pytest.mark.parametrize("language", ["id", "en"])
async def test_a_wrong_value_is_pointed_at_with_a_remedy(
    client: Client, change: dict[str, Any], pointer: str, language: str
) -> None:
    reply = await client.ask(
        "/api/v1/trunks", method="POST", json=OTHER[Kind.TRUNKS] | change, headers={"Accept-Language": language}
    )
    assert (reply.status, reply.json["code"]) == (422, "body_invalid")
    assert (reply.json["in"], reply.json["pointer"]) == ("body", pointer)
    assert reply.json["detail"]
    assert reply.json["remedy"]
    assert "\n" not in reply.json["detail"]
    assert (await client.ask("/api/v1/trunks/seluler")).status == 404


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"when": {"area": ["unknwn"]}}, "/when/area/0"),
        ({"when": {"area": [7]}}, "/when/area/0"),
        ({"when": {"category": "fire"}}, "/when/category"),
        ({"when": {"suspicion": {"at_least": 50, "below": 50}}}, "/when/suspicion"),
        ({"when": {"state": [{"state": "available"}]}}, "/when/state/0"),
        ({"steps": []}, "/steps"),
        ({"steps": [{}]}, "/steps/0"),
        ({"steps": [{"kind": "fly"}]}, "/steps/0"),
        ({"steps": [{"kind": "dial", "targets": ["damkar"]}]}, "/steps/0/targets/0"),
        ({"steps": [{"kind": "dial", "targets": ["damkar/posko"], "ring_s": 61}]}, "/steps/0/ring_s"),
        ({"steps": [{"kind": "announce", "prompt": "tt)},n(x"}]}, "/steps/0/prompt"),
        ({"valid_from": "2026-11-21"}, "/valid_from"),
        ({"valid_from": "2026-11-21T10:00:00"}, "/valid_from"),
        ({"valid_from": 5}, "/valid_from"),
        ({"priority": 100_001}, "/priority"),
    ],
)
async def test_a_wrong_part_of_a_route_is_pointed_at_once(
    client: Client, change: dict[str, Any], pointer: str
) -> None:
    reply = await client.ask("/api/v1/routes", method="POST", json=OTHER[Kind.ROUTES] | change)
    assert reply.status == 422
    assert [error["pointer"] for error in reply.json["errors"]] == [pointer], reply.text


async def test_everything_that_is_wrong_is_said_at_once_up_to_a_bound(client: Client) -> None:
    two = await client.ask("/api/v1/trunks", method="POST", json={"key": "A", "kind": "b"})
    assert {error["pointer"] for error in two.json["errors"]} == {"/key", "/kind", "/host"}
    many = DATA[Kind.ROUTES] | {"when": {"category": [7] * 900}}
    reply = await client.ask("/api/v1/routes", method="POST", json=many)
    assert len(reply.json["errors"]) == 20
    flood = DATA[Kind.ROUTES] | {"when": {"category": [7] * 9000}}
    assert (await client.ask("/api/v1/routes", method="POST", json=flood)).json["code"] == "body_too_deep"


@pytest.mark.parametrize(
    "name",
    ["x" * 10_000, "", "  ", "a\nb", "a\u2028b", "a\x00b", "a\u202eb"],
    ids=["long", "empty", "blank", "line", "separator", "nul", "turned"],
)
async def test_a_name_that_a_screen_cannot_show_is_refused(client: Client, name: str) -> None:
    reply = await client.ask(AREAS, method="POST", json={"code": "36", "name": name})
    assert (reply.status, reply.json["pointer"]) == (422, "/name")
    assert len(reply.text) < 2000


@pytest.mark.parametrize(
    "name", ['"quoted"', "it's", "🔥 api", "Kab. 東京", "); DROP TABLE", "${SHELL(x)}", "a;b,c|d"]
)
async def test_a_name_that_is_merely_odd_comes_back_as_it_was(client: Client, name: str) -> None:
    made = await client.ask(AREAS, method="POST", json={"code": "36", "name": name})
    assert (made.status, made.json["name"]) == (201, name)
    assert (await client.ask(f"{AREAS}/36")).json["name"] == name


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/yaml"},
        {"Content-Type": "application/json", "Content-Encoding": "zstd"},
        {"Content-Type": ""},
    ],
)
async def test_another_type_than_json_is_415(client: Client, headers: dict[str, str]) -> None:
    raw = json.dumps(OTHER[Kind.AREAS]).encode()
    reply = await client.ask(AREAS, method="POST", data=raw, headers=headers)
    # What aiohttp cannot unpack never becomes a request.
    assert (reply.status, reply.json["code"]) in {(415, "media_type_unsupported"), (400, "request_malformed")}
    assert (await client.ask(f"{AREAS}/35.07.13")).status == 404


async def test_a_compressed_bomb_is_refused_unread(client: Client) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    reply = await client.ask(AREAS, method="POST", data=bomb, headers=JSON | {"Content-Encoding": "gzip"})
    assert reply.status in {400, 415}


async def test_charset_and_case_of_the_type_do_not_matter(client: Client) -> None:
    raw = json.dumps(OTHER[Kind.AREAS]).encode()
    headers = {"Content-Type": "Application/JSON; Charset=UTF-8"}
    assert (await client.ask(AREAS, method="POST", data=raw, headers=headers)).status == 201


def a_post(managed: Managed, path: str, *headers: str, method: str = "POST") -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {managed.bearers[Role.ADMIN]}",
        "Content-Type: application/json",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def test_fifty_megabytes_are_refused_before_they_are_read(server: ApiServer, managed: Managed) -> None:
    began = time.monotonic()
    reader, writer = await connect(server)
    writer.write(a_post(managed, AREAS, "Content-Length: 50000000"))
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 20)
    assert b" 413 " in answer.split(b"\r\n")[0]
    assert b"Connection: close" in answer
    writer.close()
    assert time.monotonic() - began < 20


async def test_a_body_without_a_length_is_cut_off_at_the_limit(server: ApiServer, managed: Managed) -> None:
    reader, writer = await connect(server)
    writer.write(a_post(managed, AREAS, "Transfer-Encoding: chunked"))
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    for _ in range(3):
        writer.write(chunk)
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 20)
    assert b" 413 " in answer.split(b"\r\n")[0]
    writer.close()


async def test_a_whole_table_may_be_greater_than_anything_else(client: Client) -> None:
    padded = json.dumps(OTHER[Kind.AREAS]).encode() + b" " * bodies.BODY_BYTES
    assert (await post(client, padded)).status == 413
    draft = await client.ask("/api/v1/draft")
    raw = json.dumps(draft.json["table"]).encode() + b" " * bodies.BODY_BYTES
    headers = JSON | {"If-Match": draft.headers["ETag"]}
    assert (await client.ask("/api/v1/draft", method="PUT", data=io.BytesIO(raw), headers=headers)).status == 200
    raw += b" " * bodies.TABLE_BYTES
    assert (await client.ask("/api/v1/draft", method="PUT", data=io.BytesIO(raw), headers=headers)).status == 413


async def test_an_answer_that_needs_no_body_does_not_wait_for_it(server: ApiServer, managed: Managed) -> None:
    reader, writer = await connect(server)
    writer.write(a_post(managed, AREAS, "Content-Length: 100", "Expect: 100-continue").replace(b"Bearer", b"B"))
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 20)
    assert answer.startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_who_asks_first_is_told_to_go_on(server: ApiServer, managed: Managed) -> None:
    raw = json.dumps(OTHER[Kind.AREAS]).encode()
    reader, writer = await connect(server)
    writer.write(a_post(managed, AREAS, f"Content-Length: {len(raw)}", "Expect: 100-continue"))
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(raw)
    assert (await asyncio.wait_for(reader.readuntil(b"}"), 20)).startswith(b"HTTP/1.1 201 ")
    writer.close()


async def test_a_body_that_comes_too_slowly_is_408(start: Start, managed: Managed) -> None:
    server = await start(limits=Limits(deadline_s=0.2))
    for path, method in ((AREAS, "POST"), ("/api/v1/draft", "PUT")):
        reader, writer = await connect(server)
        writer.write(a_post(managed, path, "Content-Length: 100", 'If-Match: "1"', method=method) + b"{")
        answer = await everything(reader)
        assert answer.split(b"\r\n")[0].split()[1] in {b"408", b"503"}
        assert a_problem(answer)["code"] in {"body_too_slow", "deadline_exceeded"}
        writer.close()


async def test_a_client_that_goes_in_the_middle_of_its_body_leaves_the_service_well(
    server: ApiServer, managed: Managed, client: Client
) -> None:
    for _ in range(5):
        _, writer = await connect(server)
        writer.write(a_post(managed, AREAS, "Content-Length: 100") + b'{"code"')
        await writer.drain()
        writer.transport.abort()
    assert (await client.ask("/livez")).status == 200


async def test_a_body_where_none_is_taken_is_refused(client: Client) -> None:
    for method, path in (("GET", AREAS), ("POST", "/api/v1/draft/verify"), ("DELETE", f"{AREAS}/35.07")):
        reply = await client.ask(path, method=method, json={}, headers={"If-Match": '"1"'})
        assert (reply.status, reply.json["code"]) == (400, "body_unexpected")


async def test_broken_chunks_are_a_400(server: ApiServer, managed: Managed) -> None:
    answer = await send(server, a_post(managed, AREAS, "Transfer-Encoding: chunked") + b"zz\r\n\r\n")
    assert answer.split()[1] == b"400"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, VALUES)
def test_a_merge_patch_does_what_rfc_7396_says(target: Any, patch: Any) -> None:
    result = bodies.merged(target, patch)
    if not isinstance(patch, dict):
        assert result == patch
        return
    assert isinstance(result, dict)
    before = target if isinstance(target, dict) else {}
    assert result.keys() == (before.keys() | patch.keys()) - {n for n, v in patch.items() if v is None}
    for name, value in result.items():
        assert value == (bodies.merged(before.get(name), patch[name]) if name in patch else before[name])


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_rfc_7396(target: Any, patch: Any, result: Any) -> None:
    assert bodies.merged(target, patch) == result


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_json_data_or_a_problem(raw: bytes) -> None:
    data: Any = None
    with suppress(ApiProblem):
        data = bodies.parsed(raw)
    assert data is None or json.loads(raw) == data


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES)
async def test_any_json_is_answered_and_never_with_a_failure(client: Client, value: Any) -> None:
    for method, path in (("POST", "/api/v1/routes"), ("POST", "/api/v1/explain"), ("PUT", "/api/v1/menus/main")):
        raw = json.dumps(value).encode()
        reply = await client.ask(path, method=method, data=raw, headers=JSON | {"If-Match": '"1"'})
        assert reply.status in {400, 422}


async def test_a_secret_is_repeated_in_no_answer(client: Client, managed: Managed) -> None:
    path = "/api/v1/trunks/damkar/password"
    for body in ({"password": "hunter2 "}, {"password": ["hunter2"]}, {"hunter2": 1}, {"password": "hunter2" * 40}):
        reply = await client.ask(path, method="PUT", json=body)
        assert reply.status == 422
        assert "hunter2" not in reply.json["detail"] + reply.json["remedy"] + reply.json["title"]
    assert managed.secrets.trunks == {}


async def test_two_types_of_one_body_are_refused(server: ApiServer, managed: Managed) -> None:
    raw = json.dumps(OTHER[Kind.AREAS]).encode()
    request = a_post(managed, AREAS, "Content-Type: text/plain", f"Content-Length: {len(raw)}", "Connection: close")
    answer = await send(server, request + raw)
    assert answer.split()[1] in {b"400", b"415"}
