"""Tries to call back, as rows: who is at it, what the PBX says of each, and who was reached after all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Row, and_, case, delete, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.clock import now_us
from callrouter.incidents.callbacks import (
    RECOVERED_MIN,
    RING_S,
    HeldBy,
    NoNumber,
    NotListed,
    Recovered,
    Try,
    TryNoted,
    TryOutcome,
    TryStep,
    claim_s,
    dialable,
)
from callrouter.incidents.desk import Actor, NoSuchIncident
from callrouter.incidents.model import CALL_BACK, EventKind, Outcome
from callrouter.storage import tables as t
from callrouter.storage.callbacks import on_list
from callrouter.storage.changed import Changed, nobody
from callrouter.storage.database import Database
from callrouter.storage.held_incident import hold
from callrouter.storage.rows import AT_ONCE, insert_into
from callrouter.storage.settled import CLOSED_ITSELF
from callrouter.storage.tables_supervision import callback_claim, callback_try

MAX_TRIES: Final = 100
"""Tries of one number that are shown."""
MAX_OFF: Final = AT_ONCE
"""Incidents of one number that are taken off in one transaction."""
LOST_AFTER_S: Final = 600
"""A try of whose caller nothing was heard for so long has no end any more: its PBX ended under it."""
TALK_LOST_AFTER_S: Final = 4 * 3_600
"""The same of one whose caller answered."""
_US: Final = 1_000_000
_c = callback_try.c
_OVER: Final = func.coalesce(t.call.c.ended_at, t.call.c.opened_at)
# Who closes an incident has decided that nobody is called back; an incident that closes itself decides nothing.
_CLOSED_BY_PERSON: Final = and_(
    t.incident.c.closed_at.is_not(None), ~t.incident.c.closed_reason.startswith(CLOSED_ITSELF, autoescape=True)
)
_TAKEN_OFF: Final = and_(t.incident.c.callback.is_(False), or_(t.incident.c.callback_by_person, _CLOSED_BY_PERSON))


class CallbackTries:
    """Keeps tries (callrouter.calls.callingback.TryStore). Raises StorageUnavailable.

    changed: told of the incidents that a try changed, once it is stored; it must not wait
    ring_s:  how long a telephone rings
    """

    def __init__(
        self,
        database: Database,
        changed: Changed = nobody,
        now_us: Callable[[], int] = now_us,
        ring_s: int = RING_S,
    ) -> None:
        self._database = database
        self._claim_us = claim_s(ring_s) * _US
        self._changed = changed
        self._now_us = now_us

    async def begin(self, incident: UUID, operator: str, by: Actor) -> Try:
        """Claim the caller for this operator, and note the try. The list is looked at in the same transaction.

        Raises NoSuchIncident, NotListed, NoNumber, HeldBy.
        """
        now = self._now_us()

        async def work(connection: AsyncConnection) -> Try:
            # First the incident, then the claim: in this order everywhere.
            held = (await hold(connection, [incident])).get(incident)
            if held is None:
                raise NoSuchIncident(incident)
            found = await _entry(connection, incident)
            if found is None:
                raise NotListed(str(incident))
            dialled = dialable(found.number) if found.number else None
            if dialled is None:
                raise NoNumber(str(incident))
            new = Try(uuid4(), incident, found.number, dialled, operator, by.name, now, trunk=found.trunk)
            await _claim(connection, new, now, self._claim_us)
            await connection.execute(insert_into(connection, callback_try).values(_row(new)))
            held.tell(EventKind.CALLBACK, {"what": "asked", "try": str(new.id), "operator": operator})
            await held.write(connection, now, by.name, counts=False)
            return new

        begun = await self._database.write(work)
        self._changed({incident})
        return begun

    async def end(self, id_: UUID, outcome: TryOutcome) -> None:
        """End a try of which the PBX will say nothing. One that is over stays as it ended."""
        now = self._now_us()

        async def find(connection: AsyncConnection) -> Row[Any] | None:
            return (await connection.execute(select(callback_try).where(_c.id == id_))).one_or_none()

        row = await self._database.read(find)
        if row is not None:
            await self.take(
                TryNoted(id_, now, "", TryStep.ENDED, row.incident, row.dialled, row.operator, outcome=outcome)
            )

    async def take(self, noted: TryNoted) -> None:
        """Store what the PBX says of a try. To store it again changes nothing, and the order does not matter."""
        now = self._now_us()

        async def work(connection: AsyncConnection) -> bool:
            held = (await hold(connection, [noted.incident])).get(noted.incident)
            await _make_missing(connection, noted)
            row = (await connection.execute(select(callback_try).where(_c.id == noted.id).with_for_update())).one()
            before = _try(row)
            after = told(before, noted)
            if after == before:
                return False
            await connection.execute(update(callback_try).where(_c.id == noted.id).values(_row(after)))
            if after.ended_at is not None:
                await connection.execute(delete(callback_claim).where(callback_claim.c.try_of == after.id))
            if held is not None and (data := _news(before, after)) is not None:
                held.tell(EventKind.CALLBACK, data)
                await held.write(connection, now, noted.node or "callrouter", counts=False)
            return True

        if await self._database.write(work):
            self._changed({noted.incident})

    async def sweep(self) -> int:
        """End the tries that will not end by themselves any more, some at a time; return how many."""
        now = self._now_us()
        silent, lasting = now - LOST_AFTER_S * _US, now - TALK_LOST_AFTER_S * _US
        lost = (
            select(_c.id, _c.human_at)
            .where(_c.ended_at.is_(None), _c.asked_at < silent)
            .where(or_(_c.human_at.is_(None), _c.asked_at < lasting))
            .order_by(_c.asked_at)
            .limit(AT_ONCE)
        )

        async def ask(connection: AsyncConnection) -> list[tuple[UUID, int | None]]:
            return [(row.id, row.human_at) for row in await connection.execute(lost)]

        found = await self._database.read(ask)
        for id_, human in found:
            await self.end(id_, TryOutcome.UNKNOWN if human is None else TryOutcome.TALKED)
        return len(found)

    async def done(self, incident: UUID, reason: str, by: Actor) -> int:
        """Take all incidents of that caller off the list; return how many they were.

        Raises NoSuchIncident, NotListed.
        """
        now = self._now_us()
        off: set[UUID] = set()

        async def work(connection: AsyncConnection) -> int:
            off.clear()
            if await connection.scalar(select(t.incident.c.id).where(t.incident.c.id == incident)) is None:
                raise NoSuchIncident(incident)
            ids = await _of_one_caller(connection, incident)
            for held in (await hold(connection, ids)).values():
                if not held.row["callback"]:
                    continue
                held.set(callback=False, callback_by_person=True)
                data = {"what": "done", "reason": reason}
                held.tell(EventKind.CALLBACK, data, ["callback"])
                await held.write(connection, now, by.name)
                off.add(held.id)
            if not off:
                raise NotListed(str(incident))
            return len(off)

        count = await self._database.write(work)
        self._changed(off)
        return count

    async def tries(self, incident: UUID) -> list[Try] | None:
        """Return the tries of the incident's number, newest first (at most MAX_TRIES); None: no such incident."""

        async def ask(connection: AsyncConnection) -> list[Try] | None:
            number = (
                select(t.incident.c.id, t.call.c.number)
                .outerjoin_from(t.incident, t.call, t.call.c.id == t.incident.c.opening_call)
                .where(t.incident.c.id == incident)
            )
            row = (await connection.execute(number)).one_or_none()
            if row is None:
                return None
            same = _c.number == row.number if row.number else _c.incident == incident
            newest = select(callback_try).where(same).order_by(_c.asked_at.desc(), _c.id).limit(MAX_TRIES)
            return [_try(one) for one in await connection.execute(newest)]

        return await self._database.read(ask)

    async def recovered(self, begin: int, end: int) -> Recovered:
        """Return the figures of lost calls that were opened in begin <= t < end (µs UTC)."""
        statement = recovered_statement(begin, end)

        async def ask(connection: AsyncConnection) -> Row[Any]:
            return (await connection.execute(statement)).one()

        row = (await self._database.read(ask))._mapping
        return Recovered(
            lost=row["lost"],
            no_number=row["no_number"] or 0,
            by_callback=row["back"] or 0,
            by_calling=row["again"] or 0,
            within={n: (row[f"back_{n}"] or 0, row[f"again_{n}"] or 0) for n in RECOVERED_MIN},
            taken_off=row["off"] or 0,
        )


