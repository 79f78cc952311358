"""Where the PBX's journal lands: records, rejected lines and the file's offset, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.records import JournalBatch, Opened
from callrouter.clock import now_us
from callrouter.incidents.model import incident_id
from callrouter.storage import tables as t
from callrouter.storage.changed import Changed, nobody
from callrouter.storage.database import Database, StorageUnavailable, is_away
from callrouter.storage.fill import AT_ONCE, fill, insert_into, upsert
from callrouter.storage.recordings import store_told

log = structlog.get_logger(__name__)


MAX_OFFSETS = 500


class Journal:
    """Stores journal batches (callrouter.calls.ports.JournalStore). Raises StorageUnavailable: try again later.

    changed, goes_on: told of the incidents of a batch once it is stored, `goes_on` of those whose calls have only
    begun; they must not wait
    """

    def __init__(
        self,
        database: Database,
        now_us: Callable[[], int] = now_us,
        changed: Changed = nobody,
        goes_on: Changed | None = None,
    ) -> None:
        self._database = database
        self._now_us = now_us
        self._changed = changed
        self._goes_on = changed if goes_on is None else goes_on

    async def offsets(self, node: str) -> dict[str, int]:
        """Return how far each of the newest files of `node` has been taken, in bytes.

        A file that is older than those is retired; should one come back, reading it again changes nothing.
        """

        async def ask(connection: AsyncConnection) -> dict[str, int]:
            newest = (
                select(t.journal_offset.c.file, t.journal_offset.c.offset)
                .where(t.journal_offset.c.node == node)
                .order_by(t.journal_offset.c.file.desc())
                .limit(MAX_OFFSETS)
            )
            rows = await connection.execute(newest)
            return {row.file: row.offset for row in rows}

        return await self._database.read(ask)

    async def offsets_of(self, node: str, files: Sequence[str]) -> dict[str, int]:
        """Return how far each of these files has been taken, in bytes; one that was never begun is not in it."""
        offset = t.journal_offset.c

        async def ask(connection: AsyncConnection) -> dict[str, int]:
            found: dict[str, int] = {}
            for start in range(0, len(files), AT_ONCE):
                some = select(offset.file, offset.offset).where(
                    offset.node == node, offset.file.in_(files[start : start + AT_ONCE])
                )
                found |= {row.file: row.offset for row in await connection.execute(some)}
            return found

        return await self._database.read(ask) if files else {}

    async def apply(self, batch: JournalBatch) -> None:
        """Store a batch and its offset together. Applying it twice, in parts or out of order changes nothing.

        The offset is kept as it is given, also a smaller one: reading a line again is harmless, missing one is not.
        A record that the database refuses is set aside like a line that could not be read. A database that has not
        taken what stands before the batch is another one than was asked, or an older copy: StorageUnavailable, and
        whoever asks again learns how far it is.
        """
        touched: set[UUID] = set()

        async def at_once(connection: AsyncConnection) -> None:
            await self._require_taken(connection, batch)
            touched.update(await fill(connection, batch.records))
            await store_told(connection, batch.records, self._now_us())
            await self._close(connection, batch, [])

        async def one_by_one(connection: AsyncConnection) -> None:
            await self._require_taken(connection, batch)
            refused: list[tuple[bytes, str]] = []
            for record in batch.records:
                try:
                    async with connection.begin_nested():
                        touched.update(await fill(connection, [record]))
                        await store_told(connection, [record], self._now_us())
                except Exception as error:  # whatever is wrong with one record, the next must land
                    if is_away(error):
                        raise
                    refused.append(
                        (repr(record).encode(errors="backslashreplace"), f"refused: {type(error).__name__}")
                    )
                    log.error("journal_record_refused", call=str(record.call), error=type(error).__name__)
            await self._close(connection, batch, refused)

        try:
            await self._database.write(at_once)
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - see above
            log.error("journal_batch_refused", file=batch.file, offset=batch.offset, error=type(error).__name__)
            await self._database.write(one_by_one)
        self._tell(batch, touched)

    async def _require_taken(self, connection: AsyncConnection, batch: JournalBatch) -> None:
        row = t.journal_offset.c
        asked = select(row.offset).where(row.node == batch.node, row.file == batch.file)
        taken: int = (await connection.execute(asked)).scalar_one_or_none() or 0
        if taken < batch.begin:
            raise StorageUnavailable(f"{batch.file} was taken up to {taken} there, and not to {batch.begin}")

    def _tell(self, batch: JournalBatch, touched: set[UUID]) -> None:
        more = {incident_id(record.call) for record in batch.records if not isinstance(record, Opened)}
        begun = {incident_id(record.call) for record in batch.records if isinstance(record, Opened)} - more
        self._changed(touched - begun)
        self._goes_on(touched & begun)

    async def _close(
        self, connection: AsyncConnection, batch: JournalBatch, refused: Sequence[tuple[bytes, str]]
    ) -> None:
        rejects = [(r.line, r.reason, r.position) for r in batch.rejected]
        rejects += [(line, reason, batch.offset) for line, reason in refused]
        rows: list[dict[str, Any]] = [
            {
                "node": batch.node,
                "file": batch.file,
                "digest": hashlib.sha256(line).digest(),
                "offset": position,
                "line": line,
                "reason": reason,
                "at": self._now_us(),
            }
            for line, reason, position in rejects
        ]
        if rows:
            await connection.execute(insert_into(connection, t.journal_reject).on_conflict_do_nothing(), rows)
        offset = {"node": batch.node, "file": batch.file, "offset": batch.offset}
        await upsert(connection, t.journal_offset, ("node", "file"), [offset])
