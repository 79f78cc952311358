"""Notices in the database: written with the pass, taken once, escalated until somebody acknowledges, sent anew."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from callrouter.agencies.notices import Channel, NotDead, Notice, NoticeFilter, NoticeGone, NoticeState
from callrouter.agencies.sending import Figures
from callrouter.incidents.desk import AlreadyPassed
from callrouter.incidents.model import AgencyState
from callrouter.storage.database import Database
from callrouter.storage.tables_notices import notice as notices
from tests.storage.given import SECOND, rows
from tests.storage.notice_centre import ACK_S, OPERATOR, SUPERVISOR, Centre, email, webhook


# ------------------------------------------------------------------------------------------------ with the pass
async def test_a_pass_writes_the_notice_to_the_first_contact_point(database: Database) -> None:
    centre = Centre(database, webhook("off", enabled=False), webhook("api"), email("kantor"))
    incident = await centre.passed()
    (notice,) = await centre.notices()
    assert (notice.incident, notice.agency, notice.contact, notice.n) == (incident, "damkar", "api", 0)
    assert (notice.channel, notice.target, notice.state) == ("webhook", "http://127.0.0.0/api", "queued")
    assert (notice.next_at, notice.due_at) == (centre.now, centre.now + 60 * SECOND)
    assert await centre.timeline(incident) == [("notice", "queued")]
    assert centre.writer.fresh


async def test_a_refused_pass_writes_no_notice(database: Database) -> None:
    centre = Centre(database, webhook("api"))
    incident = await centre.passed("pmi")
    with pytest.raises(AlreadyPassed):
        await centre.desk.pass_to(incident, None, ["damkar", "pmi"], "", OPERATOR)
    assert await centre.notices() == []


async def test_a_pass_anew_is_another_notice(database: Database) -> None:
    centre = Centre(database, webhook("api"))
    incident = await centre.passed()
    await centre.says(incident, AgencyState.DECLINED)
    centre.now += SECOND
    await centre.desk.pass_to(incident, None, ["damkar"], "", OPERATOR)
    first, second = await centre.notices()
    assert first.id != second.id
    assert first.passed_at != second.passed_at


# ------------------------------------------------------------------------------------------------ taken
async def test_a_notice_says_what_is_known_when_it_goes_out(database: Database) -> None:
    centre = Centre(database, webhook("api"))
    incident = await centre.passed(category="fire", reporter_number="+62812", place="Desa Sukun")
    await centre.desk.change(incident, None, {"people_hurt": 3}, OPERATOR)
    (job,) = await centre.claim()
    told = job.told
    assert (told.number, told.category, told.place, told.people_hurt) == (1, "fire", "Desa Sukun", 3)
    assert (told.caller_number, told.words, told.passed_by) == ("+62812", "hati-hati", "siti (operator)")
    assert told.acknowledge_by == job.notice.passed_at + ACK_S * SECOND
    assert (job.notice.state, job.notice.tries) == ("sending", 1)


async def test_the_tables_of_notices_hold_nothing_of_the_caller(database: Database) -> None:
    centre = Centre(database, webhook("api"))
    await centre.passed(reporter_number="+628111", reporter_name="Sari", place="Desa Sukun", description="asap")
    await centre.claim()
    (row,) = await rows(database, notices)
    assert not [
        value for value in map(str, row.values()) if any(p in value for p in ("8111", "Sari", "Sukun", "asap"))
    ]


async def test_what_is_being_sent_is_taken_by_nobody_else_until_it_counts_as_lost(database: Database) -> None:
    centre = Centre(database, webhook("api"))
    await centre.passed()
    (first,) = await centre.claim()
    assert await centre.claim() == []
    centre.now += 21 * SECOND
    (again,) = await centre.claim()
    assert (again.notice.id, again.notice.tries) == (first.notice.id, 2)


async def test_two_who_take_at_once_take_different_notices(database: Database) -> None:
    centre = Centre(database, webhook("api"))
    for n in range(6):
        centre.agencies["damkar"] = centre.agencies["damkar"].model_copy(update={"notices": (webhook("api", n),)})
        await centre.passed()
    taken = await asyncio.gather(*(centre.claim(Channel.WEBHOOK, 3) for _ in range(4)))
    ids = [job.notice.id for jobs in taken for job in jobs]
    assert len(ids) == len(set(ids))
    rest = [job.notice.id for job in await centre.claim()]
    assert len({*ids, *rest}) == 6


async def test_one_target_is_sent_one_notice_at_a_time(database: Database) -> None:
    centre = Centre(database, webhook("api"))
    for _ in range(3):
        await centre.passed()
    assert len(await centre.claim()) == 1
    assert await centre.claim(Channel.WEBHOOK, 10, "http://127.0.0.0/api") == []


async def test_each_channel_has_its_own_queue(database: Database) -> None:
    centre = Centre(database, email("kantor"))
    await centre.passed()
    assert await centre.claim(Channel.WEBHOOK) == []
    assert [job.notice.target for job in await centre.claim(Channel.EMAIL)] == ["kantor@damkar.example"]


# ------------------------------------------------------------------------------------------------ settled
async def test_a_delivered_notice_is_in_the_timeline_and_never_taken_again(database: Database) -> None:
    centre = Centre(database, webhook("api"))
    incident = await centre.passed()
    (job,) = await centre.claim()
    await centre.outbox.delivered(job.notice.id, centre.now)
    await centre.outbox.delivered(job.notice.id, centre.now)
    centre.now += 3_600 * SECOND
    assert await centre.claim() == []
    assert await centre.timeline(incident) == [("notice", "queued"), ("notice", "delivered")]
    assert centre.told[-1] == incident


async def test_a_failed_try_is_repeated_when_its_wait_is_over(database: Database) -> None:
    centre = Centre(database, webhook("api"))
    await centre.passed()
    (job,) = await centre.claim()
    await centre.outbox.failed(job.notice.id, 1, "it answered 500", centre.now + 5 * SECOND, hopeless=False)
    assert await centre.claim() == []
    centre.now += 5 * SECOND
    (again,) = await centre.claim()
    assert (again.notice.tries, again.notice.last_error) == (2, "it answered 500")


async def test_who_comes_too_late_with_a_failure_changes_nothing(database: Database) -> None:
    centre = Centre(database, webhook("api"))
    await centre.passed()
    (job,) = await centre.claim()
    centre.now += 21 * SECOND
    await centre.claim()
    await centre.outbox.delivered(job.notice.id, centre.now)
    await centre.outbox.failed(job.notice.id, 1, "it answered 500", None, hopeless=True)
    assert await centre.line() == [("api", "delivered")]


async def test_a_dead_notice_is_shown_counted_and_sent_anew_under_the_same_id(database: Database) -> None:
    centre = Centre(database, webhook("api"))
    incident = await centre.passed()
    (job,) = await centre.claim()
    await centre.outbox.failed(job.notice.id, 1, "it answered 500", None, hopeless=True)
    (dead,) = await centre.notices(state=NoticeState.DEAD)
    assert (dead.id, dead.last_error, dead.settled_at) == (job.notice.id, "it answered 500", centre.now)
    assert await centre.outbox.figures() == Figures(0, 1, None, untold=1)
    other = await centre.passed()
    (second,) = await centre.claim()
    await centre.outbox.failed(second.notice.id, 1, "it answered 500", None, hopeless=True)
    await centre.says(other, AgencyState.ACKNOWLEDGED)
    assert await centre.outbox.figures() == Figures(0, 2, None, untold=1)
    anew = await centre.outbox.replay(dead.id, SUPERVISOR)
    assert (anew.state, anew.tries, anew.give_up_at) == ("queued", 0, centre.now + 3_600 * SECOND)
    (again,) = await centre.claim()
    assert again.notice.id == dead.id
    assert await centre.timeline(incident) == [("notice", "queued"), ("notice", "dead"), ("notice", "replayed")]
    assert await centre.outbox.figures() == Figures(1, 1, dead.created_at)


async def test_only_what_is_dead_is_sent_anew(database: Database) -> None:
    centre = Centre(database, webhook("api"))
    await centre.passed()
    (queued,) = await centre.notices()
    with pytest.raises(NotDead) as refused:
        await centre.outbox.replay(queued.id, SUPERVISOR)
    assert refused.value.state is NoticeState.QUEUED
    with pytest.raises(NoticeGone):
        await centre.outbox.replay(uuid4(), SUPERVISOR)


# ------------------------------------------------------------------------------------------------ read
async def test_pages_go_through_all_notices_newest_first(database: Database) -> None:
    centre = Centre(database, webhook("api"))
    for n in range(5):
        centre.now += (n % 2) * SECOND  # some at the same moment
        await centre.passed()
    seen: list[Notice] = []
    while page := await centre.outbox.page(
        NoticeFilter(limit=2, after=(seen[-1].created_at, seen[-1].id) if seen else None)
    ):
        seen += page

    async def all_ids(connection: Any) -> set[UUID]:
        return set(await connection.scalars(select(notices.c.id)))

    assert {one.id for one in seen} == await database.read(all_ids)
    assert len(seen) == 5
    assert seen == sorted(seen, key=lambda one: (one.created_at, one.id), reverse=True)
    assert [one.incident for one in await centre.notices(incident=seen[0].incident)] == [seen[0].incident]
    assert await centre.notices(agency="pmi") == []
