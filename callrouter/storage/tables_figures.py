"""What figures need beyond calls and incidents: rings, clocks that were set, what agencies say of their month."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Uuid

from callrouter.storage import tables as t
from callrouter.storage.columns import CleanText, Counted, Whole

# When the first telephone rang for a call, as the service heard it from the PBX. No foreign key: the ring may be
# stored before its call is.
call_ring = Table(
    "call_ring",
    t.metadata,
    Column("call", Uuid, primary_key=True),
    Column("at", Whole, nullable=False, index=True),
)

# The wall clock was set (callrouter.incidents.clocks.ClockStep).
clock_step = Table(
    "clock_step",
    t.metadata,
    Column("id", Counted, primary_key=True, autoincrement=True),
    Column("node", CleanText(t.KEY), nullable=False),
    Column("before_at", Whole, nullable=False),
    Column("after_at", Whole, nullable=False, index=True),
    Column("by_us", Whole, nullable=False),
    sqlite_autoincrement=True,
)

# What an agency says about a month's figures.
agency_remark = Table(
    "agency_remark",
    t.metadata,
    Column("agency", CleanText(t.KEY), primary_key=True),
    Column("month", CleanText(7), primary_key=True),
    Column("text", CleanText(2_000), nullable=False),
    Column("said_by", CleanText(200), nullable=False),
    Column("at", Whole, nullable=False),
    Column("version", Whole, nullable=False),
)

Index("ix_call_opened_at", t.call.c.opened_at)
Index("ix_incident_agency_passed_at", t.incident_agency.c.passed_at)
_DIALLED = t.attempt.c.kind.in_(("dial", "static"))
# Few attempts: those by a line to somebody outside.
Index("ix_attempt_dialled", t.attempt.c.begun_at, sqlite_where=_DIALLED, postgresql_where=_DIALLED)
_BY_HAND = t.incident.c.opening_call.is_(None)
Index("ix_incident_by_hand", t.incident.c.opened_at, sqlite_where=_BY_HAND, postgresql_where=_BY_HAND)
