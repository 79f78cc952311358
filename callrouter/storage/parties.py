"""Neighbouring centres: documents that came, calls that name them, and what is handed over."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid5

import structlog
from sqlalchemy import func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.agencies.notices import Channel, Notice, NoticeState, notice_id
from callrouter.clock import now_us
from callrouter.incidents.desk import Actor, CannotMerge, Illegal, IncidentExists, NewIncident, NoSuchIncident
from callrouter.incidents.eido import Received, incident_of
from callrouter.incidents.lifecycle import Act
from callrouter.incidents.model import EventKind, IncidentOrigin, incident_id
from callrouter.incidents.neighbours import HandedOver, Neighbour, Original
from callrouter.incidents.views import StorageUnavailable
from callrouter.storage import tables as t
from callrouter.storage.changed import Changed, nobody
from callrouter.storage.database import Database
from callrouter.storage.held_incident import hold
from callrouter.storage.incident_desk import SERVICE, IncidentTables, open_incident
from callrouter.storage.notice_rows import NoticeWriter
from callrouter.storage.rows import AT_ONCE, insert_into
from callrouter.storage.tables_parties import call_handed, eido_received

log = structlog.get_logger(__name__)

MAX_ORIGINALS: Final = 20
"""Documents that are kept of one incident; a neighbour that sends more is answered as ever, and the newest are not
kept."""
WAIT_US: Final = 3_600_000_000
"""How long a call waits for its document."""
_DOCUMENTS: Final = UUID("d6c0a7f4-9d0c-5e62-9a86-1f5a2f0f6112")
_PARTS: Final = UUID("e7d1b8f5-9d0c-5e62-9a86-1f5a2f0f6112")

TrunksOf = Callable[[], Mapping[str, str]]
"""Gives by neighbour's key its trunk's."""


def document_id(incident: UUID, document: Mapping[str, Any]) -> UUID:
    """Return the id of a document: the same for one that is sent again."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=True)
    return uuid5(_DOCUMENTS, f"{incident} {hashlib.sha256(text.encode()).hexdigest()}")


