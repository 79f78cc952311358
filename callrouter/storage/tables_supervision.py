"""Callers who are called back, what callers are told for a while, and how threatened the centre is."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Uuid

from callrouter.storage import tables as t
from callrouter.storage.columns import CleanText, Counted, Whole

# One try to call a number back. No foreign key to the incident: a record of the PBX must land whatever there is.
callback_try = Table(
    "callback_try",
    t.metadata,
    Column("id", Uuid, primary_key=True),
    Column("incident", Uuid, nullable=False, index=True),
    # As the caller's side gave it; and what was dialled of it.
    Column("number", CleanText(t.KEY), nullable=False),
    Column("dialled", CleanText(t.KEY), nullable=False),
    Column("operator", CleanText(t.KEY), nullable=False),
    Column("asked_at", Whole, nullable=False),
    Column("asked_by", CleanText(200), nullable=False),
    # What the PBX says: when the operator had his telephone in his hand, when the caller answered, by which line.
    Column("operator_at", Whole, nullable=True),
    Column("human_at", Whole, nullable=True),
    Column("ended_at", Whole, nullable=True),
    Column("trunk", CleanText(t.KEY), nullable=False),
    # callrouter.incidents.callbacks.TryOutcome; empty while it lasts.
    Column("outcome", CleanText(t.KEY), nullable=False),
    Column("cause", CleanText(200), nullable=False),
    Index(None, "number", "asked_at"),
)
Index(
    "ix_callback_try_open",
    callback_try.c.asked_at,
    sqlite_where=callback_try.c.ended_at.is_(None),
    postgresql_where=callback_try.c.ended_at.is_(None),
)

# Who calls a number back now: one at a time.
callback_claim = Table(
    "callback_claim",
    t.metadata,
    Column("number", CleanText(t.KEY), primary_key=True),
    Column("try_of", Uuid, nullable=False),
    Column("operator", CleanText(t.KEY), nullable=False),
    Column("until", Whole, nullable=False),
)

# What callers are told for a while. Never deleted: timelines name it.
banner = Table(
    "banner",
    t.metadata,
    Column("id", Uuid, primary_key=True),
    # callrouter.calls.banners.Scope, and the category's key or the area's code.
    Column("scope", CleanText(t.KEY), nullable=False),
    Column("key", CleanText(t.KEY), nullable=False),
    # A clip of the prompts; empty: the text is spoken.
    Column("clip", CleanText(t.KEY), nullable=False),
    Column("text_id", CleanText(500), nullable=False),
    Column("text_en", CleanText(500), nullable=False),
    Column("reason", CleanText(500), nullable=False),
    Column("made_at", Whole, nullable=False),
    Column("made_by", CleanText(200), nullable=False),
    Column("until", Whole, nullable=False),
    # When a person ended it before its time.
    Column("withdrawn_at", Whole, nullable=True),
    Column("withdrawn_by", CleanText(200), nullable=False),
    Index(None, "until"),
)

# How threatened the centre is, each change a row.
posture_change = Table(
    "posture_change",
    t.metadata,
    Column("id", Counted, primary_key=True, autoincrement=True),
    Column("at", Whole, nullable=False),
    # routing.values.Posture; empty: what was set by hand is withdrawn.
    Column("posture", CleanText(t.KEY), nullable=False),
    # "rate" or "hand".
    Column("source", CleanText(t.KEY), nullable=False),
    Column("until", Whole, nullable=True),
    Column("reason", CleanText(500), nullable=False),
    Column("by", CleanText(200), nullable=False),
    Index(None, "source", "id"),
    sqlite_autoincrement=True,
)
