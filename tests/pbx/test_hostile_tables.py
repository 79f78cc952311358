"""Hostile texts in a table, by REST to the running PBX and back: each is there as that text, and nothing else is.

What cannot be is refused with its place and a remedy, and neither draft nor directory nor PBX is another afterwards.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

import aiohttp
import pytest
import pytest_asyncio

from callrouter.routing.entries import Kind
from demo.centre import Centre
from demo.softphone import NET_S, Answer
from tests.pbx.house import MIXED, NAMES, OFFERED, Document, House, shown, wide
from tests.pbx.nasty import LONG
from tests.pbx.rig import CALLER, DAMKAR, OP1, SHORT_TIMERS, short_clips, unexpected

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # pyst2 0.5.1 is of 2019: it starts its threads in the words of that time.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:asterisk.manager"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A centre with many operators, and three telephones."""
    folder = tmp_path_factory.mktemp("hostile")
    short_clips(folder / "state" / "recorded", wide())
    async with Centre(folder, wide(), timers=SHORT_TIMERS) as centre:
        phones = await asyncio.gather(
            centre.phone("telco", CALLER), centre.phone("damkar", DAMKAR), centre.operator("op1", OP1)
        )
        for phone in phones:
            await phone.behave(Answer(0.1))
        token = {"Authorization": f"Bearer {centre.settings.cli_token_file.read_text()}"}
        where = f"http://127.0.0.1:{centre.settings.api_port}"
        async with aiohttp.ClientSession(where, headers=token, timeout=aiohttp.ClientTimeout(total=60)) as http:
            yield House(centre, http, phones)
        assert unexpected(centre.pbx.complaints()) == []


# ---------------------------------------------------------------- what is taken
async def test_hostile_names_are_the_same_in_rest_and_only_names_in_the_pbx(house: House) -> None:
    before = await house.pbx()
    _, etag, draft = await house.ask("GET", "/api/v1/draft")
    given = draft["table"]
    for n, operator in enumerate(one for one in given["directory"]["operators"] if one["key"].startswith("n")):
        operator["name"] = NAMES[n]
    for entries, texts in (
        (given["directory"]["agencies"], MIXED),
        (given["routing"]["categories"], OFFERED),
        (given["routing"]["menus"], OFFERED),
    ):
        for entry, text in zip(entries, texts, strict=False):
            entry["name"] = dict.fromkeys(("id", "en"), text)
    given["centre"]["name"] = MIXED[0]
    status, _, answer = await house.ask("PUT", "/api/v1/draft", given, If_Match=etag)
    assert status == 200, answer
    _, etag, draft = await house.ask("GET", "/api/v1/draft")
    assert draft["table"] == given

    status, _, answer = await house.ask("POST", "/api/v1/draft/publish", {"why": MIXED[0]}, If_Match=etag)
    assert status == 200, [f["sentence"] for f in answer.get("findings", [answer])]
    _, _, version = await house.ask("GET", f"/api/v1/versions/{answer['number']}")
    assert (version["why"], version["table"]["routing"]) == (MIXED[0], given["routing"])

    assert await house.pbx() == before
    for operator in given["directory"]["operators"]:
        seen = (await house.parameters(f"endpoint {operator['key']}"))["callerid"]
        assert seen == f'"{shown(operator["name"])}" <{operator["key"]}>'
    await house.normal_call("081299001")


@pytest.mark.parametrize("name", [*MIXED[:4], "x" * 80])
async def test_name_that_is_changed_alone_is_the_same_in_the_pbx_at_once(house: House, name: str) -> None:
    before = await house.pbx()
    assert (await house.change("/api/v1/operators/op1", {"name": name}))["name"] == name
    assert (await house.parameters("endpoint op1"))["callerid"] == f'"{shown(name)}" <op1>'
    assert await house.pbx() == before


@pytest.mark.parametrize("key", ["udp", "tcp", "global", "general", "system", "s", "null"])
async def test_key_that_the_pbx_uses_for_something_else_is_an_operator_and_nothing_more(
    house: House, key: str
) -> None:
    before = await house.pbx()
    status, _, answer = await house.ask("POST", "/api/v1/operators", {"key": key, "name": "Meja"})
    assert status == 201, answer
    status, _, login = await house.ask("POST", f"/api/v1/operators/{key}/secret")
    assert (status, login["username"]) == (200, key)
    seen = await house.parameters(f"endpoint {key}")
    assert (seen["context"], seen["callerid"]) == ("callrouter-from-operator", f'"Meja" <{key}>')
    after = await house.pbx()
    assert {kind for kind in before if before[kind] != after[kind]} == {"endpoints", "auths", "aors"}
    assert set(after["endpoints"]) - set(before["endpoints"]) == {key}
    _, etag, _ = await house.ask("GET", f"/api/v1/operators/{key}")
    assert (await house.ask("DELETE", f"/api/v1/operators/{key}", If_Match=etag))[0] == 204
    assert await house.pbx() == before


