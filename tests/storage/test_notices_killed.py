"""A service that is killed between sending a notice and noting it: the next one sends it again, under the same id."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from uuid import uuid4

from callrouter.agencies.notices import NoticeFilter, NoticeState
from callrouter.incidents.desk import NewIncident
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.notice_rows import NoticeWriter
from callrouter.storage.notices import Notices
from tests.storage.notice_centre import OPERATOR, Centre, webhook
from tests.unit.agencies.given_notices import SECRET, receiver

ROOT = Path(__file__).parents[2]
WITHIN_S = 60


async def service(url: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.storage.notice_service", url, "127.0.0.0/8", SECRET, cwd=ROOT
    )


async def test_a_notice_that_was_sent_and_not_noted_is_sent_again_under_its_id(
    database: Database, database_url: str
) -> None:
    sent, answer = asyncio.Event(), asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        sent.set()
        await answer.wait()
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    async with receiver(slow) as agency, asyncio.timeout(WITHIN_S):
        centre = Centre(database, webhook("api", url=agency.url))
        writer = NoticeWriter(centre.agencies.get, keep_trying_s=3_600)
        desk = IncidentTables(database, acknowledge_s=300, notices=writer)
        incident = (await desk.open_by_hand(NewIncident(uuid4()), OPERATOR)).incident
        await desk.pass_to(incident, None, ["damkar"], "", OPERATOR)
        outbox = Notices(database, writer)

        first = await service(database_url)
        await sent.wait()  # the receiver has it, and nobody has noted that
        first.kill()
        assert await first.wait() == -signal.SIGKILL
        (notice,) = await outbox.page(NoticeFilter())
        assert (notice.state, notice.tries) == (NoticeState.SENDING, 1)

        answer.set()
        second = await service(database_url)
        try:
            while (await outbox.page(NoticeFilter()))[0].state is not NoticeState.DELIVERED:
                await asyncio.sleep(0.05)
        finally:
            second.kill()
            await second.wait()
        (notice,) = await outbox.page(NoticeFilter())
        assert notice.tries >= 2
    ids = [
        line.partition(b": ")[2].decode()
        for request in agency.requests
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"webhook-id:")
    ]
    assert len(ids) >= 2
    assert set(ids) == {str(notice.id)}
