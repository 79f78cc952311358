"""Recordings as rows: told of by the journal or found in their folder, looked at once, kept for their time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Select, and_, case, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.records import Ended, Record
from callrouter.privacy.recordings import (
    DEFAULT,
    Noted,
    Recording,
    RecordingKind,
    RecordingState,
    days_of,
    noted_message,
    noted_talk,
)
from callrouter.storage import tables as t
from callrouter.storage.columns import Whole
from callrouter.storage.database import Database
from callrouter.storage.fill import AT_ONCE, execute_many, insert_into
from callrouter.storage.tables_privacy import recording as table

log = structlog.get_logger(__name__)

DAY_US = 86_400_000_000
_NOT_YET = (RecordingState.FOUND, RecordingState.TOLD)


async def store_told(connection: AsyncConnection, records: Sequence[Record], now: int) -> None:
    """Store which recordings `records` tell of, in the transaction of `connection`. Telling again changes nothing."""
    for record in records:
        if isinstance(record, Ended) and record.more_talks:
            log.warning("recordings.not_all_told", call=str(record.call), told=len(record.talks))
    noted = [one for record in records if isinstance(record, Ended) for one in _told(record)]
    if not noted:
        return
    rows = _rows(
        noted, RecordingState.TOLD, now, {n.file: r.at for r in records if isinstance(r, Ended) for n in _told(r)}
    )
    insert = insert_into(connection, table)
    promoted = insert.on_conflict_do_update(
        index_elements=["id"],
        set_={"state": str(RecordingState.TOLD)},
        where=table.c.state == str(RecordingState.FOUND),
    )
    await execute_many(connection, promoted, rows)


def _told(ended: Ended) -> Iterator[Noted]:
    for stamp in ended.talks:
        yield noted_talk(ended.call, stamp)
    message = noted_message(ended.recording)
    if message is not None:
        yield message


def _rows(noted: Sequence[Noted], state: RecordingState, now: int, begun: Mapping[str, int]) -> list[dict[str, Any]]:
    # In the order of their ids, so that two writers never wait for each other in a circle.
    ordered = sorted({one.id: one for one in noted}.values(), key=lambda one: one.id)
    return [
        {
            "id": one.id,
            "call": one.call,
            "incident": one.incident,
            "kind": str(one.kind),
            "file": one.file,
            "begun_at": begun.get(one.file, now) if one.begun is None else one.begun,
            "state": str(state),
            "why": "",
            "noted_at": now,
        }
        for one in ordered
    ]


class Recordings:
    """Implements callrouter.privacy.recordings.RecordingStore. Every method raises StorageUnavailable.

    days: how long each is kept, by the incident's disposition (callrouter.privacy.recordings.days_of)
    """

    def __init__(self, database: Database, days: Mapping[str, int]) -> None:
        self._database = database
        self._days = dict(days)

    async def of_incident(self, incident: UUID) -> list[Recording]:
        """Return the recordings of an incident's calls, and of incidents merged into it, oldest first."""
        whose = select(t.incident.c.id).where(or_(t.incident.c.id == incident, t.incident.c.merged_into == incident))
        calls = select(t.call.c.id).where(t.call.c.incident.in_(whose))
        wanted = or_(table.c.incident == incident, table.c.incident.in_(whose), table.c.call.in_(calls))
        return await self._read(_shown().where(wanted).order_by(table.c.begun_at, table.c.id))

    async def one(self, recording: UUID) -> Recording | None:
        """Return one, or None."""
        return next(iter(await self._read(_shown().where(table.c.id == recording))), None)

    async def found(self, noted: Sequence[Noted], now: int) -> None:
        """Keep that these files are there; what is known already stays as it is."""

        async def work(connection: AsyncConnection) -> None:
            rows = _rows(noted, RecordingState.FOUND, now, {})
            await execute_many(connection, insert_into(connection, table).on_conflict_do_nothing(), rows)

        if noted:
            await self._database.write(work)

    async def known(self, files: Collection[str]) -> set[str]:
        """Return those of `files` that are known."""

        async def ask(connection: AsyncConnection) -> set[str]:
            every, known = list(files), set[str]()
            for start in range(0, len(every), AT_ONCE):
                some = select(table.c.file).where(table.c.file.in_(every[start : start + AT_ONCE]))
                known.update(await connection.scalars(some))
            return known

        return await self._database.read(ask)

    async def to_look_at(self, before: int, limit: int) -> list[Recording]:
        """Return what was told and not looked at, and what was found before `before` (µs UTC), oldest first."""
        state = table.c.state
        wanted = or_(
            state == str(RecordingState.TOLD),
            and_(state == str(RecordingState.FOUND), table.c.noted_at < before),
        )
        return await self._read(_shown().where(wanted).order_by(table.c.noted_at, table.c.id).limit(limit))

    async def looked_at(self, recording: UUID, *, ended: int, size: int, sha256: str) -> None:
        """Keep what the file is. The hash that is kept first stays."""
        values = {"ended_at": ended, "bytes": size, "sha256": sha256, "state": str(RecordingState.KEPT)}
        await self._change(recording, [str(state) for state in _NOT_YET], values)

    async def gone(self, recording: UUID, state: RecordingState, why: str, now: int) -> None:
        """Keep that the file is missing or erased, and why."""
        values = {"state": str(state), "why": why, "noted_at": now}
        await self._change(recording, [*map(str, _NOT_YET), str(RecordingState.KEPT)], values)

    async def due(self, now: int, limit: int) -> list[tuple[Recording, str]]:
        """Return kept ones whose time is over, each with its incident's disposition (empty: none)."""
        limits = {name: literal(now - n * DAY_US, Whole) for name, n in self._days.items()}
        others = limits.pop(DEFAULT)
        statement = (
            _shown()
            .where(
                table.c.state == str(RecordingState.KEPT),
                # For the index: what is over the shortest time is not much.
                table.c.begun_at < now - min(self._days.values()) * DAY_US,
                table.c.begun_at < (case(limits, value=_DISPOSITION, else_=others) if limits else others),
            )
            .order_by(table.c.begun_at)
            .limit(limit)
        )

        async def ask(connection: AsyncConnection) -> list[tuple[Recording, str]]:
            rows = (await connection.execute(statement)).all()
            return [(self._recording(row), row.disposition or "") for row in rows]

        return await self._database.read(ask)

    async def _read(self, statement: Select[Any]) -> list[Recording]:
        async def ask(connection: AsyncConnection) -> list[Recording]:
            return [self._recording(row) for row in await connection.execute(statement)]

        return await self._database.read(ask)

    async def _change(self, recording: UUID, states: Sequence[str], values: dict[str, Any]) -> None:
        statement = update(table).where(table.c.id == recording, table.c.state.in_(states)).values(values)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement)

        await self._database.write(work)

    def of_row(self, row: Mapping[str, Any]) -> Recording:
        """Return the recording of a row of the table, as if its incident had no disposition."""
        return self._recording(SimpleNamespace(**row, disposition=""))

    def _recording(self, row: Any) -> Recording:
        state = RecordingState(row.state)
        kept = state not in {RecordingState.MISSING, RecordingState.ERASED}
        return Recording(
            id=row.id,
            call=row.call,
            incident=row.incident,
            kind=RecordingKind(row.kind),
            file=row.file,
            begun=row.begun_at,
            ended=row.ended_at,
            bytes=row.bytes,
            sha256=row.sha256,
            state=state,
            why=row.why,
            until=row.begun_at + days_of(row.disposition or "", self._days) * DAY_US if kept else None,
        )


_OF_CALL = t.call.alias("of_call")
_OF_CALL_INCIDENT = t.incident.alias("of_call_incident")
_DISPOSITION = _OF_CALL_INCIDENT.c.disposition


def _shown() -> Select[Any]:
    """Every recording, with the incident that its call belongs to (a call back is not the one that opened it)."""
    c = table.c
    incident = case((_OF_CALL.c.incident.is_not(None), _OF_CALL.c.incident), else_=c.incident)
    return (
        select(
            c.id,
            c.call,
            incident.label("incident"),
            c.kind,
            c.file,
            c.begun_at,
            c.ended_at,
            c.bytes,
            c.sha256,
            c.state,
            c.why,
            _DISPOSITION.label("disposition"),
        )
        .outerjoin_from(table, _OF_CALL, _OF_CALL.c.id == c.call)
        .outerjoin(_OF_CALL_INCIDENT, _OF_CALL_INCIDENT.c.id == _OF_CALL.c.incident)
    )
