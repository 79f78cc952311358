"""Every operation of the description, asked with what the description allows and with what it does not.

One server runs in a thread of its own for all of it; examples are the same at every run.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from callrouter.access.model import AuditNote, Right, Role
from callrouter.access.ports import TokenRecord
from callrouter.api.server import ApiServer
from tests.api.fakes import START_US, managed
from tests.api.support import (
    DOCUMENT,
    FakeBoard,
    FakeCallbacks,
    FakeHealth,
    FakeIncidents,
    FakeRefused,
    FakeSetAside,
    given_detail,
)

EXAMPLES = 5
"""Of each operation, beside those of the description itself."""
STARTED_WITHIN_S = 20
TAG = re.compile(DOCUMENT["components"]["parameters"]["IfMatch"]["schema"]["pattern"])

# What the description's examples name.
SHOWN = UUID("8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112")
REVOCABLE = TokenRecord("ab12cd34", "old", Role.VIEWER, None, "0" * 64, START_US, "local", 2 * START_US)
Bearers = dict[Role, str]


class Running:
    """A server in a thread of its own: its address, and an admin's token."""

    def __init__(self) -> None:
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
            incidents = FakeIncidents()
            shown = given_detail(1)
            incidents.details[SHOWN] = replace(shown, summary=replace(shown.summary, id=SHOWN))
            server = ApiServer(
                "127.0.0.1",
                0,
                incidents=incidents,
                refused_calls=FakeRefused(),
                callbacks=FakeCallbacks(),
                set_aside=FakeSetAside(),
                live=FakeBoard(),
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


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Bearers]]:
    with Running() as running:
        yield running


def any_match(case: Any) -> dict[str, str]:
    """Return If-Match for whatever is there, where a case has an ETag: a made-up one would let no change through."""
    sent = str((case.headers or {}).get("If-Match", ""))
    return {"If-Match": "*"} if sent == "1" or TAG.fullmatch(sent) else {}


def quoted(case: Any) -> None:
    """Bring back the quotes of an ETag, which examples lose on their way into a header."""
    if (case.headers or {}).get("If-None-Match") == "0":
        case.headers["If-None-Match"] = '"0"'


schema = schemathesis.openapi.from_dict(DOCUMENT)
_checks = schema.config.checks
# What fits the schema may still not fit the rest of the table, or have been seen before it changed.
_checks.positive_data_acceptance.expected_statuses += ["412", "422"]
_checks.missing_required_header.expected_statuses += ["428"]


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_no_answer_is_a_failure_and_each_fits_its_description(case: Any, server: tuple[str, Bearers]) -> None:
    base, bearers = server
    audit = case.operation.definition.raw["x-right"] == Right.SEE_AUDIT
    token = bearers[Role.AUDITOR if audit else Role.ADMIN]
    quoted(case)
    # A cursor is valid where it came from, and nowhere else: that cannot be said in a schema.
    excluded = [positive_data_acceptance] if "after" in (case.query or {}) else []
    headers = {"Authorization": f"Bearer {token}", **any_match(case)}
    case.call_and_validate(base_url=base, headers=headers, excluded_checks=excluded)
