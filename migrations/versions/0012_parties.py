"""Parties of a call, incidents from and to neighbours.

Revision: 0012; follows: 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision: str | None = "0011"
branch_labels: str | None = None
depends_on: str | None = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "eido_received",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident", sa.Uuid(), nullable=False),
        sa.Column("neighbour", sa.Text(), nullable=False),
        sa.Column("external", sa.Text(), nullable=False),
        sa.Column("tail", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.Column("document", _JSON, nullable=True),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name="fk_eido_received_incident"),
        sa.PrimaryKeyConstraint("id", name="pk_eido_received"),
    )
    op.create_index("ix_eido_received_incident_received_at", "eido_received", ["incident", "received_at"])
    op.create_index("ix_eido_received_tail", "eido_received", ["tail"])
    op.create_table(
        "call_handed",
        sa.Column("call", sa.Uuid(), nullable=False),
        sa.Column("trunk", sa.Text(), nullable=False),
        sa.Column("tail", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("incident", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("call", name="pk_call_handed"),
    )
    waiting = sa.text("incident IS NULL")
    op.create_index("ix_call_handed_waiting", "call_handed", ["at"], sqlite_where=waiting, postgresql_where=waiting)
