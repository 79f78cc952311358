"""The tables of notices to agencies. They hold nothing of a caller: what a notice says is read when it goes out."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text, Uuid, text

from callrouter.storage.columns import CleanText, Whole
from callrouter.storage.tables import KEY, metadata

notice = Table(
    "notice",
    metadata,
    # The idempotency key that receivers see: callrouter.agencies.notices.notice_id.
    Column("id", Uuid, primary_key=True),
    Column("incident", Uuid, ForeignKey("incident.id"), nullable=False),
    # Of incident_agency, and when it was passed. No foreign key: the part is written at the transaction's end.
    Column("part", Uuid, nullable=False),
    Column("passed_at", Whole, nullable=False),
    Column("agency", CleanText(KEY), nullable=False),
    # Key of its contact point; empty: the supervisor.
    Column("contact", CleanText(KEY), nullable=False),
    Column("n", Whole, nullable=False),
    Column("channel", CleanText(KEY), nullable=False),
    Column("target", CleanText(500), nullable=False),
    Column("state", CleanText(KEY), nullable=False),
    Column("tries", Whole, nullable=False),
    Column("created_at", Whole, nullable=False),
    Column("next_at", Whole, nullable=False),
    Column("give_up_at", Whole, nullable=False),
    # When the next contact point is told; NULL: no longer looked at.
    Column("due_at", Whole, nullable=True),
    Column("settled_at", Whole, nullable=True),
    Column("last_error", CleanText(200), nullable=False),
    Index(None, "incident", "created_at"),
    Index(None, "part", "passed_at"),
    Index(None, "created_at", "id"),
    Index(None, "state", "created_at", "id"),
)

# As text, not as values that are bound: only so do the databases see that a question is the index's.
WAITING = text("state IN ('queued', 'sending')")
DUE = text("due_at IS NOT NULL")
Index("ix_notice_waiting", notice.c.channel, notice.c.next_at, sqlite_where=WAITING, postgresql_where=WAITING)
Index("ix_notice_due", notice.c.due_at, sqlite_where=DUE, postgresql_where=DUE)

notice_secret = Table(
    "notice_secret",
    metadata,
    Column("agency", CleanText(KEY), primary_key=True),
    Column("contact", CleanText(KEY), primary_key=True),
    # A whole text or none: what is cut could not be decrypted.
    Column("ciphertext", Text, nullable=False),
    Column("created_at", Whole, nullable=False),
    Column("created_by", CleanText(200), nullable=False),
)
