"""Standard operating procedures: versions of lists for admins, and what incidents are asked, as rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.model import AuditNote, Principal
from callrouter.access.tokens import actor
from callrouter.clock import now_us
from callrouter.incidents.desk import Actor, Moved, NoSuchIncident, NotWithAgency, Seen
from callrouter.incidents.lifecycle import Act
from callrouter.incidents.model import AgencyState, EventKind, IncidentState
from callrouter.incidents.sop import (
    AnswersMoved,
    AskedList,
    BadAnswers,
    ItemKind,
    NoSuchList,
    SopVersion,
    Subject,
    SubjectKind,
    Value,
    changes,
    data_of,
    unfit_answers,
)
from callrouter.storage import tables as t
from callrouter.storage.audit import append
from callrouter.storage.changed import Changed, nobody
from callrouter.storage.database import Database
from callrouter.storage.held_incident import Held, hold
from callrouter.storage.parts import parts_of
from callrouter.storage.rows import insert_into, upsert
from callrouter.storage.sop_rows import asked_lists, newest, subjects_of, version_of
from callrouter.storage.tables_sop import incident_sop, sop_answer, sop_version

MAX_VERSIONS: Final = 200
"""Versions in one page."""
_OVER: Final = frozenset({IncidentState.CLOSED, IncidentState.MERGED})
"""States in which nothing new is asked."""
_DONE: Final = frozenset({AgencyState.RESOLVED, AgencyState.DECLINED, AgencyState.WITHDRAWN})
_v = sop_version.c


class Sops:
    """Keeps the versions of lists (callrouter.api.sop_ports.SopDesk). Raises StorageUnavailable.

    key: of the audit's chain
    """

    def __init__(self, database: Database, key: bytes, now_us: Callable[[], int] = now_us) -> None:
        self._database = database
        self._key = key
        self._now_us = now_us

    async def in_force(self) -> list[SopVersion]:
        """Return every list that is in force, by subject."""
        found = await self._database.read(lambda connection: newest(connection, None))
        return [one for one in found if not one.withdrawn]

    async def newest(self, subject: Subject) -> SopVersion | None:
        """Return the newest version, which may be a withdrawal; None: there never was one."""
        found = await self._database.read(lambda connection: newest(connection, [subject]))
        return found[0] if found else None

    async def version(self, subject: Subject, version: int) -> SopVersion | None:
        """Return one version; None: there is none of that number."""
        found = await self._versions(subject, _v.version == version, 1)
        return found[0] if found else None

    async def versions(self, subject: Subject, before: int | None, limit: int) -> list[SopVersion]:
        """Return at most `limit` (never more than MAX_VERSIONS) versions below `before`, newest first."""
        condition = _v.version > 0 if before is None else _v.version < before
        return await self._versions(subject, condition, max(1, min(limit, MAX_VERSIONS)))

    async def put(self, new: SopVersion, seen: Seen, by: Principal) -> SopVersion:
        """Make it the version in force, with a note in the audit, in one transaction; return it with its number.

        One that is the same as the version in force makes none, and that is returned. Without items it is the
        withdrawal. seen: versions that who asks has seen, 0: that there is none; None: whatever there is.
        Raises Moved.
        """

        async def work(connection: AsyncConnection) -> SopVersion:
            made, note = await self._make(connection, new, seen, by)
            if note is not None:
                await append(connection, self._key, note, self._now_us())
            return made

        return await self._database.write(work)

    async def put_all(self, lists: Sequence[SopVersion], by: Principal) -> list[SopVersion]:
        """Make all of these (of different subjects) the versions in force, whatever there is: all or none."""

        async def work(connection: AsyncConnection) -> list[SopVersion]:
            done = [await self._make(connection, new, None, by) for new in lists]
            for note in (note for _, note in done if note is not None):
                await append(connection, self._key, note, self._now_us())
            return [made for made, _ in done]

        return await self._database.write(work)

    async def withdraw(self, subject: Subject, seen: Seen, by: Principal) -> bool:
        """Ask it of no further incident: a version without items; False: none was in force. Raises Moved."""
        last = await self.newest(subject)
        if last is None or last.withdrawn:
            return False
        await self.put(SopVersion(subject, 0, last.title, ()), seen, by)
        return True

    async def _make(
        self, connection: AsyncConnection, new: SopVersion, seen: Seen, by: Principal
    ) -> tuple[SopVersion, AuditNote | None]:
        last = next(iter(await newest(connection, [new.subject])), None)
        number = 0 if last is None else last.version
        if seen is not None and number not in seen:
            raise Moved(number, 0)
        if last is not None and (last.title, last.items) == (new.title, new.items):
            return last, None
        made = replace(new, version=number + 1, made_at=self._now_us(), made_by=actor(by))
        statement = insert_into(connection, sop_version).values(_row(made)).on_conflict_do_nothing()
        if await connection.scalar(statement.returning(_v.version)) is None:  # somebody else was quicker
            raise Moved(number + 1, 0)
        payload: dict[str, object] = {"before": last and _shown(last), "after": _shown(made)}
        action = "delete" if made.withdrawn else "create" if last is None or last.withdrawn else "replace"
        return made, AuditNote(actor(by), action, f"sop/{made.subject}", payload)

    async def _versions(self, subject: Subject, condition: Any, limit: int) -> list[SopVersion]:
        statement = (
            select(sop_version)
            .where(_v.kind == str(subject.kind), _v.subject == subject.key, condition)
            .order_by(_v.version.desc())
            .limit(limit)
        )

        async def ask(connection: AsyncConnection) -> list[SopVersion]:
            return [version_of(row) for row in await connection.execute(statement)]

        return await self._database.read(ask)


class IncidentSops:
    """What incidents are asked, and the answers (callrouter.api.sop_ports.SopAnswers). Raises StorageUnavailable.

    changed: told of the incidents that answers changed, once they are stored; it must not wait
    """

    def __init__(self, database: Database, *, changed: Changed = nobody, now_us: Callable[[], int] = now_us) -> None:
        self._database = database
        self._changed = changed
        self._now_us = now_us

    async def look(self, incident: UUID, *, agency: str | None = None, attach: bool = True) -> list[AskedList]:
        """Return what the incident is asked, as of one moment; its category's list first.

        agency: who looks: he sees his own list, and the category's for as long as he has something to do
        attach: the look counts: what is in force now is what was asked. Never once the incident is closed or merged.
        Raises NoSuchIncident, NotWithAgency.
        """
        found, loose = await self._database.read(lambda connection: self._look(connection, incident, agency, None))
        if attach and loose:
            found, _ = await self._database.write(
                lambda connection: self._look(connection, incident, agency, self._now_us())
            )
        return found

    async def answer(
        self, incident: UUID, subject: Subject, seen: Seen, answers: Mapping[str, Value], by: Actor
    ) -> None:
        """Set the answers to one list, in place of those before: what is left out is unanswered again.

        seen: versions of its answers. An agency answers its own list only. What changed is in the timeline.
        Raises NoSuchIncident, NotWithAgency, NoSuchList, AnswersMoved, BadAnswers, Illegal.
        """

        async def work(connection: AsyncConnection) -> None:
            held = (await hold(connection, [incident])).get(incident)
            if held is None:
                raise NoSuchIncident(incident)
            _require_own(held, subject, by)
            held.must_allow(Act.NOTE, by)
            now = self._now_us()
            subjects = subjects_of(held.row["category"], held.parts)
            lists, _ = await asked_lists(connection, incident, subjects, None if held.state in _OVER else now)
            known = next((one for one in lists if one.sop.subject == subject), None)
            if known is None or (held.state in _OVER and not known.attached):
                raise NoSuchList(subject)
            if seen is not None and known.version not in seen:
                raise AnswersMoved(incident, known.version)
            if wrong := unfit_answers(known.sop.items, answers):
                raise BadAnswers(wrong)
            await _write(connection, held, known, answers, now, by)

        await self._database.write(work)
        self._changed([incident])

    async def _look(
        self, connection: AsyncConnection, incident: UUID, agency: str | None, attach_at: int | None
    ) -> tuple[list[AskedList], bool]:
        columns = t.incident.c.category, t.incident.c.closed_at, t.incident.c.merged_into
        row = (await connection.execute(select(*columns).where(t.incident.c.id == incident))).one_or_none()
        if row is None:
            raise NoSuchIncident(incident)
        parts = (await parts_of(connection, [incident]))[incident]
        over = row.closed_at is not None or row.merged_into is not None
        lists, loose = await asked_lists(
            connection, incident, subjects_of(row.category, parts), None if over else attach_at
        )
        if over:  # what was never looked at is not asked any more
            lists, loose = [one for one in lists if one.attached], False
        if agency is None:
            return lists, loose
        part = parts.get(agency)
        if part is None:
            raise NotWithAgency(agency)
        own = {Subject(SubjectKind.AGENCY, agency)}
        if part.state not in _DONE:
            own.add(Subject(SubjectKind.CATEGORY, row.category))
        return [one for one in lists if one.sop.subject in own], loose


def _require_own(held: Held, subject: Subject, by: Actor) -> None:
    if by.agency is None:
        return
    part = held.parts.get(by.agency)
    if part is None or not part.with_it or subject != Subject(SubjectKind.AGENCY, by.agency):
        raise NotWithAgency(by.agency)


async def _write(
    connection: AsyncConnection, held: Held, known: AskedList, answers: Mapping[str, Value], now: int, by: Actor
) -> None:
    changed = changes(known.values, answers)
    if not changed:
        return
    subject = known.sop.subject
    name = {"incident": held.id, "kind": str(subject.kind), "subject": subject.key}
    of = [sop_answer.c[column] == value for column, value in name.items()]
    gone = [key for key, (_, after) in changed.items() if after is None]
    if gone:
        await connection.execute(delete(sop_answer).where(*of, sop_answer.c.item.in_(gone)))
    worded = {item.key for item in known.sop.items if item.kind is ItemKind.TEXT}
    rows = [
        name
        | {
            "item": key,
            "answer": None if key in worded else {"value": after},
            "words": after if key in worded else "",
            "at": now,
            "by": by.name,
        }
        for key, (_, after) in changed.items()
        if after is not None
    ]
    await upsert(connection, sop_answer, ("incident", "kind", "subject", "item"), rows)
    mine = [incident_sop.c[column] == value for column, value in name.items()]
    await connection.execute(update(incident_sop).where(*mine).values(version=known.version + 1))
    told = {key: [_told(key, one, worded) for one in pair] for key, pair in changed.items()}
    held.tell(EventKind.SOP, {"sop": str(subject), "version": known.sop.version, "answers": told})
    await held.write(connection, now, by.name, counts=False)


def _told(key: str, value: Value | None, worded: set[str]) -> object:
    # Words are named as such, so that they are blanked with the person (callrouter.storage.personal).
    return {"text": value} if key in worded and value is not None else value


def _row(made: SopVersion) -> dict[str, Any]:
    return {
        "kind": str(made.subject.kind),
        "subject": made.subject.key,
        "version": made.version,
        "title_id": made.title.id,
        "title_en": made.title.en,
        "items": data_of(made.items),
        "made_at": made.made_at,
        "made_by": made.made_by,
    }


def _shown(version: SopVersion) -> dict[str, object]:
    items: Sequence[dict[str, Any]] = data_of(version.items)
    return {"version": version.version, "title": {"id": version.title.id, "en": version.title.en}, "items": items}
