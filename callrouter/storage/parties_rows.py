"""Calls of neighbouring centres that name an incident, as rows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.ports import CallNote
from callrouter.calls.records import Opened, Record
from callrouter.storage.rows import insert_into
from callrouter.storage.tables_parties import call_handed


async def keep_handed(connection: AsyncConnection, items: Sequence[CallNote | Record]) -> None:
    """Note which of these calls name an incident of their neighbour, in the transaction that is given."""
    rows = [
        {"call": one.call, "trunk": one.trunk, "tail": one.handed, "at": one.at, "incident": None}
        for one in items
        if isinstance(one, Opened) and one.handed
    ]
    if rows:
        made = insert_into(connection, call_handed).on_conflict_do_nothing(index_elements=["call"])
        await connection.execute(made, rows)
