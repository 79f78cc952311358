"""What figures are asked by: rings, clocks that were set, agencies' remarks, and indexes by time.

Revision: 0006; follows: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

_WHOLE = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "call_ring",
        sa.Column("call", sa.Uuid(), nullable=False),
        sa.Column("at", _WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("call", name="pk_call_ring"),
    )
    op.create_index("ix_call_ring_at", "call_ring", ["at"])
    op.create_table(
        "clock_step",
        sa.Column("id", _WHOLE.with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=True),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("before_at", _WHOLE, nullable=False),
        sa.Column("after_at", _WHOLE, nullable=False),
        sa.Column("by_us", _WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_clock_step"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_clock_step_after_at", "clock_step", ["after_at"])
    op.create_table(
        "agency_remark",
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("said_by", sa.Text(), nullable=False),
        sa.Column("at", _WHOLE, nullable=False),
        sa.Column("version", _WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("agency", "month", name="pk_agency_remark"),
    )
    op.create_index("ix_call_opened_at", "call", ["opened_at"])
    op.create_index("ix_incident_agency_passed_at", "incident_agency", ["passed_at"])
    _partial("ix_attempt_dialled", "attempt", "begun_at", "kind IN ('dial', 'static')")
    _partial("ix_incident_by_hand", "incident", "opened_at", "opening_call IS NULL")


def _partial(name: str, table: str, column: str, where: str) -> None:
    op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))
