"""A centre that passes incidents to agencies, with its outbox and a clock in the test's hand."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from callrouter.agencies.notices import Channel, Job, Notice, NoticeFilter
from callrouter.incidents.desk import Actor, NewIncident
from callrouter.incidents.model import AgencyState
from callrouter.routing.directory import Agency, Contact, EmailContact, NoticeContact, PhoneContact, WebhookContact
from callrouter.routing.values import Text
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.notice_rows import NoticeWriter
from callrouter.storage.notices import Notices
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
