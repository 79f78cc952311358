"""Where nobody acknowledges in time the next contact point is told, and then the supervisor, once."""

from __future__ import annotations

import asyncio

from callrouter.agencies.notices import Channel
from callrouter.incidents.desk import Verdict
from callrouter.incidents.model import AgencyState, Disposition
from callrouter.storage.database import Database
from callrouter.storage.notices import LOOK_BACK_US
from tests.storage.given import SECOND
from tests.storage.notice_centre import ACK_S, SUPERVISOR, Centre, email, webhook


async def test_without_acknowledgement_each_contact_point_is_told_and_then_the_supervisor(database: Database) -> None:
    centre = Centre(database, webhook("api"), email("kantor"))
    incident = await centre.passed()
    assert await centre.after(59) == 0
    assert await centre.after(1) == 1
    assert await centre.line() == [("api", "queued"), ("kantor", "queued")]
    assert await centre.after(59) == 0
    assert await centre.after(1) == 1
    assert await centre.line() == [("api", "queued"), ("kantor", "queued"), ("supervisor", "delivered")]
    assert await centre.after(100_000) == 0
    assert await centre.timeline(incident) == [
        ("notice", "queued"),
        ("notice", "queued"),
        ("escalated", "kantor"),
        ("notice", "queued"),
        ("escalated", None),
    ]


async def test_who_acknowledged_or_declined_is_not_escalated(database: Database) -> None:
    centre = Centre(database, webhook("api"), email("kantor"))
    for state in (AgencyState.ACKNOWLEDGED, AgencyState.DECLINED):
        await centre.says(await centre.passed(), state)
    assert await centre.after(1_000) == 0
    assert {contact for contact, _ in await centre.line()} == {"api"}


async def test_a_closed_incident_is_not_escalated(database: Database) -> None:
    centre = Centre(database, webhook("api"), email("kantor"))
    incident = await centre.passed()
    await centre.desk.close(incident, None, Verdict(Disposition.PRANK), "", SUPERVISOR)
    assert await centre.after(1_000) == 0


async def test_an_agency_without_contact_points_is_told_to_the_supervisor_when_its_time_is_over(
    database: Database,
) -> None:
    centre = Centre(database)
    await centre.passed("pmi")
    assert await centre.notices() == []
    assert await centre.after(ACK_S - 1) == 0
    assert await centre.after(1) == 1
    assert await centre.line() == [("supervisor", "delivered")]
    assert await centre.after(1) == 0


async def test_the_supervisor_is_told_when_the_agencys_time_is_over_and_the_others_still_are(
    database: Database,
) -> None:
    slow = {"ack_within_s": 250}
    centre = Centre(database, webhook("a", **slow), webhook("b", **slow), webhook("c", **slow))
    await centre.passed()
    await centre.after(250)
    await centre.after(50)
    assert [contact for contact, _ in await centre.line()] == ["a", "b", "supervisor"]
    await centre.after(200)
    assert [contact for contact, _ in await centre.line()] == ["a", "b", "supervisor", "c"]
    await centre.after(250)
    assert len(await centre.notices()) == 4


async def test_a_contact_point_that_cannot_be_reached_is_not_waited_for(database: Database) -> None:
    centre = Centre(database, webhook("api"), email("kantor"))
    await centre.passed()
    (job,) = await centre.claim()
    await centre.outbox.failed(job.notice.id, 1, "410", centre.now + SECOND, hopeless=True)
    assert await centre.after(0) == 1
    assert [contact for contact, _ in await centre.line()] == ["api", "kantor"]


async def test_supervisors_with_an_address_are_sent_an_email(database: Database) -> None:
    centre = Centre(database, webhook("api"), supervisor="piket@centre.example")
    await centre.passed()
    await centre.after(60)
    (job,) = await centre.claim(Channel.SUPERVISOR)
    assert (job.notice.target, job.notice.contact, job.notice.due_at) == ("piket@centre.example", "", None)


async def test_what_was_overdue_long_ago_is_nobodys_news(database: Database) -> None:
    centre = Centre(database)
    await centre.passed("pmi")
    assert await centre.after(ACK_S + LOOK_BACK_US / SECOND) == 0


async def test_two_who_escalate_at_once_tell_each_contact_point_once(database: Database) -> None:
    centre = Centre(database, webhook("api"), email("kantor"))
    await centre.passed()
    centre.now += 60 * SECOND
    done = await asyncio.gather(*(centre.outbox.escalate(centre.now) for _ in range(4)))
    assert sum(done) == 1
    assert [contact for contact, _ in await centre.line()] == ["api", "kantor"]
