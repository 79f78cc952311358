"""The tables. Times are whole microseconds since 1970 UTC, as their source told them.

`migrations/` makes them; a test holds the two together on both databases.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from callrouter.storage.columns import CleanJson, CleanText, Counted, Whole

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

KEY = 64
"""Longest key, state or number that is kept: these stand in indexes, where PostgreSQL holds 2,700 bytes at most."""

incident = Table(
    "incident",
    metadata,
    # The number for people. It only ever grows; a number may be missing where two writers met (PostgreSQL).
    Column("number", Counted, primary_key=True, autoincrement=True),
    Column("id", Uuid, nullable=False, unique=True),
    # The call that opened it, whose course sets the automatic fields; NULL for one opened without a call. No foreign
    # key: the two rows would need each other to be first.
    Column("opening_call", Uuid, nullable=True),
    # callrouter.incidents.model.IncidentOrigin
    Column("origin", CleanText(KEY), nullable=False),
    Column("state", CleanText(KEY), nullable=False),
    Column("category", CleanText(KEY), nullable=False),
    Column("opened_at", Whole, nullable=False),
    Column("callback", Boolean, nullable=False),
    Column("callback_reason", CleanText(KEY), nullable=False),
    # True: the state follows from what persons and agencies did; False: from its calls alone (lifecycle.state_of).
    Column("state_by_person", Boolean, nullable=False),
    # True: a person set it, and no note and no journal record changes it any more.
    Column("category_by_person", Boolean, nullable=False),
    Column("callback_by_person", Boolean, nullable=False),
    Column("reporter_number", CleanText(KEY), nullable=False),
    Column("reporter_name", CleanText(200), nullable=False),
    # Kemendagri code, and how it is known: routing.facts.AreaSource, or "person".
    Column("area", CleanText(KEY), nullable=False),
    Column("area_source", CleanText(KEY), nullable=False),
    Column("area_by_person", Boolean, nullable=False),
    Column("place", CleanText(500), nullable=False),
    Column("description", CleanText(4_000), nullable=False),
    Column("people_hurt", Integer, nullable=True),
    # callrouter.incidents.dispositions; empty: not known yet.
    Column("disposition", CleanText(KEY), nullable=False),
    Column("sub_code", CleanText(KEY), nullable=False),
    Column("disposition_by_person", Boolean, nullable=False),
    # When an operator took it into his hands, and who.
    Column("taken_at", Whole, nullable=True),
    Column("taken_by", CleanText(200), nullable=False),
    # The first of its agencies that are with it; resolved: the last of them (lifecycle.milestones).
    Column("acknowledged_at", Whole, nullable=True),
    Column("en_route_at", Whole, nullable=True),
    Column("on_scene_at", Whole, nullable=True),
    Column("resolved_at", Whole, nullable=True),
    Column("closed_at", Whole, nullable=True),
    Column("closed_reason", CleanText(200), nullable=False),
    # When the row last changed, by whoever: it only ever grows, also when the clock is set back.
    Column("updated_at", Whole, nullable=False),
    Column("merged_into", Uuid, ForeignKey("incident.id"), nullable=True),
    # Grows with every act of a person or agency, and never with a note or record: an operator who writes while the
    # call goes on is not refused for what the call did meanwhile (If-Match, RFC 9110 section 13.1.1).
    Column("version", Whole, nullable=False),
    Index(None, "merged_into"),
    sqlite_autoincrement=True,
)

# Those that close themselves after a time: few, for the others have been closed.
Index(
    "ix_incident_closing",
    incident.c.disposition,
    incident.c.updated_at,
    sqlite_where=incident.c.closed_at.is_(None),
    postgresql_where=incident.c.closed_at.is_(None),
)

# What one agency has to do with one incident: its own state, its own acknowledgement, its own clock.
incident_agency = Table(
    "incident_agency",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("incident", Uuid, ForeignKey("incident.id"), nullable=False),
    # Its key in the directory. No foreign key: an agency that was deleted still has its past.
    Column("agency", CleanText(KEY), nullable=False),
    # callrouter.incidents.model.AgencyState
    Column("state", CleanText(KEY), nullable=False),
    # How it came to know of it: callrouter.incidents.model.PassedHow.
    Column("how", CleanText(KEY), nullable=False),
    # Of the incident, by which lists are ordered (callrouter.storage.search).
    Column("opened_at", Whole, nullable=True),
    Column("passed_at", Whole, nullable=False),
    # Empty: by the call itself.
    Column("passed_by", CleanText(200), nullable=False),
    # When its human took the caller, by a call.
    Column("answered_at", Whole, nullable=True),
    Column("acknowledged_at", Whole, nullable=True),
    Column("acknowledged_by", CleanText(200), nullable=False),
    Column("en_route_at", Whole, nullable=True),
    Column("on_scene_at", Whole, nullable=True),
    Column("resolved_at", Whole, nullable=True),
    # When the acknowledgement is due; NULL where none is waited for.
    Column("due_at", Whole, nullable=True),
    Column("remark", CleanText(2_000), nullable=False),
    Column("updated_at", Whole, nullable=False),
    # Grows with every act on it (If-Match).
    Column("version", Whole, nullable=False),
    UniqueConstraint("incident", "agency"),
    Index(None, "agency", "passed_at", "id"),
)
# Acknowledgements that are waited for: few.
Index(
    "ix_incident_agency_due",
    incident_agency.c.due_at,
    sqlite_where=incident_agency.c.state == "passed",
    postgresql_where=incident_agency.c.state == "passed",
)

# Finer kinds of a disposition, as the centre has them. None is ever deleted: incidents name it.
sub_code = Table(
    "sub_code",
    metadata,
    Column("disposition", CleanText(KEY), primary_key=True),
    Column("key", CleanText(KEY), primary_key=True),
    Column("name_id", CleanText(200), nullable=False),
    Column("name_en", CleanText(200), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("version", Whole, nullable=False),
)

call = Table(
    "call",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("incident", Uuid, ForeignKey("incident.id"), nullable=False, index=True),
    Column("direction", CleanText(8), nullable=False),
    Column("node", CleanText(KEY), nullable=False),
    # How the opening is known: known.Source. A better source replaces what a lesser one said.
    Column("opened_source", SmallInteger, nullable=False),
    Column("opened_at", Whole, nullable=False),
    Column("origin", CleanText(KEY), nullable=False),
    Column("trunk", CleanText(KEY), nullable=False),
    Column("number", CleanText(KEY), nullable=False),
    Column("name", CleanText(200), nullable=False),
    Column("channel", CleanText(200), nullable=False),
    Column("uniqueid", CleanText(200), nullable=False),
    # What the service decided.
    Column("routed_at", Whole, nullable=True),
    Column("facts", CleanJson, nullable=True),
    Column("decided_route", CleanText(KEY), nullable=False),
    Column("decided_version", Whole, nullable=True),
    Column("decided_plan", CleanText(CleanText.LONG), nullable=False),
    # The latest human seen on the line while the call ran.
    Column("joined_at", Whole, nullable=True),
    Column("joined_by", CleanText(200), nullable=False),
    Column("joined_with", CleanText(8), nullable=False),
    # What the PBX says it did.
    Column("ended_at", Whole, nullable=True),
    Column("answered_at", Whole, nullable=True),
    Column("chosen_at", Whole, nullable=True),
    Column("human_at", Whole, nullable=True),
    Column("choice", CleanText(KEY), nullable=False),
    Column("category", CleanText(KEY), nullable=False),
    Column("language", CleanText(KEY), nullable=False),
    Column("stage", CleanText(KEY), nullable=False),
    Column("path", CleanText(KEY), nullable=False),
    Column("version", Whole, nullable=True),
    Column("route", CleanText(KEY), nullable=False),
    Column("plan", CleanText(CleanText.LONG), nullable=False),
    Column("outcome", CleanText(KEY), nullable=True),
    Column("recording", CleanText(400), nullable=False),
    Column("cause", CleanText(200), nullable=False),
    Column("talked_with", CleanText(8), nullable=False),
    # What stood in From, where `number` is what a trunk asserts (P-Asserted-Identity).
    Column("sent_from", CleanText(KEY), nullable=False),
    # The caller pressed 1 because he cannot speak: by what was decided, or by what the PBX says; it stays so.
    Column("cannot_speak", Boolean, nullable=False, default=False),
    CheckConstraint("direction IN ('in', 'out')", name="direction"),
    Index(None, "routed_at", "id"),
    # When a number last reached a human: what takes it off the list of calls back.
    Index(None, "number", "human_at"),
)
# Calls without an end: few, and looked for after each restart of the PBX.
Index(
    "ix_call_without_end",
    call.c.node,
    call.c.opened_at,
    sqlite_where=call.c.ended_at.is_(None),
    postgresql_where=call.c.ended_at.is_(None),
)

attempt = Table(
    "attempt",
    metadata,
    Column("call", Uuid, ForeignKey("call.id"), primary_key=True),
    Column("n", Whole, primary_key=True, autoincrement=False),
    Column("kind", CleanText(KEY), nullable=False),
    Column("label", CleanText(400), nullable=False),
    Column("begun_at", Whole, nullable=False),
    Column("pickup_at", Whole, nullable=True),
    Column("human_at", Whole, nullable=True),
    Column("ended_at", Whole, nullable=True),
    Column("by", CleanText(200), nullable=False),
    Column("result", CleanText(KEY), nullable=False),
    Column("cause", CleanText(200), nullable=False),
)

incident_event = Table(
    "incident_event",
    metadata,
    Column("id", Counted, primary_key=True, autoincrement=True),
    Column("incident", Uuid, ForeignKey("incident.id"), nullable=False),
    # Empty for what a person did: such entries never count as each other's repetition (NULLs are distinct).
    Column("call", Uuid, ForeignKey("call.id"), nullable=True, index=True),
    Column("kind", CleanText(KEY), nullable=False),
    # Tells apart entries of one kind that one call can have several of; the note and the journal give the same.
    Column("occurrence", CleanText(300), nullable=False),
    Column("at", Whole, nullable=False),
    Column("actor", CleanText(200), nullable=False),
    Column("data", CleanJson, nullable=False),
    UniqueConstraint("incident", "call", "kind", "occurrence"),
    sqlite_autoincrement=True,
)

# Calls that the PBX's SIP stack refused: no dialplan, no journal, no incident.
refused_invite = Table(
    "refused_invite",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", Whole, nullable=False, index=True),
    Column("node", CleanText(KEY), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("reason", CleanText(200), nullable=False),
    Column("trunk", CleanText(KEY), nullable=False),
    Column("source", CleanText(KEY), nullable=False),
    Column("number", CleanText(KEY), nullable=False),
)

journal_offset = Table(
    "journal_offset",
    metadata,
    Column("node", CleanText(KEY), primary_key=True),
    Column("file", CleanText(200), primary_key=True),
    Column("offset", Whole, nullable=False),
)

journal_reject = Table(
    "journal_reject",
    metadata,
    Column("node", CleanText(KEY), primary_key=True),
    Column("file", CleanText(200), primary_key=True),
    # SHA-256 of the line: the same line read again is the same row.
    Column("digest", LargeBinary, primary_key=True),
    # The byte of the file at which the line begins.
    Column("offset", Whole, nullable=False),
    Column("line", LargeBinary, nullable=False),
    Column("reason", CleanText(1_000), nullable=False),
    Column("at", Whole, nullable=False, index=True),
)

table_version = Table(
    "table_version",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    # Of `routing` alone: the directory half is kept as it was then, to explain by, and is no part of the version.
    Column("sha256", CleanText(64), nullable=False),
    # Kept as the very text that was hashed; a JSON column would put its keys in another order.
    Column("routing", Text, nullable=False),
    Column("directory", Text, nullable=False),
    Column("created_at", Whole, nullable=False),
    Column("who", CleanText(200), nullable=False),
    Column("why", CleanText(2_000), nullable=False),
)

# The directory in force and the draft of the routing half, in one row for what they have only once, and one row for
# each entry. `generation` grows with every write to either.
desk = Table(
    "desk",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("generation", Whole, nullable=False),
    Column("settings", Text, nullable=True),
    Column("settings_revision", Whole, nullable=False),
    Column("based_on", Integer, nullable=True),
    Column("approved_sha256", CleanText(64), nullable=True),
    Column("approved_by", CleanText(200), nullable=True),
    CheckConstraint("id = 1", name="one_row"),
)

entry = Table(
    "entry",
    metadata,
    Column("kind", CleanText(KEY), primary_key=True),
    Column("key", CleanText(KEY), primary_key=True),
    Column("revision", Whole, nullable=False),
    Column("body", Text, nullable=False),
)

operator_secret = Table(
    "operator_secret",
    metadata,
    Column("operator", CleanText(KEY), primary_key=True),
    Column("md5", CleanText(KEY), nullable=False),
    Column("sha256", CleanText(KEY), nullable=False),
    Column("created_at", Whole, nullable=False),
    Column("created_by", CleanText(200), nullable=False),
)

trunk_secret = Table(
    "trunk_secret",
    metadata,
    Column("trunk", CleanText(KEY), primary_key=True),
    # A whole text or none: what is cut could not be decrypted.
    Column("ciphertext", Text, nullable=False),
    Column("created_at", Whole, nullable=False),
    Column("created_by", CleanText(200), nullable=False),
)

duty = Table(
    "duty",
    metadata,
    Column("operator", CleanText(KEY), primary_key=True),
    Column("presence", CleanText(KEY), nullable=False),
    Column("until", Whole, nullable=True),
    Column("paused", CleanText(KEY), nullable=True),
    Column("missed", Whole, nullable=False),
    Column("changed_at", Whole, nullable=False),
    Column("changed_by", CleanText(200), nullable=False),
)

token = Table(
    "token",
    metadata,
    Column("id", CleanText(KEY), primary_key=True),
    Column("name", CleanText(200), nullable=False),
    Column("role", CleanText(KEY), nullable=False),
    Column("subject", CleanText(KEY), nullable=True),
    Column("digest", CleanText(KEY), nullable=False),
    Column("created_at", Whole, nullable=False),
    Column("created_by", CleanText(200), nullable=False),
    Column("expires_at", Whole, nullable=False),
    Column("revoked_at", Whole, nullable=True),
    Column("last_used_at", Whole, nullable=True),
)

# A keyed hash chain (callrouter.access.chain). Its texts are kept as they were signed.
audit = Table(
    "audit",
    metadata,
    Column("seq", Whole, primary_key=True, autoincrement=False),
    Column("at", Whole, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("payload", Text, nullable=True),
    Column("payload_hash", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("mac", Text, nullable=False),
    Index(None, "actor", "seq"),
    Index(None, "action", "seq"),
    Index(None, "at"),
)
