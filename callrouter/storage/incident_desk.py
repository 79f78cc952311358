"""What persons and agencies do with incidents: each act one transaction, with its entries in the timeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.clock import now_us
from callrouter.incidents.desk import (
    MAX_AGENCIES,
    Actor,
    AlreadyPassed,
    CannotMerge,
    Done,
    Field,
    IllegalMove,
    IncidentExists,
    Moved,
    NewIncident,
    NoDisposition,
    NoSuchIncident,
    NoSuchSubCode,
    NotWithAgency,
    Seen,
    TooManyAgencies,
    Verdict,
)
from callrouter.incidents.dispositions import QUIET, SubCode, closes_itself, may_be_given
from callrouter.incidents.lifecycle import (
    MOVES,
    UNDER_WAY,
    Act,
    Assignment,
    advanced,
    legal_moves,
    may_pass,
    passed,
)
from callrouter.incidents.model import AgencyState, EventKind, IncidentOrigin, IncidentState
from callrouter.storage import tables as t
from callrouter.storage.changed import Changed, nobody
from callrouter.storage.database import Database
from callrouter.storage.held_incident import Held, hold
from callrouter.storage.incident_rows import NEW_INCIDENT
from callrouter.storage.notice_rows import NoticeWriter
from callrouter.storage.rows import AT_ONCE, insert_into
from callrouter.storage.settled import CLOSED_ITSELF
from callrouter.storage.sop_rows import tell_missing
from callrouter.storage.sub_codes import read_sub_codes

SERVICE: Final = Actor("callrouter", supervises=True)
"""Who closes what closes itself."""
PERSON: Final = "person"
"""Source of an area that a person set."""

Work = Callable[[AsyncConnection, Held, int], Any]


class IncidentTables:
    """Implements callrouter.incidents.desk.IncidentDesk and QuietIncidents.

    acknowledge_s: time that an agency has to acknowledge what is passed to it (s)
    notices:       writes the notices to agencies, in the transaction of the pass; None: there are none
    changed:       told of the incidents that an act changed, once they are stored; it must not wait
    """

    def __init__(
        self,
        database: Database,
        *,
        acknowledge_s: int,
        notices: NoticeWriter | None = None,
        changed: Changed = nobody,
        now_us: Callable[[], int] = now_us,
    ) -> None:
        self._database = database
        self._acknowledge_us = acknowledge_s * 1_000_000
        self._notices = notices
        self._changed = changed
        self._now_us = now_us

    async def open_by_hand(self, new: NewIncident, by: Actor) -> Done:
        """Open one without a call; by a person: it is in his hands. Raises IncidentExists."""
        now = self._now_us()
        return await self._done(lambda connection: open_incident(connection, new, now, by))

    async def take(self, incident: UUID, seen: Seen, by: Actor) -> Done:
        """Take it into one's hands: a call back that was answered, one that nobody has."""

        async def work(_: AsyncConnection, held: Held, now: int) -> None:
            held.set(taken_at=now, taken_by=by.name)
            held.tell(EventKind.TAKEN, {}, ["taken_by"])

        return await self._act(incident, seen, Act.TAKE, by, work)

    async def change(self, incident: UUID, seen: Seen, fields: Mapping[str, Field], by: Actor) -> Done:
        """Set these fields (of CHANGEABLE): no note and no record changes them any more."""

        async def work(_: AsyncConnection, held: Held, now: int) -> None:  # noqa: ARG001
            _set_fields(held, fields)
            held.tell(EventKind.CHANGED, {}, list(fields))

        return await self._act(incident, seen, Act.CHANGE, by, work)

    async def dispose(self, incident: UUID, seen: Seen, verdict: Verdict, by: Actor) -> Done:
        """Say what it turned out to be. Raises NoSuchSubCode."""

        async def work(connection: AsyncConnection, held: Held, now: int) -> None:  # noqa: ARG001
            await _dispose(connection, held, verdict)
            held.tell(EventKind.DISPOSED, {}, ["disposition", "sub_code"])

        return await self._act(incident, seen, Act.DISPOSE, by, work)

    async def pass_to(self, incident: UUID, seen: Seen, agencies: Sequence[str], text: str, by: Actor) -> Done:
        """Pass it to these agencies: all or none. Raises AlreadyPassed, TooManyAgencies."""

        async def work(connection: AsyncConnection, held: Held, now: int) -> None:
            for agency in dict.fromkeys(agencies):
                _pass(held, agency, now, now + self._acknowledge_us, text, by)
                if self._notices is not None:
                    await self._notices.passed(connection, held, agency, now)
            if held.row["taken_at"] is None:  # whoever passes it on has taken it
                held.set(taken_at=now, taken_by=by.name)
                held.tell(EventKind.TAKEN, {}, ["taken_by"])

        return await self._act(incident, seen, Act.PASS, by, work)

    async def agency_state(
        self, incident: UUID, agency: str, seen: Seen, to: AgencyState, text: str, by: Actor
    ) -> Done:
        """Say how far an agency has come; `seen` is of its part. Raises NotWithAgency, IllegalMove."""

        async def work(_: AsyncConnection, held: Held, now: int) -> None:
            part = _own_part(held, agency, seen)
            legal = legal_moves(part, of_centre=by.agency is None)
            if to not in legal:
                raise IllegalMove(part.state, to, legal)
            held.put(advanced(part, to, now, by.name))
            told: dict[str, Any] = {"agency": agency, "agency_state": [str(part.state), str(to)]}
            held.tell(EventKind.AGENCY, told | ({"text": text} if text else {}))

        return await self._act(incident, None, Act.AGENCY, by, work, counts=False)

    async def remark(self, incident: UUID, agency: str, seen: Seen, text: str, by: Actor) -> Done:
        """Keep an agency's own words about its part, in place of older ones. Raises NotWithAgency."""

        async def work(connection: AsyncConnection) -> Done:
            held, now = await self._held(connection, incident), self._now_us()
            part = _own_part(held, agency, seen)
            held.put(replace(part, remark=text, version=part.version + 1, updated_at=now))
            held.tell(EventKind.REMARK, {"agency": agency, "text": text})
            return await held.write(connection, now, by.name, counts=False)

        return await self._done(work)

    async def close(self, incident: UUID, seen: Seen, verdict: Verdict | None, reason: str, by: Actor) -> Done:
        """Close it; verdict None: it stays what it is. Raises NoDisposition, NoSuchSubCode."""

        async def work(connection: AsyncConnection, held: Held, now: int) -> None:
            if verdict is not None:
                await _dispose(connection, held, verdict)
            _close(held, now, reason)
            await tell_missing(connection, held, now)

        return await self._act(incident, seen, Act.CLOSE, by, work)

    async def reopen(self, incident: UUID, seen: Seen, reason: str, by: Actor) -> Done:
        """Open it again, in the state that follows from everything else."""

        async def work(_: AsyncConnection, held: Held, now: int) -> None:  # noqa: ARG001
            held.set(closed_at=None, closed_reason="")
            held.tell(EventKind.REOPENED, {"reason": reason}, ["closed_at", "closed_reason"])

        return await self._act(incident, seen, Act.REOPEN, by, work)

    async def merge(self, incident: UUID, seen: Seen, into: UUID, by: Actor) -> Done:
        """Point to `into`, where its life goes on. Raises CannotMerge."""

        async def work(connection: AsyncConnection) -> Done:
            both = await hold(connection, [incident, into])
            now = self._now_us()
            held, target = _of(both, incident), _of(both, into)
            held.must_be_seen(seen)
            held.must_allow(Act.MERGE, by)
            if incident == into or target.state in {IncidentState.CLOSED, IncidentState.MERGED}:
                raise CannotMerge(target.state, target.goes_on_in)
            held.set(merged_into=into)
            held.tell(EventKind.MERGED, {"into": str(into), "number": target.row["number"]})
            target.tell(EventKind.JOINED_BY, {"incident": str(incident), "number": held.row["number"]})
            await target.write(connection, now, by.name, counts=False)
            return await held.write(connection, now, by.name)

        return await self._done(work, into)

    async def unmerge(self, incident: UUID, seen: Seen, by: Actor) -> Done:
        """Take the pointer away: it is as it was."""
        into = await self._database.read(
            lambda connection: connection.scalar(select(t.incident.c.merged_into).where(t.incident.c.id == incident))
        )

        async def work(connection: AsyncConnection) -> Done:
            both = await hold(connection, [incident, *([into] if into else [])])
            now = self._now_us()
            held = _of(both, incident)
            held.must_be_seen(seen)
            held.must_allow(Act.UNMERGE, by)
            if held.row["merged_into"] != into:  # between our look and our lock
                raise Moved(held.row["version"], held.row["updated_at"])
            target = both[held.row["merged_into"]]
            held.set(merged_into=None)
            held.tell(EventKind.UNMERGED, {"from": str(into), "number": target.row["number"]})
            target.tell(EventKind.LEFT_BY, {"incident": str(incident), "number": held.row["number"]})
            await target.write(connection, now, by.name, counts=False)
            return await held.write(connection, now, by.name)

        return await self._done(work, *([into] if into else []))

    async def note(self, incident: UUID, text: str, by: Actor) -> Done:
        """Add a note to its timeline."""

        async def work(_: AsyncConnection, held: Held, now: int) -> None:  # noqa: ARG001
            held.tell(EventKind.NOTE, {"text": text})

        return await self._act(incident, None, Act.NOTE, by, work, counts=False)

    async def sub_codes(self) -> list[SubCode]:
        """Return all sub-codes, by disposition and key."""
        return await self._database.read(read_sub_codes)

    async def close_quiet(self, before: int, limit: int) -> int:
        """Close at most `limit` (and AT_ONCE) of those that have not changed since `before`; return how many."""
        found = await self._database.read(lambda connection: _quiet(connection, before, min(limit, AT_ONCE)))
        if not found:
            return 0

        async def work(connection: AsyncConnection) -> list[UUID]:
            closed: list[UUID] = []
            for held in (await hold(connection, found)).values():
                row = held.row
                quiet = closes_itself(held.state, row["disposition"], disposed_by_person=row["disposition_by_person"])
                if quiet and row["updated_at"] < before:  # else it was not, between our look and our lock
                    now = self._now_us()
                    _close(held, now, f"{CLOSED_ITSELF}{row['disposition']}")
                    await held.write(connection, now, SERVICE.name)
                    closed.append(held.id)
            return closed

        closed = await self._database.write(work)
        self._changed(closed)
        return len(closed)

    async def _act(self, incident: UUID, seen: Seen, act: Act, by: Actor, work: Work, *, counts: bool = True) -> Done:
        async def transaction(connection: AsyncConnection) -> Done:
            held = await self._held(connection, incident)
            now = self._now_us()
            if by.agency is not None and by.agency not in held.parts:
                raise NotWithAgency(by.agency)  # before it is told anything of the incident
            held.must_be_seen(seen)
            held.must_allow(act, by)
            await work(connection, held, now)
            return await held.write(connection, now, by.name, counts=counts)

        return await self._done(transaction)

    async def _held(self, connection: AsyncConnection, incident: UUID) -> Held:
        return _of(await hold(connection, [incident]), incident)

    async def _done(self, work: Callable[[AsyncConnection], Any], *others: UUID) -> Done:
        done: Done = await self._database.write(work)
        self._changed([done.incident, *others])
        return done