class NeighbourTables:
    """Implements callrouter.incidents.neighbours.NeighbourRecords.

    desk: where incidents are worked on; notices: whose settings the outbox's entries take
    """

    def __init__(
        self,
        database: Database,
        desk: IncidentTables,
        notices: NoticeWriter,
        trunks: TrunksOf,
        *,
        changed: Changed = nobody,
        now_us: Callable[[], int] = now_us,
    ) -> None:
        self._database = database
        self._desk = desk
        self._notices = notices
        self._trunks = trunks
        self._changed = changed
        self._now_us = now_us

    async def take_in(self, received: Received, neighbour: Neighbour, by: Actor) -> tuple[UUID, bool]:
        """Keep a document; return our incident, and whether this opened it. The same sent again changes nothing."""
        incident = incident_of(neighbour.key, received.external)
        new = NewIncident(incident, dict(received.fields), IncidentOrigin.NEIGHBOUR)
        row = {
            "id": document_id(incident, received.document),
            "incident": incident,
            "neighbour": neighbour.key,
            "external": received.external,
            "tail": received.tail,
            "received_at": self._now_us(),
            "received_by": by.name,
            "document": dict(received.document),
        }

        async def work(connection: AsyncConnection) -> tuple[bool, bool]:
            try:
                await open_incident(connection, new, self._now_us(), Actor(by.name))
            except IncidentExists:
                return False, await keep(connection)
            return True, await keep(connection)

        async def keep(connection: AsyncConnection) -> bool:
            held = (await hold(connection, [incident]))[incident]
            of = eido_received.c
            kept = await connection.scalar(
                select(func.count()).select_from(eido_received).where(of.incident == incident)
            )
            if (kept or 0) >= MAX_ORIGINALS:
                return False
            new = insert_into(connection, eido_received).values(row).on_conflict_do_nothing(index_elements=["id"])
            if await connection.scalar(new.returning(eido_received.c.id)) is None:
                return False
            held.tell(
                EventKind.HANDED_IN,
                {"origin": str(IncidentOrigin.NEIGHBOUR), "neighbour": neighbour.key, "external": received.external},
            )
            await held.write(connection, self._now_us(), by.name, counts=False)
            return True

        made, kept = await self._database.write(work)
        if made or kept:
            self._changed([incident])
        return incident, made

    async def originals(self, incident: UUID) -> Sequence[Original]:
        """Return the documents by which it came, newest first."""
        of = eido_received.c
        wanted = (
            select(of.received_at, of.neighbour, of.external, of.received_by, of.document)
            .where(of.incident == incident)
            .order_by(of.received_at.desc(), of.id)
            .limit(MAX_ORIGINALS)
        )

        async def ask(connection: AsyncConnection) -> list[Original]:
            return [Original(*row) for row in await connection.execute(wanted)]

        return await self._database.read(ask)

    async def hand_over(
        self, incident: UUID, neighbour: Neighbour, call: UUID | None, words: str, by: Actor
    ) -> HandedOver:
        """Put it into the outbox and the timeline."""

        async def work(connection: AsyncConnection) -> UUID | None:
            found = await hold(connection, [incident])
            if incident not in found:
                raise NoSuchIncident(incident)
            held, now = found[incident], self._now_us()
            held.must_allow(Act.NOTE if call else Act.PASS, by)
            notice = self._notice(incident, neighbour, now)
            told = {"neighbour": neighbour.key, "call": None if call is None else str(call)}
            held.tell(EventKind.HANDED_OVER, told | ({"text": words} if words else {}))
            if notice is not None:
                await self._notices.put(connection, held, notice)
            if held.row["taken_at"] is None and held.row["closed_at"] is None:  # whoever hands it over has taken it
                held.set(taken_at=now, taken_by=by.name)
            await held.write(connection, now, by.name, counts=False)
            return None if notice is None else notice.id

        made = await self._database.write(work)
        self._changed([incident])
        return HandedOver(made)

    async def note(self, incident: UUID, text: str, by: Actor) -> None:
        """Add a note to its timeline."""
        await self._desk.note(incident, text, by)

    async def join(self) -> int:
        """Merge the incidents of calls that name a document into the incidents that these opened; return how many."""
        done = 0
        for call, into in await self._database.read(self._pairs):
            try:
                await self._join(call, into)
            except StorageUnavailable:
                raise
            except Illegal:  # it was merged between our look and our lock: the next look finds where it went
                continue
            except Exception:  # one call that cannot be joined keeps no other from it
                log.exception("neighbour.not_joined", call=str(call), into=str(into))
                continue
            done += 1
        return done

    def _notice(self, incident: UUID, neighbour: Neighbour, now: int) -> Notice | None:
        point = neighbour.point
        if point is None:
            return None
        part = uuid5(_PARTS, f"{incident} {neighbour.key}")
        return Notice(
            id=notice_id(part, now, point.key),
            incident=incident,
            part=part,
            passed_at=now,
            agency=neighbour.key,
            contact=point.key,
            n=0,
            channel=Channel.NEIGHBOUR,
            target=point.url,
            state=NoticeState.QUEUED,
            tries=0,
            created_at=now,
            next_at=now,
            give_up_at=now + round(self._notices.keep_trying_s * 1_000_000),
            due_at=None,  # a centre is not an agency that must acknowledge to us
        )

    async def _pairs(self, connection: AsyncConnection) -> list[tuple[UUID, UUID]]:
        waits, of = call_handed.c, eido_received.c
        trunks = sorted(self._trunks().items())
        if not trunks:
            return []
        # Calls that name what never comes are not among those that are counted: they would keep the others waiting.
        asked = (
            select(waits.call, waits.at, of.incident)
            .join_from(call_handed, eido_received, of.tail == waits.tail)
            .where(
                waits.incident.is_(None),
                waits.at > self._now_us() - WAIT_US,
                tuple_(of.neighbour, waits.trunk).in_(trunks),
            )
            .distinct()
            .order_by(waits.at, waits.call)
            .limit(AT_ONCE)
        )
        # One whose id two centres of one trunk have given is joined with one of them.
        return list({one.call: (one.call, one.incident) for one in await connection.execute(asked)}.values())

    async def _join(self, call: UUID, into: UUID) -> None:
        own = incident_id(call)
        mine, goal = await self._database.read(lambda connection: _both(connection, own, into))
        if mine != goal:  # else they are one already: we died behind the merge, or a person did it
            try:
                await self._desk.merge(own, None, goal, SERVICE)
            except (Illegal, CannotMerge):
                # Somebody was there first: it is merged with another, or one of the two is closed. Both stay as they
                # are, and who reads the one is told of the other.
                await self._desk.note(goal, f"call {call}: incident {own}", SERVICE)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(update(call_handed).where(call_handed.c.call == call).values(incident=into))

        await self._database.write(work)


async def _both(connection: AsyncConnection, own: UUID, into: UUID) -> tuple[UUID, UUID]:
    return await _end(connection, own), await _end(connection, into)


async def _end(connection: AsyncConnection, incident: UUID) -> UUID:
    """Return where its life goes on: itself, or what it was merged into, and that into."""
    seen = {incident}
    row = t.incident.c
    while True:
        into = await connection.scalar(select(row.merged_into).where(row.id == incident))
        if into is None or into in seen:
            return incident
        seen.add(into)
        incident = into
