"""Notices as rows: written under the lock of their incident, in the transaction that is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.agencies.notices import Channel, Notice, NoticeState, next_contact, notice_id, target_of
from callrouter.incidents.lifecycle import Assignment
from callrouter.incidents.model import EventKind
from callrouter.routing.directory import Agency, NoticeContact
from callrouter.storage.held_incident import Held
from callrouter.storage.rows import insert_into
from callrouter.storage.tables_notices import notice as notices

AgencyOf = Callable[[str], Agency | None]
"""Gives an agency of the directory as it is now."""

_US: Final = 1_000_000


@dataclass(slots=True)
class NoticeWriter:
    """Writes the notice to an agency's next contact point.

    keep_trying_s: after this a notice that cannot be delivered is dead
    supervisor:    e-mail address of the supervisors; empty: they have the timeline and the event alone
    """

    agency_of: AgencyOf
    keep_trying_s: float
    supervisor: str = ""
    fresh: bool = False
    """True: something was written since it was last looked at."""

    async def passed(self, connection: AsyncConnection, held: Held, agency: str, now: int) -> None:
        """Write the notice to the first contact point of an agency that the incident is being passed to.

        One without any contact point looks itself; what is overdue is told to the supervisor then.
        """
        point = next_contact(self.agency_of(agency), ())
        if point is not None:
            await self.write(connection, held, held.parts[agency], point, 0, now)

    async def write(
        self,
        connection: AsyncConnection,
        held: Held,
        part: Assignment,
        point: NoticeContact | None,
        n: int,
        now: int,
    ) -> None:
        """Write the notice to a contact point, or to the supervisor (None); `n`: its place among those of a round."""
        new = Notice(
            id=notice_id(part.id, part.passed_at, point.key if point else ""),
            incident=held.id,
            part=part.id,
            passed_at=part.passed_at,
            agency=part.agency,
            contact=point.key if point else "",
            n=n,
            channel=Channel(point.channel) if point else Channel.SUPERVISOR,
            target=target_of(point) if point else self.supervisor,
            state=NoticeState.QUEUED if point or self.supervisor else NoticeState.DELIVERED,
            tries=0,
            created_at=now,
            next_at=now,
            give_up_at=now + round(self.keep_trying_s * _US),
            due_at=now + point.ack_within_s * _US if point else None,
            settled_at=None if point or self.supervisor else now,
        )
        await self.put(connection, held, new)

    async def put(self, connection: AsyncConnection, held: Held, new: Notice) -> None:
        """Put a notice into the outbox, unless it is there."""
        row = asdict(new) | {"channel": str(new.channel), "state": str(new.state)}
        made = insert_into(connection, notices).values(row).on_conflict_do_nothing(index_elements=["id"])
        # Not by rowcount, which PostgreSQL's driver does not give here.
        if await connection.scalar(made.returning(notices.c.id)) is not None:
            tell(held, new, "queued")
            self.fresh = True


def tell(held: Held, about: Notice, step: str, **more: Any) -> None:
    """Add to the timeline what became of a notice: queued, delivered, dead or replayed."""
    data = {"agency": about.agency, "contact": about.contact or None, "channel": str(about.channel), "step": step}
    held.tell(EventKind.NOTICE, data | more)


async def told_in(connection: AsyncConnection, part: UUID, passed_at: int) -> list[Notice]:
    """Return the notices of one round, in order."""
    of = notices.c
    rows = await connection.execute(select(notices).where(of.part == part, of.passed_at == passed_at).order_by(of.n))
    return [notice_of(row) for row in rows]


def notice_of(row: Any) -> Notice:
    """Return a row, which may have more columns, as a value."""
    values = {name: row._mapping[name] for name in Notice.__slots__}
    return Notice(**values | {"channel": Channel(values["channel"]), "state": NoticeState(values["state"])})
