"""All that is held of a person: read for him, blanked for him, and blanked for everybody when its time is over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, Table, and_, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.model import AuditNote
from callrouter.privacy.access_log import Access
from callrouter.privacy.journal_lines import written
from callrouter.privacy.recordings import Recording
from callrouter.storage import tables as t
from callrouter.storage.access_log import store_accesses
from callrouter.storage.audit import append
from callrouter.storage.blanking import (
    blank_audit,
    blank_calls,
    blank_documents,
    blank_incidents,
    blank_refused,
    blank_set_aside,
    blank_tries,
    lock_incidents,
    pieces,
)
from callrouter.storage.database import Database
from callrouter.storage.mentioned import mentioned, take_out
from callrouter.storage.mentions import Mentions
from callrouter.storage.recordings import Recordings
from callrouter.storage.tables_judgement import judgement
from callrouter.storage.tables_parties import WITH_DOCUMENT, eido_received
from callrouter.storage.tables_privacy import CALL_WITH_PERSON, INCIDENT_WITH_PERSON
from callrouter.storage.tables_privacy import access_log as seen
from callrouter.storage.tables_privacy import recording as recorded
from callrouter.storage.tables_sop import sop_answer
from callrouter.storage.tables_supervision import callback_try

EXPIRED_AT_ONCE: Final = 100
"""Calls or incidents that are blanked in one transaction: calls are served on the same loop."""

Row = dict[str, Any]


@dataclass(slots=True)
class Held:
    """What is held of a person, by table, each row as it is stored."""

    calls: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    incidents: list[Row] = field(default_factory=list)
    incident_agencies: list[Row] = field(default_factory=list)
    timeline: list[Row] = field(default_factory=list)
    answers: list[Row] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)
    set_aside: list[Row] = field(default_factory=list)
    recordings: list[Row] = field(default_factory=list)
    judgements: list[Row] = field(default_factory=list)
    called_back: list[Row] = field(default_factory=list)
    documents: list[Row] = field(default_factory=list)
    mentioned: list[Row] = field(default_factory=list)
    """Texts of other people's incidents that have his number."""
    access_log: list[Row] = field(default_factory=list)

    @property
    def call_ids(self) -> list[UUID]:
        """The ids of his calls."""
        return [row["id"] for row in self.calls]

    @property
    def empty(self) -> bool:
        """Whether nothing is held."""
        return not (
            self.calls
            or self.incidents
            or self.refused
            or self.set_aside
            or self.called_back
            or self.documents
            or self.mentioned
        )


@dataclass(frozen=True, slots=True)
class Blanked:
    """How many rows were blanked, by what they were; recordings: whose files are to be erased now.

    mentioned: texts of other people's incidents out of which the number was taken
    """

    calls: int
    incidents: int
    timeline: int
    refused: int
    set_aside: int
    audit: int
    mentioned: int
    recordings: tuple[Recording, ...]