def told(before: Try, noted: TryNoted) -> Try:
    """Return what is known of a try with what the PBX says: the same in any order, and however often it is said."""
    known = replace(
        before,
        operator_at=noted.operator_at if before.operator_at is None else before.operator_at,
        human_at=noted.human_at if before.human_at is None else before.human_at,
        trunk=noted.trunk or before.trunk,
    )
    if noted.step is not TryStep.ENDED or noted.outcome is None:
        return known
    # What the PBX says goes before what was reckoned while it did not.
    if before.outcome is not None and not (before.outcome in _RECKONED and noted.node):
        return before
    return replace(known, ended_at=noted.at, outcome=noted.outcome, cause=noted.cause)


_RECKONED: Final = frozenset({TryOutcome.UNKNOWN, TryOutcome.NOT_BEGUN})


def recovered_statement(begin: int, end: int) -> Any:
    """Return the query of the figures: one row. Each lost call is looked up by its number (two indexes)."""
    call, later, back = t.call.c, t.call.alias("later"), callback_try.alias("back")
    again = (
        select(func.min(later.c.human_at))
        .where(
            later.c.number == call.number,
            call.number != "",
            later.c.human_at >= _OVER,
            later.c.outcome == str(Outcome.TALKED),
        )
        .correlate(t.call)
        .scalar_subquery()
    )
    tried = (
        select(func.min(back.c.human_at))
        .where(
            back.c.number == call.number,
            call.number != "",
            back.c.human_at >= _OVER,
            back.c.outcome == str(TryOutcome.TALKED),
        )
        .correlate(t.call)
        .scalar_subquery()
    )
    lost = (
        select(
            call.number.label("caller"),
            _OVER.label("over"),
            again.label("again"),
            tried.label("tried"),
            _TAKEN_OFF.label("taken_off"),
        )
        .join_from(t.incident, t.call, call.id == t.incident.c.opening_call)
        .where(t.incident.c.opened_at >= begin, t.incident.c.opened_at < end)
        .where(call.outcome.in_(sorted(map(str, CALL_BACK))))
        .subquery()
    )
    row = lost.c
    known = row.caller != ""
    by_try = known & row.tried.is_not(None) & (row.again.is_(None) | (row.tried <= row.again))
    by_call = known & row.again.is_not(None) & (row.tried.is_(None) | (row.again < row.tried))
    sums = {
        "no_number": ~known,
        "back": by_try,
        "again": by_call,
        "off": known & row.tried.is_(None) & row.again.is_(None) & row.taken_off,
    }
    for minutes in RECOVERED_MIN:
        limit = minutes * 60 * _US
        sums[f"back_{minutes}"] = by_try & (row.tried - row.over <= limit)
        sums[f"again_{minutes}"] = by_call & (row.again - row.over <= limit)
    counted = [func.sum(case((holds, 1), else_=0)).label(name) for name, holds in sums.items()]
    return select(func.count(literal(1)).label("lost"), *counted).select_from(lost)