async def open_incident(connection: AsyncConnection, new: NewIncident, now: int, by: Actor) -> Done:
    """Open one without a call, in the transaction of whoever calls. Raises IncidentExists, and has written nothing
    then.
    """
    values: dict[str, Any] = dict(NEW_INCIDENT) | {
        "id": new.id,
        "origin": str(new.origin),
        "opened_at": now,
        "updated_at": now,
    }
    made = insert_into(connection, t.incident).values(values).on_conflict_do_nothing(index_elements=["id"])
    if await connection.scalar(made.returning(t.incident.c.number)) is None:
        number = await connection.scalar(select(t.incident.c.number).where(t.incident.c.id == new.id))
        raise IncidentExists(new.id, number or 0)
    held = (await hold(connection, [new.id]))[new.id]
    _set_fields(held, new.fields)
    if new.origin is IncidentOrigin.HAND:
        held.set(taken_at=now, taken_by=by.name)
    held.tell(EventKind.HANDED_IN, {"origin": str(new.origin)}, [*new.fields, "taken_by"])
    return await held.write(connection, now, by.name, counts=False)


def acknowledge(held: Held, agency: str, at: int, now: int, by: str) -> bool:
    """An agency's contact accepted by telephone, at `at`: acknowledge its part, unless it has gone on already or the
    incident is closed; return whether. The transaction is that of whoever calls.
    """
    part = held.parts.get(agency)
    if part is None or part.state not in {AgencyState.PASSED, AgencyState.DECLINED}:
        return False
    if Act.AGENCY not in MOVES[held.state]:
        return False
    when = max(part.passed_at, min(at, now))
    held.put(replace(advanced(part, AgencyState.ACKNOWLEDGED, now, by), acknowledged_at=when))
    held.tell(EventKind.AGENCY, {"agency": agency, "agency_state": [str(part.state), str(AgencyState.ACKNOWLEDGED)]})
    return True


