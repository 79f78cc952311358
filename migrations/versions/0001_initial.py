"""The first tables: calls, incidents, refused calls, the journal's offsets, versions of the routing table.

Revision: 0001; follows: nothing
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "incident",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("opening_call", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("callback", sa.Boolean(), nullable=False),
        sa.Column("callback_reason", sa.Text(), nullable=False),
        sa.Column("state_by_person", sa.Boolean(), nullable=False),
        sa.Column("category_by_person", sa.Boolean(), nullable=False),
        sa.Column("callback_by_person", sa.Boolean(), nullable=False),
        sa.Column("merged_into", sa.Uuid(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["merged_into"], ["incident.id"], name="fk_incident_merged_into"),
        sa.PrimaryKeyConstraint("number", name="pk_incident"),
        sa.UniqueConstraint("id", name="uq_incident_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incident_callback_number", "incident", ["callback", "number"])
    op.create_index("ix_incident_category_number", "incident", ["category", "number"])
    op.create_index("ix_incident_state_number", "incident", ["state", "number"])

    op.create_table(
        "journal_offset",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", "file", name="pk_journal_offset"),
    )
    op.create_table(
        "journal_reject",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", "file", "digest", name="pk_journal_reject"),
    )
    op.create_table(
        "refused_invite",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("trunk", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_refused_invite"),
    )
    op.create_index("ix_refused_invite_at", "refused_invite", ["at"])

    op.create_table(
        "table_version",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("routing", sa.Text(), nullable=False),
        sa.Column("directory", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_table_version"),
    )
    op.create_table(
        "call",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident", sa.Uuid(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("opened_source", sa.SmallInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("trunk", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("uniqueid", sa.Text(), nullable=False),
        sa.Column("routed_at", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True),
        sa.Column("decided_route", sa.Text(), nullable=False),
        sa.Column("decided_version", sa.BigInteger(), nullable=True),
        sa.Column("decided_plan", sa.Text(), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=True),
        sa.Column("joined_by", sa.Text(), nullable=False),
        sa.Column("joined_with", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("chosen_at", sa.BigInteger(), nullable=True),
        sa.Column("human_at", sa.BigInteger(), nullable=True),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("recording", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("talked_with", sa.Text(), nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out')", name="ck_call_direction"),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name="fk_call_incident"),
        sa.PrimaryKeyConstraint("id", name="pk_call"),
    )
    op.create_index("ix_call_incident", "call", ["incident"])

    op.create_table(
        "attempt",
        sa.Column("call", sa.Uuid(), nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("pickup_at", sa.BigInteger(), nullable=True),
        sa.Column("human_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["call.id"], name="fk_attempt_call"),
        sa.PrimaryKeyConstraint("call", "n", name="pk_attempt"),
    )
    op.create_table(
        "incident_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("incident", sa.Uuid(), nullable=False),
        sa.Column("call", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["call.id"], name="fk_incident_event_call"),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name="fk_incident_event_incident"),
        sa.PrimaryKeyConstraint("id", name="pk_incident_event"),
        sa.UniqueConstraint(
            "incident", "call", "kind", "occurrence", name="uq_incident_event_incident_call_kind_occurrence"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incident_event_call", "incident_event", ["call"])
