"""Incidents from and to neighbouring centres, over REST, on a real database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callrouter.access.model import Principal, Role
from callrouter.agencies.neighbour import NeighbourSender
from callrouter.agencies.notices import Channel, NoticeFilter
from callrouter.calls.live import Stage
from callrouter.incidents.eido import MAX_COMPONENTS, BadEido, document, incident_of, received
from callrouter.privacy.access_log import AccessFilter, AccessLog
from callrouter.privacy.masking import WHOLE
from callrouter.storage.access_log import AccessEntries
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.incidents import Incidents
from callrouter.storage.notice_rows import NoticeWriter
from callrouter.storage.notices import Notices
from callrouter.wiring.noted import noted_in
from tests.api.conftest import Start, session_of
from tests.api.fakes import Managed
from tests.api.parties import FakeParties, neighbours, with_neighbour
from tests.api.support import BEGIN, Client, FakeBoard, call_id
from tests.api.test_parties import CALL, given_talk
from tests.databases import migrated_sqlite, sqlite_url  # noqa: F401 - fixtures
from tests.storage.desks import table
from tests.unit.agencies.given_notices import SECRET, given_job, receiver

LIST = "/api/v1/incidents"
EIDO = "/api/v1/eido"
THEIRS = "urn:emergency:uid:incidentid:4711-a:kota.example"
DOCUMENT = {
    "$id": THEIRS,
    "eidoVersion": "1.0",
    "incidentComponent": [{"incidentTypeInternalCode": "fire", "incidentTypeInternalText": "Atap terbakar"}],
    "callbackComponent": [{"callBackInformationUri": ["sip:x@y", "tel:+6281200000001"]}],
    "x-callrouter": {"place": "Pasar kota", "people_hurt": 3, "area": "99.99"},
}


@dataclass
class Centre:
    """A centre that has a neighbour, `damkar`."""

    clients: dict[Role, Client]
    database: Database
    pbx: FakeParties
    writer: NoticeWriter

    async def ask(self, role: Role, method: str, path: str, body: Any = None) -> Any:
        return await self.clients[role].ask(path, method=method, **({} if body is None else {"json": body}))

    async def opened(self) -> str:
        made = await self.ask(Role.OPERATOR, "POST", LIST, {"category": "fire", "reporter_number": "+6281200000009"})
        return str(made.json["id"])


@pytest.fixture
async def centre(start: Start, managed: Managed, board: FakeBoard, sqlite_url: str) -> AsyncIterator[Centre]:  # noqa: F811
    database = Database(sqlite_url)
    known = with_neighbour(table())
    writer = NoticeWriter(lambda _: None, keep_trying_s=3_600)
    desk = IncidentTables(database, acknowledge_s=300, notices=writer)
    pbx = FakeParties(board)
    server = await start(
        incidents=Incidents(database),
        desk=desk,
        party_desk=pbx,
        neighbours=neighbours(database, desk, writer, pbx, known),
    )
    async with AsyncExitStack() as sessions:
        clients = {
            role: Client(await sessions.enter_async_context(session_of(managed, role)), server.port) for role in Role
        }
        yield Centre(clients, database, pbx, writer)
    await database.close()


async def test_document_of_a_neighbour_opens_one_incident_however_often_it_comes(centre: Centre) -> None:
    first = await centre.ask(Role.AGENCY, "POST", EIDO, DOCUMENT)
    assert first.json == {"incident": str(incident_of("damkar", THEIRS)), "opened": True}
    again = await centre.ask(Role.AGENCY, "POST", EIDO, DOCUMENT)
    assert again.json == first.json | {"opened": False}
    changed = await centre.ask(Role.AGENCY, "POST", EIDO, DOCUMENT | {"eidoVersion": "1.1"})
    assert changed.json == again.json
    one = f"{LIST}/{first.json['incident']}"
    shown = (await centre.ask(Role.OPERATOR, "GET", one)).json
    assert (shown["origin"], shown["state"], shown["category"]) == ("neighbour", "open", "fire")
    assert (shown["place"], shown["people_hurt"], shown["reporter_number"]) == ("Pasar kota", 3, "+6281200000001")
    assert shown["area"] is None
    assert shown["description"] == "Atap terbakar\n99.99"
    assert [entry["kind"] for entry in shown["timeline"]] == ["handed_in"] * 3
    originals = (await centre.ask(Role.OPERATOR, "GET", f"{one}/eido/originals")).json["items"]
    assert [item["document"]["eidoVersion"] for item in originals] == ["1.1", "1.0"]
    assert originals[1]["document"] == DOCUMENT
    # A document holds numbers: it is for those alone who may see them.
    assert (await centre.ask(Role.ADMIN, "GET", f"{one}/eido/originals")).status == 403


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"$id": None}, "/$id"),
        ({"$id": ""}, "/$id"),
        ({"$id": "x" * 201}, "/$id"),
        ({"$id": "a\nb"}, "/$id"),
        ({"incidentTrackingIdentifier": 4711}, "/incidentTrackingIdentifier"),
        ({"incidentComponent": {}}, "/incidentComponent"),
        ({"callComponent": ["x"]}, "/callComponent"),
        ({"otherComponent": [{}] * (MAX_COMPONENTS + 1)}, "/otherComponent"),
    ],
    ids=["no id", "empty id", "long id", "two lines", "number as id", "no list", "no objects", "too many"],
)
async def test_what_is_no_document_is_told_where_and_opens_nothing(
    centre: Centre, change: dict[str, Any], pointer: str
) -> None:
    reply = await centre.ask(Role.AGENCY, "POST", EIDO, DOCUMENT | change)
    assert (reply.status, reply.json["code"], reply.json["pointer"]) == (422, "body_invalid", pointer)
    assert (await centre.ask(Role.OPERATOR, "GET", LIST)).json["items"] == []


async def test_document_is_taken_from_a_neighbour_alone(start: Start, managed: Managed, centre: Centre) -> None:
    for role in set(Role) - {Role.AGENCY}:
        assert (await centre.ask(role, "POST", EIDO, DOCUMENT)).status == 403
    database, pbx = centre.database, centre.pbx
    desk = IncidentTables(database, acknowledge_s=300)
    server = await start(neighbours=neighbours(database, desk, centre.writer, pbx, table()))
    async with session_of(managed, Role.AGENCY) as session:
        reply = await Client(session, server.port).ask(EIDO, method="POST", json=DOCUMENT)
    assert (reply.status, reply.json["code"]) == (403, "no_neighbour")
    too_big = await centre.ask(Role.AGENCY, "POST", EIDO, DOCUMENT | {"x": "y" * 300_000})
    assert too_big.status == 413


async def test_incident_is_handed_over_by_the_outbox_with_its_caller_and_the_timeline_says_so(
    centre: Centre, board: FakeBoard
) -> None:
    incident = await centre.opened()
    board.calls.append(given_talk(incident=UUID(incident)))
    path = f"{LIST}/{incident}/handover"
    reply = await centre.ask(Role.OPERATOR, "POST", path, {"neighbour": "damkar", "text": "di seberang"})
    assert (reply.status, reply.json["call"]) == (200, str(CALL))
    assert centre.pbx.passed == [(CALL, f"callrouter-transfer-to/g_border/{ {'CR_HANDED_OVER_border': incident} }")]
    (notice,) = await Notices(centre.database, centre.writer).page(NoticeFilter())
    assert (str(notice.id), notice.channel, notice.agency) == (reply.json["notice"], Channel.NEIGHBOUR, "damkar")
    assert (notice.target, notice.due_at) == ("http://10.1.2.3/api/v1/eido", None)
    timeline = (await centre.ask(Role.OPERATOR, "GET", f"{LIST}/{incident}")).json["timeline"]
    (told,) = [entry["data"] for entry in timeline if entry["kind"] == "handed_over"]
    assert (told["neighbour"], told["call"], told["text"]) == ("damkar", str(CALL), "di seberang")


async def test_caller_of_another_operator_is_handed_to_nobody_and_nothing_is_written(
    centre: Centre, board: FakeBoard
) -> None:
    incident = await centre.opened()
    board.calls.append(given_talk(incident=UUID(incident), with_whom=("op2",)))
    reply = await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{incident}/handover", {"neighbour": "damkar"})
    assert (reply.status, reply.json["code"]) == (403, "not_your_call")
    assert await Notices(centre.database, centre.writer).page(NoticeFilter()) == []
    board.calls[:] = [given_talk(incident=UUID(incident), stage=Stage.MENU)]
    reply = await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{incident}/handover", {"neighbour": "damkar"})
    assert (reply.status, reply.json["call"]) == (200, None)
    unknown = await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{uuid4()}/handover", {"neighbour": "damkar"})
    assert (unknown.status, unknown.json["code"]) == (404, "incident_unknown")
    nobody = await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{incident}/handover", {"neighbour": "pmi"})
    assert (nobody.status, nobody.json["code"]) == (422, "body_invalid")


async def test_caller_who_leaves_as_he_is_handed_over_is_told_in_the_timeline(
    centre: Centre, board: FakeBoard
) -> None:
    incident = await centre.opened()
    board.calls.append(given_talk(incident=UUID(incident)))
    centre.pbx.leaves = True
    reply = await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{incident}/handover", {"neighbour": "damkar"})
    assert (reply.status, reply.json["call"]) == (200, None)
    timeline = (await centre.ask(Role.OPERATOR, "GET", f"{LIST}/{incident}")).json["timeline"]
    assert [entry["kind"] for entry in timeline][1:] == ["handed_over", "notice", "note"]
    assert f"the caller was not passed: damkar, call {CALL}" in timeline[-1]["data"]["text"]


async def test_of_two_callers_of_an_incident_that_of_who_asks_is_handed_over(
    centre: Centre, board: FakeBoard
) -> None:
    incident = await centre.opened()
    others = given_talk(call=call_id(2), incident=UUID(incident), with_whom=("op2",))
    board.calls += [others, given_talk(incident=UUID(incident))]
    reply = await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{incident}/handover", {"neighbour": "damkar"})
    assert (reply.status, reply.json["call"]) == (200, str(CALL))
    assert [call for call, _ in centre.pbx.passed] == [CALL]


async def test_document_with_a_number_beyond_all_floats_is_refused_whole(centre: Centre) -> None:
    raw = json.dumps(DOCUMENT)[:-1].encode() + b', "x": 1e400}'
    reply = await centre.clients[Role.AGENCY].ask(
        EIDO, method="POST", data=raw, headers={"Content-Type": "application/json"}
    )
    assert (reply.status, reply.json["code"], reply.json["pointer"]) == (400, "body_malformed", "/body")
    assert "1e400" in reply.json["detail"]
    assert (await centre.ask(Role.OPERATOR, "GET", LIST)).json["items"] == []


async def test_document_of_an_incident_can_be_taken_in_again(centre: Centre) -> None:
    incident = await centre.opened()
    sent = (await centre.ask(Role.OPERATOR, "GET", f"{LIST}/{incident}/eido")).json
    assert sent["x-callrouter"]["category"] == "fire"
    assert sent["x-callrouter"]["reporter_number"] == "+6281200000009"
    masked = (await centre.ask(Role.VIEWER, "GET", f"{LIST}/{incident}/eido")).json
    assert "*" in masked["x-callrouter"]["reporter_number"]
    taken = received(sent, frozenset({"fire"}), frozenset())
    assert taken.tail == incident
    assert taken.fields == {"category": "fire", "reporter_number": "+6281200000009"}
    detail = await Incidents(centre.database).detail(UUID(incident))
    assert detail is not None
    assert json.loads(json.dumps(document(detail, "Pusat 112", "pbx1", WHOLE, BEGIN)))["$id"] == sent["$id"]


async def test_token_speaks_for_its_own_centre_whatever_a_document_says(
    start: Start, managed: Managed, centre: Centre
) -> None:
    first = (await centre.ask(Role.AGENCY, "POST", EIDO, DOCUMENT)).json["incident"]
    _, bearer = await managed.tokens.issue("pmi-1", Role.AGENCY, "pmi", 1, Principal("admin-1", Role.ADMIN))
    desk = IncidentTables(centre.database, acknowledge_s=300)
    known = with_neighbour(table())
    (damkar,) = [one for one in known.directory.agencies if one.key == "damkar"]
    both = (*known.directory.agencies, damkar.model_copy(update={"key": "pmi"}))
    known = known.model_copy(update={"directory": known.directory.model_copy(update={"agencies": both})})
    server = await start(neighbours=neighbours(centre.database, desk, centre.writer, centre.pbx, known))
    forged = DOCUMENT | {"x-callrouter": {"place": "elsewhere", "neighbour": "damkar"}, "issuer": "damkar"}
    headers = {"Authorization": f"Bearer {bearer}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=20)) as session:
        reply = await Client(session, server.port).ask(EIDO, method="POST", json=forged)
    # The same identifier from another centre is another incident: nothing of the first is changed or shown.
    assert reply.json == {"incident": str(incident_of("pmi", THEIRS)), "opened": True}
    kept = (await centre.ask(Role.OPERATOR, "GET", f"{LIST}/{first}/eido/originals")).json["items"]
    assert [(item["neighbour"], item["document"]) for item in kept] == [("damkar", DOCUMENT)]
    own = (await centre.ask(Role.OPERATOR, "GET", f"{LIST}/{reply.json['incident']}/eido/originals")).json["items"]
    assert [(item["neighbour"], item["received_by"]) for item in own] == [("pmi", "pmi-1 (agency)")]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.AGENCY])
async def test_who_does_not_work_on_incidents_hands_none_over(centre: Centre, role: Role) -> None:
    path = f"{LIST}/{await centre.opened()}/handover"
    reply = await centre.ask(role, "POST", path, {"neighbour": "damkar"})
    assert (reply.status, reply.json["code"]) == (403, "forbidden")
    assert await Notices(centre.database, centre.writer).page(NoticeFilter()) == []


async def test_centre_that_is_sent_whole_numbers_stands_in_the_access_log_for_each_try(
    centre: Centre, tmp_path: Path
) -> None:
    incident = UUID(await centre.opened())
    reply = await centre.ask(Role.OPERATOR, "POST", f"{LIST}/{incident}/handover", {"neighbour": "damkar"})
    access, ticks = AccessEntries(centre.database), count(BEGIN)
    sender = NeighbourSender(
        ("127.0.0.0/8",),
        the_secret,
        Incidents(centre.database).detail,
        lambda found: document(found, "Pusat 112", "pbx1", WHOLE, BEGIN),
        tmp_path,
        noted_in(AccessLog(access, lambda: next(ticks))),
    )
    job = given_job(id=UUID(reply.json["notice"]), incident=incident, agency="damkar")
    async with receiver() as there:
        job = replace(job, notice=replace(job.notice, target=there.url, channel=Channel.NEIGHBOUR))
        await sender.send(job)
        await sender.send(job)
    await sender.close()
    assert [b"+6281200000009" in request for request in there.requests] == [True, True]
    seen = await access.page(AccessFilter(subject=str(incident)))
    assert [(one.who, one.role, one.what) for one in seen] == [("damkar", "agency", "handover")] * 2
    assert seen[0].purpose == f"notice {reply.json['notice']}"


@pytest.mark.parametrize(
    ("channel", "contact", "entry"),
    [
        (Channel.WEBHOOK, "sistem", ("damkar", "agency", "webhook sistem")),
        (Channel.EMAIL, "kantor", ("damkar", "agency", "email kantor")),
        (Channel.PHONE, "lurah", ("damkar", "agency", "phone lurah")),
        (Channel.SUPERVISOR, "", ("supervisors", "supervisor", "supervisor")),
    ],
)
async def test_who_is_sent_a_notice_stands_in_the_access_log(
    centre: Centre, channel: Channel, contact: str, entry: tuple[str, str, str]
) -> None:
    access, job = AccessEntries(centre.database), given_job(channel=channel, contact=contact)
    await noted_in(AccessLog(access, lambda: BEGIN))(job)
    (seen,) = await access.page(AccessFilter(subject=str(job.notice.incident)))
    assert (seen.who, seen.role, seen.purpose) == (*entry[:2], f"{entry[2]}, notice {job.notice.id}")
    assert seen.what == "notice"


async def the_secret(_agency: str, _contact: str) -> str | None:
    return SECRET


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
_NAMES = st.sampled_from([*DOCUMENT, "incidentTrackingIdentifier", "callComponent", "x-callrouter", "xComponent"])
_MEMBERS = ("category", "area", "place", "description", "people_hurt", "reporter_number", "reporter_name")
_PARTS = st.dictionaries(
    st.sampled_from([*_MEMBERS, "incidentTypeInternalCode", "callBackInformationUri"]), _JSON, max_size=6
)


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(_NAMES | st.text(max_size=8), _JSON | st.lists(_PARTS, max_size=3) | _PARTS, max_size=8))
def test_whatever_is_sent_is_read_within_bounds_or_refused(sent: dict[str, Any]) -> None:
    try:
        taken = received(sent, frozenset({"fire"}), frozenset({"35.07"}))
    except BadEido:
        return
    assert 0 < len(taken.external) <= 200
    assert len(taken.tail) <= 64
    assert set(taken.fields) <= set(_MEMBERS)
    bounds = {"place": 500, "description": 4_000, "reporter_number": 64, "reporter_name": 200}
    assert all(len(str(taken.fields.get(name, ""))) <= most for name, most in bounds.items())
    assert taken.fields.get("category", "fire") == "fire"
    assert isinstance(taken.fields.get("people_hurt", 0), int)
