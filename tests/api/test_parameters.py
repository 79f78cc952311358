"""Cursors, parameters and languages, under hostile texts."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callrouter.api import cursor
from callrouter.api.incident_query import IncidentQuery, incident_filter
from callrouter.api.language import negotiate
from callrouter.api.models import IncidentPath, NoParameters
from callrouter.api.parameters import BadParameters, bind
from callrouter.api.problems import ApiProblem, problem_model
from callrouter.api.serving import parameter_faults
from callrouter.api.translate import moment
from callrouter.incidents.views import MAX_PAGE
from callrouter.routing.values import Language
from tests.api.support import Client

NUMBERS = st.integers(1, cursor.MAX_NUMBER)


@given(NUMBERS)
def test_a_cursor_comes_back_as_its_number(number: int) -> None:
    assert cursor.decode(cursor.encode(number)) == number


@given(NUMBERS)
def test_a_cursor_needs_no_escaping_in_an_address(number: int) -> None:
    text = cursor.encode(number)
    assert quote(text, safe="") == text


@given(st.text(max_size=40) | st.from_regex(r"[A-Za-z0-9_-]{16}", fullmatch=True))
def test_a_made_up_cursor_is_refused_or_is_one_of_ours(text: str) -> None:
    try:
        number = cursor.decode(text)
    except cursor.BadCursor:
        return
    assert cursor.encode(number) == text


@given(NUMBERS, st.integers(0, 15), st.characters())
def test_a_cursor_with_one_changed_character_is_refused(number: int, place: int, character: str) -> None:
    text = cursor.encode(number)
    changed = text[:place] + character + text[place + 1 :]
    if changed != text:
        with pytest.raises(cursor.BadCursor):
            cursor.decode(changed)


@given(NUMBERS, st.integers(0, 15))
def test_a_cursor_that_was_cut_is_refused(number: int, length: int) -> None:
    with pytest.raises(cursor.BadCursor):
        cursor.decode(cursor.encode(number)[:length])


@pytest.mark.parametrize("number", [0, -1, cursor.MAX_NUMBER + 1])
def test_a_number_that_no_incident_has_gives_no_cursor(number: int) -> None:
    with pytest.raises(ValueError, match="between"):
        cursor.encode(number)


NAMES = st.sampled_from([*IncidentQuery.model_fields, "foo"]) | st.text(max_size=12)
VALUES = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.sampled_from(["true", "false", "open", "abandoned", "kebakaran", "50", "1e1", "0x10", "NaN", "null"]),
    NUMBERS.map(cursor.encode),
)
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=6)


@settings(max_examples=300)
@given(PAIRS)
def test_any_parameters_make_a_legal_filter_or_faults_with_pointers(pairs: list[tuple[str, str]]) -> None:
    try:
        query = bind(IncidentQuery, pairs)
    except BadParameters as bad:
        faults = parameter_faults("query", bad)
        assert faults
        given_names = {name for name, _ in pairs}
        for fault in faults:
            name = fault.pointer.removeprefix("/query/").replace("~1", "/").replace("~0", "~")
            assert name in given_names
        for language in Language:
            problem_model(ApiProblem(*faults), language).model_dump_json()
        return
    wanted = incident_filter(query)
    assert 1 <= wanted.limit <= MAX_PAGE
    assert wanted.after is None or wanted.after.number <= cursor.MAX_NUMBER
    assert len({name for name, _ in pairs}) == len(pairs)
    assert {name for name, _ in pairs} <= set(IncidentQuery.model_fields)
    spelled = dict(pairs)
    assert spelled.get("limit", "50") == str(wanted.limit)
    assert spelled.get("callback") in {None, str(wanted.callback).lower()}


@given(st.text(max_size=60))
def test_only_a_plain_uuid_is_an_id(text: str) -> None:
    with pytest.raises(BadParameters):
        bind(IncidentPath, [("id", text)])


@given(st.uuids())
def test_every_uuid_is_an_id(uuid: object) -> None:
    assert bind(IncidentPath, [("id", str(uuid))]).id == uuid


def test_a_request_without_parameters_takes_none() -> None:
    assert bind(NoParameters, []) == NoParameters()
    with pytest.raises(BadParameters):
        bind(NoParameters, [("x", "")])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PAIRS)
async def test_any_query_over_http_is_answered_with_200_or_400(client: Client, pairs: list[tuple[str, str]]) -> None:
    encoded = "&".join(
        f"{quote(name, safe='', errors='replace')}={quote(value, safe='', errors='replace')}" for name, value in pairs
    )
    assert (await client.ask(f"/api/v1/incidents?{encoded}")).status in {200, 400}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=40))
async def test_any_bytes_in_a_query_are_answered_with_200_or_400(client: Client, raw: bytes) -> None:
    encoded = "".join(f"%{byte:02X}" for byte in raw)
    assert (await client.ask(f"/api/v1/incidents?category={encoded}")).status in {200, 400}
    assert (await client.ask(f"/api/v1/incidents?{encoded}=1")).status in {200, 400}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", Language.ID),
        ("en", Language.EN),
        ("id", Language.ID),
        ("EN-us", Language.EN),
        ("in-ID", Language.ID),
        ("fr", Language.ID),
        ("fr, en;q=0.1", Language.EN),
        ("en;q=0.5, id;q=0.6", Language.ID),
        ("en;q=0.5,id;q=0.5", Language.EN),
        ("en;q=0", Language.ID),
        ("*, en;q=0.5", Language.ID),
        ("en;q=2", Language.ID),
        ("en;level=1", Language.ID),
        ("english", Language.ID),
        (",,;q=,en", Language.EN),
    ],
)
def test_the_wanted_language_is_taken(header: str, language: Language) -> None:
    assert negotiate(header, Language.ID) is language


@given(st.text(max_size=200), st.sampled_from(Language))
def test_any_header_gives_a_language(header: str, default: Language) -> None:
    assert negotiate(header, default) in Language


@given(st.integers(0, 253_402_300_799_999_999))
def test_a_moment_is_exact(us: int) -> None:
    whole, micro = divmod(us, 1_000_000)
    text = moment(us)
    assert len(text) == len("2026-11-21T13:40:07.125000Z")
    assert text.endswith(f".{micro:06d}Z")
    assert text[:19] == moment(whole * 1_000_000)[:19]


def test_a_known_moment() -> None:
    assert moment(1_000_000_000_000_001) == "2001-09-09T01:46:40.000001Z"
