"""The audit trail as rows: appended within the transaction of what is noted, read in pages, verified as a whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.chain import FIRST, GENESIS, ChainFault, ChainRow, Head, Verifier, link, payload_hash
from callrouter.access.model import AuditNote
from callrouter.access.ports import MAX_AUDIT_PAGE, AuditFilter
from callrouter.clock import now_us
from callrouter.storage import tables as t
from callrouter.storage.columns import clean
from callrouter.storage.database import Database

_ONE_AT_A_TIME: Final = 0x1121
"""Key of PostgreSQL's advisory lock under which rows are appended: seqs have no gaps."""
_ROWS: Final = 200
"""Rows read at once."""
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class Written:
    """A note as it will stand in its row: fit for both databases, its payload as text."""

    actor: str
    action: str
    subject: str
    payload: str


def written(note: AuditNote) -> Written:
    """Return `note` as it is stored. Raises TypeError or ValueError for a payload that is not JSON-serialisable."""
    return Written(
        actor=clean(note.actor, 200),
        action=clean(note.action, t.KEY),
        subject=clean(note.subject, 200),
        # Piece by piece: one call for a whole table would hold the interpreter, also from another thread.
        payload="".join(_ENCODER.iterencode(note.payload)),
    )


async def append(connection: AsyncConnection, key: bytes, note: AuditNote | Written, at_us: int) -> Head:
    """Append a note to the chain, in the transaction of `connection`: the last thing that it does.

    From here until it ends, nobody else appends. Done last, so that two writers never wait for each other in a
    circle. A note with a big payload is best made `written` in a thread before.
    """
    row = note if isinstance(note, Written) else written(note)
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time as it is
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    last = await newest_head(connection)
    seq, previous = (FIRST, GENESIS) if last is None else (last.seq + 1, last.mac)
    hashed = payload_hash(key, row.payload)
    mac = link(key, previous, seq, at_us, row.actor, row.action, row.subject, hashed)
    values = {"seq": seq, "at": at_us, "payload_hash": hashed, "previous": previous, "mac": mac}
    await connection.execute(insert(t.audit), [asdict(row) | values])
    return Head(seq, mac, at_us)


async def newest_head(connection: AsyncConnection) -> Head | None:
    """Return the last row's seq and mac, or None before the first."""
    columns = t.audit.c
    newest = select(columns.seq, columns.mac, columns.at).order_by(columns.seq.desc()).limit(1)
    row = (await connection.execute(newest)).one_or_none()
    return None if row is None else Head(row.seq, row.mac, row.at)


class AuditTrail:
    """Implements callrouter.access.ports.Audit. Every method raises StorageUnavailable."""

    def __init__(self, database: Database, key: bytes, now_us: Callable[[], int] = now_us) -> None:
        self._database = database
        self._key = key
        self._now_us = now_us

    async def append(self, note: AuditNote) -> Head:
        """Append a note by itself; return the new head."""
        row = written(note)
        return await self._database.write(lambda connection: append(connection, self._key, row, self._now_us()))

    async def page(self, wanted: AuditFilter) -> list[ChainRow]:
        """Return at most `wanted.limit` (never more than MAX_AUDIT_PAGE) rows, newest first."""
        shown = select(t.audit).where(*_conditions(wanted)).order_by(t.audit.c.seq.desc())
        return await self._read(shown.limit(max(1, min(wanted.limit, MAX_AUDIT_PAGE))))

    async def rows(self) -> AsyncIterator[ChainRow]:
        """Yield the rows in the order of the chain, up to the newest of now; each piece in a read of its own.

        Rows are only ever added at the end, so the pieces are of one state as far as this goes.
        """
        newest = await self.head()
        columns = t.audit.c
        last: int | None = None
        while newest is not None and (last is None or last < newest.seq):
            some = select(t.audit).where(columns.seq <= newest.seq).order_by(columns.seq).limit(_ROWS)
            found = await self._read(some if last is None else some.where(columns.seq > last))
            if not found:
                return
            for row in found:
                yield row
            last = found[-1].seq

    async def head(self) -> Head | None:
        """Return the newest row's seq and mac; None before the first."""
        return await self._database.read(newest_head)

    async def verify(self, heads: Sequence[Head]) -> list[ChainFault]:
        """Return what is wrong with the chain; empty where nothing is.

        heads: those written outside the database, all that there are, read before this is called (a head written
               later may be of a row that is not looked at any more)
        """
        verifier = Verifier(self._key, heads)
        some: list[ChainRow] = []
        async for row in self.rows():
            some.append(row)
            if len(some) >= _ROWS:
                await asyncio.to_thread(_take, verifier, some)
                some = []
                if verifier.full:
                    break
        await asyncio.to_thread(_take, verifier, some)
        return verifier.finish()

    async def _read(self, statement: Any) -> list[ChainRow]:
        async def ask(connection: AsyncConnection) -> list[ChainRow]:
            return [ChainRow(**row._mapping) for row in await connection.execute(statement)]

        return await self._database.read(ask)


def _conditions(wanted: AuditFilter) -> Iterator[ColumnElement[bool]]:
    columns = t.audit.c
    if wanted.before is not None:
        yield columns.seq < wanted.before
    if wanted.actor is not None:
        yield columns.actor == wanted.actor
    if wanted.action is not None:
        yield columns.action == wanted.action
    if wanted.subject is not None:
        # Not LIKE: on SQLite that ignores case.
        yield func.substr(columns.subject, 1, len(wanted.subject)) == wanted.subject
    if wanted.begin is not None:
        yield columns.at >= wanted.begin
    if wanted.end is not None:
        yield columns.at < wanted.end


def _take(verifier: Verifier, rows: Sequence[ChainRow]) -> None:
    for row in rows:
        verifier.take(row)
