"""Notices that a call speaks: what who was rung says is the agency's word, whenever it comes."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.agencies.calling import RING_AGAIN_S, RINGS, Rung
from callrouter.agencies.notices import Channel
from callrouter.agencies.sending import Figures
from callrouter.incidents.desk import Verdict
from callrouter.incidents.model import AgencyState, Disposition
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.tables_notices import notice as notices
from demo.softphone import NET_S
from tests.databases import patient
from tests.storage.given import SECOND, rows
from tests.storage.notice_centre import OPERATOR, SUPERVISOR, Centre, email, phone, webhook


async def rung(centre: Centre, result: Rung) -> UUID:
    """Ring for the one notice that is due, and tell what became of it; return its id."""
    (job,) = await centre.claim(Channel.PHONE)
    centre.now += 20 * SECOND
    assert await centre.outbox.rung(job.notice.id, job.notice.tries, result, centre.now)
    return job.notice.id


async def part_of(database: Database, incident: UUID) -> dict[str, Any]:
    (row,) = await rows(database, t.incident_agency, incident=incident)
    return row


async def test_who_accepts_on_the_telephone_acknowledges_for_his_agency_when_he_pressed(database: Database) -> None:
    centre = Centre(database, phone("lurah"), phone("camat"))
    incident = await centre.passed()
    (job,) = await centre.claim(Channel.PHONE)
    assert job.notice.target == "08123@telco"
    pressed = centre.now + 15 * SECOND
    centre.now += 40 * SECOND
    notice = job.notice.id
    assert await centre.outbox.rung(notice, 1, Rung.ACCEPTED, pressed)
    assert not await centre.outbox.rung(notice, 1, Rung.ACCEPTED, pressed)
    part = await part_of(database, incident)
    assert (part["state"], part["acknowledged_by"], part["acknowledged_at"]) == (
        "acknowledged",
        "lurah (phone)",
        pressed,
    )
    assert (part["version"], part["updated_at"]) == (2, centre.now)
    (held,) = await rows(database, t.incident, id=incident)
    assert (held["state"], held["acknowledged_at"], held["version"]) == ("acknowledged", pressed, 2)
    assert await centre.line() == [("lurah", "delivered")]
    assert await centre.timeline(incident) == [("notice", "queued"), ("notice", "accepted")]
    assert await centre.after(1_000) == 0
    assert await centre.claim(Channel.PHONE) == []
    assert centre.told[-1] == incident


async def test_who_declines_is_not_rung_again_and_the_next_is_told_at_once(database: Database) -> None:
    centre = Centre(database, phone("lurah"), phone("camat", "08124"))
    incident = await centre.passed()
    await rung(centre, Rung.DECLINED)
    assert await centre.after(0) == 1
    assert await centre.line() == [("lurah", "delivered"), ("camat", "queued")]
    assert (await part_of(database, incident))["state"] == "passed"
    await rung(centre, Rung.DECLINED)
    assert await centre.after(0) == 1
    assert await centre.line() == [("lurah", "delivered"), ("camat", "delivered"), ("supervisor", "delivered")]
    assert await centre.claim(Channel.PHONE) == []


@pytest.mark.parametrize("result", [Rung.SILENT, Rung.NOANSWER, Rung.BUSY])
async def test_a_telephone_that_nobody_accepts_on_is_rung_a_few_times_and_the_next_is_told_at_once(
    database: Database, result: Rung
) -> None:
    centre = Centre(database, phone("lurah"), webhook("api", ack_within_s=3_600))
    incident = await centre.passed()
    for tries in range(1, RINGS + 1):
        await rung(centre, result)
        assert await centre.after(0) == (1 if tries == 1 else 0)
        assert await centre.claim(Channel.PHONE) == []
        centre.now += round(RING_AGAIN_S * tries) * SECOND
    assert await centre.line() == [("lurah", "dead"), ("api", "queued")]
    assert (await centre.outbox.figures()).untold == 1
    (job,) = await centre.claim()
    await centre.outbox.delivered(job.notice.id, centre.now)
    assert await centre.outbox.figures() == Figures(0, 1, None, untold=0)
    steps = [step for kind, step in await centre.timeline(incident) if kind == "notice"]
    assert steps == ["queued", str(result), "queued", str(result), "dead", "delivered"]


async def test_a_trunk_without_room_is_tried_again_for_as_long_as_any_other_receiver(database: Database) -> None:
    centre = Centre(database, phone("lurah"), email("kantor"))
    incident = await centre.passed()
    for n in range(6):
        await rung(centre, Rung.FULL if n % 2 else Rung.UNAVAILABLE)
        await centre.after(300)
    assert (await centre.line())[0] == ("lurah", "queued")
    assert [step for _, step in await centre.timeline(incident)][0:2] == ["queued", "queued"]
    centre.now += 3_600 * SECOND
    await rung(centre, Rung.FULL)
    assert (await centre.line())[0] == ("lurah", "dead")


async def test_nobody_is_rung_for_what_was_acknowledged_or_closed_meanwhile(database: Database) -> None:
    centre = Centre(database, phone("lurah"))
    one = await centre.passed()
    await centre.says(one, AgencyState.ACKNOWLEDGED)
    two = await centre.passed()
    await centre.desk.close(two, None, Verdict(Disposition.PRANK), "", SUPERVISOR)
    three = await centre.passed()
    await rung(centre, Rung.NOANSWER)
    await centre.says(three, AgencyState.DECLINED)
    centre.now += 3_000 * SECOND
    assert await centre.claim(Channel.PHONE) == []
    assert {state for _, state in await centre.line()} == {"needless"}
    assert await centre.outbox.figures() == Figures()


async def test_a_needless_notice_that_another_service_holds_is_not_waited_for(postgres_url: str) -> None:
    """Two who wait for each other's would both fail."""
    database = patient(postgres_url)
    centre = Centre(database, phone("lurah"))
    for _ in range(2):
        await centre.says(await centre.passed(), AgencyState.ACKNOWLEDGED)
    of = notices.c
    first = select(of.id).order_by(of.id).limit(1).with_for_update()

    async def holding(connection: AsyncConnection) -> list[str]:
        await connection.execute(first)
        async with asyncio.timeout(NET_S / 2):
            assert await centre.claim(Channel.PHONE) == []
        return list(await connection.scalars(select(of.state).order_by(of.id)))

    assert await database.write(holding) == ["queued", "needless"]
    assert await centre.claim(Channel.PHONE) == []
    assert {state for _, state in await centre.line()} == {"needless"}
    await database.close()