PASSWORDS: Final = ("a;b", ";--", "\\;", "\\", "=>x", '"q"', "[op9]", "${SHELL(id)}", "{{x}}", "#include", "x" * 128)


async def test_hostile_passwords_are_the_same_in_the_pbx_and_shown_nowhere_else(house: House) -> None:
    path = "/api/v1/trunks/seluler"
    endpoints = (await house.pbx())["endpoints"]
    for password in PASSWORDS:
        status, _, answer = await house.ask("PUT", f"{path}/password", {"password": password})
        assert status == 204, answer
        seen = await house.parameters("auth trunk-seluler")
        assert (seen["username"], seen["password"]) == ("centre", password)
        _, _, entry = await house.ask("GET", path)
        assert "password" not in json.dumps(entry)
    assert (await house.pbx())["endpoints"] == endpoints


@pytest.mark.parametrize("username", ["A.b_c+d-9", "-", ".", "+", "_" * 64])
async def test_odd_username_is_the_same_in_the_pbx(house: House, username: str) -> None:
    await house.change("/api/v1/trunks/seluler", {"login": {"username": username}})
    status, _, _ = await house.ask("PUT", "/api/v1/trunks/seluler/password", {"password": "geheim"})
    assert status == 204
    seen = await house.parameters("auth trunk-seluler")
    assert (seen["username"], seen["password"]) == (username, "geheim")


async def test_numbers_and_areas_are_the_same_in_the_pbx(house: House) -> None:
    before = await house.pbx()
    for number in ("0", "+" + "9" * 20, "0" * 20):
        await house.change("/api/v1/trunks/seluler", {"presented_number": number, "area": "35.07.13.2001"})
        seen = await house.parameters("endpoint trunk-seluler")
        assert seen["from_user"] == number
        detail = await asyncio.to_thread(house.detail, "trunk-seluler")
        assert "CR_AREA=35.07.13.2001" in detail["SetVar"].split(",")
        assert detail["FromUser"] == number
    assert await house.pbx() == before


# ---------------------------------------------------------------- what is refused
def _trunk(**change: Any) -> Document:
    return {"key": "baru", "kind": "agency", "host": "127.112.250.1"} | change


def _schedule(**hours: str) -> Document:
    window = {"days": ["mon"], "opens": "08:00", "closes": "16:00"} | hours
    return {"key": "jam", "name": "Jam", "windows": [window]}


def _category(**change: Any) -> Document:
    name = {"id": "a", "en": "b"}
    return {"key": "baru", "urn": "urn:service:sos", "name": name, "priority": 1} | change


