"""Notices in the database: written with the pass, taken once, escalated until somebody acknowledges, sent anew."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.agencies.calling import RING_AGAIN_S, RINGS, Rung
from callrouter.agencies.notices import Channel, Job, NotDead, Notice, NoticeFilter, NoticeGone, NoticeState
from callrouter.agencies.sending import Figures
from callrouter.incidents.desk import Actor, AlreadyPassed, NewIncident, Verdict
from callrouter.incidents.model import AgencyState, Disposition
from callrouter.routing.directory import Agency, Contact, EmailContact, NoticeContact, PhoneContact, WebhookContact
from callrouter.routing.values import Text
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.notice_rows import NoticeWriter
from callrouter.storage.notices import LOOK_BACK_US, Notices
from callrouter.storage.tables_notices import notice as notices
from demo.softphone import NET_S
from tests.databases import patient
from tests.storage.given import AT, SECOND, rows

OPERATOR = Actor("siti (operator)")
SUPERVISOR = Actor("budi (supervisor)", supervises=True)
DAMKAR = Actor("damkar-1 (agency)", agency="damkar")
ACK_S = 300


def webhook(key: str, n: int = 0, **changes: Any) -> WebhookContact:
    return WebhookContact(
        **{"key": key, "channel": "webhook", "url": f"http://127.0.0.{n}/{key}", "ack_within_s": 60} | changes
    )


def email(key: str) -> EmailContact:
    return EmailContact(key=key, channel="email", address=f"{key}@damkar.example", ack_within_s=60)


def phone(key: str, number: str = "08123") -> PhoneContact:
    return PhoneContact(key=key, channel="phone", trunk="telco", number=number, ack_within_s=60)


class Centre:
    """A desk, an outbox and a clock in the test's hand."""

    def __init__(self, database: Database, *points: NoticeContact, supervisor: str = "") -> None:
        self.now = AT + 1_000 * SECOND
        self.told: list[UUID] = []
        self.agencies = {
            key: Agency(
                key=key,
                name=Text(id=key, en=key),
                contacts=(Contact(key="posko", trunk="telco", number="101"),),
                notices=points if key == "damkar" else (),
            )
            for key in ("damkar", "pmi")
        }
        self.database = database
        self.writer = NoticeWriter(self.agencies.get, keep_trying_s=3_600, supervisor=supervisor)
        self.desk = IncidentTables(
            database, acknowledge_s=ACK_S, notices=self.writer, changed=self.told.extend, now_us=lambda: self.now
        )
        self.outbox = Notices(
            database, self.writer, changed=self.told.extend, now_us=lambda: self.now, chance=lambda: 0.0
        )

    async def passed(self, *agencies: str, **fields: Any) -> UUID:
        incident = (await self.desk.open_by_hand(NewIncident(uuid4(), fields), OPERATOR)).incident
        await self.desk.pass_to(incident, None, agencies or ("damkar",), "hati-hati", OPERATOR)
        return incident

    async def after(self, seconds: float) -> int:
        self.now += round(seconds * SECOND)
        return await self.outbox.escalate(self.now)

    async def claim(self, channel: Channel = Channel.WEBHOOK, limit: int = 10, *without: str) -> list[Job]:
        return await self.outbox.claim(channel, self.now, self.now + 20 * SECOND, limit, without)

    async def notices(self, **wanted: Any) -> list[Notice]:
        found = await self.outbox.page(NoticeFilter(**wanted))
        return sorted(found, key=lambda one: (one.incident, one.n))

    async def line(self, **wanted: Any) -> list[tuple[str, str]]:
        return [(one.contact or "supervisor", str(one.state)) for one in await self.notices(**wanted)]

    async def timeline(self, incident: UUID) -> list[tuple[str, Any]]:
        found = await rows(self.database, t.incident_event, incident=incident)
        found.sort(key=lambda row: row["id"])
        return [
            (row["kind"], row["data"].get("step") or row["data"].get("contact", row["data"].get("agency")))
            for row in found
            if row["kind"] in {"notice", "escalated"}
        ]

    async def says(self, incident: UUID, state: AgencyState) -> None:
        await self.desk.agency_state(incident, "damkar", None, state, "", DAMKAR)


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


# ------------------------------------------------------------------------------------------------ escalated
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


# ------------------------------------------------------------------------------------------------ by telephone
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
