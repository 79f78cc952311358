"""Whatever goes wrong is a problem with a code, a pointer and a remedy, and leaks nothing."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel, ValidationError
from structlog.testing import capture_logs

from callrouter.api import (
    case_problems,
    eido_problems,
    incident_models,
    live_models,
    notice_problems,
    party_problems,
    problems,
    refusals,
    supervision_problems,
)
from callrouter.api.connection import Limits
from callrouter.api.kinds import Kind
from callrouter.api.problem_examples import example
from callrouter.incidents.views import StorageUnavailable
from callrouter.routing.values import Language
from tests.api.conftest import Start
from tests.api.support import Client, FakeIncidents, given_detail, given_summary

LIST = "/api/v1/incidents"
SECRET = "password=hunter2 host=db.internal"


@pytest.mark.parametrize(
    ("query", "code", "pointer"),
    [
        ("limit=201", "parameter_out_of_range", "/query/limit"),
        ("limit=0", "parameter_out_of_range", "/query/limit"),
        ("limit=-5", "parameter_out_of_range", "/query/limit"),
        ("limit=9223372036854775808", "parameter_out_of_range", "/query/limit"),
        ("limit=" + "9" * 5000, "parameter_invalid", "/query/limit"),
        ("limit=", "parameter_invalid", "/query/limit"),
        ("limit=1.0", "parameter_invalid", "/query/limit"),
        ("limit=%205", "parameter_invalid", "/query/limit"),
        ("limit=1_0", "parameter_invalid", "/query/limit"),
        ("limit=%D9%A3", "parameter_invalid", "/query/limit"),
        ("state=burning", "parameter_invalid", "/query/state"),
        ("state=", "parameter_invalid", "/query/state"),
        ("category=Kebakaran", "parameter_invalid", "/query/category"),
        ("category=kebakaran%0A", "parameter_invalid", "/query/category"),
        ("category=%27%20OR%201=1", "parameter_invalid", "/query/category"),
        ("category=%FF%FE", "parameter_invalid", "/query/category"),
        ("callback=yes", "parameter_invalid", "/query/callback"),
        ("callback=1", "parameter_invalid", "/query/callback"),
        ("callback=True", "parameter_invalid", "/query/callback"),
        ("after=5", "cursor_invalid", "/query/after"),
        ("after=", "cursor_invalid", "/query/after"),
        ("after=AAAAAAAAAAAAAAAA", "cursor_invalid", "/query/after"),
        ("foo=1", "parameter_unknown", "/query/foo"),
        ("Limit=1", "parameter_unknown", "/query/Limit"),
        ("a~b/c=1", "parameter_unknown", "/query/a~0b~1c"),
        ("=1", "parameter_unknown", "/query/"),
        ("limit=1&limit=2", "parameter_repeated", "/query/limit"),
    ],
)
async def test_a_bad_parameter_is_named(
    client: Client, incidents: FakeIncidents, query: str, code: str, pointer: str
) -> None:
    reply = await client.ask(f"{LIST}?{query}")
    assert reply.status == 400
    assert (reply.json["code"], reply.json["pointer"]) == (code, pointer)
    assert incidents.asked == []


async def test_everything_that_is_wrong_is_said_at_once(client: Client) -> None:
    reply = await client.ask(f"{LIST}?limit=999&callback=maybe&foo=1&foo=2")
    assert {(e["code"], e["pointer"]) for e in reply.json["errors"]} == {
        ("parameter_out_of_range", "/query/limit"),
        ("parameter_invalid", "/query/callback"),
        ("parameter_unknown", "/query/foo"),
        ("parameter_repeated", "/query/foo"),
    }
    assert reply.json["pointer"] == reply.json["errors"][0]["pointer"]


async def test_a_flood_of_bad_parameters_is_answered_shortly(client: Client) -> None:
    reply = await client.ask(f"{LIST}?" + "&".join(f"p{n}=1" for n in range(900)))
    assert reply.status == 400
    assert len(reply.json["errors"]) == problems.MAX_FAULTS


@pytest.mark.parametrize(
    "bad", ["7", "x", "{5d0c8f5e-30c8-5e62-9a86-1f5a2f0f6112}", "5d0c8f5e30c85e629a861f5a2f0f6112"]
)
async def test_a_bad_id_is_a_400_that_points_at_it(client: Client, bad: str) -> None:
    reply = await client.ask(f"{LIST}/{bad.replace('{', '%7B').replace('}', '%7D')}")
    assert reply.status == 400
    assert (reply.json["code"], reply.json["pointer"]) == ("parameter_invalid", "/path/id")


async def test_bad_path_and_bad_query_are_said_together(client: Client) -> None:
    reply = await client.ask(f"{LIST}/7?x=1")
    assert [e["pointer"] for e in reply.json["errors"]] == ["/path/id", "/query/x"]


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v2/incidents", "/api/v1/incidents/", "/docs/", "//livez", "/..%2f"]
)
async def test_an_unknown_path_is_a_404_problem(client: Client, path: str) -> None:
    reply = await client.ask(path)
    assert reply.status == 404
    assert (reply.json["code"], reply.json["pointer"]) == ("path_unknown", "/path")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_a_wrong_method_is_told_the_right_ones(client: Client, method: str) -> None:
    reply = await client.ask("/api/v1/duty", method=method)
    assert reply.status == 405
    assert reply.headers["Allow"] == "GET, HEAD"
    assert (reply.json["code"], reply.json["pointer"]) == ("method_not_allowed", "/method")


async def test_head_answers_like_get_without_the_body(client: Client) -> None:
    head = await client.ask(LIST, method="HEAD")
    got = await client.ask(LIST)
    assert (head.status, head.text) == (200, "")
    assert head.headers["Content-Length"] == got.headers["Content-Length"]


async def test_a_body_is_refused(client: Client) -> None:
    reply = await client.ask(LIST, data=b"{}")
    assert reply.status == 400
    assert (reply.json["code"], reply.json["pointer"]) == ("body_unexpected", "/body")


async def test_the_text_is_indonesian_unless_english_is_wanted(client: Client) -> None:
    indonesian = await client.ask(f"{LIST}?limit=201")
    english = await client.ask(f"{LIST}?limit=201", headers={"Accept-Language": "fr, en-GB;q=0.8, id;q=0.2"})
    assert indonesian.headers["Content-Language"] == "id"
    assert english.headers["Content-Language"] == "en"
    assert indonesian.json["detail"] == "Parameter limit harus paling besar 200."
    assert english.json["detail"] == "Parameter limit must be at most 200."
    assert indonesian.json["code"] == english.json["code"]


async def test_the_setting_decides_where_the_request_does_not(start: Start, client: Client) -> None:
    server = await start(language="en")
    reply = await Client(client.session, server.port).ask("/nothing")
    assert reply.headers["Content-Language"] == "en"


async def test_storage_away_is_503_with_retry_after(client: Client, incidents: FakeIncidents) -> None:
    async def away() -> None:
        raise StorageUnavailable(SECRET)

    incidents.before_answer = away
    for path in (LIST, f"{LIST}/5d0c8f5e-30c8-5e62-9a86-1f5a2f0f6112"):
        reply = await client.ask(path)
        assert reply.status == 503
        assert reply.json["code"] == "storage_unavailable"
        assert int(reply.headers["Retry-After"]) > 0
        assert SECRET not in reply.text


async def test_a_defect_is_a_500_with_a_reference_found_in_the_log_and_leaks_nothing(
    client: Client, incidents: FakeIncidents
) -> None:
    async def defect() -> None:
        raise KeyError(SECRET)

    incidents.before_answer = defect
    with capture_logs() as logs:
        reply = await client.ask(LIST)
    assert reply.status == 500
    assert reply.json["code"] == "internal_error"
    assert [entry["reference"] for entry in logs if entry["event"] == "api.failed"] == [reply.json["reference"]]
    assert reply.json["reference"] in reply.json["remedy"]
    for leak in (SECRET, "KeyError", "Traceback", ".py"):
        assert leak not in reply.text
        assert leak not in str(reply.headers)


async def test_a_timeout_inside_a_part_is_a_defect_and_not_the_deadline(
    client: Client, incidents: FakeIncidents
) -> None:
    async def defect() -> None:
        raise TimeoutError

    incidents.before_answer = defect
    with capture_logs():
        assert (await client.ask(LIST)).json["code"] == "internal_error"


async def test_a_row_that_cannot_be_shown_is_a_500(client: Client, incidents: FakeIncidents) -> None:
    incidents.add(given_detail(1, summary=given_summary(1, number=0)))
    with capture_logs():
        reply = await client.ask(LIST)
    assert reply.json["code"] == "internal_error"


@pytest.mark.parametrize("model", [incident_models.IncidentRow, incident_models.Call, live_models.LiveCall])
def test_a_failure_to_show_a_caller_does_not_name_him_in_the_log(model: type[BaseModel]) -> None:
    with pytest.raises(ValidationError) as failure:
        model.model_validate({"number": ["+62811223344"], "caller_number": "+62811223344"})
    assert "+62811223344" not in str(failure.value)


async def test_a_request_that_hangs_is_503_at_the_deadline_and_its_work_is_ended(
    start: Start, client: Client, incidents: FakeIncidents
) -> None:
    ended = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    incidents.before_answer = hang
    server = await start(limits=Limits(deadline_s=0.05))
    reply = await Client(client.session, server.port).ask(LIST)
    assert (reply.status, reply.json["code"]) == (503, "deadline_exceeded")
    assert int(reply.headers["Retry-After"]) > 0
    assert ended.is_set()


async def test_the_default_deadline_is_five_seconds() -> None:
    assert Limits().deadline_s == 5


@pytest.mark.parametrize("kind", problems.CATALOGUE, ids=lambda kind: kind.code)
@pytest.mark.parametrize("language", Language)
def test_every_kind_of_problem_can_be_said_in_both_languages(kind: Kind, language: Language) -> None:
    said = example(kind, language)
    assert said["code"] == kind.code
    for text in (said["title"], said["detail"], said["remedy"]):
        assert text
        assert "{" not in text
    assert (kind.title.id, kind.detail.id, kind.remedy.id) != (kind.title.en, kind.detail.en, kind.remedy.en)


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in problems.CATALOGUE]
    assert len(codes) == len(set(codes))


def test_every_kind_that_is_declared_is_in_the_catalogue() -> None:
    modules = (
        problems,
        refusals,
        case_problems,
        notice_problems,
        party_problems,
        eido_problems,
        supervision_problems,
    )
    declared = {value for module in modules for value in vars(module).values() if isinstance(value, Kind)}
    assert declared == set(problems.CATALOGUE)
