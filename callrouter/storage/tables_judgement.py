"""How suspect callers were when their calls were opened, and the index of those who cannot speak."""

from __future__ import annotations

from sqlalchemy import Column, Index, SmallInteger, Table, Uuid, text

from callrouter.storage import tables as t
from callrouter.storage.columns import CleanJson, Whole

# No foreign key: the note of a call may come after this one, or stay with the journal.
judgement = Table(
    "judgement",
    t.metadata,
    Column("call", Uuid, primary_key=True),
    Column("at", Whole, nullable=False),
    Column("score", SmallInteger, nullable=False),
    # [{"key": …, "points": …, "count": …}], as callrouter.incidents.suspicion.Term has it; their points add up to the
    # score.
    Column("terms", CleanJson, nullable=False),
)

# Few: the list of incidents is led by it.
Index(
    "ix_call_cannot_speak",
    t.call.c.opened_at,
    sqlite_where=text("cannot_speak = 1"),
    postgresql_where=text("cannot_speak"),
)