_STEPS: Final = [{"kind": "ringgroup", "group": "operators", "wait_s": 3}]
REFUSED: Final[dict[str, tuple[str, Document, str]]] = {
    "two routes of one priority": ("routes", {"key": "baru", "priority": 100, "steps": _STEPS}, "/priority"),
    "an impossible hour": ("schedules", _schedule(opens="25:00"), "/windows/0/opens"),
    "an hour in words": ("schedules", _schedule(closes="16:00\n"), "/windows/0/closes"),
    "hours that are none": ("schedules", _schedule(opens="16:00"), "/windows/0"),
    "hosts parted by a comma": ("trunks", _trunk(host="127.0.0.9,127.0.0.10"), "/host"),
    "a host with a line break": ("trunks", _trunk(host="127.0.0.9\nmatch = 0.0.0.0/0"), "/host"),
    "a host with a scope": ("trunks", _trunk(host="fe80::1%x\n[op9]"), "/host"),
    "a host outside the networks": ("trunks", _trunk(host="192.0.2.7"), "/host"),
    "a host that is everybody": ("trunks", _trunk(host="0.0.0.0"), "/host"),  # noqa: S104 - it is refused
    "a host that is another's": ("trunks", _trunk(host="@telco@"), "/host"),
    "a key of ours": ("operators", {"key": "trunk-telco", "name": "x"}, "/key"),
    "a key that ends a line": ("operators", {"key": "op9\n", "name": "x"}, "/key"),
    "a username with a line break": ("trunks", _trunk(login={"username": "u\nmatch = x"}), "/login/username"),
    "a number with a function": ("trunks", _trunk(presented_number="${SHELL(id)}"), "/presented_number"),
    "a name of 10,000 characters": ("operators", {"key": "op9", "name": LONG}, "/name"),
    "a spoken name of 10,000 characters": ("categories", _category(name={"id": LONG, "en": "x"}), "/name/id"),
    "a name with a second action": ("operators", {"key": "op9", "name": "x\r\nAction: Originate"}, "/name"),
    "a name with a NUL": ("operators", {"key": "op9", "name": "x\0y"}, "/name"),
    "a name that turns the writing": ("operators", {"key": "op9", "name": "x\u202ey"}, "/name"),
    "a name that nobody sees": ("areas", {"code": "35.99", "name": "\u200b"}, "/name"),
    "a link that is code": ("categories", _category(sop="javascript:alert(1)"), "/sop"),
    "an unknown field": ("categories", _category(colour="red"), "/colour"),
    "a number as text": ("categories", _category(priority="1"), "/priority"),
    "a text as number": ("operators", {"key": "op9", "name": 1}, "/name"),
    "a list as text": ("operators", {"key": "op9", "name": ["x"]}, "/name"),
    "nothing as text": ("operators", {"key": "op9", "name": None}, "/name"),
    "a number too great": ("categories", _category(priority=10**30), "/priority"),
    "a name that does not exist": ("shifts", {"key": "s", "name": "s", "schedule": "no", "operators": ["op1"]},
                                   "/schedule"),
}  # fmt: skip


async def assert_refused(
    house: House, method: str, path: str, raw: bytes, pointer: str, status: tuple[int, ...], **headers: str
) -> None:
    """Send it in both languages; fail unless both refuse it in their own words, at that place."""
    said = []
    for language in ("id", "en"):
        found, _, problem = await house.ask(method, path, raw=raw, Accept_Language=language, **headers)
        assert found in status, problem
        assert problem["status"] == found
        assert pointer in [problem["pointer"], *(one["pointer"] for one in problem["errors"])], problem
        assert all(problem[part].strip() for part in ("title", "detail", "remedy"))
        assert len(problem["detail"]) < 1_000
        said.append([problem[part] for part in ("title", "detail", "remedy")])
    assert all(indonesian != english for indonesian, english in zip(*said, strict=True)), said


@pytest.mark.parametrize("what", REFUSED)
async def test_bad_entry_is_refused_with_its_place_and_a_remedy_and_changes_nothing(house: House, what: str) -> None:
    kind, document, pointer = REFUSED[what]
    kept, files = await house.kept(), house.files()
    raw = json.dumps(document).replace("@telco@", house.centre.trunk_hosts["telco"]).encode()
    await assert_refused(house, "POST", f"/api/v1/{Kind(kind).value}", raw, pointer, (422,))
    assert (await house.kept(), house.files()) == (kept, files)


RAW: Final = {
    "a member twice": (b'{"key": "op9", "name": "x", "name": "y"}', "/name", 400),
    "half a character": (b'{"key": "op9", "name": "\\ud800"}', "/body", 400),
    "no UTF-8": (b'{"key": "op9", "name": "\xff"}', "/body", 400),
    "no JSON": (b'{"key": "op9"', "/body", 400),
    "a great depth": (b"[" * 60_000, "/body", 400),
    "no number": (b'{"key": "op9", "name": NaN}', "/body", 400),
    "100 kB": (b'{"key": "op9", "name": "' + b"x" * 100_000 + b'"}', "/body", 413),
}


@pytest.mark.parametrize("what", RAW)
async def test_bad_body_is_refused_with_its_place_and_a_remedy_and_changes_nothing(house: House, what: str) -> None:
    raw, pointer, status = RAW[what]
    kept, files = await house.kept(), house.files()
    await assert_refused(house, "POST", "/api/v1/operators", raw, pointer, (status,))
    assert (await house.kept(), house.files()) == (kept, files)


FIFTY_MB: Final = 50_000_000