def _of(held: Mapping[UUID, Held], incident: UUID) -> Held:
    if incident not in held:
        raise NoSuchIncident(incident)
    return held[incident]


def _set_fields(held: Held, fields: Mapping[str, Field]) -> None:
    for name, value in fields.items():
        match name:
            case "category":
                held.set(category=value or "", category_by_person=value is not None)
            case "area":
                held.set(area=value or "", area_source=PERSON if value else "", area_by_person=value is not None)
            case "callback":
                held.set(callback=bool(value), callback_by_person=value is not None)
            case "people_hurt":
                held.set(people_hurt=value)
            case _:
                held.set(**{name: value or ""})


async def _dispose(connection: AsyncConnection, held: Held, verdict: Verdict) -> None:
    disposition = verdict.disposition
    if verdict.sub_code:
        codes = await read_sub_codes(connection)
        if disposition is None or not may_be_given(codes, disposition, verdict.sub_code):
            raise NoSuchSubCode(disposition, verdict.sub_code)
    held.set(
        disposition=str(disposition or ""),
        sub_code=verdict.sub_code,
        disposition_by_person=disposition is not None,
    )


def _close(held: Held, now: int, reason: str) -> None:
    held.settle()
    if not held.row["disposition"]:
        raise NoDisposition
    held.set(closed_at=now, closed_reason=reason, disposition_by_person=True)
    if held.row["callback_by_person"]:
        held.set(callback=False)
    held.tell(EventKind.CLOSED, {}, ["closed_at", "closed_reason", "disposition", "sub_code"])


