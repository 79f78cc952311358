"""How suspect callers were when their calls were opened; and which callers cannot speak.

What was there already was not judged, and nobody had been asked.

Revision: 0009; follows: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "judgement",
        sa.Column("call", sa.Uuid(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("terms", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("call", name="pk_judgement"),
    )
    op.add_column("call", sa.Column("cannot_speak", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index(
        "ix_call_cannot_speak",
        "call",
        ["opened_at"],
        sqlite_where=sa.text("cannot_speak = 1"),
        postgresql_where=sa.text("cannot_speak"),
    )
