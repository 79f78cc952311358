"""Standard operating procedures: versions of lists, which of them an incident was asked, and the answers."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Table, Uuid

from callrouter.storage import tables as t
from callrouter.storage.columns import CleanJson, CleanText, Whole

# Rows are only ever added: what was asked of an incident stays readable. The newest version of a list is in force.
sop_version = Table(
    "sop_version",
    t.metadata,
    # callrouter.incidents.sop.SubjectKind, and the key of the category or agency. No foreign key: what was deleted
    # still has its past.
    Column("kind", CleanText(t.KEY), primary_key=True),
    Column("subject", CleanText(t.KEY), primary_key=True),
    Column("version", Whole, primary_key=True, autoincrement=False),
    Column("title_id", CleanText(200), nullable=False),
    Column("title_en", CleanText(200), nullable=False),
    # callrouter.incidents.sop.data_of; empty: the list was withdrawn.
    Column("items", CleanJson, nullable=False),
    Column("made_at", Whole, nullable=False),
    Column("made_by", CleanText(200), nullable=False),
)

# Which version an incident is asked: the one that was in force at the first look.
incident_sop = Table(
    "incident_sop",
    t.metadata,
    Column("incident", Uuid, ForeignKey("incident.id"), primary_key=True),
    Column("kind", CleanText(t.KEY), primary_key=True),
    Column("subject", CleanText(t.KEY), primary_key=True),
    Column("sop", Whole, nullable=False),
    Column("attached_at", Whole, nullable=False),
    # Grows with every change of the answers (If-Match).
    Column("version", Whole, nullable=False),
)

sop_answer = Table(
    "sop_answer",
    t.metadata,
    Column("incident", Uuid, primary_key=True),
    Column("kind", CleanText(t.KEY), primary_key=True),
    Column("subject", CleanText(t.KEY), primary_key=True),
    Column("item", CleanText(t.KEY), primary_key=True),
    # {"value": true, a whole number or a choice's key}; NULL: it is in words.
    Column("answer", CleanJson, nullable=True),
    Column("words", CleanText(2_000), nullable=False),
    Column("at", Whole, nullable=False),
    Column("by", CleanText(200), nullable=False),
    ForeignKeyConstraint(
        ["incident", "kind", "subject"],
        ["incident_sop.incident", "incident_sop.kind", "incident_sop.subject"],
        name="fk_sop_answer_incident",
    ),
)
