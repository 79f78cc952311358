"""Which lists an incident is asked, and what was answered, as rows; within the transaction that is given."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.bilingual import Bilingual
from callrouter.incidents.lifecycle import Assignment
from callrouter.incidents.model import EventKind
from callrouter.incidents.sop import Answered, AskedList, SopVersion, Subject, SubjectKind, items_of
from callrouter.storage.held_incident import Held
from callrouter.storage.rows import insert_into
from callrouter.storage.tables_sop import incident_sop, sop_answer, sop_version

FIRST: Final = SubjectKind.CATEGORY
"""Lists of this kind are shown first."""
_v, _s, _a = sop_version.c, incident_sop.c, sop_answer.c


def subjects_of(category: str, parts: Mapping[str, Assignment]) -> list[Subject]:
    """Return what an incident is to be asked: its category's list, and that of each agency that is with it."""
    found = [Subject(SubjectKind.CATEGORY, category)] if category else []
    return found + [Subject(SubjectKind.AGENCY, part.agency) for part in parts.values() if part.with_it]


def version_of(row: Any) -> SopVersion:
    """Return a row of `sop_version`."""
    return SopVersion(
        subject=Subject(SubjectKind(row.kind), row.subject),
        version=row.version,
        title=Bilingual(row.title_id, row.title_en),
        items=items_of(row.items),
        made_at=row.made_at,
        made_by=row.made_by,
    )


async def newest(connection: AsyncConnection, subjects: Collection[Subject] | None) -> list[SopVersion]:
    """Return the newest version of each of these lists (None: of all), withdrawals among them, by subject."""
    last = select(_v.kind, _v.subject, func.max(_v.version).label("version")).group_by(_v.kind, _v.subject)
    if subjects is not None:
        if not subjects:
            return []
        last = last.where(or_(*(and_(_v.kind == str(one.kind), _v.subject == one.key) for one in subjects)))
    of = last.subquery().c
    same = and_(of.kind == _v.kind, of.subject == _v.subject, of.version == _v.version)
    rows = await connection.execute(select(sop_version).join(of.kind.table, same).order_by(_v.kind, _v.subject))
    return [version_of(row) for row in rows]


async def asked_lists(
    connection: AsyncConnection, incident: UUID, subjects: Collection[Subject], attach_at: int | None
) -> tuple[list[AskedList], bool]:
    """Return what the incident is asked, its category first; and whether something of it is not attached yet.

    subjects:  what it is to be asked now
    attach_at: µs UTC; None: nothing is attached. What is not is shown as it is in force.
    """
    attached = await _attached(connection, incident)
    in_force = [
        one for one in await newest(connection, [s for s in subjects if s not in attached]) if not one.withdrawn
    ]
    if attach_at is not None and in_force:
        await _attach(connection, incident, in_force, attach_at)
        attached, in_force = await _attached(connection, incident), []  # somebody else may have been first
    answers = await _answers(connection, incident) if attached else {}
    lists = [
        AskedList(one, one.subject in subjects, attached[one.subject].version, answers.get(one.subject, {}))
        for one in await _versions(connection, {subject: row.sop for subject, row in attached.items()})
    ]
    lists += [AskedList(one, attached=False) for one in in_force]
    return sorted(lists, key=lambda one: (one.sop.subject.kind is not FIRST, one.sop.subject)), bool(in_force)


async def tell_missing(connection: AsyncConnection, held: Held, now: int) -> None:
    """Tell the timeline of an incident that is being closed which required answers are missing. Closing is a look,
    too: what was in force now is what was asked.
    """
    subjects = subjects_of(held.row["category"], held.parts)
    lists, _ = await asked_lists(connection, held.id, subjects, now)
    missing = {str(one.sop.subject): one.missing for one in lists if one.missing}
    if missing:
        held.tell(EventKind.SOP_MISSING, {"missing": missing})


async def _attach(connection: AsyncConnection, incident: UUID, lists: Iterable[SopVersion], at: int) -> None:
    rows = [
        {
            "incident": incident,
            "kind": str(one.subject.kind),
            "subject": one.subject.key,
            "sop": one.version,
            "attached_at": at,
            "version": 0,
        }
        for one in lists
    ]
    await connection.execute(insert_into(connection, incident_sop).on_conflict_do_nothing(), rows)


async def _attached(connection: AsyncConnection, incident: UUID) -> dict[Subject, Any]:
    rows = await connection.execute(select(incident_sop).where(_s.incident == incident))
    return {Subject(SubjectKind(row.kind), row.subject): row for row in rows}


async def _versions(connection: AsyncConnection, wanted: Mapping[Subject, int]) -> list[SopVersion]:
    if not wanted:
        return []
    of = (
        and_(_v.kind == str(one.kind), _v.subject == one.key, _v.version == version)
        for one, version in wanted.items()
    )
    return [version_of(row) for row in await connection.execute(select(sop_version).where(or_(*of)))]


async def _answers(connection: AsyncConnection, incident: UUID) -> dict[Subject, dict[str, Answered]]:
    found: dict[Subject, dict[str, Answered]] = {}
    for row in await connection.execute(select(sop_answer).where(_a.incident == incident).order_by(_a.item)):
        value = row.words if row.answer is None else row.answer["value"]
        found.setdefault(Subject(SubjectKind(row.kind), row.subject), {})[row.item] = Answered(value, row.at, row.by)
    return found
