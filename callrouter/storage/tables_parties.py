"""The tables of neighbouring centres: what they handed over, and the calls that came with it."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Uuid, text

from callrouter.storage.columns import CleanJson, CleanText, Whole
from callrouter.storage.tables import KEY, metadata

# A document as it came; another version of it is another row.
eido_received = Table(
    "eido_received",
    metadata,
    # callrouter.storage.parties.document_id
    Column("id", Uuid, primary_key=True),
    Column("incident", Uuid, ForeignKey("incident.id"), nullable=False),
    # Key of the agency that the centre is in our directory.
    Column("neighbour", CleanText(KEY), nullable=False),
    # The incident's id there, and what of it a SIP header carries.
    Column("external", CleanText(200), nullable=False),
    Column("tail", CleanText(64), nullable=False),
    Column("received_at", Whole, nullable=False),
    Column("received_by", CleanText(200), nullable=False),
    # NULL: it was erased.
    Column("document", CleanJson, nullable=True),
    Index(None, "incident", "received_at"),
    Index(None, "tail"),
)

WITH_DOCUMENT = text("document IS NOT NULL")
Index(
    "ix_eido_received_with_document",
    eido_received.c.received_at,
    sqlite_where=WITH_DOCUMENT,
    postgresql_where=WITH_DOCUMENT,
)

# A neighbour's call that named an incident; `incident`: which one it was found to be, NULL: none yet.
call_handed = Table(
    "call_handed",
    metadata,
    Column("call", Uuid, primary_key=True),
    Column("trunk", CleanText(KEY), nullable=False),
    Column("tail", CleanText(64), nullable=False),
    Column("at", Whole, nullable=False),
    Column("incident", Uuid, nullable=True),
)

# As text, not as a value that is bound: only so do the databases see that a question is the index's.
NOT_FOUND = text("incident IS NULL")
Index("ix_call_handed_waiting", call_handed.c.at, sqlite_where=NOT_FOUND, postgresql_where=NOT_FOUND)
