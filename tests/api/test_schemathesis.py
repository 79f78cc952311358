"""Every operation of the description, asked with what the description allows and with what it does not.

One server runs in a thread of its own for all of it; examples are the same at every run.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import load_all_checks
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.specs.openapi.checks import positive_data_acceptance, response_schema_conformance

from callrouter.access.model import RIGHTS, AuditNote, Role
from callrouter.access.ports import TokenRecord
from callrouter.api.event_models import LONGEST_S
from callrouter.api.server import ApiServer
from callrouter.calls.bannerdesk import BannerDesk
from callrouter.calls.banners import Banner, Banners
from callrouter.calls.callingback import CallingBack
from callrouter.calls.posture import Postures
from callrouter.clock import now_us
from callrouter.incidents.callbacks import Try
from callrouter.incidents.desk import Actor, NewIncident
from callrouter.storage.agency_incidents import AgencyIncidents
from callrouter.storage.callback_tries import CallbackTries
from callrouter.storage.database import Database, migrate
from callrouter.storage.figures import Figures
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.incidents import Incidents
from callrouter.storage.notice_rows import NoticeWriter
from callrouter.storage.notice_secrets import NoticeSecrets
from callrouter.storage.notices import Notices
from callrouter.storage.related import Related
from callrouter.storage.sop import IncidentSops, Sops
from callrouter.storage.sub_codes import SubCodes
from callrouter.storage.supervision import BannerRows, PostureRows
from tests.api.fakes import START_US, managed
from tests.api.parties import FakeParties, neighbours, with_neighbour
from tests.api.support import (
    DOCUMENT,
    FakeBoard,
    FakeCallbacks,
    FakeHealth,
    FakeRefused,
    FakeSetAside,
)
from tests.api.test_parties import given_talk
from tests.storage.desks import table

EXAMPLES = 5
"""Of each operation, beside those of the description itself."""
STARTED_WITHIN_S = 60
TAG = re.compile(DOCUMENT["components"]["parameters"]["IfMatch"]["schema"]["pattern"])

# What the description's examples name.
SHOWN = UUID("8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112")
TALK = UUID("5d0c8f5e-30c8-4e62-9a86-1f5a2f0f6112")
REVOCABLE = TokenRecord("ab12cd34", "old", Role.VIEWER, None, "0" * 64, START_US, "local", 2 * START_US)
BY_HAND = Actor("siti (operator)")
Bearers = dict[Role, str]


class Rings:
    """Takes every call back."""

    async def ring(self, one: Try, ways: Sequence[str], shown: str) -> None:
        """Nothing rings."""


async def said(_banner: Banner) -> float:
    """Say anything in three seconds."""
    return 3.0


async def is_there(_banner: Banner) -> bool:
    """Everything was said before."""
    return True


class Running:
    """A server in a thread of its own: its address, and an admin's token."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._started: Future[tuple[str, Bearers]] = Future()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="api", daemon=True)

    def __enter__(self) -> tuple[str, Bearers]:
        self._thread.start()
        return self._started.result(STARTED_WITHIN_S)

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STARTED_WITHIN_S)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            # Every operation is tried with wrong tokens: they are to be answered, and not slowed down.
            centre = await managed(seconds=itertools.count(0.0, 1000.0).__next__)
            await centre.token_store.add(REVOCABLE, AuditNote("local (admin)", "token", "tokens/ab12cd34", {}))
            database = Database(f"sqlite:///{self._file}")
            writer = NoticeWriter(lambda _: None, keep_trying_s=3_600)
            desk = IncidentTables(database, acknowledge_s=300, notices=writer)
            await desk.open_by_hand(NewIncident(SHOWN, {"category": "fire"}), BY_HAND)
            await desk.pass_to(SHOWN, None, ["damkar"], "", BY_HAND)
            talks = FakeParties(FakeBoard([given_talk(call=TALK)]))
            server = ApiServer(
                "127.0.0.1",
                0,
                incidents=Incidents(database),
                desk=desk,
                agencies=AgencyIncidents(database),
                sub_codes=SubCodes(database, b"k" * 32),
                sop=Sops(database, b"k" * 32),
                sop_answers=IncidentSops(database),
                related=Related(database),
                calling_back=CallingBack(CallbackTries(database), Rings(), table),
                banner_desk=BannerDesk(
                    BannerRows(database, b"k" * 32), Banners(now_us, lambda _: True), said, is_there
                ),
                posture_desk=Postures(PostureRows(database, b"k" * 32), now_us),
                figures=Figures(database, table, b"k" * 32),
                notices=Notices(database, writer),
                notice_secrets=NoticeSecrets(database, str, str, b"k" * 32),
                refused_calls=FakeRefused(),
                callbacks=FakeCallbacks(),
                set_aside=FakeSetAside(),
                party_desk=talks,
                neighbours=neighbours(database, desk, writer, talks, with_neighbour(table())),
                live=talks.board,
                health=FakeHealth(),
                management=centre.management,
            )
            await server.start()
        except BaseException as error:
            self._started.set_exception(error)
            raise
        self._started.set_result((f"http://127.0.0.1:{server.port}", centre.bearers))
        try:
            await self._stop.wait()
        finally:
            await server.stop()
            await database.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Bearers]]:
    file = tmp_path_factory.mktemp("incidents") / "callrouter.db"
    migrate(f"sqlite:///{file}")
    with Running(file) as running:
        yield running


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Keeps the connection, which else takes as long as the request, and does not look for a proxy for each.

    It adds nothing to what a case says.
    """
    with requests.Session() as made:
        made.trust_env = False
        made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        made.headers.clear()
        yield made


def any_match(case: Any) -> dict[str, str]:
    """Return If-Match for whatever is there, where a case has an ETag: a made-up one would let no change through."""
    sent = str((case.headers or {}).get("If-Match", ""))
    return {"If-Match": "*"} if sent == "1" or TAG.fullmatch(sent) else {}


def quoted(case: Any) -> None:
    """Bring back the quotes of an ETag, which examples lose on their way into a header."""
    if (case.headers or {}).get("If-None-Match") == "0":
        case.headers["If-None-Match"] = '"0"'


def ending(case: Any) -> None:
    """Let a stream that would go on for minutes end at once."""
    seconds = str((case.query or {}).get("seconds", LONGEST_S))
    if case.operation.path == "/api/v1/events" and re.fullmatch("[0-9]{1,9}", seconds) and int(seconds) <= LONGEST_S:
        case.query = {**(case.query or {}), "seconds": "0"}


def a_period(query: dict[str, Any]) -> bool:
    """Return whether a scoreboard can be of it, as far as it says from when to when: that is in no schema either."""
    if not {"from", "to"} & set(query):
        return True
    try:
        begin, end = (datetime.fromisoformat(str(query[name])) for name in ("from", "to"))
        return begin < end <= begin + timedelta(days=366)
    except (KeyError, ValueError, TypeError, OverflowError):
        return False


schema = schemathesis.openapi.from_dict(DOCUMENT)
_checks = schema.config.checks
# What fits the schema may still not fit the rest of the table, or have been seen before it changed.
_checks.positive_data_acceptance.expected_statuses += ["412", "422"]
_checks.missing_required_header.expected_statuses += ["428"]
OPERATIONS = {operation.label: operation for path in DOCUMENT["paths"] for operation in schema[path].values()}


@pytest.mark.parametrize("label", OPERATIONS)
def test_no_answer_is_a_failure_and_each_fits_its_description(
    label: str, server: tuple[str, Bearers], session: requests.Session
) -> None:
    # Not schema.parametrize(): it thinks up all cases of all operations while files are collected, which takes longer
    # than to ask them, and every test process of a run collects every file.
    load_all_checks()
    cases = build_operation_test(
        config=schema.config,
        operation=OPERATIONS[label],
        test_func=ask,
        given_kwargs={},
        feedback=FeedbackSources(),
    )
    cases(server=server, session=session)


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def ask(case: Any, server: tuple[str, Bearers], session: requests.Session) -> None:
    """Ask what a case says, as one who may. Fails where the answer is a failure or does not fit the description."""
    base, bearers = server
    right = case.operation.definition.raw["x-right"]
    token = bearers[next((role for role in (Role.ADMIN, *Role) if right in RIGHTS[role]), Role.ADMIN)]
    quoted(case)
    ending(case)
    # A cursor is valid where it came from, and nowhere else: that cannot be said in a schema.
    excluded = [positive_data_acceptance] if "after" in (case.query or {}) or not a_period(case.query or {}) else []
    if case.operation.path == "/api/v1/events":
        # It holds each event against what OpenAPI 3.1 can only say of the whole text.
        excluded.append(response_schema_conformance)
    headers = {"Authorization": f"Bearer {token}", **any_match(case)}
    case.call_and_validate(base_url=base, session=session, headers=headers, excluded_checks=excluded)