async def test_a_webhook_goes_out_though_the_agency_has_acknowledged(database: Database) -> None:
    centre = Centre(database, webhook("api"))
    await centre.says(await centre.passed(), AgencyState.ACKNOWLEDGED)
    assert len(await centre.claim()) == 1


async def test_what_became_of_a_try_that_was_given_up_counts_only_where_it_was_heard(database: Database) -> None:
    centre = Centre(database, phone("lurah"))
    incident = await centre.passed()
    (job,) = await centre.claim(Channel.PHONE)
    centre.now += 21 * SECOND
    await centre.claim(Channel.PHONE)
    assert not await centre.outbox.rung(job.notice.id, 1, Rung.NOANSWER, centre.now)
    assert await centre.line() == [("lurah", "sending")]
    assert await centre.outbox.rung(job.notice.id, 1, Rung.ACCEPTED, centre.now)
    assert not await centre.outbox.rung(job.notice.id, 2, Rung.SILENT, centre.now)
    assert await centre.line() == [("lurah", "delivered")]
    assert (await part_of(database, incident))["state"] == "acknowledged"


async def test_who_accepts_too_late_changes_nothing_but_his_notice(database: Database) -> None:
    centre = Centre(database, phone("lurah"))
    closed = await centre.passed()
    (job,) = await centre.claim(Channel.PHONE)
    await centre.desk.close(closed, None, Verdict(Disposition.PRANK), "", SUPERVISOR)
    assert await centre.outbox.rung(job.notice.id, 1, Rung.ACCEPTED, centre.now)
    assert (await part_of(database, closed))["state"] == "passed"
    anew = await centre.passed()
    (job,) = await centre.claim(Channel.PHONE)
    await centre.says(anew, AgencyState.DECLINED)
    centre.now += SECOND
    await centre.desk.pass_to(anew, None, ["damkar"], "", OPERATOR)
    assert await centre.outbox.rung(job.notice.id, 1, Rung.ACCEPTED, centre.now)
    assert (await part_of(database, anew))["state"] == "passed"
    assert not await centre.outbox.rung(uuid4(), 1, Rung.ACCEPTED, centre.now)