@pytest.mark.parametrize("chunked", [False, True], ids=["told", "chunked"])
@pytest.mark.parametrize("path", ["/api/v1/operators", "/api/v1/draft"])
async def test_body_of_fifty_megabytes_is_refused_long_before_its_end(house: House, path: str, chunked: bool) -> None:
    kept, files = await house.kept(), house.files()
    for language, word in (("id", "melebihi"), ("en", "larger")):
        answer, sent = await pour(house, path, kept["etag"], language, chunked=chunked)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert sent < FIFTY_MB / 2
        assert head.startswith(b"HTTP/1.1 413 ")
        assert b"application/problem+json" in head
        problem = json.loads(body)
        assert (problem["code"], problem["pointer"]) == ("body_too_large", "/body")
        assert word in problem["detail"]
        assert problem["remedy"]
    assert (await house.kept(), house.files()) == (kept, files)


async def pour(house: House, path: str, etag: str, language: str, *, chunked: bool) -> tuple[bytes, int]:
    """Send 50 MB until there is an answer; return it, and how much had been sent by then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.centre.settings.api_port)
    method = "PUT" if path.endswith("draft") else "POST"
    lines = [
        f"{method} {path} HTTP/1.1",
        "Transfer-Encoding: chunked" if chunked else f"Content-Length: {FIFTY_MB}",
        "Host: x",
        "Content-Type: application/json",
        f"Authorization: {house.http.headers['Authorization']}",
        f"Accept-Language: {language}",
        *([f"If-Match: {etag}"] if method == "PUT" else []),
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = asyncio.create_task(_answer(reader))
    piece, sent = b"x" * 65_536, 0
    try:
        with suppress(ConnectionError):
            async with asyncio.timeout(NET_S):
                while sent < FIFTY_MB and not answer.done():
                    writer.write(b"10000\r\n" + piece + b"\r\n" if chunked else piece)
                    await writer.drain()
                    sent += len(piece)
                    await asyncio.sleep(0)
        return await answer, sent
    finally:
        writer.transport.abort()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = re.findall(rb"Content-Length: (\d+)", head)
    return head + await reader.readexactly(int(length))


async def test_whole_table_with_one_bad_value_changes_nothing(house: House) -> None:
    kept, files = await house.kept(), house.files()
    priority = kept["draft"]["table"]["routing"]["routes"][0]["priority"]
    for where, change, pointer in (
        (("routing", "routes", 1), {"priority": priority}, "/routing/routes/1/priority"),
        (("directory", "trunks", 0), {"host": "192.0.2.9"}, "/directory/trunks/0/host"),
        (("directory", "operators", 3), {"name": "x\r\nAction: Originate"}, "/directory/operators/3/name"),
        (("centre",), {"name": "\u202e"}, "/centre/name"),
    ):
        given = json.loads(json.dumps(kept["draft"]["table"]))
        part = given
        for step in where:
            part = part[step]
        part.update(change)
        said = []
        for language in ("id", "en"):
            status, _, problem = await house.ask(
                "PUT", "/api/v1/draft", given, If_Match=kept["etag"], Accept_Language=language
            )
            assert status == 422
            assert problem["pointer"] == pointer
            said.append((problem["detail"], problem["remedy"]))
        assert all(indonesian != english for indonesian, english in zip(*said, strict=True)), said
    assert (await house.kept(), house.files()) == (kept, files)


async def test_bad_password_is_refused_without_being_told_and_the_old_one_stays(house: House) -> None:
    path = "/api/v1/trunks/seluler/password"
    assert (await house.ask("PUT", path, {"password": "geheim"}))[0] == 204
    before = await house.parameters("auth trunk-seluler")
    for password in ("", "a b", "a\nb", "ä", "x" * 129, "secret\0secret"):
        raw = json.dumps({"password": password}).encode()
        await assert_refused(house, "PUT", path, raw, "/password", (422,))
        _, _, problem = await house.ask("PUT", path, raw=raw)
        assert not password or password not in json.dumps(problem, ensure_ascii=False)
    assert await house.parameters("auth trunk-seluler") == before


async def test_after_all_that_the_pbx_has_what_it_had_and_serves_a_call(house: House) -> None:
    known = await house.pbx()
    expected = {"trunk-" + t["key"] for t in wide()["directory"]["trunks"]}
    expected |= {o["key"] for o in wide()["directory"]["operators"]}
    assert set(known["endpoints"]) == expected
    groups = [group["key"] for group in wide()["routing"]["ring_groups"]]
    queues = {name for name in known["queues"] if not name.startswith("callrouter-")}
    assert queues == {f"{group}{end}" for group in groups for end in ("", ".last")}
    assert len([name for name in known["queues"] if name.startswith("callrouter-")]) == 1
    await house.normal_call("081299002")
