"""The outbox of notices: taken, settled, escalated and sent anew. Implements callrouter.agencies.sending.Outbox."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Select, Update, and_, exists, func, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.agencies.calling import RANG, Follows, Rung, follows
from callrouter.agencies.notices import (
    MAX_PAGE,
    Channel,
    Job,
    NotDead,
    Notice,
    NoticeFilter,
    NoticeGone,
    NoticeState,
    Told,
    next_contact,
)
from callrouter.agencies.sending import Figures
from callrouter.clock import now_us
from callrouter.incidents.desk import Actor
from callrouter.incidents.lifecycle import Assignment
from callrouter.incidents.model import AgencyState, EventKind, PassedHow
from callrouter.incidents.views import StorageUnavailable
from callrouter.routing.directory import NoticeContact
from callrouter.storage import tables as t
from callrouter.storage.changed import Changed, nobody
from callrouter.storage.database import Database
from callrouter.storage.held_incident import Held, hold
from callrouter.storage.incident_desk import acknowledge
from callrouter.storage.notice_rows import NoticeWriter, notice_of, tell, told_in
from callrouter.storage.tables_notices import DUE, WAITING
from callrouter.storage.tables_notices import notice as notices

log = structlog.get_logger(__name__)

AT_ONCE: Final = 20
"""Incidents that are escalated in one look; each is a transaction of its own."""
LOOK_BACK_US: Final = 86_400 * 1_000_000
"""An acknowledgement that is overdue for longer is nobody's news."""
_SERVICE: Final = "callrouter"


