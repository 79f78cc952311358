"""The tables of recordings, and of who saw what."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, UniqueConstraint, Uuid, text

from callrouter.storage.columns import CleanText, Counted, Whole
from callrouter.storage.tables import KEY, call, incident, metadata

recording = Table(
    "recording",
    metadata,
    # By the file's name (callrouter.privacy.recordings): the same file is the same row, whoever tells of it.
    Column("id", Uuid, primary_key=True),
    # No foreign keys: a file may be found before its call is stored, and stays told of when the call is gone.
    Column("call", Uuid, nullable=False),
    Column("incident", Uuid, nullable=False),
    Column("kind", CleanText(KEY), nullable=False),
    Column("file", CleanText(200), nullable=False, unique=True),
    Column("begun_at", Whole, nullable=False),
    Column("ended_at", Whole, nullable=True),
    Column("bytes", Whole, nullable=True),
    Column("sha256", CleanText(64), nullable=True),
    Column("state", CleanText(KEY), nullable=False),
    Column("why", CleanText(400), nullable=False),
    # When it was first told of, or its state last changed.
    Column("noted_at", Whole, nullable=False),
    Index(None, "incident", "begun_at"),
    Index(None, "call"),
    Index(None, "state", "begun_at"),
)

access_log = Table(
    "access_log",
    metadata,
    Column("id", Counted, primary_key=True, autoincrement=True),
    Column("at", Whole, nullable=False, index=True),
    # What stands for one entry: the minute, or of what is told each time its very moment (µs).
    Column("slot", Whole, nullable=False),
    Column("who", CleanText(200), nullable=False),
    Column("role", CleanText(KEY), nullable=False),
    Column("what", CleanText(KEY), nullable=False),
    Column("subject", CleanText(KEY), nullable=False),
    Column("purpose", CleanText(400), nullable=False),
    UniqueConstraint("who", "what", "subject", "slot"),
    Index(None, "subject", "id"),
    Index(None, "who", "id"),
    sqlite_autoincrement=True,
)

# As text, not as values that are bound: only so do the databases see that a question is the index's.
CALL_WITH_PERSON = text("(number <> '' OR name <> '' OR sent_from <> '')")
INCIDENT_WITH_PERSON = text("(reporter_number <> '' OR reporter_name <> '' OR place <> '' OR description <> '')")
# What is blanked when its time is over, oldest first.
Index("ix_call_with_person", call.c.opened_at, sqlite_where=CALL_WITH_PERSON, postgresql_where=CALL_WITH_PERSON)
Index(
    "ix_incident_with_person",
    incident.c.opened_at,
    sqlite_where=INCIDENT_WITH_PERSON,
    postgresql_where=INCIDENT_WITH_PERSON,
)
