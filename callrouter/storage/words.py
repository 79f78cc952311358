"""The words that incidents are found by: what people wrote of them, and names. Kept by whoever writes those."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.incidents.model import EventKind
from callrouter.storage import tables as t
from callrouter.storage.rows import chunks, upsert
from callrouter.storage.tables_search import WORDS, incident_text

_WORD: Final = re.compile(r"[^\W_]+")
MAX_ASKED: Final = 8
"""Words of one question; more are left out."""
NOTES: Final = 200
"""Notes of one incident whose words are kept."""
WRITTEN: Final = frozenset({"description", "place", "reporter_name"})
"""Columns of an incident that have words."""
WORDED: Final = frozenset({EventKind.NOTE, EventKind.REMARK})
"""Entries of the timeline that have."""


def words(*texts: str) -> str:
    """Return the words of these texts, in small letters, each once, as both databases take them apart alike."""
    found: dict[str, None] = {}
    for text in texts:
        found |= dict.fromkeys(_WORD.findall(text.casefold()))
    return " ".join(found)[:WORDS]


def asked_words(question: str) -> list[str]:
    """Return the words that a question asks for; an incident has to have all of them, as beginnings of its own."""
    return words(question).split(" ")[:MAX_ASKED] if words(question) else []


async def keep_words(connection: AsyncConnection, incidents: Collection[UUID]) -> None:
    """Make these incidents findable by what is written of them now, within the transaction that wrote it."""
    for some in chunks(incidents):
        found = await _texts(connection, some)
        kept = [
            {"incident": id_, "opened_at": opened, "words": said}
            for id_, (opened, said) in sorted(found.items())
            if said
        ]
        await upsert(connection, incident_text, ("incident",), kept)
        empty = [id_ for id_ in some if id_ in found and not found[id_][1]]
        if empty:
            await connection.execute(delete(incident_text).where(incident_text.c.incident.in_(empty)))


async def keep_names(connection: AsyncConnection, names: Sequence[tuple[UUID, int, str]]) -> None:
    """Make incidents findable by their callers' names, as far as nothing else is written of them yet.

    names: of each incident its id, when it was opened (µs UTC) and the name
    """
    rows = [
        {"incident": incident, "opened_at": opened, "words": said}
        for incident, opened, name in names
        if (said := words(name))
    ]
    if rows:
        there = select(incident_text.c.incident).where(
            incident_text.c.incident.in_([row["incident"] for row in rows])
        )
        known = set(await connection.scalars(there))
        await upsert(connection, incident_text, ("incident",), [r for r in rows if r["incident"] not in known])


async def _texts(connection: AsyncConnection, some: Sequence[UUID]) -> dict[UUID, tuple[int, str]]:
    incident, call, event = t.incident.c, t.call.c, t.incident_event.c
    columns = (
        incident.id,
        incident.opened_at,
        incident.description,
        incident.place,
        incident.reporter_name,
        call.name,
    )
    statement = select(*columns).join_from(t.incident, t.call, call.id == incident.opening_call, isouter=True)
    opened: dict[UUID, int] = {}
    texts: dict[UUID, list[str]] = {}
    for row in await connection.execute(statement.where(incident.id.in_(some))):
        opened[row.id] = row.opened_at
        texts[row.id] = [row.description, row.place, row.reporter_name, row.name or ""]
    notes = (
        select(event.incident, event.data)
        .where(event.incident.in_(some), or_(*(event.kind == str(kind) for kind in sorted(WORDED))))
        .order_by(event.at.desc())
        .limit(NOTES * len(some))
    )
    for note in await connection.execute(notes):
        texts[note.incident] += _strings(note.data)
    return {id_: (opened[id_], words(*said)) for id_, said in texts.items()}


async def keep_opened(connection: AsyncConnection, opened: Mapping[UUID, int]) -> None:
    """Bring the words of incidents to when these were opened (µs UTC), where that has become known better."""
    for incident, at in sorted(opened.items()):
        row = incident_text.c.incident == incident
        await connection.execute(update(incident_text).where(row).values(opened_at=at))


def _strings(data: Any) -> list[str]:
    return [value for value in data.values() if isinstance(value, str)] if isinstance(data, dict) else []