class Notices:
    """Keeps notices. Every method raises StorageUnavailable.

    writer:  writes the notices to the next contact points
    changed: told of incidents in whose timeline something was written
    """

    def __init__(
        self,
        database: Database,
        writer: NoticeWriter,
        *,
        changed: Changed = nobody,
        now_us: Callable[[], int] = now_us,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._chance = chance
        self._database = database
        self._writer = writer
        self._changed = changed
        self._now_us = now_us

    async def claim(
        self, channel: Channel, now: int, lost_at: int, limit: int, without: Collection[str]
    ) -> list[Job]:
        """Take at most `limit` of a channel that are due: one for each target, none for those in `without`."""
        wanted = _due(channel, now, without)
        if await self._database.read(lambda connection: connection.scalar(wanted.limit(1))) is None:
            return []

        async def work(connection: AsyncConnection) -> list[Job]:
            if channel is Channel.PHONE:
                await connection.execute(_needless(now))
            rows = await connection.execute(wanted.limit(4 * limit).with_for_update(skip_locked=True))
            first: dict[str, UUID] = {}
            for id_, target in rows:
                first.setdefault(target, id_)
            return [await _taken(connection, id_, lost_at) for id_ in list(first.values())[:limit]]

        return await self._database.write(work)

    async def delivered(self, notice: UUID, now: int) -> None:
        """The receiver has it."""
        await self._settle(notice, now, NoticeState.DELIVERED, None)

    async def failed(self, notice: UUID, tries: int, why: str, again_at: int | None, *, hopeless: bool) -> None:
        """The try number `tries` failed. again_at None: it is dead; hopeless: the next contact point is told."""
        of, now = notices.c, self._now_us()
        values: dict[str, Any] = {"last_error": why}
        if hopeless:
            earlier = update(notices).where(of.id == notice, of.due_at > now).values(due_at=now)
        if again_at is not None:
            values |= {"state": str(NoticeState.QUEUED), "next_at": again_at}
        still = update(notices).where(of.id == notice, of.tries == tries, of.state == str(NoticeState.SENDING))

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(still.values(values))
            if hopeless:
                await connection.execute(earlier)

        await self._database.write(work)
        if again_at is None:
            await self._settle(notice, now, NoticeState.DEAD, tries)

    async def rung(self, notice: UUID, tries: int, result: Rung, at: int) -> bool:
        """Keep what became of a call that spoke a notice, at `at`; return whether it was news. Who accepted has
        acknowledged for his agency; where nobody did, the next contact point is told at once.
        """

        async def work(connection: AsyncConnection) -> UUID | None:
            try:
                held, found = await self._held(connection, notice)
            except NoticeGone:
                return None
            now = self._now_us()
            after = follows(result, found.tries, (found.give_up_at - now) / 1e6, self._chance())
            if not _is_news(found, tries, after):
                return None
            await connection.execute(update(notices).where(notices.c.id == notice).values(_after(found, after, now)))
            part = held.parts.get(found.agency)
            if result is Rung.ACCEPTED and part is not None and part.passed_at == found.passed_at:
                acknowledge(held, found.agency, at, now, f"{found.contact} (phone)")
            _tell_rung(held, found, result, after)
            await held.write(connection, now, _SERVICE, counts=False)
            return held.id

        changed = await self._database.write(work)
        if changed is not None:
            self._changed([changed])
        return changed is not None

    async def replay(self, notice: UUID, by: Actor) -> Notice:
        """Have it sent anew, under the same id. Raises NoticeGone, NotDead."""

        async def work(connection: AsyncConnection) -> Notice:
            held, found = await self._held(connection, notice)
            if found.state is not NoticeState.DEAD:
                raise NotDead(found.state)
            now = self._now_us()
            lives = found.give_up_at - found.created_at
            again = replace(
                found, state=NoticeState.QUEUED, tries=0, next_at=now, settled_at=None, give_up_at=now + lives
            )
            values = {name: getattr(again, name) for name in ("tries", "next_at", "settled_at", "give_up_at")}
            changed = update(notices).where(notices.c.id == notice).values(values | {"state": str(again.state)})
            await connection.execute(changed)
            tell(held, found, "replayed")
            await held.write(connection, now, by.name, counts=False)
            self._writer.fresh = True
            return again

        anew = await self._database.write(work)
        self._changed([anew.incident])
        return anew

    async def escalate(self, now: int) -> int:
        """Tell the next contact point, or the supervisor, where an acknowledgement is overdue; return how many."""
        overdue = await self._database.read(lambda connection: _overdue(connection, now))
        done = 0
        for incident in overdue:

            async def work(connection: AsyncConnection, incident: UUID = incident) -> int:
                held = (await hold(connection, [incident])).get(incident)
                return 0 if held is None else await self._escalate(connection, held, now)

            try:
                told = await self._database.write(work)
            except StorageUnavailable:
                raise
            except Exception:  # one incident that cannot be escalated keeps no other from it
                log.exception("notices.escalation_failed", incident=str(incident))
                continue
            done += told
            if told:
                self._changed([incident])
        return done

    async def figures(self) -> Figures:
        """Return what is not done."""

        async def ask(connection: AsyncConnection) -> Figures:
            of = notices.c
            waiting = select(func.count(), func.min(of.created_at)).select_from(notices).where(WAITING)
            dead = select(func.count()).select_from(notices).where(of.state == str(NoticeState.DEAD))
            count, oldest = (await connection.execute(waiting)).one()
            wanted = or_(and_(_still_wanted(), ~_told_otherwise()), _not_handed_over())
            untold = await connection.scalar(dead.where(wanted))
            return Figures(count, await connection.scalar(dead) or 0, oldest, untold or 0)

        return await self._database.read(ask)

    async def page(self, wanted: NoticeFilter) -> list[Notice]:
        """Return at most `wanted.limit` (and MAX_PAGE), newest first."""
        statement = _page(wanted)

        async def ask(connection: AsyncConnection) -> list[Notice]:
            return [notice_of(row) for row in await connection.execute(statement)]

        return await self._database.read(ask)

    async def _settle(self, notice: UUID, now: int, state: NoticeState, tries: int | None) -> None:
        async def work(connection: AsyncConnection) -> UUID | None:
            held, found = await self._held(connection, notice)
            of = notices.c
            settled = update(notices).where(of.id == notice, of.state != str(NoticeState.DELIVERED))
            if tries is not None:
                settled = settled.where(of.tries == tries, of.state == str(NoticeState.SENDING))
            if not (await connection.execute(settled.values(state=str(state), settled_at=now))).rowcount:
                return None
            why = {} if state is NoticeState.DELIVERED else {"why": found.last_error}
            tell(held, found, str(state), tries=found.tries, **why)
            if state is NoticeState.DEAD and found.channel is Channel.NEIGHBOUR:
                await self._supervise(connection, held, found, now)
            await held.write(connection, now, _SERVICE, counts=False)
            return held.id

        changed = await self._database.write(work)
        if changed is not None:
            self._changed([changed])

    async def _supervise(self, connection: AsyncConnection, held: Held, dead: Notice, now: int) -> None:
        """Tell the supervisor, once in a hand-over, that the neighbour does not have an incident that is open. No
        acknowledgement is waited for there, so nothing else would tell him.
        """
        if held.row["closed_at"] is not None or held.row["merged_into"] is not None:
            return
        told = await told_in(connection, dead.part, dead.passed_at)
        if any(one.channel is Channel.SUPERVISOR for one in told) or await _has_it(connection, dead):
            return
        handed = Assignment(
            id=dead.part,
            incident=held.id,
            agency=dead.agency,
            state=AgencyState.PASSED,
            how=PassedHow.NOTICE,
            passed_at=dead.passed_at,
        )
        await self._writer.write(connection, held, handed, None, len(told), now)
        held.tell(EventKind.ESCALATED, {"agency": dead.agency, "contact": None})

    async def _held(self, connection: AsyncConnection, notice: UUID) -> tuple[Held, Notice]:
        """Lock its incident, then read it: nobody waits for an incident who holds a notice."""
        incident = await connection.scalar(select(notices.c.incident).where(notices.c.id == notice))
        if incident is None:
            raise NoticeGone(notice)
        held = (await hold(connection, [incident]))[incident]
        return held, notice_of((await connection.execute(select(notices).where(notices.c.id == notice))).one())

    async def _escalate(self, connection: AsyncConnection, held: Held, now: int) -> int:
        done = 0
        for part in list(held.parts.values()):
            told = await told_in(connection, part.id, part.passed_at)
            if part.state is not AgencyState.PASSED or held.row["closed_at"] is not None:
                continue
            for point in self._next(part, told, now):
                await self._writer.write(connection, held, part, point, len(told) + done, now)
                held.tell(EventKind.ESCALATED, {"agency": part.agency, "contact": point.key if point else None})
                done += 1
        of = notices.c
        looked_at = update(notices).where(of.incident == held.id, of.due_at <= now).values(due_at=None)
        await connection.execute(looked_at)
        if done:
            await held.write(connection, now, _SERVICE, counts=False)
        return done

    def _next(self, part: Assignment, told: Sequence[Notice], now: int) -> Iterator[NoticeContact | None]:
        """Yield who is told now: the next contact point; the supervisor (None) after the last, and when the time of
        the agency as a whole is over.
        """
        due = any(one.due_at is not None and one.due_at <= now for one in told)
        late = part.due_at is not None and part.due_at <= now
        point = next_contact(self._writer.agency_of(part.agency), [one.contact for one in told])
        if due and point is not None:
            yield point
        supervised = any(one.channel is Channel.SUPERVISOR for one in told)
        if not supervised and (late or (due and point is None)):
            yield None


def _due(channel: Channel, now: int, without: Collection[str]) -> Select[Any]:
    of = notices.c
    wanted = select(of.id, of.target).where(WAITING, of.channel == str(channel), of.next_at <= now)
    if without:
        wanted = wanted.where(of.target.not_in(sorted(without)))
    return wanted.order_by(of.next_at, of.id)


def _still_wanted() -> ColumnElement[bool]:
    """The agency has not acknowledged what a notice is about, and the incident is open."""
    of, part, incident = notices.c, t.incident_agency.c, t.incident.c
    return exists().where(
        part.id == of.part,
        part.passed_at == of.passed_at,
        part.state == str(AgencyState.PASSED),
        incident.id == of.incident,
        incident.closed_at.is_(None),
    )


def _told_otherwise() -> ColumnElement[bool]:
    """Another contact point of the same round has it."""
    of, other = notices.c, notices.alias().c
    return exists().where(
        other.part == of.part,
        other.passed_at == of.passed_at,
        other.contact != "",
        other.state == str(NoticeState.DELIVERED),
    )


def _not_handed_over() -> ColumnElement[bool]:
    """It hands an incident that is open over to a neighbour, who has it by no other notice either."""
    of, incident, other = notices.c, t.incident.c, notices.alias().c
    return and_(
        of.channel == str(Channel.NEIGHBOUR),
        exists().where(incident.id == of.incident, incident.closed_at.is_(None), incident.merged_into.is_(None)),
        ~exists().where(
            other.part == of.part,
            other.channel == str(Channel.NEIGHBOUR),
            other.state == str(NoticeState.DELIVERED),
        ),
    )


async def _has_it(connection: AsyncConnection, dead: Notice) -> bool:
    of = notices.c
    delivered = select(of.id).where(
        of.part == dead.part, of.channel == str(Channel.NEIGHBOUR), of.state == str(NoticeState.DELIVERED)
    )
    return await connection.scalar(delivered.limit(1)) is not None


def _needless(now: int) -> Update:
    """No telephone is rung for what somebody has acknowledged since."""
    of = notices.c
    due = select(of.id).where(WAITING, of.channel == str(Channel.PHONE), of.next_at <= now, ~_still_wanted())
    # What another service holds is left to it: two that wait for each other's rows would both fail.
    held = due.order_by(of.id).with_for_update(skip_locked=True, of=notices).correlate(None)
    return update(notices).where(of.id.in_(held)).values(state=str(NoticeState.NEEDLESS), settled_at=now)


def _is_news(found: Notice, tries: int, after: Follows) -> bool:
    """Who accepts or declines is heard until he was once; that nobody did, only of the try that is under way."""
    if after.state is NoticeState.DELIVERED:
        return found.state is not NoticeState.DELIVERED
    return found.state is NoticeState.SENDING and found.tries == tries


def _after(found: Notice, after: Follows, now: int) -> dict[str, Any]:
    values: dict[str, Any] = {"state": str(after.state), "last_error": after.why}
    if after.again_in_s is None:
        values["settled_at"] = now
    else:
        values["next_at"] = now + round(after.again_in_s * 1_000_000)
    if after.why and found.due_at is not None:  # it was not accepted
        values["due_at"] = min(found.due_at, now)
    return values


def _tell_rung(held: Held, found: Notice, result: Rung, after: Follows) -> None:
    if after.state is NoticeState.DEAD:
        tell(held, found, str(NoticeState.DEAD), tries=found.tries, why=after.why)
    elif after.state is NoticeState.DELIVERED or result in RANG:
        tell(held, found, str(result), tries=found.tries)


async def _taken(connection: AsyncConnection, id_: UUID, lost_at: int) -> Job:
    of = notices.c
    taken = update(notices).where(of.id == id_)
    row = (
        await connection.execute(
            taken.values(state=str(NoticeState.SENDING), next_at=lost_at, tries=of.tries + 1).returning(notices)
        )
    ).one()
    notice = notice_of(row)
    return Job(notice, await _told(connection, notice))


async def _told(connection: AsyncConnection, notice: Notice) -> Told:
    incident, call, part = t.incident.c, t.call.c, t.incident_agency.c
    row = (
        await connection.execute(
            select(
                t.incident,
                func.coalesce(func.nullif(incident.reporter_number, ""), call.number, "").label("caller_number"),
                func.coalesce(func.nullif(incident.reporter_name, ""), call.name, "").label("caller_name"),
                part.passed_by,
                part.due_at.label("acknowledge_by"),
            )
            .join_from(t.incident, t.call, call.id == incident.opening_call, isouter=True)
            .join(t.incident_agency, part.id == notice.part, isouter=True)
            .where(incident.id == notice.incident)
        )
    ).one()
    values = {name: row._mapping[name] for name in Told.__slots__ if name not in {"words", "passed_by"}}
    words = await _words(connection, notice)
    return Told(**values, passed_by=row.passed_by or "", words=words)


async def _words(connection: AsyncConnection, notice: Notice) -> str:
    """What who passed it on said: it stands in the timeline, where it is erased with the rest of a person's data."""
    event = t.incident_event.c
    rows = await connection.execute(
        select(event.data)
        .where(event.incident == notice.incident, event.kind == str(EventKind.PASSED), event.at == notice.passed_at)
        .order_by(event.id.desc())
    )
    return next((str(row.data.get("text", "")) for row in rows if row.data.get("agency") == notice.agency), "")


async def _overdue(connection: AsyncConnection, now: int) -> Sequence[UUID]:
    of, part, incident = notices.c, t.incident_agency.c, t.incident.c
    steps = select(of.incident).where(DUE, of.due_at <= now).order_by(of.due_at).limit(AT_ONCE)
    supervised = exists().where(
        of.part == part.id, of.passed_at == part.passed_at, of.channel == str(Channel.SUPERVISOR)
    )
    late = (
        select(part.incident)
        .join_from(t.incident_agency, t.incident, incident.id == part.incident)
        .where(
            literal_column("incident_agency.state = 'passed'"),
            part.due_at <= now,
            part.due_at > now - LOOK_BACK_US,
            incident.closed_at.is_(None),
            ~supervised,
        )
        .order_by(part.due_at)
        .limit(AT_ONCE)
    )
    return list(dict.fromkeys([*await connection.scalars(steps), *await connection.scalars(late)]))


def _page(wanted: NoticeFilter) -> Select[Any]:
    of = notices.c
    statement = select(notices).order_by(of.created_at.desc(), of.id.desc())
    for column, value in ((of.agency, wanted.agency), (of.incident, wanted.incident)):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.state is not None:
        statement = statement.where(of.state == str(wanted.state))
    if wanted.after is not None:
        at, id_ = wanted.after
        statement = statement.where(or_(of.created_at < at, and_(of.created_at == at, of.id < id_)))
    return statement.limit(max(1, min(wanted.limit, MAX_PAGE)))
