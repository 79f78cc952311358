"""What the database knows of callers (callrouter.calls.caller.CallerBook)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.caller import LAST_CALLS, NEARBY_US, History, OpenIncident, PastCall
from callrouter.calls.live import LiveCall, Stage
from callrouter.clock import now_us
from callrouter.incidents.suspicion import Judgement
from callrouter.storage import tables as t
from callrouter.storage.columns import Whole
from callrouter.storage.database import Database
from callrouter.storage.judgement import judgements_of
from callrouter.storage.known import KnownCall, category_of
from callrouter.storage.rows import among

OPEN: Final = 300
"""Open incidents that cards choose from: the newest of the last hours."""
YEAR_US: Final = 365 * 86_400_000_000
_PAST: Final = (
    "id",
    "incident",
    "number",
    "opened_at",
    "human_at",
    "ended_at",
    "outcome",
)


@lru_cache
def _histories(dialect: str) -> Any:
    call, incident = t.call.c, t.incident.c
    ranked = (
        select(
            *(call[name] for name in _PAST),
            func.row_number().over(partition_by=call.number, order_by=call.opened_at.desc()).label("turn"),
            func.count().over(partition_by=call.number).label("calls"),
        )
        .where(
            among(dialect, call.number, "spelled"),
            call.opened_at >= bindparam("since", type_=Whole),
            not_(among(dialect, call.id, "but")),
        )
        .subquery()
    )
    return (
        select(
            ranked,
            incident.number.label("incident_number"),
            incident.category.label("of"),
            incident.disposition,
            incident.state,
        )
        .join_from(ranked, t.incident, incident.id == ranked.c.incident)
        .where(ranked.c.turn <= LAST_CALLS)
        .order_by(ranked.c.opened_at.desc(), ranked.c.id)
    )


class CallerRows:
    """Reads what is known of callers. Raises StorageUnavailable."""

    def __init__(self, database: Database, now_us: Callable[[], int] = now_us) -> None:
        self._database = database
        self._now_us = now_us

    async def histories(self, numbers: Mapping[str, Sequence[str]], but: Collection[UUID]) -> dict[str, History]:
        """Return what is known of each number; `numbers`: all spellings of each. The calls `but` do not count."""
        spelled = {spelling: number for number, spellings in numbers.items() for spelling in spellings}
        given = {
            "spelled": sorted(spelled),
            "but": sorted(but),
            "since": self._now_us() - YEAR_US,
        }

        async def ask(connection: AsyncConnection) -> list[Any]:
            return list(await connection.execute(_histories(connection.dialect.name), given))

        calls: dict[str, dict[str, int]] = {}
        last: dict[str, list[PastCall]] = {}
        for row in await self._database.read(ask):
            number = spelled[row.number]
            calls.setdefault(number, {})[row.number] = row.calls
            last.setdefault(number, []).append(_past(row))
        return {n: History(sum(of.values()), tuple(last[n][:LAST_CALLS])) for n, of in calls.items()}

    async def open_incidents(self) -> list[OpenIncident]:
        """Return the incidents of the last NEARBY_US that are neither closed nor merged, newest first; bounded."""
        incident = t.incident.c
        statement = (
            select(
                incident.id,
                incident.number,
                incident.opened_at,
                incident.state,
                incident.category,
                incident.area,
                incident.place,
            )
            .where(
                incident.opened_at >= self._now_us() - NEARBY_US,
                incident.closed_at.is_(None),
                incident.merged_into.is_(None),
            )
            .order_by(incident.opened_at.desc(), incident.number.desc())
            .limit(OPEN)
        )

        async def ask(connection: AsyncConnection) -> list[OpenIncident]:
            return [OpenIncident(*row) for row in await connection.execute(statement)]

        return await self._database.read(ask)

    async def judgements(self, calls: Collection[UUID]) -> dict[UUID, Judgement]:
        """Return how suspect the callers of these calls were when they were opened."""
        return await self._database.read(lambda connection: judgements_of(connection, calls))

    async def past(self, call: UUID) -> LiveCall | None:
        """Return a call that may have ended, as the board would have shown it; None: there is none."""

        async def ask(connection: AsyncConnection) -> LiveCall | None:
            row = (await connection.execute(select(t.call).where(t.call.c.id == call))).one_or_none()
            return None if row is None else _shown(KnownCall(**row._mapping))

        return await self._database.read(ask)


def _past(row: Any) -> PastCall:
    return PastCall(
        call=row.id,
        incident=row.incident,
        incident_number=row.incident_number,
        opened=row.opened_at,
        human=row.human_at,
        ended=row.ended_at,
        category=row.of,
        outcome=row.outcome or "",
        disposition=row.disposition,
        state=row.state,
    )


def _shown(call: KnownCall) -> LiveCall:
    return LiveCall(
        call=call.id,
        incident=call.incident,
        number=call.number,
        origin=call.origin,
        trunk=call.trunk,
        since=call.opened_at,
        stage=Stage(call.stage) if call.stage in set(Stage) else Stage.OPENED,
        with_whom=(call.joined_by,) if call.joined_by else (),
        category=category_of(call),
        language=call.language,
        cannot_speak=call.cannot_speak,
        sent_from=call.sent_from,
    )