class PersonalData:
    """Every method raises StorageUnavailable. key: signs the audit."""

    def __init__(self, database: Database, recordings: Recordings, key: bytes, now_us: Callable[[], int]) -> None:
        self._database = database
        self._recordings = recordings
        self._key = key
        self._now_us = now_us

    async def held(self, numbers: Sequence[str]) -> Held:
        """Return what is held of who has one of `numbers` (all spellings of one), as of one moment."""

        async def work(connection: AsyncConnection) -> Held:
            held = await _held(connection, numbers)
            his = {row["id"] for row in held.incidents}
            texts = await mentioned(connection, Mentions(numbers))
            held.mentioned = [asdict(one) for one in texts if one.incident is None or one.incident not in his]
            return held

        return await self._database.read(work)

    async def blank(self, numbers: Sequence[str], note: AuditNote, access: Access) -> Blanked:
        """Blank who has one of `numbers`, with the note of it in the audit: all of it or nothing.

        What is not blanked stays for the figures: that there was a call, when, about what, and who came. The files of
        the recordings are not touched; who calls this erases them.
        """
        done: list[Blanked] = []
        mentions = Mentions(numbers)
        # It reads all that was ever written: before, and in no transaction that holds up another.
        texts = await self._database.read(lambda connection: mentioned(connection, mentions))

        async def work(connection: AsyncConnection) -> None:
            held = await _held(connection, numbers)
            incidents = [row["id"] for row in held.incidents]
            calls = await blank_calls(connection, held.call_ids)
            await lock_incidents(connection, {*incidents, *(one.incident for one in texts if one.incident)})
            changed = await blank_incidents(connection, incidents, self._now_us())
            await blank_tries(connection, [row["id"] for row in held.called_back])
            await blank_documents(connection, [row["id"] for row in held.documents])
            refused = await blank_refused(connection, [row["id"] for row in held.refused])
            aside = await blank_set_aside(connection, held.set_aside)
            taken = await take_out(connection, mentions, texts, self._now_us())
            payloads = await blank_audit(connection, mentions)
            await store_accesses(connection, [access])
            files = tuple(self._recordings.of_row(row) for row in held.recordings if row["state"] != "erased")
            done[:] = [Blanked(calls, len(incidents), changed, refused, aside, payloads, taken, files)]
            counts = {"calls": calls, "incidents": len(incidents), "recordings": len(files), "texts": taken}
            told = AuditNote(note.actor, note.action, note.subject, note.payload | counts)
            await append(connection, self._key, told, self._now_us())

        await self._database.write(work)
        return done[0]

    async def expire(self, before: int) -> int:
        """Blank calls and incidents of before `before` (µs UTC), and documents that came before it: some.

        Return how many; 0: all are blank.
        """
        call, incident = t.call.c, t.incident.c
        # An incident that a younger call shares waits for it.
        younger = select(call.id).where(call.incident == incident.id, call.opened_at >= before).exists()
        old_calls = select(call.id).where(call.opened_at < before, CALL_WITH_PERSON).order_by(call.opened_at)
        old_incidents = select(incident.id).where(incident.opened_at < before, ~younger)
        told = old_incidents.where(INCIDENT_WITH_PERSON).order_by(incident.opened_at).limit(EXPIRED_AT_ONCE)

        received = eido_received.c.received_at
        old_documents = select(eido_received.c.id).where(received < before, WITH_DOCUMENT).order_by(received)
        old_documents = old_documents.limit(EXPIRED_AT_ONCE)

        async def work(connection: AsyncConnection) -> int:
            calls = list(await connection.scalars(old_calls.limit(EXPIRED_AT_ONCE)))
            by_call = set(await _scalars(connection, call.incident, call.id, calls))
            alone = list(await connection.scalars(told))
            theirs = await _old_of(connection, old_incidents, by_call)
            await blank_calls(connection, calls)
            blanked = sorted({*theirs, *alone})
            await blank_incidents(connection, blanked, self._now_us())
            await blank_tries(connection, await _tries_of(connection, blanked))
            old = list(await connection.scalars(old_documents))
            await blank_documents(connection, {*await _documents_of(connection, blanked), *old})
            return len(calls) + len(alone) + len(old)

        return await self._database.write(work)

    async def expire_refused(self, before: int) -> int:
        """Remove refused calls of before `before`, and lines that were set aside: some; return how many."""
        refused, aside = t.refused_invite.c, t.journal_reject.c
        old = select(refused.id).where(refused.at < before).order_by(refused.at).limit(EXPIRED_AT_ONCE)
        digests = select(aside.digest).where(aside.at < before).order_by(aside.at).limit(EXPIRED_AT_ONCE)

        async def work(connection: AsyncConnection) -> int:
            one = await connection.execute(delete(t.refused_invite).where(refused.id.in_(old)))
            other = await connection.execute(
                delete(t.journal_reject).where(aside.digest.in_(digests), aside.at < before)
            )
            return one.rowcount + other.rowcount

        return await self._database.write(work)

    async def expire_access(self, before: int) -> int:
        """Remove entries of the access log of before `before`: some; return how many."""
        old = select(seen.c.id).where(seen.c.at < before).order_by(seen.c.at).limit(10 * EXPIRED_AT_ONCE)

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(delete(seen).where(seen.c.id.in_(old)))).rowcount

        return await self._database.write(work)


