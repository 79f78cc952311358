"""The description of the API: valid, complete, the same as what is served; and the page made from it."""

from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from callrouter.api import problems
from callrouter.api.docs import POLICY, WORDS, render
from callrouter.api.incident_query import IncidentQuery
from callrouter.api.openapi import build
from callrouter.api.parameters import bind
from callrouter.api.server import OPERATIONS
from callrouter.routing.values import Language
from demo.softphone import NET_S
from tests.api.support import DOCUMENT, Client, resolved, validate

SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
FIELDS = [
    (name, field, described)
    for name, schema in SCHEMAS.items()
    for field, described in schema.get("properties", {}).items()
]
OPERATIONS_DESCRIBED = [
    (path, method, operation) for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
]


def test_the_description_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


async def test_the_description_that_is_served_is_the_one_that_is_tested(client: Client) -> None:
    async with asyncio.timeout(NET_S):
        while (reply := await client.ask("/api/v1/openapi.json")).status == 503:
            pass  # it is put together for the first who asks, which takes a busy machine longer than he may wait
    assert reply.json == DOCUMENT


def test_the_first_surface_is_there() -> None:
    assert set(DOCUMENT["paths"]) >= {
        "/api/v1/incidents",
        "/api/v1/incidents/{id}",
        "/api/v1/calls/live",
        "/api/v1/calls/refused",
        "/livez",
        "/readyz",
        "/api/v1/openapi.json",
        "/docs",
    }


@pytest.mark.parametrize(("schema", "field", "described"), FIELDS, ids=[f"{s}.{f}" for s, f, _ in FIELDS])
def test_every_field_says_what_it_is(schema: str, field: str, described: dict[str, Any]) -> None:
    assert described.get("description"), f"{schema}.{field}"
    assert re.fullmatch(r"[a-z][a-z0-9_]*", field)


def test_every_schema_says_what_it_is() -> None:
    assert [name for name, schema in SCHEMAS.items() if not schema.get("description")] == []


def test_no_name_of_python_shows() -> None:
    # Generated descriptions easily carry a base class's docstring.
    assert [n for n, s in SCHEMAS.items() if "StrEnum" in str(s) or "callrouter." in str(s)] == []


@pytest.mark.parametrize("operation", [o for _, _, o in OPERATIONS_DESCRIBED], ids=lambda o: str(o["operationId"]))
def test_every_operation_is_described_with_examples_that_fit(operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["x-summary"]["id"]
    assert operation["description"]
    for status, response in operation["responses"].items():
        for content in response.get("content", {}).values():
            assert content["examples"], status
            for example in content["examples"].values():
                validate(content["schema"], resolved(example)["value"])
    for content in operation.get("requestBody", {}).get("content", {}).values():
        assert content["examples"]
        for example in content["examples"].values():
            validate(content["schema"], example["value"])
    for parameter in operation["parameters"]:
        if "$ref" not in parameter:
            assert parameter["description"]
            validate(parameter["schema"], parameter["example"])
            assert "null" not in str(parameter["schema"])


def test_bounds_of_parameters_are_described_in_the_words_of_json_schema() -> None:
    parameters = {p["name"]: p["schema"] for p in DOCUMENT["paths"]["/api/v1/incidents"]["get"]["parameters"][:-1]}
    assert parameters["limit"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    assert parameters["callback"] == {"type": "boolean"}
    assert set(parameters) == set(IncidentQuery.model_fields)


def test_operation_ids_are_unique() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS_DESCRIBED]
    assert len(names) == len(set(names)) == len(OPERATIONS)


def test_examples_of_parameters_are_taken_by_the_service_itself() -> None:
    parameters = DOCUMENT["paths"]["/api/v1/incidents"]["get"]["parameters"][:-1]
    pairs = [
        (
            p["name"],
            str(p["example"]).lower() if p["name"] in {"callback", "cannot_speak", "merged"} else str(p["example"]),
        )
        for p in parameters
    ]
    assert bind(IncidentQuery, pairs).limit == 50


def test_building_twice_gives_the_same() -> None:
    assert build(OPERATIONS) == DOCUMENT


class Links(HTMLParser):
    """Collects what a page refers to, and what can be referred to in it."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"href", "src", "action"}:
                self.targets.append(value or "")
            if name == "id":
                self.anchors.append(value or "")


@pytest.mark.parametrize("language", Language)
async def test_the_page_needs_nothing_from_elsewhere(client: Client, language: Language) -> None:
    reply = await client.ask(f"/docs?lang={language}")
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["Content-Security-Policy"] == POLICY
    links = Links()
    links.feed(reply.text)
    assert not set(links.tags) & {"script", "link", "img", "iframe", "form", "object"}
    assert all(target.startswith(("/", "#")) and not target.startswith("//") for target in links.targets)
    assert [t for t in links.targets if t.startswith("#") and t[1:] not in links.anchors] == []
    assert len(links.anchors) == len(set(links.anchors))
    for path in DOCUMENT["paths"]:
        assert path in reply.text
    for kind in problems.CATALOGUE:
        assert f"problem-{kind.code}" in links.anchors


async def test_the_page_follows_the_readers_language(client: Client) -> None:
    assert '<html lang="id">' in (await client.ask("/docs")).text
    assert '<html lang="en">' in (await client.ask("/docs", headers={"Accept-Language": "en"})).text
    assert '<html lang="en">' in (await client.ask("/docs?lang=en", headers={"Accept-Language": "id"})).text


async def test_where_a_problem_says_it_is_described_it_is(client: Client) -> None:
    kind = (await client.ask("/nothing")).json["type"]
    path, _, anchor = kind.partition("#")
    assert f'id="{anchor}"' in (await client.ask(path)).text


def test_the_page_escapes_what_it_shows() -> None:
    hostile = DOCUMENT | {"info": DOCUMENT["info"] | {"version": "<script>alert(1)</script>"}}
    assert "<script>" not in render(hostile, Language.EN).root


def test_the_page_has_every_word_in_both_languages() -> None:
    assert WORDS[Language.ID].keys() == WORDS[Language.EN].keys()
