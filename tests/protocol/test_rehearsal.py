"""The service asks itself over the wire, through the server and the session of a call; nothing is noted of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from callrouter.asterisk.agi import REHEARSAL, AgiCounters, AgiServer, AgiSession
from callrouter.asterisk.dialplan import Dialplan, arrival
from callrouter.calls.session import Exit, Sessions, snapshot_of
from callrouter.selfcheck import SelfCheck
from tests.protocol.peers import SECRET, channel, until
from tests.unit.calls.given import Clock, Notes
from tests.unit.routing.tables import small


class Service:
    """Server, sessions and self-check as the service has them."""

    def __init__(self, *, peers: frozenset[str] = frozenset({"127.0.0.1"}), max_sessions: int = 5) -> None:
        snapshot = snapshot_of(7, small())
        self.notes = Notes()
        self.sessions = Sessions(lambda: snapshot, self.notes, Clock())
        self.between: Callable[[], Awaitable[None]] | None = None
        self.server = AgiServer(
            "127.0.0.1",
            0,
            secret=SECRET,
            peers=peers,
            max_sessions=max_sessions,
            handler=self._serve,
            rehearse=self._rehearse,
            own="127.0.0.1",
        )

    async def _serve(self, line: AgiSession) -> None:
        await self.sessions.serve(arrival(line.args, "", ""), Dialplan(line))

    async def _rehearse(self, line: AgiSession) -> None:
        if self.between is not None:
            await self.between()
        await self.sessions.rehearse(arrival(line.args, "", ""), Dialplan(line))

    def check(self, *, secret: str = SECRET, within_s: float = 2.0, fresh_s: float = 5.0) -> SelfCheck:
        return SelfCheck(
            "127.0.0.1",
            lambda: self.server.port,
            secret,
            "pbx1",
            lambda: "telco",
            within_s=within_s,
            every_s=0.01,
            fresh_s=fresh_s,
        )


@contextlib.asynccontextmanager
async def serving(service: Service) -> AsyncIterator[Service]:
    await service.server.start()
    try:
        yield service
    finally:
        await service.server.stop(0)


async def test_consultation_is_answered_and_nothing_is_noted_or_counted_of_it() -> None:
    with capture_logs() as logs:
        async with serving(Service()) as service:
            check = service.check()
            assert await check.once()
            assert await until(lambda: service.server.counters == AgiCounters(rehearsals=1))
    assert (check.fresh, check.failures, check.why) == (True, 0, None)
    assert check.took_ms > 0
    assert service.notes.taken == []
    assert service.sessions.exits == dict.fromkeys(Exit, 0)
    assert [line["event"] for line in logs] == ["agi.listening"], "a line each two seconds would hide the others"


async def test_rehearsal_goes_through_what_a_call_goes_through() -> None:
    service = Service()
    service.sessions._snapshot = lambda: 1 / 0  # type: ignore[assignment,return-value]
    with capture_logs() as logs:
        async with serving(service):
            check = service.check()
            assert not await check.once()
    assert check.why is not None
    assert check.why.en == "The consultation was refused, or failed in the middle."
    assert {"agi.handler_error", "consultation.fails"} <= {line["event"] for line in logs}


@pytest.mark.parametrize("full", [False, True])
async def test_who_would_not_serve_a_caller_is_not_fresh(full: bool) -> None:
    async with serving(Service(max_sessions=1)) as service:
        if not full:
            assert not await service.check(secret="another").once()
            return
        held, check = asyncio.Event(), service.check()

        async def hold() -> None:
            await held.wait()

        service.between = hold
        first = asyncio.create_task(service.check().once())
        assert await until(lambda: service.server.counters.rehearsals == 1)
        assert not await check.once()
        assert not check.fresh
        held.set()
        assert await first


async def test_answer_later_than_a_callers_lease_is_none() -> None:
    async with serving(Service()) as service:
        service.between = asyncio.Event().wait  # type: ignore[assignment]
        check = service.check(within_s=0.1)
        assert not await check.once()
        assert check.why is not None
        assert check.why.en == "Not done within 0.1 s."


async def test_service_that_does_not_listen_is_told_once_and_again_when_it_answers() -> None:
    service = Service()
    async with serving(service):
        check = service.check(fresh_s=0.2)
        assert await check.once()
    with capture_logs() as logs:
        assert not await check.once()
        assert not await check.once()
        assert await until(lambda: not check.fresh)
        service.server = Service().server
        async with serving(service):
            assert await check.once()
    assert [line["event"] for line in logs if line["event"].startswith("consultation.")] == [
        "consultation.fails",
        "consultation.answers_again",
    ]
    assert check.failures == 2
    assert check.fresh


async def test_it_asks_again_and_again() -> None:
    async with serving(Service()) as service:
        asking = asyncio.create_task(service.check().run())
        assert await until(lambda: service.server.counters.rehearsals >= 3)
        asking.cancel()
        await asyncio.wait({asking})


async def test_own_address_that_is_no_peer_may_rehearse_and_nothing_else() -> None:
    async with serving(Service(peers=frozenset({"127.0.0.9"}))) as service:
        assert await service.check().once()
        async with channel(service.server.port) as pbx:
            await pbx.greet()
            assert await pbx.last_words() == b"failure\n"
        assert service.server.counters.refused_route == 1
        async with channel(service.server.port, local="127.0.0.8") as stranger:
            await stranger.greet({"agi_network_script": REHEARSAL})
            assert await stranger.last_words() == b""
        assert service.server.counters.refused_peer == 1
        async with channel(service.server.port, local="127.0.0.9") as pbx:
            await pbx.greet()
            assert await until(lambda: service.server.counters.accepted == 1)


async def test_server_without_rehearsals_refuses_them() -> None:
    async def nothing(_line: AgiSession) -> None:
        pass

    server = AgiServer("127.0.0.1", 0, secret=SECRET, peers=frozenset({"127.0.0.1"}), max_sessions=5, handler=nothing)
    await server.start()
    try:
        async with channel(server.port) as pbx:
            await pbx.greet({"agi_network_script": REHEARSAL})
            assert await pbx.last_words() == b"failure\n"
        assert server.counters.refused_route == 1
    finally:
        await server.stop(0)


async def test_caller_who_has_just_connected_is_served_while_the_server_stops() -> None:
    async with serving(Service()) as service, channel(service.server.port) as pbx:
        await pbx.say(b"agi_network: yes\n")
        assert await until(lambda: len(service.server._greeting) == 1)
        stopping = asyncio.create_task(service.server.stop(60))
        await asyncio.sleep(0)
        assert not service.server.listening
        args = (SECRET, "00000000-0000-4000-8000-000000000001", "1790000000_20.000000", "pbx1", "citizen", "telco")
        await pbx.greet(args=(*args, "Lg==", "Lg==", ""))
        while line := await pbx.hear():
            assert line.startswith("SET VARIABLE ")
            await pbx.say(b"200 result=1\n")
        names, _, values = pbx.lines[-1].partition('" "')
        assert (names.endswith(",CR_READY)"), values.endswith(',yes"')) == (True, True)
        await asyncio.wait_for(stopping, 30)
    assert service.sessions.exits[Exit.HANDED_OVER] == 1
