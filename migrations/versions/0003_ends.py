"""Indexes for calls without an end, for the list of calls back, and for lines of the journal that were set aside.

Revision: 0003; follows: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

_RUNNING = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_index("ix_call_number_human_at", "call", ["number", "human_at"])
    op.create_index(
        "ix_call_without_end",
        "call",
        ["node", "opened_at"],
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    op.create_index("ix_journal_reject_at", "journal_reject", ["at"])
