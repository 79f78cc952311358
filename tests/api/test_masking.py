"""What REST shows of callers' numbers and names, role by role; and that whoever is shown something is noted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callrouter.access.model import RIGHTS, Right, Role
from callrouter.api.server import OPERATIONS
from callrouter.calls.live import LiveCall, Stage
from callrouter.calls.refused import RefusedCall, RefusedCalls
from callrouter.incidents.views import EventView
from callrouter.privacy.access_log import GATHER_S, MAX_WAITING, AccessFilter, AccessLog, Seen
from tests.api.conftest import Start, session_of
from tests.api.fakes import Managed
from tests.api.support import (
    BEGIN,
    Client,
    FakeBoard,
    FakeCallbacks,
    FakeIncidents,
    FakeRefused,
    call_id,
    given_call,
    given_detail,
    given_summary,
)
from tests.api.test_callbacks import given_callback
from tests.api.test_recordings import Clock, FakeAccesses

NUMBER, NAME = "+6281234567890", "Siti Rahmawati"
MASKED, MASKED_NAME = "+6281*******90", "S*** R***"
SEEING = [role for role in Role if Right.SEE_CALLS in RIGHTS[role]]


@pytest.fixture
def shown(
    incidents: FakeIncidents, refused: FakeRefused, callbacks: FakeCallbacks, board: FakeBoard
) -> dict[str, Seen]:
    """Give a caller who is seen everywhere; return the paths, and as what each is noted."""
    entry = EventView(BEGIN, "changed", "op1", {"reporter_number": ["", NUMBER], "reporter_name": ["", NAME]})
    detail = incidents.add(
        given_detail(
            1,
            summary=given_summary(1, caller_number=NUMBER),
            calls=(given_call(1, number=NUMBER, name=NAME, sent_from=NUMBER),),
            timeline=(entry,),
        )
    )
    refused.found = RefusedCalls(1, (), (RefusedCall(BEGIN, "pbx1", 488, "", "", "192.0.2.10", NUMBER),))
    callbacks.entries = [given_callback(1, number=NUMBER)]
    live: dict[str, Any] = {
        "call": call_id(1), "incident": detail.summary.id, "number": NUMBER, "origin": "citizen", "trunk": "telco",
        "since": BEGIN, "stage": Stage.MENU, "with_whom": (), "category": "", "language": "id",
    }  # fmt: skip
    board.calls = [LiveCall(**live)]
    return {
        "/api/v1/incidents": Seen.LIST,
        f"/api/v1/incidents/{detail.summary.id}": Seen.INCIDENT,
        "/api/v1/callbacks": Seen.LIST,
        "/api/v1/calls/refused": Seen.LIST,
        "/api/v1/calls/live": Seen.BOARD,
    }


@pytest.mark.parametrize("role", SEEING)
async def test_numbers_and_names_are_masked_for_who_does_not_need_them(
    start: Start, managed: Managed, shown: dict[str, Seen], role: Role
) -> None:
    server = await start()
    whole = role in {Role.OPERATOR, Role.SUPERVISOR}
    async with session_of(managed, role) as session:
        client = Client(session, server.port)
        for path in shown:
            text = (await client.ask(path)).text
            assert (NUMBER in text, MASKED in text) == (whole, not whole), path
            assert (NAME in text, MASKED_NAME in text) in {(False, False), (whole, not whole)}, path
        assert (MASKED_NAME in (await client.ask(one_of(shown, Seen.INCIDENT))).text) is not whole


def one_of(shown: dict[str, Seen], what: Seen) -> str:
    """Return the path that is noted as `what`."""
    return next(path for path, noted in shown.items() if noted is what)


async def test_who_was_shown_what_is_noted_once_a_minute(
    start: Start, managed: Managed, shown: dict[str, Seen]
) -> None:
    accesses, clock = FakeAccesses(), Clock()
    log = AccessLog(accesses, clock)
    server = await start(access_log=log)
    async with session_of(managed, Role.VIEWER) as session:
        client = Client(session, server.port)
        for _ in range(3):
            for path in shown:
                assert (await client.ask(path)).status == 200
        await log.flush()
        assert [(e.who, e.role) for e in accesses.entries] == [("viewer-1", "viewer")] * len(shown)
        assert sorted(e.what for e in accesses.entries) == sorted(shown.values())
        for path in shown:
            await client.ask(path)
        await log.flush()
        assert len(accesses.entries) == len(shown)
        clock.now += 60_000_000
        for path in shown:
            await client.ask(path)
        await log.flush()
        assert len(accesses.entries) == 2 * len(shown)


async def test_what_was_seen_is_stored_by_itself_and_waits_while_the_database_is_away(managed: Managed) -> None:
    accesses = FakeAccesses(away=True)
    log = AccessLog(accesses, Clock())
    running = asyncio.create_task(log.run())
    principal = await managed.tokens.authenticate(f"Bearer {managed.bearers[Role.VIEWER]}", "192.0.2.1")
    await log.saw(principal, Seen.BOARD)
    await asyncio.sleep(2 * GATHER_S)  # it has tried
    assert log.waiting == 1
    accesses.away = False
    async with asyncio.timeout(30):
        while log.waiting:
            await asyncio.sleep(0.05)
    assert [row.what for row in await log.page(AccessFilter())] == ["board"]
    running.cancel()


async def test_nothing_is_shown_any_more_where_too_much_waits_to_be_noted(
    start: Start, managed: Managed, shown: dict[str, Seen]
) -> None:
    accesses = FakeAccesses(away=True)
    log = AccessLog(accesses, Clock())
    principal = await managed.tokens.authenticate(f"Bearer {managed.bearers[Role.VIEWER]}", "192.0.2.1")
    for n in range(MAX_WAITING):
        await log.saw(principal, Seen.INCIDENT, str(n))
    server = await start(access_log=log)
    async with session_of(managed, Role.VIEWER) as session:
        client = Client(session, server.port)
        reply = await client.ask(next(iter(shown)))
        assert (reply.status, MASKED in reply.text) == (503, False)
        accesses.away = False
        assert (await client.ask(next(iter(shown)))).status == 200
    assert len(accesses.entries) == MAX_WAITING


def test_every_operation_that_shows_callers_says_so() -> None:
    """SEE_CALLS is the right to see callers; what takes it and shows none of them is named here."""
    harmless = {
        *("list_trunk_states", "list_dispositions", "read_metrics"),
        *("list_sops", "read_sop", "list_sop_versions", "read_sop_version"),  # questions, without answers
        "read_incident_clocks",  # times alone
        "list_parties",  # agencies
        *("list_banners", "read_banner", "read_posture"),  # of all callers, and of none
    }
    silent = {o.name for o in OPERATIONS if o.right is Right.SEE_CALLS and o.shows is None}
    assert silent - harmless == set()