# ---------------------------------------------------------------- reading
async def _held(connection: AsyncConnection, numbers: Sequence[str]) -> Held:
    held = Held()
    call = t.call.c
    his = or_(call.number.in_(numbers), and_(call.sent_from.in_(numbers), call.sent_from != ""))
    held.calls = await _rows(connection, select(t.call).where(his), t.call)
    incidents = {row["incident"] for row in held.calls}
    mentions = Mentions(numbers)
    reporter = t.incident.c.reporter_number
    told = select(t.incident.c.id, reporter).where(reporter != "", mentions.may(reporter))
    incidents |= {row.id for row in await connection.execute(told) if mentions.has(row.reporter_number)}
    held.incidents = await _of(connection, t.incident, "id", incidents)
    held.incident_agencies = await _of(connection, t.incident_agency, "incident", incidents)
    held.timeline = await _of(connection, t.incident_event, "incident", incidents)
    held.answers = await _of(connection, sop_answer, "incident", incidents)
    held.attempts = await _of(connection, t.attempt, "call", held.call_ids)
    held.recordings = await _of(connection, recorded, "call", held.call_ids)
    held.judgements = await _of(connection, judgement, "call", held.call_ids)
    dialled = select(callback_try.c.id).where(
        or_(callback_try.c.number.in_(numbers), callback_try.c.dialled.in_(numbers))
    )
    tries = await _tries_of(connection, incidents) | set(await connection.scalars(dialled))
    held.called_back = await _of(connection, callback_try, "id", tries)
    documents = await _documents_of(connection, incidents) | await _mentioning(connection, mentions)
    held.documents = await _of(connection, eido_received, "id", documents)
    held.refused = await _rows(
        connection, select(t.refused_invite).where(t.refused_invite.c.number.in_(numbers)), t.refused_invite
    )
    held.set_aside = [row async for row in _set_aside(connection, numbers)]
    subjects = [str(id_) for id_ in (*incidents, *held.call_ids, *(row["id"] for row in held.recordings))]
    held.access_log = await _of(connection, seen, "subject", subjects)
    return held


async def _tries_of(connection: AsyncConnection, incidents: Collection[UUID]) -> set[UUID]:
    return set(await _scalars(connection, callback_try.c.id, callback_try.c.incident, incidents))


async def _documents_of(connection: AsyncConnection, incidents: Collection[UUID]) -> set[UUID]:
    return set(await _scalars(connection, eido_received.c.id, eido_received.c.incident, incidents))


async def _mentioning(connection: AsyncConnection, mentions: Mentions) -> set[UUID]:
    """Return the ids of documents that have the number anywhere: of somebody whom another centre spoke with, too."""
    if not mentions.within_texts:
        return set()
    of = eido_received.c
    may = select(of.id, of.document).where(WITH_DOCUMENT, mentions.may(of.document))
    return {row.id for row in await connection.execute(may) if mentions.has(row.document)}


async def _set_aside(connection: AsyncConnection, numbers: Sequence[str]) -> AsyncIterator[Row]:
    marks = [mark for number in numbers for mark in written(number)]
    # Few, and in binary: looked through here.
    for row in await connection.execute(select(t.journal_reject)):
        if any(mark in row.line for mark in marks):
            yield dict(row._mapping)


async def _rows(connection: AsyncConnection, statement: Select[Any], table: Table) -> list[Row]:
    found = await connection.execute(statement.order_by(*table.primary_key.columns))
    return [dict(row) for row in found.mappings()]


async def _of(connection: AsyncConnection, table: Table, column: str, values: Collection[Any]) -> list[Row]:
    found: list[Row] = []
    for some in pieces(sorted(values)):
        found += await _rows(connection, select(table).where(table.c[column].in_(some)), table)
    return found


async def _scalars(connection: AsyncConnection, wanted: Any, column: Any, values: Collection[Any]) -> list[Any]:
    found: list[Any] = []
    for some in pieces(sorted(values)):
        found += await connection.scalars(select(wanted).where(column.in_(some)))
    return found


async def _old_of(connection: AsyncConnection, old: Select[Any], incidents: Collection[UUID]) -> list[UUID]:
    found: list[UUID] = []
    for some in pieces(sorted(incidents)):
        found += await connection.scalars(old.where(t.incident.c.id.in_(some)))
    return found
