"""Recordings, and who saw what.

Revision: 0008; follows: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None

_CALL_WITH_PERSON = sa.text("(number <> '' OR name <> '')")
_INCIDENT_WITH_PERSON = sa.text("(reporter_number <> '' OR reporter_name <> '' OR place <> '' OR description <> '')")
_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "recording",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("call", sa.Uuid(), nullable=False),
        sa.Column("incident", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recording"),
        sa.UniqueConstraint("file", name="uq_recording_file"),
    )
    op.create_index("ix_recording_incident_begun_at", "recording", ["incident", "begun_at"])
    op.create_index("ix_recording_call", "recording", ["call"])
    op.create_index("ix_recording_state_begun_at", "recording", ["state", "begun_at"])
    op.create_table(
        "access_log",
        sa.Column("id", _COUNTED, nullable=False, autoincrement=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_access_log"),
        sa.UniqueConstraint("who", "what", "subject", "slot", name="uq_access_log_who_what_subject_slot"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_access_log_at", "access_log", ["at"])
    op.create_index("ix_access_log_subject_id", "access_log", ["subject", "id"])
    op.create_index("ix_access_log_who_id", "access_log", ["who", "id"])
    for name, table, where in (
        ("ix_call_with_person", "call", _CALL_WITH_PERSON),
        ("ix_incident_with_person", "incident", _INCIDENT_WITH_PERSON),
    ):
        op.create_index(name, table, ["opened_at"], sqlite_where=where, postgresql_where=where)
