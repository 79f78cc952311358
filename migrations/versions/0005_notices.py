"""Notices to agencies.

Revision: 0005; follows: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

_WAITING = sa.text("state IN ('queued', 'sending')")
_DUE = sa.text("due_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident", sa.Uuid(), nullable=False),
        sa.Column("part", sa.Uuid(), nullable=False),
        sa.Column("passed_at", sa.BigInteger(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("give_up_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name="fk_notice_incident"),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
    )
    op.create_index("ix_notice_incident_created_at", "notice", ["incident", "created_at"])
    op.create_index("ix_notice_part_passed_at", "notice", ["part", "passed_at"])
    op.create_index("ix_notice_created_at_id", "notice", ["created_at", "id"])
    op.create_index("ix_notice_state_created_at_id", "notice", ["state", "created_at", "id"])
    op.create_index(
        "ix_notice_waiting", "notice", ["channel", "next_at"], sqlite_where=_WAITING, postgresql_where=_WAITING
    )
    op.create_index("ix_notice_due", "notice", ["due_at"], sqlite_where=_DUE, postgresql_where=_DUE)
    op.create_table(
        "notice_secret",
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("ciphertext", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("agency", "contact", name="pk_notice_secret"),
    )