def _pass(held: Held, agency: str, now: int, due_at: int, text: str, by: Actor) -> None:
    part = held.parts.get(agency)
    if part is not None and not may_pass(part):
        raise AlreadyPassed(agency, part.state)
    if part is None and len(held.parts) >= MAX_AGENCIES:
        raise TooManyAgencies
    held.put(passed(part, held.id, agency, now, by.name, due_at))
    told: dict[str, Any] = {
        "agency": agency,
        "agency_state": [None if part is None else str(part.state), str(AgencyState.PASSED)],
    }
    held.tell(EventKind.PASSED, told | ({"text": text} if text else {}))


def _own_part(held: Held, agency: str, seen: Seen) -> Assignment:
    part = held.parts.get(agency)
    if part is None:
        raise NotWithAgency(agency)
    if seen is not None and part.version not in seen:
        raise Moved(part.version, part.updated_at)
    return part


def quiet_statement(before: int, limit: int) -> Select[tuple[UUID]]:
    """Return the query of incidents that may close themselves, those that were quiet longest first."""
    incident = t.incident.c
    kept = [str(state) for state in (*UNDER_WAY, IncidentState.MERGED)]
    return (
        select(incident.id)
        .where(
            incident.closed_at.is_(None),
            incident.disposition.in_([str(disposition) for disposition in QUIET]),
            incident.updated_at < before,
            incident.state.not_in(kept),
            or_(incident.disposition_by_person.is_(True), incident.state == str(IncidentState.ABANDONED)),
        )
        .order_by(incident.updated_at)
        .limit(limit)
    )


async def _quiet(connection: AsyncConnection, before: int, limit: int) -> list[UUID]:
    return list(await connection.scalars(quiet_statement(before, limit)))