async def _entry(connection: AsyncConnection, incident: UUID) -> Row[Any, Any] | None:
    listed = (
        select(t.call.c.number, t.call.c.trunk)
        .join_from(t.incident, t.call, t.call.c.id == t.incident.c.opening_call)
        .where(t.incident.c.id == incident, *on_list())
    )
    return (await connection.execute(listed)).one_or_none()


async def _of_one_caller(connection: AsyncConnection, incident: UUID) -> list[UUID]:
    found = await _entry(connection, incident)
    if found is None:
        return []
    if not found.number:
        return [incident]
    others = (
        select(t.incident.c.id)
        .join_from(t.incident, t.call, t.call.c.id == t.incident.c.opening_call)
        .where(t.call.c.number == found.number, *on_list())
        .order_by(t.incident.c.id != incident, t.incident.c.opened_at.desc())
        .limit(MAX_OFF)
    )
    return list(await connection.scalars(others))


async def _claim(connection: AsyncConnection, new: Try, now: int, lasts_us: int) -> None:
    """Take the caller for this try. Raises HeldBy."""
    claim = callback_claim.c
    values = {"number": new.number, "try_of": new.id, "operator": new.operator, "until": now + lasts_us}
    statement = insert_into(connection, callback_claim).values(values)
    taken = statement.on_conflict_do_update(
        index_elements=["number"],
        set_={name: values[name] for name in ("try_of", "operator", "until")},
        where=claim.until <= now,
    )
    if await connection.scalar(taken.returning(claim.number)) is None:
        held = (await connection.execute(select(callback_claim).where(claim.number == new.number))).one()
        raise HeldBy(held.operator, held.until)


async def _make_missing(connection: AsyncConnection, noted: TryNoted) -> None:
    new = Try(noted.id, noted.incident, noted.number, noted.number, noted.operator, "", noted.operator_at or noted.at)
    await connection.execute(insert_into(connection, callback_try).values(_row(new)).on_conflict_do_nothing())


def _news(before: Try, after: Try) -> dict[str, Any] | None:
    """Return what the timeline says of this step; None where it is none."""
    about: dict[str, Any] = {"try": str(after.id), "operator": after.operator}
    if after.outcome != before.outcome and after.outcome is not None:
        answered = {} if after.human_at is None else {"answered_at": after.human_at}
        return {"what": "ended", **about, "outcome": str(after.outcome), "trunk": after.trunk, **answered}
    if before.human_at is None and after.human_at is not None:
        return {"what": "answered", **about}
    return None


def _try(row: Row[Any]) -> Try:
    return Try(
        id=row.id,
        incident=row.incident,
        number=row.number,
        dialled=row.dialled,
        operator=row.operator,
        by=row.asked_by,
        asked_at=row.asked_at,
        operator_at=row.operator_at,
        human_at=row.human_at,
        ended_at=row.ended_at,
        trunk=row.trunk,
        outcome=TryOutcome(row.outcome) if row.outcome else None,
        cause=row.cause,
    )


def _row(one: Try) -> dict[str, Any]:
    return {
        "id": one.id,
        "incident": one.incident,
        "number": one.number,
        "dialled": one.dialled,
        "operator": one.operator,
        "asked_at": one.asked_at,
        "asked_by": one.by,
        "operator_at": one.operator_at,
        "human_at": one.human_at,
        "ended_at": one.ended_at,
        "trunk": one.trunk,
        "outcome": str(one.outcome or ""),
        "cause": one.cause,
    }
