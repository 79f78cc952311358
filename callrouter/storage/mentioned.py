"""A person's number in what was written of others: found in every text, and taken out of it; the text stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Table, and_, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.storage import tables as t
from callrouter.storage.mentions import Mentions
from callrouter.storage.personal import rewritten
from callrouter.storage.tables_figures import agency_remark
from callrouter.storage.tables_sop import sop_answer
from callrouter.storage.words import keep_words

TEXTS: Final[tuple[tuple[Table, tuple[str, ...]], ...]] = (
    (t.incident, ("place", "description", "reporter_name", "closed_reason")),
    (t.incident_agency, ("remark",)),
    (t.incident_event, ("data",)),
    (sop_answer, ("words",)),
    (agency_remark, ("text",)),
)
"""Columns that people write freely, in the order in which everybody takes the rows."""


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A text that has the number. key: of the row; incident: that it is of, where it is of one."""

    table: str
    key: dict[str, Any]
    column: str
    text: Any
    incident: UUID | None


async def mentioned(connection: AsyncConnection, mentions: Mentions) -> list[Mentioned]:
    """Return every text that has the number; reads all of them. None for a number that is not looked for in texts."""
    found: list[Mentioned] = []
    if connection.dialect.name == "postgresql":
        # All rows of some tables: the deadline is that of who asked.
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
    for table, columns in TEXTS if mentions.within_texts else ():
        statement = select(table).where(or_(*(mentions.may(table.c[name]) for name in columns)))
        # Far more rows are asked for than have it: one after the other.
        async for row in (await connection.stream(statement.order_by(*table.primary_key.columns))).mappings():
            key = {column.name: row[column.name] for column in table.primary_key.columns}
            of = row["id"] if table is t.incident else row.get("incident")
            changed = _without(dict(row), columns, mentions)
            found += [Mentioned(table.name, key, name, row[name], of) for name in changed]
    return found


async def take_out(connection: AsyncConnection, mentions: Mentions, found: Sequence[Mentioned], now: int) -> int:
    """Take the number out of these texts, as they are now; return out of how many. Their incidents are locked."""
    taken = 0
    for table, columns in TEXTS:
        keys = [dict(pairs) for pairs in dict.fromkeys(tuple(f.key.items()) for f in found if f.table == table.name)]
        for key in keys:
            same = and_(*(table.c[name] == value for name, value in key.items()))
            locked = await connection.execute(select(table).where(same).with_for_update(key_share=True))
            row = locked.mappings().one_or_none()
            if row is None:
                continue  # removed meanwhile
            values = _without(dict(row), columns, mentions)
            if not values:
                continue  # blanked meanwhile
            taken += len(values)
            if table is t.incident:
                values["updated_at"] = max(now, row["updated_at"] + 1)
            await connection.execute(update(table).where(same).values(values))
    await keep_words(connection, sorted({one.incident for one in found if one.incident is not None}))
    return taken


def _without(row: Mapping[str, Any], columns: Sequence[str], mentions: Mentions) -> dict[str, Any]:
    """Return those of a row's columns that have the number, without it."""
    values = {name: row[name] for name in columns if row[name] is not None}
    edited = {
        name: mentions.without(value) if isinstance(value, str) else rewritten(value, mentions.without)
        for name, value in values.items()
    }
    return {name: value for name, value in edited.items() if value != values[name]}
