"""What incidents and calls are searched by: their words, and the indexes of the list's filters.

The list is in the order of `opened_at`, then `number`, newest first. Each index of a filter has both behind what is
filtered, so that one range of it is a page, at any place of any period.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Table, Uuid

from callrouter.storage import tables as t
from callrouter.storage.columns import CleanText, Whole

WORDS: Final = 20_000
"""Characters of an incident that are searched."""

WORDS_INDEX: Final = "ix_incident_text_words"
"""PostgreSQL's index of them (GIN over a tsvector)."""
LEXEMES: Final = "lexemes"
"""PostgreSQL's column beside them, which it makes by itself."""
WORDS_TABLE: Final = "incident_words"
"""SQLite's (FTS5), with tables of its own behind it; triggers keep it."""


def modelled(name: str | None, _kind: str, _parent: object) -> bool:
    """Return whether a thing in the database has a model here, for Alembic (`include_name`): indexes of words have
    none. Each database has its own kind; migration 0007 makes them.
    """
    return name is None or not name.startswith((WORDS_TABLE, WORDS_INDEX, LEXEMES))


# The words of those incidents that have any: what people wrote, and names. Kept by callrouter.storage.words.
incident_text = Table(
    "incident_text",
    t.metadata,
    Column("incident", Uuid, ForeignKey("incident.id"), primary_key=True),
    # As its incident has it: the list is in this order.
    Column("opened_at", Whole, nullable=False, index=True),
    Column("words", CleanText(WORDS), nullable=False),
)

_i, _c, _a = t.incident.c, t.call.c, t.incident_agency.c
Index("ix_incident_opened_at_number", _i.opened_at, _i.number)
for _column in (_i.state, _i.category, _i.callback, _i.area, _i.disposition):
    Index(f"ix_incident_{_column.name}_opened_at_number", _column, _i.opened_at, _i.number)
Index("ix_incident_updated_at_number", _i.updated_at, _i.number)
Index(
    "ix_incident_reporter_number",
    _i.reporter_number,
    sqlite_where=_i.reporter_number != "",
    postgresql_where=_i.reporter_number != "",
)
Index("ix_incident_agency_agency_opened_at", _a.agency, _a.opened_at)
Index("ix_call_number_opened_at", _c.number, _c.opened_at)
Index(
    "ix_call_sent_from_opened_at",
    _c.sent_from,
    _c.opened_at,
    sqlite_where=_c.sent_from != "",
    postgresql_where=_c.sent_from != "",
)
Index("ix_call_outcome_opened_at", _c.outcome, _c.opened_at)
Index(
    "ix_call_joined_by_opened_at",
    _c.joined_by,
    _c.opened_at,
    sqlite_where=_c.joined_by != "",
    postgresql_where=_c.joined_by != "",
)
