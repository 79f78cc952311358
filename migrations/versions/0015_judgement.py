"""How suspect callers were when their calls were opened; which callers cannot speak; and what older steps left out.

What was there already was not judged, and nobody had been asked.

Revision: 0015; follows: 0014
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision: str | None = "0014"
branch_labels: str | None = None
depends_on: str | None = None

_DOCUMENT = sa.text("document IS NOT NULL")
_MARKED = ("call", "incident", "incident_agency", "attempt", "call_ring")


def upgrade() -> None:
    # For a while 0009 made these: a database that went through it then has them.
    if not sa.inspect(op.get_bind()).has_table("judgement"):
        _judge()
    op.create_index(
        "ix_eido_received_with_document",
        "eido_received",
        ["received_at"],
        sqlite_where=_DOCUMENT,
        postgresql_where=_DOCUMENT,
    )
    if op.get_bind().dialect.name == "postgresql":
        # A restore, and whoever else writes with an empty search_path, must find the tables of 0014 too.
        for function in ("mark_figure_day(bigint[])", *(f"mark_figures_of_{table}()" for table in _MARKED)):
            op.execute(f"ALTER FUNCTION {function} SET search_path FROM CURRENT")


def _judge() -> None:
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
